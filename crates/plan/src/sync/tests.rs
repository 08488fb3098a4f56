use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::*;
use crate::OwnerName;

fn thing(kind: &str, name: &str) -> Object {
    let api = match kind {
        "Deployment" => "apps/v1",
        "Job" => "batch/v1",
        _ => "v1",
    };
    let mut value = object! { "apiVersion" => api, "kind" => kind };
    value.set(&["metadata", "name"], name);
    value.set(&["metadata", "namespace"], "shop");
    Object::new(value).unwrap()
}

/// `PreSync:1:Job/migrate!` a hook; `Sync:0:-ConfigMap/old` a prune.
fn task(text: &str) -> Task {
    let mut words = text.splitn(3, ':');
    let phase = SyncPhase::parse(words.next().unwrap()).unwrap();
    let wave = words.next().unwrap().parse().unwrap();
    let what = words.next().unwrap();
    let (kind, name) = what.trim_start_matches('-').trim_end_matches('!').split_once('/').unwrap();
    let object = Arc::new(thing(kind, name));
    let mut task = if what.starts_with('-') {
        Task::new(phase, wave, None, Some(object))
    } else {
        Task::new(phase, wave, Some(object), None)
    };
    if what.ends_with('!') {
        task.hook = Some(HookPolicy::default());
    }
    task
}

fn names(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|t| format!("{}:{}:{}", t.phase, t.wave, t.object().name())).collect()
}

fn arranged(tasks: &[&str]) -> Vec<String> {
    let mut tasks: Vec<Task> = tasks.iter().map(|t| task(t)).collect();
    waves::arrange(&mut tasks);
    names(&tasks)
}

/// Carries an operation out: everything that is applied is well at once, except that `states` say what
/// is seen of some, one after the other. Gives a line a decision.
fn play(tasks: &[&str], settings: Settings, seen: &dyn Fn(&Task) -> Seen, refuse: &[&str]) -> Vec<String> {
    let mut sync = Sync::new(tasks.iter().map(|t| task(t)).collect(), &[], settings);
    let mut lines = Vec::new();
    for _ in 0..20 {
        for i in sync.watched() {
            let seen = seen(&sync.tasks()[i]);
            sync.observe(i, seen);
        }
        let name = |sync: &Sync, i: &usize| sync.tasks()[*i].object().name().to_owned();
        match sync.decide() {
            Next::Check { tasks, .. } => {
                lines.push(format!("check {}", tasks.iter().map(|i| name(&sync, i)).collect::<Vec<_>>().join(" ")));
                sync.ran(tasks, Ran::Done);
            }
            Next::Run(batch) if batch.unconfirmed => {
                let all = batch.prune.clone();
                lines.push("unconfirmed".into());
                sync.ran(all, Ran::Pending);
            }
            Next::Run(batch) => {
                let mut all = batch.prune.clone();
                let mut line = String::from("run");
                for i in &batch.prune {
                    line.push_str(&format!(" -{}", name(&sync, i)));
                    sync.record(*i, Some(Outcome::Pruned), Some(OperationPhase::Succeeded), "pruned");
                    sync.set_live(*i, None::<Arc<Object>>.or(sync.tasks()[*i].live.clone()));
                }
                let mut ran = Ran::Done;
                for i in batch.create.iter().flatten() {
                    all.push(*i);
                    let name = name(&sync, i);
                    line.push_str(&format!(" {name}"));
                    if refuse.contains(&name.as_str()) {
                        sync.record(*i, Some(Outcome::SyncFailed), Some(OperationPhase::Failed), "refused");
                        ran = Ran::Failed;
                    } else {
                        sync.record(*i, Some(Outcome::Synced), Some(OperationPhase::Running), "created");
                        let live = sync.tasks()[*i].target.clone();
                        sync.set_live(*i, live);
                    }
                }
                lines.push(line);
                sync.ran(all, ran);
            }
            Next::Wait(why) => {
                lines.push(why);
                return lines;
            }
            Next::End(ended) => {
                lines.push(format!("{}: {}", ended.phase, ended.message));
                return lines;
            }
        }
    }
    panic!("no end: {lines:?}");
}

fn well(_: &Task) -> Seen {
    Seen::Healthy(String::new())
}

fn settings() -> Settings {
    Settings { prune: true, namespace: "shop".into(), ..Settings::default() }
}

#[test]
fn tasks_go_by_phase_wave_kind_and_name() {
    let tasks = [
        "Sync:0:Deployment/web",
        "Sync:0:ConfigMap/b",
        "PostSync:0:Job/after!",
        "Sync:0:ConfigMap/a",
        "Sync:-1:Service/s",
        "PreSync:5:Job/before!",
    ];
    let expected = ["PreSync:5:before", "Sync:-1:s", "Sync:0:a", "Sync:0:b", "Sync:0:web", "PostSync:0:after"];
    assert_eq!(arranged(&tasks), expected);
}

#[test]
fn prunes_go_in_mirrored_waves() {
    let tasks = ["Sync:0:-ConfigMap/zero", "Sync:1:-ConfigMap/one", "Sync:7:-ConfigMap/seven", "Sync:1:ConfigMap/made"];
    assert_eq!(arranged(&tasks), ["Sync:0:seven", "Sync:1:made", "Sync:1:one", "Sync:7:zero"]);
}

#[test]
fn what_is_pruned_last_has_a_wave_of_its_own() {
    let mut tasks = vec![task("Sync:0:-ConfigMap/old"), task("Sync:3:ConfigMap/new")];
    tasks[0].flags.prune_last = true;
    waves::arrange(&mut tasks);
    assert_eq!(names(&tasks), ["Sync:3:new", "Sync:4:old"]);
}

#[test]
fn a_namespace_is_drawn_forward_to_what_needs_it() {
    let mut namespace = task("Sync:2:Namespace/shop");
    let mut object = thing("Namespace", "shop");
    object.remove(&["metadata", "namespace"]);
    namespace.target = Some(Arc::new(object));
    let mut tasks = vec![namespace, task("Sync:0:ConfigMap/a"), task("Sync:-1:ConfigMap/first")];
    waves::arrange(&mut tasks);
    assert_eq!(names(&tasks), ["Sync:-1:shop", "Sync:-1:first", "Sync:0:a"]);
}

#[test]
fn one_wave_without_hooks_does_not_wait_for_health() {
    let progressing = |_: &Task| Seen::Progressing("not yet".into());
    let lines = play(&["Sync:0:Deployment/web", "Sync:0:-ConfigMap/old"], settings(), &progressing, &[]);
    assert_eq!(lines, ["check web", "run -old web", "Succeeded: successfully synced (all tasks run)"]);
}

#[test]
fn a_second_wave_waits_for_the_first() {
    let progressing = |_: &Task| Seen::Progressing("not yet".into());
    let tasks = ["Sync:0:Deployment/web", "Sync:1:Deployment/late"];
    let lines = play(&tasks, settings(), &progressing, &[]);
    assert_eq!(lines, ["check web late", "run web", "waiting for healthy state of apps/Deployment/web"]);
    let lines = play(&tasks, settings(), &well, &[]);
    assert_eq!(lines, ["check web late", "run web", "run late", "Succeeded: successfully synced (all tasks run)"]);
}

#[test]
fn hooks_run_in_their_phases() {
    let tasks = ["PreSync:0:Job/before!", "Sync:0:Deployment/web", "PostSync:0:Job/after!", "SyncFail:0:Job/sorry!"];
    let lines = play(&tasks, settings(), &well, &[]);
    let expected = [
        "check before web after sorry",
        "run before",
        "run web",
        "run after",
        "Succeeded: successfully synced (no more tasks)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_failed_hook_ends_the_operation_after_what_runs_on_failure() {
    let tasks = ["PreSync:0:Job/before!", "Sync:0:Deployment/web", "SyncFail:0:Job/sorry!"];
    let seen = |t: &Task| match t.object().name() {
        "before" => Seen::Degraded("Job has reached the specified backoff limit".into()),
        _ => Seen::Healthy(String::new()),
    };
    let lines = play(&tasks, settings(), &seen, &[]);
    let expected = [
        "check before web sorry",
        "run before",
        "run sorry",
        "Failed: one or more synchronization tasks completed unsuccessfully",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_refused_object_fails_with_its_reason() {
    let lines = play(&["Sync:0:ConfigMap/a", "Sync:0:ConfigMap/b"], settings(), &well, &["b"]);
    assert_eq!(lines, ["check a b", "run a b", "Failed: one or more objects failed to apply, reason: refused"]);
}

#[test]
fn an_unconfirmed_deletion_holds_its_wave() {
    let mut prune = task("Sync:0:-ConfigMap/old");
    prune.flags.prune = Consent::OnceConfirmed;
    let mut sync = Sync::new(vec![prune], &[], settings());
    assert!(matches!(sync.decide(), Next::Check { .. }));
    sync.ran(Vec::new(), Ran::Done);
    let Next::Run(batch) = sync.decide() else { panic!() };
    assert!(batch.unconfirmed);
    sync.ran(batch.prune, Ran::Pending);
    assert_eq!(sync.decide(), Next::Wait("waiting for pruning confirmation of /ConfigMap/old".into()));
}

#[test]
fn results_carry_an_operation_over_a_restart() {
    let tasks = || vec![task("PreSync:0:Job/before!"), task("Sync:0:Deployment/web")];
    let mut first = Sync::new(tasks(), &[], settings());
    assert!(matches!(first.decide(), Next::Check { .. }));
    first.ran(Vec::new(), Ran::Done);
    assert!(matches!(first.decide(), Next::Run(_)));
    first.record(0, Some(Outcome::Synced), Some(OperationPhase::Running), "created");
    let mut second = Sync::new(tasks(), &first.results(), settings());
    assert_eq!(second.decide(), Next::Wait("waiting for completion of hook batch/Job/before".into()));
    second.observe(0, Seen::Healthy("done".into()));
    let Next::Run(batch) = second.decide() else { panic!() };
    assert_eq!(batch.create, [[1]]);
}

#[test]
fn an_object_that_disappears_while_it_is_waited_for_is_an_error() {
    let mut sync = Sync::new(vec![task("PreSync:0:Job/before!")], &[], settings());
    sync.ran(Vec::new(), Ran::Done);
    sync.record(0, Some(Outcome::Synced), Some(OperationPhase::Running), "created");
    sync.observe(0, Seen::Missing);
    let Next::End(ended) = sync.decide() else { panic!() };
    let why = "Resource batch/Job/before is missing, it might have been deleted";
    assert_eq!(ended.message, format!("one or more synchronization tasks completed unsuccessfully, reason: {why}"));
}

#[test]
fn images_are_found_in_every_place() {
    let mut object = thing("Deployment", "web");
    let containers = Value::from(vec![object! { "image" => "a:1" }, object! { "image" => "a:1" }]);
    object.value_mut().set(&["spec", "template", "spec", "containers"], containers);
    assert_eq!(task::images(&object), ["a:1"]);
}

#[test]
fn a_task_knows_what_it_was_about_when_nothing_is_left_of_it() {
    let mut task = task("Sync:0:-ConfigMap/old");
    let key = task.key();
    task.live = None;
    assert_eq!(task.key(), key);
    assert_eq!(task.told(), "/ConfigMap/old");
}

/// INV-ACT-1, INV-ACT-3
#[test]
fn an_object_is_deleted_to_be_made_anew_only_with_proof() {
    let owner = OwnerName { namespace: "argocd".into(), name: "one".into() };
    let protection = crate::Protection::default();
    let check = |kind: &str, uid: &str, is_ours: bool, expected: &str| {
        let mut live = thing(kind, "x");
        live.set(&["metadata", "uid"], uid);
        let live = Arc::new(live);
        let task = Task::new(SyncPhase::Sync, 0, Some(Arc::new(thing(kind, "x"))), Some(live.clone()));
        let looked = Looked { live: Some(&live), is_ours, foreign: &[], owner: &owner, protection: &protection };
        let told = match task.may_recreate(&looked) {
            crate::Fate::Delete(certificate) => format!("{:?} {}", certificate.reason(), certificate.uid()),
            other => format!("{other:?}"),
        };
        assert_eq!(told, expected, "{kind}");
    };
    check("Deployment", "u1", true, "Recreated u1");
    check("Deployment", "u1", false, "Kept(ForeignOwner(None))");
    check("Deployment", "", true, "Kept(NotTheObject)");
    for kind in ["Namespace", "PersistentVolume", "PersistentVolumeClaim"] {
        check(kind, "u1", true, "Kept(HoldsMore)");
    }
}

/// INV-ACT-1
#[test]
fn what_is_about_to_be_deleted_is_among_what_is_recorded() {
    let mut sync = Sync::new(vec![task("Sync:0:-ConfigMap/old")], &[], Settings { prune: true, ..Settings::default() });
    assert_eq!(sync.results(), []);
    sync.record(0, None, None, "deleting the object with uid u1");
    let results = sync.results();
    assert_eq!(results.len(), 1);
    // Whoever goes on from there looks at the object anew.
    let again = Sync::new(vec![task("Sync:0:-ConfigMap/old")], &results, Settings::default());
    assert!(again.tasks()[0].is_pending());
}

#[test]
fn a_namespace_with_things_of_others_stays_unless_somebody_approves() {
    let settings = |confirmed| Settings { prune: true, confirmed, ..Settings::default() };
    let mut doomed = task("Sync:0:-Namespace/extra");
    assert!(!Sync::new(vec![doomed.clone()], &[], settings(true)).is_approved(0));
    doomed.flags.prune = Consent::OnceConfirmed;
    assert!(!Sync::new(vec![doomed.clone()], &[], settings(false)).is_approved(0));
    assert!(Sync::new(vec![doomed.clone()], &[], settings(true)).is_approved(0));
    let owner = OwnerName { namespace: "argocd".into(), name: "one".into() };
    let live = doomed.live.clone().unwrap();
    let foreign = ["ConfigMap/extra/theirs".to_owned()];
    let protection = crate::Protection::default();
    let looked = Looked { live: Some(&live), is_ours: true, foreign: &foreign, owner: &owner, protection: &protection };
    let fate = doomed.may_delete(&looked);
    assert!(matches!(fate, crate::Fate::Kept(crate::Kept::HoldsForeign(_))), "{fate:?}");
}

#[test]
fn what_goes_into_a_namespace_that_is_made_first_is_not_checked_before() {
    let mut namespace = thing("Namespace", "extra");
    namespace.remove(&["metadata", "namespace"]);
    let mut inside = thing("ConfigMap", "inside");
    inside.set(&["metadata", "namespace"], "extra");
    let tasks = [namespace, inside, thing("ConfigMap", "beside")];
    let tasks = tasks.into_iter().map(|o| Task::new(SyncPhase::Sync, 0, Some(Arc::new(o)), None)).collect();
    let mut sync = Sync::new(tasks, &[], Settings::default());
    let Next::Check { tasks, namespace } = sync.decide() else { panic!("it begins with a check") };
    let names: Vec<&str> = tasks.iter().map(|&i| sync.tasks()[i].object().name()).collect();
    assert_eq!((names, namespace), (vec!["extra", "beside"], None));
}

#[test]
fn an_object_that_is_to_be_made_anew_is_waited_for() {
    let mut live = thing("ConfigMap", "a");
    live.set(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
    let task = Task::new(SyncPhase::Sync, 0, Some(Arc::new(thing("ConfigMap", "a"))), Some(Arc::new(live)));
    let mut sync = Sync::new(vec![task], &[], Settings::default());
    assert!(matches!(sync.decide(), Next::Check { .. }));
    sync.ran(vec![0], Ran::Done);
    assert!(matches!(sync.decide(), Next::Run(_)));
    sync.ran(vec![0], Ran::Pending);
    assert_eq!(sync.decide(), Next::Wait("waiting for deletion of /ConfigMap/a".into()));
    assert!(matches!(sync.decide(), Next::Run(_)), "it is tried again");
}
