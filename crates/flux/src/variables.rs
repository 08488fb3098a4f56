//! Reads the variables of post-build substitution from ConfigMaps and Secrets.

use belay_cluster::{Cluster, Resource};

use crate::spec::Variables;
use crate::substitute::{SubstituteError, VariableSet, missing_source};

/// Reads the variables of a spec: those of objects in order, later ones winning, then the inline ones.
pub(crate) async fn read(
    cluster: &Cluster,
    namespace: &str,
    spec: &Variables,
    strict: bool,
) -> Result<VariableSet, SubstituteError> {
    let mut set = VariableSet::new(spec, strict);
    for from in &spec.from {
        let (kind, plural) = if from.secret { ("Secret", "secrets") } else { ("ConfigMap", "configmaps") };
        let resource = Resource::known("", "v1", kind, plural, true);
        let missing = |why: String| missing_source(from.secret, &from.name, &why);
        match cluster.find(&resource, namespace, &from.name).await {
            Ok(Some(object)) if from.secret => set.add_secret(&object)?,
            Ok(Some(object)) => set.add_config_map(&object),
            Ok(None) if from.optional => {}
            Ok(None) => return Err(missing(format!("{plural} \"{}\" not found", from.name))),
            Err(e) => return Err(missing(e.to_string())),
        }
    }
    set.add_inline(spec);
    Ok(set)
}
