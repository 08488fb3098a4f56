//! From a kind's source to its definition.

use belay_object::{Object, Value, object};

use super::{Column, Field, Kind, json};

const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
const SHORT_DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$";

/// Makes the object.
pub(super) fn definition(kind: &Kind) -> Result<Object, String> {
    let mut crd = Object::of(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        &format!("{}.{}", kind.plural, kind.group),
    );
    let mut names = object! {
        "kind" => kind.kind.as_str(),
        "listKind" => format!("{}List", kind.kind),
        "plural" => kind.plural.as_str(),
        "singular" => kind.kind.to_ascii_lowercase(),
    };
    if !kind.categories.is_empty() {
        names.set(&["categories"], kind.categories.iter().collect::<Value>());
    }
    if !kind.short.is_empty() {
        names.set(&["shortNames"], kind.short.iter().collect::<Value>());
    }
    crd.set(&["spec", "group"], kind.group.as_str());
    crd.set(&["spec", "names"], names);
    crd.set(&["spec", "scope"], "Namespaced");
    crd.set(&["spec", "versions"], [version(kind)?]);
    Ok(crd)
}

fn version(kind: &Kind) -> Result<Value, String> {
    let mut version = object! {
        "name" => kind.version.as_str(),
        "served" => true,
        "storage" => true,
        "schema" => object! { "openAPIV3Schema" => root(kind)? },
    };
    if !kind.columns.is_empty() {
        version.set(&["additionalPrinterColumns"], kind.columns.iter().map(column).collect::<Value>());
    }
    if !kind.plain_status && kind.fields.iter().any(|f| f.name == "status") {
        version.set(&["subresources"], object! { "status" => object! {} });
    }
    Ok(version)
}

fn column(column: &Column) -> Value {
    let date = column.path == ".metadata.creationTimestamp";
    let mut value = object! {
        "name" => column.name.as_str(),
        "jsonPath" => column.path.as_str(),
        "type" => if date { "date" } else { "string" },
    };
    if column.priority > 0 {
        value.set(&["priority"], column.priority);
    }
    value
}

fn root(kind: &Kind) -> Result<Value, String> {
    let mut schema = object! {
        "type" => "object",
        "description" => kind.about.as_str(),
        "properties" => object! {
            "apiVersion" => object! { "type" => "string", "description" => "API group and version of this object." },
            "kind" => object! { "type" => "string", "description" => "Kind of this object." },
            "metadata" => object! { "type" => "object" },
        },
    };
    for field in &kind.fields {
        schema.set(&["properties", &field.name], schema_of(field)?);
    }
    require(&mut schema, &kind.fields);
    Ok(schema)
}

fn require(schema: &mut Value, fields: &[Field]) {
    let required: Value = fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
    if !required.items().is_empty() {
        schema.set(&["required"], required);
    }
}

/// Texts are compiled in, and tests read them in full, so that the depth is that of the deepest field
/// written there.
fn schema_of(field: &Field) -> Result<Value, String> {
    let mut schema = typed(&field.kind, field)?;
    if !field.about.is_empty() {
        schema.set(&["description"], field.about.as_str());
    }
    for (name, value) in &field.constraints {
        constrain(&mut schema, name, value).map_err(|e| format!("{}: {e}", field.name))?;
    }
    Ok(schema)
}

fn typed(kind: &str, field: &Field) -> Result<Value, String> {
    if let Some(item) = kind.strip_prefix("[]") {
        return Ok(object! { "type" => "array", "items" => typed(item, field)? });
    }
    if let Some(item) = kind.strip_prefix("{}") {
        return Ok(object! { "type" => "object", "additionalProperties" => typed(item, field)? });
    }
    Ok(match kind {
        "any-object" => object! { "type" => "object", "x-kubernetes-preserve-unknown-fields" => true },
        "int-or-string" => object! {
            "anyOf" => [object! { "type" => "integer" }, object! { "type" => "string" }],
            "x-kubernetes-int-or-string" => true,
        },
        "any" => object! { "x-kubernetes-preserve-unknown-fields" => true },
        "duration" => object! { "type" => "string", "pattern" => DURATION },
        "short-duration" => object! { "type" => "string", "pattern" => SHORT_DURATION },
        "object" => object_schema(field)?,
        "string" | "integer" | "boolean" | "number" => object! { "type" => kind },
        other => return Err(format!("{}: there is no type {other:?}", field.name)),
    })
}

fn object_schema(field: &Field) -> Result<Value, String> {
    let mut schema = object! { "type" => "object" };
    for inner in &field.fields {
        schema.set(&["properties", &inner.name], schema_of(inner)?);
    }
    require(&mut schema, &field.fields);
    if !field.rules.is_empty() {
        let rules: Value = field
            .rules
            .iter()
            .map(|(rule, message)| object! { "rule" => rule.as_str(), "message" => message.as_str() })
            .collect();
        schema.set(&["x-kubernetes-validations"], rules);
    }
    Ok(schema)
}

fn constrain(schema: &mut Value, name: &str, value: &str) -> Result<(), String> {
    let list = |text: &str| text.split(',').collect::<Value>();
    match name {
        "def" => schema.set(&["default"], json(value)?),
        "enum" => schema.set(&["enum"], list(value)),
        "itemenum" => schema.set(&["items", "enum"], list(value)),
        "keys" => schema.set(&["x-kubernetes-list-map-keys"], list(value)),
        "list-type" => schema.set(&["x-kubernetes-list-type"], value),
        "map-type" => schema.set(&["x-kubernetes-map-type"], value),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minimum" => {
            schema.set(&[name], json(value)?);
        }
        "pattern" | "format" => schema.set(&[name], value),
        other => return Err(format!("there is no constraint {other:?}")),
    }
    Ok(())
}
