//! Watches as HTTP: lines of JSON that go on until the client, the clock or the history ends them.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use bytes::Bytes;
use futures::StreamExt;
use http::{Response, StatusCode};
use tokio::time::Instant;

use crate::body::{Body, BodyError};
use crate::negotiate::{Accepted, Shape};
use crate::request::Query;
use crate::resource::Resource;
use crate::respond;
use crate::status::{ApiError, FieldError, Result};
use crate::store::{Event, EventKind, Gone, ListOptions, Stored, Watcher};
use crate::verbs::read::{Selection, parse_version, too_large};

/// What a watch was asked for.
struct Wanted {
    resource: Arc<Resource>,
    /// `namespace/`, empty for all.
    prefix: String,
    selection: Selection,
    shape: Shape,
    include: String,
    bookmarks: bool,
}

/// How long a watch without `timeoutSeconds` lasts at least; it ends somewhere in the next half hour,
/// so that not all end at once.
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);

/// Opens a watch.
pub(crate) fn watch(
    resource: &Arc<Resource>,
    namespace: &str,
    query: &Query,
    selection: Selection,
    accepted: Accepted,
    bookmark_every: Duration,
) -> Result<Response<Body>> {
    let initial = query.flag("sendInitialEvents");
    check(query)?;
    let version = query.get("resourceVersion");
    let wanted = Wanted {
        resource: resource.clone(),
        prefix: if namespace.is_empty() { String::new() } else { format!("{namespace}/") },
        selection,
        shape: accepted.shape,
        include: query.get("includeObject").to_owned(),
        bookmarks: query.flag("allowWatchBookmarks"),
    };
    let table = &resource.table;
    let from = if version.is_empty() { 0 } else { parse_version(version)? };
    if from > table.current_version() {
        return Err(too_large(from, table.current_version()));
    }
    let mut items = Vec::new();
    let mut end = None;
    let after = if from > 0 && !initial {
        from
    } else {
        // From now, or from any version: what there is first, then what comes.
        let select = |stored: &Stored| wanted.selection.holds(&wanted.resource.present(stored.object()));
        let options = ListOptions { namespace, at: None, after: None, limit: 0, select: &select };
        let list = table.list(&options).map_err(too_old)?;
        if query.get("sendInitialEvents") != "false" {
            items = list.items;
        }
        end = (initial && wanted.bookmarks).then(|| wanted.bookmark(list.version, true));
        list.version
    };
    let timeout = match query.number("timeoutSeconds")? {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => MIN_TIMEOUT + MIN_TIMEOUT.mul_f64(f64::from(crate::random::bytes::<1>()[0]) / 256.0),
    };
    let body = match table.watch(after) {
        Ok(watcher) => {
            let state = State {
                wanted,
                watcher,
                initial: items.into_iter(),
                end,
                columns_due: true,
                until: Instant::now() + timeout,
                bookmark_at: Instant::now() + bookmark_every,
                bookmark_every,
                ended: false,
            };
            Body::stream(futures::stream::unfold(state, State::step).filter_map(|chunk| async move { chunk }))
        }
        Err(gone) => Body::full(error_line(&too_old(gone))),
    };
    Ok(respond::with_type(StatusCode::OK, "application/json", body))
}

/// What the list semantics of a watch need of each other.
fn check(query: &Query) -> Result<()> {
    let (initial, rule) = (query.get("sendInitialEvents"), query.get("resourceVersionMatch"));
    let mut errors = Vec::new();
    let initial_set = !initial.is_empty();
    if initial_set && rule != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden("resourceVersionMatch", why));
    }
    if !initial_set && !rule.is_empty() {
        let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden("resourceVersionMatch", why));
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid("meta.k8s.io", "ListOptions", "", errors)),
    }
}

fn too_old(gone: Gone) -> ApiError {
    ApiError::expired(format!("too old resource version: {} ({})", gone.asked, gone.current))
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 32);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line.into()
}

fn error_line(error: &ApiError) -> Bytes {
    line("ERROR", error.to_value().to_json().as_bytes())
}

impl Wanted {
    /// An event's line for this watch; `None` where it is not of it.
    fn event(&self, event: &Event, columns_due: &mut bool) -> Option<Bytes> {
        if !event.key.starts_with(&self.prefix) {
            return None;
        }
        let kind = if self.selection.is_empty() { event.kind } else { self.transition(event)? };
        if let (EventKind::Deleted, EventKind::Modified, Some(previous)) = (kind, event.kind, &event.previous) {
            // What leaves a selection is shown as it was when it was last in it, at the version at which it left.
            let mut last = self.resource.present(previous.object()).into_owned();
            last.set(&["metadata", "resourceVersion"], event.stored.resource_version());
            return Some(self.line(kind.as_str(), &last, columns_due));
        }
        let plain = kind == event.kind && event.stored.api_version() == self.resource.api_version();
        Some(match self.shape {
            Shape::Object if plain => event.line.get_or_init(|| line(kind.as_str(), &event.stored.json())).clone(),
            Shape::Metadata if plain => event
                .metadata_line
                .get_or_init(|| {
                    let metadata = respond::metadata_only(event.stored.object());
                    line(kind.as_str(), metadata.to_json().as_bytes())
                })
                .clone(),
            _ => {
                let object = self.resource.present(event.stored.object());
                self.line(kind.as_str(), &object, columns_due)
            }
        })
    }

    /// The line of an object that is there when the watch begins.
    fn added(&self, stored: &Stored, columns_due: &mut bool) -> Bytes {
        if self.shape == Shape::Object && stored.api_version() == self.resource.api_version() {
            return line("ADDED", &stored.json());
        }
        self.line("ADDED", &self.resource.present(stored.object()), columns_due)
    }

    /// What an event is to a selection: an object that comes to be selected is added, one that stops
    /// being so is deleted.
    fn transition(&self, event: &Event) -> Option<EventKind> {
        let holds = |stored: &Stored| self.selection.holds(&self.resource.present(stored.object()));
        let before = event.previous.as_deref().is_some_and(holds);
        let after = event.kind != EventKind::Deleted && holds(&event.stored);
        match (before, after) {
            (false, true) => Some(EventKind::Added),
            (true, true) => Some(EventKind::Modified),
            (true, false) => Some(EventKind::Deleted),
            (false, false) => None,
        }
    }

    fn line(&self, kind: &str, object: &Object, columns_due: &mut bool) -> Bytes {
        let value = match self.shape {
            Shape::Object => return line(kind, object.value().to_json().as_bytes()),
            Shape::Metadata => respond::metadata_only(object),
            Shape::Table => {
                let rows: Value = [respond::row(&self.resource, object, &self.include)].into_iter().collect();
                let metadata = object! { "resourceVersion" => object.resource_version() };
                respond::table(&self.resource, metadata, rows, std::mem::take(columns_due))
            }
        };
        line(kind, value.to_json().as_bytes())
    }

    /// Says how far the watch has come; `end` marks the end of the initial events.
    fn bookmark(&self, version: u64, end: bool) -> Bytes {
        let (kind, api_version) = match self.shape {
            Shape::Object => (self.resource.kind.as_str(), self.resource.api_version()),
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1"),
            Shape::Table => ("Table", "meta.k8s.io/v1"),
        };
        let mut bookmark = object! {
            "kind" => kind,
            "apiVersion" => api_version,
            "metadata" => object! { "resourceVersion" => version.to_string() },
        };
        if end {
            bookmark.set(&["metadata", "annotations", "k8s.io/initial-events-end"], "true");
        }
        if self.shape == Shape::Table {
            bookmark.set(&["columnDefinitions"], Value::Null);
            bookmark.set(&["rows"], Value::Array(Default::default()));
        }
        line("BOOKMARK", bookmark.to_json().as_bytes())
    }
}

/// A watch under way.
struct State {
    wanted: Wanted,
    watcher: Watcher,
    /// The initial objects that are not sent yet.
    initial: std::vec::IntoIter<Arc<Stored>>,
    /// The bookmark behind them.
    end: Option<Bytes>,
    columns_due: bool,
    until: Instant,
    bookmark_at: Instant,
    bookmark_every: Duration,
    ended: bool,
}

type Chunk = Option<Result<Bytes, BodyError>>;

impl State {
    /// The next chunk; an inner `None` is a turn with nothing to send.
    async fn step(mut self) -> Option<(Chunk, State)> {
        if self.ended {
            return None;
        }
        if let Some(chunk) = self.initial_chunk() {
            return Some((Some(Ok(chunk)), self));
        }
        match self.watcher.poll() {
            Err(gone) => {
                self.ended = true;
                return Some((Some(Ok(error_line(&too_old(gone)))), self));
            }
            Ok(events) if !events.is_empty() => {
                let columns_due = &mut self.columns_due;
                let lines = events.iter().filter_map(|e| self.wanted.event(e, columns_due)).collect::<Vec<_>>();
                let chunk = (!lines.is_empty()).then(|| Ok(joined(lines)));
                return Some((chunk, self));
            }
            Ok(_) if self.watcher.is_closed() => return None,
            Ok(_) => {}
        }
        let deadline = if self.wanted.bookmarks { self.until.min(self.bookmark_at) } else { self.until };
        if tokio::time::timeout_at(deadline, self.watcher.wait()).await.is_ok() {
            return Some((None, self));
        }
        if Instant::now() >= self.until {
            return None;
        }
        self.bookmark_at = Instant::now() + self.bookmark_every;
        let bookmark = self.wanted.bookmark(self.watcher.position(), false);
        Some((Some(Ok(bookmark)), self))
    }
}

impl State {
    /// The next of the initial events; they are written as they are sent, so that a slow client of a
    /// large collection holds no copy of it.
    fn initial_chunk(&mut self) -> Option<Bytes> {
        const CHUNK_BYTES: usize = 64 << 10;
        let mut lines = Vec::new();
        let mut size = 0;
        while size < CHUNK_BYTES
            && let Some(stored) = self.initial.next()
        {
            let line = self.wanted.added(&stored, &mut self.columns_due);
            size += line.len();
            lines.push(line);
        }
        if self.initial.as_slice().is_empty() {
            lines.extend(self.end.take());
        }
        (!lines.is_empty()).then(|| joined(lines))
    }
}

/// One chunk of several lines. A single line is shared, not copied: that is the fan-out's usual case.
fn joined(mut lines: Vec<Bytes>) -> Bytes {
    match lines.len() {
        1 => lines.pop().unwrap_or_default(),
        _ => lines.concat().into(),
    }
}
