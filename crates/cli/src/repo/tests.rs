use super::*;

#[test]
fn inv_sec_5_nothing_that_is_secret_is_told_of_a_repository() {
    let canary = || Secret::new("canary".to_owned());
    let credentials = Credentials {
        username: "me".into(),
        password: canary(),
        bearer: canary(),
        ssh_key: canary(),
        tls_key: canary(),
        gcp_key: canary(),
        ..Credentials::default()
    };
    let repository = Repository {
        url: "https://me:canary@git.example/a.git".into(),
        proxy: "http://me:canary@proxy.example:3128".into(),
        credentials: credentials.clone(),
        ..Repository::default()
    };
    let template = Template { url: "https://me:canary@git.example".into(), credentials, ..Template::default() };
    let shown = told(&repository);
    for text in [shown.to_json(), told_template(&template).to_json(), table(&[shown]).text()] {
        assert!(!text.contains("canary") && text.contains("git.example"), "{text}");
    }
    // A server is told, and the message cannot be printed.
    let message = messages::repository(&repository);
    assert!(message.expose().to_json().contains("canary"));
    assert_eq!(format!("{message:?}"), "***");
}

#[test]
fn repositories_that_a_server_tells_are_listed() {
    let text = "{type: git, repo: 'https://git.example/a.git', inheritedCreds: true, connectionState: {status: Failed, message: gone}}";
    let told = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).unwrap();
    let row = table(&[told]).text().lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row, "git https://git.example/a.git false false false inherited Failed gone");
}
