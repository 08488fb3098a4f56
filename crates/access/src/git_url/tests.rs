use super::{is_ssh, normalize_git_url, same_git_url};

/// What Argo CD's own tests of the function say.
#[test]
fn addresses_in_the_form_in_which_they_are_compared() {
    for (address, expected) in [
        ("https://GitHub.com/Argoproj/argo-cd.git", "https://github.com/argoproj/argo-cd"),
        ("  https://github.com/a/b ", "https://github.com/a/b"),
        ("git@github.com:argoproj/test.git", "git@github.com/argoproj/test"),
        ("ssh://git@github.com/argoproj/test.git", "git@github.com/argoproj/test"),
        ("ssh://git@host:2222/a/b", "git@host:2222/a/b"),
        ("ssh://git@GITHUB.com:argoproj/test", ""),
        ("https://user@host/a", "https://user@host/a"),
        ("https://github.com/a/*", "https://github.com/a/*"),
        ("https://github.com/{a,b}/c", "https://github.com/%7Ba,b%7D/c"),
        ("*", "*"),
        ("**", "**"),
        ("oci://ghcr.io/a/b", "oci://ghcr.io/a/b"),
        ("registry.example.com/charts", "registry.example.com/charts"),
        ("https://bad host/a", ""),
        ("https://host:x/a", ""),
        ("https://host/%zz", ""),
        ("", ""),
    ] {
        assert_eq!(normalize_git_url(address), expected, "{address}");
    }
}

#[test]
fn one_repository_has_many_addresses() {
    assert!(same_git_url("git@github.com:a/b.git", "ssh://git@github.com/a/b"));
    assert!(!same_git_url("https://github.com/a/b", "https://github.com/a/c"));
    assert!(is_ssh("git@github.com:a/b") && is_ssh("ssh://git@h/a") && !is_ssh("https://u@h/a"));
}
