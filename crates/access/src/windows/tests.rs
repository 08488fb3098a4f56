use super::{Schedule, Target, Window, allows, next_change};
use jiff::Timestamp;
use std::slice::from_ref;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(kind: &str, schedule: &str, duration: &str) -> Window {
    let text = |t: &str| t.to_owned();
    Window {
        kind: text(kind),
        schedule: text(schedule),
        duration: text(duration),
        applications: vec![text("*")],
        ..Window::default()
    }
}

fn check(windows: &[Window], now: &str, manual: bool, started: Option<&str>, expected: bool) {
    let target = Target { application: "shop", ..Target::default() };
    let decision = allows(windows, &target, time(now), manual, started.map(time));
    assert_eq!(decision.allowed, expected, "{now} manual {manual} started {started:?}: {}", decision.reason);
}

#[test]
fn schedules_come_when_robfig_says() {
    for (schedule, after, expected) in [
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("*/15 * * * *", "2026-01-01T00:15:30Z", "2026-01-01T00:30:00Z"),
        ("5/20 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
        ("5/20 * * * *", "2026-01-01T00:25:00Z", "2026-01-01T00:45:00Z"),
        ("0 22 * * mon-fri", "2026-11-21T12:00:00Z", "2026-11-23T22:00:00Z"),
        ("0 0 1 * MON", "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z"),
        ("0 0 1 * *", "2026-11-21T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("0 0 ? jan,JUL ?", "2026-02-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("30 2 29 3 *", "2026-01-01T00:00:00Z", "2026-03-29T02:30:00Z"),
        ("CRON_TZ=Europe/Paris 30 2 29 3 *", "2026-01-01T00:00:00Z", "2027-03-29T00:30:00Z"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ] {
        let found = Schedule::parse(schedule).expect(schedule).next(time(after));
        assert_eq!(found, Some(time(expected)), "{schedule} after {after}");
    }
    assert_eq!(Schedule::parse("0 0 30 2 *").expect("a schedule").next(time("2026-01-01T00:00:00Z")), None);
    assert!(Schedule::parse_standard("@daily").is_ok());
}

#[test]
fn wrong_schedules_are_told_in_robfigs_words() {
    for (schedule, expected) in [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("@daily", "parser does not accept descriptors: @daily"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("* * * * funday", "failed to parse int from funday: strconv.Atoi: parsing \"funday\": invalid syntax"),
        ("-5 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
        ("TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
    ] {
        assert_eq!(Schedule::parse(schedule).expect_err(schedule), expected);
    }
}

#[test]
fn deny_comes_before_allow_and_closed_allows_before_nothing() {
    let open_allow = window("allow", "0 * * * *", "59m");
    let closed_allow = window("allow", "0 3 * * *", "1h");
    let open_deny = window("deny", "0 * * * *", "59m");
    let closed_deny = window("deny", "0 3 * * *", "1h");
    let now = "2026-11-21T12:30:00Z";
    for (windows, expected) in [
        (vec![], true),
        (vec![&open_allow], true),
        (vec![&closed_allow], false),
        (vec![&closed_allow, &open_allow], true),
        (vec![&open_deny, &open_allow], false),
        (vec![&closed_deny], true),
        (vec![&closed_deny, &closed_allow], false),
        (vec![&closed_deny, &open_allow], true),
    ] {
        let windows: Vec<Window> = windows.into_iter().cloned().collect();
        check(&windows, now, false, None, expected);
    }
}

#[test]
fn manual_sync_must_be_on_every_window_that_stands_against_it() {
    let manual = |mut w: Window| {
        w.manual_sync = true;
        w
    };
    let (deny, closed) = (window("deny", "0 * * * *", "59m"), window("allow", "0 3 * * *", "1h"));
    let now = "2026-11-21T12:30:00Z";
    check(&[manual(deny.clone())], now, true, None, true);
    check(&[manual(deny.clone())], now, false, None, false);
    check(&[manual(deny.clone()), deny.clone()], now, true, None, false);
    check(&[manual(closed.clone())], now, true, None, true);
    check(&[manual(closed.clone()), closed.clone()], now, true, None, false);
    // What is closed and allows has no say while something denies.
    check(&[manual(deny), closed], now, true, None, true);
}

#[test]
fn a_sync_that_began_while_allowed_may_overrun() {
    let mut deny = window("deny", "0 12 * * *", "1h");
    check(from_ref(&deny), "2026-11-21T12:30:00Z", false, Some("2026-11-21T11:50:00Z"), false);
    deny.sync_overrun = true;
    check(from_ref(&deny), "2026-11-21T12:30:00Z", false, Some("2026-11-21T11:50:00Z"), true);
    check(from_ref(&deny), "2026-11-21T12:30:00Z", false, Some("2026-11-21T12:10:00Z"), false);
    let strict = window("deny", "0 12 * * *", "1h");
    check(&[deny, strict], "2026-11-21T12:30:00Z", false, Some("2026-11-21T11:50:00Z"), false);
    let mut allow = window("allow", "0 10 * * *", "1h");
    allow.sync_overrun = true;
    check(from_ref(&allow), "2026-11-21T12:30:00Z", false, Some("2026-11-21T10:30:00Z"), true);
    check(&[allow], "2026-11-21T12:30:00Z", false, Some("2026-11-21T09:30:00Z"), false);
}

#[test]
fn windows_find_their_applications() {
    let of = |applications: &[&str], clusters: &[&str], namespaces: &[&str], and_operator| {
        let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        Window {
            applications: texts(applications),
            clusters: texts(clusters),
            namespaces: texts(namespaces),
            and_operator,
            ..window("deny", "* * * * *", "1h")
        }
    };
    let target = Target { application: "shop-web", namespace: "shop", server: "https://prod", cluster: "" };
    for (window, expected) in [
        (of(&["shop-*"], &[], &[], false), true),
        (of(&["web"], &[], &["shop"], false), true),
        (of(&["web"], &["https://*"], &[], false), true),
        (of(&["web"], &["in-cluster"], &["other"], false), false),
        (of(&["shop-*"], &[], &["shop"], true), true),
        (of(&["shop-*"], &[], &["other"], true), false),
        (of(&["shop-*"], &["in-cluster"], &["shop"], true), false),
        (of(&[], &["https://prod"], &[], true), true),
        (of(&[], &[], &[], true), false),
        (of(&[], &[], &[], false), false),
    ] {
        assert_eq!(window.matches(&target), expected, "{window:?}");
    }
}

/// Behaviour 15: the zone's offset of now counts, on both sides of a change of clocks.
#[test]
fn the_zone_is_read_with_the_offset_of_now() {
    let mut allow = window("allow", "0 9 * * *", "1h");
    allow.time_zone = "Europe/Berlin".to_owned();
    // Winter: 9 o'clock is 8 in UTC.
    check(from_ref(&allow), "2026-01-15T08:30:00Z", false, None, true);
    check(from_ref(&allow), "2026-01-15T07:30:00Z", false, None, false);
    // Summer: 7 in UTC.
    check(from_ref(&allow), "2026-07-15T07:30:00Z", false, None, true);
    check(from_ref(&allow), "2026-07-15T08:30:00Z", false, None, false);
    // A moment in winter, judged in summer, is taken at summer's offset.
    let (winter, summer) = (time("2026-01-15T07:30:00Z"), time("2026-07-15T12:00:00Z"));
    assert!(allow.is_open(winter, summer).expect("a window"));
    assert!(!allow.is_open(winter, winter).expect("a window"));
}

#[test]
fn a_window_that_cannot_be_read_allows_nothing() {
    let target = Target { application: "shop", ..Target::default() };
    let now = time("2026-11-21T12:30:00Z");
    for (mut window, zone, expected) in [
        (
            window("allow", "x * * * *", "1h"),
            "",
            "invalid sync windows: cannot parse schedule 'x * * * *': failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (
            window("allow", "* * * * *", "1x"),
            "",
            "invalid sync windows: cannot parse duration '1x': time: unknown unit \"x\" in duration \"1x\"",
        ),
        (window("deny", "0 3 * * *", "1h"), "Mars/Base", "invalid sync windows: unknown time zone Mars/Base"),
    ] {
        window.time_zone = zone.to_owned();
        let windows = [window];
        let decision = allows(&windows, &target, now, true, None);
        assert!(!decision.allowed && decision.invalid);
        assert_eq!(decision.reason, expected);
    }
    // One of another application has no say.
    let mut other = window("allow", "x", "1h");
    other.applications = vec!["other".to_owned()];
    check(&[other], "2026-11-21T12:30:00Z", false, None, true);
}

#[test]
fn the_moment_of_opening_is_within_and_that_of_closing_is_not() {
    let allow = window("allow", "0 12 * * *", "1h");
    check(from_ref(&allow), "2026-11-21T12:00:01Z", false, None, true);
    check(from_ref(&allow), "2026-11-21T12:59:59Z", false, None, true);
    check(from_ref(&allow), "2026-11-21T13:00:00Z", false, None, false);
    check(&[allow], "2026-11-21T11:59:59Z", false, None, false);
}

#[test]
fn a_decision_holds_until_the_next_change() {
    let target = Target { application: "shop", ..Target::default() };
    let next = |windows: &[Window], now: &str| next_change(windows, &target, time(now)).map(|t| t.to_string());
    let lunch = window("deny", "0 12 * * *", "1h");
    assert_eq!(next(from_ref(&lunch), "2026-11-21T11:00:00Z").as_deref(), Some("2026-11-21T12:00:01Z"));
    assert_eq!(next(from_ref(&lunch), "2026-11-21T12:30:00Z").as_deref(), Some("2026-11-21T13:00:00Z"));
    // Openings that run into one another close once.
    let long = window("allow", "0 12,13 * * *", "90m");
    assert_eq!(next(&[long, lunch.clone()], "2026-11-21T13:10:00Z").as_deref(), Some("2026-11-21T14:30:00Z"));
    let mut berlin = lunch;
    berlin.time_zone = "Europe/Berlin".to_owned();
    assert_eq!(next(&[berlin], "2026-11-21T11:30:00Z").as_deref(), Some("2026-11-21T12:00:00Z"));
    assert_eq!(next(&[window("deny", "0 0 30 2 *", "1h")], "2026-11-21T11:30:00Z"), None);
    assert_eq!(next(&[], "2026-11-21T11:30:00Z"), None);
}
