//! Open streams: who may read on is asked again and again (AUTHN-3, AUTHZ-10), and a reader that is slow
//! holds back its own stream alone.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::identity::Caller;
use crate::rights::may_to;
use crate::snapshot::Snapshot;
use crate::{Code, Error};

/// How often a silent stream asks whether its reader still may.
pub(crate) const TICK: Duration = Duration::from_secs(5);
/// Messages that wait for a reader.
const ROOM: usize = 64;

/// Sends messages to one reader.
pub(crate) type Sink = mpsc::Sender<Result<Value, Error>>;

/// Whose stream it is, and of what.
pub(crate) struct Guard {
    pub api: Arc<Api>,
    pub caller: Caller,
    of: Option<Of>,
}

/// An Application of which a stream tells.
struct Of {
    namespace: String,
    name: String,
    uid: String,
    /// What its reader must be allowed to `get`, under the Application's name.
    resources: &'static [&'static str],
}

impl Guard {
    /// Of a stream whose messages are each looked at by themselves.
    pub fn of(call: &Call) -> Guard {
        Guard { api: call.api.clone(), caller: call.caller.clone(), of: None }
    }
    /// Of a stream about one Application.
    pub fn of_application(call: &Call, app: &Object, resources: &'static [&'static str]) -> Guard {
        let of = Of {
            namespace: app.namespace().to_owned(),
            name: app.name().to_owned(),
            uid: app.uid().to_owned(),
            resources,
        };
        Guard { of: Some(of), ..Guard::of(call) }
    }
    /// The Application, as it is stored; `None` where it is gone.
    pub fn application(&self) -> Option<Arc<Object>> {
        let of = self.of.as_ref()?;
        self.api.watches.applications.object(&of.namespace, &of.name).filter(|app| app.uid() == of.uid)
    }
    /// How things stand, if the reader still may. The right is asked of the Application as it is stored at
    /// this moment: it may have moved to a project that is none of the reader's (AUTHZ-1).
    pub async fn check(&self) -> Result<Arc<Snapshot>, Error> {
        let at = self.api.watches.snapshot().await?;
        if !self.api.still_counts(&at, &self.caller, Timestamp::now()) {
            return Err(Error::new(Code::Unauthenticated, "the session has ended"));
        }
        if let Some(of) = &self.of {
            let app = self.application().ok_or_else(Error::denied)?;
            let mut all = of.resources.iter().map(|r| may_to(&self.api, &at, &self.caller, r, "get", &app));
            if !all.all(|may| may) {
                return Err(Error::denied());
            }
        }
        Ok(at)
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
