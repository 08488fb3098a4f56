//! Counting requests, and failing some of them.

use parking_lot::Mutex;
use std::time::Duration;

/// What happens to a request instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// The connection is closed.
    Drop,
    /// The answer comes later.
    Delay(Duration),
    /// A redirect to the same path below this URL.
    Redirect(String),
}

/// Counters, and failures to inject. Everything is for requests whose path holds a given text.
#[derive(Debug, Default)]
pub struct Faults {
    seen: Mutex<Vec<String>>,
    planned: Mutex<Vec<Plan>>,
}

#[derive(Debug)]
struct Plan {
    path: String,
    skip: usize,
    times: usize,
    fault: Fault,
}

impl Faults {
    /// How many requests were made whose path holds `path`.
    pub fn requests(&self, path: &str) -> usize {
        self.seen.lock().iter().filter(|seen| seen.contains(path)).count()
    }

    /// Fails `times` requests whose path holds `path`, after letting `skip` of them through.
    pub fn inject(&self, path: &str, skip: usize, times: usize, fault: Fault) {
        self.planned.lock().push(Plan { path: path.to_owned(), skip, times, fault });
    }

    /// Forgets what was planned.
    pub fn clear(&self) {
        self.planned.lock().clear();
    }

    pub(super) fn count(&self, path: &str) {
        let mut seen = self.seen.lock();
        // A demonstration may run for days; tests count a few.
        if seen.len() < 100_000 {
            seen.push(path.to_owned());
        }
    }

    pub(super) fn next(&self, path: &str) -> Option<Fault> {
        let mut planned = self.planned.lock();
        let at = planned.iter().position(|plan| path.contains(&plan.path))?;
        let plan = &mut planned[at];
        if plan.skip > 0 {
            plan.skip -= 1;
            return None;
        }
        plan.times -= 1;
        let fault = plan.fault.clone();
        if plan.times == 0 {
            planned.remove(at);
        }
        Some(fault)
    }
}
