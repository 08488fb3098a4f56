//! Claims and volumes: a claim of the simulated class gets a volume of its size; volumes go with their claims.

use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::world::World;
use crate::status::Result;
use crate::store::Stored;
use belay_schema::quantity::Quantity;

const CLASS: &str = "standard";
const PROVISIONER: &str = "belay.dev/simulated";

/// Creates the default StorageClass.
pub(super) fn create_class(world: &World) {
    let mut class = Object::of("storage.k8s.io/v1", "StorageClass", "", CLASS);
    class.set_annotation("storageclass.kubernetes.io/is-default-class", "true");
    class.set(&["provisioner"], PROVISIONER);
    class.set(&["allowVolumeExpansion"], true);
    // The only failure is that it is there already.
    let _ = world.handle.create(class);
}

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(claim) = world.handle.get("", "persistentvolumeclaims", namespace, name) else { return Ok(()) };
    if claim.is_deleting() {
        return Ok(());
    }
    let volume = match claim.str_at(&["spec", "volumeName"]).filter(|v| !v.is_empty()) {
        Some(volume) => world.handle.get("", "persistentvolumes", "", volume),
        None => find(world, &claim),
    };
    let volume = match volume {
        Some(volume) => volume,
        None if claim.str_at(&["spec", "volumeName"]).is_none() => match provision(world, &claim)? {
            Some(volume) => volume,
            None => return Ok(()),
        },
        None => return Ok(()),
    };
    bind(world, &claim, &volume)
}

fn storage(object: &Object, path: &[&str]) -> Option<Quantity> {
    object.str_at(path).and_then(|t| Quantity::parse(t).ok())
}

/// A free volume that a person made and that is enough: the smallest.
fn find(world: &World, claim: &Object) -> Option<Arc<Stored>> {
    let wanted = storage(claim, &["spec", "resources", "requests", "storage"])?;
    let class = claim.str_at(&["spec", "storageClassName"]).unwrap_or_default();
    let modes = claim.at(&["spec", "accessModes"]).map_or(&[][..], Value::items);
    let fits = |volume: &Arc<Stored>| {
        let offered = volume.at(&["spec", "accessModes"]).map_or(&[][..], Value::items);
        let reference = |k: &str| volume.str_at(&["spec", "claimRef", k]).unwrap_or_default();
        let free = reference("name").is_empty();
        let ours = reference("name") == claim.name()
            && reference("namespace") == claim.namespace()
            && ["", claim.uid()].contains(&reference("uid"));
        (free || ours)
            && !volume.is_deleting()
            && volume.str_at(&["spec", "storageClassName"]).unwrap_or_default() == class
            && storage(volume, &["spec", "capacity", "storage"]).is_some_and(|s| s >= wanted)
            && modes.iter().all(|m| offered.contains(m))
    };
    let mut found: Vec<Arc<Stored>> = world.handle.list("", "persistentvolumes", "").into_iter().filter(fits).collect();
    found.sort_by_key(|v| storage(v, &["spec", "capacity", "storage"]).map_or(0, |s| s.value()));
    found.into_iter().next()
}

/// Makes a volume for a claim of the simulated class.
fn provision(world: &mut World, claim: &Object) -> Result<Option<Arc<Stored>>> {
    let Some(name) = claim.str_at(&["spec", "storageClassName"]).filter(|c| !c.is_empty()) else { return Ok(None) };
    let Some(class) = world.handle.get("storage.k8s.io", "storageclasses", "", name) else { return Ok(None) };
    if class.str_at(&["provisioner"]) != Some(PROVISIONER) {
        return Ok(None);
    }
    let volume_name = format!("pvc-{}", claim.uid());
    let mut volume = Object::of("v1", "PersistentVolume", "", &volume_name);
    volume.set_annotation("pv.kubernetes.io/provisioned-by", PROVISIONER);
    let reference = object! {
        "apiVersion" => "v1", "kind" => "PersistentVolumeClaim", "namespace" => claim.namespace(),
        "name" => claim.name(), "uid" => claim.uid(),
    };
    volume.set(
        &["spec"],
        object! {
            "accessModes" => claim.at(&["spec", "accessModes"]).cloned(),
            "capacity" => object! { "storage" => claim.str_at(&["spec", "resources", "requests", "storage"]) },
            "claimRef" => reference,
            "persistentVolumeReclaimPolicy" => class.str_at(&["reclaimPolicy"]).unwrap_or("Delete"),
            "storageClassName" => name,
            "volumeMode" => claim.at(&["spec", "volumeMode"]).cloned(),
            "csi" => object! { "driver" => PROVISIONER, "volumeHandle" => volume_name.as_str() },
        },
    );
    let volume = match world.handle.create(volume) {
        Ok(volume) => volume,
        Err(e) if e.code() == 409 => return Ok(world.handle.get("", "persistentvolumes", "", &volume_name)),
        Err(e) => return Err(e),
    };
    let message = format!("Successfully provisioned volume {volume_name}");
    world.tell(claim, PROVISIONER, "Normal", "ProvisioningSucceeded", &message);
    Ok(Some(volume))
}

fn bind(world: &World, claim: &Object, volume: &Object) -> Result<()> {
    let claimed = volume.str_at(&["spec", "claimRef", "uid"]) == Some(claim.uid());
    if !claimed {
        world.handle.modify(volume, "", &mut |live| {
            live.set(
                &["spec", "claimRef"],
                object! {
                    "apiVersion" => "v1", "kind" => "PersistentVolumeClaim", "namespace" => claim.namespace(),
                    "name" => claim.name(), "uid" => claim.uid(),
                },
            );
            true
        })?;
    }
    if claim.str_at(&["spec", "volumeName"]).is_none_or(str::is_empty) {
        world.handle.modify(claim, "", &mut |live| {
            live.set(&["spec", "volumeName"], volume.name());
            live.set_annotation("pv.kubernetes.io/bind-completed", "yes");
            live.set_annotation("pv.kubernetes.io/bound-by-controller", "yes");
            true
        })?;
    }
    let mut status = object! {
        "phase" => "Bound", "accessModes" => volume.at(&["spec", "accessModes"]).cloned(),
        "capacity" => volume.at(&["spec", "capacity"]).cloned(),
    };
    // A claim that was enlarged finds its volume enlarged.
    if let Some(wanted) = claim.str_at(&["spec", "resources", "requests", "storage"]) {
        let larger = storage(claim, &["spec", "resources", "requests", "storage"])
            > storage(volume, &["spec", "capacity", "storage"]);
        if larger {
            world.handle.modify(volume, "", &mut |live| {
                live.set(&["spec", "capacity", "storage"], wanted);
                true
            })?;
            status.set(&["capacity", "storage"], wanted);
        }
    }
    world.put_status(claim, status)
}

/// A volume: bound, or freed because its claim is gone.
pub(super) fn sync_volume(world: &mut World, _: &str, name: &str) -> Result<()> {
    let Some(volume) = world.handle.get("", "persistentvolumes", "", name) else { return Ok(()) };
    if volume.is_deleting() {
        return Ok(());
    }
    let reference = |k: &str| volume.str_at(&["spec", "claimRef", k]).unwrap_or_default();
    let phase = if reference("uid").is_empty() {
        "Available"
    } else {
        let claim = world.handle.get("", "persistentvolumeclaims", reference("namespace"), reference("name"));
        let bound = claim.is_some_and(|c| c.uid() == reference("uid"));
        if !bound && volume.str_at(&["spec", "persistentVolumeReclaimPolicy"]) == Some("Delete") {
            return world.delete(&volume);
        }
        if bound { "Bound" } else { "Released" }
    };
    if volume.str_at(&["status", "phase"]) == Some(phase) {
        return Ok(());
    }
    world.handle.modify(&volume, "status", &mut |live| {
        live.set(&["status", "phase"], phase);
        true
    })?;
    Ok(())
}
