//! Pushing into a repository in a folder on this machine: its objects first, then its refs in one transaction.

use super::send::old;
use super::{NewObject, Prepared};
use crate::git::job::Job;
use crate::{Error, ErrorKind};
use gix::hash::ObjectId;
use gix::objs::Write;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use std::time::SystemTime;

pub(super) fn push(job: &Job, commits: &[Prepared]) -> Result<(), Error> {
    let folder = job.local()?;
    let repository = folder.repository();
    let mut moves: Vec<(&Prepared, Option<ObjectId>)> = Vec::new();
    for commit in commits {
        if let Some(old) = old(commit, tip(repository, &commit.reference)?)? {
            moves.push((commit, old));
        }
    }
    let checked_out = repository.head_name().ok().flatten().filter(|_| !repository.is_bare());
    for (commit, _) in &moves {
        if commit.id.kind() != repository.object_hash() {
            return Err(Error::new(ErrorKind::Spec, "the repository names its objects by another hash"));
        }
        // What is checked out would differ from its branch, as Git says too.
        if checked_out.as_ref().is_some_and(|name| name.as_bstr() == commit.reference.as_str()) {
            let text = format!("{} was refused: branch is currently checked out", commit.reference);
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        for NewObject { kind, data, .. } in commit.objects.iter() {
            repository.objects.write_buf(*kind, data).map_err(|error| failed(&error))?;
        }
    }
    let edits = moves.iter().map(|(commit, old)| edit(commit, *old)).collect::<Result<Vec<_>, _>>()?;
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let time = format!("{now_s} +0000");
    let who = gix::actor::SignatureRef { name: "Belay".into(), email: "belay@localhost".into(), time: &time };
    let outcome = repository.edit_references_as(edits, Some(who));
    let Err(error) = outcome else { return Ok(()) };
    for (commit, was) in &moves {
        let there = tip(repository, &commit.reference)?;
        if there != *was && there != Some(commit.id) {
            let text = format!("non-fast-forward: {} has moved", commit.reference);
            return Err(Error::new(ErrorKind::Moved, text));
        }
    }
    Err(failed(&error))
}

fn edit(commit: &Prepared, old: Option<ObjectId>) -> Result<RefEdit, Error> {
    let expected = match old {
        Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
        None => PreviousValue::MustNotExist,
    };
    Ok(RefEdit {
        change: Change::Update {
            log: LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: "push".into() },
            expected,
            new: Target::Object(commit.id),
        },
        name: commit.reference.as_str().try_into().map_err(|error| failed(&error))?,
        deref: false,
    })
}

/// Where a ref is.
fn tip(repository: &gix::Repository, name: &str) -> Result<Option<ObjectId>, Error> {
    let found = repository.try_find_reference(name).map_err(|error| failed(&error))?;
    Ok(found.and_then(|found| found.try_id().map(|id| id.detach())))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("writing to the repository: {error}"))
}
