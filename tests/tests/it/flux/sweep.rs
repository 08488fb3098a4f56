//! Fault sweeps: the N-th request of a run fails or is the last of its process, for N = 1, 2, ... until the
//! run ends without. Whatever happens, the end is that of an undisturbed run.
//!
//! The run applies a changed and a new object and prunes one; beside them stand a bystander and an object
//! that only carries copied labels (ACT-1, ACT-4, ACT-5, ACT-6).

use belay_object::Object;
use belay_testkit::wire::Trouble;

use super::world::*;

/// More requests than any run of this size sends: the sweep must end by itself.
const MOST: usize = 80;

/// A settled world whose next commit changes `a`, removes `b` and adds `c`.
async fn settled() -> World {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&map("bystander", "mine"));
    w.apply(&kustomization("apps", "app", "retryInterval: 1s"));
    let first = format!("main@sha1:{}", w.git.repo().git(&["rev-parse", "main"]).unwrap());
    w.ready("apps", &first).await;
    w.apply(&map("copy", "mine"));
    for label in ["name: apps", "namespace: apps"] {
        w.patch(MAPS, "copy", &format!("{{metadata: {{labels: {{kustomize.toolkit.fluxcd.io/{label}}}}}}}"));
    }
    w.quiet().await;
    w
}

/// ACT-5: what carries our labels is in the inventory, the copy aside.
fn nothing_is_untracked(w: &World, when: &str) {
    let inventory = w.inventory("apps");
    for name in ["a", "b", "c"].into_iter().filter(|name| w.has(MAPS, name)) {
        let id = format!("apps_{name}__ConfigMap");
        assert!(inventory.contains(&id), "{when}: {name} is applied and untracked\n{}", w.story());
    }
}

async fn sweep(trouble: Trouble) {
    let crashes = matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter);
    for nth in 1..MOST {
        let mut w = settled().await;
        let uid = |o: Object| o.uid().to_owned();
        let others = [uid(w.the(MAPS, "bystander")), uid(w.the(MAPS, "copy"))];
        w.wire.arm(nth, trouble);
        let (a, c) = (map("a", "two"), map("c", "one"));
        let revision = w.commit_changes(&[("app/a.yaml", Some(&a)), ("app/b.yaml", None), ("app/c.yaml", Some(&c))]);
        w.ask(REPOSITORY, "repo");
        let ready = w.ready("apps", &revision);
        tokio::select! {
            () = w.wire.struck() => {}
            () = ready => {}
        }
        let struck = w.wire.has_struck();
        if crashes {
            if struck {
                w.crash();
                nothing_is_untracked(&w, &format!("{trouble:?} at {nth}"));
                w.start().await;
            }
        }
        w.ready("apps", &revision).await;
        let when = format!("{trouble:?} at {nth}");
        nothing_is_untracked(&w, &when);
        w.until(&format!("{when}: b is pruned"), || (!w.has(MAPS, "b")).then_some(())).await;
        assert_eq!(w.data("a", "key").as_deref(), Some("two"), "{when}");
        assert_eq!(w.data("c", "key").as_deref(), Some("one"), "{when}");
        assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap", "apps_c__ConfigMap"], "{when}");
        assert_eq!(others, [uid(w.the(MAPS, "bystander")), uid(w.the(MAPS, "copy"))], "{when}");
        w.stop().await;
        if !struck {
            assert!(nth > 8, "the run sent {nth} requests: it did nothing");
            return;
        }
    }
    panic!("the run did not end within {MOST} requests");
}

#[tokio::test]
async fn a_process_that_dies_before_any_request_leaves_nothing_untracked() {
    sweep(Trouble::CrashBefore).await;
}

#[tokio::test]
async fn a_process_that_dies_after_any_request_leaves_nothing_untracked() {
    sweep(Trouble::CrashAfter).await;
}

#[tokio::test]
async fn a_run_outlives_any_request_that_is_refused_for_now() {
    sweep(Trouble::Status(429)).await;
}

#[tokio::test]
async fn a_run_outlives_any_request_that_fails_in_the_server() {
    sweep(Trouble::Status(500)).await;
}

#[tokio::test]
async fn a_run_outlives_any_connection_that_breaks_before_the_request() {
    sweep(Trouble::DropBefore).await;
}

#[tokio::test]
async fn a_run_outlives_any_connection_that_breaks_after_the_request() {
    sweep(Trouble::DropAfter).await;
}

#[tokio::test]
async fn a_run_outlives_any_request_without_an_answer() {
    sweep(Trouble::Hang).await;
}
