//! Templates of messages: texts by field, and the [`Notification`] that they make together.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use belay_gotemplate::{Context, Environment, Functions, Limits, Parsed, Set, lossy, parse, sprig};
use belay_object::{Map, Value};

use crate::functions::template_values;
use crate::{Config, Destination, Error, ErrorKind, Subject};

/// What a message says: its text, and the fields of services' sections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notification {
    /// The text that any service can send.
    pub message: String,
    /// Sections by the services' types.
    pub sections: BTreeMap<&'static str, Value>,
}

impl Notification {
    /// The section of a type of service.
    pub(crate) fn section(&self, kind: &str) -> Option<&Value> {
        self.sections.get(kind)
    }
    /// A text of a section; empty where it is none.
    pub(crate) fn text(&self, kind: &str, field: &str) -> &str {
        self.section(kind).and_then(|section| section.str_at(&[field])).unwrap_or_default()
    }
}

/// A section of templates, of a type of service.
struct Section {
    kind: &'static str,
    /// Whether only fields that are not empty replace those of a template before.
    keeps: bool,
    /// Fields that are no templates.
    literal: &'static [&'static str],
    /// Templates of fields that are not given.
    otherwise: &'static [(&'static str, &'static str)],
}

const PLAIN: Section = Section { kind: "", keeps: false, literal: &[], otherwise: &[] };

/// The sections that are read; those of services that are not built are left alone.
// Compat(notifications-engine 0.5): what each is made of when a field is missing.
const SECTIONS: [Section; 11] = [
    Section { kind: "alertmanager", otherwise: &[("generatorURL", "{{.app.spec.source.repoURL}}")], ..PLAIN },
    Section { kind: "googlechat", keeps: true, ..PLAIN },
    Section { kind: "mattermost", ..PLAIN },
    Section {
        kind: "newrelic",
        otherwise: &[
            ("revision", "{{.app.status.operationState.syncResult.revision}}"),
            ("changelog", "{{(call .repo.GetCommitMetadata .app.status.sync.revision).Message}}"),
            ("user", "{{(call .repo.GetCommitMetadata .app.status.sync.revision).Author}}"),
        ],
        ..PLAIN
    },
    Section { kind: "opsgenie", ..PLAIN },
    Section { kind: "pagerduty", ..PLAIN },
    Section { kind: "pagerdutyv2", ..PLAIN },
    Section { kind: "slack", literal: &["notifyBroadcast", "deliveryPolicy"], ..PLAIN },
    Section { kind: "teams", keeps: true, ..PLAIN },
    Section { kind: "teams-workflows", keeps: true, ..PLAIN },
    Section { kind: "webhook", literal: &["method"], ..PLAIN },
];

/// A value whose texts are templates.
#[derive(Debug)]
enum Piece {
    Literal(Value),
    Text(Parsed),
    List(Vec<Piece>),
    Map(Vec<(String, Piece)>),
}

/// A template, compiled.
#[derive(Debug)]
pub(crate) struct Template {
    name: String,
    message: Parsed,
    sections: Vec<(&'static str, bool, Piece)>,
}

/// How deep sections nest.
const MAX_DEPTH: usize = 8;

/// The longest text of a template.
const MAX_TEXT: usize = 128 << 10;

/// A message takes some thousand steps and some KiB.
const LIMITS: Limits = Limits { steps: 1_000_000, depth: 1_000, output_bytes: 1 << 20, made_bytes: 16 << 20 };

/// Sprig without what tells of the environment.
fn functions() -> &'static Arc<Functions> {
    static FUNCTIONS: OnceLock<Arc<Functions>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let mut functions = Functions::new();
        sprig::register(&mut functions);
        for name in ["env", "expandenv"] {
            functions.remove(name);
        }
        Arc::new(functions)
    })
}

fn compile(name: &str, field: &str, text: &str) -> Result<Parsed, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("{field}: longer than {MAX_TEXT} bytes"));
    }
    parse(name, text, functions()).map_err(|e| format!("{field}: {e}"))
}

/// Reads a template.
pub(crate) fn read(name: &str, text: &str) -> Result<Template, String> {
    let document = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| e.to_string())?;
    if !matches!(document, Value::Object(_) | Value::Null) {
        return Err("expected fields".to_owned());
    }
    let message = compile(name, "message", document.str_at(&["message"]).unwrap_or_default())?;
    let mut sections = Vec::new();
    for section in &SECTIONS {
        let Some(Value::Object(fields)) = document.get(section.kind) else { continue };
        let mut fields = fields.clone();
        for (field, otherwise) in section.otherwise {
            if fields.str(field).unwrap_or_default().is_empty() {
                fields.insert(*field, *otherwise);
            }
        }
        let piece = piece(name, section, section.kind, &Value::Object(fields), 0)?;
        sections.push((section.kind, section.keeps, piece));
    }
    Ok(Template { name: name.to_owned(), message, sections })
}

fn piece(name: &str, section: &Section, field: &str, value: &Value, depth: usize) -> Result<Piece, String> {
    if depth > MAX_DEPTH {
        return Err(format!("{field}: nested too deep"));
    }
    Ok(match value {
        Value::Str(text) => Piece::Text(compile(name, field, text)?),
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|v| piece(name, section, field, v, depth + 1)).collect();
            Piece::List(items?)
        }
        Value::Object(fields) => {
            let of = |(key, value): (&belay_object::Key, &Value)| {
                let piece = match section.literal.contains(&key.as_str()) {
                    true => Piece::Literal(value.clone()),
                    false => piece(name, section, &format!("{field}.{key}"), value, depth + 1)?,
                };
                Ok::<_, String>((key.to_string(), piece))
            };
            Piece::Map(fields.iter().map(of).collect::<Result<_, _>>()?)
        }
        other => Piece::Literal(other.clone()),
    })
}

/// Makes the message of several templates: what a later one says goes before.
pub(crate) fn render(
    config: &Config,
    subject: &Subject,
    templates: &[String],
    to: &Destination,
) -> Result<Notification, Error> {
    let dot = template_values(subject, config, to);
    let mut notification = Notification::default();
    for name in templates {
        let template = match config.templates.get(name) {
            Some(template) => template,
            None => {
                let message = format!("template '{name}' is not supported");
                return Err(Error::new(ErrorKind::Missing, message));
            }
        };
        let mut run = |parsed: &Parsed| {
            let mut set = Set::named(&template.name);
            set.add(parsed);
            let environment = Environment { now_unix_ns: subject.now_unix_ns, ..Environment::default() };
            let mut context = Context::new(set, Arc::clone(functions()), environment, LIMITS);
            let written = context.execute(&template.name, &dot);
            written.map(|bytes| lossy(&bytes).into_owned()).map_err(|e| Error::new(ErrorKind::Template, e.to_string()))
        };
        let message = run(&template.message)?;
        if !message.is_empty() {
            notification.message = message;
        }
        for (kind, keeps, piece) in &template.sections {
            let section = fill(piece, &mut run)?;
            merge(&mut notification, kind, *keeps, &template.name, section);
        }
    }
    Ok(notification)
}

fn fill(piece: &Piece, run: &mut impl FnMut(&Parsed) -> Result<String, Error>) -> Result<Value, Error> {
    Ok(match piece {
        Piece::Literal(value) => value.clone(),
        Piece::Text(parsed) => Value::from(run(parsed)?),
        Piece::List(items) => items.iter().map(|item| fill(item, run)).collect::<Result<Value, Error>>()?,
        Piece::Map(fields) => {
            let mut out = Map::with_capacity(fields.len());
            for (name, piece) in fields {
                out.insert(name.as_str(), fill(piece, run)?);
            }
            Value::Object(out)
        }
    })
}

fn merge(notification: &mut Notification, kind: &'static str, keeps: bool, name: &str, mut section: Value) {
    if kind == "alertmanager" {
        // Compat(notifications-engine 0.5): an alert without a name has the template's.
        let labels = section.at_or_insert(&["labels"]).object_or_insert();
        if !labels.contains_key("alertname") {
            labels.insert("alertname", name);
        }
    }
    let by_name = kind == "webhook";
    match notification.sections.entry(kind) {
        std::collections::btree_map::Entry::Occupied(mut known) if keeps || by_name => {
            let fields = section.as_object().into_iter().flat_map(Map::iter);
            for (field, value) in fields.filter(|(_, value)| by_name || value.as_str() != Some("")) {
                known.get_mut().set(&[field], value.clone());
            }
        }
        std::collections::btree_map::Entry::Occupied(mut known) => drop(known.insert(section)),
        std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(section)),
    }
}
