//! What functions do to what they are given, and what comes of several of them together.

use super::*;

#[test]
fn set_and_unset_change_the_map_that_all_see() {
    check(
        r#"{{ $d := dict "a" 1 }}{{ $e := $d }}{{ $_ := set $d "b" 2 }}{{ $_ := unset $e "a" }}{{ $d }}"#,
        "map[b:2]",
    );
    check(r#"{{ $_ := set .Values.m "new" true }}{{ .Values.m.new }}"#, "true");
}

#[test]
fn merged_maps_share_what_is_below() {
    check(
        r#"{{ $a := dict "x" (dict "y" 1) }}{{ $b := merge dict $a }}{{ $_ := set $b.x "y" 2 }}{{ $a }}"#,
        "map[x:map[y:2]]",
    );
    check(
        r#"{{ $a := dict "x" (dict "y" 1) }}{{ $b := deepCopy $a }}{{ $_ := set $b.x "y" 2 }}{{ $a }}"#,
        "map[x:map[y:1]]",
    );
    check(r#"{{ $a := dict "l" (list 1) }}{{ $b := merge dict $a }}{{ $_ := set $b "l" 2 }}{{ $a }}"#, "map[l:[1]]");
}

#[test]
fn merge_fills_what_is_empty_and_overwriting_takes_even_that() {
    let filled =
        r#"{{ merge (dict "s" "" "n" 0 "f" false "x" nil "k" 1) (dict "s" "a" "n" 1 "f" true "x" "b" "k" 2) }}"#;
    check(filled, "map[f:true k:1 n:1 s:a x:b]");
    check(r#"{{ mergeOverwrite (dict "s" "a" "n" 1 "x" 2) (dict "s" "" "n" 0 "x" nil) }}"#, "map[n:0 s: x:<nil>]");
    check(r#"{{ merge (dict "a" dict) (dict "a" (dict "x" 1)) (dict "a" (dict "y" 2)) }}"#, "map[a:map[x:1 y:2]]");
    check(r#"{{ mergeOverwrite (dict "a" (dict "x" 1)) (dict "a" (dict)) }}"#, "map[a:map[x:1]]");
    check(r#"{{ merge (dict "a" (semver "1.0.0")) (dict "a" (dict "x" 1)) }}|"#, "|");
    let refused = r#"{{ mustMerge (dict "a" (semver "1.0.0")) (dict "a" (dict "x" 1)) }}"#;
    check(refused, "error: src and dst must be of same type");
}

#[test]
fn lists_are_never_changed_in_place() {
    check(
        r#"{{ $l := list 1 2 }}{{ $_ := append $l 3 }}{{ $_ := reverse $l }}{{ $_ := sortAlpha $l }}{{ $l }}"#,
        "[1 2]",
    );
    check(r#"{{ $l := list }}{{ range until 3 }}{{ $l = append $l . }}{{ end }}{{ $l }}"#, "[0 1 2]");
}

#[test]
fn versions_have_the_methods_of_masterminds() {
    check(
        r#"{{ $v := semver "v1.2.3-rc.1+b" }}{{ $v }} {{ $v.Major }} {{ $v.Original }} {{ $v.Prerelease }} {{ $v.Metadata }}"#,
        "1.2.3-rc.1+b 1 v1.2.3-rc.1+b rc.1 b",
    );
    check(
        r#"{{ (semver "1.2").IncMinor }} {{ (semver "1.2.3").IncPatch }} {{ typeOf (semver "1").IncMajor }}"#,
        "1.3.0 1.2.4 semver.Version",
    );
    check(r#"{{ semver "1.2.3" | (semver "1.3.3").Compare }} {{ (semver "1").LessThan (semver "2") }}"#, "1 true");
    check(r#"{{ (semver "1").SetPrerelease "a_b" }}"#, "error: invalid prerelease string");
}

#[test]
fn times_have_the_methods_of_go_s() {
    let with = |rest: &str, expected: &str| {
        let t = r#"{{ $t := toDate "2006-01-02T15:04:05Z07:00" "2024-02-29T12:34:56Z" }}"#;
        check(&format!("{t}{rest}"), expected);
    };
    with("{{ $t }}", "2024-02-29 12:34:56 +0000 UTC");
    with(
        r#"{{ $t.Year }} {{ $t.Month }} {{ printf "%d" $t.Month }} {{ $t.Weekday }} {{ $t.YearDay }}"#,
        "2024 February 2 Thursday 60",
    );
    with("{{ $t.Unix }} {{ $t.UnixNano }} {{ $t.IsZero }}", "1709210096 1709210096000000000 false");
    with(
        r#"{{ ($t.AddDate 0 1 3).Format "2006-01-02" }} {{ $t.Format "Jan _2 3:04PM" }}"#,
        "2024-04-01 Feb 29 12:34PM",
    );
    with(
        r#"{{ $u := $t.AddDate 0 0 1 }}{{ $d := $u.Sub $t }}{{ $d }} {{ $d.Hours }} {{ typeOf $d }} {{ $u.After $t }}"#,
        "24h0m0s 24 time.Duration true",
    );
    with(
        "{{ kindOf $t }} {{ kindOf $t.Month }} {{ typeOf $t.Weekday }} {{ toJson $t }}",
        r#"struct int time.Weekday "2024-02-29T12:34:56Z""#,
    );
}

#[test]
fn the_clock_is_the_one_given() {
    check("{{ now.Unix }} {{ now | date \"2006-01-02 15:04:05\" }}", "1700000000 2023-11-14 22:13:20");
    check(r#"{{ htmlDate "no time at all" }} {{ ago 1699999990 }}"#, "2023-11-14 10s");
    check(r#"{{ durationRound (toDate "2006" "2020") }}"#, "3y");
}

#[test]
fn nothing_tells_of_the_machine() {
    check(r#"{{ env "HOME" }}|{{ env "PATH" }}|{{ getHostByName "localhost" }}|"#, "|||");
    check(
        r#"{{ expandenv "a$HOME-b${PATH}c" }}|{{ expandenv "$" }}|{{ expandenv "${" }}|{{ expandenv "a$ b$-$1" }}"#,
        "a-bc|$||a$ b",
    );
    check(
        r#"{{ dateInZone "15:04 MST" 0 "Local" }} {{ dateInZone "15:04 MST" 0 "Europe/Berlin" }}"#,
        "00:00 UTC 01:00 CET",
    );
}
