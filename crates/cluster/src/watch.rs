//! One watch connection. It ends; [`crate::Follow`] is what goes on.

use std::time::Duration;

use belay_object::{Object, Value, from_json};
use tokio::time::{Instant, timeout_at};

use crate::lines::Lines;
use crate::{Body, Error, ErrorKind, Resource, Result, Status};

/// The mark on the bookmark behind the last object of a streaming list.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object is new, or was there at the start.
    Added(Object),
    /// The object has changed.
    Modified(Object),
    /// The object is gone; this is how it last was.
    Deleted(Object),
    /// Everything up to this version was told.
    Bookmark {
        /// Where to go on from.
        resource_version: String,
        /// Whether what was there at the start is now complete.
        initial_events_end: bool,
    },
}

/// The events of one watch connection, in order.
pub struct WatchStream {
    lines: Lines,
    api_version: String,
    kind: String,
    partial: bool,
    /// How long the server promised to keep the connection.
    length: Duration,
    /// The times of the last two bookmarks: where the server sends them regularly, their absence
    /// shows a dead connection long before the watch's own end.
    last_bookmark: Option<Instant>,
    longest_gap: Option<Duration>,
    last_line: Instant,
}

impl WatchStream {
    pub(crate) fn new(body: Body, resource: &Resource, partial: bool, length: Duration) -> WatchStream {
        WatchStream {
            lines: Lines::new(body),
            api_version: resource.api_version(),
            kind: resource.kind.to_string(),
            partial,
            length,
            last_bookmark: None,
            longest_gap: None,
            last_line: Instant::now(),
        }
    }

    /// The next event; `None` where the server ended the watch. An `ERROR` event is an error of its
    /// own kind ([`ErrorKind::Gone`] for an expired version); silence beyond what is usual of a live
    /// connection is [`ErrorKind::Timeout`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<WatchEvent>> {
        loop {
            let silence = match self.longest_gap {
                Some(gap) => (gap * 3).max(Duration::from_secs(60)).min(self.length + Duration::from_secs(15)),
                None => self.length + Duration::from_secs(15),
            };
            let line = match timeout_at(self.last_line + silence, self.lines.next()).await {
                Ok(line) => line?,
                Err(_) => {
                    let message = format!("the watch was silent for {} s", silence.as_secs());
                    return Err(Error::new(ErrorKind::Timeout, message));
                }
            };
            self.last_line = Instant::now();
            let Some(line) = line else { return Ok(None) };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return self.event(&line).map(Some);
        }
    }

    fn event(&mut self, line: &[u8]) -> Result<WatchEvent> {
        let mut value = from_json(line)
            .map_err(|e| Error::new(ErrorKind::Decode, format!("a watch event could not be read: {e}")))?;
        let object = value.get_mut("object").map(std::mem::take).unwrap_or_default();
        match value.str_at(&["type"]).unwrap_or_default() {
            "ADDED" => self.object(object).map(WatchEvent::Added),
            "MODIFIED" => self.object(object).map(WatchEvent::Modified),
            "DELETED" => self.object(object).map(WatchEvent::Deleted),
            "BOOKMARK" => Ok(self.bookmark(&object)),
            "ERROR" => Err(Error::from_status(Status::read(&object).unwrap_or_default())),
            other => Err(Error::new(ErrorKind::Decode, format!("unknown watch event {other:?}"))),
        }
    }

    fn object(&self, value: Value) -> Result<Object> {
        let mut object =
            Object::new(value).map_err(|_| Error::new(ErrorKind::Decode, "a watch event carries no object"))?;
        complete(&mut object, &self.api_version, &self.kind, self.partial);
        Ok(object)
    }

    fn bookmark(&mut self, object: &Value) -> WatchEvent {
        let mark = object.str_at(&["metadata", "annotations", INITIAL_EVENTS_END]) == Some("true");
        if !mark {
            let now = Instant::now();
            if let Some(last) = self.last_bookmark.replace(now) {
                let gap = now.duration_since(last);
                self.longest_gap = Some(self.longest_gap.map_or(gap, |longest| longest.max(gap)));
            }
        }
        let resource_version = object.str_at(&["metadata", "resourceVersion"]).unwrap_or_default().to_owned();
        WatchEvent::Bookmark { resource_version, initial_events_end: mark }
    }
}

/// Puts apiVersion and kind right: items of built-in lists carry none, partial ones say
/// PartialObjectMetadata.
pub(crate) fn complete(object: &mut Object, api_version: &str, kind: &str, partial: bool) {
    if partial || object.kind().is_empty() {
        object.set(&["apiVersion"], api_version);
        object.set(&["kind"], kind);
    }
}
