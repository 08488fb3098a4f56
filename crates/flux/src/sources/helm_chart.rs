//! HelmChart: finding the version, getting the files, packing them where something of them changes.
//!
//! Compat(flux 2.9): reasons, and the beginnings of messages.

use std::fs::File as DiskFile;
use std::io::BufReader;
use std::sync::{Arc, LazyLock};

use belay_helm::index::{self, ChartVersion, choose, highest};
use belay_helm::{Chart, File, Limits, archive_files, dir_files, load_archive, load_files};
use belay_object::{Map, Object, Value};
use belay_oci::{Client, Repository, Tag, Target, media};
use belay_semver::Version;
use belay_tree::{Entry, Tree, TreePath};
use bytes::Bytes;
use regex::Regex;
use sha2::Digest as _;

use super::controller::{Content, Got, New, Sources, fail, fetch_failed};
use super::helm_repository::{Remote, remote};
use super::oci_repository::{refuse_clouds, signing_keys};
use super::{SourceName, credentials, dependencies, package};
use crate::duration::GoDuration;
use crate::names::{self, reason};
use crate::report::{Artifact, FailureClass, FailureOf, SourceOutcome, SourceReport, Told};
use crate::shared::{Name, Shared};
use crate::spec::{HelmChart, HelmRepository};

/// Largest archive of a chart: Flux's own limit is 10 MiB.
pub(super) const MOST_CHART_BYTES: u64 = 20 << 20;
/// How soon a source without an artifact is looked at again; its artifact wakes us before.
const SOURCE_RETRY: GoDuration = GoDuration::from_secs(30);

/// A stage at which a chart fails: the reason, how messages begin, whether trying again helps.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    Reference,
    Pull,
    Metadata,
    Values,
    Dependencies,
    Package,
    Verification,
}

pub(super) type Fail = (Stage, String);

impl Stage {
    fn outcome(self, why: &str) -> SourceOutcome {
        use FailureClass::{Generic, Stalling};
        let (of, reason, summary, class) = match self {
            Stage::Reference => {
                (FailureOf::Fetch, reason::INVALID_CHART_REFERENCE, "invalid chart reference", Stalling)
            }
            Stage::Pull => (FailureOf::Fetch, reason::CHART_PULL_ERROR, "chart pull error", Generic),
            Stage::Metadata => (FailureOf::Build, reason::METADATA_PATCH_ERROR, "chart metadata patch error", Stalling),
            Stage::Values => (FailureOf::Build, reason::VALUES_FILES_ERROR, "values files merge error", Stalling),
            Stage::Dependencies => {
                (FailureOf::Build, reason::DEPENDENCY_BUILD_ERROR, "dependency build error", Generic)
            }
            Stage::Package => (FailureOf::Build, reason::CHART_PACKAGE_ERROR, "chart package error", Generic),
            Stage::Verification => {
                (FailureOf::Build, reason::CHART_VERIFICATION_ERROR, "chart verification error", Generic)
            }
        };
        fail(of, reason, format!("{summary}: {why}"), class)
    }
}

/// What a chart is made of, before it is packed.
struct Found {
    name: String,
    /// The version that the artifact will have.
    version: String,
    from: From,
}

enum From {
    /// An archive of a repository, by one of its addresses.
    Index(Box<Remote>, ChartVersion),
    /// A manifest in a registry.
    Registry(Client, belay_oci::ContentDigest),
    /// A folder of a source.
    Folder(Arc<dyn Tree>, TreePath),
    /// An archive among a source's files.
    Archive(Arc<dyn Tree>, Bytes),
}

impl Sources {
    /// Looks for the chart, and builds it if it is another than before.
    pub(super) async fn look_at_chart(
        &self,
        spec: &HelmChart,
        report: &mut SourceReport,
    ) -> Result<Got, SourceOutcome> {
        let found = match spec.source_kind.as_str() {
            kind if kind == names::HELM_REPOSITORY.kind => self.find_in_repository(spec, report).await?,
            kind if kind == names::GIT_REPOSITORY.kind || kind == names::BUCKET.kind => {
                self.find_in_files(spec, report).await?
            }
            other => {
                let message = format!(
                    "failed to get source: unsupported source kind '{other}', must be one of: \
                     [HelmRepository GitRepository Bucket]"
                );
                return Err(fail(FailureOf::Fetch, reason::UNSUPPORTED_SOURCE_KIND, message, FailureClass::Stalling));
            }
        };
        if let Some(verify) = &spec.verify {
            let From::Registry(client, digest) = &found.from else {
                let why = "signatures are checked of charts in registries alone";
                return Err(Stage::Verification.outcome(why));
            };
            let keys = signing_keys(&self.shared, &spec.meta.namespace, verify).await?;
            let checked = belay_oci::cosign::verify(client, digest, &keys).await;
            checked.map_err(|e| Stage::Verification.outcome(&e.to_string()))?;
            report.verified(&format!("verified signature of version {}", found.version));
        } else {
            report.not_verified();
        }
        let is_packed = !spec.merged_files().is_empty()
            || matches!(found.from, From::Folder(..))
            || (spec.by_revision && matches!(found.from, From::Archive(..)));
        let stored = report.artifact().is_some_and(|a| a.revision == found.version);
        let observed = report.field("observedGeneration").as_i64() == Some(spec.meta.generation);
        if stored && observed && report.field("observedChartName").as_str() == Some(&found.name) {
            report.fetched();
            return Ok(Got::Same(told(&found.name, &found.version, is_packed, &observed_files(spec, report))));
        }
        let (name, version) = (found.name.clone(), found.version.clone());
        report.building("NewChart", &format!("new '{name}' chart with version '{version}'"));
        let (archive, files) = self.build(spec, found).await.map_err(|(stage, why)| stage.outcome(&why))?;
        report.fetched();
        let listed = spec.ignore_missing_values_files.then(|| Value::from(files.iter().collect::<Vec<_>>()));
        let observed = vec![
            ("observedChartName", Some(Value::from(name.as_str()))),
            ("observedValuesFiles", listed.filter(|files| !files.items().is_empty())),
        ];
        Ok(Got::New(Box::new(New {
            file: format!("{}-{version}.tgz", name.rsplit('/').next().unwrap_or_default()),
            told: told(&name, &version, is_packed, &files),
            revision: version,
            content: Content::Bytes(archive),
            metadata: Vec::new(),
            observed,
            fixed: "latest.tar.gz",
        })))
    }

    /// The chart's source, and its artifact unless it is a registry.
    fn source(&self, spec: &HelmChart, kind: &'static str) -> Result<(SourceName, Arc<Object>), SourceOutcome> {
        let source = SourceName { kind, name: Name::new(&spec.meta.namespace, &spec.source_name) };
        let object = self.shared.source(&source).ok_or_else(|| {
            let plural = source.plural();
            let message =
                format!("failed to get source: {plural}.source.toolkit.fluxcd.io \"{}\" not found", spec.source_name);
            fetch_failed(reason::SOURCE_UNAVAILABLE, message)
        })?;
        Ok((source, object))
    }

    async fn find_in_repository(&self, spec: &HelmChart, report: &mut SourceReport) -> Result<Found, SourceOutcome> {
        static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([-a-z0-9]+/?\.?)+$").expect("a constant"));
        let (_, object) = self.source(spec, names::HELM_REPOSITORY.kind)?;
        let repository = HelmRepository::read(&object)
            .map_err(|e| fetch_failed(reason::SOURCE_UNAVAILABLE, format!("failed to get source: {e}")))?;
        if !NAME.is_match(&spec.chart) {
            return Err(Stage::Reference.outcome(&format!(
                "invalid chart name '{}': a valid name must be lower case letters and numbers and MAY be separated \
                 with dashes (-), slashes (/) or periods (.)",
                spec.chart
            )));
        }
        if repository.is_registry {
            let finding = self.find_in_registry(spec, &repository);
            let late = |_| Err(Stage::Pull.outcome(&format!("timed out after {}", repository.timeout)));
            return tokio::time::timeout(repository.timeout.to_std(), finding).await.unwrap_or_else(late);
        }
        let artifact = artifact(&object, spec)?;
        report.of_source(&artifact.revision);
        let version = match self.index_version(spec, &artifact).await {
            Ok(Some(version)) => version,
            Ok(None) => return Err(no_artifact(spec)),
            Err(why) => {
                let why = format!("failed to get chart version for remote reference: {why}");
                return Err(Stage::Reference.outcome(&why));
            }
        };
        let remote = remote(&self.shared, &repository).await?;
        Ok(Found {
            name: version.name.clone(),
            version: with_metadata(&version.version, &generation(spec)).map_err(|e| Stage::Metadata.outcome(&e))?,
            from: From::Index(Box::new(remote), version),
        })
    }

    /// The version that the index in the store gives; `None` where it is not in the store.
    async fn index_version(&self, spec: &HelmChart, artifact: &Artifact) -> Result<Option<ChartVersion>, String> {
        let path = self.shared.artifacts.store.locate(&artifact.path).map_err(|e| e.to_string())?;
        let (chart, range) = (spec.chart.clone(), spec.version.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let Ok(file) = DiskFile::open(&path) else { return Ok(None) };
            let versions = index::versions(BufReader::new(file), &chart)?;
            choose(versions, &chart, &range).map(Some)
        });
        reading.await.map_err(|e| e.to_string())?
    }

    async fn find_in_registry(&self, spec: &HelmChart, repository: &HelmRepository) -> Result<Found, SourceOutcome> {
        refuse_clouds(repository.provider)?;
        let invalid = |e: &dyn std::fmt::Display| {
            let message = format!("invalid Helm repository URL: {e}");
            fail(FailureOf::Fetch, reason::URL_INVALID, message, FailureClass::Stalling)
        };
        if !repository.url.starts_with("oci://") {
            return Err(invalid(&format!("invalid OCI registry URL: {}", repository.url)));
        }
        let path = format!("{}/{}", repository.url.trim_end_matches('/'), spec.chart.trim_matches('/'));
        let at = Repository::parse(&path).map_err(|e| invalid(&e))?;
        let client = registry_client(&self.shared, repository, at).await?;
        let failed = |why: String| {
            let why = format!("failed to get chart version for remote reference: {why}");
            Stage::Pull.outcome(&why)
        };
        // Compat(flux 2.9): one version is taken as it is, without asking for all tags.
        let version = match Version::tag(&spec.version) {
            Ok(_) => spec.version.clone(),
            Err(_) => {
                let tags = client.tags().await.map_err(|e| denied_or(e, failed))?;
                let versions: Vec<String> = tags.iter().map(|t| t.replace('_', "+")).collect();
                highest(&versions, &spec.version).map_err(failed)?
            }
        };
        let tag = Tag::parse(&version.replace('+', "_")).map_err(|e| failed(e.to_string()))?;
        let digest = client.resolve(&Target::Tag(tag)).await.map_err(|e| denied_or(e, failed))?;
        Ok(Found {
            name: spec.chart.clone(),
            version: with_metadata(&version, &generation(spec)).map_err(|e| Stage::Metadata.outcome(&e))?,
            from: From::Registry(client, digest),
        })
    }

    async fn find_in_files(&self, spec: &HelmChart, report: &mut SourceReport) -> Result<Found, SourceOutcome> {
        let kind = SourceName::of_kind(&spec.source_kind, Name::new("", "")).map_or("", |s| s.kind);
        let (source, object) = self.source(spec, kind)?;
        let artifact = artifact(&object, spec)?;
        let tree = match self.shared.tree(&source, &artifact).await {
            Ok(Some(fetched)) => fetched.tree.clone(),
            Ok(None) => return Err(no_artifact(spec)),
            Err(why) => return Err(fetch_failed(reason::READ_OPERATION_FAILED, why)),
        };
        report.of_source(&artifact.revision);
        let path = TreePath::clean(&spec.chart).map_err(|e| Stage::Reference.outcome(&e.to_string()))?;
        let mut parts = Vec::new();
        if spec.by_revision {
            parts.push(short_revision(&artifact.revision));
        }
        parts.extend(generation(spec));
        let metadata = (!parts.is_empty()).then(|| parts.join("."));
        let limits = Limits::default();
        let reading = tokio::task::spawn_blocking(move || -> Result<_, String> {
            let (chart, from) = match tree.follow(&path).map_err(|e| e.to_string())?.1 {
                Entry::Dir => {
                    let chart = belay_helm::load_dir(&*tree, &path, &limits).map_err(|e| e.to_string())?;
                    (chart, From::Folder(tree, path))
                }
                Entry::File(file) => {
                    let chart = load_archive(&file.content, &limits).map_err(|e| e.to_string())?;
                    let bytes = Bytes::copy_from_slice(&file.content);
                    (chart, From::Archive(tree, bytes))
                }
                Entry::Absent | Entry::Symlink(_) => return Err(format!("no chart found at '{path}'")),
            };
            Ok((chart, from))
        });
        let read = reading.await.map_err(|e| Stage::Reference.outcome(&e.to_string()))?;
        let (chart, from) = read.map_err(|e| Stage::Reference.outcome(&e))?;
        let version = with_metadata(&chart.metadata.version, &metadata).map_err(|e| Stage::Metadata.outcome(&e))?;
        Ok(Found { name: chart.name().to_owned(), version, from })
    }

    /// The archive, and the files whose values were merged.
    async fn build(&self, spec: &HelmChart, found: Found) -> Result<(Bytes, Vec<String>), Fail> {
        let limits = Limits::default();
        let (mut files, root) = match &found.from {
            From::Index(remote, version) => {
                let bytes = download(&self.shared, remote, version).await.map_err(|e| (Stage::Pull, e))?;
                let place = version.urls.first().map_or("", String::as_str);
                check_archive(&bytes, place, &limits)?;
                if spec.merged_files().is_empty() {
                    return Ok((bytes, Vec::new()));
                }
                (archive_files(&bytes, &limits).map_err(|e| (Stage::Package, e.to_string()))?, None)
            }
            From::Registry(client, digest) => {
                let bytes = pull(client, digest).await.map_err(|e| (Stage::Pull, e))?;
                check_archive(&bytes, &format!("{}@{digest}", client.repository()), &limits)?;
                if spec.merged_files().is_empty() {
                    return Ok((bytes, Vec::new()));
                }
                (archive_files(&bytes, &limits).map_err(|e| (Stage::Package, e.to_string()))?, None)
            }
            From::Archive(tree, bytes) => {
                if spec.merged_files().is_empty() && !spec.by_revision {
                    return Ok((bytes.clone(), Vec::new()));
                }
                let files = archive_files(bytes, &limits).map_err(|e| (Stage::Package, e.to_string()))?;
                (files, Some(tree.clone()))
            }
            From::Folder(tree, path) => {
                let files = dir_files(&**tree, path, &limits).map_err(|e| (Stage::Package, e.to_string()))?;
                (files, Some(tree.clone()))
            }
        };
        package::set_version(&mut files, &found.version).map_err(|e| (Stage::Package, e))?;
        let merged = merge_values(spec, &mut files, root.as_deref()).map_err(|e| (Stage::Values, e))?;
        if let From::Folder(tree, path) = &found.from {
            let chart = load_files(files.clone(), &limits).map_err(|e| (Stage::Package, e.to_string()))?;
            let added = dependencies::missing(&self.shared, &spec.meta.namespace, &**tree, path, &chart).await;
            files.extend(added.map_err(|e| (Stage::Dependencies, e))?);
        }
        let name = found.name.rsplit('/').next().unwrap_or_default().to_owned();
        let packing = tokio::task::spawn_blocking(move || {
            let archive = package::pack(&name, &files)?;
            let checked: Result<Chart, _> = load_archive(&archive, &Limits::default());
            checked.map_err(|e| e.to_string())?;
            Ok(Bytes::from(archive))
        });
        let packed = packing.await.map_err(|e| (Stage::Package, e.to_string()))?;
        packed.map(|archive| (archive, merged)).map_err(|e| (Stage::Package, e))
    }
}

/// Loads an archive to see that it is a chart; `place` is where it came from.
fn check_archive(bytes: &[u8], place: &str, limits: &Limits) -> Result<(), Fail> {
    let loaded = load_archive(bytes, limits);
    let why = |e: belay_helm::Error| format!("failed to load chart metadata from written chart: {place}: {e}");
    loaded.map(drop).map_err(|e| (Stage::Package, why(e)))
}

/// What is said of a chart. Compat(flux 2.9).
fn told(name: &str, version: &str, is_packed: bool, files: &[String]) -> Told {
    let (reason, action) = match is_packed {
        true => (reason::CHART_PACKAGE_SUCCEEDED, "packaged"),
        false => (reason::CHART_PULL_SUCCEEDED, "pulled"),
    };
    let mut state = format!("{action} '{name}' chart with version '{version}'");
    if !files.is_empty() {
        state += &format!(" and merged values files [{}]", files.join(" "));
    }
    Told { reason, event: state.clone(), state }
}

fn observed_files(spec: &HelmChart, report: &SourceReport) -> Vec<String> {
    let observed = report.field("observedValuesFiles").items();
    match spec.ignore_missing_values_files && !observed.is_empty() {
        true => observed.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        false => spec.merged_files().to_vec(),
    }
}

fn artifact(object: &Object, spec: &HelmChart) -> Result<Artifact, SourceOutcome> {
    object.at(&["status", "artifact"]).and_then(Artifact::read).ok_or_else(|| no_artifact(spec))
}

fn no_artifact(spec: &HelmChart) -> SourceOutcome {
    let message = format!("no artifact available for {} source '{}'", spec.source_kind, spec.source_name);
    fail(FailureOf::Fetch, reason::NO_SOURCE_ARTIFACT, message, FailureClass::Waiting(SOURCE_RETRY))
}

/// Values files make a chart of their own: the generation tells one from another.
fn generation(spec: &HelmChart) -> Option<String> {
    (!spec.merged_files().is_empty()).then(|| spec.meta.generation.to_string())
}

/// The first 12 digits of a revision's hash.
fn short_revision(revision: &str) -> String {
    let hash = revision.rsplit_once(':').map_or(revision, |(_, hash)| hash);
    hash.chars().take(12).collect()
}

fn with_metadata(version: &str, metadata: &Option<String>) -> Result<String, String> {
    let Some(metadata) = metadata else { return Ok(version.to_owned()) };
    let parsed =
        Version::coerced(version).map_err(|e| format!("failed to parse version from chart metadata as SemVer: {e}"))?;
    let set =
        parsed.with_metadata(metadata).map_err(|e| format!("failed to set SemVer metadata on chart version: {e}"))?;
    Ok(set.to_string())
}

/// A client for a chart of a registry that a HelmRepository names.
pub(super) async fn registry_client(
    shared: &Shared,
    repository: &HelmRepository,
    at: Repository,
) -> Result<Client, SourceOutcome> {
    let denied = |e: String| fetch_failed(reason::AUTHENTICATION_FAILED, e);
    let namespace = &repository.meta.namespace;
    let keychain = match &repository.secret {
        Some(name) => {
            let secret = shared.secret(namespace, name).await.map_err(denied)?;
            credentials::registry(&secret, at.registry()).map_err(denied)?
        }
        None => belay_oci::Keychain::anonymous(),
    };
    let options = shared.way_out(namespace, repository.cert_secret.as_deref(), None).await.map_err(denied)?;
    let http = shared.outbound.clients.get(&options).map_err(|e| denied(e.to_string()))?;
    Ok(Client::new(http, at, keychain, repository.insecure))
}

/// Compat(flux 2.9): what the registry denies is told as such.
fn denied_or(error: belay_oci::Error, other: impl Fn(String) -> SourceOutcome) -> SourceOutcome {
    if error.kind() == belay_oci::ErrorKind::Unauthorized {
        let message = format!("failed to authenticate with the Helm repository: {error}");
        return fetch_failed(reason::AUTHENTICATION_FAILED, message);
    }
    other(error.to_string())
}

/// Gets an archive that an index names; its digest is checked where the index tells one.
pub(super) async fn download(shared: &Shared, remote: &Remote, version: &ChartVersion) -> Result<Bytes, String> {
    let failed = |e: String| format!("failed to download chart for remote reference: {e}");
    let url = version.urls.first();
    let url = url.ok_or_else(|| failed(format!("chart '{}' has no downloadable URLs", version.name)))?;
    let url = remote.resolve(url).map_err(failed)?;
    let mut archive = Vec::new();
    let mut take = |piece: &[u8]| {
        archive.extend_from_slice(piece);
        Ok(())
    };
    remote.get(shared, url.as_str(), MOST_CHART_BYTES, &mut take).await.map_err(failed)?;
    let wanted = version.digest.trim_start_matches("sha256:");
    let found: String = sha2::Sha256::digest(&archive).iter().map(|b| format!("{b:02x}")).collect();
    if !wanted.is_empty() && !wanted.eq_ignore_ascii_case(&found) {
        return Err(failed(format!("{url}: digest is sha256:{found}, the index says sha256:{wanted}")));
    }
    Ok(archive.into())
}

/// Gets the archive of a chart in a registry.
pub(super) async fn pull(client: &Client, digest: &belay_oci::ContentDigest) -> Result<Bytes, String> {
    let failed = |e: String| format!("failed to download chart for remote reference: {e}");
    let pulled = client.manifest(digest).await.map_err(|e| failed(e.to_string()))?;
    let layer = pulled.manifest.layer(Some(media::HELM_CHART));
    let layer = layer
        .ok_or_else(|| failed(format!("manifest does not contain a layer with mediatype {}", media::HELM_CHART)))?;
    client.blob(layer, MOST_CHART_BYTES).await.map_err(|e| failed(e.to_string()))
}

/// Merges the values that the resource lists, in their order, into the chart's own; gives the files
/// that were there. Paths are those of the source, or of the chart where there is no other source.
fn merge_values(spec: &HelmChart, files: &mut Vec<File>, root: Option<&dyn Tree>) -> Result<Vec<String>, String> {
    let (mut merged, mut used) = (Map::default(), Vec::new());
    for path in spec.merged_files() {
        let clean = TreePath::clean(path).map_err(|e| e.to_string())?;
        let data = match root {
            Some(tree) => tree.find_file(&clean).map_err(|e| e.to_string())?.map(|f| f.content.to_vec()),
            None => files.iter().find(|f| *f.name == *clean.as_str()).map(|f| f.data.to_vec()),
        };
        match data {
            Some(data) => {
                package::merge(&mut merged, package::read_values(path, &data)?);
                used.push(path.clone());
            }
            None if spec.ignore_missing_values_files => {}
            None => {
                return Err(match root {
                    Some(_) => format!("no values file found at path '/{clean}' (reference '{path}')"),
                    None => format!("failed to merge chart values: no values file found at path '{path}'"),
                });
            }
        }
    }
    if !merged.is_empty() {
        package::set_values(files, Value::Object(merged));
    }
    Ok(used)
}
