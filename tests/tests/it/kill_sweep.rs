//! A real `kill -9` of a real `belay run` at each of its writing requests: before the request is executed,
//! and after it was but before the answer comes. Restarted, it must come to the state of a run that nobody
//! killed.
//!
//! Three processes: `belay apiserver`, `belay run`, and this one, which holds the Git server and a proxy
//! between the two that counts. Needs a binary, so it runs only where `BELAY_KILL_SWEEP` names one (`make
//! kill-sweep`); the same sweeps within one process are in
//! `flux/sweep.rs` and `argo/sweep.rs`.

mod argocd;
mod flux;
mod place;
mod proxy;

use std::path::PathBuf;

use futures::StreamExt;

use proxy::When;

/// More writes than any of the runs makes.
const MOST: usize = 60;
/// Each mostly waits.
const AT_ONCE: usize = 3;

/// Kills at each write of a story, before it and after it. `one` is one run with at most one kill: it gives whether
/// it came to that, and the state at the end.
async fn sweep(what: &str, one: impl AsyncFn(Option<(usize, When)>) -> (bool, String)) {
    let (_, undisturbed) = one(None).await;
    println!("{what} without a kill ends in\n{undisturbed}");
    for when in [When::Before, When::After] {
        let runs = (1..MOST).map(|nth| one(Some((nth, when))));
        let mut runs = std::pin::pin!(futures::stream::iter(runs).buffered(AT_ONCE));
        let mut kills = 0;
        loop {
            let (struck, state) = runs.next().await.expect("the run ends within the limit");
            let differs = state.lines().filter(|line| !undisturbed.lines().any(|known| known == *line));
            let differs: Vec<&str> = differs.collect();
            assert!(state == undisturbed, "{what}, killed {when:?} write {}:\n{}", kills + 1, differs.join("\n"));
            if !struck {
                break;
            }
            kills += 1;
        }
        assert!(kills > 5, "{what}: only {kills} writes");
        println!("{what}: killed {when:?} each of {kills} writes, the same state each time");
    }
}

fn belay() -> Option<PathBuf> {
    let belay = std::env::var_os("BELAY_KILL_SWEEP").map(PathBuf::from);
    if belay.is_none() {
        println!("not run: BELAY_KILL_SWEEP names no binary of belay");
    }
    belay
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_nothing_that_a_restart_does_not_put_right() {
    let Some(belay) = belay() else { return };
    for story in [flux::Story::Apply, flux::Story::Prune] {
        sweep(&format!("{story:?}"), |kill| flux::one(&belay, story, kill)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_runs_no_hook_of_an_application_twice_and_skips_no_wave() {
    let Some(belay) = belay() else { return };
    for story in [argocd::Story::Sync, argocd::Story::Delete] {
        sweep(&format!("{story:?}"), |kill| argocd::one(&belay, story, kill)).await;
    }
}
