//! What goes wrong outside stays where it is wrong: it is told in Argo CD's condition, other Applications go on,
//! and nothing is deleted for it.

use super::world::*;

pub fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value:?}}}\n")
}

/// `ComparisonError: message` of the first condition of a type.
fn condition(world: &World, name: &str, kind: &str) -> Option<String> {
    let app = world.get(APPLICATIONS, name)?;
    let all = app.at(&["status", "conditions"])?.items().to_vec();
    let found = all.iter().find(|c| c.str_at(&["type"]) == Some(kind))?;
    Some(found.str_at(&["message"])?.to_owned())
}

/// Waits until a condition's sentence holds a text.
async fn told(world: &World, name: &str, kind: &str, text: &str) -> String {
    world
        .until(&format!("{name} says {text:?} in {kind}"), || {
            condition(world, name, kind).filter(|message| message.contains(text))
        })
        .await
}

/// An Application that was synced, and another one beside it that is what it should be all the time.
async fn two() -> World {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1")), ("other/b.yaml", &map("b", "1"))]).await;
    world.application("one", "app", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.application("two", "other", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.is("two", "Synced Healthy Succeeded").await;
    world
}

/// The other Application follows its source, and what the first one made is still there.
async fn nobody_else_is_touched(world: &World) {
    world.push(&[("other/b.yaml", Some(&map("b", "next")))]).await;
    world.until("the other goes on", || (world.data("b", "key")? == "next").then_some(())).await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"), "nothing is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_spec_is_told_and_what_was_noted_stays() {
    let world = two().await;
    let history = |world: &World| world.get(APPLICATIONS, "one").unwrap().at(&["status", "history"]).cloned();
    let state = |world: &World| world.get(APPLICATIONS, "one").unwrap().at(&["status", "operationState"]).cloned();
    let (past, last) = (history(&world), state(&world));
    world.patch(APPLICATIONS, "one", "{spec: {destination: {namespace: 5}}, operation: {sync: {revision: mine}}}");
    let message = told(&world, "one", "InvalidSpecError", "spec.destination.namespace").await;
    assert!(message.contains("expected a string"), "{message}");
    world.is("one", "Unknown Unknown Succeeded").await;
    nobody_else_is_touched(&world).await;
    assert_eq!((history(&world), state(&world)), (past, last));
    let app = world.get(APPLICATIONS, "one").unwrap();
    assert_eq!(app.str_at(&["operation", "sync", "revision"]), Some("mine"), "what the user asked for stays");
    // Written well again it goes on where it was.
    world.patch(APPLICATIONS, "one", "{spec: {destination: {namespace: shop}}, operation: null}");
    world.is("one", "Synced Healthy").await;
    assert_eq!(condition(&world, "one", "InvalidSpecError"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_not_there_is_told() {
    let world = two().await;
    world.patch(APPLICATIONS, "one", "{spec: {source: {repoURL: 'http://127.0.0.1:9/nobody.git'}}}");
    let message = told(&world, "one", "ComparisonError", "127.0.0.1:9").await;
    assert!(message.starts_with("Failed to load target state: "), "{message}");
    world.is("one", "Unknown").await;
    nobody_else_is_touched(&world).await;
    world.patch(APPLICATIONS, "one", &format!("{{spec: {{source: {{repoURL: '{}'}}}}}}", world.git.url()));
    world.is("one", "Synced Healthy").await;
    assert_eq!(condition(&world, "one", "ComparisonError"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_read_is_told_with_its_file() {
    let world = two().await;
    world.push(&[("app/c.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"))]).await;
    let message = told(&world, "one", "ComparisonError", "c.yaml").await;
    assert!(message.starts_with("Failed to load target state: "), "{message}");
    world.is("one", "Unknown").await;
    nobody_else_is_touched(&world).await;
    world.push(&[("app/c.yaml", None)]).await;
    world.is("one", "Synced Healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_left_the_source_deletes_nothing() {
    let world = two().await;
    world.push(&[("app/a.yaml", None)]).await;
    told(&world, "one", "ComparisonError", "app path does not exist").await;
    nobody_else_is_touched(&world).await;
}
