//! Drives a queue: a bounded number of handlers at once, each apart from the others.

use std::any::Any;
use std::fmt::Debug;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::WorkQueue;

/// What a handler says about its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing more until the next add; failures are forgotten.
    Done,
    /// Look again after so long; failures are forgotten.
    After(Duration),
    /// It failed: look again after the back-off.
    Retry,
}

/// Works on the queue until it is closed, then waits for the handlers under way. Dropping the future
/// aborts them.
///
/// A panic of a handler is logged and counts as a failure of its key alone; after several in a row
/// the key is quarantined (see [`WorkQueue::release`]) and `quarantined` is told the key and the
/// panic's message (INV-RES-7).
pub async fn run<K, H, F, Q>(queue: WorkQueue<K>, concurrency: usize, handler: H, quarantined: Q)
where
    K: Clone + Eq + Hash + Debug + Send + Sync + 'static,
    H: Fn(K) -> F + Send + Sync + 'static,
    F: Future<Output = Next> + Send + 'static,
    Q: Fn(&K, &str) + Send + Sync + 'static,
{
    let permits = Arc::new(Semaphore::new(concurrency.max(1)));
    let (handler, quarantined) = (Arc::new(handler), Arc::new(quarantined));
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        // The turn is taken first, so that a key is handed out only when somebody can work on it.
        let Ok(permit) = permits.clone().acquire_owned().await else { break };
        let Some(job) = queue.next().await else { break };
        let (queue, handler, quarantined) = (queue.clone(), handler.clone(), quarantined.clone());
        tasks.spawn(async move {
            let key = job.key().clone();
            let work = AssertUnwindSafe(async { handler(key.clone()).await }).catch_unwind();
            match work.await {
                Ok(next) => settle(&queue, key, next),
                Err(panic) => settle_panic(&queue, key, &*quarantined, panic.as_ref()),
            }
            drop(job);
            drop(permit);
        });
    }
    while tasks.join_next().await.is_some() {}
}

fn settle<K>(queue: &WorkQueue<K>, key: K, next: Next)
where
    K: Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    match next {
        Next::Done => queue.forget(&key),
        Next::After(delay) => {
            queue.forget(&key);
            queue.add_after(key, delay);
        }
        Next::Retry => {
            queue.retry(key);
        }
    }
}

fn settle_panic<K, Q>(queue: &WorkQueue<K>, key: K, quarantined: &Q, panic: &(dyn Any + Send))
where
    K: Clone + Eq + Hash + Debug + Send + Sync + 'static,
    Q: Fn(&K, &str),
{
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned());
    tracing::error!(?key, panic = %message, "a handler panicked; its key is tried again with back-off");
    if queue.panicked(&key) {
        tracing::error!(?key, "the key is quarantined");
        quarantined(&key, &message);
    }
    queue.retry(key);
}
