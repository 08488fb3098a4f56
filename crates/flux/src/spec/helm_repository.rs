//! HelmRepository: where charts are listed.

use belay_object::Object;

use super::oci_repository::CloudProvider;
use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// A HelmRepository as it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelmRepository {
    /// What it says of itself.
    pub meta: Meta,
    /// Where charts are: `http`, `https`, or `oci` for a registry.
    pub url: String,
    /// Whether it is a registry, of which nothing is listed.
    pub is_registry: bool,
    /// How often to look.
    pub interval: GoDuration,
    /// How long one look, or one chart, may take.
    pub timeout: GoDuration,
    /// Credentials: user name and password, or Docker's form for a registry.
    pub secret: Option<String>,
    /// The secret with certificates.
    pub cert_secret: Option<String>,
    /// Whether credentials go to other hosts that the index names.
    pub pass_credentials: bool,
    /// How to log in to a registry.
    pub provider: CloudProvider,
    /// Whether plain HTTP is allowed for a registry.
    pub insecure: bool,
    /// Whether nothing is to be done.
    pub suspend: bool,
}

impl HelmRepository {
    /// Reads one.
    pub fn read(object: &Object) -> Result<HelmRepository, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        let kind = spec.at("type");
        let is_registry = match kind.text()?.as_str() {
            "" | "default" => false,
            "oci" => true,
            other => return Err(kind.wrong(format!("{other:?} is none of default, oci"))),
        };
        Ok(HelmRepository {
            meta: Meta::read(object),
            url: spec.at("url").required_text()?,
            is_registry,
            interval: spec.at("interval").duration()?.unwrap_or(GoDuration::from_secs(60)),
            timeout: spec.at("timeout").duration()?.unwrap_or(GoDuration::from_secs(60)),
            secret: spec.at("secretRef").reference()?,
            cert_secret: spec.at("certSecretRef").reference()?,
            pass_credentials: spec.at("passCredentials").flag()?,
            provider: CloudProvider::read(&spec.at("provider"))?,
            insecure: spec.at("insecure").flag()?,
            suspend: spec.at("suspend").flag()?,
        })
    }
}
