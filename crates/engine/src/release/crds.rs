//! The definitions of a chart's `crds/`: applied before its release, never deleted.

use std::time::Duration;

use belay_cluster::ErrorKind;
use belay_helm::Chart;
use belay_helm::release::{ApplyMethod, change};
use belay_object::Object;
use tokio::time::Instant;

use super::objects::{self, Item, Manner};
use super::{Fault, Rules, Site};

/// What is done about definitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrdPolicy {
    /// Nothing.
    Skip,
    /// Those that are not there are made.
    Create,
    /// Those that are there are changed too.
    CreateReplace,
}

/// How long definitions may take to be served.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a worker waits for one: most are served within milliseconds.
const MOMENT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// The objects of a chart's `crds/` and those of its dependencies, in the order in which they are applied.
pub fn crd_objects(chart: &Chart) -> Result<Vec<Object>, Fault> {
    let mut found = Vec::new();
    collect(chart, chart.name(), &mut found)?;
    Ok(found)
}

// Recursion is bounded by the depth to which charts are loaded.
fn collect(chart: &Chart, path: &str, found: &mut Vec<Object>) -> Result<(), Fault> {
    for file in chart.own_crds() {
        let told = |why: String| {
            Fault::refused(format!("failed to parse CustomResourceDefinitions from {path}/{}: {why}", file.name))
        };
        let text = std::str::from_utf8(&file.data).map_err(|e| told(e.to_string()))?;
        found.extend(change::objects(text).map_err(|e| told(e.to_string()))?);
    }
    chart.dependencies.iter().try_for_each(|d| collect(d, &format!("{path}/charts/{}", d.name()), found))
}

/// Applies the definitions of a chart, dependencies processed, and waits until they are served: what the
/// release holds may be of their kinds. Where that takes longer than a moment the error is for now, and the
/// same call goes on. `mark` changes each before it is applied.
pub async fn apply_crds(
    site: &Site,
    chart: &Chart,
    policy: CrdPolicy,
    method: ApplyMethod,
    mark: impl Fn(&mut Object),
) -> Result<(), Fault> {
    if policy == CrdPolicy::Skip {
        return Ok(());
    }
    let mut definitions = Vec::new();
    for mut object in crd_objects(chart)? {
        if !belay_plan::is_custom_resource_definition(&object) {
            tracing::warn!(chart = chart.name(), object = %object.key(), "crds/ is for definitions alone: the object is ignored");
            continue;
        }
        mark(&mut object);
        definitions.push(object);
    }
    let rules = Rules::default();
    let manner = Manner { method, migrates: false, tells_created: false, rules: &rules };
    let (mut awaited, mut has_applied) = (Vec::new(), false);
    for item in objects::resolve(site, definitions, "").await? {
        if policy == CrdPolicy::Create
            && let Some(live) = item.find(site).await?
        {
            // Made a moment ago, by a run before this one: it may be on its way still.
            if !is_older_than(&live, PATIENCE) {
                awaited.push(item);
            }
            continue;
        }
        let name = item.object.name().to_owned();
        let done = item.apply(site, None, manner).await;
        done.map_err(|e| e.wrap(&format!("failed to apply CustomResourceDefinition {name}")))?;
        has_applied = true;
        awaited.push(item);
    }
    for item in &awaited {
        await_served(site, item).await?;
    }
    if has_applied {
        site.target.cluster.invalidate_discovery();
    }
    Ok(())
}

/// Waits a moment for a definition to be served. One that takes longer is looked at in another run, which
/// holds no worker until then; it fails the release when it is too old to be still on its way.
async fn await_served(site: &Site, item: &Item) -> Result<(), Fault> {
    let deadline = Instant::now() + MOMENT;
    loop {
        let found = site.target.acting.find(&item.resource, "", item.object.name()).await;
        let (health, is_old) = match found {
            Ok(Some(found)) => (belay_health::check(&found, jiff::Timestamp::now()), is_older_than(&found, PATIENCE)),
            Ok(None) => (belay_health::Health::not_found(), false),
            Err(e) if e.is_transient() && e.kind() != ErrorKind::Fenced => (belay_health::Health::not_found(), false),
            Err(e) => return Err(Fault::of(&e, "failed to wait for CustomResourceDefinition(s)")),
        };
        if health.is_current() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let entry = belay_health::wait_entry(&item.object.key(), &health);
            let message = format!("failed to wait for CustomResourceDefinition(s): timeout waiting for: [{entry}]");
            return Err(Fault { is_transient: !is_old, message });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_older_than(object: &Object, age: Duration) -> bool {
    let made = object.str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse::<jiff::Timestamp>().ok());
    made.is_some_and(|made| jiff::Timestamp::now().duration_since(made).as_secs() >= age.as_secs().cast_signed())
}
