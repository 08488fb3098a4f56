//! What an Application manages, beside what is there: as the controller compared it last.

use belay_object::{Value, from_json_str};
use belay_testkit::git_server::ServedRepo;

use super::world::{Answer, World};

const HOOK: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hook, annotations: {argocd.argoproj.io/hook: PreSync}}\n";

fn map(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{key: {value:?}}}\n")
}

/// `name=key` of the objects that are wanted.
fn wanted(answer: &Answer) -> Vec<String> {
    let body = answer.value();
    let items = body.get("items").map_or(&[][..], Value::items);
    let told = |item: &Value| {
        let target = from_json_str(item.str_at(&["targetState"]).unwrap()).unwrap();
        format!("{}={}", item.str_at(&["name"]).unwrap(), target.str_at(&["data", "key"]).unwrap_or_default())
    };
    items.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compared_last_is_told_without_asking_its_sources_again() {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let first = map("one");
    let commit =
        git.repo().commit("main", "first", &[("app/a.yaml", Some(&first)), ("app/h.yaml", Some(HOOK))]).unwrap();
    let mut world = World::with("", "").await;
    let storage = tempfile::tempdir().unwrap();
    world.render(storage.path()).await;
    let admin = world.admin();
    let source = format!("{{repoURL: '{}', path: app, targetRevision: main}}", git.url());
    let destination = "{server: 'https://kubernetes.default.svc', namespace: shop}";
    let app = |compared: &str| {
        world.apply(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd}}, \
             spec: {{project: default, source: {source}, destination: {destination}}}, status: {{sync: {compared}}}}}"
        ));
    };
    app("{status: Unknown}");
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let path = "/api/v1/applications/one/managed-resources";
    assert_eq!(wanted(&admin.get(path).await), ["a=one"], "nothing was compared: what the sources are now");
    let compared = format!(
        "{{status: OutOfSync, revision: {commit}, comparedTo: {{source: {source}, destination: {destination}}}}}"
    );
    app(&compared);
    let is_compared = |answer: &Answer| answer.str_at(&["status", "sync", "revision"]) == commit;
    world.seen(&admin, "/api/v1/applications/one", is_compared).await;
    assert_eq!(wanted(&admin.get(path).await), ["a=one"], "hooks are not among them");
    // A commit that nobody has compared yet changes what would be rendered, not what was.
    git.repo().commit("main", "second", &[("app/a.yaml", Some(&map("two")))]).unwrap();
    assert!(admin.get("/api/v1/applications/one/manifests").await.text.contains("two"));
    assert_eq!(wanted(&admin.get(path).await), ["a=one"]);
    let narrow = admin.get(&format!("{path}?kind=Secret")).await;
    assert_eq!(narrow.text, "{}", "of other kinds there is none");
    // What is known of a commit is known, whether its repository answers or not.
    let of_commit = format!("/api/v1/applications/one/manifests?revision={commit}");
    let shown = admin.get(&of_commit).await;
    assert!(shown.text.contains("one") && !shown.text.contains("two"), "{}", shown.text);
    drop(git);
    assert_eq!(wanted(&admin.get(path).await), ["a=one"]);
    assert_eq!(admin.get(&of_commit).await.text, shown.text);
    let asked = admin.get("/api/v1/applications/one/manifests").await;
    assert_eq!(asked.status, 400, "a branch is asked for each time: {}", asked.text);
}
