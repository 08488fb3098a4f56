//! Leader election by a Lease, with the algorithm of Kubernetes' own client library.
//!
//! A candidate takes a Lease that nobody renewed for as long as its holder asked, measured by the
//! candidate's own clock from when it saw the last change: clocks of different machines are never
//! compared. A leader whose renewals fail stops `lease_duration - renew_deadline` before others may
//! take over, and its [`Leadership`] says so to every write path (INV-ACT-8).

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Cluster, ErrorKind, Resource, Result, WriteOptions, random_below};
use belay_object::{Object, Value, object};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How to compete.
#[derive(Clone, Debug)]
pub struct ElectionOptions {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who we are; unique among candidates (pod name and a random part).
    pub identity: String,
    /// How long others wait after the last renewal.
    pub lease_duration: Duration,
    /// After how long without a renewal we stop; less than `lease_duration`, the difference is what
    /// clocks may drift and what a write under way may take.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry_period: Duration,
    /// Give the Lease up at the end, so that the next need not wait.
    pub release_on_cancel: bool,
}

impl ElectionOptions {
    /// Flux's defaults: 35 s, 30 s, 5 s, released at the end.
    pub fn new(namespace: &str, name: &str, identity: &str) -> ElectionOptions {
        ElectionOptions {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            lease_duration: Duration::from_secs(35),
            renew_deadline: Duration::from_secs(30),
            retry_period: Duration::from_secs(5),
            release_on_cancel: true,
        }
    }
    /// Refuses times with which two could lead at once, or none for long.
    pub fn check(&self) -> std::result::Result<(), String> {
        let s = |time: Duration| format!("{} s", time.as_secs_f64());
        if self.renew_deadline >= self.lease_duration {
            let (deadline, lease) = (s(self.renew_deadline), s(self.lease_duration));
            return Err(format!("the renew deadline ({deadline}) must be shorter than the lease duration ({lease})"));
        }
        // The pauses between tries are up to 1.2 periods and more: one of them must fit.
        if self.retry_period.mul_f64(1.2) >= self.renew_deadline {
            let (period, deadline) = (s(self.retry_period), s(self.renew_deadline));
            return Err(format!("1.2 retry periods ({period}) must be shorter than the renew deadline ({deadline})"));
        }
        Ok(())
    }
}

/// What a write path answers when the lease is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeadershipLost;

impl std::fmt::Display for LeadershipLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this process no longer holds the lease, another may be at work")
    }
}
impl std::error::Error for LeadershipLost {}

/// The right to write, for as long as the Lease is ours. Cheap to clone.
///
/// Given to [`Cluster::fenced`] it stands before every write of a cluster.
#[derive(Clone)]
pub struct Leadership(Option<Arc<Term>>);

struct Term {
    epoch: u64,
    /// Up to when writes may begin: the last renewal's start and the renew deadline.
    until: Mutex<Instant>,
    ended: watch::Sender<bool>,
}

impl Leadership {
    /// The leadership of a process that competes with nobody.
    pub fn unopposed() -> Leadership {
        Leadership(None)
    }
    fn of(term: &Arc<Term>) -> Leadership {
        Leadership(Some(term.clone()))
    }
    /// Whether writes may begin. Asked before every write.
    pub fn check(&self) -> Result<(), LeadershipLost> {
        match &self.0 {
            None => Ok(()),
            Some(term) if !*term.ended.borrow() && Instant::now() < *term.until.lock() => Ok(()),
            Some(_) => Err(LeadershipLost),
        }
    }
    /// Whether writes may begin.
    pub fn is_valid(&self) -> bool {
        self.check().is_ok()
    }
    /// `leaseTransitions` of the term: grows with every change of leader.
    pub fn epoch(&self) -> u64 {
        self.0.as_ref().map_or(0, |term| term.epoch)
    }
    /// Ends when the leadership does.
    pub async fn lost(&self) {
        let Some(term) = &self.0 else { return std::future::pending().await };
        let mut ended = term.ended.subscribe();
        loop {
            let until = *term.until.lock();
            if *ended.borrow_and_update() || Instant::now() >= until {
                return;
            }
            tokio::select! {
                _ = ended.changed() => {}
                () = sleep_until(until) => {}
            }
        }
    }
}

impl belay_cluster::Fence for Leadership {
    fn check(&self) -> std::result::Result<(), String> {
        Leadership::check(self).map_err(|lost| lost.to_string())
    }
}

/// A competitor for a Lease, running until dropped or [`Candidate::resign`].
pub struct Candidate {
    leadership: watch::Receiver<Option<Leadership>>,
    obstacle: watch::Receiver<Obstacle>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What keeps a candidate from leading, by its last try.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Obstacle {
    /// Nothing, or nothing yet.
    #[default]
    None,
    /// Somebody else holds the Lease.
    HeldBy(String),
    /// The Lease could not be read or written; why.
    Failed(String),
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Obstacle::None => f.write_str("nothing is known yet"),
            Obstacle::HeldBy(holder) => write!(f, "{holder} holds it"),
            Obstacle::Failed(why) => f.write_str(why),
        }
    }
}

impl Candidate {
    /// Starts to compete. After a term is lost it competes again.
    pub fn start(cluster: Cluster, options: ElectionOptions) -> Candidate {
        let (sender, leadership) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let (obstacle_sender, obstacle) = watch::channel(Obstacle::None);
        let racer = Racer {
            // The race is a loop of tries: one of many requests would tell late why it fails.
            cluster: cluster.urgent().without_retries().with_timeout(options.retry_period),
            obstacle: obstacle_sender,
            lease: Resource::known("coordination.k8s.io", "v1", "Lease", "leases", true),
            options,
            seen: None,
        };
        let task = tokio::spawn(racer.race(sender, stopped));
        Candidate { leadership, obstacle, stop, task: Some(task) }
    }
    /// What stands in the way; after a term was lost, what ended it.
    pub fn obstacle(&self) -> Obstacle {
        self.obstacle.borrow().clone()
    }
    /// Waits until the Lease is ours.
    pub async fn elected(&mut self) -> Leadership {
        loop {
            let current = self.leadership.borrow_and_update().clone();
            if let Some(leadership) = current.filter(Leadership::is_valid) {
                return leadership;
            }
            if self.leadership.changed().await.is_err() {
                // The race ended: nobody will be elected any more.
                return std::future::pending().await;
            }
        }
    }
    /// Ends the term, if there is one, and gives the Lease up where the options say so.
    pub async fn resign(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        if let Some(Leadership(Some(term))) = &*self.leadership.borrow() {
            term.ended.send_replace(true);
        }
    }
}

struct Racer {
    cluster: Cluster,
    lease: Arc<Resource>,
    options: ElectionOptions,
    obstacle: watch::Sender<Obstacle>,
    /// The Lease as last seen, and when its spec was first seen so.
    seen: Option<(Object, Instant)>,
}

impl Racer {
    async fn race(mut self, leadership: watch::Sender<Option<Leadership>>, mut stopped: watch::Receiver<bool>) {
        loop {
            let term = tokio::select! {
                term = self.acquire() => term,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            tracing::info!(lease = %self.options.name, identity = %self.options.identity, "elected");
            leadership.send_replace(Some(Leadership::of(&term)));
            let resigned = tokio::select! {
                () = self.renew(&term) => false,
                _ = stopped.wait_for(|stop| *stop) => true,
            };
            term.ended.send_replace(true);
            leadership.send_replace(None);
            if resigned {
                if self.options.release_on_cancel {
                    self.release().await;
                }
                return;
            }
            let why = self.obstacle.borrow().to_string();
            tracing::warn!(lease = %self.options.name, why, "the Lease is lost");
        }
    }

    /// Tries until the Lease is ours.
    async fn acquire(&mut self) -> Arc<Term> {
        loop {
            let began = Instant::now();
            match self.try_until(began + self.options.renew_deadline).await {
                Obstacle::None => {
                    return Arc::new(Term {
                        epoch: self.transitions(),
                        until: Mutex::new(began + self.options.renew_deadline),
                        ended: watch::Sender::new(false),
                    });
                }
                Obstacle::HeldBy(_) => {}
                Obstacle::Failed(error) => tracing::debug!(error, "the Lease could not be taken"),
            }
            // Up to 2.2 periods, so that candidates that started together do not stay together.
            let period = self.options.retry_period;
            let spread = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).saturating_mul(6) / 5;
            sleep(period + Duration::from_millis(random_below(spread))).await;
        }
    }

    /// Renews until a whole renew deadline passed without success, or another holds the Lease.
    async fn renew(&mut self, term: &Term) {
        loop {
            sleep(self.options.retry_period).await;
            let until = *term.until.lock();
            loop {
                let began = Instant::now();
                match self.try_until(until).await {
                    Obstacle::None => {
                        *term.until.lock() = began + self.options.renew_deadline;
                        break;
                    }
                    Obstacle::HeldBy(_) => return,
                    Obstacle::Failed(error) => {
                        let left_s = until.saturating_duration_since(Instant::now()).as_secs();
                        tracing::warn!(lease = %self.options.name, error, left_s, "the Lease could not be renewed");
                    }
                }
                if timeout_at(until, sleep(self.options.retry_period)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// One try with a deadline; what stands in the way, `None` where the Lease is ours.
    async fn try_until(&mut self, deadline: Instant) -> Obstacle {
        let obstacle = match timeout_at(deadline, self.try_once()).await {
            Ok(Ok(true)) => Obstacle::None,
            Ok(Ok(false)) => {
                let holder = self.seen.as_ref().map_or("", |(seen, _)| holder(seen));
                Obstacle::HeldBy(if holder.is_empty() { "another process".to_owned() } else { holder.to_owned() })
            }
            Ok(Err(error)) => Obstacle::Failed(error.to_string()),
            Err(_) => Obstacle::Failed(format!("no answer from {} in time", self.cluster.host())),
        };
        self.obstacle.send_replace(obstacle.clone());
        obstacle
    }

    /// One try to take or renew; whether the Lease is ours.
    async fn try_once(&mut self) -> Result<bool> {
        let options = self.options.clone();
        // While we hold it the version that we wrote is still the newest: one request a renewal.
        if let Some((seen, at)) = self.seen.clone()
            && holder(&seen) == options.identity
            && at.elapsed() < options.lease_duration
        {
            match self.write(&seen).await {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Conflict || error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let Some(current) = self.cluster.find(&self.lease, &options.namespace, &options.name).await? else {
            let fresh = self.record(None);
            return match self.cluster.create(&self.lease, &fresh, &WriteOptions::default()).await {
                Ok(created) => {
                    self.seen = Some((created, Instant::now()));
                    Ok(true)
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            };
        };
        let unchanged = self.seen.as_ref().is_some_and(|(seen, _)| seen.get("spec") == current.get("spec"));
        let since = match &self.seen {
            Some((_, since)) if unchanged => *since,
            _ => Instant::now(),
        };
        self.seen = Some((current.clone(), since));
        let held_by = holder(&current);
        if !held_by.is_empty()
            && held_by != self.options.identity
            && since.elapsed() < lease_length(&current, &self.options)
        {
            return Ok(false);
        }
        match self.write(&current).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes our record over the Lease as it was seen; its version guards against others.
    async fn write(&mut self, over: &Object) -> Result<()> {
        let record = self.record(Some(over));
        let written = self.cluster.replace(&self.lease, &record, &WriteOptions::default()).await?;
        self.seen = Some((written, Instant::now()));
        Ok(())
    }

    fn record(&self, over: Option<&Object>) -> Object {
        let options = &self.options;
        let now = micro_time(Timestamp::now());
        let ours = over.is_some_and(|o| holder(o) == options.identity);
        let mut record = over.cloned().unwrap_or_default();
        record.set(&["apiVersion"], "coordination.k8s.io/v1");
        record.set(&["kind"], "Lease");
        record.set(&["metadata", "namespace"], options.namespace.as_str());
        record.set(&["metadata", "name"], options.name.as_str());
        record.remove(&["metadata", "managedFields"]);
        if !ours {
            let transitions = over.map_or(0, |o| transitions(o) + 1);
            record.set(&["spec", "acquireTime"], now.as_str());
            record.set(&["spec", "leaseTransitions"], transitions);
        }
        record.set(&["spec", "holderIdentity"], options.identity.as_str());
        record.set(&["spec", "leaseDurationSeconds"], options.lease_duration.as_secs());
        record.set(&["spec", "renewTime"], now);
        record
    }

    fn transitions(&self) -> u64 {
        self.seen.as_ref().map_or(0, |(seen, _)| transitions(seen))
    }

    /// Gives the Lease up: an empty holder that lasts a second.
    async fn release(&mut self) {
        let Some((seen, _)) = self.seen.take().filter(|(seen, _)| holder(seen) == self.options.identity) else {
            return;
        };
        let now = micro_time(Timestamp::now());
        let mut record = seen;
        record.remove(&["metadata", "managedFields"]);
        let transitions = transitions(&record);
        record.set(
            &["spec"],
            object! {
                "holderIdentity" => "",
                "leaseDurationSeconds" => 1,
                "renewTime" => now.as_str(),
                "acquireTime" => now.as_str(),
                "leaseTransitions" => transitions,
            },
        );
        let (options, cluster) = (WriteOptions::default(), self.cluster.with_timeout(self.options.retry_period));
        if let Err(error) = cluster.replace(&self.lease, &record, &options).await {
            tracing::warn!(%error, "the lease could not be given up; the next leader waits for its end");
        }
    }
}

fn holder(lease: &Object) -> &str {
    lease.str_at(&["spec", "holderIdentity"]).unwrap_or_default()
}

fn transitions(lease: &Object) -> u64 {
    let number = lease.at(&["spec", "leaseTransitions"]).and_then(Value::as_i64).unwrap_or_default();
    u64::try_from(number).unwrap_or_default()
}

/// For how long the holder asked; ours where it did not say.
fn lease_length(lease: &Object, options: &ElectionOptions) -> Duration {
    let asked = lease.at(&["spec", "leaseDurationSeconds"]).and_then(Value::as_i64).and_then(|s| u64::try_from(s).ok());
    asked.filter(|s| *s > 0).map_or(options.lease_duration, Duration::from_secs)
}

/// A `metav1.MicroTime`: always six digits.
fn micro_time(now: Timestamp) -> String {
    format!("{now:.6}")
}
