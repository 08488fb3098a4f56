//! What `$key` and `$secret:key` in the settings refer to.

use std::collections::HashMap;
use std::sync::Arc;

use belay_net::Secret;
use belay_object::{Map, Object, Value};

use super::reader::secret_text;

/// Values of `argocd-secret` by key, and of the installation's other secrets by `<name>:<key>`.
#[derive(Clone, Debug, Default)]
pub struct SecretValues(HashMap<String, Secret<String>>);

/// How deep a value is looked through; the readers of YAML stop at the same depth.
const MAX_DEPTH: usize = 100;

impl SecretValues {
    /// Reads the secrets.
    pub fn read(secret: Option<&Object>, others: &[Arc<Object>]) -> SecretValues {
        let mut values = HashMap::new();
        let labelled = |secret: &&Arc<Object>| secret.label(crate::names::PART_OF.0) == Some(crate::names::PART_OF.1);
        for other in others.iter().filter(labelled) {
            for (key, text) in texts(Some(other)) {
                values.insert(format!("{}:{key}", other.name()), text);
            }
        }
        values.extend(texts(secret));
        SecretValues(values)
    }

    /// What a text stands for: the value that `$key` refers to, blanks around it dropped; any other
    /// text, and a reference to what is not there, for itself.
    pub fn resolve(&self, text: &str) -> Secret<String> {
        let found = text.strip_prefix('$').and_then(|key| self.0.get(key));
        Secret::new(found.map_or(text, |value| value.expose().trim()).to_owned())
    }

    /// A value with all references in it resolved.
    pub fn resolve_value(&self, value: &Value) -> Value {
        self.resolve_to(value, MAX_DEPTH)
    }

    fn resolve_to(&self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Str(text) if text.starts_with('$') => Value::from(self.resolve(text).into_inner()),
            Value::Array(items) if depth > 0 => {
                Value::Array(items.iter().map(|item| self.resolve_to(item, depth - 1)).collect())
            }
            Value::Object(map) if depth > 0 => {
                Value::Object(map.iter().map(|(k, v)| (k.clone(), self.resolve_to(v, depth - 1))).collect())
            }
            other => other.clone(),
        }
    }
}

fn texts(secret: Option<&Object>) -> Vec<(String, Secret<String>)> {
    let keys = ["data", "stringData"].into_iter().filter_map(|field| secret?.get(field)?.as_object());
    let keys = keys.flat_map(Map::keys);
    keys.filter_map(|key| Some((key.to_string(), Secret::new(secret_text(secret, key)?)))).collect()
}
