use super::*;

fn text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "null".into(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Int(i) => i.to_string(),
        Scalar::UInt(u) => format!("{u}u"),
        Scalar::Float(f) => format!("{f:?}f"),
        Scalar::Text => "text".into(),
        Scalar::Time(time) => time.clone(),
    }
}

#[test]
fn plain_scalars_mean_what_both_go_libraries_say() {
    // (text, goyaml.v2, yaml.v3), as printed by the libraries.
    for (input, v2, v3) in [
        ("", "null", "null"),
        ("~", "null", "null"),
        ("Null", "null", "null"),
        ("nUll", "text", "text"),
        ("yes", "true", "text"),
        ("On", "true", "text"),
        ("y", "true", "text"),
        ("N", "false", "text"),
        ("off", "false", "text"),
        ("yEs", "text", "text"),
        ("TRUE", "true", "true"),
        ("tRue", "text", "text"),
        ("0644", "420", "420"),
        ("-0644", "-420", "-420"),
        ("0o17", "15", "15"),
        ("08", "8.0f", "8.0f"),
        ("0x1F", "31", "31"),
        ("0x", "text", "text"),
        ("0b11", "3", "3"),
        ("0b-1", "-1", "-1"),
        ("0o-7", "text", "-7"),
        ("1_000", "1000", "1000"),
        ("_1", "text", "text"),
        ("1_", "1", "1"),
        (".1_0", "0.1f", "0.1f"),
        ("._5", "text", "text"),
        ("-", "text", "text"),
        (".", "text", "text"),
        ("1.", "1.0f", "1.0f"),
        ("+.5", "0.5f", "0.5f"),
        ("1e3", "1000.0f", "1000.0f"),
        ("1e", "text", "text"),
        ("1e999", "text", "text"),
        ("1.2.3", "text", "text"),
        ("9223372036854775808", "9223372036854775808u", "9223372036854775808u"),
        ("-9223372036854775809", "-9.223372036854776e18f", "-9.223372036854776e18f"),
        ("18446744073709551616", "1.8446744073709552e19f", "1.8446744073709552e19f"),
        ("-.INF", "-inff", "-inff"),
        (".nan", "NaNf", "NaNf"),
        ("2020-1-1", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("2020-02-30", "text", "text"),
        ("2020-01-01t1:2:3.50+02:00", "2020-01-01T01:02:03.5+02:00", "2020-01-01T01:02:03.5+02:00"),
        ("2020-01-01 10:00:00", "2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"),
        ("2020-01-01T10:00:00", "text", "text"),
        ("12:30:45", "text", "text"),
        ("<<", "text", "text"),
        ("=", "text", "text"),
    ] {
        let found = [Resolver::V2, Resolver::V3].map(|resolver| text(&scalar(input, resolver, true)));
        assert_eq!(found, [v2, v3], "{input:?}");
    }
}

#[test]
fn numbers_to_the_base_60_are_known() {
    for (input, wanted) in
        [("1:20", true), ("+12:30:45.5_", true), ("1_0:2", true), ("1:60", false), ("1", false), ("a:20", false)]
    {
        assert_eq!(is_base_60(input), wanted, "{input}");
    }
}
