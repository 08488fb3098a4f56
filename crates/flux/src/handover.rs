//! The other Kustomizations, as the engine asks for them before it deletes: what moves from one to
//! another is handed over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use belay_engine::{IsKnown, Other, Others, Stamp, Target};
use belay_object::{Object, ObjectKey};

use crate::kustomization::{Kustomizations, Run};
use crate::lower;
use crate::names;
use crate::shared::Name;
use crate::spec::{Kustomization, KustomizationStatus};
use crate::target::Targets;

impl Others for Kustomizations {
    /// Every Kustomization of the same cluster that is neither suspended nor on its way out, and whose
    /// source is there. One that waits for a dependency is among them: it will be applied.
    fn of<'a>(
        &'a self,
        app: &'a ObjectKey,
        target: &'a Target,
        is_known: &'a IsKnown<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Other>> + Send + 'a>> {
        Box::pin(async move {
            let mut others = Vec::new();
            for object in self.shared.kustomizations.objects() {
                let key = lower::key(&object);
                if key != *app
                    && let Some(other) = self.other(key, object, target, is_known).await
                {
                    others.push(other);
                }
            }
            others
        })
    }
}

impl Kustomizations {
    async fn other(
        &self,
        key: ObjectKey,
        object: Arc<Object>,
        target: &Target,
        is_known: &IsKnown<'_>,
    ) -> Option<Other> {
        let spec = Kustomization::read(&object).ok()?;
        let is_git = spec.source.kind == names::GIT_REPOSITORY.kind;
        if spec.suspend || object.is_deleting() || !is_git || !Targets::is_same(&spec, target) {
            return None;
        }
        let fetched = self.shared.fetched.get(&Name::new(&spec.source.namespace, &spec.source.name))?;
        let stamp =
            Stamp { uid: object.uid().into(), revision: fetched.revision.clone(), rules: lower::rules(&object) };
        if is_known(&key, &stamp) {
            return Some(Other::Known(key));
        }
        let status = KustomizationStatus::read(&object).ok()?;
        let run = Run { controller: self, object, spec, status, started: Instant::now() };
        let app = run.lower(&fetched).await.ok()?;
        Some(Other::Lowered(Box::new(app)))
    }
}
