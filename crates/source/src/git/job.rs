//! One turn at a repository: list its refs if what is known is too old, fetch what is missing.
//!
//! Blocking. A turn is taken by one caller at a time; what it learns serves all who asked before
//! it began, so a hundred objects that name one repository cost one listing and one fetch.

use super::exchange::{Exchange, Moment, timeout};
use super::folder::Folder;
use super::inspect::{Inspector, Seen, identity};
use super::mirror::{CacheFolder, Store};
use super::object::{RawCommit, parse_commit, parse_tag};
use super::objects::ObjectCache;
use super::remote::{Advertised, Connection, Peer};
use super::resolve::{Target, digest, is_wanted, prefix, resolve};
use super::spec::{GitSpec, Inspection, Reference, VerifyMode};
use super::verify::{Ring, verify};
use crate::fetched::{SignatureProblem, Verified};
use crate::{Commit, Error, ErrorKind, Ref};
use belay_net::{Client, Egress, Scheme};
use gix::hash::{Kind as HashKind, ObjectId};
use gix::objs::Kind;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Most commits that we tell the remote we have; more does not make its answer smaller.
const HAVES: usize = 16;
/// What names of branches and tags begin with, a line each.
const BRANCHES_AND_TAGS: &str = "refs/heads/\nrefs/tags/";

/// What is known of a repository.
#[derive(Default)]
pub(crate) struct State {
    /// Refs by the prefix that they were listed for, and when that listing began.
    listed: HashMap<String, (Moment, Vec<Advertised>)>,
    store: Option<Arc<Store>>,
    /// Commits that the store has whole, oldest first.
    whole: Vec<ObjectId>,
    /// Commits alone, all of their history; filled where signatures of histories are looked at.
    history: Option<Arc<Store>>,
    /// Commits that it was filled with, oldest first.
    tips: Vec<ObjectId>,
    /// What was found of signatures.
    seen: Seen,
    /// The last failure to reach the remote, and when that attempt began.
    failed: Option<(Moment, Error)>,
}

impl State {
    /// The refs are to be listed anew: they were written to.
    pub(crate) fn forget_refs(&mut self) {
        self.listed.clear();
    }

    /// Which hash names the objects, if any were fetched.
    pub(crate) fn hash(&self) -> Option<HashKind> {
        self.store.as_ref().map(|store| store.objects().hash())
    }
}

/// A turn.
pub(crate) struct Job {
    pub(crate) spec: GitSpec,
    pub(crate) client: Option<Client>,
    pub(crate) egress: Egress,
    pub(crate) cache: Arc<ObjectCache>,
    pub(crate) folder: Arc<CacheFolder>,
    /// What others ask for at the time.
    pub(crate) others: Vec<Reference>,
    pub(crate) asked: Moment,
    pub(crate) max_age: Duration,
    pub(crate) deadline: Instant,
    pub(crate) pack_bytes: u64,
    pub(crate) packs: usize,
    pub(crate) refs: usize,
    pub(crate) runtime: tokio::runtime::Handle,
}

/// A commit in a store.
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) store: Arc<Store>,
    pub(crate) raw: RawCommit,
    pub(crate) verified: Option<Verified>,
}

impl Found {
    pub(crate) fn commit(&self) -> Commit {
        Commit {
            id: self.target.commit.to_hex().to_string(),
            author: self.raw.author.clone(),
            committer: self.raw.committer.clone(),
            message: self.raw.message.clone(),
            reference: self.target.reference.clone(),
        }
    }
}

impl Job {
    /// The commit that the specification means, without fetching it.
    pub(crate) fn resolve(&self, state: &mut State) -> Result<Target, Error> {
        self.shared_failure(state)?;
        let outcome = self.target(state, &mut None);
        self.note(state, outcome)
    }

    /// All branches and tags, in the order of their names.
    pub(crate) fn refs(&self, state: &mut State) -> Result<Vec<Ref>, Error> {
        self.shared_failure(state)?;
        let outcome = self.all(state);
        self.note(state, outcome)
    }

    fn all(&self, state: &mut State) -> Result<Vec<Ref>, Error> {
        let is_known = state.listed.get(BRANCHES_AND_TAGS).is_some_and(|(at, _)| self.believes(*at));
        if !is_known {
            self.list(state, BRANCHES_AND_TAGS, &mut None)?;
        }
        let refs = &state.listed.get(BRANCHES_AND_TAGS).expect("listed just now or before").1;
        let read = |r: &Advertised| {
            let commit = r.peeled.unwrap_or(r.id).to_hex().to_string();
            Ref { name: r.name.clone(), commit }
        };
        let mut all: Vec<Ref> = refs.iter().map(read).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Whether a listing of that time is an answer for us.
    fn believes(&self, at: Moment) -> bool {
        at.is_after(&self.asked) || (!self.max_age.is_zero() && at.age_at(&self.asked) <= self.max_age)
    }

    /// The commit that the specification means, fetched and verified.
    pub(crate) fn run(&self, state: &mut State) -> Result<Found, Error> {
        self.shared_failure(state)?;
        let mut connection = None;
        let outcome = self.target(state, &mut connection).and_then(|target| {
            let store = self.ensure(state, &target, connection)?;
            Ok((target, store))
        });
        let (target, store) = self.note(state, outcome)?;
        let raw = parse_commit(&store.objects().structure(&target.commit, Kind::Commit)?)?;
        let mut verified = self.verify(&target, &store, &raw)?;
        if let Some(inspection) = &self.spec.inspect {
            let problems = self.inspect(state, &target, &store, &raw, inspection).map_err(|error| self.told(error))?;
            verified.get_or_insert_default().problems = problems;
        }
        Ok(Found { target, store, raw, verified })
    }

    /// An attempt that began after we asked and could not reach the remote is an answer for us too.
    fn shared_failure(&self, state: &State) -> Result<(), Error> {
        match &state.failed {
            Some((at, error)) if at.is_after(&self.asked) => Err(error.clone()),
            _ if Instant::now() >= self.deadline => Err(self.told(timeout())),
            _ => Ok(()),
        }
    }

    fn note<T>(&self, state: &mut State, outcome: Result<T, Error>) -> Result<T, Error> {
        state.failed = None;
        outcome.map_err(|error| {
            let error = self.told(error);
            let about_remote = matches!(
                error.kind(),
                ErrorKind::Unreachable
                    | ErrorKind::Unauthenticated
                    | ErrorKind::RepositoryNotFound
                    | ErrorKind::HostKey
            );
            if about_remote {
                // The attempt began at our turn, which all who wait have been waiting for.
                state.failed = Some((Moment::now(), error.clone()));
            }
            error
        })
    }

    /// The words that Flux puts before what Git said.
    fn told(&self, error: Error) -> Error {
        match (error.kind(), &self.spec.reference) {
            (ErrorKind::EmptyRepository | ErrorKind::Spec | ErrorKind::Storage, _) => error,
            (
                ErrorKind::ReferenceNotFound,
                Reference::Commit { .. }
                | Reference::Name(_)
                | Reference::SemVer(_)
                | Reference::Revision(_)
                | Reference::Prefixed { .. },
            ) => error,
            _ => error.context(format_args!("unable to clone '{}'", self.spec.url)),
        }
    }

    fn target(&self, state: &mut State, connection: &mut Option<Connection>) -> Result<Target, Error> {
        let Some(wanted) = prefix(&self.spec.reference) else { return resolve(&self.spec.reference, &[]) };
        if let Some((at, refs)) = state.listed.get(&wanted) {
            let is_newer = at.is_after(&self.asked);
            let is_young = !self.max_age.is_zero() && at.age_at(&self.asked) <= self.max_age;
            let outcome = resolve(&self.spec.reference, refs);
            // A ref that is not in an older list may have come since.
            if is_newer || (is_young && outcome.is_ok()) {
                return self.or_empty(outcome, connection);
            }
        }
        self.list(state, &wanted, connection)?;
        let refs = &state.listed.get(&wanted).expect("listed just now").1;
        self.or_empty(resolve(&self.spec.reference, refs), connection)
    }

    fn or_empty(&self, outcome: Result<Target, Error>, connection: &mut Option<Connection>) -> Result<Target, Error> {
        match outcome {
            Err(error) if error.kind() == ErrorKind::ReferenceNotFound && self.is_empty(connection)? => {
                Err(Error::new(ErrorKind::EmptyRepository, "git repository is empty"))
            }
            outcome => outcome,
        }
    }

    /// Lists the refs that we and all others who wait want, in one request.
    fn list(&self, state: &mut State, wanted: &str, connection: &mut Option<Connection>) -> Result<(), Error> {
        let began = Moment::now();
        let mut prefixes: Vec<String> = self.others.iter().filter_map(prefix).collect();
        prefixes.push(wanted.to_owned());
        prefixes.sort_unstable();
        prefixes.dedup();
        let refs = if self.spec.url.scheme() == Scheme::File {
            self.local()?.list("", self.refs)?
        } else {
            let each: Vec<String> = prefixes.iter().flat_map(|p| p.split('\n')).map(str::to_owned).collect();
            self.connect(connection)?.list(&each)?
        };
        // What was not asked for again has no user left.
        state.listed.retain(|_, (at, _)| at.age_at(&began) < Duration::from_secs(3600));
        for prefix in prefixes {
            let found = refs.iter().filter(|r| is_wanted(&prefix, &r.name)).cloned().collect();
            state.listed.insert(prefix, (began, found));
        }
        Ok(())
    }

    /// Whether the repository has no ref at all. Asked only when the wanted one is not there.
    fn is_empty(&self, connection: &mut Option<Connection>) -> Result<bool, Error> {
        if self.spec.url.scheme() == Scheme::File {
            return Ok(self.local()?.list("refs/", self.refs)?.is_empty());
        }
        Ok(self.connect(connection)?.list(&["refs/".to_owned()])?.is_empty())
    }

    pub(crate) fn local(&self) -> Result<Folder, Error> {
        Folder::open(Path::new(self.spec.url.path()))
    }

    fn connect<'a>(&self, connection: &'a mut Option<Connection>) -> Result<&'a mut Connection, Error> {
        if connection.is_none() {
            *connection = Some(self.open()?);
        }
        Ok(connection.as_mut().expect("opened just now"))
    }

    pub(crate) fn open(&self) -> Result<Connection, Error> {
        let peer = Peer {
            url: &self.spec.url,
            credentials: &self.spec.credentials,
            client: self.client.as_ref(),
            egress: &self.egress,
            refs: self.refs,
            listing: self.spec.listing_timeout.filter(|_| self.client.is_some()),
        };
        Connection::open(&peer, Exchange::new(self.runtime.clone(), self.deadline))
    }

    /// A store that has the target.
    fn ensure(&self, state: &mut State, target: &Target, connection: Option<Connection>) -> Result<Arc<Store>, Error> {
        if self.spec.url.scheme() == Scheme::File {
            let store = match &state.store {
                Some(store) => store.clone(),
                None => Arc::new(self.local()?.store(self.cache.clone())?),
            };
            state.store = Some(store.clone());
            return if store.objects().has(&target.commit) { Ok(store) } else { Err(self.no_commit(&target.commit)) };
        }
        if let Some(store) = &state.store
            && target.wants().all(|id| store.objects().has(&id))
        {
            return Ok(store.clone());
        }
        let mut connection = connection;
        let connection = self.connect(&mut connection)?;
        // A full store is replaced; so is one of another hash, if the repository was made anew.
        let current = state
            .store
            .take()
            .filter(|store| store.fetches() < self.packs && store.objects().hash() == connection.hash());
        let store = match current {
            Some(store) => store,
            None => {
                state.whole.clear();
                Arc::new(Store::create(&self.folder, connection.hash(), self.cache.clone())?)
            }
        };
        state.store = Some(store.clone());
        self.fetch(state, target, &store, connection)?;
        Ok(store)
    }

    fn fetch(
        &self,
        state: &mut State,
        target: &Target,
        store: &Store,
        connection: &mut Connection,
    ) -> Result<(), Error> {
        let own: Vec<ObjectId> = target.wants().collect();
        let mut wants = own.clone();
        for other in &self.others {
            let refs = prefix(other).and_then(|prefix| state.listed.get(&prefix));
            let Some(other) = refs.and_then(|(_, refs)| resolve(other, refs).ok()) else { continue };
            wants.extend(other.wants().filter(|id| !store.objects().has(id)));
        }
        wants.sort_unstable();
        wants.dedup();
        let haves: Vec<ObjectId> = state.whole.iter().rev().take(HAVES).copied().collect();
        let depth = NonZeroU32::new(1);
        let mut outcome = connection.fetch(&wants, &haves, store, depth, None, self.pack_bytes);
        if outcome.is_err() && wants != own {
            // Somebody else's ref may have gone in between.
            outcome = self.open()?.fetch(&own, &haves, store, depth, None, self.pack_bytes);
            wants = own;
        }
        // An older server's refusal does not even come through as one. One of version 2 that gives no
        // commit by id is rare, and all branches are much to fetch for a mistyped id.
        if let (Err(error), Reference::Commit { branch, .. }) = (&outcome, &self.spec.reference)
            && (connection.is_old() || (branch.is_some() && error.kind() == ErrorKind::ReferenceNotFound))
        {
            outcome = self.fetch_history(branch.as_deref(), store);
        }
        outcome.map_err(|error| match (error.kind(), &self.spec.reference) {
            (ErrorKind::ReferenceNotFound, Reference::Commit { .. }) => self.no_commit(&target.commit),
            _ => error,
        })?;
        store.fetched();
        if !target.wants().all(|id| store.objects().has(&id)) {
            return Err(self.no_commit(&target.commit));
        }
        state
            .whole
            .extend(wants.into_iter().filter(|id| matches!(store.objects().header(id), Ok(Some((Kind::Commit, _))))));
        Ok(())
    }

    /// For a remote that does not give commits by id: all of the branch, or of all branches.
    fn fetch_history(&self, branch: Option<&str>, store: &Store) -> Result<(), Error> {
        let mut connection = self.open()?;
        let prefix = format!("refs/heads/{}", branch.unwrap_or_default());
        let refs = connection.list(std::slice::from_ref(&prefix))?;
        let of_branch = |r: &&Advertised| branch.is_none() || r.name == prefix;
        let tips: Vec<ObjectId> = refs.iter().filter(of_branch).map(|r| r.id).collect();
        if tips.is_empty() {
            return Err(Error::new(ErrorKind::ReferenceNotFound, format!("couldn't find remote ref {prefix:?}")));
        }
        connection.fetch(&tips, &[], store, None, None, self.pack_bytes)
    }

    fn no_commit(&self, id: &ObjectId) -> Error {
        let text = format!("unable to resolve commit object for '{id}': object not found");
        Error::new(ErrorKind::ReferenceNotFound, text)
    }

    /// Looks at the signatures that an inspection is about.
    fn inspect(
        &self,
        state: &mut State,
        target: &Target,
        store: &Arc<Store>,
        raw: &RawCommit,
        inspection: &Inspection,
    ) -> Result<Arc<[SignatureProblem]>, Error> {
        let by = identity(inspection);
        let tag = target.tag.map(|id| (id, target.reference.clone()));
        if let Some(known) = state.seen.of(by, tag.as_ref(), target.commit) {
            return Ok(known);
        }
        let now_s = now_s();
        let ring = Ring::read(&inspection.pgp_keys, now_s)?;
        let inspector = Inspector { inspection, ring: &ring, now_s, deadline: self.deadline };
        let mut problems = Vec::new();
        if let Some(id) = target.tag {
            let tag = parse_tag(&store.objects().structure(&id, Kind::Tag)?)?;
            let is_named_so = tag.target == target.commit && target.reference == format!("refs/tags/{}", tag.name);
            problems.extend(inspector.tag(&target.label, is_named_so, &tag));
        }
        if inspection.history {
            let store = self.history(state, target.commit, store)?;
            problems.extend(inspector.history(store.objects(), target.commit, &state.seen.good(by))?);
        } else if target.tag.is_none() {
            problems.extend(inspector.commit(&target.commit, raw));
        }
        Ok(state.seen.note(by, tag, target.commit, problems))
    }

    /// A store that has all commits before one.
    fn history(&self, state: &mut State, tip: ObjectId, store: &Arc<Store>) -> Result<Arc<Store>, Error> {
        if self.spec.url.scheme() == Scheme::File {
            return Ok(store.clone());
        }
        let known = state.history.take().filter(|known| {
            known.objects().has(&tip)
                || (known.fetches() < self.packs && known.objects().hash() == store.objects().hash())
        });
        let history = match known {
            Some(known) => known,
            None => {
                state.tips.clear();
                Arc::new(Store::create(&self.folder, store.objects().hash(), self.cache.clone())?)
            }
        };
        state.history = Some(history.clone());
        // What it was filled with came with all before it, so that one that is there is there whole.
        if !history.objects().has(&tip) {
            let haves: Vec<ObjectId> = state.tips.iter().rev().take(HAVES).copied().collect();
            self.open()?.fetch(&[tip], &haves, &history, None, Some("tree:0"), self.pack_bytes)?;
            history.fetched();
            if !history.objects().has(&tip) {
                return Err(self.no_commit(&tip));
            }
            state.tips.push(tip);
        }
        Ok(history)
    }

    /// Checks the signatures that the specification asks for, over the bytes that came.
    fn verify(&self, target: &Target, store: &Store, raw: &RawCommit) -> Result<Option<Verified>, Error> {
        let Some(verification) = &self.spec.verify else { return Ok(None) };
        let now_s = now_s();
        let mut verified = Verified::default();
        if matches!(verification.mode, VerifyMode::Tag | VerifyMode::TagAndHead) {
            let name = &target.label;
            let Some(id) = target.tag else {
                let text = format!("signature verification of tag '{name}' failed: it is not an annotated tag");
                return Err(Error::new(ErrorKind::Verification, text));
            };
            let tag = parse_tag(&store.objects().structure(&id, Kind::Tag)?)?;
            let named = format!("{name}@{}", digest(&id));
            let failed = |error: Error| error.context(format_args!("signature verification of tag '{named}' failed"));
            // A signed tag of another name must not pass for this one.
            if tag.target != target.commit || target.reference != format!("refs/tags/{}", tag.name) {
                return Err(failed(Error::new(ErrorKind::Verification, "the tag object is of another tag")));
            }
            let key = verify(tag.signed.as_ref(), verification, now_s).map_err(failed)?;
            verified.tag = Some((named, key));
        }
        if matches!(verification.mode, VerifyMode::Head | VerifyMode::TagAndHead) {
            let id = target.commit.to_hex();
            let key = verify(raw.signed.as_ref(), verification, now_s)
                .map_err(|error| error.context(format_args!("signature verification of commit '{id}' failed")))?;
            verified.commit_key = Some(key);
        }
        Ok(Some(verified))
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
