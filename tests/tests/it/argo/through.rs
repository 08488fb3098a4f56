//! Argo CD's commands through a server: by password, by token, and what a server refuses. No command here is given a
//! cluster: what it does it does over the HTTP API.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::Preview;
use belay_argo::settings::tokens::{Claims, issue};
use belay_cluster::Cluster;
use belay_net::{ClientOptions, Secret};
use belay_object::{Value, from_json};
use belay_server::{Options, Previewed, prepare, router, serve};
use http::{HeaderName, HeaderValue, Method};

use super::terminal::Terminal;
use super::world::*;

/// A terminal with a file of logins, in a world whose control plane has a server.
struct Through {
    terminal: Terminal,
    address: String,
    password: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Through {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Deref for Through {
    type Target = Terminal;
    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

const ACCOUNTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {timeout.reconciliation: 0s, accounts.guest: apiKey, accounts.robot: apiKey}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data:
  policy.csv: |
    p, role:looker, applications, get, */*, allow
    g, guest, role:looker
    g, robot, role:admin
";

impl Through {
    async fn open() -> Through {
        let mut terminal = Terminal::open().await;
        terminal.world.apply(ACCOUNTS);
        let cluster = Cluster::from_service("embedded", terminal.world.server.clone());
        let mut options = Options::new(cluster.clone(), "argocd");
        let password = prepare(&options).await.unwrap().password.expect("a first password").expose().clone();
        let outside = || belay_helm::Outside { now_unix_ns: 0, random: None, check: None, lookup: None };
        let mirrors = Mirrors::open(&terminal.folder.path().join("mirrors"), belay_net::Egress::default()).unwrap();
        let preview = Preview::open(cluster, "argocd", mirrors, outside).await.unwrap();
        options.sources = Some(std::sync::Arc::new(Previewed::new(preview)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = tokio::spawn(serve(listener, router(options)));
        let config = terminal.folder.path().join("argocd/config");
        terminal.end(&["--config", config.to_str().unwrap()]);
        Through { terminal, address, password, serving }
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("argocd/config")
    }

    /// The same, with `SERVER` for where the server is.
    async fn ends(&self, words: &str, status: u8) {
        self.terminal.ends(&words.replace("SERVER", &format!("{} --plaintext", self.address)), status).await;
    }

    async fn log_in(&self) {
        self.ends(&format!("login SERVER --username admin --password={}", self.password), 0).await;
    }

    async fn post(&self, path: &str, token: &str, body: &str) -> Value {
        let client = ClientOptions::default().build().unwrap();
        let mut request = client.request(Method::POST, &format!("http://{}{path}", self.address)).unwrap();
        for (name, value) in
            [("content-type", "application/json".to_owned()), ("authorization", format!("Bearer {token}"))]
        {
            request = request.header(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        from_json(&answer.read(1 << 20).await.unwrap()).unwrap()
    }

    /// A token of an account that programs have.
    async fn token_of(&self, account: &str) -> String {
        let body = format!(r#"{{"username":"admin","password":"{}"}}"#, self.password);
        let session = self.post("/api/v1/session", "", &body).await;
        let path = format!("/api/v1/account/{account}/token");
        let made = self.post(&path, session.str_at(&["token"]).unwrap(), "{}").await;
        made.str_at(&["token"]).unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_goes_through_its_life_through_a_server() {
    let at = Through::open().await;
    let world = &at.world;
    // Nobody is logged in; a wrong password leaves no login.
    at.ends("login SERVER --username admin --password wrong-password", 20).await;
    assert!(!at.config().exists());
    at.log_in().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(at.config()).unwrap().mode() & 0o777, 0o600);
    }
    at.one_is_made_and_rolled_back().await;
    // What is changed is changed alone.
    let field = |path: &[&str]| world.get(APPLICATIONS, "one").unwrap().at(path).map(Value::to_json);
    at.ends("app set one --revision-history-limit 3", 0).await;
    at.ends(r#"app patch one --type merge --patch {"metadata":{"labels":{"tier":"web"}}}"#, 0).await;
    assert_eq!(field(&["spec", "revisionHistoryLimit"]).as_deref(), Some("3"));
    assert_eq!(field(&["metadata", "labels"]).as_deref(), Some(r#"{"tier":"web"}"#));
    at.ends("app set one --project nobody", 20).await;
    at.ends(r#"app patch one --type merge --patch {"operation":{"sync":{}}}"#, 20).await;
    at.ends("app set one --revision-history-limit 4 --validate=false", 0).await;
    assert_eq!(field(&["spec", "revisionHistoryLimit"]).as_deref(), Some("4"));
    // What a server does not do is refused, and what it alone does is not done without one.
    at.ends("app manifests one --local .", 20).await;
    at.one_syncs_by_itself_and_goes().await;
    at.ends(&format!("logout {}", at.address), 0).await;
    at.ends("app list", 20).await;
    at.log_in().await;
    at.ends("app list", 0).await;
    at.ends("context", 0).await;
    at.ends(&format!("context {} --delete", at.address), 0).await;
    assert!(!at.config().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_what_its_account_may() {
    let at = Through::open().await;
    let world = &at.world;
    world.application("one", "app", "");
    world.is("one", "OutOfSync Missing").await;
    let (robot, guest) = (at.token_of("robot").await, at.token_of("guest").await);
    let by = |token: &str, words: &str| format!("{words} --server SERVER --auth-token {token}");
    at.ends(&by(&guest, "app get one"), 0).await;
    at.ends(&by(&guest, "app sync one --timeout 60"), 20).await;
    at.ends(&by(&guest, "app set one --revision other"), 20).await;
    at.ends(&by(&guest, "app delete one --yes"), 20).await;
    at.ends(&by(&guest, "app diff one"), 1).await;
    at.ends(&by("no-token", "app get one"), 20).await;
    at.ends(&by("no-token", "app diff one"), 2).await;
    assert!(world.get(MAPS, "a").is_none(), "nothing was synced");
    at.ends(&by(&robot, "app sync one --timeout 60"), 0).await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    // A session that is over is told apart from none.
    let secret = world.user.get("", "secrets", "argocd", "argocd-secret").unwrap();
    let key = secret.object().str_at(&["data", "server.secretkey"]).unwrap().to_owned();
    let hour_ago = "2026-01-01T00:00:00Z".parse().unwrap();
    let claims = Claims::new("admin:login", "one", hour_ago, Some(60));
    let over = issue(&claims, &Secret::new(STANDARD.decode(key).unwrap()));
    at.ends(&by(over.expose(), "app get one"), 20).await;
    // A token that was given makes a login, too; one that is not taken makes none.
    at.ends("login SERVER --auth-token no-token", 20).await;
    at.ends(&format!("login SERVER --auth-token {robot}"), 0).await;
    at.ends("app list", 0).await;
    at.ends("account get-user-info", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_the_installation_is_kept_through_a_server() {
    let at = Through::open().await;
    let (world, url) = (&at.world, at.world.git.url());
    at.log_in().await;
    let team = || world.user.get("argoproj.io", "appprojects", "argocd", "team").unwrap().object().clone();
    let spec = |field: &str| team().at(&["spec", field]).map(Value::to_json);
    at.ends("proj create team -d https://kubernetes.default.svc,shop", 0).await;
    at.ends(&format!("proj add-source team {url}"), 0).await;
    at.ends("proj add-orphaned-ignore team apps Deployment --name web", 0).await;
    at.ends("proj role create team dev", 0).await;
    at.ends("proj role add-policy team dev -a sync -o *", 0).await;
    at.ends("proj role create-token team dev -i first -t", 0).await;
    assert_eq!(spec("sourceRepos"), Some(format!("[\"{url}\"]")));
    assert_eq!(
        spec("orphanedResources").as_deref(),
        Some(r#"{"ignore":[{"group":"apps","kind":"Deployment","name":"web"}]}"#)
    );
    let roles = team().at(&["spec", "roles"]).unwrap().clone();
    assert_eq!(roles.items()[0].at(&["jwtTokens"]).unwrap().items()[0].str_at(&["id"]), Some("first"));
    for words in [
        "proj list",
        "proj get team",
        "proj role list team",
        "repo list",
        "cluster list",
        "account list",
        "account get",
        "account generate-token --account robot",
        "account can-i sync applications team/one",
        "gpg list",
        "cert list",
    ] {
        at.ends(words, 0).await;
    }
    at.ends(&format!("repo add {url} --username me --password secret"), 0).await;
    at.ends(&format!("repo get {url}"), 0).await;
    at.ends(&format!("repo rm {url}"), 0).await;
    at.ends(&format!("repo get {url}"), 20).await;
    let hosts = at.folder.path().join("hosts");
    std::fs::write(&hosts, "git.example ssh-ed25519 QUFB\n").unwrap();
    at.ends(&format!("cert add-ssh --batch --from {}", hosts.display()), 0).await;
    std::fs::write(&hosts, "git.example ssh-ed25519 QkJC\n").unwrap();
    at.ends(&format!("cert add-ssh --batch --from {}", hosts.display()), 20).await;
    at.ends("cert rm git.example --cert-type ssh", 0).await;
    at.ends("cluster rotate-auth in-cluster", 20).await;
    at.ends("proj delete team", 0).await;
    assert!(world.user.get("argoproj.io", "appprojects", "argocd", "team").is_none());
}
