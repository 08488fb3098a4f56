//! Durations as Go writes and reads them.

use std::time::Duration;

use crate::duration::{format, parse};

#[test]
fn durations_read_and_write_as_in_go() {
    let cases: &[(&str, u64, &str)] = &[
        ("0", 0, "0s"),
        ("0s", 0, "0s"),
        ("1ns", 1, "1ns"),
        ("1100ns", 1_100, "1.1\u{b5}s"),
        ("1.5us", 1_500, "1.5\u{b5}s"),
        ("2\u{3bc}s", 2_000, "2\u{b5}s"),
        ("20ms", 20_000_000, "20ms"),
        ("2200us", 2_200_000, "2.2ms"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("+5s", 5_000_000_000, "5s"),
        (".5s", 500_000_000, "500ms"),
        ("1.s", 1_000_000_000, "1s"),
        ("60s", 60_000_000_000, "1m0s"),
        ("1m30s", 90_000_000_000, "1m30s"),
        ("10m", 600_000_000_000, "10m0s"),
        ("1h", 3_600_000_000_000, "1h0m0s"),
        ("1.5h", 5_400_000_000_000, "1h30m0s"),
        ("39h9m14.425s", 140_954_425_000_000, "39h9m14.425s"),
        ("1s1s", 2_000_000_000, "2s"),
        ("0.3333333333333333333h", 1_200_000_000_000 - 1, "19m59.999999999s"),
        ("9223372036854775807ns", 9_223_372_036_854_775_807, "2562047h47m16.854775807s"),
    ];
    for (text, nanos, written) in cases {
        let read = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(read.as_nanos(), u128::from(*nanos), "{text}");
        assert_eq!(format(read), *written, "{text}");
        assert_eq!(parse(written), Ok(read));
    }
}

#[test]
fn what_is_no_duration_is_refused_in_gos_words() {
    for (text, message) in [
        ("", r#"time: invalid duration """#),
        ("3", r#"time: missing unit in duration "3""#),
        ("s", r#"time: invalid duration "s""#),
        (".s", r#"time: invalid duration ".s""#),
        ("-", r#"time: invalid duration "-""#),
        ("1d", r#"time: unknown unit "d" in duration "1d""#),
        ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
        ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
        (
            "99999999999999999999999999999999999999999h",
            r#"time: invalid duration "99999999999999999999999999999999999999999h""#,
        ),
        ("-5s", r#"duration "-5s" is negative"#),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }
    assert_eq!(parse("-0s"), Ok(Duration::ZERO));
}
