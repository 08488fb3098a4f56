use super::*;
use crate::manifests::tests::{app, files, source};

fn check(text: &str, expected: &str) {
    let source = source("{path: apps/web, targetRevision: main}");
    let environment = Environment::new(&source, &files(&[]), &app(), true);
    assert_eq!(environment.substitute(text), expected, "{text}");
}

#[test]
fn variables_are_put_in_as_go_expands_them() {
    for (text, expected) in [
        ("no variable", "no variable"),
        ("$ARGOCD_APP_NAME", "team_shop"),
        ("a-${ARGOCD_APP_NAMESPACE}b", "a-prodb"),
        ("$ARGOCD_APP_PROJECT_NAME/$ARGOCD_APP_SOURCE_PATH", "default/apps/web"),
        ("$ARGOCD_APP_REVISION", "0123456789abcdef0123456789abcdef01234567"),
        ("$ARGOCD_APP_REVISION_SHORT $ARGOCD_APP_REVISION_SHORT_8", "0123456 01234567"),
        ("$ARGOCD_APP_SOURCE_REPO_URL@$ARGOCD_APP_SOURCE_TARGET_REVISION", "https://example.com/repo.git@main"),
        ("$$ARGOCD_APP_NAME", "$ARGOCD_APP_NAME"),
        ("$UNKNOWN|${UNKNOWN}|", "||"),
        ("$1|$-|${#}|", "|||"),
        ("${}|", "|"),
        ("${open", "open"),
        ("$ end", "$ end"),
        ("end $", "end $"),
        ("$ä", "$ä"),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_render_that_uses_the_revision_says_so() {
    let unkeyed = || Environment::new(&source("path: x"), &files(&[]), &app(), false);
    let environment = unkeyed();
    environment.substitute("$ARGOCD_APP_NAME");
    assert!(!environment.has_used_unkeyed());
    environment.substitute("${ARGOCD_APP_REVISION_SHORT_8}");
    assert!(environment.has_used_unkeyed());
}
