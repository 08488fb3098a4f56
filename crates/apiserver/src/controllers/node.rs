//! The one node that all pods run on.

use belay_object::{Object, object};

use super::world::{World, now_text};

/// Creates it, where one is wanted. It is always ready and reports nothing.
pub(super) fn create(world: &World) {
    let Some(name) = &world.options.node else { return };
    let mut node = Object::of("v1", "Node", "", name);
    for (label, value) in [
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", "amd64"),
    ] {
        node.set_label(label, value);
    }
    node.set(&["spec"], object! { "podCIDR" => "10.244.0.0/16", "podCIDRs" => vec!["10.244.0.0/16"] });
    if world.handle.create(node.clone()).is_err() {
        return;
    }
    let now = now_text();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        object! {
            "type" => kind, "status" => status, "reason" => reason, "message" => message,
            "lastHeartbeatTime" => now.as_str(), "lastTransitionTime" => now.as_str(),
        }
    };
    let amounts = object! {
        "cpu" => "32", "memory" => "128Gi", "pods" => "110k", "ephemeral-storage" => "1Ti",
        "hugepages-1Gi" => "0", "hugepages-2Mi" => "0",
    };
    let status = object! {
        "capacity" => amounts.clone(),
        "allocatable" => amounts,
        "conditions" => vec![
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "addresses" => vec![
            object! { "type" => "InternalIP", "address" => super::pod::NODE_IP },
            object! { "type" => "Hostname", "address" => name.as_str() },
        ],
        "nodeInfo" => object! {
            "architecture" => "amd64", "operatingSystem" => "linux", "osImage" => "Belay (simulated)",
            "kernelVersion" => "6.12.0", "containerRuntimeVersion" => "belay://0.1.0", "kubeletVersion" => "v1.36.2",
            "kubeProxyVersion" => "", "machineID" => "", "systemUUID" => "", "bootID" => "",
        },
    };
    let _ = world.kubelet.modify(&node, "status", &mut |live| {
        live.set(&["status"], status.clone());
        true
    });
}
