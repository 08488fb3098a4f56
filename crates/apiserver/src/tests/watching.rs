//! Watches: order, resumption, bookmarks, selections, falling behind.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn inv_api_1_a_watch_resumes_behind_any_version_without_loss_or_repetition() {
    let server = server();
    let mut versions = Vec::new();
    for name in ["a", "b", "c"] {
        versions.push(post(&server, CONFIG_MAPS, &config_map(name, "1")).await.at("/metadata/resourceVersion"));
    }
    delete(&server, &format!("{CONFIG_MAPS}/a"), "").await;
    let all = ["ADDED b", "ADDED c", "DELETED a"];
    for (i, version) in versions.iter().enumerate() {
        let mut watch = Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1&resourceVersion={version}")).await;
        assert_eq!(watch.names(3 - i).await, all[i..]);
    }
}

#[tokio::test]
async fn inv_api_1_a_watcher_that_fell_behind_is_ended_with_expired() {
    let server = server_with(short_history(4));
    let mut watch = Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1")).await;
    for i in 0..10 {
        post(&server, CONFIG_MAPS, &config_map(&format!("c{i}"), "1")).await.check(201, &[]);
    }
    let event = watch.next().await.unwrap();
    assert_eq!(event.str_at(&["type"]), Some("ERROR"));
    assert_eq!(event.str_at(&["object", "reason"]), Some("Expired"));
    assert_eq!(event.pointer("/object/code").unwrap().as_i64(), Some(410));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn bookmarks_move_an_idle_watch_along_with_the_whole_store() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&labelSelector=none");
    let mut watch = Lines::open(&server, &uri).await;
    let written = post(&server, "/api/v1/namespaces/shop/secrets", r#"{"metadata":{"name":"s"}}"#).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event.str_at(&["type"]), Some("BOOKMARK"));
    let version = event.str_at(&["object", "metadata", "resourceVersion"]).unwrap();
    assert_eq!(version, written.at("/metadata/resourceVersion"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_up() {
    let server = server();
    let mut watch = Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=5")).await;
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn inv_api_1_a_field_selection_sees_comings_and_goings() {
    let server = server();
    let secrets = "/api/v1/namespaces/shop/secrets";
    let mut watch = Lines::open(&server, &format!("{secrets}?watch=1&fieldSelector=metadata.name%3Da")).await;
    for name in ["a", "b"] {
        post(&server, secrets, &format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).await.check(201, &[]);
    }
    delete(&server, &format!("{secrets}/b"), "").await;
    delete(&server, &format!("{secrets}/a"), "").await;
    assert_eq!(watch.names(2).await, ["ADDED a", "DELETED a"]);
}

#[tokio::test]
async fn one_namespace_is_not_seen_from_another() {
    let server = server();
    let mut watch = Lines::open(&server, "/api/v1/namespaces/default/configmaps?watch=1").await;
    post(&server, CONFIG_MAPS, &config_map("elsewhere", "1")).await.check(201, &[]);
    let here = config_map("here", "1");
    post(&server, "/api/v1/namespaces/default/configmaps", &here).await.check(201, &[]);
    assert_eq!(watch.names(1).await, ["ADDED here"]);
}

#[tokio::test]
async fn metadata_and_tables_are_watched_in_their_shape() {
    let server = server();
    let request = |accept: &str| {
        Request::get(format!("{CONFIG_MAPS}?watch=1")).header("accept", accept).body(Full::<Bytes>::default()).unwrap()
    };
    let open = async |accept| Lines { body: server.answer(request(accept)).await.into_body(), rest: Vec::new() };
    let mut metadata = open("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").await;
    let mut table = open("application/json;as=Table;g=meta.k8s.io;v=v1").await;
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    merge(&server, &format!("{CONFIG_MAPS}/a"), r#"{"data":{"k":"2"}}"#).await.check(200, &[]);
    let event = metadata.next().await.unwrap();
    assert_eq!(event.str_at(&["object", "kind"]), Some("PartialObjectMetadata"));
    assert!(event.at(&["object", "data"]).is_none());
    let (first, second) = (table.next().await.unwrap(), table.next().await.unwrap());
    assert_eq!(first.pointer("/object/rows/0/cells/0").unwrap().as_str(), Some("a"));
    assert!(!first["object"]["columnDefinitions"].items().is_empty());
    assert!(second["object"]["columnDefinitions"].items().is_empty(), "columns are sent once");
}

#[tokio::test]
async fn initial_events_need_their_rule() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}?watch=1&sendInitialEvents=true");
    get(&server, &uri).await.check(422, &[("/details/causes/0/field", "resourceVersionMatch")]);
    let future = format!("{CONFIG_MAPS}?watch=1&resourceVersion=999999");
    get(&server, &future).await.check(504, &[("/details/causes/0/reason", "ResourceVersionTooLarge")]);
}

#[tokio::test]
async fn inv_api_1_many_writers_are_seen_in_one_order_by_all_watchers() {
    let server = server();
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1")).await);
    }
    let writers: Vec<_> = (0..4)
        .map(|w| {
            let server = server.clone();
            tokio::spawn(async move {
                for i in 0..50 {
                    let name = format!("{CONFIG_MAPS}/c{}", i % 5);
                    apply(
                        &server,
                        &format!("{name}?force=true"),
                        &config_map(&format!("c{}", i % 5), &format!("{w}-{i}")),
                    )
                    .await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut seen: Option<Vec<String>> = None;
    let last = get(&server, CONFIG_MAPS).await.at("/metadata/resourceVersion");
    for mut watch in watches {
        let mut versions = Vec::new();
        while versions.last() != Some(&last) {
            let event = watch.next().await.unwrap();
            versions.push(event.str_at(&["object", "metadata", "resourceVersion"]).unwrap().to_owned());
        }
        let numbers: Vec<u64> = versions.iter().map(|v| v.parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert_eq!(*seen.get_or_insert_with(|| versions.clone()), versions);
    }
}
