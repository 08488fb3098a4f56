//! Ingresses, IngressClasses and NetworkPolicies.

use std::net::IpAddr;

use belay_object::{Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;

/// An Ingress.
pub fn ingress(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    let rules = spec["rules"].items();
    if rules.is_empty() && spec.get("defaultBackend").is_none() {
        faults.invalid("spec", &Value::Null, "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(of) = spec.get("defaultBackend") {
        backend(faults, "spec.defaultBackend", of);
    }
    for (i, rule) in rules.iter().enumerate() {
        self::rule(faults, &format!("spec.rules[{i}]"), rule);
    }
    for (i, tls) in spec["tls"].items().iter().enumerate() {
        for (j, host) in tls["hosts"].items().iter().filter_map(Value::as_str).enumerate() {
            self::host(faults, &format!("spec.tls[{i}].hosts[{j}]"), host);
        }
    }
    if let Some(class) = spec.str_at(&["ingressClassName"]) {
        faults.texts("spec.ingressClassName", class, names::dns1123_subdomain(class));
    }
}

fn host(faults: &mut Faults, at: &str, host: &str) {
    if host.contains('*') {
        faults.texts(at, host, names::wildcard_subdomain(host));
    } else {
        faults.texts(at, host, names::dns1123_subdomain(host));
    }
}

fn rule(faults: &mut Faults, at: &str, rule: &Value) {
    if let Some(text) = rule.str_at(&["host"])
        && !text.is_empty()
    {
        if text.parse::<IpAddr>().is_ok() {
            faults.invalid(format!("{at}.host"), &Value::from(text), "must be a DNS name, not an IP address");
        } else {
            host(faults, &format!("{at}.host"), text);
        }
    }
    let Some(http) = rule.get("http").filter(|h| !h.is_null()) else { return };
    let paths = http["paths"].items();
    if paths.is_empty() {
        faults.required(format!("{at}.http.paths"), "");
    }
    for (i, path) in paths.iter().enumerate() {
        self::path(faults, &format!("{at}.http.paths[{i}]"), path);
    }
}

fn path(faults: &mut Faults, at: &str, path: &Value) {
    let text = path.str_at(&["path"]).unwrap_or_default();
    let shown = Value::from(text);
    match path.str_at(&["pathType"]) {
        None => {
            faults.required(format!("{at}.pathType"), "pathType must be specified");
            return;
        }
        Some("Exact" | "Prefix") => {
            if !text.starts_with('/') {
                faults.invalid(format!("{at}.path"), &shown, "must be an absolute path");
            }
            for sequence in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.contains(sequence) {
                    faults.invalid(format!("{at}.path"), &shown, &format!("must not contain '{sequence}'"));
                }
            }
            for end in ["/..", "/."] {
                if text.ends_with(end) {
                    faults.invalid(format!("{at}.path"), &shown, &format!("cannot end with '{end}'"));
                }
            }
        }
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !text.starts_with('/') {
                faults.invalid(format!("{at}.path"), &shown, "must be an absolute path");
            }
        }
        Some(other) => {
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            faults.not_supported(format!("{at}.pathType"), &Value::from(other), &known);
        }
    }
    backend(faults, &format!("{at}.backend"), &path["backend"]);
}

fn backend(faults: &mut Faults, at: &str, backend: &Value) {
    let empty = Value::from("");
    let service = match (backend.get("service"), backend.get("resource")) {
        (Some(_), Some(_)) => return faults.invalid(at, &empty, "cannot set both resource and service backends"),
        (None, Some(_)) => return,
        (None, None) => return faults.invalid(at, &empty, "resource or service backend is required"),
        (Some(service), None) => service,
    };
    match service.str_at(&["name"]).unwrap_or_default() {
        "" => faults.required(format!("{at}.service.name"), ""),
        name => faults.texts(&format!("{at}.service.name"), name, names::dns1035_label(name)),
    }
    let name = service.str_at(&["port", "name"]).unwrap_or_default();
    let number = &service["port"]["number"];
    match (name.is_empty(), number.as_i64().unwrap_or_default() == 0) {
        (false, false) => faults.invalid(at, &empty, "cannot set both port name & port number"),
        (false, true) => faults.texts(&format!("{at}.service.port.name"), name, names::port_name(name)),
        (true, false) => faults.port(&format!("{at}.service.port.number"), number),
        (true, true) => faults.required(at, "port name or number is required"),
    }
}

/// An IngressClass.
pub fn ingress_class(faults: &mut Faults, object: &Object) {
    let controller = object.str_at(&["spec", "controller"]).unwrap_or_default();
    if controller.len() > 250 {
        faults.0.push(crate::status::FieldError::too_long("spec.controller", 250));
    }
    if !controller.is_empty() && !controller.contains('/') {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        faults.invalid("spec.controller", &Value::from(controller), detail);
    }
}

/// A changed IngressClass.
pub fn ingress_class_update(faults: &mut Faults, new: &Object, old: &Object) {
    faults.immutable("spec.controller", new.at(&["spec", "controller"]), old.at(&["spec", "controller"]));
}

/// A NetworkPolicy.
pub fn policy(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    faults.selector("spec.podSelector", spec.get("podSelector"));
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (i, rule) in spec[direction].items().iter().enumerate() {
            let at = format!("spec.{direction}[{i}]");
            for (j, port) in rule["ports"].items().iter().enumerate() {
                policy_port(faults, &format!("{at}.ports[{j}]"), port);
            }
            for (j, peer) in rule[peers].items().iter().enumerate() {
                self::peer(faults, &format!("{at}.{peers}[{j}]"), peer);
            }
        }
    }
    for (i, kind) in spec["policyTypes"].items().iter().enumerate() {
        faults.one_of(format!("spec.policyTypes[{i}]"), Some(kind), &["Ingress", "Egress"]);
    }
}

fn policy_port(faults: &mut Faults, at: &str, port: &Value) {
    faults.one_of(format!("{at}.protocol"), port.get("protocol"), &["TCP", "UDP", "SCTP"]);
    if let Some(number) = port.get("port") {
        faults.port(&format!("{at}.port"), number);
    }
    if let Some(end) = port.get("endPort") {
        match port.get("port") {
            None => faults.required(format!("{at}.port"), "must be specified when endPort is specified"),
            Some(start) if start.as_i64().is_some_and(|s| end.as_i64().is_some_and(|e| e < s)) => {
                faults.invalid(format!("{at}.endPort"), end, "must be greater than or equal to `port`");
            }
            Some(_) => {}
        }
    }
}

fn peer(faults: &mut Faults, at: &str, peer: &Value) {
    let count = ["podSelector", "namespaceSelector", "ipBlock"].iter().filter(|k| peer.get(k).is_some()).count();
    if count == 0 {
        faults.required(at, "must specify a peer");
    }
    faults.selector(&format!("{at}.podSelector"), peer.get("podSelector"));
    faults.selector(&format!("{at}.namespaceSelector"), peer.get("namespaceSelector"));
    let Some(block) = peer.get("ipBlock") else { return };
    if count > 1 {
        faults.forbidden(at, "may not specify both ipBlock and another peer");
    }
    let cidr = block.str_at(&["cidr"]).unwrap_or_default();
    let valid =
        cidr.split_once('/').is_some_and(|(ip, bits)| ip.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok());
    if !valid {
        let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        faults.invalid(format!("{at}.ipBlock.cidr"), &Value::from(cidr), detail);
    }
}
