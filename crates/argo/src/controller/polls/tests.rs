use belay_object::GoDuration;

use super::*;

fn timers(every_s: i64, jitter_s: i64) -> Timers {
    let of = GoDuration::from_secs;
    Timers { reconciliation: of(every_s), jitter: of(jitter_s), hard: of(0) }
}

fn git(repo_url: &str, revision: &str) -> Source {
    Source { repo_url: repo_url.to_owned(), target_revision: revision.to_owned(), ..Source::default() }
}

fn at(repo_url: &str) -> At {
    At { repo_url: repo_url.to_owned(), project: "default".to_owned() }
}

/// In how many seconds a repository is looked at.
fn due(polls: &Polls, repo_url: &str) -> Option<u64> {
    polls.queue.due(&at(repo_url)).map(|due| due.duration_since(Instant::now()).as_secs())
}

/// argo.md 2.1, `timeout.reconciliation`
#[tokio::test(start_paused = true)]
async fn a_repository_is_looked_at_when_it_is_due_and_once_for_all_who_use_it() {
    let polls = Polls::default();
    let uses = |name: &str, sources: &[Source], timers: &Timers| {
        polls.uses(&Name::new("argocd", name), sources, "default", timers);
    };
    uses("a", &[git("r", "main")], &timers(120, 0));
    assert_eq!(due(&polls, "r"), Some(120));
    tokio::time::advance(Duration::from_secs(20)).await;
    uses("b", &[git("r", "main"), git("r", "next"), git("s", "main")], &timers(120, 0));
    assert_eq!((due(&polls, "r"), due(&polls, "s")), (Some(100), Some(120)), "who comes later changes nothing");
    assert_eq!(polls.keys(&at("r")).len(), 2);
    assert_eq!(polls.places(), [at("r"), at("s")]);
    uses("c", &[git("t", &"0".repeat(40))], &timers(120, 0));
    assert_eq!(due(&polls, "t"), None, "a commit never becomes another");
    for (other, expected) in [(timers(7, 0), Some(7)), (timers(0, 60), None), (timers(30, 0), Some(30))] {
        polls.reschedule(&other);
        assert_eq!((due(&polls, "r"), due(&polls, "s")), (expected, expected), "{other:?}");
    }
    polls.forget(&Name::new("argocd", "b"));
    assert_eq!(polls.places(), [at("r")]);
    assert!(polls.keys(&at("s")).is_empty());
}
