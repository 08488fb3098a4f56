//! A loaded chart.
//!
//! Charts are values: loading makes one, [`crate::dependencies`] makes another of it that fits the
//! values of a release, nothing changes one in place. Content is shared, so that copies are cheap.

mod metadata;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use belay_object::Map;
use belay_tree::{Digest, DigestBuilder};

pub use metadata::{Dependency, ImportValues, Lock, Maintainer, Metadata};

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The path within the chart, `/` between its parts.
    pub name: Arc<str>,
    /// The content; a leading byte order mark is cut.
    pub data: Arc<[u8]>,
    /// When it was changed, in RFC 3339, where the chart is an archive.
    pub mod_time: Option<Arc<str>>,
}

impl File {
    /// A file without a time.
    pub fn new(name: impl Into<Arc<str>>, data: impl Into<Arc<[u8]>>) -> File {
        File { name: name.into(), data: data.into(), mod_time: None }
    }
    /// The last part of the name.
    pub fn base_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// A chart with the charts in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What `Chart.yaml` says, with the dependencies of `requirements.yaml`.
    pub metadata: Metadata,
    /// `Chart.lock`.
    pub lock: Option<Lock>,
    /// Files under `templates/`.
    pub templates: Arc<[File]>,
    /// What `values.yaml` says; every number is a float, as in Go.
    pub values: Arc<Map>,
    /// Whether there is a `values.yaml` at all.
    pub has_values: bool,
    /// `values.schema.json`.
    pub schema: Option<File>,
    /// All other files, those of `crds/` included.
    pub files: Arc<[File]>,
    /// When `Chart.yaml` was changed, where the chart is an archive.
    pub mod_time: Option<Arc<str>>,
    /// The charts of `charts/`, by name of their file or directory.
    pub dependencies: Vec<Chart>,
}

/// A file of `crds/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Crd {
    /// The path from the root chart, names of charts included.
    pub path: String,
    /// The file.
    pub file: File,
}

impl Chart {
    /// The name; of an aliased dependency, the alias.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether this chart is only for other charts to use.
    pub fn is_library(&self) -> bool {
        self.metadata.chart_type.eq_ignore_ascii_case("library")
    }

    /// Refuses what cannot be installed with the user's values: library charts, and charts that lack
    /// a dependency that these values want. Helm asks for the others too, which nothing is rendered of.
    pub fn check_installable(&self, values: &Map) -> crate::Result<()> {
        let kind = self.metadata.chart_type.as_str();
        if !kind.is_empty() && kind != "application" {
            return Err(crate::Error::chart(format!("{kind} charts are not installable")));
        }
        let is_missing = |d: &&Dependency| !self.dependencies.iter().any(|c| c.name() == d.name);
        if !self.metadata.dependencies.iter().any(|d| is_missing(&d)) {
            return Ok(());
        }
        let wanted = crate::dependencies::processed(self, values)?.metadata.dependencies;
        let is_wanted = |d: &&Dependency| wanted.iter().any(|w| w.name == d.alias_or_name());
        let missing = self.metadata.dependencies.iter().filter(is_missing).filter(is_wanted);
        let missing: Vec<&str> = missing.map(|d| d.name.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to \
             fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
            missing.join(", ")
        );
        Err(crate::Error::new(crate::ErrorKind::Dependencies, message)
            .hint("put the charts into charts/, or fetch the chart from a repository that packages them"))
    }

    /// The manifests of `crds/`.
    pub fn own_crds(&self) -> impl Iterator<Item = &File> {
        let is_manifest = |name: &str| {
            let extension = name.rsplit('/').next().and_then(|base| base.rsplit_once('.')).map(|(_, e)| e);
            extension.is_some_and(|e| ["yaml", "yml", "json"].iter().any(|m| e.eq_ignore_ascii_case(m)))
        };
        self.files.iter().filter(move |f| f.name.starts_with("crds/") && is_manifest(&f.name))
    }

    /// Identity of all that the chart holds, sub-charts included.
    pub fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::new("chart");
        self.digest_into(&mut digest);
        digest.finish()
    }

    fn digest_into(&self, digest: &mut DigestBuilder) {
        let mut metadata = Vec::new();
        self.metadata.write(&mut metadata);
        digest.part(metadata);
        digest.part(belay_object::Value::Object((*self.values).clone()).to_json());
        for file in self.templates.iter().chain(&self.schema).chain(self.files.iter()) {
            digest.part(&*file.name).part(&file.data);
        }
        digest.part("charts");
        self.dependencies.iter().for_each(|chart| chart.digest_into(digest));
        digest.part("end");
    }
}
