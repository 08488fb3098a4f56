//! What the bench of Kustomizations plays on: a repository, an API server, `belay run`.

use std::sync::Arc;

use anyhow::{Context, Result};
use belay_cluster::{Follow, Patch, Resource, WriteOptions};
use belay_object::{Value, object};
use belay_testkit::git_server::ServedRepo;

use crate::ground::{Ground, NAMESPACE, System};
use crate::repository::commit_by_git;

/// Everything; gone when dropped, the processes first.
pub struct Stage {
    pub ground: Ground,
    pub count: usize,
    repo: ServedRepo,
}

impl Stage {
    /// Sets the stage: the repository with so many folders, its GitRepository ready, no Kustomization.
    pub async fn set(count: usize) -> Result<Stage> {
        let repo = ServedRepo::start("fleet.git").await?;
        write_repository(&repo, count)?;
        let ground = Ground::lay(System::Flux).await?;
        let repository = object! {
            "metadata" => object! { "name" => "fleet", "namespace" => NAMESPACE },
            "spec" => object! {
                "interval" => "10m",
                "url" => repo.url(),
                "ref" => object! { "branch" => "main" },
            },
        };
        ground.create(&git_repositories(), repository).await?;
        ground.fetched(&git_repositories(), "fleet").await?;
        Ok(Stage { ground, count, repo })
    }

    /// The name of the n-th Kustomization.
    pub fn name(&self, i: usize) -> String {
        format!("app-{i:04}")
    }

    /// Creates the Kustomizations, some at once.
    pub async fn create_kustomizations(&self) -> Result<()> {
        self.ground.create_all(&kustomizations(), self.count, kustomization).await
    }

    /// Follows the Kustomizations.
    pub fn follow(&self) -> Follow {
        self.ground.follow(&kustomizations())
    }

    /// Commits a change of one folder; gives the commit's id.
    pub fn commit_change(&self, i: usize) -> Result<String> {
        let (path, text) = (manifest_path(i), manifests(i, "changed"));
        Ok(self.repo.repo().commit("main", "change one", &[(&path, Some(&text))])?)
    }

    /// Asks for a look at the repository at once, as `belay reconcile` and webhooks do.
    pub async fn nudge(&self) -> Result<()> {
        let patch = object! { "metadata" => object! { "annotations" => object! {
            "reconcile.fluxcd.io/requestedAt" => "bench",
        } } };
        let (patch, options) = (Patch::Merge(patch), WriteOptions::default());
        self.ground.cluster.patch(&git_repositories(), NAMESPACE, "fleet", &patch, &options).await?;
        Ok(())
    }
}

pub fn kustomizations() -> Arc<Resource> {
    Resource::known("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", true)
}

fn git_repositories() -> Arc<Resource> {
    Resource::known("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", true)
}

fn kustomization(i: usize) -> Value {
    object! {
        "metadata" => object! { "name" => format!("app-{i:04}"), "namespace" => NAMESPACE },
        "spec" => object! {
            "interval" => "10m",
            "path" => format!("./apps/{i:04}"),
            "prune" => true,
            "wait" => true,
            "timeout" => "5m",
            "sourceRef" => object! { "kind" => "GitRepository", "name" => "fleet" },
        },
    }
}

fn write_repository(repo: &ServedRepo, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for i in 0..count {
        let path = folder.path().join(manifest_path(i));
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        std::fs::write(&path, manifests(i, "first"))?;
        let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [app.yaml]\n";
        std::fs::write(path.with_file_name("kustomization.yaml"), kustomization)?;
    }
    commit_by_git(repo, folder.path())
}

fn manifest_path(i: usize) -> String {
    format!("apps/{i:04}/app.yaml")
}

fn manifests(i: usize, note: &str) -> String {
    let name = format!("app-{i:04}");
    format!(
        "apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: bench
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: bench
spec:
  replicas: 0
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
      annotations:
        note: {note}
    spec:
      serviceAccountName: {name}
      containers:
        - name: main
          image: registry.example.com/app:1
          ports:
            - containerPort: 8080
              name: http
          resources:
            requests:
              cpu: 10m
              memory: 32Mi
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: bench
spec:
  selector:
    app: {name}
  ports:
    - port: 80
      targetPort: http
      name: http
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: bench
spec:
  rules:
    - host: {name}.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {name}
                port:
                  name: http
"
    )
}
