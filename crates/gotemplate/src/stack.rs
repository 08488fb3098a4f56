//! The native stack as a limit: executing and parsing recurse, and what they recurse over comes
//! from people. [`Stack`] tells how much of the thread's stack is used, from the addresses of local
//! variables, so that the answer is an error and not the end of the process.

use std::cell::Cell;

use crate::error::Error;

/// What is taken for granted of a thread that was not made by [`with_stack`]: threads have 2 MiB
/// at least (Rust's and tokio's default), the caller has used some of it.
const ASSUMED_BYTES: usize = 768 << 10;
/// Kept back for functions (conversions, printing), which nest up to
/// [`crate::value::MAX_DEPTH`] levels.
const RESERVE_BYTES: usize = 4 << 20;

thread_local! {
    /// Where the stack that [`with_stack`] made begins, and how much of it may be used.
    static MADE: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// Where a stack begins and how many bytes of it may be used.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    base: usize,
    bytes: usize,
}

#[inline(always)]
fn address() -> usize {
    let local = 0u8;
    std::hint::black_box(&local) as *const u8 as usize
}

impl Stack {
    /// This thread's.
    pub(crate) fn here() -> Stack {
        MADE.get().unwrap_or(Stack { base: address(), bytes: ASSUMED_BYTES })
    }
    /// Fails where it is used up.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.base.abs_diff(address()) < self.bytes {
            return Ok(());
        }
        Err(Error::limit("templates and expressions are nested too deep"))
    }
}

/// Runs `f` on a thread with a stack of `bytes` and gives its result. 4 MiB are kept back for
/// functions that walk values; Helm's 1,000 nested includes, each within a range and a with, take
/// 10 MiB more where nothing is optimised. The system gives the memory as it is used. Within another such
/// call of as many bytes it runs where it is.
pub fn with_stack<T: Send>(bytes: usize, f: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let usable = bytes.saturating_sub(RESERVE_BYTES);
    // What the outer call has used of it by now is within what is kept back.
    let is_there = |stack: Stack| stack.bytes >= usable && stack.base.abs_diff(address()) < RESERVE_BYTES / 4;
    if MADE.get().is_some_and(is_there) {
        return Ok(f());
    }
    let run = move || {
        MADE.set(Some(Stack { base: address(), bytes: usable }));
        f()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".into()).stack_size(bytes).spawn_scoped(scope, run);
        let thread = thread.map_err(|e| Error::limit(format!("no thread to execute templates on: {e}")))?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
