//! Kubernetes objects as plain values.
//!
//! A [`Value`] is one JSON value in about twice its text's size; a [`Map`] keeps its fields sorted
//! by name, so that comparing, merging and digesting two objects are single walks. An [`Object`] is
//! a map with Kubernetes' envelope (apiVersion, kind, metadata); an [`ObjectKey`] names one in a
//! cluster. Selectors, conditions, durations, JSON patch and merge patch are here because they are functions
//! over such values.
//!
//! What this crate deliberately does not know: YAML, HTTP, schemas, clusters.
#![warn(missing_docs)]

mod condition;
pub mod duration;
mod json;
mod key;
mod meta;
mod patch;
mod selector;
mod value;

pub use condition::{Condition, ConditionStatus};
pub use duration::GoDuration;
pub use json::{JsonError, from_json, from_json_str};
pub use key::Key;
pub use meta::{GroupKind, GroupVersion, GroupVersionKind, Object, ObjectKey};
pub use patch::{PatchError, json_patch, merge_patch, merge_patch_between};
pub use selector::{FieldSelector, LabelSelector, Requirement, SelectorError};
pub use value::{Map, Value};

#[cfg(test)]
mod tests;
