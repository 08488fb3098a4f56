//! How much transformers may add to the objects of a build, and how deep they may nest them (RES-4).
//!
//! Reading is limited where files are read; but a patch of a megabyte for a thousand objects, a JSON
//! patch that copies a field into itself, or a replacement of a map into that map make much of
//! little. Every place that puts something into an object pays for it here first.

use std::cell::Cell;

use belay_object::Value;

use crate::error::{Error, Result};

/// How deep the values of an object may nest: as deep as the YAML reader allows. What walks over
/// values is recursive, so that this keeps the stack small too.
pub(crate) const MAX_DEPTH: usize = 100;

/// What one value costs beside its text, roughly its size in memory.
const PER_VALUE: usize = 32;

/// What may still be added.
#[derive(Debug)]
pub(crate) struct Growth {
    left: Cell<usize>,
    most: usize,
}

impl Growth {
    pub(crate) fn new(most: usize) -> Growth {
        Growth { left: Cell::new(most), most }
    }

    /// Pays for some bytes.
    pub(crate) fn spend(&self, bytes: usize) -> Result<()> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Error::limit(format!(
                "patches, replacements and other transformers add more than {} bytes to the objects",
                self.most
            ))
            .hint("look for a patch or replacement that copies a large value into many objects, or into itself")),
        }
    }

    /// Pays for a value that is put in `depth` levels below the top of an object.
    pub(crate) fn put(&self, value: &Value, depth: usize) -> Result<()> {
        let (weight, nested) = measure(value);
        check_depth(depth + nested)?;
        self.spend(weight)
    }
}

/// Refuses to nest deeper.
pub(crate) fn check_depth(depth: usize) -> Result<()> {
    match depth > MAX_DEPTH {
        true => Err(Error::limit(format!("an object would be nested {depth} deep, of which {MAX_DEPTH} are allowed"))),
        false => Ok(()),
    }
}

/// What a value costs, and how deep it nests. Recursion is bounded because no value is nested deeper
/// than readers and [`Growth::put`] allow.
pub(crate) fn measure(value: &Value) -> (usize, usize) {
    let (inner, depth) = match value {
        Value::Object(map) => map.iter().fold((0, 0), |(sum, deepest), (key, value)| {
            let (weight, depth) = measure(value);
            (sum + key.len() + weight, deepest.max(depth + 1))
        }),
        Value::Array(items) => items
            .iter()
            .map(measure)
            .fold((0, 0), |(sum, deepest), (weight, depth)| (sum + weight, deepest.max(depth + 1))),
        Value::Str(text) => (text.len(), 0),
        _ => (0, 0),
    };
    (PER_VALUE + inner, depth)
}
