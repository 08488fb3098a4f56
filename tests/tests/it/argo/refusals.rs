//! Operations that are refused before anything is done.

use super::world::*;

const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_an_unknown_kind_is_told_with_what_to_do() {
    let world = World::with_files(&[("app/a.yaml", &*map("a", "1")), ("app/rollout.yaml", ROLLOUT)]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync Missing ").await;
    world.sync("one", "{}");
    world.is("one", "OutOfSync Missing Failed").await;
    let app = world.get(APPLICATIONS, "one").unwrap();
    let wrong = "no matches for kind \"Rollout\" in version \"argoproj.io/v1alpha1\": install its \
                 CustomResourceDefinition, or annotate the object with argocd.argoproj.io/sync-options: \
                 SkipDryRunOnMissingResource=true where the sync itself brings it";
    let message = app.str_at(&["status", "operationState", "message"]).unwrap();
    assert_eq!(message, format!("one or more synchronization tasks are not valid: {wrong}"));
    let results = app.at(&["status", "operationState", "syncResult", "resources"]).unwrap().items();
    let told = |of: &belay_object::Value| {
        let text = |field: &str| of.str_at(&[field]).unwrap_or_default().to_owned();
        (text("kind"), text("status"), text("message"))
    };
    let results: Vec<_> = results.iter().map(told).collect();
    assert_eq!(results, [("Rollout".to_owned(), "SyncFailed".to_owned(), wrong.to_owned())]);
    assert_eq!(world.data("a", "key"), None, "nothing is done");
}
