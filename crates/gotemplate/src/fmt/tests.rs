//! What Go's `fmt.Sprintf` gives.

use super::{float, quote, sprint, sprintf, sprintln};
use crate::value::{List, Map, Type, Value};

fn check(format: &str, args: &[Value], expected: &str) {
    assert_eq!(String::from_utf8_lossy(&sprintf(format.as_bytes(), args)), expected, "{format}");
}

#[test]
fn verbs_print_their_types() {
    let (i, f, s) = (Value::Int(42), Value::Float(1.5), Value::str("hi"));
    check(
        "%d|%5d|%-5d|%05d|%+d|% d|%x|%X|%o|%O|%b|%c|%q|%U|%#x|%#o|%#U",
        &vec![i.clone(); 17],
        "42|   42|42   |00042|+42| 42|2a|2A|52|0o52|101010|*|'*'|U+002A|0x2a|052|U+002A '*'",
    );
    check(
        "%f|%e|%g|%G|%.2f|%8.3f|%-8.1f|%08.3f|%+f|%x|%b|%#g|%v",
        &vec![f; 13],
        "1.500000|1.500000e+00|1.5|1.5|1.50|   1.500|1.5     |0001.500|+1.500000|0x1.8p+00|6755399441055744p-52|1.50000|1.5",
    );
    check(
        "%s|%5s|%-5s|%.1s|%q|%x|%X|% x|%#x|%#q|%v|%#v|%T",
        &vec![s; 13],
        "hi|   hi|hi   |h|\"hi\"|6869|6869|68 69|0x6869|`hi`|hi|\"hi\"|string",
    );
    check("%t|%v|%5t", &[true.into(), false.into(), true.into()], "true|false| true");
}

#[test]
fn mistakes_show_in_the_text() {
    check("%d", &[Value::Float(3.0)], "%!d(float64=3)");
    check("%s", &[Value::Int(3)], "%!s(int=3)");
    check("%s %s", &["a".into()], "a %!s(MISSING)");
    check("%s", &["a".into(), "b".into(), Value::Nil], "a%!(EXTRA string=b, <nil>)");
    check("%s|%d", &[Value::Nil, Value::Nil], "%!s(<nil>)|%!d(<nil>)");
    check("%z", &[true.into()], "%!z(bool=true)");
    check("%", &[], "%!(NOVERB)");
    check("%[3]d %[x]d", &[Value::Int(1)], "%!d(BADINDEX) %!d(BADINDEX)");
    check("%*d %.*f", &["x".into(), Value::Int(1), "y".into(), 1.0.into()], "%!(BADWIDTH)1 %!(BADPREC)1.000000");
}

#[test]
fn arguments_are_taken_by_index_and_star() {
    check("%[2]s %[1]s %s", &["a".into(), "b".into()], "b a b");
    check(
        "%*d|%-*d|%.*f|%[2]*[1]d",
        &[Value::Int(5), Value::Int(42), Value::Int(4), Value::Int(7), Value::Int(1), 2.25.into()],
        "   42|7   |2.2|                                         5",
    );
    check("%d%%", &[Value::Int(5)], "5%");
}

#[test]
fn collections_print_their_items_by_the_verb() {
    let list = Value::list(vec![Value::Float(1.0), "a".into(), Value::Nil, Value::list(vec![])]);
    check(
        "%v|%s|%d|%#v",
        &vec![list; 4],
        "[1 a <nil> []]|[%!s(float64=1) a <nil> []]|[%!d(float64=1) %!d(string=a) <nil> []]|[]interface {}{1, \"a\", interface {}(nil), []interface {}{}}",
    );
    let map: Value = Map::from_entries(Type::STRING_MAP, [("b", "2".into()), ("a", "1".into())]).into();
    check(
        "%v|%q|%#v",
        &vec![map; 3],
        "map[a:1 b:2]|map[\"a\":\"1\" \"b\":\"2\"]|map[string]string{\"a\":\"1\", \"b\":\"2\"}",
    );
    check(
        "%v|%#v|%v|%#v",
        &[
            List::nil(Type::LIST).into(),
            List::nil(Type::LIST).into(),
            Map::nil(Type::MAP).into(),
            Map::nil(Type::MAP).into(),
        ],
        "[]|[]interface {}(nil)|map[]|map[string]interface {}(nil)",
    );
    let bytes = Value::Bytes(b"hi\xff"[..].into());
    check(
        "%v|%s|%x|%q|%#v|%T",
        &vec![bytes; 6],
        "[104 105 255]|hi\u{fffd}|6869ff|\"hi\\xff\"|[]byte{0x68, 0x69, 0xff}|[]uint8",
    );
}

#[test]
fn floats_have_the_shortest_digits() {
    for (f, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (100_000.0, "100000"),
        (1_000_000.0, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.000_01, "1e-05"),
        (1e21, "1e+21"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        // Two candidates are equally near: the even one.
        (92_689_231_626_310.62, "9.268923162631062e+13"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(float(f), expected);
    }
    check(
        "%.2f %.0f %.0f %.3g %.10g %.1e",
        &[1.555.into(), 2.5.into(), 3.5.into(), 1234.5.into(), 0.1.into(), 0.25.into()],
        "1.55 2 4 1.23e+03 0.1 2.5e-01",
    );
}

#[test]
fn print_puts_spaces_where_no_string_is() {
    let args = ["a".into(), Value::Int(1), Value::Int(2), "b".into(), "c".into(), true.into(), Value::Nil];
    assert_eq!(String::from_utf8_lossy(&sprint(&args)), "a1 2bctrue <nil>");
    assert_eq!(String::from_utf8_lossy(&sprintln(&args)), "a 1 2 b c true <nil>\n");
}

#[test]
fn quotes_escape_what_does_not_print() {
    assert_eq!(quote("a\"\\\n\t\u{7}\u{1}é漢\u{200b}\u{e000}😀".as_bytes()), r#""a\"\\\n\t\a\x01é漢\u200b\ue000😀""#);
    assert_eq!(quote(b"\xff\xc3("), r#""\xff\xc3(""#);
    check("%+q", &["é😀".into()], r#""\u00e9\U0001f600""#);
}
