//! Services and Ingresses: the endpoints behind them, and addresses of load balancers.

use std::sync::Arc;

use belay_object::{Map, Object, Value, object};

use super::conditions;
use super::index::controller_of;
use super::world::{World, owner_reference};
use crate::status::Result;
use crate::store::Stored;

const OF_SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
/// As many endpoints as one slice holds; a simulated Service needs no more.
const MAX_ENDPOINTS: usize = 1_000;

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(service) = world.handle.get("", "services", namespace, name) else {
        return forget(world, namespace, name);
    };
    if service.is_deleting() {
        return Ok(());
    }
    balance(world, &service)?;
    // Without a selector the endpoints are somebody else's.
    let Some(selector) = service.at(&["spec", "selector"]).and_then(Value::as_object).filter(|s| !s.is_empty()) else {
        return Ok(());
    };
    if service.str_at(&["spec", "type"]) == Some("ExternalName") {
        return Ok(());
    }
    let mut pods: Vec<Arc<Stored>> = world
        .pods
        .candidates(namespace, selector)
        .iter()
        .filter_map(|pod| world.handle.get("", "pods", namespace, pod))
        .filter(|pod| selects(selector, pod) && pod.str_at(&["status", "podIP"]).is_some())
        .collect();
    pods.truncate(MAX_ENDPOINTS);
    write_endpoints(world, &service, &pods)?;
    write_slice(world, &service, &pods)
}

fn selects(selector: &Map, pod: &Object) -> bool {
    selector.iter().all(|(key, value)| pod.label(key) == value.as_str())
}

/// Endpoints go with their Service; slices are owned by it.
fn forget(world: &World, namespace: &str, name: &str) -> Result<()> {
    match world.handle.get("", "endpoints", namespace, name) {
        Some(endpoints) => world.delete(&endpoints),
        None => Ok(()),
    }
}

fn balance(world: &mut World, service: &Object) -> Result<()> {
    let balanced = service.str_at(&["spec", "type"]) == Some("LoadBalancer");
    let has_class = service.str_at(&["spec", "loadBalancerClass"]).is_some();
    let ingress = service.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Value::items);
    let status = match (balanced && !has_class, ingress.is_empty()) {
        (true, true) => {
            let ip = match service.str_at(&["spec", "loadBalancerIP"]).filter(|ip| !ip.is_empty()) {
                Some(asked) => asked.to_owned(),
                None => world.addresses.balancer(service.uid()),
            };
            object! { "ingress" => vec![object! { "ip" => ip, "ipMode" => "VIP" }] }
        }
        (false, false) if !balanced => {
            world.addresses.give_back(service.uid());
            object! {}
        }
        _ => return Ok(()),
    };
    world.handle.modify(service, "status", &mut |live| {
        live.set(&["status", "loadBalancer"], status.clone());
        true
    })?;
    if balanced {
        world.tell(service, "service-controller", "Normal", "EnsuredLoadBalancer", "Ensured load balancer");
    }
    Ok(())
}

/// An ingress controller serves every Ingress, whatever its class.
pub(super) fn sync_ingress(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(ingress) = world.handle.get("networking.k8s.io", "ingresses", namespace, name) else { return Ok(()) };
    let known = ingress.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Value::items);
    if ingress.is_deleting() || !known.is_empty() {
        return Ok(());
    }
    let address = object! { "ip" => world.addresses.balancer(ingress.uid()) };
    let written = world.handle.modify(&ingress, "status", &mut |live| {
        live.set(&["status", "loadBalancer"], object! { "ingress" => vec![address.clone()] });
        true
    });
    written.map(drop)
}

fn is_ready(pod: &Object) -> bool {
    conditions::holds(pod, "Ready") && !pod.is_deleting()
}

/// The port of a pod that a Service's port leads to.
fn target_port(port: &Value, pod: Option<&Object>) -> Option<Value> {
    match &port["targetPort"] {
        Value::Str(name) => {
            let containers = pod?.at(&["spec", "containers"]).map_or(&[][..], Value::items);
            let ports = containers.iter().flat_map(|c| c["ports"].items());
            ports.filter(|p| p.str_at(&["name"]) == Some(name)).map(|p| p["containerPort"].clone()).next()
        }
        number => Some(number.clone()),
    }
}

fn ports(service: &Object, pod: Option<&Object>) -> Vec<Value> {
    let all = service.at(&["spec", "ports"]).map_or(&[][..], Value::items);
    let port = |p: &Value| {
        let mut out = object! { "port" => target_port(p, pod)?, "protocol" => p["protocol"].clone() };
        if let Some(name) = p.str_at(&["name"]).filter(|n| !n.is_empty()) {
            out.set(&["name"], name);
        }
        if let Some(protocol) = p.get("appProtocol") {
            out.set(&["appProtocol"], protocol.clone());
        }
        Some(out)
    };
    all.iter().filter_map(port).collect()
}

fn target_ref(pod: &Object) -> Value {
    object! { "kind" => "Pod", "namespace" => pod.namespace(), "name" => pod.name(), "uid" => pod.uid() }
}

fn write_endpoints(world: &World, service: &Object, pods: &[Arc<Stored>]) -> Result<()> {
    let address = |pod: &Arc<Stored>| {
        object! {
            "ip" => pod.str_at(&["status", "podIP"]), "nodeName" => pod.str_at(&["spec", "nodeName"]),
            "targetRef" => target_ref(pod),
        }
    };
    let (ready, unready): (Vec<_>, Vec<_>) = pods.iter().filter(|p| !p.is_deleting()).partition(|p| is_ready(p));
    let mut subset = object! {};
    for (field, of) in [("addresses", ready), ("notReadyAddresses", unready)] {
        if !of.is_empty() {
            subset.set(&[field], of.into_iter().map(address).collect::<Value>());
        }
    }
    let mut endpoints = Object::of("v1", "Endpoints", service.namespace(), service.name());
    if let Some(labels) = service.labels() {
        endpoints.set(&["metadata", "labels"], labels.clone());
    }
    endpoints.set_label("endpoints.kubernetes.io/managed-by", "endpoint-controller");
    if subset.as_object().is_some_and(|s| !s.is_empty()) {
        let ports = ports(service, pods.first().map(|p| p.object()));
        if !ports.is_empty() {
            subset.set(&["ports"], ports);
        }
        endpoints.set(&["subsets"], vec![subset]);
    }
    upsert(world, "endpoints", "", endpoints, &["subsets"])
}

fn write_slice(world: &World, service: &Object, pods: &[Arc<Stored>]) -> Result<()> {
    let own = world.dependents.of_resource(service.uid(), "endpointslices");
    let known = own.iter().filter_map(|p| world.at(p)).find(|s| s.label(MANAGED_BY) == Some(CONTROLLER));
    let endpoint = |pod: &Arc<Stored>| {
        let (ready, ending) = (is_ready(pod), pod.is_deleting());
        object! {
            "addresses" => vec![pod.str_at(&["status", "podIP"]).unwrap_or_default()],
            "conditions" => object! {
                "ready" => ready, "serving" => conditions::holds(pod, "Ready"), "terminating" => ending,
            },
            "nodeName" => pod.str_at(&["spec", "nodeName"]), "targetRef" => target_ref(pod),
        }
    };
    let mut slice = Object::of("discovery.k8s.io/v1", "EndpointSlice", service.namespace(), "");
    match &known {
        Some(known) => slice.set(&["metadata", "name"], known.name()),
        None => {
            slice.remove(&["metadata", "name"]);
            slice.set(&["metadata", "generateName"], format!("{}-", service.name()));
        }
    }
    if let Some(labels) = service.labels() {
        slice.set(&["metadata", "labels"], labels.clone());
    }
    slice.set_label(OF_SERVICE, service.name());
    slice.set_label(MANAGED_BY, CONTROLLER);
    if service.str_at(&["spec", "clusterIP"]) == Some("None") {
        slice.set_label("service.kubernetes.io/headless", "");
    }
    slice.set(&["metadata", "ownerReferences"], vec![owner_reference(service)]);
    slice.set(&["addressType"], "IPv4");
    slice.set(&["endpoints"], pods.iter().map(endpoint).collect::<Value>());
    let mut ports = ports(service, pods.first().map(|p| p.object()));
    for port in &mut ports {
        if port.get("name").is_none() {
            port.set(&["name"], "");
        }
    }
    slice.set(&["ports"], ports);
    match known {
        Some(_) => upsert(world, "endpointslices", "discovery.k8s.io", slice, &["endpoints", "ports"]),
        None => world.handle.create(slice).map(drop),
    }
}

/// Creates an object, or sets some of its fields and its labels where they differ.
fn upsert(world: &World, resource: &str, group: &str, wanted: Object, fields: &[&str]) -> Result<()> {
    let Some(live) = world.handle.get(group, resource, wanted.namespace(), wanted.name()) else {
        return match world.handle.create(wanted) {
            Err(e) if e.code() == 409 => Ok(()),
            other => other.map(drop),
        };
    };
    // An object of that name that a person made and owns is left alone.
    if controller_of(&live).is_some_and(|o| wanted.at(&["metadata", "ownerReferences"]).is_none() && o.controller) {
        return Ok(());
    }
    let is_none = |v: Option<&Value>| v.is_none_or(|v| v.is_null() || (v.as_array().is_some() && v.items().is_empty()));
    let differs = |live: &Object| {
        let field = |f: &&str| live.get(f) != wanted.get(f) && !(is_none(live.get(f)) && is_none(wanted.get(f)));
        fields.iter().any(field) || live.labels() != wanted.labels()
    };
    if !differs(&live) {
        return Ok(());
    }
    let result = world.handle.modify(&wanted, "", &mut |live| {
        if !differs(live) {
            return false;
        }
        for field in fields {
            match wanted.get(field) {
                Some(value) => live.set(&[field], value.clone()),
                None => drop(live.remove(&[field])),
            }
        }
        if let Some(labels) = wanted.labels() {
            live.set(&["metadata", "labels"], labels.clone());
        }
        true
    });
    result.map(drop)
}
