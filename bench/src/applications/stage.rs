//! What the bench of Applications plays on: a repository, an API server, `belay run`.

use std::sync::Arc;

use anyhow::{Context, Result};
use belay_cluster::{Follow, Patch, Resource, WriteOptions};
use belay_object::{Value, object};
use belay_testkit::git_server::ServedRepo;

use crate::ground::{Ground, MADE, System};
use crate::repository::commit_by_git;

/// Everything; gone when dropped, the processes first.
pub struct Stage {
    pub ground: Ground,
    pub count: usize,
    repo: ServedRepo,
}

impl Stage {
    /// A folder with a ConfigMap for each of so many Applications; no Application.
    pub async fn of_config_maps(count: usize) -> Result<Stage> {
        Stage::set(count, |i| config_map(i, "first")).await
    }

    /// A folder with a guestbook for each.
    pub async fn of_guestbooks(count: usize) -> Result<Stage> {
        Stage::set(count, |i| guestbook().replace("guestbook-ui", &name(i))).await
    }

    async fn set(count: usize, manifests: impl Fn(usize) -> String) -> Result<Stage> {
        let repo = ServedRepo::start("fleet.git").await?;
        let folder = tempfile::tempdir()?;
        for i in 0..count {
            let path = folder.path().join(manifest_path(i));
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(&path, manifests(i))?;
        }
        commit_by_git(&repo, folder.path())?;
        Ok(Stage { ground: Ground::lay(System::Argocd).await?, count, repo })
    }

    /// The name of the n-th Application.
    pub fn name(&self, i: usize) -> String {
        name(i)
    }

    /// Creates the Applications, some at once.
    pub async fn create_applications(&self) -> Result<()> {
        let url = self.repo.url().to_string();
        self.ground.create_all(&applications(), self.count, move |i| application(i, &url)).await
    }

    /// Puts so many objects into the cluster that are nobody's.
    pub async fn fill(&self, count: usize) -> Result<()> {
        let config_maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
        let object = |i: usize| {
            object! {
                "metadata" => object! { "name" => format!("other-{i:05}"), "namespace" => MADE },
                "data" => object! { "text" => "x".repeat(500) },
            }
        };
        self.ground.create_all(&config_maps, count, object).await
    }

    /// Follows the Applications.
    pub fn follow(&self) -> Follow {
        self.ground.follow(&applications())
    }

    /// Commits a change of one folder; gives the commit's id.
    pub fn commit_change(&self, i: usize) -> Result<String> {
        let (path, text) = (manifest_path(i), config_map(i, "changed"));
        Ok(self.repo.repo().commit("main", "change one", &[(&path, Some(&text))])?)
    }

    /// Asks for a look at an Application's repository at once, as `argocd app get --refresh` and webhooks do.
    pub async fn nudge(&self, name: &str) -> Result<()> {
        let patch = object! { "metadata" => object! { "annotations" => object! {
            "argocd.argoproj.io/refresh" => "normal",
        } } };
        let (patch, options) = (Patch::Merge(patch), WriteOptions::default());
        self.ground.cluster.patch(&applications(), System::Argocd.namespace(), name, &patch, &options).await?;
        Ok(())
    }
}

fn name(i: usize) -> String {
    format!("app-{i:05}")
}

fn applications() -> Arc<Resource> {
    Resource::known("argoproj.io", "v1alpha1", "Application", "applications", true)
}

fn application(i: usize, url: &str) -> Value {
    object! {
        "metadata" => object! { "name" => name(i), "namespace" => System::Argocd.namespace() },
        "spec" => object! {
            "project" => "default",
            "source" => object! {
                "repoURL" => url,
                "path" => format!("apps/{i:05}"),
                "targetRevision" => "main",
            },
            "destination" => object! { "server" => "https://kubernetes.default.svc", "namespace" => MADE },
            "syncPolicy" => object! { "automated" => object! { "prune" => true, "selfHeal" => true } },
        },
    }
}

fn manifest_path(i: usize) -> String {
    format!("apps/{i:05}/app.yaml")
}

fn config_map(i: usize, note: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\ndata:\n  note: {note}\n", name(i))
}

/// A Deployment and a Service.
pub fn guestbook() -> &'static str {
    "apiVersion: apps/v1
kind: Deployment
metadata:
  name: guestbook-ui
spec:
  replicas: 1
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      app: guestbook-ui
  template:
    metadata:
      labels:
        app: guestbook-ui
    spec:
      containers:
        - name: guestbook-ui
          image: registry.example.com/guestbook:5
          ports:
            - containerPort: 80
---
apiVersion: v1
kind: Service
metadata:
  name: guestbook-ui
spec:
  ports:
    - port: 80
      targetPort: 80
  selector:
    app: guestbook-ui
"
}
