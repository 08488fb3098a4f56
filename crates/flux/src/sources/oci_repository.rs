//! OCIRepository: which artifact, whether it is signed, and what of it is stored.

use std::sync::Arc;

use belay_object::{Object, Value};
use belay_oci::cosign::{self, PublicKey};
use belay_oci::{Client, ContentDigest, Descriptor, Repository, Tag, Target, media};
use belay_semver::{Constraints, Version};
use belay_source::Filtered;
use belay_source::artifact::{UnpackLimits, unpack};
use bytes::Bytes;
use regex::RegexBuilder;

use super::controller::{Content, Got, New, Sources, fail, fetch_failed};
use crate::git_spec::value;
use crate::names::reason;
use crate::report::{FailureClass, FailureOf, SourceOutcome, SourceReport, Told};
use crate::shared::Shared;
use crate::spec::{CloudProvider, OciReference, OciRepository, OciVerification};

/// Largest layer that is stored: what is extracted unpacks to at most 100 MiB, charts have a few.
const MOST_LAYER_BYTES: u64 = 128 << 20;
/// Largest program that a filter of tags may become.
const MOST_FILTER_BYTES: usize = 1 << 20;

impl Sources {
    /// Looks at the registry within the resource's timeout.
    pub(super) async fn look_at_oci(
        &self,
        spec: &OciRepository,
        report: &mut SourceReport,
    ) -> Result<Got, SourceOutcome> {
        let looking = self.look_in_time(spec, report);
        tokio::time::timeout(spec.timeout.to_std(), looking).await.unwrap_or_else(|_| {
            let message = format!("failed to pull artifact from '{}': timed out after {}", spec.url, spec.timeout);
            Err(fetch_failed(reason::OCI_PULL_FAILED, message))
        })
    }

    async fn look_in_time(&self, spec: &OciRepository, report: &mut SourceReport) -> Result<Got, SourceOutcome> {
        refuse_clouds(spec.provider)?;
        let invalid = |e: &dyn std::fmt::Display| {
            let message = format!("URL validation failed for '{}': {e}", spec.url);
            fail(FailureOf::Fetch, reason::URL_INVALID, message, FailureClass::Stalling)
        };
        if !spec.url.starts_with("oci://") {
            return Err(invalid(&"URL must be in format 'oci://<domain>/<org>/<repo>'"));
        }
        let repository = Repository::parse(&spec.url).map_err(|e| invalid(&e))?;
        let client = self.client(spec, repository).await?;
        let target = target(spec, &client).await?;
        let digest = client
            .resolve(&target)
            .await
            .map_err(|e| fetch_failed(reason::OCI_PULL_FAILED, format!("failed to determine artifact digest: {e}")))?;
        let revision = match &target {
            Target::Tag(tag) => format!("{tag}@{digest}"),
            Target::Digest(digest) => digest.to_string(),
        };
        let is_current = report.artifact().is_some_and(|a| a.revision == revision);
        if !is_current {
            let joint = if matches!(target, Target::Tag(_)) { ':' } else { '@' };
            let message = format!("new revision '{revision}' for '{}{joint}{target}'", client.repository());
            report.building(reason::NEW_REVISION, &message);
        }
        match &spec.verify {
            None => report.not_verified(),
            Some(verify) if !is_current || !report.is_verified() => {
                self.verify(spec, verify, &client, &digest).await?;
                report.verified(&format!("verified signature of revision {revision}"));
            }
            Some(_) => {}
        }
        let told = Told {
            reason: reason::SUCCEEDED,
            state: format!("stored artifact for digest '{revision}'"),
            event: format!("stored artifact with revision '{revision}' from '{}'", spec.url),
        };
        let observed = [
            ("observedIgnore", spec.ignore.clone().map(Value::from)),
            ("observedLayerSelector", spec.layer_selector.clone()),
        ];
        let same_rules = observed.iter().all(|(field, wanted)| {
            let have = Some(report.field(field)).filter(|v| !v.is_null());
            have == wanted.as_ref()
        });
        if is_current && same_rules {
            report.fetched();
            return Ok(Got::Same(told));
        }
        let (content, metadata) = pull(spec, &client, &digest).await?;
        report.fetched();
        // Compat(flux 2.9): a copied layer has the same name.
        let (file, fixed) = (format!("{digest}.tar.gz"), "latest.tar.gz");
        Ok(Got::New(Box::new(New { revision, file, content, metadata, observed: observed.into(), fixed, told })))
    }

    async fn client(&self, spec: &OciRepository, repository: Repository) -> Result<Client, SourceOutcome> {
        let shared = &self.shared;
        let denied = |what: &str, why: String| fetch_failed(reason::AUTHENTICATION_FAILED, format!("{what}: {why}"));
        let namespace = &spec.meta.namespace;
        let keychain = shared
            .keychain(namespace, spec.secret.as_deref(), spec.service_account.as_deref())
            .await
            .map_err(|e| denied("failed to get credential", e))?;
        let transport = || format!("failed to generate transport for '{}'", spec.url);
        let options = shared
            .way_out(namespace, spec.cert_secret.as_deref(), spec.proxy_secret.as_deref())
            .await
            .map_err(|e| denied(&transport(), e))?;
        let http = shared.outbound.clients.get(&options).map_err(|e| denied(&transport(), e.to_string()))?;
        Ok(Client::new(http, repository, keychain, spec.insecure))
    }

    async fn verify(
        &self,
        spec: &OciRepository,
        verify: &OciVerification,
        client: &Client,
        digest: &ContentDigest,
    ) -> Result<(), SourceOutcome> {
        check_signature(&self.shared, &spec.meta.namespace, verify, client, digest).await
    }
}

/// Checks that an artifact is signed by one of the keys of a secret.
async fn check_signature(
    shared: &Shared,
    namespace: &str,
    verify: &OciVerification,
    client: &Client,
    digest: &ContentDigest,
) -> Result<(), SourceOutcome> {
    let keys = signing_keys(shared, namespace, verify).await?;
    let checked = cosign::verify(client, digest, &keys).await;
    checked.map_err(|e| not_verified(verify, &e.to_string(), FailureClass::Generic))
}

fn not_verified(verify: &OciVerification, why: &str, class: FailureClass) -> SourceOutcome {
    let message = format!("failed to verify the signature using provider '{}': {why}", verify.shown());
    fail(FailureOf::Verification, reason::VERIFICATION_ERROR, message, class)
}

/// The keys by which signatures are checked.
pub(super) async fn signing_keys(
    shared: &Shared,
    namespace: &str,
    verify: &OciVerification,
) -> Result<Vec<PublicKey>, SourceOutcome> {
    let refused = |why: &str| not_verified(verify, why, FailureClass::Stalling);
    if verify.provider != "cosign" {
        return Err(refused("this version checks signatures of cosign alone"));
    }
    let Some(name) = &verify.secret else {
        return Err(refused("this version checks signatures by public keys alone: name a secret with '*.pub' keys"));
    };
    let generic = |why: String| not_verified(verify, &why, FailureClass::Generic);
    let secret = shared.secret(namespace, name).await.map_err(generic)?;
    public_keys(&secret).map_err(generic)
}

/// The keys of a secret: the values of names that end with `.pub`.
fn public_keys(secret: &Object) -> Result<Vec<PublicKey>, String> {
    let names = secret.get("data").and_then(Value::as_object).into_iter().flat_map(|data| data.keys());
    let mut keys = Vec::new();
    for name in names.filter(|name| name.ends_with(".pub")) {
        let key = value(secret, name).unwrap_or_default();
        let place = || format!("'{name}' of secret '{}/{}'", secret.namespace(), secret.name());
        keys.push(PublicKey::parse(&key).map_err(|e| format!("{}: {e}", place()))?);
    }
    Ok(keys)
}

/// Logins of clouds are not there yet.
pub(super) fn refuse_clouds(provider: CloudProvider) -> Result<(), SourceOutcome> {
    if provider == CloudProvider::Generic {
        return Ok(());
    }
    let message = format!("provider {:?} is not served by this version: use a secret", provider.as_str());
    Err(fail(FailureOf::Fetch, reason::INVALID_PROVIDER_CONFIGURATION, message, FailureClass::Stalling))
}

/// Which artifact is meant.
async fn target(spec: &OciRepository, client: &Client) -> Result<Target, SourceOutcome> {
    let failed = |e: String| {
        let message = format!("failed to determine the artifact tag for '{}': {e}", spec.url);
        fetch_failed(reason::READ_OPERATION_FAILED, message)
    };
    match &spec.reference {
        OciReference::Digest(digest) => {
            ContentDigest::parse(digest).map(Target::Digest).map_err(|e| failed(e.to_string()))
        }
        OciReference::Tag(tag) => Tag::parse(tag).map(Target::Tag).map_err(|e| failed(e.to_string())),
        OciReference::Semver { range, filter } => {
            let tags = client.tags().await.map_err(|e| failed(e.to_string()))?;
            let of_chart = spec.layer_type.as_deref() == Some(media::HELM_CHART);
            let tag = highest(&tags, range, filter.as_deref(), of_chart).map_err(failed)?;
            Tag::parse(&tag).map(Target::Tag).map_err(|e| failed(e.to_string()))
        }
    }
}

/// The highest version in a range. Compat(flux 2.9): tags of charts have `_` where versions have `+`.
pub(super) fn highest(tags: &[String], range: &str, filter: Option<&str>, of_chart: bool) -> Result<String, String> {
    let filter = filter
        .map(|text| RegexBuilder::new(text).size_limit(MOST_FILTER_BYTES).build())
        .transpose()
        .map_err(|e| format!("semverFilter cannot be read: {e}"))?;
    let constraints = Constraints::parse(range).map_err(|e| format!("semver '{range}' parse error: {e}"))?;
    let versions = tags.iter().filter(|tag| filter.as_ref().is_none_or(|f| f.is_match(tag))).filter_map(|tag| {
        let text = if of_chart { tag.replace('_', "+") } else { tag.clone() };
        Version::tag(&text).ok()
    });
    let best = constraints.highest(versions, |version| version.original().to_owned());
    let best = best.ok_or_else(|| format!("no match found for semver: {range}"))?;
    Ok(if of_chart { best.original().replace('+', "_") } else { best.original().to_owned() })
}

/// Gets the layer that the resource selects, and what is told of the artifact.
async fn pull(
    spec: &OciRepository,
    client: &Client,
    digest: &ContentDigest,
) -> Result<(Content, Vec<(String, String)>), SourceOutcome> {
    let pulled = client.manifest(digest).await.map_err(|e| {
        fetch_failed(reason::OCI_PULL_FAILED, format!("failed to pull artifact from '{}': {e}", spec.url))
    })?;
    let failed = |message: String| fetch_failed(reason::OCI_LAYER_OPERATION_FAILED, message);
    let layer: &Descriptor = match (pulled.manifest.layer(spec.layer_type.as_deref()), &spec.layer_type) {
        (Some(layer), _) => layer,
        (None, Some(wanted)) => {
            return Err(failed(format!("failed to find layer with media type '{wanted}' in artifact")));
        }
        (None, None) => return Err(failed("no layers found in artifact".to_owned())),
    };
    let blob = client
        .blob(layer, MOST_LAYER_BYTES)
        .await
        .map_err(|e| failed(format!("failed to extract the first layer from artifact: {e}")))?;
    let metadata = pulled.manifest.annotations.into_iter().collect();
    if spec.copy {
        return Ok((Content::Bytes(blob), metadata));
    }
    let tree = extract(blob, spec.ignore.clone()).await.map_err(failed)?;
    Ok((tree, metadata))
}

async fn extract(blob: Bytes, ignore: Option<String>) -> Result<Content, String> {
    // Compat(flux 2.9): symlinks of a layer are left out.
    let limits = UnpackLimits { skip_symlinks: true, ..UnpackLimits::default() };
    let unpacking = tokio::task::spawn_blocking(move || unpack(&*blob, &limits));
    let unpacked = unpacking.await.map_err(|e| format!("extracting stopped: {e}"))?;
    let tree = unpacked.map_err(|e| format!("failed to extract layer contents from artifact: {e}"))?;
    Ok(Content::Tree(Arc::new(Filtered::new(Arc::new(tree), ignore.as_deref(), Arc::default()))))
}
