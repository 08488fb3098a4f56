//! Paths, symlinks, overlays and logs, each through one `check`.

use crate::*;
use std::sync::Arc;

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn tree(files: &[(&str, &str)], links: &[(&str, &str)]) -> MemoryTree {
    let mut builder = MemoryTree::builder();
    for (at, content) in files {
        builder.text(&path(at), content).unwrap();
    }
    for (at, target) in links {
        builder.symlink(&path(at), target).unwrap();
    }
    builder.build()
}

/// A file's text, or the error's kind.
fn read(tree: &dyn Tree, at: &str) -> String {
    match tree.read_file(&path(at)) {
        Ok(file) => file.text().unwrap().to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn inv_fs_1_a_path_cannot_leave_the_tree() {
    for good in ["", "a", "a/b.yaml", "..a/b..", "a b/ü", ".git"] {
        assert_eq!(TreePath::new(good).unwrap().as_str(), good);
    }
    for refused in ["/", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a\\b", "a\0b", "a\nb", "a\x7f"] {
        assert!(TreePath::new(refused).is_err(), "{refused:?}");
    }
    assert!(TreePath::new(&"a/".repeat(200)).is_err());
    assert!(TreePath::new(&"a".repeat(256)).is_err());
    assert!(TreePath::new(&["a"; 129].join("/")).is_err());
    assert!(TreePath::new(&["a"; 128].join("/")).unwrap().child("b").is_err());
}

#[test]
fn joined_paths_resolve_dots_and_stop_at_the_root() {
    let check = |base: &str, relative: &str, expected: Option<&str>| {
        let joined = path(base).join(relative);
        assert_eq!(joined.as_ref().ok().map(TreePath::as_str), expected, "{base} + {relative}");
    };
    check("a/b", "../c/./d/", Some("a/c/d"));
    check("a/b", "../..", Some(""));
    check("a/b", "../../..", None);
    check("", "./x//y", Some("x/y"));
    check("a", "/etc/passwd", None);
    check("a", "..\\b", None);
    assert!(path("a").join("../../x").unwrap_err().is_outside());
    assert_eq!(path("a/b/c").relative_to(&path("a/d")), "../b/c");
    assert_eq!(path("a").relative_to(&path("a")), ".");
    assert_eq!(path("a/bc").strip_prefix(&path("a/b")), None);
    assert_eq!(path("a/b").strip_prefix(&path("a/b")), Some(TreePath::root()));
}

#[test]
fn symlinks_are_followed_inside_the_root_only() {
    let tree = tree(
        &[("a/file", "A"), ("b/c/file", "C")],
        &[
            ("link", "a/file"),
            ("dirlink", "b"),
            ("b/c/up", "../../a"),
            ("b/chain", "c/up/file"),
            ("dangling", "nowhere"),
            ("loop1", "loop2"),
            ("loop2", "loop1"),
            ("out", "../outside"),
            ("absolute", "/etc/passwd"),
            ("b/sneaky", "c/../../../x"),
            ("b/nothing-then-out", "nowhere/../../../x"),
            ("through", "out/file"),
        ],
    );
    let check = |at: &str, expected: &str| assert_eq!(read(&tree, at), expected, "{at}");
    check("a/file", "A");
    check("link", "A");
    check("dirlink/c/file", "C");
    check("dirlink/c/up/file", "A");
    check("b/chain", "A");
    check("dangling", "NotFound");
    check("a/file/below", "NotFound");
    check("a", "IsDirectory");
    check("loop1", "TooManyLinks");
    check("loop1/x", "TooManyLinks");
    check("out", "Outside");
    check("absolute", "Outside");
    check("absolute/x", "Outside");
    check("b/sneaky", "Outside");
    check("b/nothing-then-out", "Outside");
    check("through", "Outside");
    assert_eq!(tree.list_dir(&path("dirlink")).unwrap().len(), 4);
    assert!(tree.is_dir(&path("b/c/up")).unwrap());
    assert_eq!(tree.list_dir(&path("link")).unwrap_err().kind(), ErrorKind::NotDirectory);
}

#[test]
fn inv_fs_3_a_link_out_of_the_tree_says_nothing_of_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("in")).unwrap();
    std::fs::write(folder.path().join("secret"), "canary").unwrap();
    std::os::unix::fs::symlink("../../secret", root.join("in/link")).unwrap();
    let tree = DirTree::open(&root, Limits::default()).unwrap();
    let existing = tree.read_file(&path("in/link")).unwrap_err().to_string();
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    let absent = tree.read_file(&path("in/link")).unwrap_err().to_string();
    assert_eq!(existing, absent);
    assert_eq!(existing, "in/link: a symlink leads out of the source");
}

#[test]
fn a_folder_on_disk_reads_as_the_same_files_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/f.yaml"), "x: 1\n").unwrap();
    std::os::unix::fs::symlink("b", folder.path().join("a/link")).unwrap();
    let disk = DirTree::open(folder.path(), Limits::default()).unwrap();
    let memory = tree(&[("a/b/f.yaml", "x: 1\n")], &[("a/link", "b")]);
    let places = ["", "a", "a/b", "a/b/f.yaml", "a/link", "a/none", "a/none/b/c", "a/b/f.yaml/x", "a/link/f.yaml"];
    for at in places {
        assert_eq!(disk.read(&path(at)).unwrap(), memory.read(&path(at)).unwrap(), "{at}");
        assert_eq!(disk.follow(&path(at)).unwrap(), memory.follow(&path(at)).unwrap(), "{at}");
        assert_eq!(disk.list(&path(at)).unwrap(), memory.list(&path(at)).unwrap(), "{at}");
    }
    assert_eq!(read(&disk, "a/link/f.yaml"), "x: 1\n");
    let small = DirTree::open(folder.path(), Limits { file_bytes: 3, ..Limits::default() }).unwrap();
    assert_eq!(read(&small, "a/b/f.yaml"), "TooLarge");
}

#[test]
fn layers_merge_directories_and_hide_what_they_replace() {
    let base = tree(&[("a/one", "base"), ("a/two", "base"), ("file", "base"), ("c/deep/x", "base")], &[]);
    let top = tree(&[("a/two", "top"), ("file/now-a-dir", "top"), ("c/deep", "top")], &[]);
    let included = tree(&[("y", "included")], &[]);
    let tree = OverlayTree::new(Arc::new(base.clone()))
        .with(TreePath::root(), Arc::new(top))
        .with(path("vendor/inc"), Arc::new(included));
    let check = |at: &str, expected: &str| assert_eq!(read(&tree, at), expected, "{at}");
    check("a/one", "base");
    check("a/two", "top");
    check("file", "IsDirectory");
    check("file/now-a-dir", "top");
    check("c/deep", "top");
    check("c/deep/x", "NotFound");
    check("vendor/inc/y", "included");
    check("vendor", "IsDirectory");
    let names = |at: &str| {
        let items = tree.list_dir(&path(at)).unwrap();
        items.iter().map(|item| item.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(""), "a c file vendor");
    assert_eq!(names("a"), "one two");
    assert_eq!(names("vendor"), "inc");
    assert_eq!(names("file"), "now-a-dir");
    let sub = SubTree::new(&tree, path("vendor"));
    assert_eq!(read(&sub, "inc/y"), "included");
    assert_eq!(base.dir_digest(&path("none")).unwrap(), None);
}

#[test]
fn untouched_directories_keep_their_digest_under_an_overlay() {
    let base = tree(&[("a/x", "1"), ("b/y", "2")], &[]);
    let overlay = OverlayTree::new(Arc::new(base.clone())).with(path("b"), Arc::new(tree(&[("z", "3")], &[])));
    let digest = |tree: &dyn Tree, at: &str| tree.dir_digest(&path(at)).unwrap().unwrap();
    assert_eq!(digest(&overlay, "a"), digest(&base, "a"));
    assert_ne!(digest(&overlay, "b"), digest(&base, "b"));
    assert_ne!(digest(&overlay, ""), digest(&base, ""));
}

/// Reads of a first tree; whether the log holds in the second.
fn check_log(before: &MemoryTree, reads: impl Fn(&dyn Tree), after: &MemoryTree, expected: bool) {
    let recorded = Recorded::new(before);
    reads(&recorded);
    let log = recorded.finish();
    assert!(log.still_holds(before), "a log holds in its own tree");
    assert_eq!(log.still_holds(after), expected, "{:?}", log.paths());
    // Without directory digests the answer is the same, only slower.
    struct Plain<'a>(&'a MemoryTree);
    impl Tree for Plain<'_> {
        fn read(&self, path: &TreePath) -> Result<Entry, Error> {
            self.0.read(path)
        }
        fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
            self.0.list(path)
        }
        fn dir_digest(&self, _: &TreePath) -> Result<Option<Digest>, Error> {
            Ok(None)
        }
    }
    assert_eq!(log.still_holds(&Plain(after)), expected);
}

#[test]
fn a_log_holds_while_every_answer_is_the_same() {
    let before = tree(&[("app/k.yaml", "k"), ("base/x.yaml", "x")], &[("app/base", "../base")]);
    let unrelated = tree(&[("app/k.yaml", "k"), ("base/x.yaml", "x"), ("other/y", "y")], &[("app/base", "../base")]);
    let edited = tree(&[("app/k.yaml", "k"), ("base/x.yaml", "X")], &[("app/base", "../base")]);
    let added = tree(&[("app/k.yaml", "k"), ("app/new", ""), ("base/x.yaml", "x")], &[("app/base", "../base")]);
    let relinked = tree(&[("app/k.yaml", "k"), ("base/x.yaml", "x")], &[("app/base", "../other")]);
    let through_link = |tree: &dyn Tree| assert_eq!(read(tree, "app/base/x.yaml"), "x");
    let own_file = |tree: &dyn Tree| assert_eq!(read(tree, "app/k.yaml"), "k");
    let listing = |tree: &dyn Tree| assert_eq!(tree.list_dir(&path("app")).unwrap().len(), 2);
    let absence = |tree: &dyn Tree| assert!(tree.find_file(&path("app/new")).unwrap().is_none());
    let existence = |tree: &dyn Tree| assert!(tree.is_dir(&path("app")).unwrap());
    for (reads, holds_in) in [
        (&through_link as &dyn Fn(&dyn Tree), [true, false, true, false]),
        (&own_file, [true, true, true, true]),
        (&listing, [true, true, false, true]),
        (&absence, [true, true, false, true]),
        (&existence, [true, true, true, true]),
    ] {
        for (after, expected) in [&unrelated, &edited, &added, &relinked].into_iter().zip(holds_in) {
            check_log(&before, reads, after, expected);
        }
    }
}

#[test]
fn a_log_with_a_failed_read_never_holds() {
    struct Broken;
    impl Tree for Broken {
        fn read(&self, path: &TreePath) -> Result<Entry, Error> {
            Err(Error::new(ErrorKind::Io, path))
        }
        fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
            Err(Error::new(ErrorKind::Io, path))
        }
        fn dir_digest(&self, _: &TreePath) -> Result<Option<Digest>, Error> {
            Ok(Some(Digest::of(b"")))
        }
    }
    let recorded = Recorded::new(Broken);
    assert!(recorded.read_file(&path("a")).is_err());
    assert!(!recorded.finish().still_holds(&Broken));
}

#[test]
fn equal_digest_proves_all_below_without_further_reads() {
    struct Counting(MemoryTree, std::sync::atomic::AtomicUsize);
    impl Tree for Counting {
        fn read(&self, path: &TreePath) -> Result<Entry, Error> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.read(path)
        }
        fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
            self.0.list(path)
        }
        fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
            self.0.dir_digest(path)
        }
    }
    let before = tree(&[("apps/a/x", "1"), ("apps/a/y", "2"), ("apps/b/x", "3")], &[]);
    let after = tree(&[("apps/a/x", "1"), ("apps/a/y", "2"), ("apps/b/x", "changed")], &[]);
    let recorded = Recorded::new(&before);
    read(&recorded, "apps/a/x");
    read(&recorded, "apps/a/y");
    let log = recorded.finish();
    let after = Counting(after, Default::default());
    assert!(log.still_holds(&after));
    assert_eq!(after.1.into_inner(), 0);
}

#[test]
fn a_walk_gives_every_file_once_within_its_budget() {
    let tree = tree(&[("b/c/d", ""), ("a", ""), ("b/a", "")], &[("l", "b")]);
    let walked = |limits: Limits| -> Result<Vec<String>, ErrorKind> {
        Walk::new(&tree, &TreePath::root(), &limits)
            .map(|item| item.map(|(path, _)| path.to_string()).map_err(|error| error.kind()))
            .collect()
    };
    assert_eq!(walked(Limits::default()).unwrap(), ["a", "b/a", "b/c/d", "l"]);
    assert_eq!(walked(Limits { walk_entries: 4, ..Limits::default() }), Err(ErrorKind::TooLarge));
}

#[test]
fn a_digest_reads_back_from_its_text() {
    for digest in [Digest::of(b"x"), Digest::from_git(&[7; 20]).unwrap(), Digest::from_git(&[8; 32]).unwrap()] {
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
    assert!("sha256:zz".parse::<Digest>().is_err());
    assert_eq!(Digest::from_git(&[1; 5]), None);
}
