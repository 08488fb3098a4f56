//! Fault sweeps of a sync with hooks, waves and a prune: the N-th request fails or is the last of its process,
//! for N = 1, 2, ... until a run ends without. No hook runs twice in one operation, no wave begins before the
//! one before it is done, and an operation ends well after a crash, or with its reason after a fault (ACT-5,
//! ACT-6, ACT-14). The same of a deletion with hooks.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_apiserver::plugin::Change;
use belay_object::Object;
use belay_testkit::wire::Trouble;

use super::world::*;
use crate::flux::sweep::swept;

fn annotated(name: &str, annotations: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\ndata: {{key: {value:?}}}\n"
    )
}

pub fn wave(name: &str, wave: i64, value: &str) -> String {
    annotated(name, &format!("argocd.argoproj.io/sync-wave: '{wave}'"), value)
}

pub fn job(name: &str, hook: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/hook: {hook}}}\n\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: c, image: busybox}}]\n"
    )
}

/// What the server was made to do: `+name` for an object made, `~name` for one of the maps changed. Watches of two
/// kinds have no order among each other: each deed stands with its version.
#[derive(Clone, Default)]
struct Deeds(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    deeds: Vec<(u64, String)>,
    /// Uids, and uids with the data of their objects.
    known: HashSet<String>,
}

impl Deeds {
    fn follow(world: &World) -> Deeds {
        let deeds = Deeds::default();
        for (group, plural) in [("batch", "jobs"), ("", "configmaps")] {
            let (deeds, mut changes) = (deeds.clone(), world.user.watch(group, plural));
            tokio::spawn(async move {
                let mut begun = false;
                while let Some(changes) = changes.next().await {
                    for change in changes {
                        match change {
                            Change::Resync(all) => all.iter().for_each(|o| deeds.saw(o.object(), o.version(), begun)),
                            Change::Upsert(stored) => deeds.saw(stored.object(), stored.version(), true),
                            Change::Deleted(stored) => deeds.lost(stored.object(), stored.version()),
                        }
                    }
                    begun = true;
                }
            });
        }
        deeds
    }
    fn saw(&self, object: &Object, version: u64, counts: bool) {
        if object.namespace() != "shop" || object.name().starts_with("kube-") {
            return;
        }
        let data = object.get("data").map(|d| d.to_json()).unwrap_or_default();
        let mut held = self.0.lock().expect("no holder panics");
        let Seen { deeds, known } = &mut *held;
        let is_new = known.insert(object.uid().to_owned());
        let is_other = known.insert(format!("{}{data}", object.uid()));
        if counts && is_new {
            deeds.push((version, format!("+{}", object.name())));
        } else if counts && is_other {
            deeds.push((version, format!("~{}", object.name())));
        }
    }
    fn lost(&self, object: &Object, version: u64) {
        self.0.lock().expect("no holder panics").deeds.push((version, format!("-{}", object.name())));
    }
    /// What was made and changed since the last look.
    fn take(&self) -> Vec<String> {
        let all = self.take_all();
        all.into_iter().filter(|deed| !deed.starts_with('-')).collect()
    }
    /// The same, and what was deleted: `-name`.
    fn take_all(&self) -> Vec<String> {
        let mut deeds = std::mem::take(&mut self.0.lock().expect("no holder panics").deeds);
        deeds.sort();
        deeds.into_iter().map(|(_, deed)| deed).collect()
    }
}

/// An Application that is synced, and a commit that changes two waves, adds one object and removes another.
async fn begun() -> World {
    let files = [
        ("app/before.yaml", job("before", "PreSync")),
        ("app/after.yaml", job("after", "PostSync")),
        ("app/one.yaml", wave("one", 1, "1")),
        ("app/two.yaml", wave("two", 2, "1")),
        ("app/old.yaml", wave("old", 1, "1")),
    ];
    let world = World::with_files(&files).await;
    world.synced("one", "app").await;
    world
        .push(&[
            ("app/one.yaml", Some(&wave("one", 1, "2"))),
            ("app/two.yaml", Some(&wave("two", 2, "2"))),
            ("app/new.yaml", Some(&wave("new", 2, "2"))),
            ("app/old.yaml", None),
        ])
        .await;
    world.is("one", "OutOfSync Healthy Succeeded").await;
    world.quiet().await;
    world
}

/// Waits until the operation that was asked for after `before` is over; gives its phase and message.
async fn over(world: &World, before: &str) -> (String, String) {
    world
        .until("the operation is over", || {
            let app = world.get(APPLICATIONS, "one")?;
            let text = |field: &str| app.str_at(&["status", "operationState", field]).unwrap_or_default().to_owned();
            let is_over = app.get("operation").is_none() && !matches!(&*text("phase"), "Running" | "Terminating");
            (text("startedAt") != before && is_over).then(|| (text("phase"), text("message")))
        })
        .await
}

fn started(world: &World) -> String {
    let app = world.get(APPLICATIONS, "one").expect("it is there");
    app.str_at(&["status", "operationState", "startedAt"]).unwrap_or_default().to_owned()
}

const WHOLE: [&str; 5] = ["+before", "~one", "+new", "~two", "+after"];

/// One operation with trouble at one request; gives whether it came to that.
async fn one(trouble: Trouble, nth: usize) -> bool {
    let when = format!("{trouble:?} at {nth}");
    let mut world = begun().await;
    let deeds = Deeds::follow(&world);
    let before = started(&world);
    tokio::time::sleep(Duration::from_millis(20)).await;
    deeds.take();
    world.wire.arm(nth, trouble);
    world.sync("one", "{prune: true}");
    tokio::select! {
        () = world.wire.struck() => {}
        _ = over(&world, &before) => {}
    }
    let struck = world.wire.has_struck();
    let is_crash = matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter);
    if struck && is_crash {
        world.wire.cut();
        world.controllers = None;
        world.start().await;
    }
    let (phase, message) = over(&world, &before).await;
    world.quiet().await;
    let mut done = deeds.take();
    if phase != "Succeeded" {
        assert!(!is_crash, "{when}: an operation outlives its process: {phase}: {message}");
        assert!(!message.is_empty(), "{when}: {phase} without a reason");
        // It ended where it failed: no later wave has begun, and nothing ran twice.
        assert!(is_beginning(&done), "{when}: {done:?}");
        let before = started(&world);
        world.sync("one", "{prune: true}");
        let (phase, message) = over(&world, &before).await;
        assert_eq!(phase, "Succeeded", "{when}: the next one: {message}");
    } else {
        done.sort_by_key(|deed| WHOLE.iter().position(|known| known == deed));
        assert_eq!(done, WHOLE, "{when}: each once");
    }
    world.is("one", "Synced Healthy Succeeded").await;
    for (name, value) in [("one", "2"), ("two", "2"), ("new", "2")] {
        assert_eq!(world.data(name, "key").as_deref(), Some(value), "{when}: {name}");
    }
    assert!(world.get(MAPS, "old").is_none(), "{when}: it is pruned");
    struck
}

/// Whether what was done are the first waves of the whole, each object at most once.
fn is_beginning(done: &[String]) -> bool {
    let step = |deed: &str| match deed {
        "+before" => 0,
        "~one" => 1,
        "+new" | "~two" => 2,
        "+after" => 3,
        _ => 9,
    };
    let steps: Vec<usize> = done.iter().map(|deed| step(deed)).collect();
    let once = done.iter().collect::<HashSet<_>>().len() == done.len();
    let has = |n: usize| steps.contains(&n);
    once && steps.iter().all(|&n| n < 4) && (0..4).all(|n| !has(n) || (0..n).all(has))
}

async fn sweep(trouble: Trouble) {
    swept(12, move |nth| one(trouble, nth)).await;
}

macro_rules! sweeps {
    ($($name:ident $trouble:expr,)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            sweep($trouble).await;
        }
    )*};
}

sweeps! {
    a_sync_whose_process_dies_before_any_request_runs_each_hook_once Trouble::CrashBefore,
    a_sync_whose_process_dies_after_any_request_runs_each_hook_once Trouble::CrashAfter,
    a_sync_ends_well_or_with_a_reason_where_any_request_is_refused_for_now Trouble::Status(429),
    a_sync_ends_well_or_with_a_reason_where_any_request_fails_in_the_server Trouble::Status(500),
    a_sync_ends_well_or_with_a_reason_where_any_connection_breaks_before_the_request Trouble::DropBefore,
    a_sync_ends_well_or_with_a_reason_where_any_connection_breaks_after_the_request Trouble::DropAfter,
    a_sync_ends_well_or_with_a_reason_where_any_request_has_no_answer Trouble::Hang,
}

/// A deletion with trouble at one request; gives whether it came to that.
async fn one_deletion(trouble: Trouble, nth: usize) -> bool {
    let when = format!("{trouble:?} at {nth}");
    let files = [
        ("app/pre.yaml", job("pre", "PreDelete")),
        ("app/post.yaml", job("post", "PostDelete")),
        ("app/one.yaml", wave("one", 1, "1")),
        ("app/two.yaml", wave("two", 2, "1")),
    ];
    let mut world = World::with_files(&files).await;
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: bystander, namespace: shop}}");
    world.synced("one", "app").await;
    world.quiet().await;
    let deeds = Deeds::follow(&world);
    tokio::time::sleep(Duration::from_millis(20)).await;
    deeds.take_all();
    world.wire.arm(nth, trouble);
    world.delete(APPLICATIONS, "one");
    tokio::select! {
        () = world.wire.struck() => {}
        () = world.is("one", "gone") => {}
    }
    let struck = world.wire.has_struck();
    if struck && matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter) {
        world.wire.cut();
        world.controllers = None;
        world.start().await;
    }
    world.is("one", "gone").await;
    let all_gone = || ["one", "two"].iter().all(|name| world.get(MAPS, name).is_none()).then_some(());
    world.until(&format!("{when}: its objects are gone"), all_gone).await;
    // What was done last is told by then.
    world.quiet().await;
    let mut done = deeds.take_all();
    // What a hook made goes last, in either order.
    done.retain(|deed| deed != "-pre" && deed != "-post");
    assert_eq!(done, ["+pre", "-two", "-one", "+post"], "{when}");
    assert!(world.get(MAPS, "bystander").is_some(), "{when}");
    struck
}

async fn sweep_deletion(trouble: Trouble) {
    swept(12, move |nth| one_deletion(trouble, nth)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_process_dies_before_any_request_runs_each_hook_once() {
    sweep_deletion(Trouble::CrashBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_process_dies_after_any_request_runs_each_hook_once() {
    sweep_deletion(Trouble::CrashAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_of_an_application_outlives_any_request_that_fails_in_the_server() {
    sweep_deletion(Trouble::Status(500)).await;
}
