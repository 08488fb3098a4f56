//! Charts in Git that depend on charts of repositories.

use super::world::*;
use crate::flux::charts::{Files, index};
use crate::flux::shelf::chart;

fn umbrella(repository: &str, version: &str) -> String {
    format!(
        "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n\
         - {{name: web, version: {version}, repository: '{repository}'}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_in_git_gets_the_charts_that_it_lacks() {
    // `me` and `good`.
    let files = Files::start("Basic bWU6Z29vZA==").await;
    files.put("/index.yaml", index(&[("web", "1.0.0", ""), ("web", "2.0.0", "")]));
    files.put("/charts/web-1.0.0.tgz", chart("web", "1.0.0", &[]));
    let world = World::with_files(&[("app/Chart.yaml", &umbrella(&files.url, "1.x"))]).await;
    world.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: charts, namespace: argocd, \
         labels: {{argocd.argoproj.io/secret-type: repository}}}}, \
         stringData: {{type: helm, name: charts, url: '{}', username: me, password: good}}}}",
        files.url
    ));
    world.application("one", "app", "syncPolicy: {automated: {}}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.0.0"));
    // By the name of its secret it is the same repository.
    let commit = world.push(&[("app/Chart.yaml", Some(&umbrella("@charts", "1.0.0")))]).await;
    world.at("one", &commit).await;
    world.is("one", "Synced Healthy").await;
    // What cannot be fetched is told, and what runs stays.
    world.push(&[("app/Chart.yaml", Some(&umbrella(&files.url, "7.x")))]).await;
    world
        .until("the missing chart is told", || {
            let app = world.get(APPLICATIONS, "one")?;
            let told = app.at(&["status", "conditions"])?.to_json();
            told.contains("error building helm chart dependencies: web 7.x: ").then_some(())
        })
        .await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.0.0"));
}
