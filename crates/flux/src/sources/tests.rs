use super::oci_repository::highest;

#[track_caller]
fn check(tags: &[&str], range: &str, filter: Option<&str>, of_chart: bool, expected: &str) {
    let tags: Vec<String> = tags.iter().map(|t| (*t).to_owned()).collect();
    let found = highest(&tags, range, filter, of_chart).unwrap_or_else(|e| e);
    assert_eq!(found, expected, "{tags:?} {range}");
}

#[test]
fn the_highest_tag_in_a_range_is_chosen() {
    let tags = ["latest", "6.1.4", "6.1.5-rc.1", "6.1.5", "6.1.6-rc.1", "6.2.0", "v6.3.0", "sha256-abc.sig", "6"];
    check(&tags, ">= 6.1.0", None, false, "v6.3.0");
    check(&tags, "6.1.x", None, false, "6.1.5");
    check(&tags, "<= 6.1.6-z", None, false, "6.1.6-rc.1");
    check(&tags, ">= 6.1.0-0", Some(".*-rc.*"), false, "6.1.6-rc.1");
    check(&tags, "> 7", None, false, "no match found for semver: > 7");
    check(&["1.0.0_1", "0.9.0"], "*", None, true, "1.0.0_1");
    check(&["1.0.0_1", "0.9.0"], "*", None, false, "0.9.0");
    check(
        &tags,
        "*",
        Some("[a-"),
        false,
        "semverFilter cannot be read: regex parse error:\n    [a-\n    ^\nerror: unclosed character class",
    );
}
