//! The metrics page.

use crate::{Registry, exponential_buckets};

#[test]
fn the_page_is_what_prometheus_reads() {
    let registry = Registry::default();
    let runs = registry.counter("runs_total", "Runs.", &["kind"]);
    runs.increment(&["a\"b"]);
    runs.add(&["a\"b"], 2.0);
    registry.counter("runs_total", "Runs.", &["kind"]).increment(&["z"]);
    registry.gauge("depth", "Keys that wait.", &[]).set(&[], 7.0);
    let took = registry.histogram("took_seconds", "Time.", &["name", "namespace"], &[0.1, 1.0]);
    for value in [0.05, 0.5, 5.0] {
        took.observe(&["x", "shop"], value);
    }
    took.observe(&["y", "shop"], 1.0);
    took.remove(&[("name", "y")]);
    registry.collect(|text| {
        text.family("live", "gauge", "Live.");
        text.sample("live", &[("k", "v")], 1.5);
    });
    let wanted = "\
# HELP runs_total Runs.
# TYPE runs_total counter
runs_total{kind=\"a\\\"b\"} 3
runs_total{kind=\"z\"} 1
# HELP depth Keys that wait.
# TYPE depth gauge
depth 7
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{name=\"x\",namespace=\"shop\",le=\"0.1\"} 1
took_seconds_bucket{name=\"x\",namespace=\"shop\",le=\"1\"} 2
took_seconds_bucket{name=\"x\",namespace=\"shop\",le=\"+Inf\"} 3
took_seconds_sum{name=\"x\",namespace=\"shop\"} 5.55
took_seconds_count{name=\"x\",namespace=\"shop\"} 3
# HELP live Live.
# TYPE live gauge
live{k=\"v\"} 1.5
";
    assert_eq!(registry.text(), wanted);
}

#[test]
fn buckets_grow_by_one_factor() {
    let buckets = exponential_buckets(0.01, 1_800.0, 10);
    assert_eq!(buckets.len(), 10);
    assert!((buckets[0] - 0.01).abs() < 1e-9 && (buckets[9] - 1_800.0).abs() < 1e-6);
}

/// INV-RES-11
#[test]
fn series_are_bounded() {
    let registry = Registry::default();
    let gauge = registry.gauge("g", "G.", &["name"]);
    for n in 0..30_000 {
        gauge.set(&[&n.to_string()], 1.0);
    }
    assert!(registry.text().lines().count() <= 20_002);
}

#[tokio::test]
async fn queues_and_clusters_stand_on_the_page() {
    let registry = Registry::default();
    let queue = crate::WorkQueue::<u8>::default();
    let cluster = super::fake::Fake::default().cluster();
    crate::collect_queue(&registry, "kustomization", &queue);
    crate::collect_queue(&registry, "gitrepository", &crate::WorkQueue::<u8>::default());
    crate::collect_cluster(&registry, &cluster);
    queue.add(1);
    let maps = belay_cluster::Resource::known("", "v1", "ConfigMap", "configmaps", true);
    assert!(cluster.find(&maps, "shop", "a").await.unwrap().is_none());
    let text = registry.text();
    // A family stands in one piece, or Prometheus refuses the page.
    let depths = "# TYPE workqueue_depth gauge\nworkqueue_depth{name=\"kustomization\"} 1\nworkqueue_depth{name=\"gitrepository\"} 0\n";
    assert!(text.contains(depths), "{text}");
    for line in [
        "workqueue_depth{name=\"kustomization\"} 1",
        "rest_client_requests_total{code=\"404\",host=\"fake\",method=\"GET\",resource=\"configmaps\",verb=\"get\"} 1",
        "belay_cluster_request_limit{host=\"fake\"} 16",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
}
