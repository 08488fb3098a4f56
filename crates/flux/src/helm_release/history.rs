//! What a HelmRelease remembers of its revisions: `status.history`.
//!
//! Compat(flux 2.9): form, digests and rules are helm-controller's, so that either takes over from the
//! other without an upgrade.

use belay_helm::manifest::HookEvent;
use belay_helm::release::{Release, Status};
use belay_object::{Map, Value, object};
use sha2::{Digest as _, Sha256};

/// The form of snapshots.
const VERSION: &str = "v2";
/// Snapshots that are kept where nothing says where to cut.
const MAX_SNAPSHOTS: usize = 5;

/// One remembered revision.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Snapshot(Value);

/// The remembered revisions, newest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct History(Vec<Snapshot>);

/// `sha256:...` of some bytes.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let hex: String = Sha256::digest(bytes.as_ref()).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// The digest of `spec.postRenderers`; empty where there are none. Fields come in the order of Flux's
/// types.
pub(crate) fn post_renderers_digest(value: &Value) -> String {
    const ORDER: [&str; 16] = [
        "kustomize",
        "patches",
        "images",
        "patch",
        "target",
        "group",
        "version",
        "kind",
        "namespace",
        "name",
        "annotationSelector",
        "labelSelector",
        "newName",
        "newTag",
        "digest",
        "",
    ];
    if value.is_null() {
        return String::new();
    }
    let mut out = String::new();
    write_ordered(value, &ORDER, &mut out);
    sha256(out + "\n")
}

/// The digest of `spec.commonMetadata`; empty where there is none.
pub(crate) fn common_digest(value: &Value) -> String {
    if value.is_null() {
        return String::new();
    }
    let mut out = String::new();
    write_ordered(value, &[], &mut out);
    sha256(out + "\n")
}

/// JSON as Go's encoder has it: fields in an order, the others behind in their own.
/// Depth is that of a spec that a server took.
fn write_ordered(value: &Value, order: &[&str], out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&str> = map.keys().map(|k| k.as_str()).collect();
            names.sort_by_key(|name| order.iter().position(|o| o == name).unwrap_or(order.len()));
            out.push('{');
            for (i, name) in names.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_ordered(&Value::from(name), order, out);
                out.push(':');
                write_ordered(map.get(name).unwrap_or(&Value::Null), order, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_ordered(item, order, out);
            }
            out.push(']');
        }
        scalar => {
            let text = scalar.to_json();
            out.push_str(&text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"));
        }
    }
}

/// The digest of values.
pub(crate) fn values_digest(values: &Map) -> String {
    // Flux sorts fields itself, and nothing at all is written of no values.
    let text =
        if values.is_empty() { String::new() } else { belay_yaml::to_yaml_sorted(&Value::Object(values.clone())) };
    sha256(text)
}

/// A time of a record as resources write times; nothing where it is none.
fn time(text: &str) -> Option<String> {
    text.parse().ok().map(belay_controller::conditions::time_text)
}

impl Snapshot {
    /// Remembers a record.
    pub fn of(record: &Release, action: &str, artifact: &str) -> Snapshot {
        let metadata = record.chart.as_ref().and_then(|chart| chart.metadata().ok()).unwrap_or_default();
        let digest = record.identity_json(artifact).map(sha256).unwrap_or_default();
        let mut value = object! {
            "apiVersion" => VERSION,
            "digest" => digest,
            "name" => record.name.as_str(),
            "namespace" => record.namespace.as_str(),
            "version" => record.version,
            "status" => record.info.status.name(),
            "chartName" => metadata.name.as_str(),
            "chartVersion" => metadata.version.as_str(),
            "configDigest" => values_digest(&record.config),
        };
        let mut optional = |field: &str, text: Option<String>| {
            if let Some(text) = text.filter(|t| !t.is_empty()) {
                value.set(&[field], text);
            }
        };
        optional("action", Some(action.to_owned()));
        optional("appVersion", Some(metadata.app_version.clone()));
        optional("firstDeployed", time(&record.info.first_deployed));
        optional("lastDeployed", time(&record.info.last_deployed));
        optional("deleted", time(&record.info.deleted));
        optional("ociDigest", Some(artifact.to_owned()));
        Snapshot(value)
    }

    fn text(&self, field: &str) -> &str {
        self.0.str_at(&[field]).unwrap_or_default()
    }
    pub fn name(&self) -> &str {
        self.text("name")
    }
    pub fn namespace(&self) -> &str {
        self.text("namespace")
    }
    pub fn version(&self) -> u32 {
        self.0.get("version").and_then(Value::as_i64).and_then(|v| u32::try_from(v).ok()).unwrap_or_default()
    }
    pub fn status(&self) -> Status {
        Status::parse(self.text("status"))
    }
    pub fn digest(&self) -> &str {
        self.text("digest")
    }
    pub fn action(&self) -> &str {
        self.text("action")
    }
    pub fn chart_name(&self) -> &str {
        self.text("chartName")
    }
    pub fn chart_version(&self) -> &str {
        self.text("chartVersion")
    }
    pub fn app_version(&self) -> &str {
        self.text("appVersion")
    }
    pub fn config_digest(&self) -> &str {
        self.text("configDigest")
    }
    pub fn artifact(&self) -> &str {
        self.text("ociDigest")
    }
    /// `namespace/name.v1`.
    pub fn full_name(&self) -> String {
        format!("{}/{}.v{}", self.namespace(), self.name(), self.version())
    }
    /// `chart@1.0.0`.
    pub fn chart(&self) -> String {
        format!("{}@{}", self.chart_name(), self.chart_version())
    }
    /// Whether it is of this revision.
    pub fn is_of(&self, record: &Release) -> bool {
        self.name() == record.name && self.namespace() == record.namespace && self.version() == record.version
    }
    /// Whether the record is as it was remembered.
    pub fn holds(&self, record: &Release) -> bool {
        if self.text("apiVersion") != VERSION {
            return true;
        }
        record.identity_json(self.artifact()).is_ok_and(|signed| sha256(signed) == self.digest())
    }
    /// Whether it is the intent of an operation that this record is of.
    pub fn is_intent_of(&self, record: &Release) -> bool {
        self.status().is_pending()
            && self.is_of(record)
            && time(&record.info.last_deployed).as_deref() == Some(self.text("lastDeployed"))
    }
    fn tests(&self) -> Option<&Map> {
        self.0.get("testHooks").and_then(Value::as_object)
    }
    /// How many tests there are.
    pub fn count_tests(&self) -> usize {
        self.tests().map_or(0, Map::len)
    }
    /// Whether a test failed.
    pub fn has_failed_test(&self) -> bool {
        self.tests().is_some_and(|t| t.values().any(|t| t.str_at(&["phase"]) == Some("Failed")))
    }
    /// Whether its tests have run to an end.
    pub fn is_tested(&self) -> bool {
        let Some(tests) = self.tests() else { return false };
        self.has_failed_test() || tests.values().all(|t| t.str_at(&["phase"]) == Some("Succeeded"))
    }
    /// Notes what became of the tests of a record.
    pub fn set_tests(&mut self, record: &Release, selected: impl Fn(&str) -> bool) {
        let mut tests = Map::new();
        for hook in record.hooks.iter().filter(|h| h.events.contains(&HookEvent::Test) && selected(&h.name)) {
            let mut test = Value::object();
            let run = &hook.last_run;
            let times = [("lastStarted", &run.started_at), ("lastCompleted", &run.completed_at)];
            for (field, at) in times {
                if let Some(at) = at.as_deref().and_then(time) {
                    test.set(&[field], at);
                }
            }
            if !run.phase.is_empty() {
                test.set(&["phase"], run.phase.as_str());
            }
            tests.insert(hook.name.as_str(), test);
        }
        self.0.set(&["testHooks"], tests);
    }
    fn with_tests_of(mut self, old: &Snapshot) -> Snapshot {
        if let Some(tests) = old.tests() {
            self.0.set(&["testHooks"], tests.clone());
        }
        self
    }
    fn was_well(&self, ignore_tests: bool) -> bool {
        matches!(self.status(), Status::Deployed | Status::Superseded) && (ignore_tests || !self.has_failed_test())
    }
}

impl History {
    /// Reads `status.history`.
    pub fn read(value: &Value) -> History {
        let mut history = History(value.items().iter().cloned().map(Snapshot).collect());
        history.sort();
        history
    }
    /// As it is written.
    pub fn to_value(&self) -> Value {
        self.0.iter().map(|s| s.0.clone()).collect()
    }
    fn sort(&mut self) {
        self.0.sort_by_key(|s| std::cmp::Reverse(s.version()));
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn clear(&mut self) {
        self.0.clear();
    }
    /// The newest.
    pub fn latest(&self) -> Option<&Snapshot> {
        self.0.first()
    }
    /// The newest but one that was well.
    pub fn previous(&self, ignore_tests: bool) -> Option<&Snapshot> {
        self.0.iter().skip(1).find(|s| s.was_well(ignore_tests))
    }
    /// Forgets what is older than the newest but one that was well.
    pub fn truncate(&mut self, ignore_tests: bool) {
        match self.0.iter().skip(1).position(|s| s.was_well(ignore_tests)) {
            Some(i) => self.0.truncate(i + 2),
            None => self.truncate_by_count(),
        }
    }
    /// Forgets the oldest of too many.
    pub fn truncate_by_count(&mut self) {
        self.0.truncate(MAX_SNAPSHOTS);
    }
    /// Takes the newest away.
    pub fn forget_latest(&mut self) {
        if !self.0.is_empty() {
            self.0.remove(0);
        }
    }
    /// Remembers a record as the newest, in place of what was remembered of the same revision.
    pub fn remember(&mut self, record: &Release, action: &str, artifact: &str) {
        let snapshot = Snapshot::of(record, action, artifact);
        match self.0.iter_mut().find(|s| s.is_of(record)) {
            Some(old) => *old = snapshot.with_tests_of(old),
            None => self.0.push(snapshot),
        }
        self.sort();
    }
    /// Brings what is remembered of a revision up to its record, where anything is.
    pub fn update(&mut self, record: &Release, action: Option<&str>) {
        if let Some(old) = self.0.iter_mut().find(|s| s.is_of(record)) {
            let action = action.unwrap_or(old.action()).to_owned();
            *old = Snapshot::of(record, &action, old.artifact()).with_tests_of(old);
        }
    }
    /// The newest, to be changed.
    pub fn latest_mut(&mut self) -> Option<&mut Snapshot> {
        self.0.first_mut()
    }
}
