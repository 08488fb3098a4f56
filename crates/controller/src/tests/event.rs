//! Events: counted instead of repeated, and never in the way.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::fake::Fake;
use crate::{Event, EventKind, EventSink, Involved, Recorder};

const PATIENCE: Duration = Duration::from_secs(60);

fn event(name: &str, message: &str, second: i64) -> Event {
    Event {
        involved: Involved {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: "shop".into(),
            name: name.into(),
            uid: format!("u-{name}"),
            resource_version: "1".into(),
        },
        kind: EventKind::Normal,
        reason: "Applied".into(),
        message: message.into(),
        annotations: vec![("example.com/revision".into(), "main@sha1:1".into())],
        component: "belay".into(),
        trace: false,
        at: Timestamp::from_second(second).unwrap(),
    }
}
/// The Events in the cluster: `count message`.
fn stored(fake: &Fake) -> Vec<String> {
    let state = fake.0.lock();
    let mut all: Vec<String> = state
        .objects
        .values()
        .map(|e| format!("{} {}", e.get("count").unwrap().as_i64().unwrap(), e.str_at(&["message"]).unwrap()))
        .collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn the_same_event_again_raises_a_count() {
    let fake = Fake::default();
    let recorder = Recorder::start(fake.cluster(), Vec::new());
    for second in 100..103 {
        recorder.record(event("a", "well done", second));
    }
    recorder.record(event("b", "well done", 200));
    recorder.flush(PATIENCE).await;
    assert_eq!(stored(&fake), ["1 well done", "3 well done"]);
    let state = fake.0.lock();
    let first = state.objects.values().find(|e| e.str_at(&["involvedObject", "name"]) == Some("a")).unwrap();
    assert_eq!(first.str_at(&["firstTimestamp"]), Some("1970-01-01T00:01:40Z"));
    assert_eq!(first.str_at(&["lastTimestamp"]), Some("1970-01-01T00:01:42Z"));
    assert_eq!(first.str_at(&["metadata", "annotations", "example.com/revision"]), Some("main@sha1:1"));
    assert_eq!(first.str_at(&["involvedObject", "uid"]), Some("u-a"));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_expired_is_written_anew_with_its_count() {
    let fake = Fake::default();
    let recorder = Recorder::start(fake.cluster(), Vec::new());
    recorder.record(event("a", "m", 1));
    recorder.flush(PATIENCE).await;
    fake.0.lock().objects.clear();
    recorder.record(event("a", "m", 2));
    recorder.record(event("a", "m", 3));
    recorder.flush(PATIENCE).await;
    assert_eq!(stored(&fake), ["3 m"]);
}

#[tokio::test(start_paused = true)]
async fn many_similar_events_are_combined_and_an_objects_flood_is_cut() {
    let fake = Fake::default();
    let recorder = Recorder::start(fake.cluster(), Vec::new());
    for n in 0..40 {
        recorder.record(event("a", &format!("try {n:02}"), 100 + n));
    }
    recorder.flush(PATIENCE).await;
    let all = stored(&fake);
    assert_eq!(all.len(), 11);
    // Twenty-five writes are the object's budget: ten of their own, fifteen combined.
    assert!(all.contains(&"15 (combined from similar events): try 24".to_owned()), "{all:?}");
    assert_eq!((recorder.stats().written, recorder.stats().dropped), (25, 15));
    // An hour later there is budget for twelve more.
    recorder.record(event("a", "later", 100 + 3_700));
    recorder.flush(PATIENCE).await;
    assert!(stored(&fake).contains(&"1 later".to_owned()));
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);
impl EventSink for Notes {
    fn take(&self, event: &Event) {
        self.0.lock().push(event.message.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn recording_never_waits_and_sinks_get_all_but_traces() {
    let fake = Fake::default();
    fake.0.lock().down = true;
    let notes = Notes::default();
    let recorder = Recorder::start(fake.cluster(), vec![Box::new(notes.clone())]);
    for n in 0..10_000 {
        recorder.record(Event { trace: n % 2 == 1, ..event("o", &n.to_string(), n) });
    }
    assert_eq!(notes.0.lock().len(), 5_000);
    // One object's flood fills the channel of its own writer alone.
    assert_eq!((recorder.stats().recorded, recorder.stats().dropped), (10_000, 10_000 - 2_048));
}

#[tokio::test(start_paused = true)]
async fn a_long_message_is_cut_between_characters() {
    let fake = Fake::default();
    let recorder = Recorder::start(fake.cluster(), Vec::new());
    recorder.record(event("a", &"ä".repeat(1_000), 1));
    recorder.flush(PATIENCE).await;
    let message = &stored(&fake)[0]["1 ".len()..];
    assert!(message.len() <= 1_024 && message.ends_with("ä..."), "{}", message.len());
}
