use super::{Glob, PathPattern};

fn check_path(pattern: &str, name: &str, expected: bool) {
    let found = PathPattern::parse(pattern).is_some_and(|p| p.matches(name));
    assert_eq!(found, expected, "{pattern} on {name}");
}

fn check_glob(pattern: &str, name: &str, expected: bool) {
    let found = Glob::parse(pattern).is_some_and(|p| p.matches(name));
    assert_eq!(found, expected, "{pattern} on {name}");
}

#[test]
fn path_patterns_match_as_go_has_them() {
    for (pattern, name, expected) in [
        ("abc", "abc", true),
        ("*c", "abc", true),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("ab[c]", "abc", true),
        ("ab[^b-d]", "abc", false),
        ("a\\*b", "a*b", true),
        ("*x", "xxx", true),
        ("*", "a/b", false),
        ("", "", true),
        ("a?", "a", false),
    ] {
        check_path(pattern, name, expected);
    }
    assert!(["[]a]", "[-]", "[x-]", "a[", "[^", "\\"].iter().all(|p| PathPattern::parse(p).is_none()));
}

#[test]
fn globs_match_as_gobwas_has_them() {
    for (pattern, name, expected) in [
        ("conf/*", "conf/a.txt", true),
        ("conf/*", "conf/x/a.txt", false),
        ("conf/**", "conf/x/a.txt", true),
        ("**.yaml", "a/b.yaml", true),
        ("*.{yaml,yml}", "b.yml", true),
        ("{a,{b,c}d}/x", "cd/x", true),
        ("f?o", "f/o", false),
        ("[!a]b", "xb", true),
        ("[a-c]b", "db", false),
        ("a,b}", "a,b}", true),
        ("\\*", "*", true),
        ("a**b**c**d**e", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ] {
        check_glob(pattern, name, expected);
    }
    assert!(["[", "{a", "[b-a]", "a\\"].iter().all(|p| Glob::parse(p).is_none()));
}
