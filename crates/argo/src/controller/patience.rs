//! How long Applications wait for repositories, so that one that does not answer, or has thousands of Applications,
//! holds up nobody else.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::polls::Use;

/// So long nobody else is sent after a repository from which nothing comes.
const STUCK: Duration = Duration::from_secs(3);
/// So long one failure to fetch is the answer for all who want the same.
const FRESH: Duration = Duration::from_secs(10);

/// Why sources were not fetched.
pub(crate) enum Unfetched {
    /// Too many wait for one of their repositories.
    Busy,
    /// They are not trusted; the sentence about it.
    Refused(String),
    /// The sentence about it.
    Failed(String),
}

impl From<String> for Unfetched {
    fn from(why: String) -> Unfetched {
        Unfetched::Failed(why)
    }
}

/// Who waits for what, and what lately failed.
#[derive(Default)]
pub(crate) struct Patience {
    /// Turns by the repository that they wait for: as many as there are workers.
    flows: Mutex<HashMap<String, Flow>>,
    /// As many as failed within [`FRESH`].
    failed: Mutex<HashMap<Use, (Instant, String)>>,
}

struct Flow {
    turns: usize,
    /// When the last one went, or the first one came.
    moved: Instant,
}

/// One turn that waits, until dropped.
pub(crate) struct Waits<'a> {
    patience: &'a Patience,
    repo_url: &'a str,
}

impl Patience {
    /// Waits for a repository; `None` where half of the workers do in vain already.
    pub fn wait<'a>(&'a self, repo_url: &'a str, workers: usize) -> Option<Waits<'a>> {
        let mut flows = self.flows.lock();
        let flow = flows.entry(repo_url.to_owned()).or_insert_with(|| Flow { turns: 0, moved: Instant::now() });
        if flow.turns >= workers.div_ceil(2) && flow.moved.elapsed() > STUCK {
            return None;
        }
        flow.turns += 1;
        Some(Waits { patience: self, repo_url })
    }
    /// Why something could not be fetched just now.
    pub fn known(&self, key: &Use) -> Option<String> {
        let failed = self.failed.lock();
        failed.get(key).filter(|(when, _)| when.elapsed() < FRESH).map(|(_, why)| why.clone())
    }
    /// Notes why something could not be fetched; nothing where it was.
    pub fn note(&self, key: &Use, why: Option<&String>) {
        let mut failed = self.failed.lock();
        match why {
            Some(why) => {
                failed.retain(|_, (when, _)| when.elapsed() < FRESH);
                failed.insert(key.clone(), (Instant::now(), why.clone()));
            }
            None => drop(failed.remove(key)),
        }
    }
    /// Forgets what failed: it may have been for what was just changed.
    pub fn forget(&self) {
        self.failed.lock().clear();
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut flows = self.patience.flows.lock();
        let Some(flow) = flows.get_mut(self.repo_url) else { return };
        (flow.turns, flow.moved) = (flow.turns.saturating_sub(1), Instant::now());
        if flow.turns == 0 {
            flows.remove(self.repo_url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Source;

    #[tokio::test(start_paused = true)]
    async fn a_repository_from_which_nothing_comes_holds_half_of_the_workers() {
        let patience = Patience::default();
        let wait = || patience.wait("silent", 4);
        let (one, two, three) = (wait(), wait(), wait());
        assert!(three.is_some(), "as long as it may answer all may wait");
        drop(three);
        tokio::time::advance(STUCK * 2).await;
        assert!(wait().is_none());
        assert!(patience.wait("other", 4).is_some());
        drop(one);
        assert!(wait().is_some(), "something came");
        drop(two);
        assert!(patience.flows.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_the_answer_for_all_who_ask_at_the_time() {
        let patience = Patience::default();
        let source = Source { repo_url: "r".into(), ..Source::default() };
        let (main, other) = (Use::new(&source, "main", "default"), Use::new(&source, "other", "default"));
        patience.note(&main, Some(&"no answer".to_owned()));
        assert_eq!(patience.known(&main).as_deref(), Some("no answer"));
        assert_eq!(patience.known(&other), None);
        tokio::time::advance(FRESH).await;
        assert_eq!(patience.known(&main), None);
        patience.note(&other, Some(&"no answer".to_owned()));
        assert_eq!(patience.failed.lock().len(), 1, "old ones are not kept");
        patience.note(&other, None);
        assert_eq!(patience.known(&other), None);
    }
}
