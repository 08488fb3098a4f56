//! What one call of a script may still use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::LuaLimits;

/// Shared by the hook and the functions of a call, all on one thread.
#[derive(Clone)]
pub(super) struct Budget(Arc<State>);

struct State {
    instructions: AtomicU64,
    memory_bytes: usize,
    /// A backstop for what instructions do not tell, such as a search in a table with holes.
    end: Option<Instant>,
    is_spent: AtomicBool,
}

impl Budget {
    pub(super) fn new(limits: &LuaLimits) -> Budget {
        Budget(Arc::new(State {
            instructions: AtomicU64::new(limits.instructions),
            memory_bytes: limits.memory_bytes,
            end: Instant::now().checked_add(limits.time),
            is_spent: AtomicBool::new(false),
        }))
    }

    /// Counts work; from the first refusal on it refuses always.
    pub(super) fn spend(&self, instructions: u64) -> Result<(), String> {
        let left = self.0.instructions.load(Ordering::Relaxed).checked_sub(instructions);
        self.0.instructions.store(left.unwrap_or(0), Ordering::Relaxed);
        if left.is_none() || self.0.end.is_some_and(|end| Instant::now() > end) {
            self.0.is_spent.store(true, Ordering::Relaxed);
        }
        self.check()
    }

    /// Whether there is anything left.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.is_spent() { Err("the script takes more than allowed".into()) } else { Ok(()) }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.is_spent.load(Ordering::Relaxed)
    }

    /// Whether a text of this size may be made outside Lua's own memory.
    pub(super) fn room(&self, bytes: usize) -> Result<(), String> {
        if bytes > self.0.memory_bytes / 4 { Err("not enough memory".into()) } else { Ok(()) }
    }
}
