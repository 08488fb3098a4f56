use super::*;

const LOGINS: &str = "{current-context: home, contexts: [{name: home, server: cd.example, user: home}, {name: k, server: kubernetes, user: k}], \
    servers: [{server: cd.example, insecure: true, grpc-web-root-path: /argo}, {server: kubernetes, core: true}], \
    users: [{name: home, auth-token: canary}, {name: k}]}";

/// `BASE TOKEN`, or `cluster`.
fn told(global: Global, flags: ServerFlags, variable: Option<&str>, logins: &str) -> String {
    let logins = || LocalConfig::parse(logins).map(Some);
    match chosen(&global, &flags, variable, logins) {
        Ok(None) => "cluster".to_owned(),
        Ok(Some(target)) => format!("{} {}", target.base().unwrap(), target.token.expose()),
        Err(e) => format!("{e:#}"),
    }
}

fn server(name: &str) -> Global {
    Global { server: Some(name.to_owned()), ..Global::default() }
}

#[test]
fn a_command_goes_where_the_nearest_word_says() {
    let none = ServerFlags::default;
    assert_eq!(told(Global::default(), none(), None, ""), "cluster");
    assert_eq!(told(Global::default(), none(), None, LOGINS), "https://cd.example/argo canary");
    assert_eq!(told(Global::default(), none(), Some("other.example"), LOGINS), "https://other.example ");
    // Who names a cluster means it.
    let named = Global { context: Some("prod".into()), ..Global::default() };
    assert_eq!(told(named, none(), Some("other.example"), LOGINS), "cluster");
    let by_name = |name: &str| ServerFlags { argocd_context: Some(name.into()), ..none() };
    assert_eq!(told(Global::default(), by_name("k"), None, LOGINS), "cluster");
    assert_eq!(told(Global::default(), by_name("nobody"), None, LOGINS), "Context 'nobody' undefined");
}

#[test]
fn inv_net_2_a_token_goes_to_the_server_that_gave_it_and_to_no_other() {
    assert_eq!(told(server("cd.example"), ServerFlags::default(), None, LOGINS), "https://cd.example/argo canary");
    assert_eq!(told(server("evil.example"), ServerFlags::default(), None, LOGINS), "https://evil.example ");
    let given = ServerFlags { auth_token: Some(Secret::new("mine".into())), ..ServerFlags::default() };
    assert_eq!(told(server("evil.example"), given, None, LOGINS), "https://evil.example mine");
}

#[test]
fn an_address_says_how_a_server_is_reached() {
    let base = |server: &str, plaintext: bool, root: &str| {
        let target = Target { server: server.into(), plaintext, root_path: root.into(), ..Target::default() };
        target.base().map_err(|e| format!("{e:#}"))
    };
    assert_eq!(base("cd.example:8080", true, ""), Ok("http://cd.example:8080".into()));
    assert_eq!(base("https://cd.example/", true, "argo/"), Ok("https://cd.example/argo".into()));
    assert_eq!(base("[::1]:8080", false, ""), Ok("https://[::1]:8080".into()));
    assert!(base("ssh://cd.example", false, "").is_err());
    assert!(base("", false, "").is_err());
}

#[test]
fn options_of_the_environment_count_where_no_flag_does() {
    let text = "--grpc-web --insecure --server opts.example --auth-token=of-opts --logformat json --plaintext=false";
    let (global, flags) = with_options(&Global::default(), &ServerFlags::default(), text);
    assert_eq!(told(global, flags.clone(), None, ""), "https://opts.example of-opts");
    assert!(flags.insecure && !flags.plaintext && !flags.core);
    let own = ServerFlags { auth_token: Some(Secret::new("mine".into())), ..ServerFlags::default() };
    let (global, flags) = with_options(&server("cd.example"), &own, text);
    assert_eq!(told(global, flags, None, ""), "https://cd.example mine");
}
