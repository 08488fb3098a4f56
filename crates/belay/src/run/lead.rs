//! Taking Leases, and noticing that one is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use belay_cluster::Cluster;
use belay_controller::{Candidate, ElectionOptions, Leadership, Obstacle};

use super::RunArgs;

/// A Lease that this process holds.
pub(crate) struct Held {
    lease: &'static str,
    candidate: Candidate,
    leadership: Leadership,
}

/// Takes Leases, one after the other.
pub(crate) async fn lead(
    cluster: &Cluster,
    args: &RunArgs,
    namespace: &str,
    leases: &[&'static str],
) -> Result<Vec<Held>> {
    let mut terms = Vec::new();
    if !args.enable_leader_election {
        return Ok(terms);
    }
    let identity = format!("{}_{}", std::env::var("HOSTNAME").unwrap_or_else(|_| "belay".into()), std::process::id());
    for &lease in leases {
        let mut options = ElectionOptions::new(namespace, lease, &identity);
        options.lease_duration = args.leader_election_lease_duration;
        options.renew_deadline = args.leader_election_renew_deadline;
        options.retry_period = args.leader_election_retry_period;
        options.check().map_err(anyhow::Error::msg).context("leader election")?;
        let mut candidate = Candidate::start(cluster.clone(), options);
        tracing::info!(lease, namespace, "waiting to lead");
        let leadership = elected(&mut candidate, lease).await;
        terms.push(Held { lease, candidate, leadership });
    }
    Ok(terms)
}

/// Waits for a Lease, and says every ten seconds why it is still waited for.
async fn elected(candidate: &mut Candidate, lease: &str) -> Leadership {
    let mut patience = Duration::from_secs(1);
    loop {
        if let Ok(leadership) = tokio::time::timeout(patience, candidate.elected()).await {
            return leadership;
        }
        patience = Duration::from_secs(10);
        match candidate.obstacle() {
            Obstacle::None => {}
            Obstacle::HeldBy(holder) => {
                tracing::info!(lease, holder, "another process holds the Lease; waiting for it to end")
            }
            Obstacle::Failed(error) => tracing::error!(lease, error, "the Lease cannot be taken; trying on"),
        }
    }
}

/// Waits until one of the Leases is lost; which, and why.
pub(crate) async fn lost(terms: &[Held]) -> (&'static str, String) {
    if terms.is_empty() {
        return std::future::pending().await;
    }
    let ends = terms.iter().map(|term| Box::pin(term.leadership.lost()));
    let (_, at, _) = futures::future::select_all(ends).await;
    (terms[at].lease, terms[at].candidate.obstacle().to_string())
}

/// The right to write that goes with the last of the Leases; unopposed where none was taken.
pub(crate) fn leadership(terms: &[Held]) -> Leadership {
    terms.last().map_or_else(Leadership::unopposed, |term| term.leadership.clone())
}

/// Gives the Leases up, so that the next process need not wait.
pub(crate) async fn resign(terms: Vec<Held>) {
    for term in terms {
        term.candidate.resign().await;
    }
}
