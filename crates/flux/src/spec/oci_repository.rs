//! OCIRepository: which artifact of a registry, how to trust it, what to take of it.

use belay_object::{Object, Value};

use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// Which artifact is meant. Of several fields the first of digest, semver, tag counts.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum OciReference {
    /// `sha256:<hex>`.
    Digest(String),
    /// The highest tag in a range of versions, of those that match a regular expression.
    Semver {
        /// The range.
        range: String,
        /// The expression; `None` for all tags.
        filter: Option<String>,
    },
    /// A tag.
    Tag(String),
}

/// The tag that is meant where nothing is said.
const DEFAULT_TAG: &str = "latest";

/// How to log in to a cloud's registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum CloudProvider {
    /// Not at all: by secrets.
    #[default]
    Generic,
    /// Amazon.
    Aws,
    /// Microsoft.
    Azure,
    /// Google.
    Gcp,
}

impl CloudProvider {
    /// As the resource writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            CloudProvider::Generic => "generic",
            CloudProvider::Aws => "aws",
            CloudProvider::Azure => "azure",
            CloudProvider::Gcp => "gcp",
        }
    }
    pub(crate) fn read(field: &Field<'_>) -> Result<CloudProvider, SpecError> {
        Ok(match field.text()?.as_str() {
            "" | "generic" => CloudProvider::Generic,
            "aws" => CloudProvider::Aws,
            "azure" => CloudProvider::Azure,
            "gcp" => CloudProvider::Gcp,
            other => return Err(field.wrong(format!("{other:?} is none of generic, aws, azure, gcp"))),
        })
    }
}

/// How signatures are checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OciVerification {
    /// `cosign` or `notation`.
    pub provider: String,
    /// The secret with public keys; without one signatures are by identity.
    pub secret: Option<String>,
}

impl OciVerification {
    pub(crate) fn read(field: &Field<'_>) -> Result<Option<OciVerification>, SpecError> {
        if field.map()?.is_none() {
            return Ok(None);
        }
        let provider = field.at("provider").text()?;
        Ok(Some(OciVerification {
            provider: if provider.is_empty() { "cosign".to_owned() } else { provider },
            secret: field.at("secretRef").reference()?,
        }))
    }
    /// How messages call it.
    pub fn shown(&self) -> String {
        match (self.provider.as_str(), &self.secret) {
            // Compat(flux 2.9): the word for signatures without keys.
            ("cosign", None) => "cosign keyless".to_owned(),
            (provider, _) => provider.to_owned(),
        }
    }
}

/// An OCIRepository as it is meant.
#[derive(Clone, PartialEq, Debug)]
pub struct OciRepository {
    /// What it says of itself.
    pub meta: Meta,
    /// Where from: `oci://host/path`.
    pub url: String,
    /// How often to look.
    pub interval: GoDuration,
    /// How long one look may take.
    pub timeout: GoDuration,
    /// Which artifact.
    pub reference: OciReference,
    /// The media type of the layer to take; the first of all where empty.
    pub layer_type: Option<String>,
    /// Whether the layer is kept as it is instead of its files.
    pub copy: bool,
    /// The selector as it is written, to be observed.
    pub layer_selector: Option<Value>,
    /// How to log in.
    pub provider: CloudProvider,
    /// Credentials in Docker's form.
    pub secret: Option<String>,
    /// The account whose pull secrets are taken.
    pub service_account: Option<String>,
    /// The secret with certificates.
    pub cert_secret: Option<String>,
    /// The proxy's secret.
    pub proxy_secret: Option<String>,
    /// Signatures to check.
    pub verify: Option<OciVerification>,
    /// Ignore rules in place of the default ones.
    pub ignore: Option<String>,
    /// Whether plain HTTP is allowed.
    pub insecure: bool,
    /// Whether nothing is to be done.
    pub suspend: bool,
}

impl OciRepository {
    /// Reads one.
    pub fn read(object: &Object) -> Result<OciRepository, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        let selector = spec.at("layerSelector");
        let text = |field: Field<'_>| Ok::<_, SpecError>(field.optional_text()?.filter(|s| !s.is_empty()));
        let operation = selector.at("operation");
        let copy = match operation.text()?.as_str() {
            "" | "extract" => false,
            "copy" => true,
            other => return Err(operation.wrong(format!("{other:?} is none of extract, copy"))),
        };
        Ok(OciRepository {
            meta: Meta::read(object),
            url: spec.at("url").required_text()?,
            interval: spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?,
            timeout: spec.at("timeout").duration()?.unwrap_or(GoDuration::from_secs(60)),
            reference: reference(&spec.at("ref"))?,
            layer_type: text(selector.at("mediaType"))?,
            copy,
            layer_selector: selector.value().cloned(),
            provider: CloudProvider::read(&spec.at("provider"))?,
            secret: spec.at("secretRef").reference()?,
            service_account: text(spec.at("serviceAccountName"))?,
            cert_secret: spec.at("certSecretRef").reference()?,
            proxy_secret: spec.at("proxySecretRef").reference()?,
            verify: OciVerification::read(&spec.at("verify"))?,
            ignore: spec.at("ignore").optional_text()?,
            insecure: spec.at("insecure").flag()?,
            suspend: spec.at("suspend").flag()?,
        })
    }
}

fn reference(field: &Field<'_>) -> Result<OciReference, SpecError> {
    field.map()?;
    let text = |name: &str| Ok::<_, SpecError>(field.at(name).optional_text()?.filter(|s| !s.is_empty()));
    Ok(if let Some(digest) = text("digest")? {
        OciReference::Digest(digest)
    } else if let Some(range) = text("semver")? {
        OciReference::Semver { range, filter: text("semverFilter")? }
    } else {
        OciReference::Tag(text("tag")?.unwrap_or_else(|| DEFAULT_TAG.to_owned()))
    })
}
