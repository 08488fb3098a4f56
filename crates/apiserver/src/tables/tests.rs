//! Checks of printed cells.

use std::sync::Arc;

use belay_object::{Object, from_json_str};

use super::human_duration;
use crate::plugin::{Plugins, TableColumns};

/// 2026-01-01T00:00:00Z
const NOW: i64 = 1_767_225_600;

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).expect("test JSON")).expect("an object")
}

fn check(group: &str, json: &str, expected: &str) {
    let object = object(json);
    let columns: Arc<dyn TableColumns> = Plugins::standard().columns_of(group, object.kind()).expect("printed");
    let cells = columns.cells(&object, NOW);
    assert_eq!(cells.len(), columns.columns().len());
    let shown: Vec<String> = cells.iter().map(|v| v.as_str().map_or_else(|| v.to_json(), str::to_owned)).collect();
    assert_eq!(shown.join(" | "), expected);
}

#[test]
fn durations_get_coarser_with_age() {
    for (seconds, expected) in [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (192, "3m12s"),
        (600, "10m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (100_000, "27h"),
        (200_000, "2d7h"),
        (1_000_000, "11d"),
        (70_000_000, "2y80d"),
    ] {
        assert_eq!(human_duration(seconds), expected, "{seconds}");
    }
}

#[test]
fn workloads_show_ready_of_wanted() {
    check(
        "apps",
        r#"{"kind":"Deployment","metadata":{"name":"a","creationTimestamp":"2025-12-31T23:59:00Z"},
            "spec":{"replicas":2,"selector":{"matchLabels":{"app":"a"},"matchExpressions":[{"key":"b","operator":"In","values":["x","y"]}]},
            "template":{"spec":{"containers":[{"name":"c","image":"nginx:1"},{"name":"d","image":"x"}]}}},
            "status":{"readyReplicas":1,"updatedReplicas":2}}"#,
        "a | 1/2 | 2 | 0 | 60s | c,d | nginx:1,x | app=a,b in (x,y)",
    );
    check(
        "batch",
        r#"{"kind":"Job","metadata":{"name":"j"},"spec":{"completions":1,"template":{"spec":{}}},
            "status":{"succeeded":1,"startTime":"2025-12-31T23:00:00Z","completionTime":"2025-12-31T23:00:05Z",
            "conditions":[{"type":"Complete","status":"True"}]}}"#,
        "j | Complete | 1/1 | 5s | <unknown> |  |  | <none>",
    );
}

#[test]
fn a_pod_is_told_by_its_containers() {
    check(
        "",
        r#"{"kind":"Pod","metadata":{"name":"p"},"spec":{"nodeName":"n","containers":[{"name":"c"},{"name":"d"}]},
            "status":{"phase":"Running","podIP":"10.1.0.1","containerStatuses":[
              {"name":"c","ready":true,"restartCount":0,"state":{"running":{}}},
              {"name":"d","ready":false,"restartCount":2,"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}"#,
        "p | 1/2 | ImagePullBackOff | 2 | <unknown> | 10.1.0.1 | n | <none> | <none>",
    );
    check(
        "",
        r#"{"kind":"Pod","metadata":{"name":"p","deletionTimestamp":"2025-12-31T23:00:00Z"},"spec":{"containers":[{"name":"c"}]},
            "status":{"phase":"Running"}}"#,
        "p | 0/1 | Terminating | 0 | <unknown> | <none> | <none> | <none> | <none>",
    );
}

#[test]
fn a_service_shows_addresses_and_ports() {
    check(
        "",
        r#"{"kind":"Service","metadata":{"name":"s"},"spec":{"type":"LoadBalancer","clusterIP":"10.96.0.9","selector":{"a":"b"},
            "ports":[{"port":80,"nodePort":30001,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]},"status":{"loadBalancer":{}}}"#,
        "s | LoadBalancer | 10.96.0.9 | <pending> | 80:30001/TCP,53/UDP | <unknown> | a=b",
    );
}

#[test]
fn config_maps_count_and_events_name_their_object() {
    check("", r#"{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","b":"2"}}"#, "c | 2 | <unknown>");
    check(
        "",
        r#"{"kind":"Event","metadata":{"name":"e"},"type":"Normal","reason":"R","message":" m ",
            "involvedObject":{"kind":"Pod","name":"p"},"lastTimestamp":"2025-12-31T23:59:00Z","count":3}"#,
        "60s | Normal | R | pod/p |  |  | m | <unknown> | 3 | e",
    );
}
