//! From a request's body to an object of the resource: its JSON or YAML, its kind, its types, what no
//! schema declares, its defaults.

use belay_object::{Object, Value};
use belay_schema::decode;

use super::{FieldValidation, go_json};
use crate::builtin::protobuf;
use crate::negotiate::Text;
use crate::resource::{Registry, Resource};
use crate::status::{ApiError, Result};

/// How much of a body that is no JSON a message shows.
const SHOWN_BYTES: usize = 30;

/// An object as the client sent it, typed and defaulted, and what to warn of.
pub(crate) struct Decoded {
    pub object: Object,
    pub warnings: Vec<String>,
}

/// Reads a body into a value, with the paths of fields that stand twice.
pub(crate) fn parse(body: &[u8], text: Text) -> Result<(Value, Vec<String>), String> {
    match text {
        Text::Json if body.starts_with(protobuf::MAGIC) => protobuf::decode(body).map(|value| (value, Vec::new())),
        Text::Json => decode::read_json(body).map_err(|e| go_json::explain(body).unwrap_or(e.message)),
        Text::Yaml => {
            let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
            let value = belay_yaml::parse_value(text, &belay_yaml::Options::v2());
            value.map(|value| (value, Vec::new())).map_err(|e| e.to_string())
        }
    }
}

/// Reads the body of a create or a replace.
pub(crate) fn object(
    registry: &Registry,
    resource: &Resource,
    body: &[u8],
    text: Text,
    validation: FieldValidation,
) -> Result<Decoded> {
    let unrecognized = |why: &str| {
        let kind = &resource.kind;
        let message =
            format!("the object provided is unrecognized (must be of type {kind}): {why} ({})", summary(body));
        ApiError::bad_request(message)
    };
    let (value, doubled) = parse(body, text)
        .map_err(|why| unrecognized(&format!("couldn't get version/kind; json parse error: {why}")))?;
    let mut object = Object::new(value)
        .map_err(|other| {
            let found = if matches!(other, Value::Array(_)) { "array" } else { other.type_name() };
            let into = "json: cannot unmarshal";
            let target = "Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";
            unrecognized(&format!("couldn't get version/kind; json parse error: {into} {found} into {target}"))
        })?;
    check_kind(registry, resource, &mut object)?;
    let unknown = fit(resource, &mut object)?;
    let warnings = judge(resource, unknown, doubled, validation)?;
    Ok(Decoded { object, warnings })
}

/// Fits a changed object (the result of a patch) to its resource.
pub(crate) fn refit(resource: &Resource, object: &mut Object, validation: FieldValidation) -> Result<Vec<String>> {
    let unknown = fit(resource, object)?;
    judge(resource, unknown, Vec::new(), validation)
}

/// What a body shows of itself in a message.
fn summary(body: &[u8]) -> String {
    let cut = &body[..body.len().min(SHOWN_BYTES)];
    let more = if body.len() > SHOWN_BYTES { " ..." } else { "" };
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(cut)),
        Some(_) => format!("{}{more}", cut.iter().map(|b| format!("{b:02x}")).collect::<String>()),
    }
}

/// The object must be of the resource's kind and version. Built-in kinds take both from the path where
/// the object says neither.
fn check_kind(registry: &Registry, resource: &Resource, object: &mut Object) -> Result<()> {
    let wanted = resource.api_version().to_owned();
    let (api_version, kind) = (object.api_version().to_owned(), object.kind().to_owned());
    if api_version == wanted && kind == resource.kind.as_str() {
        return Ok(());
    }
    if resource.custom.is_some() {
        return Err(ApiError::bad_request(match (api_version.as_str(), kind.as_str()) {
            (_, "") => format!("Object 'Kind' is missing in '{}'", object.value().to_json()),
            ("", _) => format!("Object 'apiVersion' is missing in '{}'", object.value().to_json()),
            (other, _) if other != wanted => {
                format!("the API version in the data ({other}) does not match the expected API version ({wanted})")
            }
            _ => format!("{} in version {:?} cannot be handled as a {}", kind, resource.version, resource.kind),
        }));
    }
    if api_version.is_empty() && kind.is_empty() {
        object.set(&["apiVersion"], wanted);
        object.set(&["kind"], resource.kind.as_str());
        return Ok(());
    }
    let (api_version, kind) = (if api_version.is_empty() { wanted.clone() } else { api_version }, kind);
    if kind.is_empty() && api_version == wanted {
        object.set(&["kind"], resource.kind.as_str());
        return Ok(());
    }
    if kind == resource.kind.as_str() && api_version == wanted {
        object.set(&["apiVersion"], wanted);
        return Ok(());
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let why = if registry.by_kind(group, version, &kind).is_some_and(|r| r.custom.is_none()) {
        let internal = |group: &str| match group.split('.').next() {
            None | Some("") => "core".to_owned(),
            Some(first) => first.to_owned(),
        };
        format!(
            "converting ({version}.{kind}) to ({}.{}): unknown conversion",
            internal(&resource.group),
            resource.kind
        )
    } else {
        let scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";
        format!("no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}")
    };
    Err(ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {}: {why}", resource.kind)))
}

fn cannot_be_handled(resource: &Resource, why: &str) -> ApiError {
    let Resource { kind, version, .. } = resource;
    ApiError::bad_request(format!("{kind} in version {:?} cannot be handled as a {kind}: {why}", version.as_str()))
}

/// Drops what the schema does not declare and gives its paths, fills in what was left out; fails where
/// a type is wrong.
fn fit(resource: &Resource, object: &mut Object) -> Result<Vec<String>> {
    let wrong = |e: belay_schema::Error| cannot_be_handled(resource, &e.message);
    if resource.custom.is_none() {
        if let Some(result) = resource.logic.as_ref().and_then(|logic| logic.decode(object)) {
            return result.map_err(|why| cannot_be_handled(resource, &why));
        }
        let unknown = decode::fit(object.value_mut(), &resource.schema).map_err(wrong)?;
        belay_schema::default_values(object.value_mut(), &resource.schema);
        if let Some(logic) = &resource.logic {
            logic.default(object);
        }
        return Ok(unknown);
    }
    let mut unknown = Vec::new();
    if let (Some(metadata), Some(schema)) = (object.value_mut().get_mut("metadata"), Resource::metadata_schema()) {
        unknown.extend(decode::fit(metadata, &schema).map_err(wrong)?.into_iter().map(|p| format!("metadata.{p}")));
    }
    unknown.extend(belay_schema::prune(object.value_mut(), &resource.schema));
    belay_schema::default_values(object.value_mut(), &resource.schema);
    Ok(unknown)
}

/// Refuses, warns or keeps quiet.
fn judge(
    resource: &Resource,
    unknown: Vec<String>,
    doubled: Vec<String>,
    validation: FieldValidation,
) -> Result<Vec<String>> {
    if validation == FieldValidation::Ignore || unknown.is_empty() && doubled.is_empty() {
        return Ok(Vec::new());
    }
    let unknown = unknown.into_iter().map(|path| format!("unknown field {path:?}"));
    let texts: Vec<String> =
        unknown.chain(doubled.into_iter().map(|path| format!("duplicate field {path:?}"))).collect();
    match validation {
        FieldValidation::Strict => {
            Err(cannot_be_handled(resource, &format!("strict decoding error: {}", texts.join(", "))))
        }
        _ => Ok(texts),
    }
}
