//! Garbage collection by owner references: background, foreground, orphan.

use belay_object::{Object, Value};

use super::index::{Owner, Place, owners};
use super::queue::Key;
use super::world::World;
use crate::handle::{Delete, Propagation};
use crate::status::Result;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// How an owner stands.
enum State {
    /// It is there.
    Solid,
    /// It is gone, or another of that name is there.
    Dangling,
    /// It is being deleted and waits for its dependents.
    Waiting,
}

fn state(world: &World, owner: &Owner, namespace: &str) -> State {
    // What nothing serves cannot be known to be gone.
    let Some(place) = world.place_of(owner, namespace) else { return State::Solid };
    match world.at(&place) {
        Some(live) if *live.uid() == *owner.uid => {
            let waits = live.is_deleting() && live.finalizers().any(|f| f == FOREGROUND);
            if waits { State::Waiting } else { State::Solid }
        }
        _ => State::Dangling,
    }
}

/// Deletes an object none of whose owners is left, or drops the references to those that are not.
pub(super) fn owned(world: &mut World, place: &Place) -> Result<()> {
    let Some(object) = world.at(place) else { return Ok(()) };
    let all = owners(&object);
    if all.is_empty() || object.is_deleting() {
        return Ok(());
    }
    let mut gone: Vec<Box<str>> = Vec::new();
    let (mut solid, mut waiting) = (false, false);
    for owner in &all {
        match state(world, owner, object.namespace()) {
            State::Solid => solid = true,
            State::Dangling => gone.push(owner.uid.clone()),
            State::Waiting => {
                waiting = true;
                gone.push(owner.uid.clone());
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    if solid {
        return drop_owners(world, &object, &gone);
    }
    let has_dependents = !world.dependents.of(object.uid()).is_empty();
    let propagation = match () {
        () if waiting && has_dependents => Propagation::Foreground,
        () if object.finalizers().any(|f| f == ORPHAN) => Propagation::Orphan,
        () if object.finalizers().any(|f| f == FOREGROUND) => Propagation::Foreground,
        () => Propagation::Background,
    };
    let options = Delete { uid: Some(object.uid().into()), propagation: Some(propagation), ..Delete::default() };
    match world.handle.delete(&object, &options) {
        Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
        other => other,
    }
}

fn drop_owners(world: &World, object: &Object, gone: &[Box<str>]) -> Result<()> {
    let uid = object.uid().to_owned();
    world.handle.modify(object, "", &mut |live| {
        if live.uid() != uid {
            return false;
        }
        let references = live.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
        let keeps = |r: &&Value| !gone.iter().any(|g| r.str_at(&["uid"]) == Some(g));
        let kept: Vec<Value> = references.iter().filter(keeps).cloned().collect();
        let changed = kept.len() != references.len();
        match kept.is_empty() {
            true => drop(live.remove(&["metadata", "ownerReferences"])),
            false => live.set(&["metadata", "ownerReferences"], kept),
        }
        changed
    })?;
    Ok(())
}

/// An object being deleted: frees its dependents, or waits until those that hold it are gone.
pub(super) fn owner(world: &mut World, place: &Place) -> Result<()> {
    let Some(object) = world.at(place) else { return Ok(()) };
    if !object.is_deleting() {
        return Ok(());
    }
    let uid: Box<str> = object.uid().into();
    let dependents = world.dependents.of(&uid);
    if object.finalizers().any(|f| f == ORPHAN) {
        for dependent in &dependents {
            if let Some(live) = world.at(dependent) {
                drop_owners(world, &live, std::slice::from_ref(&uid))?;
            }
        }
        return drop_finalizer(world, &object, ORPHAN);
    }
    if !object.finalizers().any(|f| f == FOREGROUND) {
        return Ok(());
    }
    let mut held = false;
    for dependent in dependents {
        let Some(live) = world.at(&dependent) else { continue };
        held |= owners(&live).iter().any(|o| o.uid == uid && o.blocks);
        world.queue.add(Key::Owned(dependent));
    }
    if held { Ok(()) } else { drop_finalizer(world, &object, FOREGROUND) }
}

/// Takes a finalizer away.
pub(super) fn drop_finalizer(world: &World, object: &Object, finalizer: &str) -> Result<()> {
    let result = world.handle.modify(object, "", &mut |live| {
        let left: Vec<String> = live.finalizers().filter(|f| *f != finalizer).map(str::to_owned).collect();
        let changed = left.len() != live.finalizers().count();
        match left.is_empty() {
            true => drop(live.remove(&["metadata", "finalizers"])),
            false => live.set(&["metadata", "finalizers"], left),
        }
        changed
    });
    result.map(drop)
}
