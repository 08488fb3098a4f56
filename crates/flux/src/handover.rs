//! The other Kustomizations, as the engine asks for them before it deletes: what moves from one to
//! another is handed over.

use std::sync::Arc;
use std::time::Instant;

use belay_engine::{Found, IsKnown, Other, Others, Stamp, Target};
use belay_object::{Condition, ConditionStatus, Object, ObjectKey, Value};

use crate::kustomization::{Kustomizations, Run, Stop};
use crate::lower;
use crate::names;
use crate::report::{self, Artifact};
use crate::shared::Name;
use crate::sources::SourceName;
use crate::spec::{Kustomization, KustomizationStatus, SourceRef};
use crate::target::Targets;

impl Others for Kustomizations {
    /// Every Kustomization of the same cluster that is neither suspended nor on its way out. One that
    /// waits for a dependency is among them: it will be applied.
    fn of<'a>(&'a self, app: &'a ObjectKey, target: &'a Target, is_known: &'a IsKnown<'a>) -> Found<'a> {
        Box::pin(async move {
            let asking = self.asking(app);
            let mut others = Vec::new();
            for object in self.shared.kustomizations.objects() {
                if lower::key(&object) != *app && !object.is_deleting() {
                    others.extend(self.other(&asking, object, target, is_known).await);
                }
            }
            others
        })
    }

    /// Kustomizations that another one renders and that are not there yet, or are there with another
    /// spec: they come with the commit that moves objects to them.
    fn about_to_come<'a>(
        &'a self,
        app: &'a ObjectKey,
        target: &'a Target,
        resources: Vec<Arc<Object>>,
        is_known: &'a IsKnown<'a>,
    ) -> Found<'a> {
        Box::pin(async move {
            let asking = self.asking(app);
            let mut others = Vec::new();
            for object in resources {
                let live = self.shared.kustomization(&Name::of(&object));
                if lower::key(&object) != *app && !live.is_some_and(|live| is_there(&object, &live)) {
                    others.extend(self.other(&asking, object, target, is_known).await);
                }
            }
            others
        })
    }
}

/// Who asks.
#[derive(Default)]
struct Asking {
    source: Option<SourceRef>,
    /// Whether it is on its way out: then those that were applied before have what they have.
    leaving: bool,
}

impl Kustomizations {
    fn asking(&self, app: &ObjectKey) -> Asking {
        let Some(object) = self.shared.kustomization(&Name::new(&app.namespace, &app.name)) else {
            return Asking::default();
        };
        Asking { source: Kustomization::read(&object).ok().map(|spec| spec.source), leaving: object.is_deleting() }
    }

    async fn other(
        &self,
        asking: &Asking,
        object: Arc<Object>,
        target: &Target,
        is_known: &IsKnown<'_>,
    ) -> Option<Other> {
        let key = lower::key(&object);
        let spec = Kustomization::read(&object).ok()?;
        let name = Name::new(&spec.source.namespace, &spec.source.name);
        let source = SourceName::applicable(&spec.source.kind, name)?;
        if spec.suspend || !Targets::is_same(&spec, target) {
            return None;
        }
        let status = KustomizationStatus::read(&object).ok()?;
        let same_source = asking.source.as_ref().is_some_and(|s| is_same(s, &spec.source));
        let near = same_source && !(asking.leaving && status.has_inventory);
        let repository = self.shared.source(&source);
        let artifact = repository.as_ref().and_then(|r| r.at(&["status", "artifact"])).and_then(Artifact::read);
        let fetched = match artifact {
            // A commit that is fetched counts before its status is written.
            _ if source.kind == names::GIT_REPOSITORY.kind => self.shared.fetched.get(&source.name),
            Some(artifact) => self.shared.tree(&source, &artifact).await.ok().flatten(),
            None => None,
        };
        let Some(fetched) = fetched else {
            // After a start every tree is fetched anew.
            let is_coming = repository.is_some_and(|repository| is_ready(&repository));
            let why = || format!("{}/{}/{} is being fetched", source.kind, source.name.namespace, source.name.name);
            return is_coming.then(|| Other::Unclear(key, why()));
        };
        let stamp =
            Stamp { uid: object.uid().into(), revision: fetched.revision.clone(), rules: lower::rules(&object) };
        if is_known(&key, &stamp) {
            return Some(Other::Known(key));
        }
        let run = Run { controller: self, object, spec, status, started: Instant::now() };
        match run.lower_claim(&fetched).await {
            Ok(app) => Some(Other::Lowered { app: Box::new(app), near }),
            Err(stop) => near.then(|| Other::Unclear(key, why_not(stop))),
        }
    }
}

fn why_not(stop: Stop) -> String {
    match stop {
        Stop::Verdict(report::Verdict::Failed(failure)) => failure.message,
        Stop::Verdict(report::Verdict::InvalidExpression(why)) => why,
        Stop::Verdict(_) | Stop::Quietly(_) => "it cannot be rendered".to_owned(),
    }
}

fn is_same(a: &SourceRef, b: &SourceRef) -> bool {
    (&a.kind, &a.namespace, &a.name) == (&b.kind, &b.namespace, &b.name)
}

fn is_ready(object: &Object) -> bool {
    Condition::find(object, "Ready").is_some_and(|c| c.status == ConditionStatus::True)
}

/// Whether a live resource has all of a rendered one's spec; the server adds defaults to it.
fn is_there(rendered: &Object, live: &Object) -> bool {
    !live.is_deleting() && holds(live.get("spec"), rendered.get("spec"))
}

/// Recursion is bounded by the depth of what the server takes.
fn holds(all: Option<&Value>, some: Option<&Value>) -> bool {
    match (all, some) {
        (_, None | Some(Value::Null)) => true,
        (Some(Value::Object(all)), Some(Value::Object(some))) => {
            some.iter().all(|(name, value)| holds(all.get(name), Some(value)))
        }
        (Some(Value::Array(all)), Some(Value::Array(some))) => {
            all.len() == some.len() && all.iter().zip(some.iter()).all(|(all, some)| holds(Some(all), Some(some)))
        }
        (all, some) => all == some,
    }
}
