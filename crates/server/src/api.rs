//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use belay_argo::settings::logins::Attempts;
use belay_cluster::{Views, WriteOptions};
use belay_controller::Recorder;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::Options;
use crate::nodes::Nodes;
use crate::places::Places;
use crate::reached::Reached;
use crate::snapshot::Watches;

/// Sign-ins that are worked on at once: each is fifty milliseconds of work. Compat(argo 3.5)
const MAX_LOGINS: usize = 50;
/// Webhooks that are worked on at once; more are told to come back.
const MAX_WEBHOOKS: usize = 50;
/// Looks into repositories at once: each may fetch one, read an index of many megabytes, or render.
const MAX_LOOKS: usize = 16;
/// Bytes of bodies that strangers may have here at once: one webhook of the largest size that Argo CD takes
/// and some more. What members send is counted apart, so that strangers stand in nobody's way (RES-10).
const STRANGERS_BYTES: usize = 64 << 20;
/// The same of those who are signed in: forty of the largest bodies.
const MEMBERS_BYTES: usize = 128 << 20;
/// How long watches go on without anybody's interest.
const LINGER: Duration = Duration::from_secs(60);

/// What all requests share.
pub(crate) struct Api {
    /// What it was made with.
    pub options: Options,
    /// The control plane's objects.
    pub watches: Watches,
    /// Failed sign-ins.
    pub attempts: Mutex<Attempts>,
    /// Room for sign-ins.
    pub logins: Semaphore,
    /// Room for webhooks.
    pub webhooks: Arc<Semaphore>,
    /// Room for bodies of strangers, in bytes.
    pub strangers: Semaphore,
    /// The same of members.
    pub members: Semaphore,
    /// Room for looking into repositories.
    pub looks: Semaphore,
    /// Whether repositories and clusters answered of late.
    pub reached: Reached,
    /// Destination clusters.
    pub places: Places,
    /// Objects of destination clusters, for trees.
    pub nodes: Nodes,
    /// Tells Kubernetes who did what.
    pub recorder: Recorder,
    /// Sign-ins that went well, and those that did not.
    pub login_counts: [AtomicU64; 2],
}

impl Api {
    /// Begins to watch. Must be called inside a tokio runtime.
    pub fn new(options: Options) -> Arc<Api> {
        let views = options.views.clone();
        let views = views.unwrap_or_else(|| Views::of_whole_objects(options.cluster.clone(), LINGER));
        Arc::new(Api {
            watches: Watches::start(&views, &options.namespace, &options.applications),
            attempts: Mutex::default(),
            logins: Semaphore::new(MAX_LOGINS),
            webhooks: Arc::new(Semaphore::new(MAX_WEBHOOKS)),
            strangers: Semaphore::new(STRANGERS_BYTES),
            members: Semaphore::new(MEMBERS_BYTES),
            looks: Semaphore::new(MAX_LOOKS),
            reached: Reached::default(),
            places: Places::default(),
            nodes: Nodes::default(),
            recorder: Recorder::start(options.cluster.clone(), Vec::new()),
            login_counts: Default::default(),
            options,
        })
    }

    /// How objects are written: as Argo CD's server.
    pub fn writing(&self) -> WriteOptions {
        WriteOptions { field_manager: "argocd-server".to_owned(), ..WriteOptions::default() }
    }
}
