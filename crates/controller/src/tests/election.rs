//! Leases under a paused clock.

use std::time::Duration;

use belay_object::object;
use tokio::time::{sleep, timeout};

use super::fake::Fake;
use crate::{Candidate, ElectionOptions, Leadership, Obstacle};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/flux-system/leases/belay";

fn candidate(fake: &Fake, identity: &str) -> Candidate {
    Candidate::start(fake.cluster(), ElectionOptions::new("flux-system", "belay", identity))
}
async fn within(candidate: &mut Candidate, seconds: u64) -> Option<Leadership> {
    timeout(Duration::from_secs(seconds), candidate.elected()).await.ok()
}
async fn wait(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
fn holder(fake: &Fake) -> String {
    fake.object(LEASE).str_at(&["spec", "holderIdentity"]).unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_renews_with_one_request_a_period() {
    let fake = Fake::default();
    let mut first = candidate(&fake, "one");
    let leadership = within(&mut first, 1).await.unwrap();
    let lease = fake.object(LEASE);
    assert_eq!(lease.at(&["spec", "leaseDurationSeconds"]).unwrap().as_i64(), Some(35));
    assert_eq!((holder(&fake).as_str(), leadership.epoch()), ("one", 0));
    let before = fake.log().len();
    wait(101).await;
    assert!(leadership.is_valid());
    assert_eq!(fake.log().len() - before, 20);
    assert!(fake.log()[before..].iter().all(|line| line.starts_with("PUT")));
    let mut second = candidate(&fake, "two");
    assert!(within(&mut second, 300).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_taken_within_a_period() {
    let fake = Fake::default();
    let mut first = candidate(&fake, "one");
    let leadership = within(&mut first, 1).await.unwrap();
    let mut second = candidate(&fake, "two");
    wait(20).await;
    first.resign().await;
    assert_eq!((leadership.is_valid(), holder(&fake).as_str()), (false, ""));
    let next = within(&mut second, 12).await.unwrap();
    assert_eq!((holder(&fake).as_str(), next.epoch()), ("two", 1));
}

/// INV-ACT-8: the old leader stops before the new one may start.
#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_takes_over() {
    let (fake, cut_off) = (Fake::default(), Fake::default());
    // Two ways to one store: the first candidate's breaks.
    let mut first = Candidate::start(fake.cluster(), ElectionOptions::new("flux-system", "belay", "one"));
    let old = within(&mut first, 1).await.unwrap();
    cut_off.0.lock().objects.clone_from(&fake.0.lock().objects);
    cut_off.0.lock().version = fake.0.lock().version;
    fake.0.lock().down = true;
    let mut second = Candidate::start(cut_off.cluster(), ElectionOptions::new("flux-system", "belay", "two"));
    let mut seconds = 0;
    let new = loop {
        wait(1).await;
        seconds += 1;
        if let Some(new) = timeout(Duration::ZERO, second.elected()).await.ok().filter(Leadership::is_valid) {
            break new;
        }
        assert!(seconds < 60, "nobody took over");
    };
    assert!(!old.is_valid(), "two leaders at once");
    assert!((35..60).contains(&seconds), "{seconds}");
    assert_eq!(new.epoch(), old.epoch() + 1);
    timeout(Duration::from_secs(1), old.lost()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_was_taken_stops_at_the_next_renewal() {
    let fake = Fake::default();
    let mut first = candidate(&fake, "one");
    let old = within(&mut first, 1).await.unwrap();
    {
        let mut state = fake.0.lock();
        state.version += 1;
        let version = state.version.to_string();
        let lease = state.objects.get_mut(LEASE).unwrap();
        lease.set(&["spec", "holderIdentity"], "thief");
        lease.set(&["metadata", "resourceVersion"], version);
    }
    timeout(Duration::from_secs(6), old.lost()).await.unwrap();
    assert!(!old.is_valid());
    assert_eq!(holder(&fake), "thief");
}

#[tokio::test(start_paused = true)]
async fn the_holder_of_an_old_lease_is_waited_for_by_our_own_clock() {
    let fake = Fake::default();
    let spec = object! { "holderIdentity" => "other", "leaseDurationSeconds" => 20, "renewTime" => "2001-01-01T00:00:00.000000Z" };
    let lease = object! { "metadata" => object! { "name" => "belay", "namespace" => "flux-system", "resourceVersion" => "0", "uid" => "u" }, "spec" => spec };
    fake.0.lock().objects.insert(LEASE.into(), lease);
    let mut first = candidate(&fake, "one");
    // Its renew time is long past, but the clocks of two machines are not compared.
    assert!(within(&mut first, 19).await.is_none());
    assert!(within(&mut first, 13).await.is_some());
}

#[tokio::test]
async fn who_competes_with_nobody_leads() {
    let leadership = Leadership::unopposed();
    assert!(leadership.check().is_ok());
    assert!(timeout(Duration::from_millis(1), leadership.lost()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_candidate_knows_what_keeps_it_from_leading() {
    let fake = Fake::default();
    fake.0.lock().down = true;
    let mut first = candidate(&fake, "one");
    assert_eq!(first.obstacle(), Obstacle::None);
    wait(6).await;
    let unanswered = Obstacle::Failed("get Lease/flux-system/belay on fake: no answer within 5 s".to_owned());
    assert_eq!(first.obstacle(), unanswered);
    fake.0.lock().down = false;
    let leadership = within(&mut first, 12).await.unwrap();
    assert_eq!(first.obstacle(), Obstacle::None);
    let mut second = candidate(&fake, "two");
    assert!(within(&mut second, 10).await.is_none());
    assert_eq!(second.obstacle(), Obstacle::HeldBy("one".to_owned()));
    // A leader whose server is gone knows that it was not taken over.
    fake.0.lock().down = true;
    leadership.lost().await;
    assert!(matches!(first.obstacle(), Obstacle::Failed(_)), "{:?}", first.obstacle());
}

#[test]
fn times_with_which_two_could_lead_at_once_are_refused() {
    let check = |lease: u64, deadline: u64, period: u64, expected: &str| {
        let mut options = ElectionOptions::new("flux-system", "belay", "one");
        options.lease_duration = Duration::from_secs(lease);
        options.renew_deadline = Duration::from_secs(deadline);
        options.retry_period = Duration::from_secs(period);
        assert_eq!(options.check().err().unwrap_or_default(), expected);
    };
    check(35, 30, 5, "");
    check(15, 30, 5, "the renew deadline (30 s) must be shorter than the lease duration (15 s)");
    check(15, 10, 9, "1.2 retry periods (9 s) must be shorter than the renew deadline (10 s)");
}
