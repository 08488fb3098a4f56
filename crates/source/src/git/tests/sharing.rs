//! Many who want the same repository; credentials; remotes that fail.

use super::*;
use crate::git_http::Fault;

const CANARY: &str = "s3cr3t-canary";

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_at_once_share_one_listing_and_one_fetch() {
    let rig = Rig::new().await;
    for i in 0..20 {
        rig.repo.commit(&format!("b{i}"), "first", &[("a", Some(&i.to_string()))]).unwrap();
    }
    let before = rig.server.faults().requests("");
    let fetches = (0..100).map(|i| {
        let (repositories, spec) = (rig.repositories.clone(), rig.spec(branch(&format!("b{}", i % 20))));
        tokio::spawn(async move { (i % 20, repositories.fetch(&spec, NOW).await.unwrap()) })
    });
    for fetch in fetches.collect::<Vec<_>>() {
        let (i, fetched) = fetch.await.unwrap();
        assert_eq!(read(&*fetched.tree, "a"), i.to_string());
    }
    // A turn takes three requests: greeting, listing, pack. Whoever asks while one runs shares the
    // next.
    let requests = rig.server.faults().requests("") - before;
    assert!(requests <= 30, "{requests} requests for 100 fetches");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_while_nothing_moves() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let count = || (rig.server.faults().requests("info/refs"), rig.server.faults().requests("git-upload-pack"));
    rig.fetch(branch("main")).await.unwrap();
    assert_eq!(count(), (1, 2));
    rig.fetch(branch("main")).await.unwrap();
    assert_eq!(count(), (2, 3));
    // A listing that is young enough is believed.
    rig.repositories.fetch(&rig.spec(branch("main")), Duration::from_secs(3600)).await.unwrap();
    assert_eq!(count(), (2, 3));
    // A branch that it does not have is asked for all the same.
    rig.repo.set_ref("refs/heads/new", "main").unwrap();
    rig.repositories.fetch(&rig.spec(branch("new")), Duration::from_secs(3600)).await.unwrap();
    assert_eq!(count(), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_held_clock_neither_times_out_nor_hides_a_push() {
    let rig = Rig::new().await;
    for i in 0..3 {
        rig.repo.commit("main", "next", &[("a", Some(&i.to_string()))]).unwrap();
        let fetched = rig.fetch(branch("main")).await.unwrap();
        assert_eq!(read(&*fetched.tree, "a"), i.to_string());
        if i == 1 {
            tokio::time::advance(Duration::from_secs(86_400)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_leaves_what_was_fetched_readable() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1")), ("d/b", Some("2"))]).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    for (path, skip, fault) in [
        ("info/refs", 0, Fault::Status(500)),
        ("info/refs", 0, Fault::Drop),
        ("git-upload-pack", 0, Fault::Status(503)),
        ("git-upload-pack", 1, Fault::Drop),
    ] {
        rig.server.faults().inject(path, skip, 1, fault.clone());
        let (kind, message) = kind(rig.fetch(branch("main")).await);
        assert_eq!(kind, ErrorKind::Unreachable, "{fault:?} {message}");
        assert_eq!((read(&*fetched.tree, "a"), read(&*fetched.tree, "d/b")), ("1".into(), "2".into()));
    }
    let healed = rig.fetch(branch("main")).await.unwrap();
    assert_eq!(read(&*healed.tree, "a"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_hangs_is_left_at_the_deadline() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    rig.server.faults().inject("", 0, 1, Fault::Hang);
    let spec = GitSpec { timeout: Duration::from_millis(300), ..rig.spec(branch("main")) };
    let (kind, message) = kind(rig.repositories.fetch(&spec, NOW).await);
    assert_eq!(kind, ErrorKind::Timeout, "{message}");
    assert!(message.ends_with("context deadline exceeded"), "{message}");
    assert!(rig.fetch(branch("main")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listening_is_told_as_such() {
    let rig = Rig::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = RemoteUrl::parse(&format!("http://127.0.0.1:{port}/x.git")).unwrap();
    let (kind, message) = kind(rig.repositories.fetch(&GitSpec { url, ..rig.spec(branch("main")) }, NOW).await);
    assert_eq!(kind, ErrorKind::Unreachable);
    assert!(message.to_lowercase().contains("refused"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_shown_and_never_told() {
    let rig = Rig::with(|server| {
        server.basic = Some(("me".to_owned(), CANARY.to_owned()));
        server.bearer = Some(format!("{CANARY}-token"));
    })
    .await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let basic = |password: &str| Credentials { basic: Some(("me".into(), secret(password))), ..Credentials::default() };
    let bearer = |token: &str| Credentials { bearer: Some(secret(token)), ..Credentials::default() };
    let fetch = async |credentials: Credentials| {
        let spec = GitSpec { credentials, ..rig.spec(branch("main")) };
        assert!(!format!("{spec:?} {:?}", rig.repositories).contains(CANARY));
        rig.repositories.fetch(&spec, NOW).await
    };
    assert!(fetch(basic(CANARY)).await.is_ok());
    assert!(fetch(bearer(&format!("{CANARY}-token"))).await.is_ok());
    for wrong in [Credentials::default(), basic(&format!("{CANARY}x")), bearer(&format!("{CANARY}x"))] {
        let (kind, message) = kind(fetch(wrong).await);
        assert_eq!(kind, ErrorKind::Unauthenticated, "{message}");
        assert!(message.ends_with("authentication required") && !message.contains(CANARY), "{message}");
    }
    let both = Credentials { bearer: Some(secret(CANARY)), ..basic(CANARY) };
    let (kind, message) = kind(fetch(both).await);
    assert_eq!(kind, ErrorKind::Credentials);
    assert!(!message.contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_net_2_a_redirected_remote_gets_no_credentials() {
    let closed = Rig::with(|server| server.basic = Some(("me".to_owned(), CANARY.to_owned()))).await;
    closed.repo.commit("main", "closed", &[("a", Some("closed"))]).unwrap();
    let open = Rig::new().await;
    open.repo.commit("main", "open", &[("a", Some("open"))]).unwrap();
    let credentials = Credentials { basic: Some(("me".into(), secret(CANARY))), ..Credentials::default() };
    let spec = |rig: &Rig| GitSpec { credentials: credentials.clone(), ..rig.spec(branch("main")) };
    let to = |rig: &Rig| Fault::Redirect(format!("http://{}", rig.server.address()));
    // To a server that lets all in, the redirect is followed, for the pack too.
    closed.server.faults().inject("info/refs", 0, 1, to(&open));
    let fetched = closed.repositories.fetch(&spec(&closed), NOW).await.unwrap();
    assert_eq!(read(&*fetched.tree, "a"), "open");
    // To one that wants the credentials, it fails: they are for the first one.
    open.server.faults().inject("info/refs", 0, 1, to(&closed));
    assert_eq!(kind(open.repositories.fetch(&spec(&open), NOW).await).0, ErrorKind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_net_7_a_pack_over_the_limit_is_refused() {
    let rig = Rig::new().await;
    let mut state = 1u64;
    let mut noise = String::new();
    while noise.len() < 100_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push(char::from(b' ' + (state >> 33) as u8 % 90));
    }
    rig.repo.commit("main", "first", &[("a", Some(&noise))]).unwrap();
    let options =
        RepositoriesOptions { pack_bytes: 10_000, ..RepositoriesOptions::new(rig.folder.path().join("small")) };
    let (kind, message) = kind(Repositories::new(options).unwrap().fetch(&rig.spec(branch("main")), NOW).await);
    assert_eq!(kind, ErrorKind::TooLarge, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_made_anew_before_it_has_too_many_packs() {
    let mut rig = Rig::new().await;
    let options = RepositoriesOptions { packs: 4, ..RepositoriesOptions::new(rig.folder.path().join("few")) };
    rig.repositories = Repositories::new(options).unwrap();
    let mut held = Vec::new();
    for i in 0..10 {
        rig.repo.commit("main", "next", &[("a", Some(&i.to_string())), (&format!("f{i}"), Some("x"))]).unwrap();
        held.push(rig.fetch(branch("main")).await.unwrap());
    }
    for (i, fetched) in held.iter().enumerate() {
        assert_eq!(read(&*fetched.tree, "a"), i.to_string());
    }
    let stores = || {
        let cache = std::fs::read_dir(rig.folder.path().join("few")).unwrap().next().unwrap().unwrap();
        std::fs::read_dir(cache.path()).unwrap().filter(|e| e.as_ref().unwrap().file_name() != "lock").count()
    };
    assert_eq!(stores(), 3, "while trees of older ones are held");
    drop(held);
    assert_eq!(stores(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_private_and_what_a_crash_left_is_removed() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    let cache = rig.folder.path().join("cache");
    let left = cache.join("git-99999-left");
    std::fs::create_dir_all(left.join("0")).unwrap();
    std::fs::write(left.join("lock"), "").unwrap();
    let other = Repositories::new(RepositoriesOptions::new(&cache)).unwrap();
    assert!(!left.exists());
    assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    // Those in use are left alone, and removed by their owner in the end.
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 2);
    drop(other);
    let Rig { repositories, .. } = rig;
    drop(repositories);
    assert_eq!(read(&*fetched.tree, "a"), "1");
    drop(fetched);
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
}
