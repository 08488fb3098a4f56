//! Jsonnet in a Tree to values, with limits.
//!
//! [`evaluate`] runs one file of a tree and gives the objects that it stands for: one object, or an
//! array of them. Imports are read from the tree, from beside the importing file or from the
//! library folders, and from nowhere else. What this crate deliberately does not know: the disk, the
//! network, what the objects are for.
//!
//! The interpreter is the `rsjsonnet-lang` crate's, which has no place to count steps. So every
//! function of a program is given a first step of ours ([`source`]), and the evaluation has a thread
//! of its own that its caller stops waiting for when the time is up. Memory is not counted: a
//! program that doubles a text takes what the process has. Who evaluates strangers' programs gives
//! them a process with a limit.
#![warn(missing_docs)]

mod error;
mod evaluation;
mod report;
mod source;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use belay_object::Value;
use belay_tree::{Tree, TreePath};

pub use error::{Error, ErrorKind};
use evaluation::{Job, Message, Stop};

/// Addresses, not memory: a page is only used when it is reached. [`source`] bounds how deep a
/// text may nest, 10,000 levels; one takes at most some 15 KiB.
const STACK_BYTES: usize = 512 << 20;
/// How many evaluations may go on that nobody waits for any more. They end by themselves at their
/// next step; few programs work for long without one.
const MAX_ABANDONED: usize = 4;
static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// A value given from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// A string.
    Text(String),
    /// A Jsonnet expression.
    Code(String),
}

/// What an evaluation is given beside its file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What `std.extVar` gives.
    pub ext_vars: BTreeMap<String, Given>,
    /// Arguments of the function that the file is; without meaning for a file that is none.
    pub tlas: BTreeMap<String, Given>,
    /// Where imports are looked for that are not beside the importing file, the last folder first.
    pub libs: Vec<TreePath>,
}

/// What one evaluation may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls of the program's functions, and rounds of its loops within loops.
    pub steps: u64,
    /// The time that ends an evaluation in any case.
    pub time: Duration,
    /// Bytes of the result as JSON.
    pub output_bytes: usize,
}
impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 5_000_000, time: Duration::from_secs(30), output_bytes: 64 << 20 }
    }
}

/// Evaluates a file to the objects that it gives; `null` in an array is left out.
pub fn evaluate(tree: &dyn Tree, file: &TreePath, options: &Options, limits: &Limits) -> Result<Vec<Value>, Error> {
    let value = evaluate_value(tree, file, options, limits)?;
    let wrong = |what: &str| {
        Error::new(ErrorKind::Output, format!("{file}: gives {what}, not an object or an array of objects"))
    };
    match value {
        Value::Object(_) => Ok(vec![value]),
        Value::Array(items) => {
            if let Some(other) = items.iter().find(|v| !matches!(v, Value::Object(_) | Value::Null)) {
                return Err(wrong(&format!("an array with a value of type {}", other.type_name())));
            }
            Ok(items.into_iter().filter(|v| !v.is_null()).collect())
        }
        other => Err(wrong(&format!("a value of type {}", other.type_name()))),
    }
}

/// Evaluates a file to whatever value it gives.
pub fn evaluate_value(tree: &dyn Tree, file: &TreePath, options: &Options, limits: &Limits) -> Result<Value, Error> {
    if ABANDONED.load(Ordering::Relaxed) >= MAX_ABANDONED {
        return Err(Error::new(ErrorKind::Budget, "too many jsonnet programs run beyond their time"));
    }
    let (messages, inbox) = mpsc::channel();
    let stop = Arc::new(Stop::new(limits));
    let job = Job {
        file: file.clone(),
        options: options.clone(),
        messages,
        stop: stop.clone(),
        output_bytes: limits.output_bytes,
    };
    let worker = std::thread::Builder::new().name("jsonnet".into()).stack_size(STACK_BYTES);
    let worker = worker
        .spawn(move || job.run())
        .map_err(|e| Error::new(ErrorKind::Budget, format!("no thread to evaluate {file} on: {e}")))?;
    let outcome = serve(tree, &inbox, limits.time);
    match outcome {
        Some(result) => {
            // It has nothing left to do but to free its memory.
            let _freed = worker.join();
            result
        }
        None => {
            stop.abandon(&ABANDONED);
            Err(Error::new(ErrorKind::Budget, format!("{file}: evaluation takes more than {:?}", limits.time)))
        }
    }
}

/// Reads for the evaluation what it imports, until it is done; `None` when the time is up.
fn serve(tree: &dyn Tree, inbox: &mpsc::Receiver<Message>, time: Duration) -> Option<Result<Value, Error>> {
    let end = Instant::now() + time;
    loop {
        match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Message::Read(path, reply)) => {
                // Nobody to reply to: the evaluation has failed, which the next receive tells.
                let _gone = reply.send(tree.find_file(&path).map(|file| file.map(|f| f.content)));
            }
            Ok(Message::Done(result)) => return Some(result),
            Err(mpsc::RecvTimeoutError::Timeout) => return None,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Some(Err(Error::new(ErrorKind::Evaluation, "the jsonnet interpreter failed")));
            }
        }
    }
}

#[cfg(test)]
mod tests;
