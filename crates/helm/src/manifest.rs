//! What templates wrote, as documents: split, hooks apart, in the order of installing.
//!
//! Text is kept as it was written: only the head of a document is parsed.

mod order;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use belay_object::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::go::{self, Fields};

pub use order::Order;
pub use split::split;

/// One document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The template file that wrote it: `shop/templates/service.yaml`.
    pub path: String,
    /// Its text.
    pub content: String,
    /// `apiVersion`, as far as it is known.
    pub api_version: String,
    /// `kind`; empty for a document of comments.
    pub kind: String,
    /// `metadata.name`
    pub name: String,
    /// Whether `helm.sh/resource-policy: keep` keeps the object when it leaves the release.
    pub keep: bool,
}

/// When hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookEvent {
    /// Before anything is installed.
    PreInstall,
    /// When all is installed.
    PostInstall,
    /// Before a release is deleted.
    PreDelete,
    /// When a release is deleted.
    PostDelete,
    /// Before an upgrade.
    PreUpgrade,
    /// When all is upgraded.
    PostUpgrade,
    /// Before a rollback.
    PreRollback,
    /// When all is rolled back.
    PostRollback,
    /// When tests are asked for.
    Test,
}

impl HookEvent {
    const NAMES: [(HookEvent, &'static str); 9] = [
        (HookEvent::PreInstall, "pre-install"),
        (HookEvent::PostInstall, "post-install"),
        (HookEvent::PreDelete, "pre-delete"),
        (HookEvent::PostDelete, "post-delete"),
        (HookEvent::PreUpgrade, "pre-upgrade"),
        (HookEvent::PostUpgrade, "post-upgrade"),
        (HookEvent::PreRollback, "pre-rollback"),
        (HookEvent::PostRollback, "post-rollback"),
        (HookEvent::Test, "test"),
    ];

    /// The event of a name as records and annotations have it; `test-success` is `test`.
    pub fn parse(name: &str) -> Option<HookEvent> {
        let name = if name == "test-success" { "test" } else { name };
        HookEvent::NAMES.iter().find(|(_, n)| *n == name).map(|(event, _)| *event)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        HookEvent::NAMES.iter().find(|(event, _)| *event == self).map_or("", |(_, name)| name)
    }
}

/// What became of a hook when it last ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HookExecution {
    /// When it was started, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended.
    pub completed_at: Option<String>,
    /// Empty, `Unknown`, `Running`, `Succeeded` or `Failed`.
    pub phase: String,
    /// The event that it ran for. Helm's own record has none: it is written so that a run that was
    /// cut off can be told from one of another event, and Helm's readers pass over it.
    pub event: Option<HookEvent>,
}

/// A document that is not part of the release but runs at one of its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hook {
    /// `metadata.name`
    pub name: String,
    /// `kind`
    pub kind: String,
    /// The template file that wrote it.
    pub path: String,
    /// Its text.
    pub manifest: String,
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// What became of it.
    pub last_run: HookExecution,
    /// The order among the hooks of an event; less is earlier.
    pub weight: i64,
    /// When its object is deleted, as written: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    pub delete_policies: Vec<String>,
    /// When its logs are told: `hook-succeeded`, `hook-failed`.
    pub output_log_policies: Vec<String>,
}

impl Hook {
    /// Whether its object is deleted at a point of its life. Without a policy, the old one is
    /// before a new one is made.
    pub fn has_delete_policy(&self, policy: &str) -> bool {
        if self.delete_policies.is_empty() {
            return policy == "before-hook-creation";
        }
        self.delete_policies.iter().any(|own| own == policy)
    }
}

const HOOK: &str = "helm.sh/hook";

/// The head of a document.
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
    name: String,
    annotations: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Result<Head, String> {
        let value = go::parse_outline(text, &["apiVersion", "kind", "metadata"])?;
        let Some(fields) = Fields::of(&value, "SimpleHead", "util.SimpleHead")? else { return Ok(Head::default()) };
        let null = Value::Null;
        let metadata = fields.get("metadata").unwrap_or(&null);
        if !matches!(metadata, Value::Null | Value::Object(_)) {
            let wanted = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }";
            return Err(go::mismatch(metadata, "Go struct field SimpleHead.metadata", wanted));
        }
        let (mut name, mut annotations) = (String::new(), Vec::new());
        if let Some(metadata) = Fields::of(metadata, "SimpleHead.metadata", "")? {
            name = metadata.text("name")?;
            annotations = metadata.text_map("annotations")?.unwrap_or_default();
        }
        Ok(Head { api_version: fields.text("apiVersion")?, kind: fields.text("kind")?, name, annotations })
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The words of an annotation that lists some.
    fn words(&self, name: &str) -> Vec<String> {
        let words = self.annotation(name).map(|text| text.split(',').map(|word| word.trim().to_lowercase()).collect());
        words.unwrap_or_default()
    }
}

/// Splits files into hooks and other documents, both in the order of installing. A document that
/// is no YAML ends it all.
pub fn sort(files: BTreeMap<String, String>) -> Result<(Vec<Hook>, Vec<Manifest>)> {
    sort_in(files, Order::Install)
}

/// The same in an order.
pub fn sort_in(files: BTreeMap<String, String>, order: Order) -> Result<(Vec<Hook>, Vec<Manifest>)> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, text) in files {
        let base = path.rsplit('/').next().unwrap_or(&path);
        if base.starts_with('_') || text.trim().is_empty() {
            continue;
        }
        for document in split(&text) {
            let head = Head::parse(document)
                .map_err(|e| Error::new(ErrorKind::Manifest, format!("YAML parse error on {path}: {e}")))?;
            match head.annotation(HOOK) {
                None => manifests.push(Manifest {
                    path: path.clone(),
                    content: document.to_owned(),
                    keep: head
                        .annotation("helm.sh/resource-policy")
                        .is_some_and(|p| p.trim().eq_ignore_ascii_case("keep")),
                    api_version: head.api_version,
                    kind: head.kind,
                    name: head.name,
                }),
                Some(_) => hooks.extend(hook(&path, document, head)),
            }
        }
    }
    order.sort_by_kind(&mut hooks, |hook: &Hook| &hook.kind);
    order.sort_by_kind(&mut manifests, |manifest: &Manifest| &manifest.kind);
    Ok((hooks, manifests))
}

/// A hook; `None` if one of its events is unknown, as Helm drops such documents.
fn hook(path: &str, document: &str, head: Head) -> Option<Hook> {
    let events = head.words(HOOK).iter().map(|name| HookEvent::parse(name)).collect::<Option<Vec<_>>>()?;
    Some(Hook {
        path: path.to_owned(),
        manifest: document.to_owned(),
        events,
        last_run: HookExecution::default(),
        weight: head.annotation("helm.sh/hook-weight").and_then(|text| text.parse().ok()).unwrap_or(0),
        delete_policies: head.words("helm.sh/hook-delete-policy"),
        output_log_policies: head.words("helm.sh/hook-output-log-policy"),
        name: head.name,
        kind: head.kind,
    })
}
