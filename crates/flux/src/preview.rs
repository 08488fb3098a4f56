//! What a Kustomization or a HelmRelease would apply, without applying: the same code up to the plan, or
//! to the record.

mod release;

use std::sync::Arc;

use belay_cluster::Cluster;
use belay_object::Object;
use belay_plan::Plan;
use belay_render::Memo;
use belay_tree::{Tree, TreePath};

use crate::lower::{self, LowerError};
use crate::shared::Settings;
use crate::spec::Kustomization;
use crate::substitute::{VariableSet, substitute};
use crate::variables;

pub use release::{ReleasePreview, release};

/// A plan and what the renderer wants to be known.
pub struct Preview {
    /// What would be applied, in order.
    pub plan: Plan,
    /// A sentence each.
    pub warnings: Vec<String>,
}

/// Why there is no preview: the sentence about it.
#[derive(Debug)]
pub struct PreviewError(String);

impl std::fmt::Display for PreviewError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for PreviewError {}

/// Plans what a Kustomization would apply where `tree` stands for its path. Variables of ConfigMaps
/// and Secrets are read from the cluster; without one only those of the spec are set.
pub async fn preview(
    cluster: Option<&Cluster>,
    object: &Object,
    tree: Arc<dyn Tree>,
    strict: bool,
) -> Result<Preview, PreviewError> {
    let failed = |e: &dyn std::fmt::Display| PreviewError(e.to_string());
    let spec = Kustomization::read(object).map_err(|e| failed(&e))?;
    let variables = match (&spec.post_build, cluster) {
        (None, _) => None,
        (Some(from), Some(cluster)) => {
            Some(variables::read(cluster, &spec.meta.namespace, from, strict).await.map_err(|e| failed(&e))?)
        }
        (Some(from), None) => {
            let mut set = VariableSet::new(from, strict && from.from.is_empty());
            set.add_inline(from);
            Some(set)
        }
    };
    let rendered = Memo::default().render(&lower::render(&spec, TreePath::root()), &tree).map_err(|e| failed(&e))?;
    let mut objects = Vec::with_capacity(rendered.objects.len());
    for item in &rendered.objects {
        let substituted = match &variables {
            Some(set) => substitute(&item.object, set).map_err(|e| failed(&e))?,
            None => None,
        };
        objects.push(substituted.unwrap_or_else(|| item.object.clone()));
    }
    let policy = lower::policy(&spec, &Settings::default()).map_err(|e| match e {
        LowerError::Path(why) | LowerError::Expression(why) | LowerError::Build(why) => PreviewError(why),
    })?;
    let plan = Plan::new(objects, Arc::new(policy)).map_err(|e| failed(&e))?;
    Ok(Preview { plan, warnings: rendered.warnings.clone() })
}
