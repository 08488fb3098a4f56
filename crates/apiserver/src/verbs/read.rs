//! Getting and listing: selectors, versions, pages.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use belay_object::{FieldSelector, LabelSelector, Object, Value, from_json, object};

use crate::request::Query;
use crate::resource::Resource;
use crate::status::{ApiError, Reason, Result};
use crate::store::{List, ListOptions, Stored};

/// Which objects of a collection are meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub labels: LabelSelector,
    pub fields: FieldSelector,
}

impl Selection {
    /// From a query's `labelSelector` and `fieldSelector`.
    pub(crate) fn read(resource: &Resource, query: &Query) -> Result<Selection> {
        Ok(Selection { labels: read_labels(query.get("labelSelector"))?, fields: read_fields(resource, query)? })
    }
    /// Whether everything is meant.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.0.is_empty()
    }
    /// Whether this object is meant.
    pub(crate) fn holds(&self, object: &Object) -> bool {
        (self.labels.is_empty() || self.labels.matches(object.labels()))
            && (self.fields.0.is_empty() || self.fields.matches(object))
    }
}

fn read_labels(text: &str) -> Result<LabelSelector> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.len() > 1 && parts.iter().any(|p| p.is_empty()) {
        let message = match parts.last() {
            Some(&"") if !parts[..parts.len() - 1].contains(&"") => "found '', expected: identifier after ','",
            _ => "found ',', expected: identifier after ','",
        };
        return Err(ApiError::bad_request(message));
    }
    LabelSelector::parse(text).map_err(|e| ApiError::bad_request(e.0))
}

fn read_fields(resource: &Resource, query: &Query) -> Result<FieldSelector> {
    let selector = FieldSelector::parse(query.get("fieldSelector")).map_err(|e| ApiError::bad_request(e.0))?;
    let own = resource.selectable_fields();
    for (field, _, _) in &selector.0 {
        let known = matches!(field.as_str(), "metadata.name" | "metadata.namespace") || own.iter().any(|f| f == field);
        if !known {
            return Err(ApiError::bad_request(match own.is_empty() && resource.custom.is_none() {
                true => {
                    format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
                }
                false => format!("field label not supported: {field}"),
            }));
        }
    }
    Ok(selector)
}

/// `resourceVersion` and `resourceVersionMatch`, checked.
pub(crate) enum VersionWanted {
    /// The newest.
    Newest,
    /// Any, `0` among them: at least this new.
    NotOlder(u64),
    /// This very state.
    Exact(u64),
}

impl VersionWanted {
    /// From a list's query.
    pub(crate) fn read(query: &Query) -> Result<VersionWanted> {
        let (version, rule) = (query.get("resourceVersion"), query.get("resourceVersionMatch"));
        if rule.is_empty() {
            return Ok(match version {
                "" => VersionWanted::Newest,
                text => VersionWanted::NotOlder(parse_version(text)?),
            });
        }
        if version.is_empty() {
            return Err(ApiError::bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        match (rule, parse_version(version)?) {
            ("Exact", 0) => {
                Err(ApiError::bad_request("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
            }
            ("Exact", version) => Ok(VersionWanted::Exact(version)),
            ("NotOlderThan", version) => Ok(VersionWanted::NotOlder(version)),
            (other, _) => Err(ApiError::bad_request(format!("resourceVersionMatch value {other:?} is not supported"))),
        }
    }
}

pub(crate) fn parse_version(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| ApiError::bad_request(format!("Invalid value: {text:?}: resource version is not a number")))
}

/// A version that has not been yet.
pub(crate) fn too_large(asked: u64, current: u64) -> ApiError {
    ApiError::timeout(format!("Too large resource version: {asked}, current: {current}")).with_cause(
        "ResourceVersionTooLarge",
        "Too large resource version",
        "",
    )
}

/// A page of a collection and what its metadata says.
pub(crate) struct Page {
    pub items: Vec<Arc<Stored>>,
    pub version: u64,
    pub next: String,
    pub remaining: Option<usize>,
}

/// Lists a collection; the namespace is empty for all.
pub(crate) fn list(resource: &Resource, namespace: &str, query: &Query, selection: &Selection) -> Result<Page> {
    let current = resource.table.current_version();
    let limit = usize::try_from(query.number("limit")?.unwrap_or_default()).unwrap_or_default();
    let token = match query.get("continue") {
        "" => None,
        text => Some(Continue::read(text)?),
    };
    let at = match (&token, VersionWanted::read(query)?) {
        (Some(token), VersionWanted::Newest | VersionWanted::NotOlder(0)) => Some(token.version),
        (Some(_), _) => {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        (None, VersionWanted::Newest) => None,
        (None, VersionWanted::NotOlder(version) | VersionWanted::Exact(version)) if version > current => {
            return Err(too_large(version, current));
        }
        (None, VersionWanted::NotOlder(_)) => None,
        (None, VersionWanted::Exact(version)) => Some(version),
    };
    // One named object is looked up, not searched for.
    if let (Some(name), false, None) = (selection.fields.name(), namespace.is_empty() && resource.namespaced, at) {
        let found = resource.table.get(&crate::store::key_of(namespace, name)).filter(|s| selection.holds(s));
        return Ok(Page { items: found.into_iter().collect(), version: current, next: String::new(), remaining: None });
    }
    let options = ListOptions {
        namespace,
        at,
        after: token.as_ref().map(|t| t.after.as_str()),
        limit,
        select: &|stored| selection.is_empty() || selection.holds(stored),
    };
    let list = resource.table.list(&options).map_err(|gone| match token {
        Some(_) => expired_page(),
        None => ApiError::expired(format!("The resourceVersion for the provided list is too old: {}", gone.asked)),
    })?;
    Ok(page(list, selection))
}

fn expired_page() -> ApiError {
    ApiError::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
         the continue parameter.",
    )
}

fn page(list: List, selection: &Selection) -> Page {
    let next = list.next.map(|after| Continue { version: list.version, after: after.to_string() }.write());
    Page {
        items: list.items,
        version: list.version,
        // Behind a selector nobody knows how many of the rest are meant.
        remaining: (next.is_some() && selection.is_empty()).then_some(list.remaining),
        next: next.unwrap_or_default(),
    }
}

/// Where the next page begins: the snapshot and the key it goes on behind.
struct Continue {
    version: u64,
    after: String,
}

impl Continue {
    /// The real server's token: base64 of JSON that begins with `{"v":`.
    fn write(&self) -> String {
        let start = format!("{}\u{0}", self.after);
        let token =
            format!("{{\"v\":\"meta.k8s.io/v1\",\"rv\":{},\"start\":{}}}", self.version, Value::from(start).to_json());
        URL_SAFE_NO_PAD.encode(token)
    }
    fn read(text: &str) -> Result<Continue> {
        let wrong =
            || ApiError::new(Reason::BadRequest, "continue key is not valid: encoded continue token is not valid");
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).or_else(|_| STANDARD_NO_PAD.decode(text));
        let token = from_json(&bytes.map_err(|_| wrong())?).map_err(|_| wrong())?;
        let version = token.get("rv").and_then(Value::as_i64).and_then(|v| u64::try_from(v).ok()).ok_or_else(wrong)?;
        let after = token.str_at(&["start"]).and_then(|s| s.strip_suffix('\u{0}')).ok_or_else(wrong)?;
        Ok(Continue { version, after: after.to_owned() })
    }
}

/// The `metadata` of a list.
pub(crate) fn list_metadata(page: &Page) -> Value {
    let mut metadata = object! { "resourceVersion" => page.version.to_string() };
    if !page.next.is_empty() {
        metadata.set(&["continue"], page.next.as_str());
    }
    if let Some(remaining) = page.remaining {
        metadata.set(&["remainingItemCount"], remaining);
    }
    metadata
}
