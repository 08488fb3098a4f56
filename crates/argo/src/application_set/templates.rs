//! Texts with parameters put in, by either of the two languages: `{{name}}`, where what is no parameter stays as it
//! is, and Go templates.

mod functions;

pub use functions::normalized;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use belay_gotemplate as gt;
use belay_object::{Map, Value};

use super::params::Params;

/// What one text may cost: steps take some 100 ns each, and texts of Applications are short.
const LIMITS: gt::Limits = gt::Limits { steps: 2_000_000, depth: 100, output_bytes: 1 << 20, made_bytes: 32 << 20 };
/// The longest text that parameters are put into, and how many are kept parsed: 64 MiB at most.
const MAX_TEXT_BYTES: usize = 256 << 10;
const MAX_PARSED: usize = 256;
/// How deep values are looked into; servers take no deeper ones.
const MAX_DEPTH: usize = 128;

/// A language, with what was parsed of it.
pub struct Templates {
    language: Language,
    /// What `now` tells, in nanoseconds since 1970.
    now_unix_ns: i128,
    parsed: RefCell<HashMap<Box<str>, Arc<gt::Parsed>>>,
}

#[derive(Clone, Copy)]
enum Language {
    /// `{{name}}`
    Names,
    /// Go templates.
    Go(gt::MissingKey),
}

impl Templates {
    /// The language that an ApplicationSet wants. `now_unix_ns` is the time that templates see.
    pub fn new(go_template: bool, options: &[String], now_unix_ns: i128) -> Result<Templates, String> {
        let language = match go_template {
            false => Language::Names,
            true => Language::Go(missing_key(options)?),
        };
        Ok(Templates { language, now_unix_ns, parsed: RefCell::default() })
    }
    /// Whether parameters keep their structure.
    pub fn is_go(&self) -> bool {
        matches!(self.language, Language::Go(_))
    }
    /// Begins with one set of parameters.
    pub fn with<'a>(&'a self, params: &'a Params) -> Filling<'a> {
        let dot = if self.is_go() { params.to_template() } else { gt::Value::Nil };
        Filling { templates: self, params: &params.fields, dot }
    }

    fn parse(&self, text: &str) -> Result<Arc<gt::Parsed>, gt::Error> {
        if let Some(parsed) = self.parsed.borrow().get(text) {
            return Ok(parsed.clone());
        }
        let parsed = Arc::new(gt::parse(NAME, text, functions::all())?);
        let mut all = self.parsed.borrow_mut();
        if all.len() >= MAX_PARSED {
            all.clear();
        }
        all.insert(text.into(), parsed.clone());
        Ok(parsed)
    }
}

/// The name of every template, which errors tell. Compat(argo-cd 3.5)
const NAME: &str = "base";

fn missing_key(options: &[String]) -> Result<gt::MissingKey, String> {
    let mut found = gt::MissingKey::Invalid;
    for option in options {
        found = match option.as_str() {
            "missingkey=default" | "missingkey=invalid" => gt::MissingKey::Invalid,
            "missingkey=zero" => gt::MissingKey::Zero,
            "missingkey=error" => gt::MissingKey::Error,
            other => return Err(format!("goTemplateOptions: {other:?} is no option of Go templates")),
        };
    }
    Ok(found)
}

/// What a map's `values` are instead, by the name under which the map stands.
type ValuesOf<'a> = dyn FnMut(&str, &Value) -> Result<Option<Value>, String> + 'a;

/// One set of parameters about to be put into texts.
pub struct Filling<'a> {
    templates: &'a Templates,
    params: &'a Map,
    dot: gt::Value,
}

impl Filling<'_> {
    /// A text with parameters put in.
    pub fn text(&self, text: &str) -> Result<String, String> {
        match self.templates.language {
            Language::Names => names(text, self.params),
            Language::Go(missing) => self.go(text, missing).map_err(|error| error.to_string()),
        }
    }
    /// The same; `None` where a parameter is not there.
    pub fn known_text(&self, text: &str) -> Result<Option<String>, String> {
        let Language::Go(_) = self.templates.language else { return self.text(text).map(Some) };
        match self.go(text, gt::MissingKey::Error) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let error = error.to_string();
                let is_missing = error.contains("map has no entry for key") || error.contains("can't evaluate field");
                if is_missing { Ok(None) } else { Err(error) }
            }
        }
    }
    fn go(&self, text: &str, missing: gt::MissingKey) -> Result<String, gt::Error> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err(gt::Error::limit(format!("a template is longer than {MAX_TEXT_BYTES} bytes")));
        }
        let mut set = gt::Set::named(NAME);
        set.add(&*self.templates.parse(text)?);
        let environment = gt::Environment { now_unix_ns: self.templates.now_unix_ns, ..gt::Environment::default() };
        let mut context =
            gt::Context::new(set, functions::all().clone(), environment, LIMITS).with_missing_key(missing);
        let out = context.execute(NAME, &self.dot)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
    /// A value with parameters put into all its texts, names of fields among them. What is null goes.
    pub fn value(&self, value: &Value) -> Result<Value, String> {
        self.walk(value, &mut |_, _| Ok(None), "", 0)
    }
    /// The same of a generator. Compat(argo-cd 3.5): of `values` what cannot be filled in yet stays as it is; those
    /// of the generator itself are put in later.
    pub fn generator(&self, value: &Value) -> Result<Value, String> {
        const WITH_VALUES: [&str; 6] =
            ["clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "plugin"];
        let mut keep = |within: &str, value: &Value| {
            let Some(Value::Object(values)) = value.get("values") else { return Ok(None) };
            if !WITH_VALUES.contains(&within) {
                return Ok(None);
            }
            let mut filled = Map::new();
            for (name, value) in values.iter() {
                let text = value.as_str().map(|text| self.known_text(text)).transpose()?.flatten();
                filled.insert(name.as_str(), text.map_or_else(|| value.clone(), Value::from));
            }
            Ok(Some(Value::Object(filled)))
        };
        self.walk(value, &mut keep, "", 0)
    }

    fn walk(&self, value: &Value, values_of: &mut ValuesOf<'_>, within: &str, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("the template is nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(match value {
            Value::Str(text) => self.text(text)?.into(),
            Value::Array(items) => {
                let all: Result<Vec<Value>, String> =
                    items.iter().map(|item| self.walk(item, values_of, "", depth + 1)).collect();
                all?.into_iter().collect()
            }
            Value::Object(fields) => {
                let own_values = values_of(within, value)?;
                let mut filled = Map::with_capacity(fields.len());
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    let value = match (&own_values, name.as_str()) {
                        (Some(values), "values") => values.clone(),
                        (_, name) => self.walk(value, values_of, name, depth + 1)?,
                    };
                    filled.insert(self.text(name)?.as_str(), value);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }
}

/// Puts parameters in for `{{name}}`. Compat(argo-cd 3.5): what is no parameter, or is no text, stays as it is
/// written; a text without both braces in one line is none that anything is put into.
fn names(text: &str, params: &Map) -> Result<String, String> {
    let has_both = |line: &str| line.find("{{").is_some_and(|at| line[at..].contains("}}"));
    if !text.lines().any(has_both) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((front, behind)) = rest.split_once("{{") {
        let Some((tag, behind)) = behind.split_once("}}") else {
            return Err(format!("{{{{ without }}}} in {text:?}"));
        };
        out.push_str(front);
        match params.get(tag.trim()).and_then(Value::as_str).filter(|_| !tag.trim().is_empty()) {
            Some(value) => out.push_str(value),
            None => {
                out.push_str("{{");
                out.push_str(tag);
                out.push_str("}}");
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
