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

#[test]
fn the_namespace_of_flux_is_not_the_one_of_argo_cd() {
    assert_eq!(given("flux-system", "flux-system", ""), None);
    assert_eq!(given("team-flux", "flux-system", "team-flux"), None);
    assert_eq!(given("gitops", "flux-system", "team-flux"), Some("gitops".to_owned()));
}

#[test]
fn what_a_server_wrote_is_left_out_of_a_manifest() {
    let text =
        "{apiVersion: v1, kind: A, metadata: {name: a, uid: u, resourceVersion: '5', labels: {b: c}}, status: {d: 1}}";
    let object = Object::new(belay_yaml::parse_value(text, &belay_yaml::Options::v2()).unwrap()).unwrap();
    assert_eq!(
        fresh(object).value().to_json(),
        r#"{"apiVersion":"v1","kind":"A","metadata":{"labels":{"b":"c"},"name":"a"}}"#
    );
}
