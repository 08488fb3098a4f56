//! Between our values and the evaluator's.

use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{Map, Value};
use kube_cel::cel::Value as Cel;
use kube_cel::cel::objects::{Key, Map as CelMap};

use crate::{Error, ErrorKind};

/// Whole numbers become `int`, as Kubernetes declares them.
pub(crate) fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(b) => Cel::Bool(*b),
        Value::Int(i) => Cel::Int(*i),
        Value::UInt(u) => Cel::UInt(*u),
        Value::Float(f) => Cel::Float(*f),
        Value::Str(s) => Cel::String(Arc::new(s.to_string())),
        Value::Array(a) => Cel::List(Arc::new(a.iter().map(to_cel).collect())),
        Value::Object(m) => {
            let map: HashMap<Key, Cel> =
                m.iter().map(|(k, v)| (Key::String(Arc::new(k.as_str().to_owned())), to_cel(v))).collect();
            Cel::Map(CelMap { map: Arc::new(map) })
        }
    }
}

pub(crate) fn from_cel(value: &Cel) -> Result<Value, Error> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(b) => Value::Bool(*b),
        Cel::Int(i) => Value::Int(*i),
        Cel::UInt(u) => Value::from(*u),
        Cel::Float(f) => Value::Float(*f),
        Cel::String(s) => Value::from(s.as_str()),
        Cel::List(items) => Value::Array(items.iter().map(from_cel).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let mut out = Map::new();
            for (k, v) in map.map.iter() {
                let key = match k {
                    Key::String(s) => s.to_string(),
                    Key::Int(i) => i.to_string(),
                    Key::Uint(u) => u.to_string(),
                    Key::Bool(b) => b.to_string(),
                };
                out.insert(key, from_cel(v)?);
            }
            Value::Object(out)
        }
        other => {
            return Err(Error::new(
                ErrorKind::Result,
                format!("the expression gives a {}, which is no JSON value", other.type_of()),
            ));
        }
    })
}
