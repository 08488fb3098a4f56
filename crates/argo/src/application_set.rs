//! ApplicationSets: many Applications from one template and what generates its parameters.
//!
//! - [`spec`]: the ApplicationSet as types.
//! - [`params`], [`generators`]: one set of parameters an Application, from lists, clusters and files of Git.
//! - [`templates`]: texts with parameters put in, by either of the two languages.
//! - [`generate`]: generators and template to Applications; all of them, or an error and none.
//! - [`plan`]: what is created, changed and deleted of what is live.
//! - [`rolling`]: which Applications are synced when, step by step.
//! - [`status`]: what is told of it.
//!
//! All of this is functions over values: who watches, fetches and writes is
//! [`crate::controller`]. Whatever cannot be known (a repository, a secret, a generator that is not built) is an
//! error, and never the same as "there is nothing": only the second deletes.

pub mod generate;
pub mod generators;
pub mod params;
pub mod plan;
pub mod rolling;
pub mod spec;
pub mod status;
pub mod templates;

use belay_object::{Object, Value};

use crate::spec::SpecError;
use crate::spec::record::{At, Field};

pub use spec::SetSpec;

/// Asks for a look at what generators look at; taken off when that was done.
pub const REFRESH: &str = "argocd.argoproj.io/application-set-refresh";

/// An ApplicationSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationSet {
    /// Its name.
    pub name: String,
    /// Its namespace, which is that of its Applications.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// What is wanted.
    pub spec: SetSpec,
    /// What was written down.
    pub status: status::SetStatus,
}

impl ApplicationSet {
    /// Reads one. The status is read as far as it can be.
    pub fn read(object: &Object) -> Result<ApplicationSet, SpecError> {
        let spec = object.get("spec").filter(|spec| spec.as_object().is_some());
        let spec = spec.ok_or_else(|| SpecError { field: "spec".into(), message: "is required".into() })?;
        Ok(ApplicationSet {
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
            uid: object.uid().to_owned(),
            spec: <SetSpec as Field>::read(spec, &At::Root("spec"))?,
            status: status::SetStatus::read_lossy(object.get("status").unwrap_or(&Value::Null)),
        })
    }
}

#[cfg(test)]
mod tests;
