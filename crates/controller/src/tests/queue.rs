//! The work queue and its driver under a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::{Next, QueueOptions, WorkQueue, run};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
fn plain() -> WorkQueue<&'static str> {
    WorkQueue::new(QueueOptions { jitter_percent: 0, ..Default::default() })
}
async fn take(queue: &WorkQueue<&'static str>) -> &'static str {
    queue.next().await.unwrap().key()
}
async fn nothing(queue: &WorkQueue<&'static str>, within: Duration) -> bool {
    timeout(within, queue.next()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_queued_once_and_worked_on_by_one() {
    let queue = plain();
    for _ in 0..3 {
        queue.add("a");
    }
    let job = queue.next().await.unwrap();
    assert_eq!(*job.key(), "a");
    queue.add("a");
    queue.add("a");
    assert!(nothing(&queue, s(100)).await);
    drop(job);
    assert_eq!(take(&queue).await, "a");
    assert!(nothing(&queue, s(100)).await);
    assert_eq!(queue.stats().runs, 2);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_several_delays_counts() {
    let queue = plain();
    let began = Instant::now();
    queue.add_after("a", s(60));
    queue.add_after("a", s(10));
    queue.add_after("a", s(30));
    assert_eq!(take(&queue).await, "a");
    assert_eq!(began.elapsed().as_secs(), 10);
    // The later ones were of the same key and are satisfied.
    assert!(nothing(&queue, s(1_000)).await);
}

#[tokio::test(start_paused = true)]
async fn a_run_satisfies_what_was_asked_before_it_and_not_what_is_asked_during_it() {
    let queue = plain();
    queue.add_after("a", s(60));
    queue.add("a");
    let job = queue.next().await.unwrap();
    assert_eq!(queue.due(&"a"), None);
    queue.add_after("a", s(20));
    drop(job);
    let began = Instant::now();
    assert_eq!(take(&queue).await, "a");
    assert_eq!(began.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_wakes_a_worker_that_waits_already() {
    let queue = plain();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { take(&queue).await }
    });
    sleep(s(1)).await;
    queue.add_after("later", s(50));
    queue.add_after("sooner", s(5));
    let began = Instant::now();
    assert_eq!(waiting.await.unwrap(), "sooner");
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn failures_of_a_key_double_its_pause_up_to_the_longest() {
    let queue = plain();
    let pauses: Vec<u128> = (0..13).map(|_| queue.retry("a").as_millis()).collect();
    assert_eq!(pauses[..4], [750, 1_500, 3_000, 6_000]);
    assert_eq!(pauses[12], 900_000);
    assert_eq!(queue.retry("b").as_millis(), 750);
    queue.forget(&"a");
    assert_eq!((queue.retry("a").as_millis(), queue.failures(&"a")), (750, 1));
    let spread = WorkQueue::new(QueueOptions { jitter_percent: 10, ..Default::default() });
    for key in 0..100 {
        let pause = spread.retry(key).as_millis();
        assert!((675..=825).contains(&pause), "{pause}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_groups_flood_does_not_delay_another() {
    let group = |key: &&str| u64::from(key.as_bytes()[0]);
    let queue = WorkQueue::new(QueueOptions { group: Box::new(group), ..Default::default() });
    for key in ["a1", "a2", "a3", "a4", "b1", "c1", "c2"] {
        queue.add(key);
    }
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(take(&queue).await);
    }
    assert_eq!(order, ["a1", "b1", "c1", "a2", "c2", "a3", "a4"]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_leaves_nothing() {
    let queue = plain();
    queue.add("a");
    queue.add_after("b", s(5));
    queue.retry("c");
    for key in ["a", "b", "c"] {
        queue.remove(&key);
    }
    assert!(nothing(&queue, s(100)).await);
    assert_eq!((queue.stats().ready, queue.stats().delayed, queue.failures(&"c")), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_lets_everybody_go() {
    let queue = plain();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await.is_none() })
        })
        .collect();
    sleep(s(1)).await;
    queue.close();
    for task in waiting {
        assert!(task.await.unwrap());
    }
    queue.add("a");
    assert!(queue.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn no_more_handlers_run_than_are_allowed() {
    let queue = WorkQueue::<u32>::default();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let done = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (running, most, done) = (running.clone(), most.clone(), done.clone());
        move |_| {
            let (running, most, done) = (running.clone(), most.clone(), done.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(s(1)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                Next::Done
            }
        }
    };
    (0..20).for_each(|key| queue.add(key));
    let driver = tokio::spawn(run(queue.clone(), 4, handler, |_, _| {}));
    sleep(s(10)).await;
    assert_eq!((most.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (4, 20));
    queue.close();
    driver.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handlers_word_decides_when_its_key_runs_again() {
    let queue = plain();
    let runs = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let kept = runs.clone();
    let handler = move |key: &'static str| {
        let kept = kept.clone();
        async move {
            kept.lock().push((began.elapsed().as_secs_f64(), key));
            let nth = kept.lock().iter().filter(|(_, k)| *k == key).count();
            match (key, nth) {
                ("fails", 1 | 2) => Next::Retry,
                ("again", 1) => Next::After(s(100)),
                _ => Next::Done,
            }
        }
    };
    ["fails", "again", "done"].into_iter().for_each(|key| queue.add(key));
    let driver = tokio::spawn(run(queue.clone(), 1, handler, |_, _| {}));
    sleep(s(1_000)).await;
    let times = |key: &str| -> Vec<f64> { runs.lock().iter().filter(|(_, k)| *k == key).map(|(t, _)| *t).collect() };
    let near = |all: Vec<f64>, wanted: &[f64]| {
        assert_eq!(all.len(), wanted.len(), "{all:?}");
        all.iter().zip(wanted).for_each(|(a, b)| assert!((a - b).abs() < 0.01, "{all:?}"));
    };
    near(times("fails"), &[0.0, 0.75, 2.25]);
    near(times("again"), &[0.0, 100.0]);
    near(times("done"), &[0.0]);
    driver.abort();
}

/// INV-RES-7
#[tokio::test(start_paused = true)]
async fn a_panic_stays_with_its_key_and_the_third_quarantines_it() {
    let queue = plain();
    let (told, runs) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (kept, counted) = (told.clone(), runs.clone());
    let handler = move |key: &'static str| {
        let counted = counted.clone();
        async move {
            if key == "poison" {
                counted.fetch_add(1, Ordering::SeqCst);
                panic!("unexpected {key}");
            }
            Next::After(s(1))
        }
    };
    let quarantined = move |key: &&'static str, message: &str| kept.lock().push(format!("{key}: {message}"));
    queue.add("poison");
    queue.add("well");
    let driver = tokio::spawn(run(queue.clone(), 2, handler, quarantined));
    sleep(s(100)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(*told.lock(), ["poison: unexpected poison"]);
    assert!(queue.is_quarantined(&"poison") && queue.stats().runs > 90);
    // Adds do not lift it; a change of the object does.
    queue.add("poison");
    sleep(s(10)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    queue.release(&"poison");
    queue.add("poison");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    driver.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_add_is_lost_and_no_key_runs_twice_at_once() {
    const KEYS: usize = 50;
    let queue = WorkQueue::<usize>::new(QueueOptions { group: Box::new(|k| *k as u64 % 7), ..Default::default() });
    let wanted: Arc<Vec<AtomicUsize>> = Arc::new((0..KEYS).map(|_| AtomicUsize::new(0)).collect());
    let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..KEYS).map(|_| AtomicUsize::new(0)).collect());
    let running: Arc<Vec<AtomicUsize>> = Arc::new((0..KEYS).map(|_| AtomicUsize::new(0)).collect());
    let handler = {
        let (wanted, seen, running) = (wanted.clone(), seen.clone(), running.clone());
        move |key: usize| {
            let (wanted, seen, running) = (wanted.clone(), seen.clone(), running.clone());
            async move {
                assert_eq!(running[key].fetch_add(1, Ordering::SeqCst), 0, "two at once");
                seen[key].store(wanted[key].load(Ordering::SeqCst), Ordering::SeqCst);
                tokio::task::yield_now().await;
                running[key].fetch_sub(1, Ordering::SeqCst);
                if key.is_multiple_of(3) { Next::After(Duration::from_micros(50)) } else { Next::Done }
            }
        }
    };
    let driver = tokio::spawn(run(queue.clone(), 8, handler, |key, why| panic!("{key}: {why}")));
    for round in 0..400 {
        for key in 0..KEYS {
            if (round + key) % 3 == 0 {
                wanted[key].fetch_add(1, Ordering::SeqCst);
                queue.add(key);
            }
        }
        tokio::task::yield_now().await;
    }
    let settled = async {
        while (0..KEYS).any(|k| seen[k].load(Ordering::SeqCst) != wanted[k].load(Ordering::SeqCst)) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(s(30), settled).await.unwrap();
    queue.close();
    driver.await.unwrap();
    assert_eq!((queue.stats().panics, queue.stats().running), (0, 0));
}
