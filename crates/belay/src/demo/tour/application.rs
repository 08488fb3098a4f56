//! The tour of an Application: made, synced, damaged by hand, healed, changed by a commit, rolled back, deleted.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use belay_cluster::{DeleteOptions, Resource};
use belay_object::Object;

use super::super::git::commit_and_push;
use super::super::stage::ARGOCD;
use super::{Tour, eventually, yaml_files};

impl Tour<'_> {
    /// Goes through it. What the Kustomization made is gone by then: nobody else keeps these objects.
    pub(super) async fn application(&mut self) {
        let name = format!("{}-app", self.stage.name);
        let path = self.path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let path = if path.is_empty() { ".".to_owned() } else { path };
        let url = self.stage.git_url.clone();
        let create = format!(
            "app create {name} --repo {url} --path {path} --revision master --dest-server https://kubernetes.default.svc \
             --dest-namespace {name} --sync-option CreateNamespace=true --set-finalizer"
        );
        for (what, words, state) in [
            ("an Application is created, and not applied by itself", create, "OutOfSync Missing"),
            ("it is synced", format!("app sync {name} --timeout 60"), "Synced"),
            ("it becomes healthy", format!("app wait {name} --health --timeout 60"), "Synced Healthy"),
        ] {
            self.app_step(what, &name, &words, state).await;
        }
        self.heal(&name).await;
        self.roll_back(&name).await;
        let words = format!("app delete {name} --yes --wait");
        let began = Instant::now();
        let result = async {
            self.stage.belay(&words).await?;
            let left = self.services(&name).await?;
            if left.is_empty() {
                Ok("everything that it made is gone".to_owned())
            } else {
                bail!("{} Services are left", left.len())
            }
        }
        .await;
        self.held("deleting the Application removes what it made", began, result);
    }

    /// Carries a command out and waits for a state.
    async fn app_step(&mut self, what: &str, name: &str, words: &str, state: &str) {
        let began = Instant::now();
        let result = async {
            self.stage.belay(words).await?;
            self.app_is(name, state).await
        }
        .await;
        self.held(what, began, result);
    }

    /// A Service is deleted by hand: that shows, and a sync heals it.
    async fn heal(&mut self, name: &str) {
        let began = Instant::now();
        let result = async {
            let service = self.services(name).await?.first().context("there is no Service")?.name().to_owned();
            let services = Resource::known("", "v1", "Service", "services", true);
            self.stage.cluster.delete(&services, name, &service, &DeleteOptions::default()).await?;
            let gone = Instant::now();
            self.app_is(name, "OutOfSync").await?;
            let seen = gone.elapsed().as_millis();
            self.stage.belay(&format!("app get {name}")).await?;
            Ok(format!("Service/{service} was deleted by hand; the Application is OutOfSync after {seen} ms"))
        }
        .await;
        self.held("what was deleted by hand shows as missing", began, result);
        self.app_step("a sync heals it", name, &format!("app sync {name} --timeout 60"), "Synced").await;
    }

    /// A commit is synced, and taken back by a rollback.
    async fn roll_back(&mut self, name: &str) {
        let began = Instant::now();
        let result = async {
            let dir = self.dir();
            let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: tour-news\ndata:\n  news: of today\n";
            std::fs::write(dir.join("tour-news.yaml"), map)?;
            let list =
                yaml_files(&dir)?.into_iter().find(|f| f.ends_with("kustomization.yaml") && f.parent() == Some(&dir));
            if let Some(file) = list {
                let text = std::fs::read_to_string(&file)?;
                let rest = text.split("resources:\n").nth(1).unwrap_or_default();
                let indent = " ".repeat(rest.len() - rest.trim_start_matches(' ').len());
                let entry = format!("resources:\n{indent}- tour-news.yaml\n");
                std::fs::write(&file, text.replacen("resources:\n", &entry, 1))?;
            }
            let commit = commit_and_push(&self.stage.work, "say something new")?;
            eventually(async || {
                let app = self.app(name).await?;
                let at = app.str_at(&["status", "sync", "revision"]).unwrap_or_default().to_owned();
                if at == commit { Ok(()) } else { bail!("it is compared with {at}") }
            })
            .await?;
            self.stage.belay(&format!("app diff {name} --exit-code=false")).await?;
            self.stage.belay(&format!("app sync {name} --timeout 60")).await?;
            self.app_is(name, "Synced").await?;
            Ok(format!("commit {} was seen, shown as a difference and synced", &commit[..7]))
        }
        .await;
        self.held("a commit is seen, and applied when asked for", began, result);
        let began = Instant::now();
        let result = async {
            self.stage.belay(&format!("app history {name}")).await?;
            self.stage.belay(&format!("app rollback {name} --prune --timeout 60")).await?;
            let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
            if self.stage.cluster.find(&maps, name, "tour-news").await?.is_some() {
                bail!("what the commit brought is still there");
            }
            self.app_is(name, "OutOfSync").await?;
            Ok("what the commit brought is gone; the Application is OutOfSync with the repository".to_owned())
        }
        .await;
        self.held("a rollback goes back to the revision before", began, result);
    }

    async fn app(&self, name: &str) -> Result<Object> {
        let resource = belay_argo::names::applications();
        Ok(self.stage.cluster.get(&resource, ARGOCD, name).await?)
    }

    async fn app_is(&self, name: &str, state: &str) -> Result<String> {
        eventually(async || {
            let app = self.app(name).await?;
            let text = |path: &[&str]| app.str_at(path).unwrap_or("-").to_owned();
            let found = format!("{} {}", text(&["status", "sync", "status"]), text(&["status", "health", "status"]));
            if found.starts_with(state) { Ok(found) } else { bail!("it is {found}") }
        })
        .await
    }

    async fn services(&self, namespace: &str) -> Result<Vec<Object>> {
        let services = Resource::known("", "v1", "Service", "services", true);
        Ok(self.stage.cluster.list(&services, namespace, &Default::default()).await?.items)
    }
}
