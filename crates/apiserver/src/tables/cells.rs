//! Cells that take more than a path.

use belay_object::{LabelSelector, Map, Object, Requirement, Value};

use super::age;

pub(super) fn joined(texts: impl IntoIterator<Item = String>, by: &str) -> String {
    texts.into_iter().collect::<Vec<_>>().join(by)
}
pub(super) fn or_none(text: String) -> Value {
    Value::from(if text.is_empty() { "<none>".to_owned() } else { text })
}
pub(super) fn list<'a>(object: &'a Object, path: &[&str]) -> &'a [Value] {
    object.at(path).map_or(&[][..], Value::items)
}
fn number(object: &Object, path: &[&str]) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or_default()
}
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

/// `3/5` of two counts.
fn of(object: &Object, done: &[&str], wanted: &[&str]) -> Value {
    Value::from(format!("{}/{}", number(object, done), number(object, wanted)))
}
pub(super) fn ready_of_replicas(object: &Object, _: i64) -> Value {
    of(object, &["status", "readyReplicas"], &["spec", "replicas"])
}

fn containers_at(object: &Object, path: &[&str], field: &str) -> Value {
    let names = list(object, path).iter().map(|c| c.str_at(&[field]).unwrap_or_default().to_owned());
    Value::from(joined(names, ","))
}
const TEMPLATE: &[&str] = &["spec", "template", "spec", "containers"];
const JOB_TEMPLATE: &[&str] = &["spec", "jobTemplate", "spec", "template", "spec", "containers"];
const POD_TEMPLATE: &[&str] = &["template", "spec", "containers"];
pub(super) fn containers(object: &Object, _: i64) -> Value {
    containers_at(object, TEMPLATE, "name")
}
pub(super) fn images(object: &Object, _: i64) -> Value {
    containers_at(object, TEMPLATE, "image")
}
pub(super) fn cron_containers(object: &Object, _: i64) -> Value {
    containers_at(object, JOB_TEMPLATE, "name")
}
pub(super) fn cron_images(object: &Object, _: i64) -> Value {
    containers_at(object, JOB_TEMPLATE, "image")
}
pub(super) fn template_containers(object: &Object, _: i64) -> Value {
    containers_at(object, POD_TEMPLATE, "name")
}
pub(super) fn template_images(object: &Object, _: i64) -> Value {
    containers_at(object, POD_TEMPLATE, "image")
}

/// A selector's object form as text: `app=a,tier in (x,y)`.
pub(super) fn selector_text(selector: &Value) -> String {
    let Ok(LabelSelector(mut requirements)) = LabelSelector::from_value(selector) else { return "<invalid>".into() };
    let key = |r: &Requirement| match r {
        Requirement::In(k, _) | Requirement::NotIn(k, _) | Requirement::Exists(k) | Requirement::NotExists(k) => {
            k.clone()
        }
        Requirement::Greater(k, _) | Requirement::Less(k, _) => k.clone(),
    };
    requirements.sort_by_key(key);
    let is_labels = |k: &str| selector.at(&["matchLabels", k]).is_some();
    let text = |r: &Requirement| match r {
        Requirement::In(k, values) if values.len() == 1 && is_labels(k) => format!("{k}={}", values[0]),
        Requirement::In(k, values) => format!("{k} in ({})", values.join(",")),
        Requirement::NotIn(k, values) => format!("{k} notin ({})", values.join(",")),
        Requirement::Exists(k) => k.clone(),
        Requirement::NotExists(k) => format!("!{k}"),
        Requirement::Greater(k, n) => format!("{k}>{n}"),
        Requirement::Less(k, n) => format!("{k}<{n}"),
    };
    joined(requirements.iter().map(text), ",")
}
fn selector_at(object: &Object, path: &[&str]) -> String {
    object.at(path).filter(|s| !s.is_null()).map(selector_text).unwrap_or_default()
}
pub(super) fn selector(object: &Object, _: i64) -> Value {
    Value::from(selector_at(object, &["spec", "selector"]))
}
pub(super) fn selector_or_none(object: &Object, _: i64) -> Value {
    or_none(selector_at(object, &["spec", "selector"]))
}
pub(super) fn pod_selector(object: &Object, _: i64) -> Value {
    or_none(selector_at(object, &["spec", "podSelector"]))
}
fn pairs(map: Option<&Value>) -> String {
    let entries = map.and_then(Value::as_object).into_iter().flat_map(Map::iter);
    joined(entries.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())), ",")
}
pub(super) fn label_selector(object: &Object, _: i64) -> Value {
    or_none(pairs(object.at(&["spec", "selector"])))
}
pub(super) fn node_selector(object: &Object, _: i64) -> Value {
    or_none(pairs(object.at(&["spec", "template", "spec", "nodeSelector"])))
}
pub(super) fn template_labels(object: &Object, _: i64) -> Value {
    or_none(pairs(object.at(&["template", "metadata", "labels"])))
}

pub(super) fn data_count(object: &Object, _: i64) -> Value {
    let count = |field: &str| object.get(field).and_then(Value::as_object).map_or(0, Map::len);
    Value::from(count("data") + count("binaryData"))
}

pub(super) fn text_or_none(object: &Object, path: &[&str]) -> Value {
    or_none(object.str_at(path).unwrap_or_default().to_owned())
}
pub(super) fn pod_ip(object: &Object, _: i64) -> Value {
    text_or_none(object, &["status", "podIP"])
}
pub(super) fn pod_node(object: &Object, _: i64) -> Value {
    text_or_none(object, &["spec", "nodeName"])
}
pub(super) fn nominated_node(object: &Object, _: i64) -> Value {
    text_or_none(object, &["status", "nominatedNodeName"])
}
pub(super) fn ingress_class(object: &Object, _: i64) -> Value {
    text_or_none(object, &["spec", "ingressClassName"])
}
pub(super) fn cluster_ip(object: &Object, _: i64) -> Value {
    text_or_none(object, &["spec", "clusterIP"])
}
pub(super) fn time_zone(object: &Object, _: i64) -> Value {
    text_or_none(object, &["spec", "timeZone"])
}

fn balancer_addresses(object: &Object) -> String {
    let ingress = list(object, &["status", "loadBalancer", "ingress"]);
    let mut addresses: Vec<&str> =
        ingress.iter().filter_map(|i| i.str_at(&["ip"]).or(i.str_at(&["hostname"]))).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.join(",")
}
pub(super) fn ingress_address(object: &Object, _: i64) -> Value {
    Value::from(balancer_addresses(object))
}
pub(super) fn external_ip(object: &Object, _: i64) -> Value {
    let own = joined(list(object, &["spec", "externalIPs"]).iter().map(shown), ",");
    match object.str_at(&["spec", "type"]).unwrap_or_default() {
        "LoadBalancer" => {
            let all: Vec<String> = [balancer_addresses(object), own].into_iter().filter(|t| !t.is_empty()).collect();
            Value::from(if all.is_empty() { "<pending>".to_owned() } else { all.join(",") })
        }
        "ExternalName" => Value::from(object.str_at(&["spec", "externalName"]).unwrap_or_default()),
        _ => or_none(own),
    }
}
pub(super) fn service_ports(object: &Object, _: i64) -> Value {
    let port = |p: &Value| {
        let number = p["port"].as_i64().unwrap_or_default();
        let protocol = p.str_at(&["protocol"]).unwrap_or_default();
        match p["nodePort"].as_i64().unwrap_or_default() {
            0 => format!("{number}/{protocol}"),
            node => format!("{number}:{node}/{protocol}"),
        }
    };
    or_none(joined(list(object, &["spec", "ports"]).iter().map(port), ","))
}
/// At most `max` of some texts, and how many more there are.
fn some(texts: &[String], max: usize, total: usize) -> String {
    let first = texts[..texts.len().min(max)].join(",");
    if texts.len() > max { format!("{first} + {} more...", total - max) } else { first }
}
pub(super) fn hosts(object: &Object, _: i64) -> Value {
    let rules = list(object, &["spec", "rules"]);
    let hosts: Vec<String> =
        rules.iter().filter_map(|r| r.str_at(&["host"])).filter(|h| !h.is_empty()).map(str::to_owned).collect();
    Value::from(if hosts.is_empty() { "*".to_owned() } else { some(&hosts, 3, rules.len()) })
}
pub(super) fn ingress_ports(object: &Object, _: i64) -> Value {
    Value::from(if list(object, &["spec", "tls"]).is_empty() { "80" } else { "80, 443" })
}
pub(super) fn endpoints(object: &Object, _: i64) -> Value {
    let mut all = Vec::new();
    for subset in list(object, &["subsets"]) {
        let addresses = || subset["addresses"].items().iter().filter_map(|a| a.str_at(&["ip"]));
        let ports = subset["ports"].items();
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses().map(|ip| format!("{ip}:{}", port["port"].as_i64().unwrap_or_default())));
        }
    }
    or_none(some(&all, 3, all.len()))
}
pub(super) fn slice_ports(object: &Object, _: i64) -> Value {
    let port = |p: &Value| p.get("port").filter(|n| !n.is_null()).map_or_else(|| "*".into(), Value::to_json);
    let ports: Vec<String> = list(object, &["ports"]).iter().map(port).collect();
    Value::from(if ports.is_empty() { "<unset>".to_owned() } else { some(&ports, 3, ports.len()) })
}
pub(super) fn slice_endpoints(object: &Object, _: i64) -> Value {
    let all = list(object, &["endpoints"]).iter().flat_map(|e| e["addresses"].items()).map(shown);
    let all: Vec<String> = all.collect();
    Value::from(if all.is_empty() { "<unset>".to_owned() } else { some(&all, 3, all.len()) })
}

fn has_condition(object: &Object, kind: &str) -> bool {
    let conditions = list(object, &["status", "conditions"]);
    conditions.iter().any(|c| c.str_at(&["type"]) == Some(kind) && c.str_at(&["status"]) == Some("True"))
}
pub(super) fn job_status(object: &Object, _: i64) -> Value {
    let shown = match () {
        () if has_condition(object, "Complete") => "Complete",
        () if has_condition(object, "Failed") => "Failed",
        () if object.is_deleting() => "Terminating",
        () if has_condition(object, "Suspended") => "Suspended",
        () if has_condition(object, "FailureTarget") => "FailureTarget",
        () if has_condition(object, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    Value::from(shown)
}
pub(super) fn completions(object: &Object, _: i64) -> Value {
    let done = number(object, &["status", "succeeded"]);
    let parallelism = number(object, &["spec", "parallelism"]);
    Value::from(match object.at(&["spec", "completions"]).and_then(Value::as_i64) {
        Some(wanted) => format!("{done}/{wanted}"),
        None if parallelism > 1 => format!("{done}/1 of {parallelism}"),
        None => format!("{done}/1"),
    })
}
pub(super) fn job_duration(object: &Object, now_s: i64) -> Value {
    let Some(start) = object.str_at(&["status", "startTime"]) else { return Value::from("") };
    Value::from(match object.str_at(&["status", "completionTime"]) {
        None => age::since(Some(start), now_s),
        Some(end) => age::human_duration(age::between(start, end).unwrap_or_default()),
    })
}
pub(super) fn suspend(object: &Object, _: i64) -> Value {
    Value::from(match object.at(&["spec", "suspend"]).and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    })
}
pub(super) fn active_jobs(object: &Object, _: i64) -> Value {
    Value::from(list(object, &["status", "active"]).len())
}
pub(super) fn last_schedule(object: &Object, now_s: i64) -> Value {
    let time = object.str_at(&["status", "lastScheduleTime"]);
    Value::from(time.map_or_else(|| "<none>".into(), |t| age::since(Some(t), now_s)))
}

pub(super) fn node_status(object: &Object, _: i64) -> Value {
    let conditions = list(object, &["status", "conditions"]);
    let ready = conditions.iter().find(|c| c.str_at(&["type"]) == Some("Ready"));
    let status = match ready.and_then(|c| c.str_at(&["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let held = object.at(&["spec", "unschedulable"]).and_then(Value::as_bool).unwrap_or_default();
    Value::from(if held { format!("{status},SchedulingDisabled") } else { status.to_owned() })
}
pub(super) fn node_roles(object: &Object, _: i64) -> Value {
    let labels = object.labels().into_iter().flat_map(Map::keys);
    let roles = labels.filter_map(|l| l.strip_prefix("node-role.kubernetes.io/")).filter(|r| !r.is_empty());
    or_none(joined(roles.map(str::to_owned), ","))
}
fn node_address(object: &Object, kind: &str) -> Value {
    let addresses = list(object, &["status", "addresses"]);
    let found = addresses.iter().find(|a| a.str_at(&["type"]) == Some(kind)).and_then(|a| a.str_at(&["address"]));
    or_none(found.unwrap_or_default().to_owned())
}
pub(super) fn internal_ip(object: &Object, _: i64) -> Value {
    node_address(object, "InternalIP")
}
pub(super) fn node_external_ip(object: &Object, _: i64) -> Value {
    node_address(object, "ExternalIP")
}
fn node_info(object: &Object, field: &str) -> String {
    object.str_at(&["status", "nodeInfo", field]).filter(|t| !t.is_empty()).unwrap_or("<unknown>").to_owned()
}
pub(super) fn os_image(object: &Object, _: i64) -> Value {
    Value::from(node_info(object, "osImage"))
}
pub(super) fn kernel(object: &Object, _: i64) -> Value {
    let architecture = object.str_at(&["status", "nodeInfo", "architecture"]).unwrap_or_default();
    let kernel = node_info(object, "kernelVersion");
    Value::from(if architecture.is_empty() { kernel } else { format!("{kernel} ({architecture})") })
}
pub(super) fn runtime(object: &Object, _: i64) -> Value {
    Value::from(node_info(object, "containerRuntimeVersion"))
}

fn first_seen_text(object: &Object, now_s: i64) -> String {
    let at = |k: &str| object.str_at(&[k]);
    age::since(at("firstTimestamp").or(at("deprecatedFirstTimestamp")).or(at("eventTime")), now_s)
}
pub(super) fn first_seen(object: &Object, now_s: i64) -> Value {
    Value::from(first_seen_text(object, now_s))
}
pub(super) fn last_seen(object: &Object, now_s: i64) -> Value {
    let series = object.str_at(&["series", "lastObservedTime"]);
    let last = object.str_at(&["lastTimestamp"]).or(object.str_at(&["deprecatedLastTimestamp"]));
    Value::from(series.or(last).map_or_else(|| first_seen_text(object, now_s), |t| age::since(Some(t), now_s)))
}
fn about<'a>(object: &'a Object, field: &str) -> &'a str {
    object.str_at(&["involvedObject", field]).or(object.str_at(&["regarding", field])).unwrap_or_default()
}
pub(super) fn event_object(object: &Object, _: i64) -> Value {
    let kind = about(object, "kind").to_lowercase();
    Value::from(match about(object, "name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    })
}
pub(super) fn event_part(object: &Object, _: i64) -> Value {
    Value::from(about(object, "fieldPath"))
}
pub(super) fn event_source(object: &Object, _: i64) -> Value {
    let first =
        |paths: [&[&str]; 3]| paths.iter().find_map(|p| object.str_at(p).filter(|t| !t.is_empty())).unwrap_or_default();
    let component = first([&["source", "component"], &["reportingComponent"], &["reportingController"]]);
    let host = first([&["source", "host"], &["reportingInstance"], &["deprecatedSource", "host"]]);
    Value::from(if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") })
}
pub(super) fn event_message(object: &Object, _: i64) -> Value {
    Value::from(object.str_at(&["message"]).or(object.str_at(&["note"])).unwrap_or_default().trim())
}
pub(super) fn event_count(object: &Object, _: i64) -> Value {
    let count = [&["series", "count"][..], &["count"], &["deprecatedCount"]];
    let found = count.iter().find_map(|p| object.at(p).and_then(Value::as_i64)).filter(|n| *n != 0);
    Value::from(found.unwrap_or(1))
}

fn phase(object: &Object) -> &str {
    if object.is_deleting() { "Terminating" } else { object.str_at(&["status", "phase"]).unwrap_or_default() }
}
pub(super) fn phase_or_ending(object: &Object, _: i64) -> Value {
    Value::from(phase(object))
}
fn modes_at(object: &Object, path: &[&str]) -> Value {
    let short = |mode: &Value| match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    Value::from(joined(list(object, path).iter().map(short), ","))
}
pub(super) fn volume_modes(object: &Object, _: i64) -> Value {
    modes_at(object, &["spec", "accessModes"])
}
pub(super) fn claim_modes(object: &Object, _: i64) -> Value {
    let bound = object.str_at(&["spec", "volumeName"]).is_some_and(|v| !v.is_empty());
    if bound { modes_at(object, &["status", "accessModes"]) } else { Value::from("") }
}
pub(super) fn claim_capacity(object: &Object, _: i64) -> Value {
    let bound = object.str_at(&["spec", "volumeName"]).is_some_and(|v| !v.is_empty());
    Value::from(object.str_at(&["status", "capacity", "storage"]).filter(|_| bound).unwrap_or_default())
}
pub(super) fn volume_claim(object: &Object, _: i64) -> Value {
    let text = |k: &str| object.str_at(&["spec", "claimRef", k]).unwrap_or_default();
    Value::from(if text("name").is_empty() { String::new() } else { format!("{}/{}", text("namespace"), text("name")) })
}
fn or_unset(object: &Object, path: &[&str]) -> Value {
    Value::from(object.str_at(path).unwrap_or("<unset>"))
}
pub(super) fn volume_mode(object: &Object, _: i64) -> Value {
    or_unset(object, &["spec", "volumeMode"])
}
pub(super) fn attributes_class(object: &Object, _: i64) -> Value {
    or_unset(object, &["spec", "volumeAttributesClassName"])
}
pub(super) fn class_name(object: &Object, _: i64) -> Value {
    let default = object.annotation("storageclass.kubernetes.io/is-default-class") == Some("true");
    Value::from(if default { format!("{} (default)", object.name()) } else { object.name().to_owned() })
}
pub(super) fn ingress_class_name(object: &Object, _: i64) -> Value {
    let default = object.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true");
    Value::from(if default { format!("{} (default)", object.name()) } else { object.name().to_owned() })
}
pub(super) fn expansion(object: &Object, _: i64) -> Value {
    Value::Bool(object.get("allowVolumeExpansion").and_then(Value::as_bool).unwrap_or_default())
}
pub(super) fn class_parameters(object: &Object, _: i64) -> Value {
    let text = |k: &str| object.str_at(&["spec", "parameters", k]).unwrap_or_default();
    let group = if text("apiGroup").is_empty() { String::new() } else { format!(".{}", text("apiGroup")) };
    or_none(if text("kind").is_empty() { String::new() } else { format!("{}{group}/{}", text("kind"), text("name")) })
}
