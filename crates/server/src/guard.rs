//! Open streams: who may read on is asked again and again (AUTHN-3, AUTHZ-10), and a reader that is slow
//! holds back its own stream alone.

use std::sync::Arc;
use std::time::Duration;

use belay_object::Value;
use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::identity::Caller;
use crate::rights::may;
use crate::snapshot::Snapshot;
use crate::{Code, Error};

/// How often a silent stream asks whether its reader still may.
pub(crate) const TICK: Duration = Duration::from_secs(5);
/// Messages that wait for a reader.
const ROOM: usize = 64;

/// Sends messages to one reader.
pub(crate) type Sink = mpsc::Sender<Result<Value, Error>>;

/// Whose stream it is, and what they must be allowed for it.
pub(crate) struct Guard {
    pub api: Arc<Api>,
    pub caller: Caller,
    rights: Vec<(&'static str, String)>,
}

impl Guard {
    /// Of a call; `rights` are `get` on these resources and objects.
    pub fn of(call: &Call, rights: Vec<(&'static str, String)>) -> Guard {
        Guard { api: call.api.clone(), caller: call.caller.clone(), rights }
    }
    /// How things stand, if the reader still may.
    pub async fn check(&self) -> Result<Arc<Snapshot>, Error> {
        let at = self.api.watches.snapshot().await?;
        if !self.api.still_counts(&at, &self.caller, Timestamp::now()) {
            return Err(Error::new(Code::Unauthenticated, "the session has ended"));
        }
        let all = self.rights.iter().all(|(resource, object)| may(&at, &self.caller, resource, "get", object));
        if all { Ok(at) } else { Err(Error::denied()) }
    }
}

/// A stream of what `work` sends. The work ends when its reader is gone: sending fails, and a silent one
/// ends at its next tick.
pub(crate) fn stream<F>(work: impl FnOnce(Sink) -> F) -> Answer
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(ROOM);
    let last = sender.clone();
    let work = work(sender);
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = work => ended,
            () = last.closed() => Ok(()),
        };
        if let Err(error) = ended {
            let _ = last.send(Err(error)).await;
        }
    });
    let messages = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|message| (message, receiver))
    });
    Answer::Stream(messages.boxed())
}
