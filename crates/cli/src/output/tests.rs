use super::*;

#[test]
fn columns_are_padded_and_closed_by_a_tab() {
    let mut table = Table::new(&["name", "message"]);
    table.row(vec!["a".into(), "well".into()]);
    table.row(vec!["longer".into(), "ill\nand\tmore".into()]);
    assert_eq!(table.render(true), "NAME  \tMESSAGE\na     \twell\nlonger\till and more\n");
    assert_eq!(table.render(false).lines().count(), 2);
}

#[test]
fn long_hex_is_cut_to_eight_digits() {
    for (text, expected) in [
        ("main@sha1:5d41402abc4b2a76b9719d911017c592aabbccdd", "main@sha1:5d41402a"),
        ("v1@sha256:5d41402a", "v1@sha256:5d41402a"),
        ("", ""),
        ("at 5d41402abc4b2a76b9719d911017c592aabbccdd.", "at 5d41402a."),
    ] {
        assert_eq!(short_hex(text), expected);
    }
}

/// INV-UI: what a cluster says does not steer the terminal.
#[test]
fn control_characters_are_taken_out() {
    assert_eq!(clean("a\u{1b}[31mred\u{7}\r\nb\tc"), "a[31mred\nb\tc");
}

#[test]
fn a_line_of_progress_comes_with_news_and_now_and_then_without() {
    let due = |waited, since, new| is_due(Duration::from_secs(waited), Duration::from_secs(since), new);
    assert!(!due(1, 1, true), "what ends soon needs none");
    assert!(due(3, 3, true));
    assert!(!due(5, 2, true), "not more often than people read");
    assert!(!due(5, 5, false));
    assert!(due(13, 10, false));
}

#[test]
fn inv_ui_4_what_a_cluster_says_steers_no_terminal() {
    assert_eq!(clean("a\u{1b}[31m\u{9b}b\u{202e}c\u{2066}d\n"), "a[31mbcd\n");
    let mut value = belay_object::Value::object();
    value.set(&["a"], "x\u{1b}\u{9b}\u{7f}\ny");
    let text = json(&value);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert_eq!(belay_object::from_json_str(&text).unwrap(), value);
    assert!(!belay_yaml::to_yaml(&value).chars().any(|c| c.is_control() && c != '\n'));
}
