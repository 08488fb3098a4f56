//! What objects do on the network: whom a Service reaches, where an Ingress leads.

use belay_object::{Map, Object, ObjectKey, Value};

use crate::settings::parse_bool;

/// What an object does on the network.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Network {
    /// The labels of the pods that it reaches.
    pub target_labels: Map,
    /// The objects that it leads to.
    pub targets: Vec<ObjectKey>,
    /// Its labels, by which others reach it.
    pub labels: Map,
    /// Addresses of load balancers, as the status has them.
    pub ingress: Vec<Value>,
    /// Where people find it.
    pub urls: Vec<String>,
}

/// Annotations whose values are links. Compat(argo 3.5)
const LINK: &str = "link.argocd.argoproj.io/";
/// `"true"` on an object: the addresses that its kind has are not told.
const IGNORE_DEFAULT_LINKS: &str = "argocd.argoproj.io/ignore-default-links";
/// Links and targets of one object.
const MAX: usize = 200;

impl Network {
    /// Reads it; `None` where there is nothing to tell.
    pub fn of(object: &Object) -> Option<Network> {
        let kind = object.group_kind();
        let mut network = match (kind.group.as_str(), kind.kind.as_str()) {
            ("", "Service") => Network {
                target_labels: texts(object.at(&["spec", "selector"])),
                ingress: balancers(object),
                ..Network::default()
            },
            ("", "Pod") => Network { labels: texts(object.at(&["metadata", "labels"])), ..Network::default() },
            ("networking.k8s.io" | "extensions", "Ingress") => of_ingress(object),
            ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" | "UDPRoute") => {
                of_route(object)
            }
            _ => Network::default(),
        };
        // Compat(argo 3.5): its own addresses alone; links that somebody wrote stay.
        if object.annotation(IGNORE_DEFAULT_LINKS).and_then(parse_bool) == Some(true) {
            network.urls.clear();
        }
        let annotations = object.annotations().into_iter().flat_map(Map::iter);
        network.urls.extend(links(annotations.filter_map(|(name, url)| Some((name.as_str(), url.as_str()?)))));
        network.urls.truncate(MAX);
        network.targets.truncate(MAX);
        (network != Network::default()).then_some(network)
    }
}

/// The links among annotations.
pub(crate) fn links<'a>(annotations: impl Iterator<Item = (&'a str, &'a str)>) -> impl Iterator<Item = String> {
    let links = annotations.filter(|(name, link)| name.starts_with(LINK) && is_safe(link));
    links.map(|(_, link)| link.to_owned())
}

/// Whether a link, `title|url` or an address alone, leads to a page and runs nothing (UI-1). Whoever writes
/// objects of a cluster writes these, and pages make anchors of them.
fn is_safe(link: &str) -> bool {
    let url = link.rsplit_once('|').map_or(link, |(_, url)| url);
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_web = ["http", "https"].iter().any(|web| web.eq_ignore_ascii_case(scheme));
    let is_local = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    (is_web || is_local) && !link.chars().any(char::is_control)
}

fn texts(map: Option<&Value>) -> Map {
    let fields = map.and_then(Value::as_object).into_iter().flat_map(Map::iter);
    fields.filter(|(_, value)| value.as_str().is_some()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn balancers(object: &Object) -> Vec<Value> {
    let items = object.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Value::items);
    items.iter().take(MAX).cloned().collect()
}

fn of_ingress(object: &Object) -> Network {
    let service = |backend: &Value| {
        let name = backend.str_at(&["service", "name"]).or_else(|| backend.str_at(&["serviceName"]))?;
        Some(ObjectKey::new("", "Service", object.namespace(), name))
    };
    let mut network = Network { ingress: balancers(object), ..Network::default() };
    let default = object.at(&["spec", "defaultBackend"]).or_else(|| object.at(&["spec", "backend"]));
    network.targets.extend(default.and_then(service));
    let tls = object.at(&["spec", "tls"]).map_or(&[][..], Value::items);
    let is_secure = |host: &str| {
        let hosts = tls.iter().filter_map(|entry| entry.get("hosts")).flat_map(Value::items);
        let mut hosts = hosts.filter_map(Value::as_str).peekable();
        !tls.is_empty() && (hosts.peek().is_none() || hosts.any(|known| known == host))
    };
    let address = network.ingress.iter().find_map(|i| i.str_at(&["hostname"]).or_else(|| i.str_at(&["ip"])));
    let address = address.map(str::to_owned);
    for rule in object.at(&["spec", "rules"]).map_or(&[][..], Value::items).iter().take(MAX) {
        let host = rule.str_at(&["host"]).filter(|host| !host.is_empty());
        let paths = rule.at(&["http", "paths"]).map_or(&[][..], Value::items);
        for path in paths.iter().take(MAX) {
            if let Some(target) = path.get("backend").and_then(service).filter(|t| !network.targets.contains(t)) {
                network.targets.push(target);
            }
            // A host with a star is no address.
            let Some(host) = host.or(address.as_deref()).filter(|host| !host.contains('*')) else { continue };
            let scheme = if is_secure(host) { "https" } else { "http" };
            let path = path.str_at(&["path"]).unwrap_or_default().trim_end_matches('*').trim_end_matches('/');
            let url = format!("{scheme}://{host}{path}");
            if !network.urls.contains(&url) {
                network.urls.push(url);
            }
        }
    }
    network
}

fn of_route(object: &Object) -> Network {
    let rules = object.at(&["spec", "rules"]).map_or(&[][..], Value::items).iter().take(MAX);
    let backends = rules.flat_map(|rule| rule.get("backendRefs").map_or(&[][..], Value::items));
    let target = |backend: &Value| {
        let text = |field: &str| backend.str_at(&[field]).filter(|text| !text.is_empty());
        let namespace = text("namespace").unwrap_or(object.namespace());
        Some(ObjectKey::new(text("group").unwrap_or(""), text("kind").unwrap_or("Service"), namespace, text("name")?))
    };
    let mut targets: Vec<ObjectKey> = Vec::new();
    for found in backends.take(MAX).filter_map(target) {
        if !targets.contains(&found) {
            targets.push(found);
        }
    }
    Network { targets, ..Network::default() }
}
