//! Argo CD's commands against a served API server: what they leave in the cluster, and with which status they end.

use belay_apiserver::Serving;

use super::terminal::Terminal;
use super::world::*;

/// A terminal with a kubeconfig of the world's API server, which is served as long as its guard is held.
async fn open() -> (Terminal, Serving) {
    let mut at = Terminal::open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = at.world.server.serve(listener, None).unwrap();
    let kubeconfig = at.folder.path().join("kubeconfig");
    serving.write_kubeconfig(&kubeconfig).unwrap();
    at.begin(&["--kubeconfig", kubeconfig.to_str().unwrap()]);
    (at, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_goes_through_its_life_by_commands() {
    let (at, _serving) = open().await;
    at.one_is_made_and_rolled_back().await;
    at.one_syncs_by_itself_and_goes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_repositories_and_clusters_are_kept_by_commands() {
    let (at, _serving) = open().await;
    let (world, url) = (&at.world, at.world.git.url());
    let project = |name: &str| world.get(("argoproj.io/v1alpha1", "AppProject"), name);
    at.ends("proj create team -d https://kubernetes.default.svc,shop", 0).await;
    let create = format!(
        "app create one --project team --repo {url} --path app --dest-server https://kubernetes.default.svc --dest-namespace shop"
    );
    at.ends(&create, 20).await;
    at.ends(&format!("proj add-source team {url}"), 0).await;
    at.ends(&create, 0).await;
    world.is("one", "OutOfSync").await;
    at.ends("proj delete team", 20).await;
    at.ends("proj windows add team -k deny --schedule *_*_*_*_* --duration 1h --applications *", 20).await;
    at.ends("proj role create team dev", 0).await;
    at.ends("proj role add-policy team dev -a sync -o *", 0).await;
    let roles = project("team").unwrap().at(&["spec", "roles"]).unwrap().to_json();
    assert_eq!(
        roles,
        r#"[{"description":"","name":"dev","policies":["p, proj:team:dev, applications, sync, team/*, allow"]}]"#
    );
    at.ends("account can-i sync applications team/one --account proj:team:dev", 0).await;
    for words in
        ["proj list", "proj get team", "proj role list team", "proj role get team dev", "proj windows list team"]
    {
        at.ends(words, 0).await;
    }
    at.ends(&format!("repo add {url} --username me --password secret"), 0).await;
    at.ends(&format!("repo add {url} --username me --password secret"), 20).await;
    at.ends(&format!("repo add {url} --username you --password secret --upsert"), 0).await;
    at.ends("repo list", 0).await;
    at.ends(&format!("repo rm {url}"), 0).await;
    at.ends(&format!("repo get {url}"), 20).await;
    at.ends("cluster list", 0).await;
    at.ends("account list", 0).await;
    at.ends("account get --account nobody", 20).await;
    at.ends("account bcrypt --password secret", 0).await;
    // The API makes it, and none runs here.
    at.ends("account initial-password", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_own_in_the_namespace_is_not_an_applications() {
    let (at, _serving) = open().await;
    let world = &at.world;
    world.application("one", "app", "");
    at.ends("app sync one --timeout 60", 0).await;
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs, namespace: shop}}");
    let pod = |name: &str, owner: &str| {
        let uid = world.get(MAPS, owner).unwrap().uid().to_owned();
        world.apply(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, ownerReferences: \
             [{{apiVersion: v1, kind: ConfigMap, name: {owner}, uid: {uid}}}]}}, spec: {{containers: [{{name: web, image: web}}]}}}}"
        ));
    };
    pod("theirs", "theirs");
    let pods = ("v1", "Pod");
    at.ends("app get-resource one --kind Pod", 20).await;
    at.ends("app patch-resource one --kind Pod --all --patch {}", 20).await;
    at.ends("app delete-resource one --kind Pod --all", 20).await;
    at.ends("app logs one", 20).await;
    pod("ours", "a");
    at.ends("app delete-resource one --kind Pod --all", 0).await;
    world.until("ours is gone", || world.get(pods, "ours").is_none().then_some(())).await;
    assert!(world.get(pods, "theirs").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_believed_of_hosts_and_signers_is_kept_by_commands() {
    let (at, _serving) = open().await;
    let data = |name: &str, key: &str| {
        let found = at.world.user.get("", "configmaps", "argocd", name);
        found.and_then(|map| map.object().str_at(&["data", key]).map(str::to_owned))
    };
    let file = at.folder.path().join("given");
    let add = |text: &str, words: &str| {
        std::fs::write(&file, text).unwrap();
        format!("{words} --from {}", file.display())
    };
    at.ends(&add("git.example ssh-ed25519 QUFB\n", "cert add-ssh --batch"), 0).await;
    at.ends(&add("git.example ssh-ed25519 QkJC\n", "cert add-ssh --batch"), 20).await;
    at.ends(&add("git.example ssh-ed25519 QkJC\n", "cert add-ssh --batch --upsert"), 0).await;
    let pem = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n";
    at.ends(&add(pem, "cert add-tls git.example"), 0).await;
    at.ends(&add("nonsense", "cert add-tls git.example"), 20).await;
    at.ends("cert list --sort type", 0).await;
    at.ends("cert rm git.example --cert-type https", 0).await;
    at.ends("cert rm git.example --cert-type https", 20).await;
    at.ends("cert rm *", 20).await;
    let lines = data("argocd-ssh-known-hosts-cm", "ssh_known_hosts").unwrap();
    assert!(lines.ends_with("git.example ssh-ed25519 QkJC\n") && !lines.contains("QUFB"), "{lines}");
    assert_eq!(data("argocd-tls-certs-cm", "git.example"), None);
    at.ends(&add("nonsense", "gpg add"), 20).await;
    at.ends("gpg list", 0).await;
    at.ends("gpg rm 0000000000000000", 20).await;
    at.ends("cluster set in-cluster --label a=b", 20).await;
    at.ends("cluster rotate-auth in-cluster", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_whose_sources_give_nothing_is_made_only_if_that_is_wanted() {
    let (at, _serving) = open().await;
    let (world, url) = (&at.world, at.world.git.url());
    let create = |repo: &str, path: &str| {
        format!(
            "app create lost --repo {repo} --path {path} --dest-server https://kubernetes.default.svc --dest-namespace shop"
        )
    };
    at.ends(&create(&url, "nowhere"), 20).await;
    at.ends(&create("http://127.0.0.1:9/none.git", "app"), 20).await;
    assert!(world.get(("argoproj.io/v1alpha1", "Application"), "lost").is_none());
    at.ends(&format!("{} --validate=false", create(&url, "nowhere")), 0).await;
    assert!(world.get(("argoproj.io/v1alpha1", "Application"), "lost").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_set_is_made_and_goes_by_commands() {
    let (at, _serving) = open().await;
    let world = &at.world;
    let file = at.folder.path().join("set.yaml");
    let write = |path: &str| {
        let text = format!(
            "# One.\n{{apiVersion: argoproj.io/v1alpha1, kind: ApplicationSet, metadata: {{name: set}}, spec: {{generators: \
             [{{git: {{repoURL: '{0}', revision: HEAD, directories: [{{path: '*'}}]}}}}], template: {{metadata: {{name: \
             'of-{{{{path}}}}'}}, spec: {{project: default, source: {{repoURL: '{0}', path: '{path}', targetRevision: HEAD}}, \
             destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}}}}}}}",
            world.git.url()
        );
        std::fs::write(&file, text).expect("written");
    };
    write("{{path}}");
    let file = file.to_str().expect("a path");
    at.ends(&format!("appset generate {file}"), 0).await;
    at.ends(&format!("appset create {file} --dry-run -o json"), 0).await;
    assert!(world.get(SETS, "set").is_none() && world.get(APPLICATIONS, "of-app").is_none());
    at.ends(&format!("appset create {file} --wait"), 0).await;
    assert!(world.get(APPLICATIONS, "of-app").is_some());
    at.ends(&format!("appset create {file}"), 0).await;
    write("other");
    at.ends(&format!("appset create {file}"), 20).await;
    at.ends(&format!("appset create {file} --upsert"), 0).await;
    let path = || Some(world.get(APPLICATIONS, "of-app")?.str_at(&["spec", "source", "path"])?.to_owned());
    world.until("it is changed", || (path()? == "other").then_some(())).await;
    for words in ["appset list", "appset list -p default -o name", "appset get set", "appset get argocd/set -o yaml"] {
        at.ends(words, 0).await;
    }
    at.ends("appset get none", 20).await;
    at.ends("appset delete set", 20).await;
    at.ends("appset delete set --yes --wait", 0).await;
    assert!(world.get(SETS, "set").is_none());
    world.is("of-app", "gone").await;
}
