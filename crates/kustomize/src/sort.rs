//! The orders of kinds and of the output.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::id::{Gvk, Id};
use crate::kustomization::SortOptions;

/// Kinds that come first, in this order.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come last, in this order.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The order in which kustomize keeps field specs.
pub(crate) fn compare_gvk(a: &Gvk, b: &Gvk) -> Ordering {
    let rank = |gvk: &Gvk| -> isize {
        let place = |list: &[&str]| list.iter().position(|kind| *kind == gvk.kind.as_str());
        place(&FIRST)
            .map(|i| i as isize - FIRST.len() as isize)
            .or(place(&LAST).map(|i| i as isize + 1))
            .unwrap_or_default()
    };
    rank(a).cmp(&rank(b)).then_with(|| a.compare_text(b))
}

/// How the output is to be ordered.
pub(crate) enum Order {
    /// As read.
    Fifo,
    /// By the rank of the kind, then by id.
    Legacy(HashMap<Box<str>, isize>),
}

impl Order {
    /// The order of `--reorder=legacy`.
    pub(crate) fn legacy() -> Order {
        Order::Legacy(ranks(FIRST, LAST))
    }

    /// The order that the root's `sortOptions` ask for.
    pub(crate) fn of(options: &SortOptions) -> Result<Order> {
        match (options.order.as_str(), &options.legacy_sort_options) {
            ("fifo", None) => Ok(Order::Fifo),
            ("fifo", Some(_)) => Err(Error::kustomization(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
            )),
            ("legacy", None) => Ok(Order::legacy()),
            ("legacy", Some(legacy)) => Ok(Order::Legacy(ranks(&legacy.order_first, &legacy.order_last))),
            _ => Err(Error::kustomization("the field 'sortOptions.order' must be one of [fifo, legacy]")),
        }
    }
}

fn ranks<A: AsRef<str>, B: AsRef<str>>(
    first: impl IntoIterator<Item = A, IntoIter: ExactSizeIterator>,
    last: impl IntoIterator<Item = B>,
) -> HashMap<Box<str>, isize> {
    let first = first.into_iter();
    let count = first.len() as isize;
    let mut ranks = HashMap::new();
    ranks.extend(first.enumerate().map(|(i, kind)| (Box::from(kind.as_ref()), i as isize - count)));
    ranks.extend(last.into_iter().enumerate().map(|(i, kind)| (Box::from(kind.as_ref()), i as isize + 1)));
    ranks
}

/// What an object is sorted by.
pub(crate) struct SortKey {
    rank: isize,
    gvk: Gvk,
    kind_text: String,
    id_text: String,
}

impl SortKey {
    pub(crate) fn new(ranks: &HashMap<Box<str>, isize>, id: &Id) -> SortKey {
        let part = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
        SortKey {
            rank: ranks.get(id.gvk.kind.as_str()).copied().unwrap_or_default(),
            kind_text: id.gvk.sort_text(),
            id_text: format!("{}|{}|{}", id.gvk, part(&id.namespace, "~X"), part(&id.name, "~N")),
            gvk: id.gvk.clone(),
        }
    }

    /// The legacy order: by rank, then by kind; Namespaces of the core group come before any
    /// other kind of that name.
    pub(crate) fn compare(&self, other: &SortKey) -> Ordering {
        if self.gvk == other.gvk {
            return self.id_text.cmp(&other.id_text);
        }
        let by_kind = self.kind_text.cmp(&other.kind_text);
        let namespaces = [self, other].iter().all(|key| key.gvk.kind == "Namespace")
            && [self, other].iter().any(|key| key.gvk.group.is_empty());
        self.rank.cmp(&other.rank).then(if namespaces { by_kind.reverse() } else { by_kind })
    }
}
