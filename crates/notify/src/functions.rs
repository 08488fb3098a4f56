//! What conditions and templates can call: `time`, `strings` and `repo`, in both languages.

use std::sync::Arc;

use belay_expr::{ExprScope, ExprValue};
use belay_gotemplate::{Elem, Error as TemplateError, Function, Map, Param, Type, Value, sprig};
use belay_object as object;

use crate::{Config, Destination, Subject};

/// A commit, as templates tell of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// What it says.
    pub message: String,
    /// `Name <address>`
    pub author: String,
    /// Seconds since 1970.
    pub unix_s: i64,
    /// The tags on it.
    pub tags: Vec<String>,
}

/// What functions look up beyond the values of a subject.
pub trait Outside: Send + Sync {
    /// The commit of a revision in the subject's source.
    fn commit(&self, revision: &str) -> Result<Commit, String>;
}

/// Spans by name.
const SPANS: [(&str, i64); 6] = [
    ("Nanosecond", 1),
    ("Microsecond", 1_000),
    ("Millisecond", 1_000_000),
    ("Second", 1_000_000_000),
    ("Minute", 60_000_000_000),
    ("Hour", 3_600_000_000_000),
];

/// Go's layouts by name.
const LAYOUTS: [(&str, &str); 16] = [
    ("Layout", "01/02 03:04:05PM '06 -0700"),
    ("ANSIC", "Mon Jan _2 15:04:05 2006"),
    ("UnixDate", "Mon Jan _2 15:04:05 MST 2006"),
    ("RubyDate", "Mon Jan 02 15:04:05 -0700 2006"),
    ("RFC822", "02 Jan 06 15:04 MST"),
    ("RFC822Z", "02 Jan 06 15:04 -0700"),
    ("RFC850", "Monday, 02-Jan-06 15:04:05 MST"),
    ("RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"),
    ("RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"),
    ("RFC3339", RFC3339),
    ("RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"),
    ("Kitchen", "3:04PM"),
    ("Stamp", "Jan _2 15:04:05"),
    ("StampMilli", "Jan _2 15:04:05.000"),
    ("StampMicro", "Jan _2 15:04:05.000000"),
    ("StampNano", "Jan _2 15:04:05.000000000"),
];
const RFC3339: &str = "2006-01-02T15:04:05Z07:00";

/// Functions of texts to a text: namespace, name, how many they take.
type OfTexts = fn(&[&str]) -> Result<String, String>;
const OF_TEXTS: [(&str, &str, usize, OfTexts); 6] = [
    ("strings", "ReplaceAll", 3, |a| replace_all(a[0], a[1], a[2])),
    ("strings", "ToUpper", 1, |a| Ok(a[0].to_uppercase())),
    ("strings", "ToLower", 1, |a| Ok(a[0].to_lowercase())),
    ("repo", "RepoURLToHTTPS", 1, |a| Ok(GitUrl::parse(a[0]).https())),
    ("repo", "FullNameByRepoURL", 1, |a| Ok(GitUrl::parse(a[0]).full_name())),
    ("repo", "QueryEscape", 1, |a| Ok(query_escape(a[0]))),
];

/// Of what is known to nobody here.
const NO_DETAILS: &str = "repo.GetAppDetails is not supported";

fn replace_all(text: &str, old: &str, new: &str) -> Result<String, String> {
    let times = if old.is_empty() { text.len() + 1 } else { text.len() / old.len() };
    if times.saturating_mul(new.len()) > 1 << 20 {
        return Err("strings.ReplaceAll makes more than 1 MiB".to_owned());
    }
    Ok(text.replace(old, new))
}

/// What conditions see.
pub(crate) fn expr_scope<'a>(subject: &'a Subject, config: &'a Config) -> ExprScope<'a> {
    let now = subject.now_unix_ns;
    let text = |args: &[ExprValue<'_>], at: usize| -> Result<String, String> {
        match args.get(at) {
            // The library passes nil as the zero of the parameter's type.
            Some(ExprValue::Nil) => Ok(String::new()),
            Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| "expected text".to_owned()),
            None => Err("not enough arguments to call".to_owned()),
        }
    };
    let mut time: Vec<(Box<str>, ExprValue<'a>)> = vec![
        ("Now".into(), ExprValue::function(move |_| Ok(ExprValue::Moment(now)))),
        (
            "Parse".into(),
            ExprValue::function(move |args| {
                let text = text(args, 0)?;
                let parsed = belay_expr::parse_time(&text).map(ExprValue::Moment);
                parsed.ok_or_else(|| format!("{text:?} is no time of RFC 3339"))
            }),
        ),
    ];
    time.extend(SPANS.map(|(name, ns)| (name.into(), ExprValue::Span(ns))));
    time.extend(LAYOUTS.map(|(name, layout)| (name.into(), ExprValue::Text(layout))));
    let of_texts = |namespace: &str| {
        let of = OF_TEXTS.iter().filter(move |(ns, ..)| *ns == namespace);
        let functions = of.map(move |(_, name, count, body)| {
            let call = move |args: &[ExprValue<'a>]| {
                let texts: Result<Vec<String>, String> = (0..*count).map(|at| text(args, at)).collect();
                let texts = texts?;
                body(&texts.iter().map(String::as_str).collect::<Vec<_>>()).map(ExprValue::str)
            };
            (Box::<str>::from(*name), ExprValue::function(call))
        });
        functions.collect::<Vec<_>>()
    };
    let mut repo = of_texts("repo");
    let outside = Arc::clone(&subject.outside);
    repo.push((
        "GetCommitMetadata".into(),
        ExprValue::function(move |args| {
            let commit = outside.commit(&text(args, 0)?)?;
            Ok(ExprValue::map([
                ("Message".into(), ExprValue::str(commit.message)),
                ("Author".into(), ExprValue::str(commit.author)),
                ("Date".into(), ExprValue::Moment(i128::from(commit.unix_s) * 1_000_000_000)),
                ("Tags".into(), ExprValue::list(commit.tags.iter().map(ExprValue::str).collect())),
            ]))
        }),
    ));
    repo.push(("GetAppDetails".into(), ExprValue::function(|_| Err(NO_DETAILS.to_owned()))));
    let context = config.context.iter().map(|(name, value)| (name.as_str().into(), ExprValue::Text(value)));
    let mut variables: Vec<(&'a str, ExprValue<'a>)> =
        subject.values.iter().map(|(name, value)| (*name, ExprValue::json(value))).collect();
    variables.push(("context", ExprValue::map(context)));
    variables.push(("time", ExprValue::map(time)));
    variables.push(("strings", ExprValue::map(of_texts("strings"))));
    variables.push(("repo", ExprValue::map(repo)));
    ExprScope { variables, now_unix_ns: now, format: Some(sprig::format_time) }
}

/// What templates see.
pub(crate) fn template_values(subject: &Subject, config: &Config, to: &Destination) -> Value {
    let dot = Map::new();
    for (name, value) in &subject.values {
        dot.insert(*name, from_document(value));
    }
    let context = config.context.iter().map(|(name, value)| (name.as_str(), Value::str(value.as_str())));
    let context = context.chain([("notificationType", Value::str(to.service.as_str()))]);
    dot.insert("context", Value::Map(Map::from_entries(Type::STRING_MAP, context)));
    let bytes = |value: &belay_net::Secret<Vec<u8>>| Value::Bytes(value.expose().as_slice().into());
    let secrets = config.secrets.iter().map(|(name, value)| (name.as_str(), bytes(value)));
    dot.insert("secrets", Value::Map(Map::from_entries(SECRETS, secrets)));
    dot.insert("serviceType", Value::str(to.service.as_str()));
    dot.insert("recipient", Value::str(to.recipient.as_str()));
    dot.insert("time", time_namespace());
    let strings = Map::new();
    let repo = Map::new();
    for (namespace, name, count, body) in OF_TEXTS {
        let into = if namespace == "repo" { &repo } else { &strings };
        into.insert(name, Value::Func(of_texts(name, count, body)));
    }
    let outside = Arc::clone(&subject.outside);
    let commit = Function::new("GetCommitMetadata", &[Param::String], move |_, args| {
        let revision = args[0].as_str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        outside.commit(&revision).map(|commit| commit_value(&commit)).map_err(TemplateError::new)
    });
    repo.insert("GetCommitMetadata", Value::Func(commit));
    let details = Function::new("GetAppDetails", &[], |_, _| Err(TemplateError::new(NO_DETAILS)));
    repo.insert("GetAppDetails", Value::Func(details));
    dot.insert("strings", Value::Map(strings));
    dot.insert("repo", Value::Map(repo));
    Value::Map(dot)
}

const SECRETS: &Type = &Type::of("map[string][]uint8", Elem::Any);

fn commit_value(commit: &Commit) -> Value {
    let fields = Map::new();
    fields.insert("Message", Value::str(commit.message.as_str()));
    fields.insert("Author", Value::str(commit.author.as_str()));
    fields.insert("Date", sprig::time_value(i128::from(commit.unix_s) * 1_000_000_000));
    fields.insert("Tags", Value::list(commit.tags.iter().map(|tag| Value::str(tag.as_str())).collect()));
    Value::Map(fields)
}

fn time_namespace() -> Value {
    let time = Map::new();
    let now = Function::new("Now", &[], |ctx, _| Ok(sprig::time_value(ctx.now_unix_ns())));
    let parse = Function::new("Parse", &[Param::String], |_, args| {
        let text = args[0].as_str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        sprig::parse_time(RFC3339, &text)
    });
    time.insert("Now", Value::Func(now));
    time.insert("Parse", Value::Func(parse));
    for (name, ns) in SPANS {
        time.insert(name, sprig::duration_value(ns));
    }
    for (name, layout) in LAYOUTS {
        time.insert(name, Value::str(layout));
    }
    Value::Map(time)
}

fn of_texts(name: &str, count: usize, body: OfTexts) -> Function {
    const ONE: &[Param] = &[Param::String];
    const THREE: &[Param] = &[Param::String, Param::String, Param::String];
    Function::new(name, if count == 3 { THREE } else { ONE }, move |_, args| {
        let texts: Vec<_> = args.iter().filter_map(Value::as_str).map(|s| s.to_string_lossy().into_owned()).collect();
        body(&texts.iter().map(String::as_str).collect::<Vec<_>>()).map(Value::str).map_err(TemplateError::new)
    })
}

/// A document's value with the types that Kubernetes' own decoder gives: whole numbers are `int64`.
fn from_document(value: &object::Value) -> Value {
    match value {
        object::Value::Int(i) => Value::Int64(*i),
        object::Value::Array(items) => Value::list(items.iter().map(from_document).collect()),
        object::Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), from_document(value)));
            Value::Map(Map::from_entries(Type::MAP, fields))
        }
        other => Value::from_object(other),
    }
}

/// The address of a repository, in any of Git's forms.
struct GitUrl<'a> {
    host: &'a str,
    path: &'a str,
}

impl<'a> GitUrl<'a> {
    fn parse(text: &'a str) -> GitUrl<'a> {
        let without_user = |authority: &'a str| authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if let Some((_, rest)) = text.split_once("://") {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            return GitUrl { host: without_user(authority), path };
        }
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') => GitUrl { host: without_user(host), path },
            _ => GitUrl { host: "", path: text },
        }
    }
    fn https(&self) -> String {
        let slash = if self.path.starts_with('/') || self.path.is_empty() { "" } else { "/" };
        format!("https://{}{slash}{}", self.host, self.path)
    }
    /// `owner/name`
    fn full_name(&self) -> String {
        let path = self.path.strip_suffix(".git").unwrap_or(self.path);
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(2).collect();
        if parts.len() == 2 { parts.join("/") } else { path.to_owned() }
    }
}

/// Go's `url.QueryEscape`.
pub(crate) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
