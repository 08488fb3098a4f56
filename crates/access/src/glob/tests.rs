use super::{Glob, NameList};

fn check(glob: crate::Result<Glob>, yes: &[&str], no: &[&str]) {
    let glob = glob.expect("a glob");
    for text in yes {
        assert!(glob.matches(text), "{glob:?} should match {text:?}");
    }
    for text in no {
        assert!(!glob.matches(text), "{glob:?} should not match {text:?}");
    }
}

#[test]
fn a_star_without_separator_crosses_slashes() {
    check(Glob::new("*"), &["", "a", "a/b"], &[]);
    check(Glob::new("*/*"), &["a/b", "a/b/c", "/"], &["a", ""]);
    check(Glob::new("proj/*"), &["proj/a", "proj/ns/a", "proj/"], &["project/a", "proj"]);
    check(Glob::new("action/*/Deployment/*"), &["action/apps/Deployment/restart"], &["action/apps/Pod/restart"]);
    check(Glob::new("a*b*c"), &["abc", "aXbYc", "abbc"], &["ab", "acb", "abcd"]);
    check(Glob::new("aa*aa"), &["aaaa", "aaXaa"], &["aaa", "aa"]);
}

#[test]
fn a_star_with_separator_stops_and_two_stars_do_not() {
    let glob = |pattern| Glob::with_separator(pattern, '/');
    check(
        glob("https://github.com/argoproj/*"),
        &["https://github.com/argoproj/x"],
        &["https://github.com/argoproj/x/y"],
    );
    check(glob("https://gitlab.com/group/**"), &["https://gitlab.com/group/a/b/c"], &["https://gitlab.com/other/a"]);
    check(glob("*/b"), &["a/b", "/b"], &["a/a/b"]);
    check(glob("a?c"), &["abc"], &["a/c", "ac"]);
    check(glob("**/x*"), &["a/b/xy", "/x"], &["a/b/y", "a/x/y"]);
}

#[test]
fn classes_alternatives_and_escapes() {
    check(Glob::new("{dev,staging}-*"), &["dev-a", "staging-"], &["prod-a", "dev"]);
    check(Glob::new("a{b,c{d,e},}f"), &["abf", "acdf", "acef", "af"], &["acf", "abcdf"]);
    check(Glob::new("[abc]x"), &["ax", "cx"], &["dx", "x"]);
    check(Glob::new("[!a-c]x"), &["dx"], &["ax", "x"]);
    check(Glob::new("[^a]"), &["^", "a"], &["b"]);
    check(Glob::new("a\\*b"), &["a*b"], &["axb"]);
    check(Glob::new("a,b}]"), &["a,b}]"], &["a"]);
    check(Glob::new("{a,b"), &["a", "b"], &["{a,b"]);
    check(Glob::new("x\\"), &["x"], &["x\\"]);
    check(Glob::new("{*,a}c"), &["c", "xc", "ac"], &["cd"]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for pattern in ["[", "[]", "[a", "[a-", "[b-a]", "[a-bc]", "[!]"] {
        assert!(Glob::new(pattern).is_err(), "{pattern}");
    }
    for pattern in ["[", "[]", "[a", "[a-]", "[-a]", "[^]", "\\", "[a-c-e]"] {
        assert!(Glob::of_path(pattern).is_err(), "{pattern}");
    }
    assert!(Glob::new(&"{".repeat(40)).is_err());
    assert!(Glob::new(&"a".repeat(5000)).is_err());
}

#[test]
fn paths_match_as_in_go() {
    check(Glob::of_path("*"), &["Deployment", ""], &["a/b"]);
    check(Glob::of_path("*.example.com"), &["a.example.com"], &["example.com"]);
    check(Glob::of_path("[^a]x"), &["bx", "/x"], &["ax"]);
    check(Glob::of_path("[a-cx]"), &["b", "x"], &["d"]);
    check(Glob::of_path("[b-a]"), &[], &["a", "b"]);
    check(Glob::of_path("{a,b}"), &["{a,b}"], &["a"]);
    check(Glob::of_path("a\\*"), &["a*"], &["ab"]);
}

/// RES: patterns of strangers must not take long on texts of strangers.
#[test]
fn a_pattern_made_to_backtrack_takes_linear_steps() {
    let text = "a".repeat(4000);
    let pattern = format!("{}b", "a*".repeat(1000));
    assert!(!Glob::new(&pattern).expect("a glob").matches(&text));
    let pattern = format!("{}b", "{a,a}*".repeat(300));
    assert!(!Glob::with_separator(&pattern, '/').expect("a glob").matches(&text[..1000]));
}

#[test]
fn names_by_glob_and_expression() {
    let (list, warnings) = NameList::new(["argocd", "team-*", "/^dev-\\d+$/", "/(/"]);
    for (name, expected) in
        [("argocd", true), ("team-a", true), ("dev-12", true), ("dev-x", false), ("other", false), ("xdev-1", false)]
    {
        assert_eq!(list.matches(name), expected, "{name}");
    }
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("\"/(/\" matches nothing"), "{warnings:?}");
}

/// The handbook's way of naming all namespaces but one.
#[test]
fn names_without_a_word() {
    let (list, warnings) = NameList::new(["/^((?!disallowed).)*$/"]);
    assert!(warnings.is_empty());
    assert!(list.matches("allowed-1") && !list.matches("a-disallowed-b"));
    let (list, _) = NameList::new(["/^(?!kube-).*$/"]);
    assert!(list.matches("team") && list.matches("my-kube-x") && !list.matches("kube-system"));
}
