//! Which commits and tags are not signed as they should be: told one by one, for who decides by it.
//!
//! One commit or tag, or all of a history up to its seals: signed commits that vouch for what stands before them.
//! What was found of a history is remembered for a while, and what comes behind a good one is looked at alone.

use super::exchange::timeout;
use super::object::{RawCommit, RawTag, parse_commit};
use super::objects::Objects;
use super::spec::Inspection;
use super::verify::{Finding, Ring, examine};
use crate::fetched::{SignatureProblem, SignatureState};
use crate::{Error, ErrorKind};
use gix::hash::ObjectId;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Problems that are told of one history.
// Compat(argo-cd 3.5)
const MOST_PROBLEMS: usize = 10;
/// Commits of a history that are looked at: some 20 MB while it is looked at, a minute on one core. A seal makes
/// it shorter for signatures, not for reading.
const MOST_COMMITS: usize = 200_000;
/// How long a finding is believed: keys expire.
const BELIEVED: Duration = Duration::from_secs(3600);
/// Findings that are kept of a repository.
const MOST_SEEN: usize = 64;

/// An annotated tag, and the ref that it was found under: one tag may stand under several.
pub(crate) type Tag = (ObjectId, String);

/// What was found lately of a repository.
#[derive(Default)]
pub(crate) struct Seen(Vec<Found>);

struct Found {
    /// By what was looked.
    by: u64,
    tag: Option<Tag>,
    commit: ObjectId,
    at: Instant,
    problems: Arc<[SignatureProblem]>,
}

impl Seen {
    /// What was found of a commit, or of it by this tag.
    pub(crate) fn of(&self, by: u64, tag: Option<&Tag>, commit: ObjectId) -> Option<Arc<[SignatureProblem]>> {
        let is_it = |found: &&Found| found.by == by && found.tag.as_ref() == tag && found.commit == commit;
        self.0.iter().find(is_it).filter(|found| found.at.elapsed() < BELIEVED).map(|found| found.problems.clone())
    }
    pub(crate) fn note(
        &mut self,
        by: u64,
        tag: Option<Tag>,
        commit: ObjectId,
        problems: Vec<SignatureProblem>,
    ) -> Arc<[SignatureProblem]> {
        let problems: Arc<[SignatureProblem]> = problems.into();
        self.0.retain(|found| found.at.elapsed() < BELIEVED);
        if self.0.len() >= MOST_SEEN {
            self.0.remove(0);
        }
        self.0.push(Found { by, tag, commit, at: Instant::now(), problems: problems.clone() });
        problems
    }
    /// The commits whose whole history was found good.
    pub(crate) fn good(&self, by: u64) -> HashSet<ObjectId> {
        let good = |found: &&Found| found.by == by && found.problems.is_empty() && found.at.elapsed() < BELIEVED;
        self.0.iter().filter(good).map(|found| found.commit).collect()
    }
}

/// Tells inspections apart.
pub(crate) fn identity(inspection: &Inspection) -> u64 {
    let mut hasher = DefaultHasher::new();
    inspection.hash(&mut hasher);
    hasher.finish()
}

/// Looks at signatures.
pub(crate) struct Inspector<'a> {
    pub(crate) inspection: &'a Inspection,
    pub(crate) ring: &'a Ring,
    pub(crate) now_s: u64,
    pub(crate) deadline: Instant,
}

impl Inspector<'_> {
    /// An annotated tag, by the name that it was asked for by.
    pub(crate) fn tag(&self, name: &str, is_named_so: bool, tag: &RawTag) -> Option<SignatureProblem> {
        let mut finding = examine(tag.signed.as_ref(), self.ring, self.now_s);
        if !is_named_so && finding.state == SignatureState::Good {
            // A good tag under another name says nothing of that name.
            finding = Finding { trusted_by: Vec::new(), state: SignatureState::Bad, ..finding };
        }
        // Compat(argo-cd 3.5): the quotes.
        let author = format!("{} \"<{}>\"", tag.tagger.name, tag.tagger.email);
        self.problem(name.to_owned(), author, finding)
    }

    /// A commit alone.
    pub(crate) fn commit(&self, id: &ObjectId, commit: &RawCommit) -> Option<SignatureProblem> {
        let author = format!("{} <{}>", commit.author.name, commit.author.email);
        let finding = examine(commit.signed.as_ref(), self.ring, self.now_s);
        self.problem(id.to_hex().to_string(), author, finding)
    }

    fn problem(&self, revision: String, author: String, finding: Finding) -> Option<SignatureProblem> {
        let Finding { state, key, trusted_by } = finding;
        let is_trusted = trusted_by.iter().any(|id| self.inspection.trusted.contains(id));
        (!is_trusted).then_some(SignatureProblem { revision, author, state, key })
    }

    /// A commit and all before it that is not behind a seal; commits of `good` are known to be.
    pub(crate) fn history(
        &self,
        objects: &Objects,
        tip: ObjectId,
        good: &HashSet<ObjectId>,
    ) -> Result<Vec<SignatureProblem>, Error> {
        let History { nodes, seals } = self.read(objects, tip, good)?;
        // Compat(argo-cd 3.5): behind a seal nothing is looked at but what something before it builds on.
        let behind = reach(&nodes, seals);
        let mut wanted: HashSet<ObjectId> = HashSet::from([tip]);
        for (id, node) in nodes.iter().filter(|(id, _)| !behind.contains(*id)) {
            wanted.insert(*id);
            wanted.extend(node.parents.iter().copied());
        }
        wanted.retain(|id| !good.contains(id));
        let time = |id: &ObjectId| nodes.get(id).map_or(0, |node| node.time_s);
        let mut wanted: Vec<ObjectId> = wanted.into_iter().collect();
        wanted.sort_unstable_by(|a, b| time(b).cmp(&time(a)).then(a.cmp(b)));
        let (mut problems, mut told) = (Vec::new(), HashSet::new());
        for id in wanted {
            if problems.len() >= MOST_PROBLEMS {
                break;
            }
            self.in_time()?;
            let commit = parse_commit(&objects.commit_once(&id)?)?;
            let problem = self.commit(&id, &commit);
            // Each key is told once; those who sign nothing each time.
            problems.extend(problem.filter(|p| p.key.is_empty() || told.insert(p.key.clone())));
        }
        Ok(problems)
    }

    fn in_time(&self) -> Result<(), Error> {
        if Instant::now() >= self.deadline { Err(timeout()) } else { Ok(()) }
    }

    fn read(&self, objects: &Objects, tip: ObjectId, good: &HashSet<ObjectId>) -> Result<History, Error> {
        let mut history = History { nodes: HashMap::new(), seals: Vec::new() };
        let mut next = vec![tip];
        while let Some(id) = next.pop() {
            if history.nodes.contains_key(&id) {
                continue;
            }
            if history.nodes.len() >= MOST_COMMITS {
                let text = format!("the history has more than {MOST_COMMITS} commits to look for signatures in");
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            if good.contains(&id) {
                history.nodes.insert(id, Node { parents: Box::default(), time_s: 0 });
                continue;
            }
            self.in_time()?;
            let commit = parse_commit(&objects.commit_once(&id)?)?;
            let is_seal = self.inspection.seal.as_ref().is_some_and(|seal| holds(&commit.message, seal));
            if is_seal && examine(commit.signed.as_ref(), self.ring, self.now_s).state == SignatureState::Good {
                history.seals.push(id);
            }
            next.extend(&commit.parents);
            history.nodes.insert(id, Node { parents: commit.parents.into(), time_s: commit.committer.time_s });
        }
        Ok(history)
    }
}

/// A history without what its commits say.
struct History {
    nodes: HashMap<ObjectId, Node>,
    seals: Vec<ObjectId>,
}

struct Node {
    parents: Box<[ObjectId]>,
    time_s: i64,
}

/// All that stands at or before some commits.
fn reach(nodes: &HashMap<ObjectId, Node>, from: Vec<ObjectId>) -> HashSet<ObjectId> {
    let (mut found, mut next) = (HashSet::new(), from);
    while let Some(id) = next.pop() {
        if found.insert(id) {
            next.extend(nodes.get(&id).into_iter().flat_map(|node| node.parents.iter().copied()));
        }
    }
    found
}

/// Whether a message holds a text, in capitals or not.
fn holds(message: &str, text: &str) -> bool {
    message.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
}
