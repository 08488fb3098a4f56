//! Watches that go on: streaming lists, paged lists, expiry, dead connections.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::fake::{Reply, cluster, ok, status};
use crate::{Cluster, ErrorKind, Follow, FollowEvent, FollowOptions, Resource, WatchEvent, WatchOptions};

type Lines = UnboundedSender<Result<String, &'static str>>;

pub(super) fn event(kind: &str, name: &str, version: u32) -> String {
    format!(
        r#"{{"type":"{kind}","object":{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"{name}","namespace":"shop","uid":"u-{name}","resourceVersion":"{version}"}}}}}}"#
    )
}
pub(super) fn bookmark(version: u32, end: bool) -> String {
    let mark = if end { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    format!(
        r#"{{"type":"BOOKMARK","object":{{"kind":"ConfigMap","metadata":{{"resourceVersion":"{version}"{mark}}}}}}}"#
    )
}
const EXPIRED: &str =
    r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}"#;

fn follow(cluster: &Cluster) -> Follow {
    let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
    cluster.follow(&maps, "", FollowOptions::default())
}

/// The next event in short: `+a`, `-a`, `restart`, `synced`, or the trouble's kind.
async fn next(follow: &mut Follow) -> String {
    match follow.next().await {
        FollowEvent::Restart => "restart".into(),
        FollowEvent::Applied(object) => format!("+{}", object.name()),
        FollowEvent::Deleted(object) => format!("-{}", object.name()),
        FollowEvent::Synced => "synced".into(),
        FollowEvent::Trouble(error) => format!("{:?}", error.kind()),
        FollowEvent::Recovered => "recovered".into(),
    }
}
async fn expect(follow: &mut Follow, wanted: &[&str]) {
    for wanted in wanted {
        assert_eq!(next(follow).await, *wanted);
    }
}

/// A server of streaming lists: each watch gets the next prepared script of lines and, where the
/// script says so, stays open through the sender that is kept.
#[derive(Clone, Default)]
pub(super) struct Scripts {
    pub open: Arc<Mutex<Vec<Lines>>>,
}
impl Scripts {
    pub fn stream(&self, lines: &[String]) -> Reply {
        let (sender, receiver) = unbounded_channel();
        lines.iter().for_each(|line| sender.send(Ok(line.clone())).unwrap());
        self.open.lock().push(sender);
        Reply::Stream(receiver)
    }
    pub fn send(&self, line: String) {
        self.open.lock().last().unwrap().send(Ok(line)).unwrap();
    }
    pub fn end(&self) {
        self.open.lock().clear();
    }
    pub fn cut(&self) {
        for sender in self.open.lock().drain(..) {
            let _ = sender.send(Err("connection reset"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_is_one_request() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, notes) =
        cluster(move |_, _| server.stream(&[event("ADDED", "a", 3), event("ADDED", "b", 4), bookmark(5, true)]));
    let mut follow = follow(&cluster);
    expect(&mut follow, &["restart", "+a", "+b", "synced"]).await;
    scripts.send(event("MODIFIED", "a", 6));
    scripts.send(event("DELETED", "b", 7));
    scripts.send(bookmark(8, false));
    expect(&mut follow, &["+a", "-b"]).await;
    let line = &notes.lines()[0];
    assert!(
        line.starts_with("GET /api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds="),
        "{line}"
    );
    assert_eq!(notes.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_or_breaks_goes_on_where_it_was() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, notes) = cluster(move |n, _| match n {
        0 => server.stream(&[bookmark(5, true)]),
        _ => server.stream(&[event("ADDED", "c", 10 + n as u32)]),
    });
    let mut follow = follow(&cluster);
    expect(&mut follow, &["restart", "synced"]).await;
    scripts.send(bookmark(9, false));
    scripts.end();
    expect(&mut follow, &["+c"]).await;
    assert!(notes.lines()[1].contains("&resourceVersion=9&"), "{}", notes.lines()[1]);
    assert!(!notes.lines()[1].contains("sendInitialEvents"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    scripts.cut();
    expect(&mut follow, &["+c"]).await;
    assert!(notes.lines()[2].contains("&resourceVersion=11&"));
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_is_listed_again() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, _) = cluster(move |n, _| match n {
        0 => server.stream(&[event("ADDED", "a", 3), bookmark(5, true)]),
        1 => status(410, "Expired"),
        _ => server.stream(&[event("ADDED", "b", 30), bookmark(31, true)]),
    });
    let mut follow = follow(&cluster);
    expect(&mut follow, &["restart", "+a", "synced"]).await;
    scripts.end();
    expect(&mut follow, &["restart", "+b", "synced"]).await;
    scripts.send(EXPIRED.into());
    expect(&mut follow, &["restart", "+b", "synced"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_streaming_lists_is_listed_in_pages_from_then_on() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, notes) = cluster(move |_, sent| match &sent.line {
        line if line.contains("sendInitialEvents") => status(422, "Invalid"),
        line if line.contains("watch=true") => server.stream(&[event("ADDED", "b", 12)]),
        line if line.contains("continue") => {
            ok(r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a2"}}]}"#)
        }
        _ => ok(
            r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9","continue":"x"},"items":[{"metadata":{"name":"a1"}}]}"#,
        ),
    });
    let mut first = follow(&cluster);
    expect(&mut first, &["restart", "+a1", "+a2", "synced", "+b"]).await;
    assert_eq!(notes.count("sendInitialEvents"), 1);
    let mut second = follow(&cluster);
    expect(&mut second, &["restart", "+a1"]).await;
    assert_eq!(notes.count("sendInitialEvents"), 1);
    assert_eq!(notes.count("&resourceVersion=9&"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_the_streaming_list_is_listed_after_a_while() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, _) = cluster(move |_, sent| match sent.line.contains("watch=true") {
        true => server.stream(&[event("ADDED", "a", 3)]),
        false => ok(r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[]}"#),
    });
    let mut follow = follow(&cluster);
    expect(&mut follow, &["restart", "+a", "restart", "synced"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_bookmarks_stop_is_dead() {
    let (cluster, _) = {
        let scripts = Scripts::default();
        let server = scripts.clone();
        cluster(move |_, _| server.stream(&[event("ADDED", "a", 1)]))
    };
    let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (with_bookmarks, _) = super::fake::cluster(move |_, _| server.stream(&[]));
    let options = WatchOptions { timeout_s: 3_600, ..Default::default() };
    let mut stream = with_bookmarks.watch(&maps, "", &options).await.unwrap();
    for version in 1..4 {
        scripts.send(bookmark(version, false));
        assert!(matches!(stream.next().await.unwrap(), Some(WatchEvent::Bookmark { .. })));
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let began = Instant::now();
    assert_eq!(stream.next().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(began.elapsed() <= Duration::from_secs(180), "{:?}", began.elapsed());
    // Where the server sends none, the watch's own length decides.
    let mut stream = cluster.watch(&maps, "", &options).await.unwrap();
    stream.next().await.unwrap();
    let began = Instant::now();
    assert_eq!(stream.next().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(began.elapsed().as_secs(), 3_615);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_cannot_be_opened_for_a_while_recovers() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, _) = cluster(move |n, _| match n {
        0 => server.stream(&[bookmark(5, true)]),
        1 => status(500, "InternalError"),
        _ => server.stream(&[event("ADDED", "a", 6)]),
    });
    let mut follow = follow(&cluster);
    expect(&mut follow, &["restart", "synced"]).await;
    scripts.end();
    expect(&mut follow, &["Internal", "recovered", "+a"]).await;
}

#[tokio::test(start_paused = true)]
async fn trouble_is_told_and_backed_off_from() {
    let (cluster, notes) = cluster(|_, _| status(403, "Forbidden"));
    let mut follow = follow(&cluster);
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(next(&mut follow).await, "Forbidden");
    }
    assert_eq!(notes.lines().len(), 20);
    assert!(began.elapsed() > Duration::from_secs(120), "{:?}", began.elapsed());
}
