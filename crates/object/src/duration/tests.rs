//! Durations, read and written as Go does.

use super::*;

fn check(text: &str, expected: &str) {
    let got = GoDuration::parse(text).map_or_else(|| "none".to_owned(), |d| d.to_string());
    assert_eq!(got, expected, "{text}");
}

#[test]
fn durations_round_as_go_writes_them() {
    for (text, expected) in [
        ("60s", "1m0s"),
        ("1m", "1m0s"),
        ("90m", "1h30m0s"),
        ("1h0m1.5s", "1h0m1.5s"),
        ("1.5h", "1h30m0s"),
        ("250ms", "250ms"),
        ("1500ms", "1.5s"),
        ("1us", "1\u{b5}s"),
        ("1\u{b5}s", "1\u{b5}s"),
        ("999ns", "999ns"),
        ("1.000000001s", "1.000000001s"),
        (".5s", "500ms"),
        ("0", "0s"),
        ("-1m", "-1m0s"),
        ("48h", "48h0m0s"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "1", "s", "1d", "1 m", "-", ".s", "1..5s", "9223372036854775808ns", "10000000h", "1m "] {
        check(text, "none");
    }
}

#[test]
fn the_standard_form_and_back() {
    let d = GoDuration::from_std(std::time::Duration::from_millis(1_234));
    assert_eq!(d.to_string(), "1.234s");
    assert_eq!(d.to_std(), std::time::Duration::from_millis(1_234));
    assert_eq!(GoDuration::from_secs(10).minus(GoDuration::from_secs(30)).to_std(), std::time::Duration::ZERO);
}
