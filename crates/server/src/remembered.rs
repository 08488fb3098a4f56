//! Manifests that somebody asked for a moment ago: pages ask again whenever something of an Application's
//! objects changes, and most often nothing of its sources has.
//!
//! What is remembered is of revisions that mean the same for ever, under one configuration. It is believed for a
//! minute, since the cluster may serve other kinds then, and takes no memory when nobody asks.

use std::sync::Arc;
use std::time::Duration;

use belay_argo::controller::Config;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::{ManifestsOf, Rendered};

/// How long manifests are believed.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Bytes of manifests, as JSON; in memory they take about twice of that. An Application of two hundred objects
/// is a quarter of a megabyte.
const MAX_BYTES: usize = 8 << 20;
/// Applications; they are looked through one by one.
const MAX_ENTRIES: usize = 200;

/// What is remembered. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub(crate) struct Remembered(Arc<Mutex<State>>);

/// *Invariant*: `bytes` is the sum of those of `entries`, which stand in the order in which they were made.
#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    bytes: usize,
    /// Whether a task takes away what is old.
    is_swept: bool,
}

struct Entry {
    key: String,
    config: Arc<Config>,
    rendered: Arc<Rendered>,
    bytes: usize,
    made: Instant,
}

/// All that manifests are made of besides the configuration and the cluster; `None` where a revision may mean
/// another one the next time.
fn key(of: &ManifestsOf) -> Option<String> {
    let app = &of.application;
    let spec = app.get("spec")?.to_json();
    of.is_pinned.then(|| format!("{}/{} {} {spec}", app.namespace(), app.name(), of.revisions.join(" ")))
}

impl Remembered {
    /// The manifests, if they were made a moment ago.
    pub fn get(&self, config: &Arc<Config>, of: &ManifestsOf) -> Option<Arc<Rendered>> {
        let key = key(of).filter(|_| !of.no_cache)?;
        let mut state = self.0.lock();
        state.sweep();
        let found = state.entries.iter().find(|entry| entry.key == key && Arc::ptr_eq(&entry.config, config));
        found.map(|entry| entry.rendered.clone())
    }

    /// Remembers manifests. Must be called inside a tokio runtime.
    pub fn put(&self, config: &Arc<Config>, of: &ManifestsOf, rendered: &Arc<Rendered>) {
        let Some(key) = key(of) else { return };
        let bytes: usize = rendered.objects.iter().map(|object| object.value().to_json().len()).sum();
        let bytes = bytes.saturating_add(key.len());
        let mut state = self.0.lock();
        state.keep(|entry| entry.key != key);
        if bytes > MAX_BYTES {
            return;
        }
        state.bytes += bytes;
        let (config, rendered) = (config.clone(), rendered.clone());
        state.entries.push(Entry { key, config, rendered, bytes, made: Instant::now() });
        while state.bytes > MAX_BYTES || state.entries.len() > MAX_ENTRIES {
            let oldest = state.entries.remove(0);
            state.bytes -= oldest.bytes;
        }
        if !std::mem::replace(&mut state.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

/// Takes away what is old until nothing is left.
async fn sweep(state: std::sync::Weak<Mutex<State>>) {
    loop {
        sleep(MAX_AGE).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock();
        state.sweep();
        if state.entries.is_empty() {
            *state = State::default();
            return;
        }
    }
}

impl State {
    fn sweep(&mut self) {
        self.keep(|entry| entry.made.elapsed() < MAX_AGE);
    }

    fn keep(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use belay_object::{Object, from_json_str};

    use super::*;

    fn asked(revision: &str) -> ManifestsOf {
        let app = r#"{"metadata":{"name":"a","namespace":"argocd"},"spec":{"source":{"path":"p"}}}"#;
        ManifestsOf {
            application: Object::new(from_json_str(app).expect("JSON")).expect("an object"),
            revisions: vec![revision.to_owned()],
            is_pinned: true,
            no_cache: false,
        }
    }

    fn config() -> Arc<Config> {
        Arc::new(Config::read(&[], &[], None).0)
    }

    fn rendered(bytes: usize) -> Arc<Rendered> {
        let mut object = Object::of("v1", "ConfigMap", "shop", "a");
        object.set(&["data", "text"], "x".repeat(bytes));
        Arc::new(Rendered { objects: vec![object], revisions: Vec::new() })
    }

    #[tokio::test(start_paused = true)]
    async fn manifests_are_remembered_for_a_minute_of_one_revision_and_configuration() {
        let (all, config_of, made) = (Remembered::default(), config(), rendered(10));
        all.put(&config_of, &asked("one"), &made);
        let is_known = |of: &ManifestsOf, config: &Arc<Config>| all.get(config, of).is_some();
        assert!(all.get(&config_of, &asked("one")).is_some_and(|found| Arc::ptr_eq(&found, &made)));
        assert!(!is_known(&asked("two"), &config_of), "another revision");
        assert!(!is_known(&asked("one"), &config()), "another configuration");
        assert!(!is_known(&ManifestsOf { no_cache: true, ..asked("one") }, &config_of), "nothing known is believed");
        let mut moved = asked("one");
        moved.application.set(&["spec", "source", "path"], "q");
        assert!(!is_known(&moved, &config_of), "another spec");
        let branch = ManifestsOf { is_pinned: false, ..asked("main") };
        all.put(&config_of, &branch, &made);
        assert!(!is_known(&branch, &config_of), "a branch is another revision at any time");
        sleep(MAX_AGE * 2).await;
        assert!(!is_known(&asked("one"), &config_of));
        let state = all.0.lock();
        assert!(state.entries.is_empty() && state.bytes == 0 && !state.is_swept);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_in_bytes() {
        let (all, config) = (Remembered::default(), config());
        for revision in ["one", "two", "three"] {
            all.put(&config, &asked(revision), &rendered(MAX_BYTES / 5 * 2));
        }
        let known = |revision: &str| all.get(&config, &asked(revision)).is_some();
        assert!(!known("one") && known("two") && known("three"), "the oldest goes");
        all.put(&config, &asked("four"), &rendered(MAX_BYTES));
        assert!(!known("four") && known("three"), "what is too large displaces nothing");
    }
}
