//! Versions and ranges, expected values as Masterminds' semver v3.4 gives them.

use super::*;

#[test]
fn versions_are_strict_but_for_a_leading_v() {
    for good in ["1.2.3", "v1.2.3", "0.0.0", "1.2.3-rc.1", "1.2.3+build.5", "1.2.3-a-b+c-d"] {
        assert_eq!(Version::parse(good).unwrap().original(), good);
    }
    for refused in
        ["1.2", "v1", "1.2.3.4", "01.2.3", "1.2.x", "V1.2.3", "release-1.2.3", "1.2.3-", "1.2.3-01", "", "1.2.3 "]
    {
        assert_eq!(Version::parse(refused), None, "{refused:?}");
    }
}

#[test]
fn precedence_follows_semver() {
    let order = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.10.0",
    ];
    for pair in order.windows(2) {
        let (a, b) = (Version::parse(pair[0]).unwrap(), Version::parse(pair[1]).unwrap());
        assert_eq!(a.compare(&b), Ordering::Less, "{a} < {b}");
    }
}

#[test]
fn ranges_hold_as_in_masterminds() {
    let check = |range: &str, version: &str, expected: bool| {
        let range_read = Range::parse(range).unwrap();
        assert_eq!(range_read.contains(&Version::parse(version).unwrap()), expected, "{range} {version}");
    };
    check("*", "1.2.3", true);
    check("", "1.2.3", true);
    check("*", "1.2.3-beta", false);
    check("=1.2.3", "1.2.3", true);
    check("1.2.3", "1.2.4", false);
    check("1.2", "1.2.9", true);
    check("1", "1.9.9", true);
    check("1.x", "2.0.0", false);
    check("!=1.2.3", "1.2.3", false);
    check("!=1.x", "1.4.0", false);
    check("!=1.x", "2.4.0", true);
    check("!=1.2.x", "1.3.0", true);
    check(">1.2", "1.2.9", false);
    check(">1.2", "1.3.0", true);
    check(">11", "11.1.0", false);
    check(">11", "12.0.0", true);
    check(">=1.2.3", "1.2.3", true);
    check("=>1.2.3", "1.2.2", false);
    check("<=11", "11.9.9", true);
    check("<=11.1", "11.2.0", false);
    check("=<1.2.3", "1.2.3", true);
    check("<2", "1.9.9", true);
    check("~1.2.3", "1.2.9", true);
    check("~1.2.3", "1.3.0", false);
    check("~>1.2", "1.2.5", true);
    check("~1", "1.9.0", true);
    check("^1.2.3", "1.9.9", true);
    check("^1.2.3", "2.0.0", false);
    check("^0.2.3", "0.2.9", true);
    check("^0.2.3", "0.3.0", false);
    check("^0.0.3", "0.0.4", false);
    check("^0.0", "0.0.7", true);
    check("^0", "0.9.0", true);
    check("1.2 - 1.4.5", "1.4.5", true);
    check("1.2 - 1.4.5", "1.4.6", false);
    check("1.2 - 1.4.5", "1.1.9", false);
    check(">=1.0.0 <2.0.0", "1.5.0", true);
    check(">=1.0.0, <2.0.0", "2.0.0", false);
    check(">= 1.0.0,< 2.0.0", "1.0.0", true);
    check("<1.0.0 || >=2.0.0", "1.5.0", false);
    check("<1.0.0 || >=2.0.0", "2.5.0", true);
    check(">=1.0.0", "1.2.0-beta", false);
    check(">=1.0.0-0", "1.2.0-beta", true);
    check("^2.0.0-0", "2.1.0-rc1", true);
    check(">=1.0.0-0 <2.0.0", "1.5.0-rc.1", true);
    check("~1.2.3-beta.2", "1.2.3-beta.4", true);
    check("v1.2.x", "v1.2.3", true);
    check(">=1.2.3", "1.2.3+build", true);
}

#[test]
fn improper_ranges_are_refused() {
    for text in ["foo", ">=1.2.3.4", ">=", "1.0.0,", ">=a.b", "1.0 -2"] {
        assert!(Range::parse(text).unwrap_err().starts_with("improper constraint: "), "{text}");
    }
}

#[test]
fn the_highest_version_wins_and_ties_are_broken() {
    let pick = |range: &str, tags: &[&str]| {
        let versions = tags.iter().filter_map(|tag| Version::parse(tag));
        Range::parse(range).unwrap().highest(versions, |v| v.build.clone()).map(|v| v.original().to_owned())
    };
    assert_eq!(pick(">=1.0.0", &["v1.9.0", "v1.10.0", "latest", "v2.0.0-rc.1"]), Some("v1.10.0".to_owned()));
    assert_eq!(pick("1.0.x", &["1.0.0+1", "1.0.0+2"]), Some("1.0.0+2".to_owned()));
    assert_eq!(pick(">3", &["1.0.0"]), None);
}
