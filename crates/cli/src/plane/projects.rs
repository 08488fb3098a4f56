//! What is done to projects, either way.

use anyhow::{Context, Result, bail};
use belay_access::project::{Project, normalize_tokens};
use belay_argo::names;
use belay_cluster::{DeleteOptions, ListOptions};
use belay_object::{Object, Value, object};
use http::Method;

use super::{Plane, objects, path, status_of, typed};
use crate::argocd::options;

/// How often a change is made again because somebody else changed the project meanwhile.
const TRIES: usize = 5;

const KIND: &str = "AppProject";

/// What a server answers of a project.
fn project(value: Value) -> Result<Object> {
    typed(value, KIND)
}

fn of(name: &str, more: &[&str]) -> String {
    let mut parts = vec!["api", "v1", "projects", name];
    parts.extend(more);
    path(&parts)
}

impl Plane {
    /// A project, if it is there.
    pub async fn find_project(&self, name: &str) -> Result<Option<Object>> {
        match self {
            Plane::Cluster(argo) => Ok(argo.cluster.find(&names::projects(), &argo.namespace, name).await?),
            Plane::Server(through) => match through.server.get(&of(name, &[]), &[]).await {
                Ok(value) => project(value).map(Some),
                Err(e) if status_of(&e) == Some(404) => Ok(None),
                Err(e) => Err(e.context(format!("project '{name}'"))),
            },
        }
    }

    /// A project.
    pub async fn project(&self, name: &str) -> Result<Object> {
        let found = self.find_project(name).await?;
        match self {
            Plane::Cluster(argo) => {
                found.with_context(|| format!("project '{name}' not found in namespace '{}'", argo.namespace))
            }
            Plane::Server(_) => found.with_context(|| format!("project '{name}' not found")),
        }
    }

    /// All projects that may be seen, by name.
    pub async fn projects(&self) -> Result<Vec<Object>> {
        let mut found = match self {
            Plane::Cluster(argo) => {
                argo.cluster.list(&names::projects(), &argo.namespace, &ListOptions::default()).await?.items
            }
            Plane::Server(through) => objects(through.server.get("/api/v1/projects", &[]).await?, KIND)?,
        };
        found.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(found)
    }

    /// Makes a project, or with `upsert` gives one of its name another spec.
    pub async fn create_project(&self, project: &Object, upsert: bool) -> Result<()> {
        let argo = match self {
            Plane::Cluster(argo) => argo,
            Plane::Server(through) => {
                let message = object! { "project" => project.value().clone(), "upsert" => upsert };
                return through.server.post("/api/v1/projects", &message).await.map(drop);
            }
        };
        let name = project.name().to_owned();
        match argo.cluster.find(&names::projects(), &argo.namespace, &name).await? {
            None => {
                argo.cluster.create(&names::projects(), project, &options()).await?;
            }
            Some(existing) if existing.get("spec") == project.get("spec") => {}
            Some(_) if !upsert => {
                // Compat(argo 3.5): the words.
                bail!("existing project spec is different, use upsert flag to force update");
            }
            Some(_) => {
                self.change_project(&name, |object| {
                    // Tokens that were given out stay, whether the new spec knows of them or not.
                    normalize_tokens(object);
                    object.set(&["spec"], project.get("spec").cloned().unwrap_or_default());
                    normalize_tokens(object);
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Changes a project: of what is there at the moment, and again where somebody else was quicker. One that
    /// would be wrong is not written.
    pub async fn change_project(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Object) -> Result<()>,
    ) -> Result<Object> {
        let mut checked = move |project: &mut Object| {
            change(project)?;
            Project::read(project)?.validate()?;
            Ok(())
        };
        let through = match self {
            Plane::Cluster(argo) => {
                self.project(name).await?;
                return argo.change(&names::projects(), &argo.namespace, name, checked).await;
            }
            Plane::Server(through) => through,
        };
        let mut tried = 1;
        loop {
            let before = self.project(name).await?;
            let mut after = before.clone();
            checked(&mut after)?;
            if after == before {
                return Ok(before);
            }
            // With the version that was read: a server does not write over a newer one.
            let message = object! { "project" => after.into_value() };
            match through.server.send(Method::PUT, &of(name, &[]), &[], Some(&message)).await {
                Err(e) if status_of(&e) == Some(409) && tried < TRIES => tried += 1,
                other => return project(other?),
            }
        }
    }

    /// Deletes a project that no Application is of.
    pub async fn delete_project(&self, name: &str) -> Result<()> {
        let argo = match self {
            Plane::Cluster(argo) => argo,
            Plane::Server(through) => return through.server.delete(&of(name, &[]), &[]).await.map(drop),
        };
        let object = self.project(name).await?;
        let uses = |o: &Object| o.str_at(&["spec", "project"]) == Some(name);
        let users = argo.all("", true).await?.into_iter().filter(uses).count();
        if users > 0 {
            bail!("project is referenced by {users} applications");
        }
        let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&names::projects(), &argo.namespace, name, &options).await?;
        Ok(())
    }
}

/// Where the tokens of a role are made.
pub fn tokens_of(project: &str, role: &str, more: &[&str]) -> String {
    let mut parts = vec!["roles", role, "token"];
    parts.extend(more);
    of(project, &parts)
}
