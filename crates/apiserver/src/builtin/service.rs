//! What a Service is beyond its fields: it gets addresses and ports, keeps them, and gives them back.
//!
//! Addresses come from 10.96.0.0/12 and node ports from 30000-32767, both in turn, with the lowest part of each range
//! left to those who ask for a certain one. *Invariant*: an address is in [`Pool::taken`] exactly while a stored
//! Service has it or a write that may still store it runs.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use belay_object::{Object, Value};
use parking_lot::Mutex;

use super::faults::Faults;
use super::kind::Kind;
use super::validate;
use crate::plugin::{Context, KindLogic, Reservation};
use crate::status::FieldError;
use crate::store::Store;

const FIRST_IP: u32 = u32::from_be_bytes([10, 96, 0, 0]);
/// Network and broadcast addresses are never given.
const IPS: std::ops::Range<u32> = FIRST_IP + 1..FIRST_IP + (1 << 20) - 1;
const DYNAMIC_IPS: u32 = FIRST_IP + 256;
const PORTS: std::ops::RangeInclusive<u32> = 30_000..=32_767;
const DYNAMIC_PORTS: u32 = 30_086;

/// What is taken of a range of numbers.
#[derive(Default)]
struct Pool {
    taken: HashSet<u32>,
    next: u32,
}

impl Pool {
    /// The next free number, from `dynamic` on first.
    fn give(&mut self, low: u32, dynamic: u32, high: u32) -> Option<u32> {
        let start = self.next.clamp(dynamic, high);
        let order = (start..=high).chain(dynamic..start).chain(low..dynamic);
        let found = order.into_iter().find(|n| !self.taken.contains(n))?;
        self.taken.insert(found);
        self.next = if found >= high { dynamic } else { found + 1 };
        Some(found)
    }
    fn give_back<'a>(&mut self, numbers: impl IntoIterator<Item = &'a u32>) {
        for number in numbers {
            self.taken.remove(number);
        }
    }
}

#[derive(Default)]
struct Pools {
    ips: Pool,
    ports: Pool,
}

/// The logic of Services.
pub struct ServiceLogic {
    base: Kind,
    pools: Arc<Mutex<Pools>>,
}

/// What one write took; given back unless it is stored.
struct Taken {
    pools: Arc<Mutex<Pools>>,
    ips: Vec<u32>,
    ports: Vec<u32>,
}

impl Reservation for Taken {
    fn commit(mut self: Box<Self>) {
        self.ips.clear();
        self.ports.clear();
    }
}
impl Drop for Taken {
    fn drop(&mut self) {
        let mut pools = self.pools.lock();
        pools.ips.give_back(&self.ips);
        pools.ports.give_back(&self.ports);
    }
}

fn kind_of(object: &Object) -> &str {
    object.str_at(&["spec", "type"]).unwrap_or("ClusterIP")
}
fn needs_ip(object: &Object) -> bool {
    kind_of(object) != "ExternalName"
}
fn needs_node_port(object: &Object) -> bool {
    match kind_of(object) {
        "NodePort" => true,
        "LoadBalancer" => object.at(&["spec", "allocateLoadBalancerNodePorts"]).and_then(Value::as_bool) != Some(false),
        _ => false,
    }
}
fn needs_health_port(object: &Object) -> bool {
    kind_of(object) == "LoadBalancer" && object.str_at(&["spec", "externalTrafficPolicy"]) == Some("Local")
}

fn ips_of(object: &Object) -> HashSet<u32> {
    let ips = object.at(&["spec", "clusterIPs"]).map_or(&[][..], Value::items);
    ips.iter().filter_map(|ip| ip.as_str()?.parse::<Ipv4Addr>().ok()).map(u32::from).collect()
}
fn ports_of(object: &Object) -> HashSet<u32> {
    let ports = object.at(&["spec", "ports"]).map_or(&[][..], Value::items);
    let health = object.at(&["spec", "healthCheckNodePort"]);
    let all = ports.iter().filter_map(|p| p.get("nodePort")).chain(health);
    all.filter_map(|n| u32::try_from(n.as_i64()?).ok()).filter(|n| *n != 0).collect()
}

impl ServiceLogic {
    /// With nothing taken.
    pub fn new() -> ServiceLogic {
        let base = Kind::of("v1", "Service").create(validate::service::service).update_first(validate::service::update);
        ServiceLogic { base, pools: Arc::default() }
    }

    fn take_ip(&self, object: &mut Object, old: Option<&Object>, taken: &mut Taken, faults: &mut Faults) {
        if !needs_ip(object) || object.str_at(&["spec", "clusterIP"]) == Some("None") {
            return;
        }
        let owned = old.map(ips_of).unwrap_or_default();
        let mut pools = self.pools.lock();
        let asked = object.str_at(&["spec", "clusterIP"]).unwrap_or_default().to_owned();
        if asked.is_empty() {
            match pools.ips.give(IPS.start, DYNAMIC_IPS, IPS.end - 1) {
                Some(ip) => {
                    taken.ips.push(ip);
                    let text = Ipv4Addr::from(ip).to_string();
                    object.set(&["spec", "clusterIP"], text.as_str());
                    object.set(&["spec", "clusterIPs"], vec![text]);
                }
                None => faults.invalid("spec.clusterIPs", &Value::Null, "failed to allocate IP: range is full"),
            }
            return;
        }
        let Ok(ip) = asked.parse::<Ipv4Addr>().map(u32::from) else { return };
        let shown: Value = vec![asked.as_str()].into();
        if owned.contains(&ip) {
            return;
        }
        if !IPS.contains(&ip) {
            let detail = format!(
                "failed to allocate IP {asked}: the provided network does not match the current range, \
                 the valid range is 10.96.0.0/12"
            );
            faults.invalid("spec.clusterIPs", &shown, &detail);
        } else if !pools.ips.taken.insert(ip) {
            let detail = format!("failed to allocate IP {asked}: provided IP is already allocated");
            faults.invalid("spec.clusterIPs", &shown, &detail);
        } else {
            taken.ips.push(ip);
        }
    }

    fn take_ports(&self, object: &mut Object, old: Option<&Object>, taken: &mut Taken, faults: &mut Faults) {
        let owned = old.map(ports_of).unwrap_or_default();
        let allocates = needs_node_port(object);
        let needs_health = needs_health_port(object);
        let mut pools = self.pools.lock();
        let mut own_protocols: HashSet<(u32, String)> = HashSet::new();
        let ports = object.value_mut().get_mut("spec").and_then(|s| s.get_mut("ports")).and_then(Value::as_array_mut);
        for (i, port) in ports.into_iter().flatten().enumerate() {
            let asked = port["nodePort"].as_i64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
            let protocol = port.str_at(&["protocol"]).unwrap_or_default().to_owned();
            let field = format!("spec.ports[{i}].nodePort");
            if asked == 0 {
                if !allocates {
                    continue;
                }
                match pools.ports.give(*PORTS.start(), DYNAMIC_PORTS, *PORTS.end()) {
                    Some(number) => {
                        taken.ports.push(number);
                        own_protocols.insert((number, protocol));
                        port.set(&["nodePort"], number);
                    }
                    None => faults.invalid(field, &Value::Int(0), "failed to allocate a nodePort: range is full"),
                }
                continue;
            }
            // TCP and UDP of one Service may share a number.
            let shared = own_protocols.iter().any(|(n, p)| *n == asked && *p != protocol);
            own_protocols.insert((asked, protocol));
            if owned.contains(&asked) || shared {
                continue;
            }
            if !PORTS.contains(&asked) {
                let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                faults.invalid(field, &Value::from(asked), detail);
            } else if !pools.ports.taken.insert(asked) {
                faults.invalid(field, &Value::from(asked), "provided port is already allocated");
            } else {
                taken.ports.push(asked);
            }
        }
        if needs_health
            && object.at(&["spec", "healthCheckNodePort"]).is_none()
            && let Some(number) = pools.ports.give(*PORTS.start(), DYNAMIC_PORTS, *PORTS.end())
        {
            taken.ports.push(number);
            object.set(&["spec", "healthCheckNodePort"], number);
        }
    }
}

/// Keeps `clusterIP` and `clusterIPs[0]` the same, whichever the client changed.
fn align_ips(object: &mut Object, old: Option<&Object>) {
    let one = |o: &Object| o.str_at(&["spec", "clusterIP"]).unwrap_or_default().to_owned();
    let first = |o: &Object| {
        o.at(&["spec", "clusterIPs"]).and_then(|l| l.items().first()?.as_str()).unwrap_or_default().to_owned()
    };
    let changed_one = old.is_none_or(|o| one(o) != one(object));
    let changed_list = old.is_some_and(|o| first(o) != first(object));
    match (one(object), first(object)) {
        (single, list) if single == list => {}
        (single, _) if single.is_empty() && old.is_some() && changed_one => {
            drop(object.remove(&["spec", "clusterIPs"]))
        }
        (single, list) if list.is_empty() || (changed_one && !changed_list) => {
            object.set(&["spec", "clusterIPs"], vec![single]);
        }
        (single, list) if single.is_empty() => object.set(&["spec", "clusterIP"], list),
        _ => {}
    }
}

/// Brings over what the client left out and the Service already has.
fn keep_allocated(object: &mut Object, old: &Object) {
    if needs_ip(old) && needs_ip(object) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if object.at(&["spec", field]).is_none()
                && let Some(value) = old.at(&["spec", field])
            {
                object.set(&["spec", field], value.clone());
            }
        }
    }
    if needs_node_port(old) && needs_node_port(object) {
        let used: HashSet<u32> = ports_of(old).intersection(&ports_of(object)).copied().collect();
        let name = |p: &Value| p.str_at(&["name"]).unwrap_or_default().to_owned();
        let old_ports = old.at(&["spec", "ports"]).map_or(&[][..], Value::items);
        let ports = object.value_mut().get_mut("spec").and_then(|s| s.get_mut("ports")).and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter(|p| p["nodePort"].as_i64().unwrap_or_default() == 0) {
            let same = old_ports.iter().find(|o| name(o) == name(port)).and_then(|o| o["nodePort"].as_i64());
            if let Some(number) = same.filter(|n| u32::try_from(*n).is_ok_and(|n| n != 0 && !used.contains(&n))) {
                port.set(&["nodePort"], number);
            }
        }
    }
    if needs_health_port(old)
        && needs_health_port(object)
        && object.at(&["spec", "healthCheckNodePort"]).is_none()
        && let Some(number) = old.at(&["spec", "healthCheckNodePort"])
    {
        object.set(&["spec", "healthCheckNodePort"], number.clone());
    }
}

/// Clears what went with the former type where the client did not touch it.
fn drop_with_type(object: &mut Object, old: &Object) {
    let same = |object: &Object, field: &str| object.at(&["spec", field]) == old.at(&["spec", field]);
    if needs_ip(old) && !needs_ip(object) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            if same(object, field) {
                object.remove(&["spec", field]);
            }
        }
    }
    if needs_node_port(old) && !needs_node_port(object) && ports_of(old) == ports_of(object) {
        let ports = object.value_mut().get_mut("spec").and_then(|s| s.get_mut("ports")).and_then(Value::as_array_mut);
        ports.into_iter().flatten().for_each(|p| drop(p.remove(&["nodePort"])));
    }
    if needs_health_port(old) && !needs_health_port(object) {
        object.remove(&["spec", "healthCheckNodePort"]);
    }
    let was_balanced = kind_of(old) == "LoadBalancer" && kind_of(object) != "LoadBalancer";
    for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if was_balanced && same(object, field) {
            object.remove(&["spec", field]);
        }
    }
    let reachable = |o: &Object| matches!(kind_of(o), "LoadBalancer" | "NodePort");
    let has_external_ips = object.at(&["spec", "externalIPs"]).is_some_and(|v| !v.items().is_empty());
    if reachable(old) && !reachable(object) && !has_external_ips && same(object, "externalTrafficPolicy") {
        object.remove(&["spec", "externalTrafficPolicy"]);
    }
}

impl KindLogic for ServiceLogic {
    fn decode(&self, object: &mut Object) -> Option<std::result::Result<Vec<String>, String>> {
        self.base.decode(object)
    }
    fn default(&self, object: &mut Object) {
        self.base.default(object);
    }
    fn validate_name(&self, name: &str) -> Option<Vec<String>> {
        Some(super::names::dns1035_label(name))
    }
    fn prepare_create(&self, _: &Context<'_>, object: &mut Object) {
        align_ips(object, None);
    }
    fn prepare_update(&self, cx: &Context<'_>, object: &mut Object, old: &Object) {
        if !cx.subresource.is_empty() {
            return;
        }
        keep_allocated(object, old);
        align_ips(object, Some(old));
        drop_with_type(object, old);
    }
    fn validate_create(&self, cx: &Context<'_>, object: &Object) -> Vec<FieldError> {
        self.base.validate_create(cx, object)
    }
    fn validate_update(&self, cx: &Context<'_>, object: &Object, old: &Object) -> Vec<FieldError> {
        self.base.validate_update(cx, object, old)
    }
    fn allocate(
        &self,
        cx: &Context<'_>,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<Option<Box<dyn Reservation>>, Vec<FieldError>> {
        if !cx.subresource.is_empty() {
            return Ok(None);
        }
        let mut taken = Taken { pools: self.pools.clone(), ips: Vec::new(), ports: Vec::new() };
        let mut faults = Faults::default();
        self.take_ip(object, old, &mut taken, &mut faults);
        self.take_ports(object, old, &mut taken, &mut faults);
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        if needs_ip(object) {
            for (field, value) in [("ipFamilies", Value::from(vec!["IPv4"])), ("ipFamilyPolicy", "SingleStack".into())]
            {
                if object.at(&["spec", field]).is_none() {
                    object.set(&["spec", field], value);
                }
            }
        }
        let is_empty = taken.ips.is_empty() && taken.ports.is_empty();
        Ok((!is_empty).then(|| Box::new(taken) as Box<dyn Reservation>))
    }
    fn after_write(&self, _: &Store, old: Option<&Object>, new: Option<&Object>) {
        let Some(old) = old else { return };
        let kept = |of: fn(&Object) -> HashSet<u32>| new.map(of).unwrap_or_default();
        let (ips, ports) = (kept(ips_of), kept(ports_of));
        let mut pools = self.pools.lock();
        pools.ips.give_back(ips_of(old).difference(&ips));
        pools.ports.give_back(ports_of(old).difference(&ports));
    }
    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }
}
