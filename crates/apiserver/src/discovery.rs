//! What is served, in both forms: aggregated documents and one document a group and version.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Value, object};
use http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::body::Body;
use crate::negotiate;
use crate::request::Target;
use crate::resource::{Group, Registry, Resource, Subresource};
use crate::respond;

/// The address that the core group's document names. Clients behind one of the CIDRs would use it; as
/// in the recordings it is one reserved for documentation, for there is nobody to be sent elsewhere.
const SERVER_ADDRESS: &str = "192.0.2.2:16443";

/// Answers a discovery path; `None` where there is no such group or version.
pub(crate) fn answer(registry: &Registry, target: &Target, headers: &HeaderMap) -> Option<Response<Body>> {
    let value = match target {
        Target::Root { core } => {
            if let Some(version) = negotiate::aggregated_discovery(headers) {
                return Some(aggregated(registry, *core, version, headers));
            }
            match core {
                true => core_versions(),
                false => group_list(registry),
            }
        }
        Target::Group(group) => {
            let mut value = group_value(registry.group(group).filter(|g| !g.name.is_empty())?);
            value.set(&["kind"], "APIGroup");
            value.set(&["apiVersion"], "v1");
            value
        }
        Target::Version { group, version } => {
            let group = registry.group(group)?;
            let (_, resources) = group.versions.iter().find(|(name, _)| name == version.as_str())?;
            resource_list(group, version, resources.iter().map(|r| &**r))
        }
        Target::Plain | Target::Resource(_) => return None,
    };
    Some(respond::json(StatusCode::OK, &value))
}

fn core_versions() -> Value {
    object! {
        "kind" => "APIVersions",
        "versions" => ["v1"],
        "serverAddressByClientCIDRs" => [object! { "clientCIDR" => "0.0.0.0/0", "serverAddress" => SERVER_ADDRESS }],
    }
}

fn named_groups(registry: &Registry) -> impl Iterator<Item = &Group> {
    registry.groups().iter().filter(|g| !g.name.is_empty())
}

fn group_list(registry: &Registry) -> Value {
    object! {
        "kind" => "APIGroupList",
        "apiVersion" => "v1",
        "groups" => named_groups(registry).map(group_value).collect::<Value>(),
    }
}

fn group_value(group: &Group) -> Value {
    let version =
        |version: &str| object! { "groupVersion" => format!("{}/{version}", group.name), "version" => version };
    object! {
        "name" => group.name.as_str(),
        "versions" => group.versions.iter().map(|(v, _)| version(v)).collect::<Value>(),
        "preferredVersion" => group.versions.first().map(|(v, _)| version(v)),
    }
}

fn resource_list<'r>(group: &Group, version: &str, resources: impl Iterator<Item = &'r Resource>) -> Value {
    let group_version = match group.name.as_str() {
        "" => version.to_owned(),
        name => format!("{name}/{version}"),
    };
    let mut list = Vec::new();
    for resource in resources {
        list.push(resource_value(resource));
        list.extend(resource.subresources.iter().map(|sub| subresource_value(resource, sub)));
    }
    let mut value = object! {
        "kind" => "APIResourceList",
        "groupVersion" => group_version,
        "resources" => list,
    };
    if !group.name.is_empty() {
        value.set(&["apiVersion"], "v1");
    }
    value
}

fn resource_value(resource: &Resource) -> Value {
    let mut value = object! {
        "name" => resource.plural.as_str(),
        "singularName" => resource.singular.as_str(),
        "namespaced" => resource.namespaced,
        "kind" => resource.kind.as_str(),
        "verbs" => resource.verbs.clone(),
    };
    set_names(&mut value, resource);
    if resource.serves("watch") {
        value.set(&["storageVersionHash"], storage_version_hash(resource));
    }
    value
}

fn set_names(value: &mut Value, resource: &Resource) {
    for (key, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !names.is_empty() {
            value.set(&[key], names.clone());
        }
    }
}

/// Tells clients when objects are stored in another version: a digest of group, version and kind.
fn storage_version_hash(resource: &Resource) -> String {
    let (group, version) = resource.storage_api_version.split_once('/').unwrap_or(("", &resource.storage_api_version));
    let digest = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    STANDARD.encode(&digest[..8])
}

fn subresource_value(resource: &Resource, subresource: &Subresource) -> Value {
    let mut value = object! {
        "name" => format!("{}/{}", resource.plural, subresource.name),
        "singularName" => "",
        "namespaced" => resource.namespaced,
        "kind" => subresource.kind.as_str(),
        "verbs" => subresource.verbs.clone(),
    };
    if !subresource.version.is_empty() {
        value.set(&["group"], subresource.group.as_str());
        value.set(&["version"], subresource.version.as_str());
    }
    value
}

fn aggregated(registry: &Registry, core: bool, version: &str, headers: &HeaderMap) -> Response<Body> {
    let groups = registry.groups().iter().filter(|g| g.name.is_empty() == core);
    let document = object! {
        "kind" => "APIGroupDiscoveryList",
        "apiVersion" => format!("apidiscovery.k8s.io/{version}"),
        "metadata" => object! {},
        "items" => groups.map(aggregated_group).collect::<Value>(),
    };
    let text = document.to_json();
    let digest = Sha256::digest(&text);
    let tag = format!("\"{}\"", digest.iter().map(|b| format!("{b:02X}")).collect::<String>());
    let media = format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    let known = headers.get(IF_NONE_MATCH).and_then(|h| h.to_str().ok()) == Some(tag.as_str());
    let mut response = match known {
        true => respond::with_type(StatusCode::NOT_MODIFIED, &media, Body::empty()),
        false => respond::with_type(StatusCode::OK, &media, Body::full(text)),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn aggregated_group(group: &Group) -> Value {
    let versions = group.versions.iter().map(|(version, resources)| {
        object! {
            "version" => version.as_str(),
            "freshness" => "Current",
            "resources" => resources.iter().map(|r| aggregated_resource(r)).collect::<Value>(),
        }
    });
    let metadata = match group.name.as_str() {
        "" => object! {},
        name => object! { "name" => name },
    };
    object! { "metadata" => metadata, "versions" => versions.collect::<Value>() }
}

fn aggregated_resource(resource: &Resource) -> Value {
    let own = |kind: &str| object! { "group" => "", "version" => "", "kind" => kind };
    let response_kind = match &resource.custom {
        None => own(&resource.kind),
        Some(_) => object! {
            "group" => resource.group.as_str(),
            "version" => resource.version.as_str(),
            "kind" => resource.kind.as_str(),
        },
    };
    let mut value = object! {
        "resource" => resource.plural.as_str(),
        "responseKind" => response_kind,
        "scope" => if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource" => resource.singular.as_str(),
        "verbs" => resource.verbs.clone(),
    };
    set_names(&mut value, resource);
    if !resource.subresources.is_empty() {
        let subresources = resource.subresources.iter().map(|sub| {
            object! {
                "subresource" => sub.name.as_str(),
                "responseKind" => object! {
                    "group" => sub.group.as_str(),
                    "version" => sub.version.as_str(),
                    "kind" => sub.kind.as_str(),
                },
                "verbs" => sub.verbs.clone(),
            }
        });
        value.set(&["subresources"], subresources.collect::<Value>());
    }
    value
}
