//! The documents of discovery: aggregated (two requests), or legacy (one a group and version).

use std::sync::Arc;

use belay_object::{Key, Value, from_json};
use futures::StreamExt;
use http::Method;

use super::Catalog;
use crate::{Cluster, Error, ErrorKind, Resource, Result};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Legacy documents asked for at once.
const AT_ONCE: usize = 8;
/// Resources kept; a large cluster with many operators has about 2,000.
const MAX_RESOURCES: usize = 50_000;

/// Asks the server for all that it serves.
pub(super) async fn ask(cluster: &Cluster) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    let (core, groups) = (document(cluster, "/api", AGGREGATED).await?, document(cluster, "/apis", AGGREGATED).await?);
    for answer in [&core, &groups] {
        match answer.str_at(&["kind"]) {
            Some("APIGroupDiscoveryList") => aggregated(answer, &mut catalog),
            _ => legacy(cluster, answer, &mut catalog).await?,
        }
    }
    if catalog.resources.len() > MAX_RESOURCES {
        let message = format!("the server serves more than {MAX_RESOURCES} resources");
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    Ok(catalog)
}

async fn document(cluster: &Cluster, path: &str, accept: &'static str) -> Result<Value> {
    let bytes = cluster.raw_bytes(Method::GET, path, accept, None).await?;
    from_json(&bytes).map_err(|e| {
        let message = format!("the answer is no JSON: {e}");
        Error::new(ErrorKind::Decode, message).at(&format!("discover {path}"), cluster.host())
    })
}

fn text(value: &Value, field: &str) -> Key {
    Key::new(value.str_at(&[field]).unwrap_or_default())
}
fn texts(value: &Value, field: &str) -> Vec<Key> {
    value.get(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(Key::new).collect()
}
fn items<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).map_or(&[], Value::items)
}

/// Reads an `APIGroupDiscoveryList`.
pub(super) fn aggregated(list: &Value, catalog: &mut Catalog) {
    for group in items(list, "items") {
        let name = group.str_at(&["metadata", "name"]).unwrap_or_default();
        for version in items(group, "versions") {
            // The aggregator keeps the last it knew of a server that is down and marks it; a group
            // that it never knew has no resources at all.
            let stale = version.str_at(&["freshness"]) == Some("Stale");
            if stale && items(version, "resources").is_empty() {
                catalog.add_unavailable(name);
            }
            for resource in items(version, "resources") {
                let Some(kind) = resource.str_at(&["responseKind", "kind"]).filter(|k| !k.is_empty()) else {
                    continue;
                };
                catalog.add(Resource {
                    group: Key::new(name),
                    version: text(version, "version"),
                    kind: Key::new(kind),
                    plural: text(resource, "resource"),
                    singular: text(resource, "singularResource"),
                    namespaced: resource.str_at(&["scope"]) == Some("Namespaced"),
                    verbs: texts(resource, "verbs"),
                    short_names: texts(resource, "shortNames"),
                    categories: texts(resource, "categories"),
                    subresources: items(resource, "subresources").iter().map(|s| text(s, "subresource")).collect(),
                });
            }
        }
    }
}

/// Reads `APIVersions` or `APIGroupList` and asks for each version's `APIResourceList`.
async fn legacy(cluster: &Cluster, answer: &Value, catalog: &mut Catalog) -> Result<()> {
    let mut wanted: Vec<(Arc<str>, String, String)> = Vec::new();
    for version in texts(answer, "versions") {
        wanted.push(("".into(), version.to_string(), format!("/api/{version}")));
    }
    for group in items(answer, "groups") {
        let name: Arc<str> = group.str_at(&["name"]).unwrap_or_default().into();
        let preferred = group.str_at(&["preferredVersion", "version"]).unwrap_or_default().to_owned();
        let mut versions: Vec<String> =
            items(group, "versions").iter().map(|v| text(v, "version").to_string()).collect();
        versions.sort_by_key(|v| *v != preferred);
        for version in versions {
            let path = format!("/apis/{name}/{version}");
            wanted.push((name.clone(), version, path));
        }
    }
    let answers: Vec<_> = futures::stream::iter(wanted)
        .map(async |(group, version, path)| {
            let answer = document(cluster, &path, "application/json").await;
            (group, version, answer)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (group, version, answer) in answers {
        match answer {
            Ok(list) => resource_list(&list, &group, &version, catalog),
            Err(error) if group.is_empty() => return Err(error),
            // One aggregated server that is down must not hide all others.
            Err(error) => {
                tracing::debug!(%error, group = &*group, "a group could not be discovered");
                catalog.add_unavailable(&group);
            }
        }
    }
    Ok(())
}

/// Reads one `APIResourceList`; subresources stand in it as `pods/status`.
pub(super) fn resource_list(list: &Value, group: &str, version: &str, catalog: &mut Catalog) {
    let all = items(list, "resources");
    for resource in all {
        let plural = resource.str_at(&["name"]).unwrap_or_default();
        if plural.is_empty() || plural.contains('/') {
            continue;
        }
        let subresources = all.iter().filter_map(|r| r.str_at(&["name"])?.strip_prefix(plural)?.strip_prefix('/'));
        catalog.add(Resource {
            group: Key::new(group),
            version: Key::new(version),
            kind: text(resource, "kind"),
            plural: Key::new(plural),
            singular: text(resource, "singularName"),
            namespaced: resource.get("namespaced").and_then(Value::as_bool) == Some(true),
            verbs: texts(resource, "verbs"),
            short_names: texts(resource, "shortNames"),
            categories: texts(resource, "categories"),
            subresources: subresources.map(Key::new).collect(),
        });
    }
}
