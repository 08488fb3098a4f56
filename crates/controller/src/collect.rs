//! What the metrics page says of queues and clusters, under the names that dashboards know.

use std::fmt::Debug;
use std::hash::Hash;

use belay_cluster::{Cluster, Verb};

use crate::{Registry, WorkQueue};

/// Adds a queue under a controller's name.
pub fn collect_queue<K>(registry: &Registry, name: &str, queue: &WorkQueue<K>)
where
    K: Clone + Eq + Hash + Debug + Send + Sync + 'static,
{
    let (name, queue) = (name.to_owned(), queue.clone());
    registry.collect(move |text| {
        let stats = queue.stats();
        let labels = [("name", name.as_str())];
        let all = [
            ("workqueue_depth", "gauge", "Keys that wait for a worker.", stats.ready as f64),
            ("workqueue_delayed", "gauge", "Keys that are due later.", stats.delayed as f64),
            ("workqueue_running", "gauge", "Keys that are worked on.", stats.running as f64),
            ("workqueue_quarantined", "gauge", "Keys held back after panics.", stats.quarantined as f64),
            ("workqueue_adds_total", "counter", "Keys that were queued.", stats.adds as f64),
            ("workqueue_runs_total", "counter", "Runs that were begun.", stats.runs as f64),
            ("workqueue_retries_total", "counter", "Retries after failures.", stats.retries as f64),
            ("workqueue_panics_total", "counter", "Panics of handlers.", stats.panics as f64),
            ("workqueue_queue_duration_seconds_total", "counter", "Time that keys waited.", stats.waited_s),
            ("workqueue_work_duration_seconds_total", "counter", "Time that work took.", stats.worked_s),
        ];
        for (metric, kind, help, value) in all {
            text.family(metric, kind, help);
            text.sample(metric, &labels, value);
        }
    });
}

/// Adds a cluster's requests and its adaptive limit.
pub fn collect_cluster(registry: &Registry, cluster: &Cluster) {
    let cluster = cluster.clone();
    registry.collect(move |text| {
        let host = cluster.host();
        let counts = cluster.counters().snapshot();
        text.family("rest_client_requests_total", "counter", "Requests to API servers, retries counted one by one.");
        for count in &counts {
            let code = if count.code == 0 { "<error>".to_owned() } else { count.code.to_string() };
            let labels = [
                ("code", code.as_str()),
                ("host", host),
                ("method", method(count.verb)),
                ("resource", count.resource.as_str()),
                ("verb", count.verb.as_str()),
            ];
            text.sample("rest_client_requests_total", &labels, count.count as f64);
        }
        let limiter = cluster.limiter();
        let gauges = [
            ("belay_cluster_request_limit", "Requests that may be under way.", limiter.limit()),
            ("belay_cluster_requests_in_flight", "Requests under way.", limiter.in_flight()),
            ("belay_cluster_requests_waiting", "Requests that wait for a turn.", limiter.waiting()),
        ];
        for (metric, help, value) in gauges {
            text.family(metric, "gauge", help);
            text.sample(metric, &[("host", host)], value as f64);
        }
    });
}

fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get | Verb::List | Verb::Watch | Verb::Logs | Verb::Raw => "GET",
        Verb::Create => "POST",
        Verb::Update => "PUT",
        Verb::Apply | Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    }
}
