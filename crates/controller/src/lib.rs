//! What every controller needs, whatever it controls.
//!
//! A [`WorkQueue`] holds keys that are to be looked at: each once, some later, none by two workers
//! at the same time; [`run`] drives it with a bounded number of handlers and keeps a panic of one
//! from the others. A [`Candidate`] competes for a Lease; the [`Leadership`] that it wins is what
//! write paths check before they write. [`finalizer`], [`conditions`] and [`status`] change an
//! object's bookkeeping with as few writes as there are changes; the [`Recorder`] tells people in
//! Events; [`Registry`] is the metrics page; [`duration`] reads and writes Go's durations.
//!
//! What this crate deliberately does not know: Flux's and Argo CD's kinds, reasons and texts.
#![warn(missing_docs)]

mod collect;
pub mod conditions;
pub mod duration;
mod election;
mod event;
pub mod finalizer;
mod metrics;
mod queue;
mod run;
pub mod status;
mod written;

pub use collect::{collect_cluster, collect_queue};
pub use election::{Candidate, ElectionOptions, Leadership, LeadershipLost, Obstacle};
pub use event::{Event, EventKind, EventSink, Involved, Recorder, RecorderStats};
pub use metrics::{Counter, Gauge, Histogram, MetricText, Registry, exponential_buckets};
pub use queue::{Job, QueueOptions, QueueStats, WorkQueue};
pub use run::{Next, run};
pub use written::Written;

#[cfg(test)]
mod tests;
