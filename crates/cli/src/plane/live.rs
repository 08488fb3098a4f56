//! What a server tells of an Application's live objects, and what it does to single ones.

use anyhow::{Context, Result};
use belay_argo::spec::Application;
use belay_cluster::Patch;
use belay_object::{Object, ObjectKey, Value, from_json_str, object};
use http::Method;

use super::{Plane, Through, items, path, status_of};
use crate::argocd::object_of;

/// Manifests of one request: they stand in its address, of which servers take 64 KiB.
const MAX_QUERY: usize = 40 << 10;

/// A live object, as a server is asked about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Which object.
    pub key: ObjectKey,
    /// `v1`
    pub version: String,
}

fn of(app: &Application, more: &[&str]) -> String {
    let mut parts = vec!["api", "v1", "applications", app.name.as_str()];
    parts.extend(more);
    path(&parts)
}

/// What names an Application in a query.
fn whose(app: &Application) -> Vec<(&str, &str)> {
    vec![("appNamespace", app.namespace.as_str()), ("project", app.spec.project())]
}

/// What names one of its objects, too.
fn about<'a>(app: &'a Application, which: &'a Named) -> Vec<(&'a str, &'a str)> {
    let mut query = whose(app);
    query.extend([
        ("group", which.key.kind.group.as_str()),
        ("version", which.version.as_str()),
        ("kind", which.key.kind.kind.as_str()),
        ("namespace", &*which.key.namespace),
        ("resourceName", &*which.key.name),
    ]);
    query
}

impl Plane {
    /// The page of an Application, where a server has one.
    pub fn page(&self, app: &Application) -> Option<String> {
        match self {
            Plane::Cluster(_) => None,
            Plane::Server(through) => {
                Some(format!("{}{}", through.server.base(), path(&["applications", &app.namespace, &app.name])))
            }
        }
    }
}

impl Through {
    /// The tree of an Application's objects.
    pub async fn tree(&self, app: &Application) -> Result<Value> {
        self.server.get(&of(app, &["resource-tree"]), &whose(app)).await
    }

    /// The sync windows of an Application.
    pub async fn windows(&self, app: &Application) -> Result<Value> {
        self.server.get(&of(app, &["syncwindows"]), &whose(app)).await
    }

    /// Every object that an Application manages, as it is wanted and as it is.
    pub async fn managed(&self, app: &Application) -> Result<Vec<Value>> {
        Ok(items(&self.server.get(&of(app, &["managed-resources"]), &whose(app)).await?).to_vec())
    }

    /// What an apply of these manifests would make.
    pub async fn compared(&self, app: &Application, manifests: &[Object]) -> Result<Vec<Value>> {
        let texts: Vec<String> = manifests.iter().map(|object| object.value().to_json()).collect();
        let mut found = Vec::new();
        let mut rest = texts.as_slice();
        while !rest.is_empty() {
            let mut size = 0;
            let fits = |text: &&String| {
                size += text.len() * 2;
                size <= MAX_QUERY
            };
            // One that is too large alone is for the server to refuse.
            let count = rest.iter().take_while(fits).count().max(1);
            let mut query = whose(app);
            query.extend(rest[..count].iter().map(|text| ("targetManifests", text.as_str())));
            let told = self.server.get(&of(app, &["server-side-diff"]), &query).await?;
            found.extend_from_slice(items(&told));
            rest = &rest[count..];
        }
        Ok(found)
    }

    /// One object, without what is secret.
    pub async fn live(&self, app: &Application, which: &Named) -> Result<Object> {
        manifest(&self.server.get(&of(app, &["resource"]), &about(app, which)).await?)
    }

    /// Patches one object.
    pub async fn patch_live(&self, app: &Application, which: &Named, patch: &Patch) -> Result<()> {
        let (kind, patch) = match patch {
            Patch::Json(patch) => ("application/json-patch+json", patch),
            Patch::Merge(patch) => ("application/merge-patch+json", patch),
            Patch::Strategic(patch) => ("application/strategic-merge-patch+json", patch),
        };
        let mut query = about(app, which);
        query.push(("patchType", kind));
        // Compat(argo 3.5): the patch is a text.
        let body = Value::from(patch.to_json());
        self.server.send(Method::POST, &of(app, &["resource"]), &query, Some(&body)).await.map(drop)
    }

    /// Deletes one object.
    pub async fn delete_live(&self, app: &Application, which: &Named, force: bool, orphan: bool) -> Result<()> {
        let mut query = about(app, which);
        let flag = |on: bool| if on { "true" } else { "" };
        query.extend([("force", flag(force)), ("orphan", flag(orphan))]);
        self.server.delete(&of(app, &["resource"]), &query).await.map(drop)
    }

    /// What may be done to one object: names, and whether that is off at present.
    pub async fn actions(&self, app: &Application, which: &Named) -> Result<Vec<(String, bool)>> {
        let told = self.server.get(&of(app, &["resource", "actions"]), &about(app, which)).await?;
        let actions = told.get("actions").map_or(&[][..], Value::items);
        let off = |action: &Value| action.get("disabled").and_then(Value::as_bool).unwrap_or(false);
        Ok(actions.iter().filter_map(|a| Some((a.str_at(&["name"])?.to_owned(), off(a)))).collect())
    }

    /// Does one of those things.
    pub async fn act(&self, app: &Application, which: &Named, action: &str) -> Result<()> {
        let message = object! {
            "name" => app.name.as_str(), "appNamespace" => app.namespace.as_str(), "project" => app.spec.project(),
            "group" => which.key.kind.group.as_str(), "version" => which.version.as_str(),
            "kind" => which.key.kind.kind.as_str(), "namespace" => &*which.key.namespace,
            "resourceName" => &*which.key.name, "action" => action,
        };
        match self.server.post(&of(app, &["resource", "actions", "v2"]), &message).await {
            // A server before 3.1 knows the older form alone.
            Err(e) if matches!(status_of(&e), Some(404 | 405 | 501)) => {
                let body = Value::from(action);
                let query = about(app, which);
                self.server.send(Method::POST, &of(app, &["resource", "actions"]), &query, Some(&body)).await.map(drop)
            }
            other => other.map(drop),
        }
    }
}

fn manifest(told: &Value) -> Result<Object> {
    let text = told.str_at(&["manifest"]).context("the server tells no manifest")?;
    object_of(from_json_str(text)?)
}
