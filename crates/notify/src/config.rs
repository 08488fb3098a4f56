//! [`Config`]: what a config map and a secret say.
//!
//! A key that cannot be read is told and left out; the others count. Credentials stand in the secret: `$key` in a
//! service's options is its value there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use belay_net::Secret;
use belay_object::{LabelSelector, Value};
use regex::{Captures, Regex};

use crate::destinations::{DefaultSubscription, texts};
use crate::template::{self, Template};
use crate::trigger::{self, Condition};
use crate::{Error, ErrorKind, Service};

/// Values of a secret by key.
pub type Secrets = BTreeMap<String, Secret<Vec<u8>>>;

/// What is configured.
#[derive(Debug, Default)]
pub struct Config {
    /// Services by name; one that is not built, or whose options cannot be read, says so when it is used.
    pub services: BTreeMap<String, Result<Service, Error>>,
    /// Conditions by trigger.
    pub(crate) triggers: BTreeMap<String, Vec<Condition>>,
    pub(crate) templates: BTreeMap<String, Template>,
    pub(crate) subscriptions: Vec<DefaultSubscription>,
    pub(crate) default_triggers: Vec<String>,
    service_default_triggers: BTreeMap<String, Vec<String>>,
    /// Texts that templates can show.
    pub context: BTreeMap<String, String>,
    pub(crate) secrets: Secrets,
    /// What cannot be read.
    pub problems: Vec<Error>,
}

/// The most keys of a kind: config maps hold 1 MiB.
const MOST: usize = 2_000;
/// Shorter values of a secret are not looked for in texts: they would be found everywhere.
const SHORTEST_SCRUBBED: usize = 5;

impl Config {
    /// Reads the keys of a config map, with the values of a secret.
    pub fn read(data: &BTreeMap<String, String>, secrets: Secrets) -> Config {
        let mut config = Config { secrets, ..Config::default() };
        let mut wrong = Vec::new();
        for (key, text) in data.iter().take(MOST) {
            if let Err(why) = config.read_key(key, text) {
                let message = format!("{key}: {}", config.scrub(&why));
                wrong.push(Error::new(ErrorKind::Config, message));
            }
        }
        config.problems = wrong;
        config
    }

    fn read_key(&mut self, key: &str, text: &str) -> Result<(), String> {
        if let Some(name) = key.strip_prefix("template.") {
            self.templates.insert(name.to_owned(), template::read(name, text)?);
        } else if let Some(name) = key.strip_prefix("trigger.") {
            self.triggers.insert(name.to_owned(), trigger::read(text)?);
        } else if let Some(name) = key.strip_prefix("defaultTriggers.") {
            self.service_default_triggers.insert(name.to_owned(), list_of_texts(text)?);
        } else if let Some(rest) = key.strip_prefix("service.") {
            let parts: Vec<&str> = rest.split('.').collect();
            let (kind, name) = match parts[..] {
                [kind] => (kind, kind),
                [kind, name] => (kind, name),
                _ => return Err("expected service.<type> or service.<type>.<name>".to_owned()),
            };
            let options = parse(text).map(|options| self.filled(&options, 0));
            let service = options.and_then(|options| Service::read(kind, &options).map_err(|e| e.to_string()));
            let service = service.map_err(|why| {
                let kind = if Service::is_known(kind) { ErrorKind::Config } else { ErrorKind::Unsupported };
                Error::new(kind, self.scrub(&why))
            });
            let failed = service.as_ref().err().map(|e| e.message.clone());
            self.services.insert(name.to_owned(), service);
            return failed.map_or(Ok(()), Err);
        } else {
            match key {
                "defaultTriggers" => self.default_triggers = list_of_texts(text)?,
                "subscriptions" => self.subscriptions = subscriptions(text)?,
                "context" => {
                    let fields = parse(text)?;
                    let fields = fields.as_object().ok_or("expected fields")?;
                    let text = |value: &Value| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
                    self.context = fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                }
                "config.yaml" => return Err("this form was replaced by single keys, and is not read".to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// A copy of options with `$key` replaced. What is no key of the secret stays.
    fn filled(&self, value: &Value, depth: usize) -> Value {
        static KEY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[$][0-9A-Za-z_-]+").expect("it is an expression"));
        let fill = |text: &str| {
            let replaced = KEY.replace_all(text, |found: &Captures<'_>| {
                let key = &found[0][1..];
                match self.secrets.get(key) {
                    Some(value) => String::from_utf8_lossy(value.expose()).into_owned(),
                    None => found[0].to_owned(),
                }
            });
            replaced.into_owned()
        };
        match value {
            // What the YAML reader lets through nests no deeper than its own limit.
            _ if depth > 100 => Value::Null,
            Value::Str(text) => Value::from(fill(text)),
            Value::Array(items) => items.iter().map(|item| self.filled(item, depth + 1)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (fill(name), self.filled(value, depth + 1)));
                Value::Object(fields.map(|(name, value)| (name.as_str().to_owned(), value)).collect())
            }
            other => other.clone(),
        }
    }

    /// A text without the values of the secret: what is logged or written down has gone through this.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = belay_net::redact(text);
        for value in self.secrets.values() {
            let value = String::from_utf8_lossy(value.expose());
            for line in value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_SCRUBBED) {
                if text.contains(line) {
                    text = text.replace(line, "***");
                }
            }
        }
        text
    }

    /// The triggers of a subscription: the one that is named, or those by default.
    pub(crate) fn triggers_of(&self, trigger: &str, service: &str) -> Vec<String> {
        if !trigger.is_empty() {
            return vec![trigger.to_owned()];
        }
        self.service_default_triggers.get(service).unwrap_or(&self.default_triggers).clone()
    }
}

fn parse(text: &str) -> Result<Value, String> {
    belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| e.to_string())
}

fn list_of_texts(text: &str) -> Result<Vec<String>, String> {
    let list = parse(text)?;
    match list {
        Value::Null | Value::Array(_) => Ok(texts(Some(&list))),
        _ => Err("expected a list".to_owned()),
    }
}

fn subscriptions(text: &str) -> Result<Vec<DefaultSubscription>, String> {
    let list = parse(text)?;
    if !matches!(list, Value::Null | Value::Array(_)) {
        return Err("expected a list".to_owned());
    }
    let read = |subscription: &Value| {
        let selector = subscription.str_at(&["selector"]).unwrap_or_default();
        Ok(DefaultSubscription {
            recipients: texts(subscription.get("recipients")),
            triggers: texts(subscription.get("triggers")),
            selector: LabelSelector::parse(selector).map_err(|e| format!("selector: {}", e.0))?,
        })
    };
    list.items().iter().map(read).collect()
}
