//! The record of one revision of a release, in the JSON that Helm's Go structs give.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Value};
use serde_json::value::RawValue;

use super::json::{Fields, Unknown, Writer, list};
use crate::chart::{Chart, File, Lock, Metadata};
use crate::error::{Error, Result};
use crate::manifest::{Hook, HookEvent, HookExecution};

/// What state a revision is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It is what is in the cluster.
    Deployed,
    /// It was uninstalled, and its record kept.
    Uninstalled,
    /// Another revision took its place.
    Superseded,
    /// It was not carried out to its end.
    Failed,
    /// It is being uninstalled.
    Uninstalling,
    /// It is being installed.
    PendingInstall,
    /// It is being upgraded to.
    PendingUpgrade,
    /// It is being rolled back to.
    PendingRollback,
}

impl Status {
    const NAMES: [(Status, &'static str); 9] = [
        (Status::Unknown, "unknown"),
        (Status::Deployed, "deployed"),
        (Status::Uninstalled, "uninstalled"),
        (Status::Superseded, "superseded"),
        (Status::Failed, "failed"),
        (Status::Uninstalling, "uninstalling"),
        (Status::PendingInstall, "pending-install"),
        (Status::PendingUpgrade, "pending-upgrade"),
        (Status::PendingRollback, "pending-rollback"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Status::NAMES.iter().find(|(status, _)| *status == self).map_or("unknown", |(_, name)| name)
    }
    /// The state of a name; what is not known is unknown.
    pub fn parse(name: &str) -> Status {
        Status::NAMES.iter().find(|(_, n)| *n == name).map_or(Status::Unknown, |(status, _)| *status)
    }
    /// Whether an operation is under way, or was cut off.
    pub fn is_pending(self) -> bool {
        matches!(self, Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback)
    }
}

/// How objects are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyMethod {
    /// By patches that the client makes; what records without a method mean.
    ClientSide,
    /// By the server.
    ServerSide,
}

impl ApplyMethod {
    /// `csa` or `ssa`.
    pub fn name(self) -> &'static str {
        match self {
            ApplyMethod::ClientSide => "csa",
            ApplyMethod::ServerSide => "ssa",
        }
    }
}

/// What became of a revision.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// When the release was installed first, RFC 3339; empty where it is not known.
    pub first_deployed: String,
    /// When this revision was begun.
    pub last_deployed: String,
    /// When it was uninstalled.
    pub deleted: String,
    /// What became of it, in words.
    pub description: String,
    /// Its state.
    pub status: Status,
    /// `NOTES.txt`.
    pub notes: String,
    unknown: Unknown,
}

/// The chart of a record, as it was written.
#[derive(Clone, Debug)]
pub struct RecordedChart(Arc<str>);

/// The record of one revision.
#[derive(Clone, Debug)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// What became of it.
    pub info: Info,
    /// The chart, dependencies processed.
    pub chart: Option<RecordedChart>,
    /// The user's values.
    pub config: Map,
    /// All documents that are no hooks.
    pub manifest: String,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// The revision, from 1.
    pub version: u32,
    /// The release's namespace.
    pub namespace: String,
    /// The user's labels; kept as labels of the Secret, not in the record.
    pub labels: BTreeMap<String, String>,
    /// How its objects were applied.
    pub apply_method: Option<ApplyMethod>,
    unknown: Unknown,
    /// Fields of hooks that mean nothing here, in the order of `hooks`.
    unknown_of_hooks: Vec<Unknown>,
}

impl Release {
    /// The record of a new revision; `chart` with its dependencies processed.
    pub fn new(name: &str, namespace: &str, version: u32, chart: &Chart) -> Release {
        Release {
            name: name.to_owned(),
            info: Info::default(),
            chart: Some(RecordedChart::of(chart)),
            config: Map::new(),
            manifest: String::new(),
            hooks: Vec::new(),
            version,
            namespace: namespace.to_owned(),
            labels: BTreeMap::new(),
            apply_method: None,
            unknown: Vec::new(),
            unknown_of_hooks: Vec::new(),
        }
    }

    /// Sets the state and what is said of it.
    pub fn set_status(&mut self, status: Status, description: impl Into<String>) {
        self.info.status = status;
        self.info.description = description.into();
    }

    /// The JSON of the record, fields in Helm's order; what was not understood stands at the end.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.manifest.len() * 2 + 4096);
        let mut w = Writer::new(&mut out);
        w.text("name", &self.name);
        self.info.write(w.field("info"), true);
        if let Some(chart) = &self.chart {
            w.raw("chart", &chart.0);
        }
        if !self.config.is_empty() {
            w.value("config", &Value::Object(self.config.clone()));
        }
        w.text("manifest", &self.manifest);
        if !self.hooks.is_empty() {
            let unknown = |i: usize| self.unknown_of_hooks.get(i).map(Vec::as_slice).unwrap_or_default();
            let hooks = self.hooks.iter().enumerate();
            list(w.field("hooks"), hooks, |(i, hook), out| write_hook(hook, Some(unknown(i)), out));
        }
        if self.version != 0 {
            w.value("version", &Value::from(self.version));
        }
        w.text("namespace", &self.namespace);
        w.text("apply_method", self.apply_method.map_or("", ApplyMethod::name));
        w.unknown(&self.unknown);
        w.end();
        out
    }

    /// The JSON of what tells one state of a revision from another, with a newline: what digests of
    /// a release are made of. Only fields of Helm's own structs; hooks that are tests and the
    /// chart's content are left out; `artifact` is the digest of what the chart came from, or empty.
    pub fn identity_json(&self, artifact: &str) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.manifest.len() * 2 + 4096);
        let mut w = Writer::new(&mut out);
        w.any_text("name", &self.name);
        w.value("version", &Value::from(self.version));
        self.info.write(w.field("info"), false);
        let metadata = self.chart.as_ref().map(RecordedChart::metadata).transpose()?.unwrap_or_default();
        metadata.write(w.field("chartMetadata"));
        match self.config.is_empty() {
            true => w.raw("config", "null"),
            false => w.value("config", &Value::Object(self.config.clone())),
        }
        w.any_text("manifest", &self.manifest);
        let hooks: Vec<&Hook> = self.hooks.iter().filter(|hook| !hook.events.contains(&HookEvent::Test)).collect();
        match hooks.is_empty() {
            true => w.raw("hooks", "null"),
            false => list(w.field("hooks"), hooks, |hook, out| write_hook(hook, None, out)),
        }
        w.any_text("namespace", &self.namespace);
        w.text("ociDigest", artifact);
        w.end();
        out.push(b'\n');
        Ok(out)
    }

    /// Reads the JSON of a record.
    pub fn from_json(json: &[u8]) -> Result<Release> {
        let text = std::str::from_utf8(json).map_err(|e| Error::release(format!("release record is no text: {e}")))?;
        Release::read(text).map_err(|e| Error::release(format!("release record does not parse: {e}")))
    }

    fn read(text: &str) -> Result<Release, String> {
        let mut fields = Fields::read(text)?;
        let info = fields.take("info").map(|raw| Info::read(raw.get())).transpose()?.unwrap_or_default();
        let chart = fields.take("chart").map(|raw| RecordedChart(raw.get().into()));
        let config = match fields.take("config").map(|raw| belay_object::from_json_str(raw.get())) {
            Some(Ok(mut value)) => {
                crate::go::floats(&mut value);
                let Value::Object(map) = value else { return Err("config is no object".into()) };
                map
            }
            Some(Err(e)) => return Err(format!("config: {e}")),
            None => Map::new(),
        };
        let raw_hooks: Vec<Box<RawValue>> = fields.read_field("hooks")?;
        let hooks = raw_hooks.iter().map(|raw| read_hook(raw.get())).collect::<Result<Vec<_>, _>>()?;
        let (hooks, unknown_of_hooks) = hooks.into_iter().unzip();
        let method: String = fields.read_field("apply_method")?;
        Ok(Release {
            name: fields.read_field("name")?,
            info,
            chart,
            config,
            manifest: fields.read_field("manifest")?,
            hooks,
            version: fields.read_field("version")?,
            namespace: fields.read_field("namespace")?,
            labels: BTreeMap::new(),
            apply_method: match method.as_str() {
                "ssa" => Some(ApplyMethod::ServerSide),
                "csa" => Some(ApplyMethod::ClientSide),
                _ => None,
            },
            unknown: fields.rest(),
            unknown_of_hooks,
        })
    }
}

/// A time as Go reads it: none where it is empty or Go's zero.
fn time(fields: &mut Fields, name: &str) -> Result<String, String> {
    let text: String = fields.read_field(name)?;
    if !text.is_empty() && text.parse::<jiff::Timestamp>().is_err() {
        return Err(format!("{name}: {} is no time in RFC 3339", crate::go::quote(&text)));
    }
    Ok(if text.starts_with("0001-01-01T00:00:00") { String::new() } else { text })
}

impl Info {
    fn write(&self, out: &mut Vec<u8>, with_unknown: bool) {
        let mut w = Writer::new(out);
        w.text("first_deployed", &self.first_deployed);
        w.text("last_deployed", &self.last_deployed);
        w.text("deleted", &self.deleted);
        w.text("description", &self.description);
        w.text("status", self.status.name());
        w.text("notes", &self.notes);
        if with_unknown {
            w.unknown(&self.unknown);
        }
        w.end();
    }

    fn read(text: &str) -> Result<Info, String> {
        let mut fields = Fields::read(text)?;
        Ok(Info {
            first_deployed: time(&mut fields, "first_deployed")?,
            last_deployed: time(&mut fields, "last_deployed")?,
            deleted: time(&mut fields, "deleted")?,
            description: fields.read_field("description")?,
            status: Status::parse(&fields.read_field::<String>("status")?),
            notes: fields.read_field("notes")?,
            unknown: fields.rest(),
        })
    }
}

/// Writes a hook; without what Helm's own struct does not have where `unknown` is none.
fn write_hook(hook: &Hook, unknown: Option<&[(String, Box<RawValue>)]>, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.text("name", &hook.name);
    w.text("kind", &hook.kind);
    w.text("path", &hook.path);
    w.text("manifest", &hook.manifest);
    w.texts("events", hook.events.iter().map(|event| event.name()));
    write_execution(&hook.last_run, unknown.is_some(), w.field("last_run"));
    if hook.weight != 0 {
        w.value("weight", &Value::from(hook.weight));
    }
    w.texts("delete_policies", hook.delete_policies.iter().map(String::as_str));
    w.texts("output_log_policies", hook.output_log_policies.iter().map(String::as_str));
    w.unknown(unknown.unwrap_or_default());
    w.end();
}

/// The JSON of what became of a hook.
fn write_execution(run: &HookExecution, with_event: bool, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.text("started_at", run.started_at.as_deref().unwrap_or_default());
    w.text("completed_at", run.completed_at.as_deref().unwrap_or_default());
    w.any_text("phase", &run.phase);
    w.text("event", run.event.filter(|_| with_event).map_or("", HookEvent::name));
    w.end();
}

/// Reads what became of a hook.
fn read_execution(text: &str) -> Result<HookExecution, String> {
    let mut run = Fields::read(text)?;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(HookExecution {
        started_at: some(time(&mut run, "started_at")?),
        completed_at: some(time(&mut run, "completed_at")?),
        phase: run.read_field("phase")?,
        event: HookEvent::parse(&run.read_field::<String>("event")?),
    })
}

fn read_hook(text: &str) -> Result<(Hook, Unknown), String> {
    let mut fields = Fields::read(text)?;
    let events: Vec<String> = fields.read_field("events")?;
    let last_run = fields.take("last_run").map(|raw| read_execution(raw.get())).transpose()?.unwrap_or_default();
    let hook = Hook {
        name: fields.read_field("name")?,
        kind: fields.read_field("kind")?,
        path: fields.read_field("path")?,
        manifest: fields.read_field("manifest")?,
        events: events.iter().filter_map(|name| HookEvent::parse(name)).collect(),
        last_run,
        weight: fields.read_field("weight")?,
        delete_policies: fields.read_field("delete_policies")?,
        output_log_policies: fields.read_field("output_log_policies")?,
    };
    Ok((hook, fields.rest()))
}

/// Go's zero time.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

impl RecordedChart {
    /// The chart as a record keeps it: without its dependencies.
    pub fn of(chart: &Chart) -> RecordedChart {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        chart.metadata.write(w.field("metadata"));
        match &chart.lock {
            Some(lock) => lock.write(w.field("lock")),
            None => w.raw("lock", "null"),
        }
        write_files(&chart.templates, w.field("templates"));
        match chart.has_values {
            true => w.value("values", &Value::Object((*chart.values).clone())),
            false => w.raw("values", "null"),
        }
        match &chart.schema {
            Some(schema) => w.any_text("schema", &STANDARD.encode(&schema.data)),
            None => w.raw("schema", "null"),
        }
        let schema_time = chart.schema.as_ref().and_then(|schema| schema.mod_time.as_deref());
        w.any_text("schemamodtime", schema_time.unwrap_or(NO_TIME));
        write_files(&chart.files, w.field("files"));
        w.text("modtime", chart.mod_time.as_deref().unwrap_or_default());
        w.end();
        RecordedChart(String::from_utf8_lossy(&out).into())
    }

    /// The JSON as it was written.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// What `Chart.yaml` said.
    pub fn metadata(&self) -> Result<Metadata> {
        let read = || -> Result<Metadata, String> {
            let raw = Fields::read(&self.0)?.take("metadata");
            let mut metadata = Metadata::default();
            metadata.read_over(raw.map(|raw| raw.get().to_owned()).unwrap_or_default().as_bytes())?;
            Ok(metadata)
        };
        read().map_err(|e| Error::release(format!("chart of the release record does not parse: {e}")))
    }

    /// The chart; its dependencies are not in a record.
    pub fn chart(&self) -> Result<Chart> {
        let told = |e: String| Error::release(format!("chart of the release record does not parse: {e}"));
        let mut fields = Fields::read(&self.0).map_err(told)?;
        let values = fields.take("values");
        let has_values = values.is_some();
        let values = match values.map(|raw| belay_object::from_json_str(raw.get())) {
            Some(Ok(mut value)) => {
                crate::go::floats(&mut value);
                value.as_object().cloned().unwrap_or_default()
            }
            Some(Err(e)) => return Err(told(e.to_string())),
            None => Map::new(),
        };
        let lock = fields.take("lock").map(|raw| Lock::read(raw.get().as_bytes())).transpose().map_err(told)?;
        let decode = |text: String| STANDARD.decode(text).map_err(|e| told(e.to_string()));
        let schema: Option<String> = fields.read_field("schema").map_err(told)?;
        let schema = schema.map(decode).transpose()?.map(|data| File::new("values.schema.json", data));
        Ok(Chart {
            metadata: self.metadata()?,
            lock,
            templates: read_files(&mut fields, "templates").map_err(told)?.into(),
            values: Arc::new(values),
            has_values,
            schema,
            files: read_files(&mut fields, "files").map_err(told)?.into(),
            mod_time: None,
            dependencies: Vec::new(),
        })
    }
}

fn write_files(files: &[File], out: &mut Vec<u8>) {
    if files.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    list(out, files, |file, out| {
        let mut w = Writer::new(out);
        w.any_text("name", &file.name);
        w.any_text("data", &STANDARD.encode(&file.data));
        w.text("modtime", file.mod_time.as_deref().unwrap_or_default());
        w.end();
    });
}

fn read_files(fields: &mut Fields, name: &str) -> Result<Vec<File>, String> {
    let raw: Vec<Box<RawValue>> = fields.read_field(name)?;
    let read = |raw: &RawValue| {
        let mut fields = Fields::read(raw.get())?;
        let data: String = fields.read_field("data")?;
        let data = STANDARD.decode(data).map_err(|e| e.to_string())?;
        Ok(File::new(fields.read_field::<String>("name")?, data))
    };
    raw.iter().map(|raw| read(raw)).collect()
}
