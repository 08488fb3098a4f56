//! Faults on demand: the N-th request of a pattern fails, waits, or loses its connection.
//!
//! Rules are set from inside the process only; `GET /debug/belay/faults` shows them. Sweeps use them
//! to show that a controller survives each of its requests failing.

use std::time::Duration;

use parking_lot::Mutex;

use crate::status::Reason;

/// What a rule does to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Answers with this status instead of doing anything; 429 and 503 say to come again in a second.
    Status(u16),
    /// Does what is asked, and answers with this status all the same: the outcome is unknown to the client.
    StatusAfter(u16),
    /// Waits before doing anything.
    Delay(Duration),
    /// Drops the connection before doing anything.
    Drop,
    /// Does what is asked and drops the connection instead of answering.
    DropAfter,
    /// Ends a watch, this long after it began.
    DropWatch(Duration),
}

/// When a fault strikes.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// `PATCH`; empty for any. `WATCH` is a GET that watches.
    pub method: String,
    /// A path with `*` for any run of characters, the query not included; empty for any.
    pub path: String,
    /// Only requests whose user agent begins with this; empty for any.
    pub user_agent: String,
    /// How many matching requests pass first.
    pub after: u64,
    /// How many then fail; `None` for all.
    pub count: Option<u64>,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// A rule for one matching request, the `nth` (from 1).
    pub fn nth(method: &str, path: &str, nth: u64, fault: Fault) -> FaultRule {
        FaultRule {
            method: method.into(),
            path: path.into(),
            user_agent: String::new(),
            after: nth.saturating_sub(1),
            count: Some(1),
            fault,
        }
    }
    /// A rule for every matching request.
    pub fn always(method: &str, path: &str, fault: Fault) -> FaultRule {
        FaultRule { count: None, ..FaultRule::nth(method, path, 1, fault) }
    }
    fn matches(&self, method: &str, path: &str, user_agent: &str) -> bool {
        (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && (self.path.is_empty() || glob(&self.path, path))
            && user_agent.starts_with(&self.user_agent)
    }
}

/// The rules of a server, with how many requests each has seen and struck.
#[derive(Default)]
pub struct Faults {
    rules: Mutex<Vec<Armed>>,
}

struct Armed {
    rule: FaultRule,
    seen: u64,
    struck: u64,
}

impl Faults {
    /// Adds a rule; the first that strikes counts.
    pub fn add(&self, rule: FaultRule) {
        self.rules.lock().push(Armed { rule, seen: 0, struck: 0 });
    }
    /// Takes all rules away.
    pub fn clear(&self) {
        self.rules.lock().clear();
    }
    /// Each rule with how many requests it has seen and struck.
    pub fn seen(&self) -> Vec<(FaultRule, u64, u64)> {
        self.rules.lock().iter().map(|a| (a.rule.clone(), a.seen, a.struck)).collect()
    }
    /// What is to happen to this request. Every matching rule counts it.
    pub(crate) fn strike(&self, method: &str, path: &str, user_agent: &str) -> Option<Fault> {
        let mut rules = self.rules.lock();
        let mut fault = None;
        for armed in rules.iter_mut().filter(|a| a.rule.matches(method, path, user_agent)) {
            armed.seen += 1;
            let due = armed.seen > armed.rule.after;
            let left = armed.rule.count.is_none_or(|count| armed.seen <= armed.rule.after + count);
            if due && left && fault.is_none() {
                armed.struck += 1;
                fault = Some(armed.rule.fault.clone());
            }
        }
        fault
    }
}

/// The reason that goes with an injected status.
pub(crate) fn reason_of(status: u16) -> Reason {
    match status {
        400 => Reason::BadRequest,
        401 => Reason::Unauthorized,
        403 => Reason::Forbidden,
        404 => Reason::NotFound,
        409 => Reason::Conflict,
        410 => Reason::Expired,
        429 => Reason::TooManyRequests,
        503 => Reason::ServiceUnavailable,
        504 => Reason::Timeout,
        _ => Reason::InternalError,
    }
}

/// Matches `*` against any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_the_nth_matching_request_and_no_other() {
        let faults = Faults::default();
        faults.add(FaultRule::nth("PATCH", "/api/v1/*/configmaps/*", 2, Fault::Drop));
        let hit = |method, path| faults.strike(method, path, "").is_some();
        assert!(!hit("PATCH", "/api/v1/namespaces/a/configmaps/x"));
        assert!(!hit("GET", "/api/v1/namespaces/a/configmaps/x"));
        assert!(!hit("PATCH", "/api/v1/namespaces/a/secrets/x"));
        assert!(hit("PATCH", "/api/v1/namespaces/a/configmaps/y"));
        assert!(!hit("PATCH", "/api/v1/namespaces/a/configmaps/y"));
    }

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("/a/*/c", "/a/b/c", true),
            ("/a", "/a/b", false),
            ("*", "", true),
            ("/a*b*c", "/axbc", true),
            ("/a*b", "/ab/c", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
