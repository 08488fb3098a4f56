//! Options of services, by name.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_net::Secret;
use belay_object::{Map, Value};

/// The options of one service.
pub(super) struct Options<'a>(pub &'a Value);

impl<'a> Options<'a> {
    /// A text; empty where it is not given.
    pub fn text(&self, name: &str) -> &'a str {
        self.0.str_at(&[name]).unwrap_or_default()
    }
    /// A text, or what stands for none.
    pub fn text_or(&self, name: &str, otherwise: &str) -> String {
        let text = self.text(name);
        if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
    }
    /// A text that must be given.
    pub fn needed(&self, name: &str) -> Result<String, String> {
        let text = self.text(name);
        if text.is_empty() { Err(format!("{name} is missing")) } else { Ok(text.to_owned()) }
    }
    /// A credential that must be given.
    pub fn secret(&self, name: &str) -> Result<Secret<String>, String> {
        self.needed(name).map(Secret::new)
    }
    /// A switch.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }
    /// Credentials, or addresses that are, by recipient.
    pub fn by_recipient(&self, name: &str) -> BTreeMap<String, Secret<String>> {
        let fields = self.0.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter);
        let text = fields.filter_map(|(to, value)| Some((to.to_string(), Secret::new(value.as_str()?.to_owned()))));
        text.collect()
    }
    /// A span: Go's form, or a number of nanoseconds. Zero and none are what stands for none.
    // Compat(notifications-engine 0.5): the number is what it reads, the text what its documentation shows.
    pub fn span(&self, name: &str, otherwise: Duration) -> Result<Duration, String> {
        let ns = match self.0.get(name) {
            None | Some(Value::Null) => 0,
            Some(Value::Int(ns)) => *ns,
            Some(value) => {
                let span = value.as_str().and_then(belay_expr::parse_duration);
                span.ok_or_else(|| format!("{name}: {} is no span of time", value.to_json()))?
            }
        };
        let span = Duration::from_nanos(u64::try_from(ns).map_err(|_| format!("{name} is negative"))?);
        Ok(if span.is_zero() { otherwise } else { span })
    }
    /// User and password as a header says them.
    pub fn basic_auth(&self) -> Option<Secret<String>> {
        use base64::Engine;
        let auth = self.0.get("basicAuth").filter(|auth| !auth.is_null())?;
        let text = |field| auth.str_at(&[field]).unwrap_or_default();
        let pair = format!("{}:{}", text("username"), text("password"));
        Some(Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))))
    }
}

/// The value of a recipient.
pub(super) fn of_recipient<'a>(
    all: &'a BTreeMap<String, Secret<String>>,
    recipient: &str,
    what: &str,
) -> Result<&'a Secret<String>, String> {
    all.get(recipient).ok_or_else(|| format!("no {what} configured for recipient {recipient}"))
}

/// Reads the JSON that a template made.
pub(super) fn made_json(field: &str, text: &str) -> Result<Value, String> {
    belay_object::from_json_str(text).map_err(|e| format!("{field}: the template makes no JSON: {e}"))
}
