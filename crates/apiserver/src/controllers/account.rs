//! What every namespace has: the default service account and the cluster's root certificates.

use belay_object::{Object, object};

use super::world::World;
use crate::status::Result;

/// The ConfigMap with the root certificates.
pub(super) const ROOT_CA: &str = "kube-root-ca.crt";
/// What stands where pods would find the authority's certificate: no container runs that could read it.
const ROOT_CA_TEXT: &str = "# The certificates of this simulated cluster's authority are in the kubeconfig.\n";

pub(super) fn sync(world: &mut World, _: &str, name: &str) -> Result<()> {
    let Some(namespace) = world.handle.get("", "namespaces", "", name) else { return Ok(()) };
    if namespace.is_deleting() {
        return Ok(());
    }
    let mut certificates = Object::of("v1", "ConfigMap", name, ROOT_CA);
    certificates.set_annotation("kubernetes.io/description", "The root certificates of the cluster's API server.");
    certificates.set(&["data"], object! { "ca.crt" => ROOT_CA_TEXT });
    for object in [Object::of("v1", "ServiceAccount", name, "default"), certificates] {
        let plural = if object.kind() == "ConfigMap" { "configmaps" } else { "serviceaccounts" };
        if world.handle.get("", plural, name, object.name()).is_some() {
            continue;
        }
        match world.handle.create(object) {
            Err(e) if !matches!(e.code(), 403 | 404 | 409) => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
