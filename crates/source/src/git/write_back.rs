//! Writing back: a commit on what a remote has, made in memory and pushed.
//!
//! [`Repositories::tip`] says where a ref is. [`Repositories::prepare`] makes the objects of a [`NewCommit`] and names it, without telling anybody;
//! [`Repositories::prepare_note`] those of a note about an object; [`Repositories::push`] sends them, all refs or
//! none where the remote can do that. A ref that has moved since is [`ErrorKind::Moved`]: whoever called looks at the
//! new tip and makes its commit anew. What is pushed and was pushed before is no failure, so that a push whose answer
//! was lost may be made again.
//!
//! Inside: `objects` makes trees and commits, `notes` knows where a note stands, `pack` packs, `wire` is the protocol
//! as text, `send` speaks it, `into_folder` writes to a repository on this machine. No working copy, no merge, no
//! program.

mod into_folder;
mod notes;
mod objects;
mod pack;
mod send;
mod wire;

#[cfg(test)]
mod tests;

use super::job::{Job, State};
use super::repositories::Repositories;
use super::spec::{GitSpec, Reference};
use crate::{Commit, Error, ErrorKind, Signature};
use belay_net::Scheme;
use belay_tree::{Tree, TreePath};
use gix::hash::{Kind as HashKind, ObjectId};
use gix::objs::Kind;
use gix::validate::path;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes of the files of one commit: a repository is no place for more.
const CHANGED_BYTES: usize = 256 << 20;
/// Most files that one commit changes.
const CHANGED_FILES: usize = 100_000;
/// Most refs of one push.
const PUSHED_REFS: usize = 64;
/// Longest message of a commit.
const MESSAGE_BYTES: usize = 1 << 20;

/// A commit to make.
#[derive(Clone, Debug)]
pub struct NewCommit {
    /// The ref that is to point at it, in full: `refs/heads/main`.
    pub reference: String,
    /// What it is made on.
    pub base: Base,
    /// What becomes of which files; all others stay.
    pub changes: BTreeMap<TreePath, Change>,
    /// The whole message; a newline is added to the last line.
    pub message: String,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
}

/// What a commit is made on, and what must still hold when it arrives. Commits by the hex of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The ref is at this commit.
    Tip(String),
    /// The ref is not there; it begins at this commit of another.
    Fork(String),
    /// The ref is not there; it begins with neither history nor files.
    Orphan,
    /// The ref may be anywhere: what it has is given up for what is made on this commit.
    Replace(String),
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has this content. One that is executable stays so; what is no file becomes one.
    Write(Vec<u8>),
    /// It is gone, and all below it if it is a directory; directories with nothing left in them go too.
    Remove,
}

/// A note to write about an object, in place of the one that it has.
#[derive(Clone, Debug)]
pub struct NewNote {
    /// Of `refs/notes/<name>`.
    pub name: String,
    /// Hex of the commit that the notes are at; none if there are no notes yet.
    pub tip: Option<String>,
    /// Hex of the id of what it is about.
    pub object: String,
    /// What it says.
    pub content: Vec<u8>,
    /// Who wrote it.
    pub author: Signature,
}

/// The notes of a name, as one object sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Hex of the commit that they are at; none if there are none.
    pub tip: Option<String>,
    /// What is noted of the object.
    pub content: Option<Vec<u8>>,
}

/// Where a ref is.
#[derive(Clone)]
pub struct Tip {
    /// The commit.
    pub commit: Commit,
    /// All of its files, as a commit on it finds them: nothing is ignored or laid over.
    pub tree: Arc<dyn Tree>,
}

impl fmt::Debug for Tip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tip").field("commit", &self.commit).finish_non_exhaustive()
    }
}

/// A commit that is made and not pushed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared {
    reference: String,
    expected: Expected,
    id: ObjectId,
    objects: Arc<[NewObject]>,
    changes_files: bool,
}

impl Prepared {
    /// Hex of its id.
    pub fn id(&self) -> String {
        self.id.to_hex().to_string()
    }

    /// The ref that is to point at it.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Whether its files are others than those of its base.
    pub fn changes_files(&self) -> bool {
        self.changes_files
    }
}

/// Where a ref must be for a push to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    At(ObjectId),
    Absent,
    Anywhere,
}

/// An object that the remote may not have.
#[derive(Clone, Debug)]
struct NewObject {
    kind: Kind,
    id: ObjectId,
    data: Vec<u8>,
}

impl Repositories {
    /// Makes a commit of the repository of `spec`, whose reference does not matter. Its base is fetched if it is not
    /// here.
    pub async fn prepare(&self, spec: &GitSpec, commit: NewCommit) -> Result<Prepared, Error> {
        check(&commit)?;
        let (base, expected) = match &commit.base {
            Base::Tip(id) => (Some(id), Expected::At(parse_id(id)?)),
            Base::Fork(id) => (Some(id), Expected::Absent),
            Base::Orphan => (None, Expected::Absent),
            Base::Replace(id) => (Some(id), Expected::Anywhere),
        };
        let spec = about(spec, base);
        let deadline = Instant::now() + spec.timeout;
        let has_base = base.is_some();
        self.turn(&spec, Duration::MAX, deadline, move |job, state| {
            let found = has_base.then(|| job.run(state)).transpose()?;
            let hash = match &found {
                Some(found) => found.store.objects().hash(),
                None => job.hash(state)?,
            };
            objects::commit(&commit, expected, found.as_ref(), hash)
        })
        .await
    }

    /// Where a ref of the repository of `spec` is now, by its full name; nothing if it is not there.
    pub async fn tip(&self, spec: &GitSpec, reference: &str) -> Result<Option<Tip>, Error> {
        let spec = GitSpec { reference: Reference::Name(reference.to_owned()), ..about(spec, None) };
        let deadline = Instant::now() + spec.timeout;
        match self.turn(&spec, Duration::ZERO, deadline, |job, state| job.run(state)).await {
            Ok(found) => Ok(Some(Tip { commit: found.commit(), tree: self.raw_tree(&found) })),
            Err(error) if matches!(error.kind(), ErrorKind::ReferenceNotFound | ErrorKind::EmptyRepository) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the notes of a name say now about an object of the repository of `spec`.
    pub async fn note(&self, spec: &GitSpec, name: &str, object: &str) -> Result<Notes, Error> {
        parse_id(object)?;
        let Some(tip) = self.tip(spec, &notes::reference(name)?).await? else { return Ok(Notes::default()) };
        Ok(Notes { content: notes::read(&*tip.tree, object)?, tip: Some(tip.commit.id) })
    }

    /// Makes the commit of a note.
    pub async fn prepare_note(&self, spec: &GitSpec, note: NewNote) -> Result<Prepared, Error> {
        let reference = notes::reference(&note.name)?;
        parse_id(&note.object)?;
        let expected = note.tip.as_deref().map(parse_id).transpose()?.map_or(Expected::Absent, Expected::At);
        let spec = about(spec, note.tip.as_ref());
        let deadline = Instant::now() + spec.timeout;
        self.turn(&spec, Duration::MAX, deadline, move |job, state| {
            let found = note.tip.is_some().then(|| job.run(state)).transpose()?;
            let hash = match &found {
                Some(found) => found.store.objects().hash(),
                None => job.hash(state)?,
            };
            let path = notes::path(found.as_ref(), &note.object)?;
            let commit = NewCommit {
                reference,
                base: note.tip.map_or(Base::Orphan, Base::Tip),
                changes: BTreeMap::from([(path, Change::Write(note.content))]),
                message: "Notes added by 'git notes add'".to_owned(),
                author: note.author.clone(),
                committer: note.author,
            };
            objects::commit(&commit, expected, found.as_ref(), hash)
        })
        .await
    }

    /// Pushes commits to the repository of `spec`, each to its ref; several of them all or none, where the remote can
    /// do that. `options` are for the remote's hooks.
    ///
    /// # Errors
    /// [`ErrorKind::Moved`] if a ref is not where it must be, [`ErrorKind::Rejected`] if the remote does not want it.
    pub async fn push(&self, spec: &GitSpec, commits: &[Prepared], options: &[String]) -> Result<(), Error> {
        if commits.len() > PUSHED_REFS {
            return Err(Error::new(ErrorKind::TooLarge, format!("a push of more than {PUSHED_REFS} refs")));
        }
        let spec = about(spec, None);
        let deadline = Instant::now() + spec.timeout;
        let (commits, options) = (commits.to_vec(), options.to_vec());
        self.turn(&spec, Duration::MAX, deadline, move |job, state| {
            let outcome = if job.spec.url.scheme() == Scheme::File {
                into_folder::push(job, &commits)
            } else {
                send::push(job, &commits, &options)
            };
            // What was listed is not what is there, whatever came of it.
            state.forget_refs();
            outcome.map_err(|error| error.context(format_args!("unable to push to '{}'", job.spec.url)))
        })
        .await
    }
}

impl Job {
    /// Which hash names the objects of the repository.
    fn hash(&self, state: &State) -> Result<HashKind, Error> {
        match state.hash() {
            Some(hash) => Ok(hash),
            None if self.spec.url.scheme() == Scheme::File => Ok(self.local()?.hash()),
            None => Ok(self.open()?.hash()),
        }
    }
}

/// The repository of a specification at a commit, or at none, and nothing else that it asks for.
fn about(spec: &GitSpec, commit: Option<&String>) -> GitSpec {
    let reference = match commit {
        Some(id) => Reference::Commit { id: id.clone(), branch: None },
        None => Reference::Revision(String::new()),
    };
    GitSpec {
        reference,
        credentials: spec.credentials.clone(),
        proxy: spec.proxy.clone(),
        timeout: spec.timeout,
        listing_timeout: spec.listing_timeout,
        ..GitSpec::branch(spec.url.clone(), "")
    }
}

fn parse_id(text: &str) -> Result<ObjectId, Error> {
    ObjectId::from_hex(text.as_bytes())
        .map_err(|_| Error::new(ErrorKind::Spec, format!("{text:?} is no id of an object")))
}

/// Refuses what Git would not take, before anything is made.
fn check(commit: &NewCommit) -> Result<(), Error> {
    let wrong = |text: String| Err(Error::new(ErrorKind::Spec, text));
    let name = &commit.reference;
    if !name.starts_with("refs/") || gix::validate::reference::name(name.as_str().into()).is_err() {
        return wrong(format!("{name:?} is no name of a ref"));
    }
    if commit.message.contains('\0') {
        return wrong("the message of a commit has a NUL".to_owned());
    }
    let bytes: usize = commit.changes.values().map(Change::bytes).sum();
    if commit.changes.len() > CHANGED_FILES || bytes > CHANGED_BYTES || commit.message.len() > MESSAGE_BYTES {
        let text = format!("a commit of {} files and {bytes} bytes is too large", commit.changes.len());
        return Err(Error::new(ErrorKind::TooLarge, text));
    }
    for path in commit.changes.keys() {
        // Git itself takes none of these: a checkout would write into its own folder (INV-FS-4).
        if path.is_root() || path.segments().any(is_gits_own) {
            return wrong(format!("{path:?} is no path of a file in a repository"));
        }
    }
    Ok(())
}

/// `.git` in any spelling that some file system takes for it.
fn is_gits_own(segment: &str) -> bool {
    let options = path::component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    path::component(segment.into(), None, options).is_err()
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Change::Write(content) => content.len(),
            Change::Remove => 0,
        }
    }
}
