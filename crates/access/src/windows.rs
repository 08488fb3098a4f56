//! Sync windows: when an application may be synced.
//!
//! A [`Window`] is a schedule that opens it, a duration, and patterns of the applications that it
//! is about. [`allows`] judges a sync at a moment that the caller gives. What becomes of a sync that
//! is not allowed (skipped, refused, waiting) is for the caller.

mod cron;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::duration::parse_go_duration;
use crate::glob::PatternList;
use crate::{Error, ErrorKind, Result};

pub use cron::Schedule;

/// One entry of `syncWindows`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// `allow` or `deny`.
    pub kind: String,
    /// When it opens, five fields of cron.
    pub schedule: String,
    /// How long it is open, in Go's form.
    pub duration: String,
    /// Patterns of applications' names.
    pub applications: Vec<String>,
    /// Patterns of destination namespaces.
    pub namespaces: Vec<String>,
    /// Patterns of destination clusters, by name or server as the application writes it.
    pub clusters: Vec<String>,
    /// Whether people may sync against it.
    pub manual_sync: bool,
    /// IANA name of the zone of the schedule; empty is UTC.
    pub time_zone: String,
    /// Whether all kinds of patterns that are given must fit, rather than one.
    pub and_operator: bool,
    /// For people.
    pub description: String,
    /// Whether a sync that began while it was allowed may end.
    pub sync_overrun: bool,
}

/// What a window looks at in an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// `metadata.name`.
    pub application: &'a str,
    /// `spec.destination.namespace`.
    pub namespace: &'a str,
    /// `spec.destination.server`, as it is written.
    pub server: &'a str,
    /// `spec.destination.name`, as it is written.
    pub cluster: &'a str,
}

/// Whether a sync may run, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it may.
    pub allowed: bool,
    /// Why, in a sentence.
    pub reason: String,
    /// Whether the reason is a window that cannot be read, which allows nothing.
    pub invalid: bool,
    /// Windows of the application that are open.
    pub active: Vec<&'a Window>,
    /// All windows of the application.
    pub assigned: Vec<&'a Window>,
}

/// Judges a sync at `now`. `operation_started` is when a sync began that is still under way.
///
/// Windows that deny come before those that allow; where only closed windows that allow are
/// assigned, the sync is not allowed. A window that cannot be read allows nothing.
pub fn allows<'a>(
    windows: &'a [Window],
    target: &Target<'_>,
    now: Timestamp,
    is_manual: bool,
    operation_started: Option<Timestamp>,
) -> Decision<'a> {
    let assigned: Vec<&Window> = windows.iter().filter(|window| window.matches(target)).collect();
    let decide = |allowed: bool, invalid: bool, reason: String, active: Vec<&'a Window>| Decision {
        allowed,
        reason,
        invalid,
        active,
        assigned: assigned.clone(),
    };
    if assigned.is_empty() {
        return decide(true, false, "no sync window is assigned".to_owned(), Vec::new());
    }
    let state = match State::at(&assigned, now, now) {
        Ok(state) => state,
        Err(why) => return decide(false, true, format!("invalid sync windows: {why}"), Vec::new()),
    };
    let (mut allowed, mut reason) = state.judge(is_manual);
    if !allowed && state.may_overrun() {
        let before = operation_started.map(|started| State::at(&assigned, started, now));
        if let Some(Ok(before)) = before
            && before.judge(is_manual).0
        {
            (allowed, reason) = (true, "the sync began while it was allowed, and may overrun".to_owned());
        }
    }
    decide(allowed, false, reason, state.active)
}

/// When the windows of an application next open or close; a decision stays what it is until then.
/// `None` where none ever does.
pub fn next_change(windows: &[Window], target: &Target<'_>, now: Timestamp) -> Option<Timestamp> {
    windows.iter().filter(|window| window.matches(target)).filter_map(|window| window.next_change(now)).min()
}

/// The windows of one application at one moment.
struct State<'a> {
    active: Vec<&'a Window>,
    closed_allows: Vec<&'a Window>,
}

impl<'a> State<'a> {
    fn at(assigned: &[&'a Window], at: Timestamp, now: Timestamp) -> Result<State<'a>> {
        let mut state = State { active: Vec::new(), closed_allows: Vec::new() };
        for window in assigned {
            if window.is_open(at, now)? {
                state.active.push(window);
            } else if window.kind == "allow" {
                state.closed_allows.push(window);
            }
        }
        Ok(state)
    }
    fn denies(&self) -> impl Iterator<Item = &&'a Window> + Clone {
        self.active.iter().filter(|window| window.kind == "deny")
    }
    /// The windows that stand against a sync, if any do.
    fn against(&self) -> Vec<&'a Window> {
        let denies: Vec<&Window> = self.denies().copied().collect();
        if !denies.is_empty() {
            return denies;
        }
        let open = self.active.iter().any(|window| window.kind == "allow");
        if open { Vec::new() } else { self.closed_allows.clone() }
    }
    fn judge(&self, is_manual: bool) -> (bool, String) {
        let against = self.against();
        let Some(first) = against.first() else {
            let open = self.active.iter().find(|window| window.kind == "allow");
            let why = open.map_or("no window stands against it".to_owned(), |window| format!("{window} is open"));
            return (true, why);
        };
        if is_manual && against.iter().all(|window| window.manual_sync) {
            return (true, format!("{first} lets people sync"));
        }
        let state = if first.kind == "deny" { "open" } else { "closed" };
        (false, format!("{first} is {state}"))
    }
    fn may_overrun(&self) -> bool {
        self.against().iter().all(|window| window.sync_overrun)
    }
}

impl Window {
    /// Whether the window is about an application.
    ///
    /// Compat(argo 3.5): names first, then clusters, then namespaces; with `andOperator` each kind
    /// that is given must fit, and a window that gives none is about nothing.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        let fits = |patterns: &[String], texts: &[&str]| {
            let list = PatternList::new(patterns.iter().map(String::as_str));
            texts.iter().any(|text| list.matches(text))
        };
        let clusters: Vec<&str> = [target.cluster, target.server].into_iter().filter(|c| !c.is_empty()).collect();
        let answers = [
            (&self.applications, fits(&self.applications, &[target.application])),
            (&self.clusters, fits(&self.clusters, &clusters)),
            (&self.namespaces, fits(&self.namespaces, &[target.namespace])),
        ];
        let mut given = answers.iter().filter(|(patterns, _)| !patterns.is_empty()).map(|(_, fits)| *fits).peekable();
        if self.and_operator { given.peek().is_some() && given.all(|fits| fits) } else { given.any(|fits| fits) }
    }

    /// Whether the window is open at a moment. `now` says which offset the zone has: the schedule
    /// is read with the offset of today, even for a moment on the other side of a change of clocks.
    ///
    /// Compat(argo 3.5): a schedule that never comes (30 February) is always open, as the moment
    /// "never" is before every other there.
    pub fn is_open(&self, at: Timestamp, now: Timestamp) -> Result<bool> {
        let (schedule, duration_ns) = self.parsed()?;
        let offset_s = self.zone()?.to_offset(now).seconds();
        let shifted = jiff::SignedDuration::from_secs(offset_s.into());
        let out = |_| Error::new(ErrorKind::Unknown, format!("{self} is out of the range of time"));
        let local = at.checked_add(shifted).map_err(out)?;
        let from = local.checked_sub(jiff::SignedDuration::from_nanos(duration_ns)).map_err(out)?;
        Ok(schedule.next(from).is_none_or(|opens| opens < local))
    }

    fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        /// Openings that run into one another; a window that opens each minute is looked at again
        /// after so many.
        const MOST: usize = 1000;
        let (schedule, duration_ns) = self.parsed().ok()?;
        let offset = jiff::SignedDuration::from_secs(self.zone().ok()?.to_offset(now).seconds().into());
        let duration = jiff::SignedDuration::from_nanos(duration_ns);
        let local = now.checked_add(offset).ok()?;
        let mut opens = schedule.next(local.checked_sub(duration).ok()?)?;
        let at = if opens < local {
            let mut closes = opens.checked_add(duration).ok()?;
            for _ in 0..MOST {
                opens = match schedule.next(opens) {
                    Some(next) if next < closes => next,
                    _ => break,
                };
                closes = opens.checked_add(duration).ok()?;
            }
            closes
        } else {
            // Open is what is after the opening, so by a second.
            opens.checked_add(jiff::SignedDuration::from_secs(1)).ok()?
        };
        at.checked_sub(offset).ok()
    }

    fn parsed(&self) -> Result<(Schedule, i64)> {
        let wrong = |what, text: &str, why: String| {
            Error::new(ErrorKind::Unknown, format!("cannot parse {what} '{text}': {why}"))
        };
        let schedule = Schedule::parse(&self.schedule).map_err(|e| wrong("schedule", &self.schedule, e))?;
        let duration = parse_go_duration(&self.duration).map_err(|e| wrong("duration", &self.duration, e))?;
        Ok((schedule, duration))
    }

    /// A zone that is not known is an error: a window that opens at another hour than its author
    /// meant protects nothing.
    fn zone(&self) -> Result<TimeZone> {
        zone(&self.time_zone).map_err(|why| Error::new(ErrorKind::Unknown, why))
    }

    /// What an API server refuses. Compat(argo 3.5): the order and the words.
    pub fn validate(&self) -> Result<()> {
        let refuse = |text: String| Err(Error::new(ErrorKind::Unknown, text));
        if self.kind != "allow" && self.kind != "deny" {
            return refuse(format!("kind '{}' mismatch: can only be allow or deny", self.kind));
        }
        self.parsed()?;
        self.zone()?;
        if self.description.len() > 255 {
            return refuse("description must not exceed 255 characters".to_owned());
        }
        Ok(())
    }

    /// What makes two windows the same one.
    pub(crate) fn identity(&self) -> impl std::hash::Hash + Eq + use<> {
        let texts = [&self.kind, &self.schedule, &self.duration, &self.time_zone].map(Clone::clone);
        let lists = [&self.applications, &self.namespaces, &self.clusters].map(Clone::clone);
        (texts, lists, self.and_operator)
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the {} window '{}' for {}", self.kind, self.schedule, self.duration)?;
        if !self.time_zone.is_empty() {
            write!(f, " ({})", self.time_zone)?;
        }
        Ok(())
    }
}

/// A zone of the bundled database; empty and `UTC` are UTC.
fn zone(name: &str) -> std::result::Result<TimeZone, String> {
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("unknown time zone {name}");
    // Names of the database and nothing that reads as a path.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    if name.len() > 64 || name.starts_with('/') || !name.chars().all(plain) {
        return Err(unknown());
    }
    jiff::tz::db().get(name).map_err(|_| unknown())
}

#[cfg(test)]
mod tests;
