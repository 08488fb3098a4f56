//! Pods: put on the node, pulled, run, ready, and gone when deleted.
//!
//! A pod's way is a function of its age, counted from when it was first seen: nothing until 60% of the delay, then on the node, and at the full delay
//! ready. Where the tag of an image is `broken` the pull fails for good. Pods of Jobs run for one more delay and
//! succeed.

use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::conditions;
use super::index::controller_of;
use super::queue::Role;
use super::world::{World, now_text};
use crate::builtin::times;
use crate::handle::Delete;
use crate::status::Result;

/// The address of the node.
pub(super) const NODE_IP: &str = "172.18.0.2";
/// The tag of an image that is not to be had.
const BROKEN: &str = ":broken";

/// How far a pod has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No node yet.
    Unscheduled,
    /// On the node, no container runs.
    Starting,
    /// An image cannot be pulled.
    Stuck,
    /// Ready.
    Running,
    /// Succeeded or failed.
    Ended,
}

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(pod) = world.handle.get("", "pods", namespace, name) else { return Ok(()) };
    let Some(node) = world.options.node.clone() else { return Ok(()) };
    if pod.is_deleting() {
        return end(world, &pod);
    }
    let delay = world.options.pod_ready_after;
    let on_node_after = delay.mul_f64(0.6);
    let age = world.age(&pod);
    match stage(&pod) {
        Stage::Unscheduled => {
            if !pod.at(&["spec", "schedulingGates"]).is_none_or(|g| g.items().is_empty()) {
                return Ok(());
            }
            if age < on_node_after {
                world.again(Role::Pod, namespace, name, on_node_after - age);
                return Ok(());
            }
            // With no delay it is scheduled and started in one write.
            let starts = delay.is_zero();
            let ip = world.addresses.pod(pod.uid());
            bind(world, &pod, &node, &ip, starts)?;
            tell_scheduled(world, &pod, &node, starts);
            if !starts {
                world.again(Role::Pod, namespace, name, delay.saturating_sub(age));
            }
        }
        Stage::Starting => {
            if age < delay {
                world.again(Role::Pod, namespace, name, delay - age);
                return Ok(());
            }
            let ip = world.addresses.pod(pod.uid());
            let started = is_pullable(&pod);
            modify_status(world, &pod, &|status, pod| match started {
                true => run(status, pod, &ip),
                false => fail_pull(status, pod, "ErrImagePull"),
            })?;
            if started {
                tell_started(world, &pod);
            } else {
                tell_failed(world, &pod);
                world.again(Role::Pod, namespace, name, delay.max(Duration::from_millis(1)));
            }
        }
        Stage::Stuck => {
            let first = pod.value().pointer("/status/containerStatuses/0/state/waiting/reason").and_then(Value::as_str);
            let waiting = if is_pullable(&pod) { None } else { first };
            match waiting {
                // The image was changed in place to one that is to be had.
                None => {
                    let ip = world.addresses.pod(pod.uid());
                    modify_status(world, &pod, &|status, pod| run(status, pod, &ip))?;
                }
                Some("ErrImagePull") => {
                    modify_status(world, &pod, &|status, pod| fail_pull(status, pod, "ImagePullBackOff"))?;
                }
                Some(_) => {}
            }
        }
        Stage::Running => {
            if runs_to_its_end(&pod) {
                let ran = pod.str_at(&["status", "startTime"]).and_then(|t| times::parse(t).ok());
                let ran = ran.map_or(Duration::ZERO, since);
                if ran < delay {
                    world.again(Role::Pod, namespace, name, delay - ran);
                    return Ok(());
                }
                modify_status(world, &pod, &|status, pod| succeed(status, pod))?;
            }
        }
        Stage::Ended => {}
    }
    Ok(())
}

/// Whether the containers end by themselves: those of a Job, and those of a pod of nobody that are not
/// started again, as tests of charts are.
fn runs_to_its_end(pod: &Object) -> bool {
    match controller_of(pod) {
        Some(owner) => owner.kind == "Job",
        None => matches!(pod.str_at(&["spec", "restartPolicy"]), Some("Never" | "OnFailure")),
    }
}

fn stage(pod: &Object) -> Stage {
    let scheduled = pod.str_at(&["spec", "nodeName"]).is_some_and(|n| !n.is_empty());
    let waiting = pod.value().pointer("/status/containerStatuses/0/state/waiting/reason").is_some();
    match pod.str_at(&["status", "phase"]) {
        Some("Succeeded" | "Failed") => Stage::Ended,
        Some("Running") => Stage::Running,
        _ if !scheduled => Stage::Unscheduled,
        _ if waiting && conditions::find(&conditions::of(pod), "Ready").is_some() => Stage::Stuck,
        _ => Stage::Starting,
    }
}

fn since(at: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
}

fn is_pullable(pod: &Object) -> bool {
    let lists = ["containers", "initContainers"];
    let containers = lists.iter().flat_map(|l| pod.at(&["spec", l]).map_or(&[][..], Value::items));
    !containers.filter_map(|c| c.str_at(&["image"])).any(|image| image.ends_with(BROKEN))
}

fn set_condition(status: &mut Value, kind: &str, is: bool, reason: &str, message: &str) {
    let mut all = status.get("conditions").map_or(&[][..], Value::items).to_vec();
    conditions::put(&mut all, kind, if is { "True" } else { "False" }, reason, message);
    for condition in &mut all {
        if condition.get("lastProbeTime").is_none() {
            condition.set(&["lastProbeTime"], Value::Null);
        }
    }
    status.set(&["conditions"], all);
}

/// Puts a pod on the node; with `starts` it runs at once.
fn bind(world: &World, pod: &Object, node: &str, ip: &str, starts: bool) -> Result<()> {
    let (node, ip, uid) = (node.to_owned(), ip.to_owned(), pod.uid().to_owned());
    world.kubelet.modify(pod, "binding", &mut |live| {
        if live.uid() != uid || live.str_at(&["spec", "nodeName"]).is_some_and(|n| !n.is_empty()) {
            return false;
        }
        live.set(&["spec", "nodeName"], node.as_str());
        let pod = live.clone();
        let status = live.value_mut().at_or_insert(&["status"]);
        set_condition(status, "PodScheduled", true, "", "");
        if starts && is_pullable(&pod) {
            run(status, &pod, &ip);
        } else if starts {
            fail_pull(status, &pod, "ImagePullBackOff");
        } else {
            create_containers(status, &pod);
        }
        true
    })?;
    Ok(())
}

fn modify_status(world: &World, pod: &Object, change: &dyn Fn(&mut Value, &Object)) -> Result<()> {
    let uid = pod.uid().to_owned();
    world.kubelet.modify(pod, "status", &mut |live| {
        if live.uid() != uid {
            return false;
        }
        let pod = live.clone();
        change(live.value_mut().at_or_insert(&["status"]), &pod);
        true
    })?;
    Ok(())
}

fn containers<'a>(pod: &'a Object, list: &str) -> &'a [Value] {
    pod.at(&["spec", list]).map_or(&[][..], Value::items)
}

fn container_status(container: &Value, state: Value, ready: bool, id: &str) -> Value {
    let text = |k: &str| container.str_at(&[k]).unwrap_or_default();
    let image_id = if id.is_empty() { String::new() } else { format!("belay://{}", text("image")) };
    let mut status = object! {
        "name" => text("name"), "image" => text("image"), "imageID" => image_id, "ready" => ready, "started" => ready,
        "restartCount" => 0, "state" => state, "lastState" => object! {},
    };
    if !id.is_empty() {
        status.set(&["containerID"], format!("belay://{id}/{}", text("name")));
    }
    status
}

fn statuses(status: &mut Value, pod: &Object, make: &dyn Fn(&Value) -> Value) {
    status.set(&["containerStatuses"], containers(pod, "containers").iter().map(make).collect::<Value>());
}

fn place_on_node(status: &mut Value) {
    status.set(&["hostIP"], NODE_IP);
    status.set(&["hostIPs"], vec![object! { "ip" => NODE_IP }]);
    if status.get("startTime").is_none() {
        status.set(&["startTime"], now_text());
    }
}

fn unready(status: &mut Value, pod: &Object) {
    let names: Vec<&str> = containers(pod, "containers").iter().filter_map(|c| c.str_at(&["name"])).collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    set_condition(status, "Initialized", true, "", "");
    set_condition(status, "Ready", false, "ContainersNotReady", &message);
    set_condition(status, "ContainersReady", false, "ContainersNotReady", &message);
}

/// On the node, waiting for its containers.
fn create_containers(status: &mut Value, pod: &Object) {
    place_on_node(status);
    let waiting = object! { "waiting" => object! { "reason" => "ContainerCreating" } };
    statuses(status, pod, &|c| container_status(c, waiting.clone(), false, ""));
}

/// Everything runs and is ready.
fn run(status: &mut Value, pod: &Object, ip: &str) {
    place_on_node(status);
    status.set(&["phase"], "Running");
    let host_network = pod.at(&["spec", "hostNetwork"]).and_then(Value::as_bool).unwrap_or_default();
    let ip = if host_network { NODE_IP } else { ip };
    status.set(&["podIP"], ip);
    status.set(&["podIPs"], vec![object! { "ip" => ip }]);
    let now = now_text();
    let running = object! { "running" => object! { "startedAt" => now.as_str() } };
    statuses(status, pod, &|c| container_status(c, running.clone(), true, pod.uid()));
    let done = object! {
        "terminated" => object! {
            "exitCode" => 0, "reason" => "Completed", "startedAt" => now.as_str(), "finishedAt" => now.as_str(),
        },
    };
    let init = containers(pod, "initContainers");
    if !init.is_empty() {
        let status_of = |c: &Value| match c.str_at(&["restartPolicy"]) {
            Some("Always") => container_status(c, running.clone(), true, pod.uid()),
            _ => {
                let mut status = container_status(c, done.clone(), true, pod.uid());
                status.set(&["started"], false);
                status
            }
        };
        status.set(&["initContainerStatuses"], init.iter().map(status_of).collect::<Value>());
    }
    for kind in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"] {
        set_condition(status, kind, true, "", "");
    }
}

/// No container starts: an image is not to be had.
fn fail_pull(status: &mut Value, pod: &Object, reason: &str) {
    place_on_node(status);
    statuses(status, pod, &|c| {
        let image = c.str_at(&["image"]).unwrap_or_default();
        let waiting = match (image.ends_with(BROKEN), reason) {
            (false, _) => object! { "reason" => "ContainerCreating" },
            (true, "ErrImagePull") => {
                let message = format!("failed to pull and unpack image {image:?}: not found");
                object! { "reason" => reason, "message" => message }
            }
            (true, _) => {
                let message = format!("Back-off pulling image {image:?}");
                object! { "reason" => reason, "message" => message }
            }
        };
        container_status(c, object! { "waiting" => waiting }, false, "")
    });
    unready(status, pod);
}

/// All containers ended well.
fn succeed(status: &mut Value, pod: &Object) {
    let now = now_text();
    status.set(&["phase"], "Succeeded");
    let started = status.str_at(&["startTime"]).unwrap_or(&now).to_owned();
    let ended = object! {
        "terminated" => object! {
            "exitCode" => 0, "reason" => "Completed", "startedAt" => started, "finishedAt" => now.as_str(),
        },
    };
    statuses(status, pod, &|c| {
        let mut status = container_status(c, ended.clone(), false, pod.uid());
        status.set(&["started"], false);
        status
    });
    set_condition(status, "Ready", false, "PodCompleted", "");
    set_condition(status, "ContainersReady", false, "PodCompleted", "");
}

/// Lets a deleted pod go: its containers end within a fraction of the delay, whatever its grace.
fn end(world: &mut World, pod: &Object) -> Result<()> {
    let grace = pod.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or_default();
    if grace == 0 {
        return Ok(());
    }
    let deadline = pod.str_at(&["metadata", "deletionTimestamp"]).and_then(|t| times::parse(t).ok());
    let asked_at = deadline.and_then(|d| Timestamp::from_second(d.as_second() - grace).ok());
    let stops_after = world.options.pod_ready_after.mul_f64(0.5).min(Duration::from_secs(grace.unsigned_abs()));
    let passed = asked_at.map_or(stops_after, since);
    if passed < stops_after {
        let (namespace, name) = (pod.namespace().to_owned(), pod.name().to_owned());
        world.again(Role::Pod, &namespace, &name, stops_after - passed);
        return Ok(());
    }
    let options = Delete { uid: Some(pod.uid().into()), grace_seconds: Some(0), ..Delete::default() };
    match world.kubelet.delete(pod, &options) {
        Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
        other => other,
    }
}

fn tell_scheduled(world: &mut World, pod: &Object, node: &str, starts: bool) {
    let message = format!("Successfully assigned {}/{} to {node}", pod.namespace(), pod.name());
    world.tell(pod, "default-scheduler", "Normal", "Scheduled", &message);
    if starts && is_pullable(pod) {
        tell_started(world, pod);
    } else if starts {
        tell_failed(world, pod);
    }
}

fn tell_started(world: &mut World, pod: &Object) {
    for container in containers(pod, "containers") {
        let text = |k: &str| container.str_at(&[k]).unwrap_or_default();
        let (name, image) = (text("name").to_owned(), text("image").to_owned());
        world.tell(pod, "kubelet", "Normal", "Pulled", &format!("Successfully pulled image {image:?}"));
        world.tell(pod, "kubelet", "Normal", "Started", &format!("Started container {name}"));
    }
}

fn tell_failed(world: &mut World, pod: &Object) {
    for container in containers(pod, "containers") {
        let image = container.str_at(&["image"]).unwrap_or_default().to_owned();
        if image.ends_with(BROKEN) {
            let message = format!("Failed to pull image {image:?}: not found");
            world.tell(pod, "kubelet", "Warning", "Failed", &message);
            world.tell(pod, "kubelet", "Warning", "Failed", "Error: ErrImagePull");
        }
    }
}
