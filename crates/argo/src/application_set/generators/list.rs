//! Parameters given outright.

use belay_object::{Map, Value};

use crate::application_set::params::Params;
use crate::application_set::spec::ListGenerator;

/// The parameters of a list.
pub(super) fn params(list: &ListGenerator, is_go: bool) -> Result<Vec<Params>, String> {
    let mut all = Vec::with_capacity(list.elements.len());
    for (i, element) in list.elements.iter().enumerate() {
        let place = || format!("elements[{i}]");
        let fields = match element {
            Value::Object(fields) => fields,
            Value::Null => &Map::new(),
            other => return Err(format!("{}: expected a map, found {}", place(), other.type_name())),
        };
        let fields = if is_go { fields.clone() } else { texts(fields).map_err(|why| format!("{}.{why}", place()))? };
        all.push(Params::new(fields));
    }
    if !list.elements_yaml.is_empty() {
        all.extend(of_yaml(&list.elements_yaml).map_err(|why| format!("elementsYaml: {why}"))?);
    }
    Ok(all)
}

/// Parameters that are texts, and those of `values` each on its own. Compat(argo-cd 3.5): nothing else is taken.
fn texts(fields: &Map) -> Result<Map, String> {
    let mut flat = Map::new();
    for (name, value) in fields.iter() {
        match value {
            Value::Object(values) if name.as_str() == "values" => {
                for (key, value) in values.iter() {
                    flat.insert(format!("values.{key}").as_str(), text(&format!("values.{key}"), value)?);
                }
            }
            value => drop(flat.insert(name.as_str(), text(name, value)?)),
        }
    }
    Ok(flat)
}

fn text(name: &str, value: &Value) -> Result<Value, String> {
    match value {
        Value::Str(_) => Ok(value.clone()),
        other => Err(format!("{name}: without goTemplate a parameter is a string, found {}", other.type_name())),
    }
}

fn of_yaml(text: &str) -> Result<Vec<Params>, String> {
    let read = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|error| error.to_string())?;
    let of = |element: &Value| match element {
        Value::Object(fields) => Ok(Params::new(fields.clone())),
        Value::Null => Ok(Params::default()),
        other => Err(format!("expected a list of maps, found {} in it", other.type_name())),
    };
    match &read {
        Value::Array(elements) => elements.iter().map(of).collect(),
        Value::Null => Ok(Vec::new()),
        other => Err(format!("expected a list of maps, found {}", other.type_name())),
    }
}
