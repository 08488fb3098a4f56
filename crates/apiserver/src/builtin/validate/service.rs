//! Services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use belay_object::{Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;

/// A Service, new or changed.
pub fn service(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    let kind = spec.str_at(&["type"]).unwrap_or_default();
    let headless = spec.str_at(&["clusterIP"]) == Some("None");
    let ports = spec["ports"].items();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        faults.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let detail = format!("may not be set to 'None' for {kind} services");
            faults.invalid("spec.clusterIPs[0]", &spec["clusterIPs"][0], &detail);
        }
        "ExternalName" => external_name(faults, spec),
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        self::port(faults, &format!("spec.ports[{i}]"), port, ports.len() > 1, &mut seen);
    }
    faults.labels("spec.selector", spec["selector"].as_object());
    faults.one_of("spec.sessionAffinity".into(), spec.get("sessionAffinity"), &["ClientIP", "None"]);
    if let Some(seconds) = spec.at(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"])
        && !(1..=86_400).contains(&seconds.as_i64().unwrap_or_default())
    {
        let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        faults.invalid(field, seconds, "must be greater than 0 and less than or equal to 86400");
    }
    cluster_ips(faults, spec, kind);
    for (i, ip) in spec["externalIPs"].items().iter().enumerate() {
        if ip.as_str().is_none_or(|t| t.parse::<IpAddr>().is_err()) {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            faults.invalid(format!("spec.externalIPs[{i}]"), ip, detail);
        }
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    faults.one_of("spec.type".into(), spec.get("type"), &kinds);
    duplicate_ports(faults, kind, ports);
    only_for_load_balancers(faults, spec, kind);
    external_traffic(faults, spec, kind);
    if let Some(policy) = spec.get("internalTrafficPolicy") {
        faults.one_of("spec.internalTrafficPolicy".into(), Some(policy), &["Cluster", "Local"]);
    }
}

fn external_name(faults: &mut Faults, spec: &Value) {
    for (field, is_list) in [("clusterIPs", true), ("ipFamilies", true), ("ipFamilyPolicy", false)] {
        let set = spec.get(field).is_some_and(|v| !is_list || !v.items().is_empty());
        if set {
            faults.forbidden(format!("spec.{field}"), "may not be set for ExternalName services");
        }
    }
    match spec.str_at(&["externalName"]).unwrap_or_default().trim_end_matches('.') {
        "" => faults.required("spec.externalName", ""),
        name => faults.texts("spec.externalName", name, names::dns1123_subdomain(name)),
    }
}

fn port<'a>(faults: &mut Faults, at: &str, port: &'a Value, needs_name: bool, seen: &mut BTreeSet<&'a str>) {
    match port.str_at(&["name"]).unwrap_or_default() {
        "" if needs_name => faults.required(format!("{at}.name"), ""),
        "" => {}
        name => {
            faults.texts(&format!("{at}.name"), name, names::dns1123_label(name));
            if !seen.insert(name) {
                faults.duplicate(format!("{at}.name"), &Value::from(name));
            }
        }
    }
    faults.port(&format!("{at}.port"), &port["port"]);
    faults.one_of(format!("{at}.protocol"), port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    faults.port(&format!("{at}.targetPort"), &port["targetPort"]);
}

fn cluster_ips(faults: &mut Faults, spec: &Value, kind: &str) {
    if kind == "ExternalName" {
        return;
    }
    let families: Vec<&str> = spec["ipFamilies"].items().iter().filter_map(Value::as_str).collect();
    for (i, family) in families.iter().enumerate() {
        if !matches!(*family, "IPv4" | "IPv6") {
            faults.not_supported(format!("spec.ipFamilies[{i}]"), &Value::from(*family), &["IPv4", "IPv6"]);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    faults.one_of_if_set("spec.ipFamilyPolicy".into(), spec.get("ipFamilyPolicy"), &policies);
    for (i, ip) in spec["clusterIPs"].items().iter().enumerate() {
        let text = ip.as_str().unwrap_or_default();
        if !text.is_empty() && text != "None" && text.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            faults.invalid(format!("spec.clusterIPs[{i}]"), ip, detail);
        }
    }
}

fn duplicate_ports(faults: &mut Faults, kind: &str, ports: &[Value]) {
    let mut node_ports = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let protocol = |p: &Value| p.str_at(&["protocol"]).unwrap_or_default().to_owned();
    for (i, port) in ports.iter().enumerate() {
        let node_port = port["nodePort"].as_i64().unwrap_or_default();
        if node_port != 0 && kind == "ClusterIP" {
            let field = format!("spec.ports[{i}].nodePort");
            faults.forbidden(field, "may not be used when `type` is 'ClusterIP'");
        }
        if node_port != 0 && !node_ports.insert((protocol(port), node_port)) {
            faults.duplicate(format!("spec.ports[{i}].nodePort"), &port["nodePort"]);
        }
    }
    for (i, port) in ports.iter().enumerate() {
        if !numbers.insert((protocol(port), port["port"].as_i64().unwrap_or_default())) {
            let shown = belay_object::object! {
                "Name" => "", "Protocol" => protocol(port), "AppProtocol" => Value::Null,
                "Port" => port["port"].clone(), "TargetPort" => 0, "NodePort" => 0,
            };
            faults.duplicate(format!("spec.ports[{i}]"), &shown);
        }
    }
}

fn only_for_load_balancers(faults: &mut Faults, spec: &Value, kind: &str) {
    if kind == "LoadBalancer" {
        return;
    }
    if !spec["loadBalancerSourceRanges"].items().is_empty() {
        faults.forbidden("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'");
    }
    if spec.get("allocateLoadBalancerNodePorts").is_some() {
        faults.forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'");
    }
    if spec.get("loadBalancerClass").is_some() {
        faults.forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'");
    }
}

fn external_traffic(faults: &mut Faults, spec: &Value, kind: &str) {
    let has_external_ips = kind == "ClusterIP" && !spec["externalIPs"].items().is_empty();
    let reachable = matches!(kind, "LoadBalancer" | "NodePort") || has_external_ips;
    match spec.get("externalTrafficPolicy") {
        Some(policy) if !reachable => {
            let detail = "may only be set for externally-accessible services";
            faults.invalid("spec.externalTrafficPolicy", policy, detail);
        }
        Some(policy) => {
            faults.one_of("spec.externalTrafficPolicy".into(), Some(policy), &["Cluster", "Local"]);
        }
        None if reachable => {
            faults.required(
                "spec.externalTrafficPolicy",
                "externalTrafficPolicy is required for externally-accessible services",
            );
        }
        None => {}
    }
}

/// What a change may not touch: an address stays while the Service has one.
pub fn update(faults: &mut Faults, new: &Object, old: &Object) {
    let kind = |o: &Object| o.str_at(&["spec", "type"]).unwrap_or_default().to_owned();
    if kind(new) == "ExternalName" || kind(old) == "ExternalName" {
        return;
    }
    let (new_ips, old_ips) = (&new.value()["spec"]["clusterIPs"], &old.value()["spec"]["clusterIPs"]);
    if let (Some(new_ip), Some(old_ip)) = (new_ips.items().first(), old_ips.items().first())
        && new_ip != old_ip
    {
        faults.invalid("spec.clusterIPs[0]", new_ips, "may not change once set");
    }
    let (new, old) = (&new.value()["spec"]["ipFamilies"], &old.value()["spec"]["ipFamilies"]);
    if let (Some(new_family), Some(old_family)) = (new.items().first(), old.items().first())
        && new_family != old_family
    {
        faults.invalid("spec.ipFamilies[0]", new, "may not change once set");
    }
}
