//! HelmChart: one chart of a repository or of a source's files.

use belay_object::Object;

use super::oci_repository::OciVerification;
use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// A HelmChart as it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelmChart {
    /// What it says of itself.
    pub meta: Meta,
    /// Its name in a HelmRepository, or its path in a source's files.
    pub chart: String,
    /// The range of versions; of a HelmRepository alone.
    pub version: String,
    /// The kind of its source.
    pub source_kind: String,
    /// The name of its source, in the same namespace.
    pub source_name: String,
    /// How often to look.
    pub interval: GoDuration,
    /// Whether a new revision of its source makes a new chart, whatever version the chart has.
    pub by_revision: bool,
    /// Files whose values are merged into the chart's.
    pub values_files: Vec<String>,
    /// Whether those that are missing are passed over.
    pub ignore_missing_values_files: bool,
    /// Signatures to check.
    pub verify: Option<OciVerification>,
    /// Whether nothing is to be done.
    pub suspend: bool,
}

impl HelmChart {
    /// Reads one.
    pub fn read(object: &Object) -> Result<HelmChart, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        let strategy = spec.at("reconcileStrategy");
        let by_revision = match strategy.text()?.as_str() {
            "" | "ChartVersion" => false,
            "Revision" => true,
            other => return Err(strategy.wrong(format!("{other:?} is none of ChartVersion, Revision"))),
        };
        let version = spec.at("version").text()?;
        Ok(HelmChart {
            meta: Meta::read(object),
            chart: spec.at("chart").required_text()?,
            version: if version.is_empty() { "*".to_owned() } else { version },
            source_kind: spec.at("sourceRef").at("kind").required_text()?,
            source_name: spec.at("sourceRef").at("name").required_text()?,
            interval: spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?,
            by_revision,
            values_files: spec.at("valuesFiles").texts()?,
            ignore_missing_values_files: spec.at("ignoreMissingValuesFiles").flag()?,
            verify: OciVerification::read(&spec.at("verify"))?,
            suspend: spec.at("suspend").flag()?,
        })
    }
    /// The files to merge. Compat(flux 2.9): the chart's own values alone are no reason to merge.
    pub fn merged_files(&self) -> &[String] {
        match self.values_files.as_slice() {
            [one] if one.trim_start_matches("./") == "values.yaml" => &[],
            all => all,
        }
    }
}
