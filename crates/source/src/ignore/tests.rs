//! Patterns against paths, expected values as go-git 5 gives them.

use super::*;

fn left_out(patterns: &[Pattern], path: &str) -> bool {
    let (path, is_dir) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
    let segments: Vec<&str> = path.split('/').collect();
    patterns.iter().rev().find_map(|pattern| pattern.verdict(&segments, is_dir)).unwrap_or(false)
}

/// Paths that are left out and paths that are kept; a trailing slash marks a directory.
fn check(patterns: &str, out: &[&str], kept: &[&str]) {
    let patterns = parse_patterns(patterns);
    for path in out {
        assert!(left_out(&patterns, path), "{path} is left out by {patterns:?}");
    }
    for path in kept {
        assert!(!left_out(&patterns, path), "{path} is kept by {patterns:?}");
    }
}

#[test]
fn patterns_match_as_in_go_git() {
    check("*.txt", &["a.txt", "d/a.txt", "x.txt/y"], &["a.md", "txt"]);
    check("# comment\n\n  \n\\#x", &["#x"], &["# comment", "x"]);
    check("dir/", &["dir/", "dir/a", "x/dir/", "x/dir/y"], &["dir", "x/dir"]);
    check("/a", &["a", "a/b", "a/"], &["x/a"]);
    check("a/b", &["a/b", "a/b/c"], &["x/a/b", "a"]);
    check("**/b", &["b", "a/b", "x/y/b/z"], &["a/c"]);
    // go-git takes the directory itself for a match too; Git does not.
    check("a/**", &["a/b", "a/b/c", "a/", "a"], &["b"]);
    check("a/**/z", &["a/z", "a/b/c/z"], &["a/b", "z"]);
    check("a/**/z/", &["a/b/z/", "a/b/z/q"], &["a/b/z"]);
    check("/*\n!/deploy", &["readme", "src/x", "src/"], &["deploy/", "deploy/x/y.yaml"]);
    check("*.yaml\n!keep.yaml", &["a.yaml", "d/b.yaml"], &["keep.yaml", "d/keep.yaml"]);
    check("file[0-9].tx?", &["file1.txt"], &["filea.txt", "file1.t"]);
    check("f[^a]", &["fb"], &["fa", "f"]);
    check("f\\*", &["f*"], &["fa"]);
    check("trailing   ", &["trailing"], &["trailing   "]);
    check("f[", &[], &["f[", "f"]);
    check("a**b/c", &[], &["axb/c"]);
    check("*ü", &["aü", "ü"], &["u"]);
    check("crlf\r\n*.md\r", &["crlf"], &["x"]);
    check("*a*b*c", &["xaxbxc", "abc"], &["acb"]);
}

#[test]
fn flux_defaults_leave_out_what_is_no_manifest() {
    let mut patterns = vcs_patterns();
    patterns.extend(default_patterns());
    for path in [
        ".git/",
        ".git/HEAD",
        ".gitignore",
        "a/.gitmodules",
        "logo.png",
        "d/x.tar.gz",
        ".github/w.yml",
        ".travis.yml",
        "a/.sops.yaml",
        ".flux.yaml",
        ".goreleaser.yml",
    ] {
        assert!(left_out(&patterns, path), "{path}");
    }
    for path in ["a.yaml", ".git", "git/x", ".sourceignore", "chart.tgz", "x.gz", ".github"] {
        assert!(!left_out(&patterns, path), "{path}");
    }
}
