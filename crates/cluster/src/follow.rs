//! A watch that never ends: it lists, watches, reconnects, and lists again where a version expired.
//!
//! Between [`FollowEvent::Restart`] and [`FollowEvent::Synced`] stands everything that there is, as
//! `Applied`; what is not among it is gone. Nothing is asked again on a timer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use belay_object::Object;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::backoff::{Backoff, random_below};
use crate::{Cluster, Error, ErrorKind, ListOptions, Resource, Result, WatchEvent, WatchOptions, WatchStream};

/// How long one connection is asked to stay: about an hour, spread so that watches opened together
/// do not end together. A dead connection shows earlier: by missing bookmarks and TCP keep-alive.
const LENGTH_S: u64 = 3_600;
/// A streaming list that brings nothing for so long is given up for a paged one.
const INITIAL_SILENCE: Duration = Duration::from_secs(30);
/// A connection that lived so long counts as a success.
const LIVED: Duration = Duration::from_secs(5);

/// Which objects to follow.
#[derive(Clone, Debug, Default)]
pub struct FollowOptions {
    /// A label selector in text form.
    pub labels: String,
    /// A field selector in text form.
    pub fields: String,
    /// Ask for `metadata` alone.
    pub metadata_only: bool,
}

/// What a [`Follow`] tells.
#[derive(Debug)]
pub enum FollowEvent {
    /// What is told up to the next `Synced` is all that there is.
    Restart,
    /// The object is there, and this is how it is.
    Applied(Object),
    /// The object is gone; this is how it last was.
    Deleted(Object),
    /// All that is there was told.
    Synced,
    /// A request failed; it is tried again with back-off.
    Trouble(Error),
    /// The watch goes on after trouble, from where it was.
    Recovered,
}

/// Events of one collection, without end.
pub struct Follow {
    cluster: Cluster,
    resource: Arc<Resource>,
    namespace: String,
    options: FollowOptions,
    state: State,
    /// Up to where everything was told; empty before the first `Synced`.
    resource_version: String,
    pending: VecDeque<FollowEvent>,
    backoff: Backoff,
    not_before: Instant,
    troubled: bool,
    /// Set where a streaming list brought nothing: not every server that takes the parameter heeds it.
    paged: bool,
}

enum State {
    /// Nothing is known: list.
    Begin,
    /// In the middle of a paged list.
    Listing { token: String },
    /// Everything up to `resource_version` is known: watch from there.
    Resume,
    /// A connection is open.
    Watching { stream: Box<WatchStream>, initial: bool, since: Instant },
}

impl Follow {
    pub(crate) fn new(cluster: Cluster, resource: Arc<Resource>, namespace: &str, options: FollowOptions) -> Follow {
        Follow {
            cluster,
            resource,
            namespace: namespace.to_owned(),
            options,
            state: State::Begin,
            resource_version: String::new(),
            pending: VecDeque::new(),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(30), 50),
            not_before: Instant::now(),
            troubled: false,
            paged: false,
        }
    }

    /// The next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> FollowEvent {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            sleep_until(self.not_before).await;
            let step = match &mut self.state {
                State::Begin => self.begin().await,
                State::Listing { token } => {
                    let token = token.clone();
                    self.list(&token).await
                }
                State::Resume => self.resume().await,
                State::Watching { stream, initial, .. } => {
                    let until = Instant::now() + INITIAL_SILENCE;
                    let event = match *initial {
                        false => stream.next().await,
                        true => match timeout_at(until, stream.next()).await {
                            Ok(event) => event,
                            Err(_) => {
                                self.paged = true;
                                self.state = State::Begin;
                                continue;
                            }
                        },
                    };
                    self.watched(event)
                }
            };
            if let Err(error) = step {
                self.failed(error);
            }
        }
    }

    fn may_stream(&self) -> bool {
        !self.paged && !self.cluster.shared.no_streaming_lists.load(Ordering::Relaxed)
    }

    async fn begin(&mut self) -> Result<()> {
        if !self.may_stream() {
            self.pending.push_back(FollowEvent::Restart);
            self.state = State::Listing { token: String::new() };
            return Ok(());
        }
        match self.open(true).await {
            Ok(stream) => {
                self.pending.push_back(FollowEvent::Restart);
                self.state = State::Watching { stream: Box::new(stream), initial: true, since: Instant::now() };
                Ok(())
            }
            // Servers without streaming lists refuse the parameter as invalid.
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::BadRequest) => {
                self.cluster.shared.no_streaming_lists.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn list(&mut self, token: &str) -> Result<()> {
        let options = ListOptions {
            labels: self.options.labels.clone(),
            fields: self.options.fields.clone(),
            metadata_only: self.options.metadata_only,
            ..ListOptions::default()
        };
        let page = self.cluster.list_page(&self.resource, &self.namespace, &options, token).await?;
        self.pending.extend(page.items.into_iter().map(FollowEvent::Applied));
        self.resource_version = page.resource_version;
        self.state = if page.continue_token.is_empty() {
            self.pending.push_back(FollowEvent::Synced);
            State::Resume
        } else {
            State::Listing { token: page.continue_token }
        };
        Ok(())
    }

    async fn resume(&mut self) -> Result<()> {
        let stream = self.open(false).await?;
        if std::mem::take(&mut self.troubled) {
            self.pending.push_back(FollowEvent::Recovered);
        }
        self.state = State::Watching { stream: Box::new(stream), initial: false, since: Instant::now() };
        Ok(())
    }

    async fn open(&mut self, initial: bool) -> Result<WatchStream> {
        let options = WatchOptions {
            labels: self.options.labels.clone(),
            fields: self.options.fields.clone(),
            resource_version: if initial { String::new() } else { self.resource_version.clone() },
            send_initial_events: initial,
            metadata_only: self.options.metadata_only,
            timeout_s: (LENGTH_S + random_below(LENGTH_S / 4)) as u32,
        };
        self.cluster.watch(&self.resource, &self.namespace, &options).await
    }

    fn watched(&mut self, event: Result<Option<WatchEvent>>) -> Result<()> {
        let State::Watching { initial, since, .. } = &mut self.state else { return Ok(()) };
        match event? {
            Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                self.resource_version = object.resource_version().to_owned();
                self.pending.push_back(FollowEvent::Applied(object));
            }
            Some(WatchEvent::Deleted(object)) => {
                self.resource_version = object.resource_version().to_owned();
                self.pending.push_back(FollowEvent::Deleted(object));
            }
            Some(WatchEvent::Bookmark { resource_version, initial_events_end }) => {
                self.resource_version = resource_version;
                if *initial && initial_events_end {
                    *initial = false;
                    self.backoff.reset();
                    self.pending.push_back(FollowEvent::Synced);
                }
            }
            None => {
                // An end is usual; ends in quick succession are not.
                let lived = since.elapsed() >= LIVED;
                self.state = if *initial { State::Begin } else { State::Resume };
                self.pace(lived);
            }
        }
        Ok(())
    }

    fn pace(&mut self, lived: bool) {
        if lived {
            self.backoff.reset();
        }
        self.not_before = Instant::now() + if lived { Duration::ZERO } else { self.backoff.next_pause() };
    }

    fn failed(&mut self, error: Error) {
        let (resumes, lived) = match &self.state {
            State::Watching { initial, since, .. } => (!initial, since.elapsed() >= LIVED),
            State::Resume => (true, false),
            State::Begin | State::Listing { .. } => (false, false),
        };
        // A version beyond the server's newest is of a storage that was restored from a backup.
        let beyond = error.status().is_some_and(|s| s.causes.iter().any(|c| c.reason == "ResourceVersionTooLarge"));
        let gone = error.kind() == ErrorKind::Gone || beyond;
        self.state = if resumes && !gone { State::Resume } else { State::Begin };
        self.pace(lived);
        // That a version expired and that a connection broke after a good while is the way of
        // watches, no trouble.
        if gone || (lived && resumes) {
            tracing::debug!(%error, "the watch starts again");
        } else {
            self.troubled = true;
            self.pending.push_back(FollowEvent::Trouble(error));
        }
    }
}
