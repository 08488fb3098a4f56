//! The adaptive limit under a paused clock.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::limit::{Class, Limiter, Outcome};

#[tokio::test(start_paused = true)]
async fn the_limit_grows_while_it_is_used_up() {
    let limiter = Limiter::new();
    let start = limiter.limit();
    for _ in 0..20 {
        let mut permits = Vec::new();
        for _ in 0..limiter.limit() {
            permits.push(limiter.acquire().await);
        }
        sleep(Duration::from_millis(5)).await;
        permits.into_iter().for_each(|p| p.finish(Outcome::Answered, Class::Read));
    }
    assert!(limiter.limit() > start + 5, "{}", limiter.limit());
}

#[tokio::test(start_paused = true)]
async fn the_limit_stays_where_it_is_not_used() {
    let limiter = Limiter::new();
    let start = limiter.limit();
    for _ in 0..1_000 {
        limiter.acquire().await.finish(Outcome::Answered, Class::Read);
    }
    assert_eq!(limiter.limit(), start);
}

#[tokio::test(start_paused = true)]
async fn a_429_holds_all_and_cuts_the_limit_once_a_second() {
    let limiter = Limiter::new();
    let start = limiter.limit() as f64;
    for _ in 0..10 {
        limiter.acquire_urgent().finish(Outcome::Throttled(Some(Duration::from_secs(3))), Class::Write);
    }
    assert_eq!(limiter.limit(), (start * 0.7) as usize);
    let began = Instant::now();
    drop(limiter.acquire().await);
    assert!(began.elapsed() >= Duration::from_secs(3));
    let began = Instant::now();
    drop(limiter.acquire().await);
    assert!(began.elapsed() < Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_slows_down_gets_less() {
    let limiter = Limiter::new();
    for _ in 0..50 {
        let permit = limiter.acquire().await;
        sleep(Duration::from_millis(10)).await;
        permit.finish(Outcome::Answered, Class::Write);
    }
    let before = limiter.limit();
    for _ in 0..20 {
        let permit = limiter.acquire().await;
        sleep(Duration::from_secs(3)).await;
        permit.finish(Outcome::Answered, Class::Write);
    }
    assert!(limiter.limit() < before, "{} < {before}", limiter.limit());
    assert!(limiter.limit() >= 2);
}

#[tokio::test(start_paused = true)]
async fn turns_are_given_in_order_and_lost_places_are_passed_on() {
    let limiter = Limiter::new();
    let mut held: Vec<_> = Vec::new();
    for _ in 0..limiter.limit() {
        held.push(limiter.acquire().await);
    }
    let order = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for n in 0..5 {
        let (limiter, order) = (limiter.clone(), order.clone());
        waiting.push(tokio::spawn(async move {
            let permit = limiter.acquire().await;
            order.lock().push(n);
            drop(permit);
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.waiting(), 5);
    waiting[1].abort();
    tokio::task::yield_now().await;
    held.pop();
    for task in waiting {
        let _ = task.await;
    }
    assert_eq!(*order.lock(), [0, 2, 3, 4]);
    held.clear();
    assert_eq!(limiter.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_place_is_lost_whoever_leaves_when() {
    let limiter = Limiter::new();
    let tasks = (0..64u64).map(|task| {
        let limiter = limiter.clone();
        tokio::spawn(async move {
            for round in 0..200u64 {
                let patience = Duration::from_micros((task * 7 + round * 13) % 50);
                if let Ok(permit) = tokio::time::timeout(patience, limiter.acquire()).await {
                    tokio::task::yield_now().await;
                    permit.finish(Outcome::Answered, Class::Write);
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(limiter.in_flight(), 0);
    // All places can be taken again.
    let all: Vec<_> = (0..limiter.limit()).map(|_| limiter.acquire()).collect();
    assert_eq!(futures::future::join_all(all).await.len(), limiter.in_flight());
}
