//! What of a commit is seen: ignored files, sparse checkouts, includes, submodules, links.

use super::*;
use belay_tree::{Digest, Entry, ErrorKind as TreeKind, MemoryTree, SubTree};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn ignore_rules_are_those_of_the_tree_and_the_specification() {
    let rig = Rig::new().await;
    let add = [("a.yaml", Some("")), ("logo.png", Some("")), ("d/b.yaml", Some("")), (".gitignore", Some("*"))];
    rig.repo.commit("main", "first", &add).unwrap();
    let spec = |ignore: Option<&str>| GitSpec { ignore: ignore.map(str::to_owned), ..rig.spec(branch("main")) };
    let seen = async |ignore: Option<&str>| files(&*rig.repositories.fetch(&spec(ignore), NOW).await.unwrap().tree);
    assert_eq!(seen(None).await, "a.yaml d/b.yaml");
    assert_eq!(seen(Some("/*\n!/d")).await, "d/b.yaml");
    rig.repo.commit("main", "second", &[("d/.sourceignore", Some("b.yaml\n"))]).unwrap();
    assert_eq!(seen(None).await, "a.yaml d/.sourceignore logo.png");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sparse_checkout_shows_its_directories_only() {
    let rig = Rig::new().await;
    let add = [("root", Some("")), ("apps/a/x", Some("1")), ("apps/b/x", Some("2")), ("apps2/x", Some("3"))];
    rig.repo.commit("main", "first", &add).unwrap();
    let spec = |dirs: &[&str]| GitSpec {
        sparse_checkout: dirs.iter().map(|dir| (*dir).to_owned()).collect(),
        ..rig.spec(branch("main"))
    };
    let seen =
        async |dirs: &[&str]| rig.repositories.fetch(&spec(dirs), NOW).await.map(|fetched| files(&*fetched.tree));
    assert_eq!(seen(&["apps"]).await.unwrap(), "apps/a/x apps/b/x");
    assert_eq!(seen(&["./apps/b/", "apps2"]).await.unwrap(), "apps/b/x apps2/x");
    let (missing, message) = kind(seen(&["apps/none"]).await);
    assert_eq!(missing, ErrorKind::PathNotFound, "{message}");
    for outside in ["../x", "/etc", "a\\b"] {
        assert_eq!(kind(seen(&[outside]).await).0, ErrorKind::Spec, "{outside}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn included_trees_are_laid_over_the_commit() {
    let rig = Rig::new().await;
    rig.repo
        .commit("main", "first", &[("a", Some("own")), ("vendor/b", Some("own")), ("vendor/c", Some("own"))])
        .unwrap();
    let other: Arc<dyn Tree> =
        Arc::new(MemoryTree::from_files([("deploy/b", "theirs"), ("deploy/x.png", "")]).unwrap());
    let spec = |from: &str| GitSpec {
        include: vec![Include {
            tree: other.clone(),
            from: TreePath::new(from).unwrap(),
            to: TreePath::new("vendor").unwrap(),
        }],
        ..rig.spec(branch("main"))
    };
    let fetched = rig.repositories.fetch(&spec("deploy"), NOW).await.unwrap();
    // Ignore rules are for the whole.
    assert_eq!(files(&*fetched.tree), "a vendor/b vendor/c");
    assert_eq!((read(&*fetched.tree, "vendor/b"), read(&*fetched.tree, "vendor/c")), ("theirs".into(), "own".into()));
    assert_eq!(kind(rig.repositories.fetch(&spec("none"), NOW).await).0, ErrorKind::PathNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_stand_in_their_places() {
    let rig = Rig::new().await;
    let lib = TestRepo::init(rig.folder.path().join("served/lib.git")).unwrap();
    let deep = TestRepo::init(rig.folder.path().join("served/deep.git")).unwrap();
    let deep_id = deep.commit("main", "deep", &[("z", Some("deep"))]).unwrap();
    lib.commit(
        "main",
        "lib",
        &[("y", Some("lib")), (".gitmodules", Some("[submodule \"d\"]\n\tpath = d\n\turl = ../deep.git\n"))],
    )
    .unwrap();
    let lib_id = lib.commit_entries("main", "with deep", &format!("160000 {deep_id}\td\n")).unwrap();
    let modules = format!(
        "[submodule \"lib\"]\n\tpath = libs/one\n\turl = {}\n[submodule \"gone\"]\n\tpath = gone\n\turl = ../gone.git\n",
        rig.server.url("lib.git")
    );
    rig.repo.commit("main", "first", &[("x", Some("own")), (".gitmodules", Some(&modules))]).unwrap();
    rig.repo.commit_entries("main", "with lib", &format!("160000 {lib_id}\tlibs/one\n")).unwrap();
    let spec = |recurse_submodules| GitSpec { recurse_submodules, ..rig.spec(branch("main")) };
    let with = rig.repositories.fetch(&spec(true), NOW).await.unwrap();
    assert_eq!(files(&*with.tree), "libs/one/d/z libs/one/y x");
    assert_eq!(read(&*with.tree, "libs/one/d/z"), "deep");
    let without = rig.repositories.fetch(&spec(false), NOW).await.unwrap();
    assert_eq!(files(&*without.tree), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submodule_that_names_a_folder_is_refused() {
    let rig = Rig::new().await;
    let id = rig.repo.commit("main", "first", &[("x", Some("own"))]).unwrap();
    let modules = format!("[submodule \"l\"]\n path = l\n url = file://{}\n", rig.repo.path().display());
    rig.repo.commit("main", "modules", &[(".gitmodules", Some(&modules))]).unwrap();
    rig.repo.commit_entries("main", "link", &format!("160000 {id}\tl\n")).unwrap();
    let spec = GitSpec { recurse_submodules: true, ..rig.spec(branch("main")) };
    assert_eq!(kind(rig.repositories.fetch(&spec, NOW).await).0, ErrorKind::Hostile);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_fs_2_symlinks_stay_inside_the_tree() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("d/file", Some("inside"))]).unwrap();
    let link = |target: &str| rig.repo.blob(target.as_bytes()).unwrap();
    let lines = format!(
        "120000 {}\tgood\n120000 {}\td/out\n120000 {}\tabsolute\n",
        link("d/file"),
        link("../../x"),
        link("/etc/passwd")
    );
    rig.repo.commit_entries("main", "links", &lines).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    assert_eq!(read(&*fetched.tree, "good"), "inside");
    assert_eq!(read(&*fetched.tree, "d/out"), "Outside");
    assert_eq!(read(&*fetched.tree, "absolute"), "Outside");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_fs_4_trees_with_names_of_no_honest_tree_are_refused() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let blob = rig.repo.blob(b"x").unwrap();
    let raw: Vec<u8> = (0..40).step_by(2).map(|i| u8::from_str_radix(&blob[i..i + 2], 16).unwrap()).collect();
    for name in ["..", ".", ".git", ".GIT", ".git ", "git~1", ".g\u{200c}it", "a/b", ".git::$INDEX_ALLOCATION"] {
        let mut tree = format!("100644 {name}\0").into_bytes();
        tree.extend_from_slice(&raw);
        let tree =
            rig.repo.git_with(&["hash-object", "-w", "--literally", "-t", "tree", "--stdin"], &[], &tree).unwrap();
        rig.repo.commit_tree("refs/heads/bad", None, "bad", &tree).unwrap();
        let fetched = rig.fetch(branch("bad")).await.unwrap();
        let listed = fetched.tree.list_dir(&TreePath::root());
        assert_eq!(listed.unwrap_err().kind(), TreeKind::Hostile, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_directories_keep_their_digest_between_commits() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a/x", Some("1")), ("b/y", Some("1"))]).unwrap();
    let digest = async |dir: &str| -> Digest {
        let fetched = rig.fetch(branch("main")).await.unwrap();
        fetched.tree.dir_digest(&TreePath::new(dir).unwrap()).unwrap().unwrap()
    };
    let (a, b) = (digest("a").await, digest("b").await);
    rig.repo.commit("main", "second", &[("b/y", Some("2"))]).unwrap();
    assert_eq!(digest("a").await, a);
    assert_ne!(digest("b").await, b);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_refused_when_it_is_read_and_not_before() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("small", Some("1"))]).unwrap();
    let blob = rig.repo.blob(&vec![0; 33 << 20]).unwrap();
    rig.repo.commit_entries("main", "large", &format!("100644 {blob}\tlarge.bin\n")).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    assert_eq!(read(&*fetched.tree, "small"), "1");
    assert_eq!(read(&*fetched.tree, "large.bin"), "TooLarge");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_archived_but_not_rendered() {
    let rig = Rig::new().await;
    let large = "x".repeat((32 << 20) + 1);
    rig.repo.commit("main", "first", &[("d/large.yaml", Some(&large)), ("d/small.yaml", Some("a: b\n"))]).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    let path = TreePath::new("d/large.yaml").unwrap();
    let Err(error) = fetched.tree.read(&path) else { panic!("it is refused") };
    assert_eq!(error.to_string(), "d/large.yaml: larger than allowed: it has 33554433 bytes, the limit is 33554432");
    let sub = SubTree::new(fetched.tree.clone(), TreePath::new("d").unwrap());
    let overlay = belay_tree::OverlayTree::new(Arc::new(sub));
    let Entry::File(file) = overlay.read_whole(&TreePath::new("large.yaml").unwrap()).unwrap() else { panic!() };
    assert_eq!(file.content.len(), large.len());
    let mut archive = Vec::new();
    crate::artifact::write_archive(&*fetched.tree, &mut archive, &crate::artifact::ArchiveLimits::default()).unwrap();
    assert!(archive.len() > 10_000);
}
