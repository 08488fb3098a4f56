//! Small templates that ask for much get an error, at once.

use super::*;

fn check_limit(text: &str, says: &str) {
    let limits = Limits { output_bytes: 1 << 20, made_bytes: 8 << 20, steps: 1_000_000, ..Limits::default() };
    match execute(&functions(), text, limits) {
        Ok(out) => panic!("{text} gives {} bytes", out.len()),
        Err(error) => {
            assert!(error.is_limit(), "{text}: {error}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}

#[test]
fn no_value_is_larger_than_what_may_be_written() {
    for text in [
        r#"{{ repeat 2000000000 "abcdefgh" }}"#,
        r#"{{ repeat 9223372036854775807 "abcdefgh" }}"#,
        "{{ until 2000000000 }}",
        "{{ until -9223372036854775807 }}",
        "{{ untilStep -9223372036854775807 9223372036854775807 1 }}",
        "{{ seq 1 1 9000000000 }}",
        r#"{{ indent 2000000000 "a\nb" }}"#,
        r#"{{ nindent 600000 "a\nb" }}"#,
        "{{ randBytes 9000000000 }}",
        "{{ randAlphaNum 9000000000 }}",
        r#"{{ replace "" (repeat 2000 "b") (repeat 2000 "a") }}"#,
        r#"{{ join (repeat 20000 "-") (until 100) }}"#,
        r#"{{ wrapWith 1 (repeat 2000 "-") (repeat 2000 "a") }}"#,
        r#"{{ splitList "" (repeat 200000 "a") }}"#,
        r#"{{ regexFindAll "" (repeat 200000 "a") -1 }}"#,
        r#"{{ regexReplaceAll "a" (repeat 2000 "a") (repeat 2000 "b") }}"#,
    ] {
        check_limit(text, "larger than the limit of 1048576");
    }
}

#[test]
fn many_values_together_are_limited() {
    check_limit(
        r#"{{ range until 100 }}{{ $_ := repeat 1000000 "a" }}{{ end }}"#,
        "functions make more than 8388608 bytes",
    );
    check_limit(
        r#"{{ $l := until 10000 }}{{ range until 1000 }}{{ $_ := deepCopy $l }}{{ end }}"#,
        "functions make more",
    );
}

#[test]
fn values_that_hold_themselves_end_every_walk() {
    let cyclic = |call: &str| format!(r#"{{{{ $d := dict }}}}{{{{ $_ := set $d "d" $d }}}}{{{{ {call} }}}}"#);
    for call in ["toJson $d", "toPrettyJson $d", "mustToRawJson $d", "deepCopy $d", "merge $d $d"] {
        check_limit(&cyclic(call), "nested deeper than 500 levels");
    }
    let twins =
        r#"{{ $a := dict }}{{ $_ := set $a "d" $a }}{{ $b := dict }}{{ $_ := set $b "d" $b }}{{ deepEqual $a $b }}"#;
    check_limit(twins, "takes more than 1000000 steps");
}

#[test]
fn what_is_shared_a_thousand_times_is_not_compared_as_often() {
    let doubled =
        "{{ $a := list 1 }}{{ $b := list 1 }}{{ range until 40 }}{{ $a = list $a $a }}{{ $b = list $b $b }}{{ end }}";
    check_limit(&format!("{doubled}{{{{ deepEqual $a $b }}}}"), "steps");
    check_limit(&format!("{doubled}{{{{ has $a (list $b) }}}}"), "steps");
    check_limit(&format!("{doubled}{{{{ deepCopy $a }}}}"), "functions make more");
}

#[test]
fn expressions_that_are_too_large_are_refused() {
    check(r#"{{ regexMatch "((a{100}){10}){2}" "" }}"#, "false");
    check(r#"{{ mustRegexMatch "(a{1000}){2}" "" }}"#, "error: error parsing regexp: invalid repeat count: `{2}`");
    let large = r#"{{ mustRegexMatch (repeat 400 "[\\pL]{1000}") "" }}"#;
    assert!(run(large).contains("error parsing regexp: expression too large: `"), "{}", run(large));
    let deep = r#"{{ mustRegexMatch (printf "%sa%s" (repeat 100000 "(") (repeat 100000 ")")) "" }}"#;
    assert!(run(deep).contains("error parsing regexp: expression that is not supported here: `"), "{}", run(deep));
    check(r#"{{ mustFromJson (repeat 100000 "[") }}"#, "error: exceeded max depth");
}
