//! Archives written, kept, served and read back.

use super::*;
use crate::{Error, ErrorKind, Fetched};
use belay_tree::{Digest, File, Limits, MemoryTree, Tree, TreePath, Walk};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn tree() -> MemoryTree {
    let path = |text: &str| TreePath::new(text).unwrap();
    let mut builder = MemoryTree::builder();
    builder.text(&path("b/c.yaml"), "kind: X\n").unwrap();
    builder.text(&path("a.yaml"), "").unwrap();
    builder.file(&path("run.sh"), File::new(*b"#!/bin/sh\n").with_executable(true)).unwrap();
    builder.symlink(&path("link"), "a.yaml").unwrap();
    builder.text(&path(&format!("long/{}/{}", "x".repeat(120), "y".repeat(120))), "long").unwrap();
    builder.build()
}

fn fetched(tree: MemoryTree) -> Fetched {
    Fetched { revision: "main@sha1:abc".to_owned(), tree: Arc::new(tree), commit: None, verified: None }
}

fn archive(tree: &dyn Tree) -> Vec<u8> {
    let mut out = Vec::new();
    write_archive(tree, &mut out, &ArchiveLimits::default()).unwrap();
    out
}

fn store(ttl: Duration) -> (tempfile::TempDir, ArtifactStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(folder.path().join("data"), ttl, 2).unwrap();
    (folder, store)
}

#[test]
fn an_archive_depends_on_nothing_but_the_tree() {
    let first = archive(&tree());
    assert_eq!(first, archive(&tree()));
    // A change of the format is a new digest of every artifact in every cluster: mean it.
    let digest = "sha256:62b8ac1fb55065a134e9654ae540febf87bf2e4f2e239e9cb3512a62af59ac14";
    assert_eq!(Digest::of(&first).to_string(), digest);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*first));
    let entries: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
            let path = entry.path().unwrap().to_string_lossy().chars().take(20).collect::<String>();
            format!("{path}:{:o}", header.mode().unwrap())
        })
        .collect();
    let expected = [
        "a.yaml:600",
        "b/:750",
        "b/c.yaml:600",
        "long/:750",
        "long/xxxxxxxxxxxxxxx:750",
        "long/xxxxxxxxxxxxxxx:600",
        "run.sh:700",
    ];
    assert_eq!(entries, expected);
}

#[test]
fn an_archive_unpacks_to_the_files_it_was_made_of() {
    let archive = archive(&tree());
    let digest = Digest::of(&archive).to_string();
    let unpacked = verify_and_unpack(&archive, &digest, &UnpackLimits::default()).unwrap();
    for item in Walk::new(&tree(), &TreePath::root(), &Limits::default()) {
        let (path, _) = item.unwrap();
        if path.as_str() != "link" {
            assert_eq!(unpacked.read(&path).unwrap(), tree().read(&path).unwrap(), "{path}");
        }
    }
    let error = verify_and_unpack(&archive[1..], &digest, &UnpackLimits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification);
}

/// A `tar.gz` of raw headers.
fn forged(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn inv_fs_6_an_archive_with_what_no_source_has_is_refused() {
    use tar::EntryType as T;
    let check = |entries: &[(&str, T, &[u8])], expected: Option<ErrorKind>| {
        let outcome = unpack(&*forged(entries), &UnpackLimits::default());
        assert_eq!(outcome.as_ref().err().map(Error::kind), expected, "{entries:?} {outcome:?}");
    };
    check(&[("./a", T::Regular, b"1"), ("./", T::Directory, b""), ("d/", T::Directory, b"")], None);
    check(&[("../a", T::Regular, b"1")], Some(ErrorKind::Hostile));
    check(&[("a/../../b", T::Regular, b"1")], Some(ErrorKind::Hostile));
    check(&[("/etc/a", T::Regular, b"1")], Some(ErrorKind::Hostile));
    check(&[("a\\b", T::Regular, b"1")], Some(ErrorKind::Hostile));
    check(&[("a", T::Symlink, b"")], Some(ErrorKind::Hostile));
    check(&[("a", T::Link, b"")], Some(ErrorKind::Hostile));
    check(&[("a", T::Char, b"")], Some(ErrorKind::Hostile));
    check(&[("a", T::Fifo, b"")], Some(ErrorKind::Hostile));
    check(&[("a", T::GNUSparse, b"")], Some(ErrorKind::Hostile));
    check(&[("a", T::Regular, b"1"), ("./a", T::Regular, b"2")], Some(ErrorKind::Hostile));
    check(&[("a", T::Regular, b"1"), ("a/b", T::Regular, b"2")], Some(ErrorKind::Tree));
    assert_eq!(unpack(&b"no gzip"[..], &UnpackLimits::default()).unwrap_err().kind(), ErrorKind::Hostile);
}

#[test]
fn inv_fs_7_an_archive_is_bounded_while_it_unpacks() {
    let limits = UnpackLimits { bytes: 100_000, file_bytes: 20_000, entries: 10, skip_symlinks: false };
    let check = |entries: &[(&str, tar::EntryType, &[u8])]| {
        assert_eq!(unpack(&*forged(entries), &limits).unwrap_err().kind(), ErrorKind::TooLarge);
    };
    let zeros = vec![0; 19_000];
    check(&[("bomb", tar::EntryType::Regular, &[0; 30_000])]);
    let names: Vec<String> = (0..11).map(|i| i.to_string()).collect();
    check(&names.iter().map(|name| (name.as_str(), tar::EntryType::Regular, &b""[..])).collect::<Vec<_>>());
    check(&names[..7].iter().map(|name| (name.as_str(), tar::EntryType::Regular, &*zeros)).collect::<Vec<_>>());
    let small = ArchiveLimits { bytes: 5, ..ArchiveLimits::default() };
    let error = write_archive(&tree(), Vec::new(), &small).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn sources_of_equal_content_share_one_file() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, store) = store(Duration::from_secs(60));
    let put = |name: &str| store.put("gitrepository", "default", name, "abc", &fetched(tree())).unwrap();
    let (one, two) = (put("one"), put("two"));
    assert_eq!((&one.digest, one.size), (&two.digest, two.size));
    assert_eq!(one.path, "gitrepository/default/one/abc.tar.gz");
    let inode = |artifact: &Artifact| std::fs::metadata(store.locate(&artifact.path).unwrap()).unwrap().ino();
    assert_eq!(inode(&one), inode(&two));
    store.remove("gitrepository", "default", "one").unwrap();
    store.remove("gitrepository", "default", "one").unwrap();
    assert!(!store.verify(&one).unwrap());
    assert!(store.verify(&two).unwrap());
    assert_eq!(put("one").digest, two.digest);
}

#[test]
fn inv_ver_4_a_spoilt_archive_is_found_removed_and_made_anew() {
    let (_folder, store) = store(Duration::from_secs(60));
    let put = || store.put("gitrepository", "default", "one", "abc", &fetched(tree())).unwrap();
    let artifact = put();
    let path = store.locate(&artifact.path).unwrap();
    let mut data = std::fs::read(&path).unwrap();
    data[20] ^= 1;
    std::fs::write(&path, data).unwrap();
    assert!(!store.verify(&artifact).unwrap());
    assert!(!path.exists());
    assert_eq!(put().digest, artifact.digest);
    assert!(store.verify(&artifact).unwrap());
}

#[test]
fn old_archives_go_and_the_one_in_use_stays() {
    let check = |ttl: Duration, age: Duration, expected: &[&str]| {
        let (_folder, store) = store(ttl);
        for (i, name) in ["one", "two", "three"].iter().enumerate() {
            let tree = MemoryTree::from_files([("a", i.to_string())]).unwrap();
            let artifact = store.put("gitrepository", "default", "x", name, &fetched(tree)).unwrap();
            let file = std::fs::File::open(store.locate(&artifact.path).unwrap()).unwrap();
            file.set_modified(SystemTime::now() - age + Duration::from_secs(i as u64)).unwrap();
        }
        let folder = store.locate("gitrepository/default/x").unwrap();
        let mut left: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, expected);
    };
    check(Duration::from_secs(60), Duration::from_secs(10), &["three.tar.gz", "two.tar.gz"]);
    check(Duration::from_secs(60), Duration::from_secs(600), &["three.tar.gz"]);
}

#[test]
fn inv_fs_8_names_cannot_lead_out_of_the_store() {
    let (_folder, store) = store(Duration::ZERO);
    for (kind, namespace, name, file) in [
        ("..", "a", "a", "a"),
        ("k", "../x", "a", "a"),
        ("k", "a", ".", "a"),
        ("k", "a", "a", "../../x"),
        ("k", "", "a", "a"),
    ] {
        let error = store.put(kind, namespace, name, file, &fetched(tree())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spec);
    }
    assert!(store.locate("../x").is_err() && store.locate("/x").is_err());
}

#[tokio::test]
async fn archives_are_served_and_nothing_else_is() {
    let (folder, store) = store(Duration::from_secs(60));
    std::fs::write(folder.path().join("secret"), "canary").unwrap();
    let artifact = store.put("gitrepository", "default", "one", "abc", &fetched(tree())).unwrap();
    let get = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let response = respond(&store, &request).await;
        let length = response.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
        (response.status(), length, response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, length, body) = get(Method::GET, &format!("/{}", artifact.path)).await;
    assert_eq!((status, length), (StatusCode::OK, Some(artifact.size.to_string())));
    assert_eq!(Digest::of(&body).to_string(), artifact.digest);
    let (status, _, body) = get(Method::HEAD, &format!("/{}", artifact.path)).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(get(Method::GET, "/").await.0, StatusCode::OK);
    assert_eq!(get(Method::POST, "/").await.0, StatusCode::METHOD_NOT_ALLOWED);
    for path in
        ["/nope", "/gitrepository", "/gitrepository/default/one/", "/../secret", "/%2e%2e/secret", "/..%2fsecret"]
    {
        let (status, _, body) = get(Method::GET, path).await;
        assert_eq!((status, &*body), (StatusCode::NOT_FOUND, &b"not found\n"[..]), "{path}");
    }
}

#[tokio::test]
async fn the_server_ends_when_it_is_told() {
    let (_folder, store) = store(Duration::from_secs(60));
    let store = Arc::new(store);
    let artifact = store.put("gitrepository", "default", "one", "abc", &fetched(tree())).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{}", listener.local_addr().unwrap(), artifact.path);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, store, async { drop(stopped.await) }));
    let client = belay_net::ClientOptions::default().build().unwrap();
    let response = client.get(&url).unwrap().send().await.unwrap();
    let body = response.read(1 << 20).await.unwrap();
    assert_eq!(Digest::of(&body).to_string(), artifact.digest);
    stop.send(()).unwrap();
    task.await.unwrap();
}

#[test]
fn a_file_that_came_in_pieces_is_kept_linked_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(folder.path(), Duration::from_secs(60), 2).unwrap();
    let keep = |name: &str, content: &str| {
        let mut draft = store.begin("helmrepository", "apps", "repo").unwrap();
        for piece in content.as_bytes().chunks(3) {
            draft.write(piece).unwrap();
        }
        assert_eq!(draft.size(), content.len() as u64);
        store.finish(draft, name, "sha256:1").unwrap()
    };
    let first = keep("index-1.yaml", "one index");
    assert_eq!(first.path, "helmrepository/apps/repo/index-1.yaml");
    assert_eq!(store.link(&first, "index.yaml").unwrap(), "helmrepository/apps/repo/index.yaml");
    assert_eq!(store.read(&first.path, &first.digest, 100).unwrap().unwrap(), b"one index");
    assert_eq!(store.read(&first.path, "sha256:other", 100).unwrap(), None);
    assert_eq!(store.read(&first.path, &first.digest, 3).unwrap_err().kind(), ErrorKind::TooLarge);
    let second = keep("index-2.yaml", "another");
    keep("index-3.yaml", "a third");
    let link = store.link(&second, "index.yaml").unwrap();
    assert_eq!(std::fs::read(store.locate(&link).unwrap()).unwrap(), b"another");
    assert!(store.verify(&second).unwrap());
    assert!(!store.verify(&first).unwrap(), "more than is kept");
    // What is begun and not finished leaves nothing.
    drop(store.begin("helmrepository", "apps", "repo").unwrap());
    let names = std::fs::read_dir(store.locate("helmrepository/apps/repo").unwrap()).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["index-2.yaml", "index-3.yaml", "index.yaml"]);
}
