//! Waiting for the definitions of a system's kinds.

use std::time::Duration;

use belay_cluster::Cluster;
use belay_object::GroupKind;

/// A kind whose definition must be there: group, kind, plural.
pub(crate) type Needed = (&'static str, &'static str, &'static str);

/// How soon a server that does not answer, or lets nobody watch definitions, is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// Waits until all these kinds are served. `tell` is called once, with the first that is not.
pub(crate) async fn served(cluster: &Cluster, kinds: &[Needed], mut tell: impl FnMut(&str)) {
    let mut told = false;
    for (group, kind, plural) in kinds {
        loop {
            match cluster.resolve(&GroupKind::new(group, kind)).await {
                Ok(_) => break,
                Err(e) if e.kind() == belay_cluster::ErrorKind::UnknownKind => {
                    let definition = format!("{plural}.{group}");
                    if !std::mem::replace(&mut told, true) {
                        tell(&definition);
                    }
                    let _ = tokio::time::timeout(AGAIN, cluster.established(&definition)).await;
                    cluster.invalidate_discovery();
                }
                Err(error) => {
                    tracing::debug!(%error, kind, "asking for a definition failed");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}
