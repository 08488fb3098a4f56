//! The fault injector.

use std::time::Duration;

use super::*;
use crate::faults::{Fault, FaultRule};

#[tokio::test]
async fn an_injected_status_happens_before_or_after_the_deed() {
    let server = server();
    server.faults().add(FaultRule::nth("POST", CONFIG_MAPS, 1, Fault::Status(429)));
    let refused = post(&server, CONFIG_MAPS, &config_map("a", "1")).await;
    refused.check(429, &[("/reason", "TooManyRequests")]);
    assert_eq!(refused.headers.get("retry-after").unwrap(), "1");
    get(&server, &format!("{CONFIG_MAPS}/a")).await.check(404, &[]);
    server.faults().clear();
    server.faults().add(FaultRule::nth("POST", CONFIG_MAPS, 1, Fault::StatusAfter(500)));
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(500, &[]);
    get(&server, &format!("{CONFIG_MAPS}/a")).await.check(200, &[]);
    let shown = get(&server, "/debug/belay/faults").await;
    shown.check(200, &[("/0/struck", "1"), ("/0/method", "POST")]);
}

#[tokio::test]
async fn a_dropped_connection_has_no_answer() {
    let server = server();
    server.faults().add(FaultRule::always("GET", CONFIG_MAPS, Fault::Drop));
    let request = Request::get(CONFIG_MAPS).body(Full::<Bytes>::default()).unwrap();
    let mut body = server.answer(request).await.into_body();
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_cut_while_it_runs() {
    let server = server();
    server.faults().add(FaultRule::always("WATCH", "", Fault::DropWatch(Duration::from_secs(3))));
    let mut watch = Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1")).await;
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    assert_eq!(watch.names(1).await, ["ADDED a"]);
    assert!(watch.next().await.is_none());
}
