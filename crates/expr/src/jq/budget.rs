//! What one evaluation of a jq program may still use.
//!
//! The interpreter is a library's: iterators that call iterators, with no place that asks whether to
//! go on. So the counts stand in the thread, every term and every value made counts, and when one
//! runs out the evaluation is unwound: `try ... catch` of the program cannot absorb that. Nothing
//! but [`within`] sees the unwinding.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use super::JqLimits;
use crate::{Error, ErrorKind};

/// How deep a value may nest: far above any object of an API server, far below what a recursive
/// drop of it needs of any stack.
pub(super) const MAX_DEPTH: u32 = 512;

/// What an item counts: half of what it takes.
const ITEM_BYTES: usize = 8;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(u64::MAX) };
    static SIZE: Cell<u64> = const { Cell::new(u64::MAX) };
    /// So many steps may be left until the clock is looked at again.
    static LOOK: Cell<u64> = const { Cell::new(0) };
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The lowest address that the stack may reach.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

/// Steps between two looks at the clock: some tens of microseconds.
const BETWEEN_LOOKS: u64 = 512;

/// The payload of the unwinding.
struct Stop(&'static str);

fn stop(what: &'static str) -> ! {
    // No panic: it is not reported by the panic hook.
    resume_unwind(Box::new(Stop(what)))
}

/// Counts one term of the program, and looks how deep the stack is.
pub(super) fn step() {
    spend(1);
    let here = 0u8;
    if (&raw const here).addr() < FLOOR.get() {
        stop("nests more");
    }
}

/// Counts work.
pub(super) fn spend(steps: usize) {
    match STEPS.get().checked_sub(steps as u64) {
        Some(left) => {
            STEPS.set(left);
            if left < LOOK.get() {
                LOOK.set(left.saturating_sub(BETWEEN_LOOKS));
                if UNTIL.get().is_some_and(|until| Instant::now() >= until) {
                    stop("runs longer");
                }
            }
        }
        None => stop("takes more"),
    }
}

/// Counts items of lists and objects that are made.
pub(super) fn made_items(count: usize) {
    made(count.saturating_mul(ITEM_BYTES));
}

/// Counts bytes that are made.
pub(super) fn made(size: usize) {
    match SIZE.get().checked_sub(size as u64) {
        Some(left) => SIZE.set(left),
        None => stop("makes more"),
    }
}

/// Checks the depth of a value that is made.
pub(super) fn nested(depth: u32) -> u32 {
    if depth > MAX_DEPTH {
        stop("nests more");
    }
    depth
}

/// Evaluates under these limits, with so many bytes of this thread's stack.
pub(super) fn within<T>(
    limits: &JqLimits,
    stack_bytes: usize,
    evaluate: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let here = 0u8;
    STEPS.set(limits.steps);
    SIZE.set(limits.size);
    LOOK.set(limits.steps.saturating_sub(BETWEEN_LOOKS));
    UNTIL.set((limits.time < Duration::MAX).then(|| Instant::now().checked_add(limits.time)).flatten());
    FLOOR.set((&raw const here).addr().saturating_sub(stack_bytes));
    let outcome = catch_unwind(AssertUnwindSafe(evaluate));
    STEPS.set(u64::MAX);
    SIZE.set(u64::MAX);
    LOOK.set(0);
    UNTIL.set(None);
    FLOOR.set(0);
    outcome.unwrap_or_else(|payload| {
        Err(match payload.downcast_ref::<Stop>() {
            Some(Stop(what)) => Error::new(ErrorKind::Budget, format!("the jq expression {what} than allowed")),
            None => Error::new(ErrorKind::Evaluation, "the jq interpreter failed on the expression"),
        })
    })
}
