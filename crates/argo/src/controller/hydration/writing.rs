//! The commit of a hydration, and the note about it: made on what the branch has, pushed together, made anew where
//! somebody else was faster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_source::{Base, ErrorKind, GitSpec, NewCommit, NewNote, Repositories, Signature, Tip};
use jiff::Timestamp;

use crate::hydrator::{Hydrated, Metadata, NOTES, changes, note, noted};

/// How often a commit is made anew because the branch, or the notes of other branches, moved meanwhile.
const ATTEMPTS: u32 = 8;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(50);

/// What is to be written.
pub(super) struct Writing {
    /// The repository, with what is shown to it.
    pub spec: GitSpec,
    /// What is synced; where it is missing it is begun, since the other branch begins at it.
    pub sync_branch: String,
    /// What is written to.
    pub target_branch: String,
    pub all: Arc<[Hydrated]>,
    pub metadata: Metadata,
    pub readme: String,
    pub message: String,
    /// Name and address.
    pub author: (String, String),
}

/// Writes; gives the commit that the branch is at. Without a manifest that changes there is no commit, and the note
/// stands at the one that is there.
pub(super) async fn write(repositories: &Repositories, writing: Writing) -> Result<String, String> {
    let writing = Arc::new(writing);
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt(repositories, &writing).await {
            Err(Failed { is_race: true, why }) => {
                tracing::info!(repository = %writing.spec.url, why, "the branch has moved; begun anew");
                tokio::time::sleep(belay_cluster::jittered(pause, 50)).await;
                pause *= 2;
            }
            outcome => return outcome.map_err(Failed::told),
        }
    }
    attempt(repositories, &writing).await.map_err(Failed::told)
}

struct Failed {
    /// Whether it may go well at the new tip.
    is_race: bool,
    why: String,
}

impl Failed {
    /// Compat(argo-cd 3.5): the words in front.
    fn told(self) -> String {
        format!("failed to commit hydrated manifests: {}", self.why)
    }
    fn for_good(why: String) -> Failed {
        Failed { is_race: false, why }
    }
}

/// Compat(argo-cd 3.5): what was being done, in front of what went wrong.
fn while_doing(what: &'static str) -> impl Fn(belay_source::Error) -> Failed {
    move |error| Failed { is_race: error.kind() == ErrorKind::Moved, why: format!("{what}: {error}") }
}

async fn attempt(repositories: &Repositories, writing: &Arc<Writing>) -> Result<String, Failed> {
    let spec = &writing.spec;
    let (sync, target) = (branch(&writing.sync_branch), branch(&writing.target_branch));
    let (tip, base) = match tip(repositories, spec, &target, "failed to checkout target branch").await? {
        Some(tip) => (tip, Base::Tip as fn(String) -> Base),
        None => {
            let doing = "failed to checkout sync branch";
            let found = match tip(repositories, spec, &sync, doing).await? {
                Some(found) => Some(found),
                None => {
                    begin(repositories, writing, &sync).await?;
                    tip(repositories, spec, &sync, doing).await?
                }
            };
            let gone = || Failed { is_race: true, why: format!("{doing}: the branch that was begun is gone") };
            (found.ok_or_else(gone)?, if target == sync { Base::Tip } else { Base::Fork as fn(String) -> Base })
        }
    };
    let (here, before) = (writing.clone(), tip.tree.clone());
    let found = tokio::task::spawn_blocking(move || changes(&here.all, &here.metadata, &here.readme, &*before)).await;
    let found = found.unwrap_or_else(|e| Err(format!("the templates stopped: {e}")));
    let found = found.map_err(|why| Failed::for_good(format!("failed to write manifests: {why}")))?;
    let notes =
        repositories.note(spec, NOTES, &tip.commit.id).await.map_err(while_doing("failed to get notes from git"))?;
    let mut pushed = Vec::new();
    let mut hydrated = tip.commit.id.clone();
    if !found.is_empty() {
        if writing.message.is_empty() {
            let why = "failed to commit and push: aborting commit due to empty commit message";
            return Err(Failed::for_good(why.to_owned()));
        }
        let commit = writing.commit(target, base(tip.commit.id), found, writing.message.clone());
        let made = repositories.prepare(spec, commit).await.map_err(while_doing("failed to commit and push"))?;
        hydrated = made.id();
        pushed.push(made);
    } else if notes.content.as_deref().and_then(noted).as_deref() == Some(&writing.metadata.dry_sha) {
        return Ok(hydrated);
    }
    let note = NewNote {
        name: NOTES.to_owned(),
        tip: notes.tip,
        object: hydrated.clone(),
        content: note(&writing.metadata.dry_sha),
        author: writing.signature(),
    };
    let doing = if pushed.is_empty() { "failed to add commit note" } else { "failed to commit and push" };
    pushed.push(repositories.prepare_note(spec, note).await.map_err(while_doing("failed to add commit note"))?);
    repositories.push(spec, &pushed, &[]).await.map_err(while_doing(doing))?;
    Ok(hydrated)
}

/// Begins a branch with nothing in it. Compat(argo-cd 3.5): the message.
async fn begin(repositories: &Repositories, writing: &Writing, reference: &str) -> Result<(), Failed> {
    let message = format!("Initial commit for {}", writing.sync_branch);
    let commit = writing.commit(reference.to_owned(), Base::Orphan, BTreeMap::new(), message);
    let failed = while_doing("failed to checkout sync branch: failed to push to branch");
    let made = repositories.prepare(&writing.spec, commit).await.map_err(&failed)?;
    repositories.push(&writing.spec, &[made], &[]).await.map_err(&failed)
}

async fn tip(
    repositories: &Repositories,
    spec: &GitSpec,
    reference: &str,
    doing: &'static str,
) -> Result<Option<Tip>, Failed> {
    repositories.tip(spec, reference).await.map_err(while_doing(doing))
}

fn branch(name: &str) -> String {
    format!("refs/heads/{name}")
}

impl Writing {
    fn signature(&self) -> Signature {
        let (name, email) = self.author.clone();
        Signature { name, email, time_s: Timestamp::now().as_second() }
    }

    fn commit(
        &self,
        reference: String,
        base: Base,
        changes: BTreeMap<belay_tree::TreePath, belay_source::Change>,
        message: String,
    ) -> NewCommit {
        NewCommit { reference, base, changes, message, author: self.signature(), committer: self.signature() }
    }
}
