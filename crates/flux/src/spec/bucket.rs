//! Bucket: which objects of a storage.

use belay_object::Object;

use super::oci_repository::CloudProvider;
use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// A Bucket as it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// What it says of itself.
    pub meta: Meta,
    /// The bucket's name.
    pub bucket: String,
    /// Host, and port if it is no usual one.
    pub endpoint: String,
    /// Whose storage it is.
    pub provider: CloudProvider,
    /// How often to look.
    pub interval: GoDuration,
    /// How long one look may take.
    pub timeout: GoDuration,
    /// Where it is.
    pub region: String,
    /// Only objects whose keys begin so.
    pub prefix: String,
    /// Whether to go without TLS.
    pub insecure: bool,
    /// The keys.
    pub secret: Option<String>,
    /// The secret with certificates.
    pub cert_secret: Option<String>,
    /// The proxy's secret.
    pub proxy_secret: Option<String>,
    /// Whether keys come from a token service.
    pub has_sts: bool,
    /// Ignore rules.
    pub ignore: Option<String>,
    /// Whether nothing is to be done.
    pub suspend: bool,
}

impl Bucket {
    /// Reads one.
    pub fn read(object: &Object) -> Result<Bucket, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        Ok(Bucket {
            meta: Meta::read(object),
            bucket: spec.at("bucketName").required_text()?,
            endpoint: spec.at("endpoint").required_text()?,
            provider: CloudProvider::read(&spec.at("provider"))?,
            interval: spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?,
            timeout: spec.at("timeout").duration()?.unwrap_or(GoDuration::from_secs(60)),
            region: spec.at("region").text()?,
            prefix: spec.at("prefix").text()?,
            insecure: spec.at("insecure").flag()?,
            secret: spec.at("secretRef").reference()?,
            cert_secret: spec.at("certSecretRef").reference()?,
            proxy_secret: spec.at("proxySecretRef").reference()?,
            has_sts: spec.at("sts").map()?.is_some(),
            ignore: spec.at("ignore").optional_text()?,
            suspend: spec.at("suspend").flag()?,
        })
    }
}
