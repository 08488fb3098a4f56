//! The kinds that the commands know, and what a table shows of each.
//!
//! One row per kind: a command is written once for all of them.

use belay_object::{Condition, ConditionStatus, GroupKind, Object, Value};

use crate::args::OfSource;
use crate::output::{short_hex, yes};

/// One kind of Flux.
pub struct Kind {
    /// The kind (`GitRepository`).
    pub kind: &'static str,
    /// Its group.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its plural, as in paths.
    pub plural: &'static str,
    /// What people read: `source git`, `kustomization`.
    pub human: &'static str,
    /// Words that a person may type for it.
    pub words: &'static [&'static str],
    /// Where the revision stands that its table shows.
    revision: &'static [&'static str],
    /// Whether it is a source.
    pub source: bool,
}

/// Flux's GitRepository.
pub const GIT_REPOSITORY: Kind = Kind {
    kind: "GitRepository",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "gitrepositories",
    human: "source git",
    words: &["gitrepository", "gitrepositories", "gitrepo"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's OCIRepository.
pub const OCI_REPOSITORY: Kind = Kind {
    kind: "OCIRepository",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "ocirepositories",
    human: "source oci",
    words: &["ocirepository", "ocirepositories", "ocirepo"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's Bucket.
pub const BUCKET: Kind = Kind {
    kind: "Bucket",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "buckets",
    human: "source bucket",
    words: &["bucket", "buckets"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's HelmRepository.
pub const HELM_REPOSITORY: Kind = Kind {
    kind: "HelmRepository",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "helmrepositories",
    human: "source helm",
    words: &["helmrepository", "helmrepositories", "helmrepo"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's HelmChart.
pub const HELM_CHART: Kind = Kind {
    kind: "HelmChart",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "helmcharts",
    human: "source chart",
    words: &["helmchart", "helmcharts", "hc"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's ExternalArtifact.
pub const EXTERNAL_ARTIFACT: Kind = Kind {
    kind: "ExternalArtifact",
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "externalartifacts",
    human: "source external",
    words: &["externalartifact", "externalartifacts", "ea"],
    revision: &["status", "artifact", "revision"],
    source: true,
};

/// Flux's Kustomization.
pub const KUSTOMIZATION: Kind = Kind {
    kind: "Kustomization",
    group: "kustomize.toolkit.fluxcd.io",
    version: "v1",
    plural: "kustomizations",
    human: "kustomization",
    words: &["kustomization", "kustomizations", "ks"],
    revision: &["status", "lastAppliedRevision"],
    source: false,
};

/// Flux's HelmRelease.
pub const HELM_RELEASE: Kind = Kind {
    kind: "HelmRelease",
    group: "helm.toolkit.fluxcd.io",
    version: "v2",
    plural: "helmreleases",
    human: "helmrelease",
    words: &["helmrelease", "helmreleases", "hr"],
    revision: &["status", "lastAttemptedRevision"],
    source: false,
};

/// Every kind, sources first.
pub const ALL: &[&Kind] = &[
    &GIT_REPOSITORY,
    &OCI_REPOSITORY,
    &BUCKET,
    &HELM_REPOSITORY,
    &HELM_CHART,
    &EXTERNAL_ARTIFACT,
    &KUSTOMIZATION,
    &HELM_RELEASE,
];

/// The sources of [`ALL`].
pub const SOURCES: &[&Kind] =
    &[&GIT_REPOSITORY, &OCI_REPOSITORY, &BUCKET, &HELM_REPOSITORY, &HELM_CHART, &EXTERNAL_ARTIFACT];

/// Which kind of source a command is about, and what else it says.
pub fn of_source<A: clap::Args>(command: OfSource<A>) -> (&'static Kind, A) {
    match command {
        OfSource::Git(flags) => (&GIT_REPOSITORY, flags),
        OfSource::Oci(flags) => (&OCI_REPOSITORY, flags),
        OfSource::Helm(flags) => (&HELM_REPOSITORY, flags),
        OfSource::Bucket(flags) => (&BUCKET, flags),
        OfSource::Chart(flags) => (&HELM_CHART, flags),
    }
}

/// The kind of source that a reference names.
pub fn source_kind(name: &str) -> Option<&'static Kind> {
    SOURCES.iter().find(|k| k.kind == name).copied()
}

/// Whether an object has no status: a HelmRepository that is a registry lists nothing.
fn is_static(object: &Object) -> bool {
    object.kind() == HELM_REPOSITORY.kind && object.str_at(&["spec", "type"]) == Some("oci")
}

impl Kind {
    /// Its group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group, self.kind)
    }
    /// Its `apiVersion`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }
    /// The revision that its table shows, hashes shortened.
    pub fn revision(&self, object: &Object) -> String {
        short_hex(object.str_at(self.revision).unwrap_or_default())
    }
    /// The revision in full.
    pub fn whole_revision<'a>(&self, object: &'a Object) -> &'a str {
        object.str_at(self.revision).unwrap_or_default()
    }
    /// `kustomization/shop`, as `get all` names it.
    pub fn qualified(&self, object: &Object) -> String {
        format!("{}/{}", self.kind.to_lowercase(), object.name())
    }
}

/// Whether an object is suspended.
pub fn suspended(object: &Object) -> bool {
    object.at(&["spec", "suspend"]).and_then(Value::as_bool).unwrap_or_default()
}

/// The Ready condition as a table shows it: status and message.
pub fn readiness(object: &Object) -> (String, String) {
    match Condition::find(object, "Ready") {
        // Compat(flux 2.9): its text.
        _ if is_static(object) => ("True".into(), "Helm repository is Ready".into()),
        Some(ready) => (ready.status.as_str().to_owned(), short_hex(&ready.message)),
        // Compat(flux 2.9): the text for an object that no controller has looked at.
        None => ("False".into(), "waiting to be reconciled".into()),
    }
}

/// One row of `get`: name, [source,] revision, suspended, ready, message.
pub fn row(kind: &Kind, object: &Object, shown: Shown) -> Vec<String> {
    let (ready, message) = readiness(object);
    let mut cells = Vec::new();
    if shown.namespace {
        cells.push(object.namespace().to_owned());
    }
    cells.push(if shown.qualified { kind.qualified(object) } else { object.name().to_owned() });
    if shown.source {
        let reference = |k: &str| object.str_at(&["spec", "sourceRef", k]).unwrap_or_default();
        let namespace = Some(reference("namespace")).filter(|n| !n.is_empty()).unwrap_or(object.namespace());
        cells.push(format!("{}/{}/{}", reference("kind"), namespace, reference("name")));
    }
    cells.extend([kind.revision(object), yes(suspended(object)), ready, message]);
    cells
}

/// What a table shows besides the usual columns.
#[derive(Clone, Copy, Default)]
pub struct Shown {
    /// The namespace in front.
    pub namespace: bool,
    /// The kind with the name.
    pub qualified: bool,
    /// A Kustomization's source.
    pub source: bool,
}

impl Shown {
    /// The column names.
    pub fn header(self) -> Vec<&'static str> {
        let mut header = Vec::new();
        if self.namespace {
            header.push("namespace");
        }
        header.push("name");
        if self.source {
            header.push("source");
        }
        header.extend(["revision", "suspended", "ready", "message"]);
        header
    }
}

/// Whether the controllers have finished with the object's newest generation, and how.
pub fn finished(object: &Object) -> Option<Result<String, String>> {
    if is_static(object) {
        return Some(Ok(String::new()));
    }
    let ready = Condition::find(object, "Ready")?;
    let observed = object.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or(-1);
    let generation = object.generation();
    // Compat(flux 2.9): the condition's own generation counts where it has one.
    let current = observed >= 1
        && if ready.observed_generation != 0 { ready.observed_generation } else { observed } == generation;
    match ready.status {
        ConditionStatus::True if current => Some(Ok(ready.message)),
        ConditionStatus::False if ready.observed_generation == generation => Some(Err(ready.message)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
