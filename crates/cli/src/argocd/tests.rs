use super::*;

#[test]
fn columns_stand_two_spaces_apart_and_end_where_they_end() {
    let mut table = Columns::new(&["NAME", "STATUS", "MESSAGE"]);
    table.row(["a", "Synced", "one\nline"]);
    table.row(["longer", "-", ""]);
    assert_eq!(table.text(), "NAME    STATUS  MESSAGE\na       Synced  one line\nlonger  -       \n");
}

#[test]
fn commits_are_shortened_and_nothing_else_is() {
    assert_eq!(short("0123456789abcdef0123456789abcdef01234567"), "0123456");
    assert_eq!(short("v1.2.3"), "v1.2.3");
}

#[test]
fn pairs_are_split_at_their_first_equals_sign() {
    let texts = ["a=b=c".to_owned()];
    assert_eq!(pairs(&texts).unwrap(), [("a".to_owned(), "b=c".to_owned())]);
    assert!(pairs(&["a".to_owned()]).is_err());
}
