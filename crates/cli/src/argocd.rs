//! What the commands about Argo CD's resources share: where these stand, and how they are read and changed.
//!
//! [`Argocd`] is the way straight over the cluster's API, with the rights of whoever calls: what is written is
//! what Argo CD's own server would write. No server is asked, so nobody logs in. The other way is in
//! [`crate::plane`].

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_argo::names;
use belay_argo::spec::Application;
use belay_cluster::{Cluster, ErrorKind, ListOptions, Patch, Resource, WriteOptions};
use belay_object::{Object, Value, merge_patch_between};

use crate::args::{ArgocdFlags, Form, Global};
use crate::connect::{Session, connect};
use crate::out;
use crate::output::clean;

/// The exit status of a command that failed. Compat(argocd 3.5)
pub const FAILED: u8 = 20;
/// The field manager of what the commands write.
pub const MANAGER: &str = "belay";
/// The namespace of an installation that nobody named.
const NAMESPACE: &str = "argocd";
/// The namespace of commands about Flux's resources: where -n says nothing it is this.
const OF_FLUX: &str = "flux-system";
/// How often a change is made again because somebody else changed the object meanwhile.
const TRIES: usize = 5;

/// A cluster with Argo CD's resources.
pub struct Argocd {
    /// The cluster.
    pub cluster: Cluster,
    /// The control-plane namespace.
    pub namespace: String,
    /// Where Applications are looked for that are named without a namespace.
    pub app_namespace: String,
}

/// Which Application.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AppId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for AppId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            // A server's own.
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

impl AppId {
    /// Reads `NAME` or `NAMESPACE/NAME`; `own` is the namespace of those without.
    pub fn read(text: &str, own: &str) -> AppId {
        let (namespace, name) = text.split_once('/').unwrap_or((own, text));
        AppId { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl Argocd {
    /// Reaches the cluster.
    pub async fn connect(global: &Global, flags: &ArgocdFlags, app_namespace: Option<&str>) -> Result<Argocd> {
        let Session { cluster, namespace } = connect(global).await?;
        // Argo CD's commands take the namespace of the installation from kubectl's flag.
        let of_flag = given(&namespace, OF_FLUX, &std::env::var("FLUX_SYSTEM_NAMESPACE").unwrap_or_default());
        let namespace = flags.argocd_namespace.clone().or(of_flag).unwrap_or_else(|| NAMESPACE.to_owned());
        let app_namespace = app_namespace.unwrap_or(&namespace).to_owned();
        Ok(Argocd { cluster, namespace, app_namespace })
    }

    /// The resource of secrets.
    pub fn secrets() -> Arc<Resource> {
        Resource::known("", "v1", "Secret", "secrets", true)
    }

    /// An Application's object, if it is there.
    pub async fn find(&self, id: &AppId) -> Result<Option<Object>> {
        self.cluster.find(&names::applications(), &id.namespace, &id.name).await.map_err(no_definitions)
    }

    /// An Application's object.
    pub async fn object(&self, id: &AppId) -> Result<Object> {
        let found = self.find(id).await?;
        found.with_context(|| format!("application '{}' not found in namespace '{}'", id.name, id.namespace))
    }

    /// An Application.
    pub async fn application(&self, id: &AppId) -> Result<Application> {
        read(&self.object(id).await?)
    }

    /// All Applications with these labels, in order of their names: those of the named namespace, or all that
    /// may be seen.
    pub async fn all(&self, labels: &str, everywhere: bool) -> Result<Vec<Object>> {
        let options = ListOptions { labels: labels.to_owned(), ..ListOptions::default() };
        let list = async |namespace: &str| self.cluster.list(&names::applications(), namespace, &options).await;
        let found = match everywhere {
            // Who may not look everywhere sees those of the control plane.
            true => match list("").await {
                Err(e) if e.kind() == ErrorKind::Forbidden => list(&self.app_namespace).await,
                other => other,
            },
            false => list(&self.app_namespace).await,
        };
        let mut found = found.map_err(no_definitions)?.items;
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        Ok(found)
    }

    /// Changes an object as it is: read, changed, written if nobody else wrote meanwhile; tried again if so.
    pub async fn change(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        mut change: impl FnMut(&mut Object) -> Result<()>,
    ) -> Result<Object> {
        let mut tries = TRIES;
        loop {
            let before = self.cluster.get(resource, namespace, name).await.map_err(no_definitions)?;
            let mut after = before.clone();
            change(&mut after)?;
            let Some(mut patch) = merge_patch_between(before.value(), after.value()) else { return Ok(before) };
            patch.set(&["metadata", "resourceVersion"], before.resource_version());
            let written = self.cluster.patch(resource, namespace, name, &Patch::Merge(patch), &options()).await;
            tries -= 1;
            match written {
                Err(e) if e.kind() == ErrorKind::Conflict && tries > 0 => {}
                other => return Ok(other?),
            }
        }
    }

    /// A config map of the installation, if it is there.
    pub async fn find_map(&self, name: &str) -> Result<Option<Object>> {
        Ok(self.cluster.find(&config_maps(), &self.namespace, name).await?)
    }

    /// Changes a config map of the installation, which is made where it is not there.
    pub async fn change_map(&self, name: &str, mut change: impl FnMut(&mut Object) -> Result<()>) -> Result<Object> {
        if self.find_map(name).await?.is_none() {
            let mut map = Object::of("v1", "ConfigMap", &self.namespace, name);
            change(&mut map)?;
            match self.cluster.create(&config_maps(), &map, &options()).await {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                other => return Ok(other?),
            }
        }
        self.change(&config_maps(), &self.namespace, name, change).await
    }

    /// The same of an Application.
    pub async fn change_app(&self, id: &AppId, change: impl FnMut(&mut Object) -> Result<()>) -> Result<Object> {
        self.object(id).await?;
        self.change(&names::applications(), &id.namespace, &id.name, change).await
    }
}

fn config_maps() -> Arc<Resource> {
    Resource::known("", "v1", "ConfigMap", "configmaps", true)
}

/// The namespace of kubectl's flag, where somebody gave it: it has a default, and a variable that is about Flux.
fn given(namespace: &str, default: &str, of_flux: &str) -> Option<String> {
    (!namespace.is_empty() && namespace != default && namespace != of_flux).then(|| namespace.to_owned())
}

/// How the commands write.
pub fn options() -> WriteOptions {
    WriteOptions { field_manager: MANAGER.to_owned(), ..WriteOptions::default() }
}

/// Reads an Application.
pub fn read(object: &Object) -> Result<Application> {
    Application::read(object).map_err(|e| anyhow::anyhow!("application '{}' cannot be read: {e}", object.name()))
}

/// A manifest as an object.
pub fn object_of(value: Value) -> Result<Object> {
    Object::new(value).map_err(|_| anyhow::anyhow!("the manifest is no object: it needs apiVersion, kind and a name"))
}

/// A manifest is a few KiB; an API server takes 3 MiB.
const MAX_BYTES: u64 = 3 << 20;

/// The objects of a file, or of standard input where it is `-`.
pub fn manifests(file: &std::path::Path) -> Result<Vec<Object>> {
    use std::io::Read as _;
    let mut text = String::new();
    let cannot = || format!("{} cannot be read", file.display());
    let read = match file.to_str() {
        Some("-") => std::io::stdin().take(MAX_BYTES + 1).read_to_string(&mut text),
        _ => std::fs::File::open(file).with_context(cannot)?.take(MAX_BYTES + 1).read_to_string(&mut text),
    };
    if read.with_context(cannot)? as u64 > MAX_BYTES {
        bail!("{} is larger than 3 MiB", file.display());
    }
    let values = match text.trim_start().starts_with('{') {
        true => vec![belay_object::from_json_str(&text)?],
        false => belay_yaml::parse_documents(&text, &belay_yaml::Options::v2())?,
    };
    values.into_iter().filter(|v| !v.is_null()).map(object_of).collect()
}

/// A manifest without what a server writes: what was read from one cluster can be made in another.
pub fn fresh(mut object: Object) -> Object {
    object.remove(&["status"]);
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields"] {
        object.remove(&["metadata", field]);
    }
    object
}

/// What is not served most often is not installed.
fn no_definitions(error: belay_cluster::Error) -> anyhow::Error {
    let is_unknown = error.is_not_found() && error.status().is_some_and(|s| s.details_name.is_empty());
    let error = anyhow::Error::from(error);
    if is_unknown {
        error.context("Argo CD's resources are not installed: run `belay install --systems=argocd`")
    } else {
        error
    }
}

/// Rows in columns, two spaces apart, as argocd prints them.
#[derive(Default)]
pub struct Columns(Vec<Vec<String>>);

impl Columns {
    /// With these names above.
    pub fn new(header: &[&str]) -> Columns {
        Columns(vec![header.iter().map(|h| (*h).to_owned()).collect()])
    }
    /// Adds a row.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.0.push(cells.into_iter().map(|c| clean(c.as_ref()).replace(['\n', '\t'], " ")).collect());
    }
    /// The text.
    pub fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |i: usize| self.0.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            for (i, cell) in row.iter().enumerate() {
                text.push_str(cell);
                if i + 1 < row.len() {
                    text.extend(std::iter::repeat_n(' ', widths[i] + 2 - cell.chars().count()));
                }
            }
            text.push('\n');
        }
        text
    }
    /// Prints it.
    pub fn print(&self) {
        out!("{}", self.text());
    }
}

/// A form that a list is asked for in: json, yaml, or one of the words of that list; anything else is told.
pub fn form_of(word: &str, own: &[&str]) -> Result<Option<Form>> {
    match word {
        "json" => Ok(Some(Form::Json)),
        "yaml" => Ok(Some(Form::Yaml)),
        other if own.contains(&other) => Ok(None),
        other => bail!("unknown output format: {other}: it is json, yaml, {}", own.join(", ")),
    }
}

/// A value in a form for programs.
pub fn print_value(value: &Value, form: Form) -> Result<()> {
    match form {
        Form::Json => out!("{}\n", crate::output::json(value)),
        Form::Yaml => out!("{}", belay_yaml::to_yaml(value)),
        _ => bail!("unknown output format: only json and yaml print values"),
    }
    Ok(())
}

/// Reads `key=value` pairs.
pub fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').with_context(|| format!("{text:?} is no key=value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// The first seven characters of a commit; anything else as it is.
pub fn short(revision: &str) -> &str {
    let is_commit = revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit { &revision[..7] } else { revision }
}

#[cfg(test)]
mod tests;
