//! Kubernetes Events: told in the background, counted instead of repeated, never waited for.
//!
//! [`Recorder::record`] puts an event into a bounded channel and returns; a full channel drops it
//! and counts that. A few tasks correlate and write, all events of one object in the same task and
//! so in order. An [`EventSink`] gets every event too: Flux's event address is one.

mod correlate;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_cluster::{Cluster, Patch, Resource, Result, WriteOptions};
use belay_object::{Object, Value, object};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use correlate::{Action, Correlator};

/// Tasks that write: a thousand objects that tell something at once are told within seconds.
const WRITERS: usize = 4;
/// Events that wait for each writer: 8,192 of about 1 KiB in all.
const CAPACITY: usize = 2_048;
/// What the API server takes of a message.
const MAX_MESSAGE: usize = 1_024;
/// How long one event may take to be written, retries included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether something went well.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// It did.
    Normal,
    /// It did not.
    Warning,
}

impl EventKind {
    /// As it stands in an Event.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        }
    }
}

/// The object that an event is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Involved {
    /// `v1`, `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Empty where cluster-scoped.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The version that was looked at.
    pub resource_version: String,
}

impl Involved {
    /// The reference to an object.
    pub fn of(object: &Object) -> Involved {
        Involved {
            api_version: object.api_version().to_owned(),
            kind: object.kind().to_owned(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            resource_version: object.resource_version().to_owned(),
        }
    }
}

/// Something that happened to an object.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// To which object.
    pub involved: Involved,
    /// Whether it went well.
    pub kind: EventKind,
    /// A word for machines.
    pub reason: String,
    /// A sentence for people; cut to what the API server takes.
    pub message: String,
    /// Kept on the Event and given to sinks.
    pub annotations: Vec<(String, String)>,
    /// Which controller says so.
    pub component: String,
    /// For the cluster's Events alone, not for sinks.
    pub trace: bool,
    /// When.
    pub at: Timestamp,
}

/// Takes events beside the cluster. It must return at once: what takes time is its own task.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn take(&self, event: &Event);
}

/// Counts since the start.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct RecorderStats {
    /// Given to the recorder.
    pub recorded: u64,
    /// Written to the cluster, repeats included.
    pub written: u64,
    /// Dropped: the channel was full, or the object's rate was used up.
    pub dropped: u64,
    /// Refused by the cluster.
    pub failed: u64,
}

#[derive(Default)]
struct Counts {
    recorded: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    /// In the channel or being written.
    pending: AtomicU64,
    settled: Notify,
}

/// Records events. Cheap to clone; the tasks end with the last clone.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    writers: Vec<(mpsc::Sender<Event>, AbortHandle)>,
    counts: Arc<Counts>,
    sinks: Vec<Box<dyn EventSink>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writers.iter().for_each(|(_, task)| task.abort());
    }
}

impl Recorder {
    /// Starts a recorder that writes to a cluster and tells the sinks. Must be called inside a tokio
    /// runtime.
    pub fn start(cluster: Cluster, sinks: Vec<Box<dyn EventSink>>) -> Recorder {
        let counts = Arc::new(Counts::default());
        let cluster = cluster.with_timeout(PATIENCE / 2);
        let writer = |_| {
            let (sender, receiver) = mpsc::channel(CAPACITY);
            let task = tokio::spawn(write_all(cluster.clone(), receiver, counts.clone()));
            (sender, task.abort_handle())
        };
        let writers = (0..WRITERS).map(writer).collect();
        Recorder(Arc::new(Inner { writers, counts, sinks }))
    }
    /// Records an event; returns at once.
    pub fn record(&self, mut event: Event) {
        let counts = &self.0.counts;
        counts.recorded.fetch_add(1, Ordering::Relaxed);
        if !event.trace {
            self.0.sinks.iter().for_each(|sink| sink.take(&event));
        }
        cut(&mut event.message);
        counts.pending.fetch_add(1, Ordering::Relaxed);
        let mut hasher = DefaultHasher::new();
        event.involved.name.hash(&mut hasher);
        let (writer, _) = &self.0.writers[hasher.finish() as usize % WRITERS];
        if writer.try_send(event).is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            counts.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }
    /// Counts since the start.
    pub fn stats(&self) -> RecorderStats {
        let counts = &self.0.counts;
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        RecorderStats {
            recorded: read(&counts.recorded),
            written: read(&counts.written),
            dropped: read(&counts.dropped),
            failed: read(&counts.failed),
        }
    }
    /// Waits until what was recorded is written, at the end of a command; at most `patience`.
    pub async fn flush(&self, patience: Duration) {
        let counts = &self.0.counts;
        let settled = async {
            loop {
                let next = counts.settled.notified();
                if counts.pending.load(Ordering::Relaxed) == 0 {
                    return;
                }
                next.await;
            }
        };
        let _ = tokio::time::timeout(patience, settled).await;
    }
}

fn cut(message: &mut String) {
    if message.len() <= MAX_MESSAGE {
        return;
    }
    let mut end = MAX_MESSAGE - "...".len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    message.push_str("...");
}

async fn write_all(cluster: Cluster, mut events: mpsc::Receiver<Event>, counts: Arc<Counts>) {
    let resource = Resource::known("", "v1", "Event", "events", true);
    let mut correlator = Correlator::default();
    while let Some(event) = events.recv().await {
        let action = correlator.correlate(&event);
        let key = correlate::Fingerprint::of(&event);
        let done = tokio::time::timeout(PATIENCE, write(&cluster, &resource, &event, &action)).await;
        match done {
            Ok(Ok(Some(name))) => {
                correlator.written(&key, name);
                counts.written.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Ok(None)) => {
                counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, reason = %event.reason, "an event could not be written");
                counts.failed.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        counts.pending.fetch_sub(1, Ordering::Relaxed);
        counts.settled.notify_waiters();
    }
}

/// Writes what the correlator decided; the name of the Event, `None` where nothing was to be written.
async fn write(cluster: &Cluster, resource: &Resource, event: &Event, action: &Action) -> Result<Option<String>> {
    let namespace = namespace_of(event);
    let options = WriteOptions::default();
    let (count, first, message) = match action {
        Action::Drop => return Ok(None),
        Action::Create { message } => (1, event.at, message),
        Action::Repeat { name, count, first, message } => {
            let patch = object! {
                "count" => *count,
                "lastTimestamp" => crate::conditions::time_text(event.at),
                "message" => message.as_str(),
            };
            match cluster.patch(resource, namespace, name, &Patch::Merge(patch), &options).await {
                Ok(_) => return Ok(Some(name.clone())),
                // It expired (an hour by default): written anew with the count that it had.
                Err(error) if error.is_not_found() => (*count, *first, message),
                Err(error) => return Err(error),
            }
        }
    };
    let created = cluster.create(resource, &body(event, count, first, message), &options).await?;
    Ok(Some(created.name().to_owned()))
}

/// Events of cluster-scoped objects stand in `default`.
fn namespace_of(event: &Event) -> &str {
    if event.involved.namespace.is_empty() { "default" } else { &event.involved.namespace }
}

fn body(event: &Event, count: i64, first: Timestamp, message: &str) -> Object {
    let involved = &event.involved;
    let last = crate::conditions::time_text(event.at);
    let mut value = object! {
        "apiVersion" => "v1",
        "kind" => "Event",
        "metadata" => object! {
            "name" => format!("{}.{:x}", involved.name, event.at.as_nanosecond()),
            "namespace" => namespace_of(event),
        },
        "involvedObject" => object! {
            "apiVersion" => involved.api_version.as_str(),
            "kind" => involved.kind.as_str(),
            "name" => involved.name.as_str(),
        },
        "type" => event.kind.as_str(),
        "reason" => event.reason.as_str(),
        "message" => message,
        "count" => count,
        "firstTimestamp" => crate::conditions::time_text(first),
        "lastTimestamp" => last,
        "source" => object! { "component" => event.component.as_str() },
        "reportingComponent" => event.component.as_str(),
        "reportingInstance" => "",
        "eventTime" => Value::Null,
    };
    let optional =
        [("namespace", &involved.namespace), ("uid", &involved.uid), ("resourceVersion", &involved.resource_version)];
    for (field, text) in optional {
        if !text.is_empty() {
            value.set(&["involvedObject", field], text.as_str());
        }
    }
    for (name, text) in &event.annotations {
        value.set(&["metadata", "annotations", name], text.as_str());
    }
    // A literal of this module is always a map.
    Object::new(value).unwrap_or_default()
}
