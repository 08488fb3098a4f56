//! Versions and constraints, expected values as Masterminds' semver v3.5 gives them.

use super::*;
use std::cmp::Ordering;

/// Reads `text` in the three ways and shows each result, or its error.
fn check_version(text: &str, strict: &str, coerced: &str, tag: &str) {
    let shown = |read: Result<Version, VersionError>| match read {
        Ok(version) => format!("{version} from {}", version.original()),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown(Version::strict(text)), strict, "strict {text:?}");
    assert_eq!(shown(Version::coerced(text)), coerced, "coerced {text:?}");
    assert_eq!(shown(Version::tag(text)), tag, "tag {text:?}");
}

#[test]
fn a_version_is_read_strictly_leniently_or_as_a_tag() {
    const INVALID: &str = "invalid semantic version";
    const CHARACTERS: &str = "invalid characters in version";
    const ZERO: &str = "version segment starts with 0";
    let same = |text: &str| {
        let full = format!("{text} from {text}");
        check_version(text, &full, &full, &full);
    };
    for text in ["1.2.3", "0.0.0", "1.2.3-rc.1", "1.2.3+build.5", "1.2.3-a-b+c-d", "1.2.3--", "1.2.3-0a"] {
        same(text);
    }
    check_version("v1.2.3-rc.1+b", CHARACTERS, "1.2.3-rc.1+b from v1.2.3-rc.1+b", "1.2.3-rc.1+b from v1.2.3-rc.1+b");
    check_version("", "version string empty", INVALID, "version string empty");
    check_version("v1", INVALID, "1.0.0 from v1", INVALID);
    check_version("1.2", INVALID, "1.2.0 from 1.2", INVALID);
    check_version("1-beta", INVALID, "1.0.0-beta from 1-beta", INVALID);
    check_version("01.2.3", ZERO, "1.2.3 from 01.2.3", ZERO);
    check_version("1.2.3-01", ZERO, ZERO, ZERO);
    check_version("1.2.x", CHARACTERS, INVALID, CHARACTERS);
    check_version("V1.2.3", CHARACTERS, INVALID, CHARACTERS);
    check_version("1.2.3.4", CHARACTERS, INVALID, CHARACTERS);
    check_version("1.2.3 ", CHARACTERS, INVALID, CHARACTERS);
    check_version("1.2.3-", "invalid prerelease string", INVALID, "invalid prerelease string");
    check_version("1.2.3+a_b", "invalid metadata string", INVALID, "invalid metadata string");
    let long = format!("1.2.{}", "3".repeat(300));
    let text = "version string is too long (max 256 bytes)";
    check_version(&long, text, text, text);
    let range = "strconv.ParseUint: parsing \"99999999999999999999\": value out of range";
    check_version("99999999999999999999.1.1", range, &format!("error parsing version segment: {range}"), range);
    let syntax = "strconv.ParseUint: parsing \"\": invalid syntax";
    check_version("1..2", syntax, INVALID, syntax);
}

#[test]
fn an_incremented_version_keeps_its_v_and_loses_its_tail() {
    let check = |text: &str, expected: [&str; 3]| {
        let version = Version::coerced(text).unwrap();
        let next = [version.increment_major(), version.increment_minor(), version.increment_patch()];
        assert_eq!(next.map(|v| v.unwrap().original().to_owned()), expected, "{text}");
    };
    check("1.2.3", ["2.0.0", "1.3.0", "1.2.4"]);
    check("v1.2.3-rc.1+b", ["v2.0.0", "v1.3.0", "v1.2.3"]);
    assert_eq!(Version::new(1, 2, u64::MAX, "", "").increment_patch(), None);
    let version = Version::coerced("v1.2").unwrap();
    assert_eq!(version.with_prerelease("rc.1").unwrap().original(), "v1.2.0-rc.1");
    assert_eq!(version.with_metadata("b_c"), Err(VersionError::Metadata));
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
        let (a, b) = (Version::coerced(pair[0]).unwrap(), Version::coerced(pair[1]).unwrap());
        assert_eq!(a.compare(&b), Ordering::Less, "{a} < {b}");
    }
}

#[test]
fn constraints_hold_as_in_masterminds() {
    let check = |range: &str, version: &str, expected: bool| {
        let constraints = Constraints::parse(range).unwrap();
        assert_eq!(constraints.check(&Version::coerced(version).unwrap()), expected, "{range} {version}");
    };
    check("*", "1.2.3", true);
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
    check(">=1.27", "1.27.3-gke.100", false);
    check(">=1.27-0", "1.27.3-gke.100", true);
    check("=1.x-0", "1.4.0-rc.1", true);
    check("1.2.3 1.2.4", "1.2.3", false);
    check("~1.2 !=1.2.5", "1.2.6", true);
    check("1.2.3 - 1.4.5 || 3", "3.9.9", true);
    check("<*", "0.0.0", false);
    check("<=*", "0.0.5", true);
    check("<=*", "0.1.0", false);
    check("!=*", "0.0.0", false);
}

#[test]
fn improper_constraints_are_refused() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Constraints::parse(text).unwrap_err().to_string(), expected, "{text:?}");
    };
    check("foo", r#"improper constraint: "foo""#);
    check("", r#"improper constraint: """#);
    check("1 || ", r#"improper constraint: " ""#);
    check(">=1.2.3.4", r#"improper constraint: ">=1.2.3.4""#);
    check(">=", r#"improper constraint: ">=""#);
    check("1.0.0,", r#"improper constraint: "1.0.0,""#);
    check("1.0 -2", r#"improper constraint: "1.0 -2""#);
    check("\"1\"\u{1}", r#"improper constraint: "\"1\"\x01""#);
    check("1x", "constraint parser error");
    check("1|2", "constraint parser error");
    check("=1.2.3-01", "constraint parser error");
    check(&">1 ".repeat(200), "constraint string is too long (max 512 bytes)");
    check(&"1||".repeat(40), "too many constraint groups (max 32)");
}

#[test]
fn reasons_are_those_of_masterminds() {
    let check = |constraints: &str, version: &str, expected: &[&str]| {
        let read = Constraints::parse(constraints).unwrap();
        let reasons = read.validate(&Version::coerced(version).unwrap()).unwrap_err();
        assert_eq!(reasons.iter().map(Reason::to_string).collect::<Vec<_>>(), expected, "{constraints} {version}");
    };
    const PRE: &str = r#""1.0.0-a" is a prerelease version and the constraint is only looking for release versions"#;
    check(">1 <2 || 3", "1.0.0-a", &[PRE]);
    check("1.2.3", "v2.0", &[r#""2.0.0" is not equal to "1.2.3""#]);
    check("!=1.x", "1.4.0", &[r#""1.4.0" is equal to "1.x""#]);
    check(
        ">1.2 <1.1",
        "1.2.9",
        &[r#""1.2.9" is less than or equal to "1.2""#, r#""1.2.9" is greater than or equal to "1.1""#],
    );
    check(">=2 || <=1.1", "1.2.9", &[r#""1.2.9" is less than "2""#, r#""1.2.9" is greater than "1.1""#]);
    check("~1.2", "1.3.0", &[r#""1.3.0" does not have same major and minor version as "1.2""#]);
    check("~1.2", "2.3.0", &[r#""2.3.0" does not have same major version as "1.2""#]);
    check(
        "^0.2",
        "0.3.0",
        &[concat!(
            r#""0.3.0" does not have same minor version as "0.2". "#,
            "Expected minor versions to match when constraint major version is 0"
        )],
    );
    check("^0.0.3", "0.1.0", &[r#""0.1.0" does not have same minor version as "0.0.3""#]);
    check(
        "^0.0.3",
        "0.0.4",
        &[concat!(
            r#""0.0.4" does not equal "0.0.3". "#,
            "Expect version and constraint to equal when major and minor versions are 0"
        )],
    );
}

#[test]
fn constraints_print_as_they_are_understood() {
    let check = |text: &str, expected: &str| assert_eq!(Constraints::parse(text).unwrap().to_string(), expected);
    check(" >= 1.2.3 ,  < 2 || ~> 3.x", ">=1.2.3 <2 || ~>3.x");
    check("1.2 - 2.3", ">=1.2 <=2.3");
}

#[test]
fn the_highest_version_wins_and_ties_are_broken() {
    let pick = |range: &str, tags: &[&str]| {
        let versions = tags.iter().filter_map(|tag| Version::tag(tag).ok());
        Constraints::parse(range)
            .unwrap()
            .highest(versions, |v| v.metadata().to_owned())
            .map(|v| v.original().to_owned())
    };
    assert_eq!(pick(">=1.0.0", &["v1.9.0", "v1.10.0", "latest", "v2.0.0-rc.1"]), Some("v1.10.0".to_owned()));
    assert_eq!(pick("1.0.x", &["1.0.0+1", "1.0.0+2"]), Some("1.0.0+2".to_owned()));
    assert_eq!(pick(">3", &["1.0.0"]), None);
}
