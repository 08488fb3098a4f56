//! Our own writes, until the watch shows them.
//!
//! *Invariant* (ACT-5): a run begins with an object that is at least as new as the last status that this
//! process wrote. A run that began with an older inventory would not know of objects that the run before
//! it applied, and could leave them untracked.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use belay_object::Object;
use parking_lot::Mutex;

/// The answers to our writes that no watch has shown yet, by resource. Entries go when the watch has
/// caught up, which is a matter of milliseconds.
pub struct Written<K>(Mutex<HashMap<K, Arc<Object>>>);

impl<K> Default for Written<K> {
    fn default() -> Written<K> {
        Written(Mutex::default())
    }
}

impl<K: Hash + Eq> Written<K> {
    /// Keeps the answer to a write.
    pub fn put(&self, name: K, object: Object) {
        self.0.lock().insert(name, Arc::new(object));
    }
    /// The newer of what a watch shows and what we wrote. An object that the watch does not show is gone.
    pub fn newer(&self, name: &K, shown: Option<Arc<Object>>) -> Option<Arc<Object>> {
        let shown = shown?;
        let written = self.0.lock().get(name).cloned();
        match written {
            Some(written) if written.uid() == shown.uid() && version(&written) > version(&shown) => Some(written),
            _ => Some(shown),
        }
    }
    /// Forgets what a watch has shown by now; `None` where the object is gone.
    pub fn shown(&self, name: &K, object: Option<&Object>) {
        let mut all = self.0.lock();
        let caught_up = match (all.get(name), object) {
            (Some(written), Some(shown)) => written.uid() != shown.uid() || version(written) <= version(shown),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if caught_up {
            all.remove(name);
        }
    }
}

/// Resource versions of one server are numbers that grow (Kubernetes 1.35 says so). What is none counts as
/// oldest: then the watch alone is believed.
fn version(object: &Object) -> u64 {
    object.resource_version().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(uid: &str, version: &str) -> Object {
        let mut object = Object::of("v1", "ConfigMap", "a", "b");
        object.set(&["metadata", "uid"], uid);
        object.set(&["metadata", "resourceVersion"], version);
        object
    }

    #[test]
    fn a_run_begins_with_the_newer_of_the_watch_and_our_own_write() {
        let (written, name) = (Written::default(), "a/b");
        let newer =
            |shown: Option<Object>| written.newer(&name, shown.map(Arc::new)).map(|o| o.resource_version().to_owned());
        assert_eq!(newer(Some(object("1", "5"))), Some("5".into()));
        written.put(name, object("1", "9"));
        assert_eq!(newer(Some(object("1", "8"))), Some("9".into()));
        assert_eq!(newer(Some(object("1", "10"))), Some("10".into()));
        assert_eq!(newer(Some(object("2", "3"))), Some("3".into()), "made anew under the same name");
        assert_eq!(newer(None), None, "gone");
        written.shown(&name, Some(&object("1", "9")));
        assert_eq!(newer(Some(object("1", "8"))), Some("8".into()));
    }
}
