use std::cell::Cell;
use std::sync::Arc;

use belay_tree::{OverlayTree, Tree, TreePath};

use super::*;
use crate::tests::{config_map, path, tree};

fn counts(renders: u64, hits: u64, forgotten: u64) -> MemoCounts {
    MemoCounts { renders, hits, forgotten }
}

fn spec(dir: &str) -> RenderSpec {
    RenderSpec { dir: TreePath::new(dir).expect(dir), ..RenderSpec::default() }
}

/// `base` with other files laid over it, as a commit does.
fn commit(base: &Arc<dyn Tree>, files: &[(&str, &str)]) -> Arc<dyn Tree> {
    let mut overlay = OverlayTree::new(base.clone());
    for (name, content) in files {
        let (dir, file) = name.rsplit_once('/').unwrap_or(("", name));
        overlay = overlay.with(path(dir), tree(&[(file, content)]));
    }
    Arc::new(overlay)
}

#[test]
fn a_commit_that_touches_no_read_costs_no_render() {
    let base = tree(&[
        ("a/kustomization.yaml", "resources: [x.yaml, ../shared]\n"),
        ("a/x.yaml", &config_map("a")),
        ("b/x.yaml", &config_map("b")),
        ("shared/kustomization.yaml", "resources: [s.yaml]\n"),
        ("shared/s.yaml", &config_map("s")),
    ]);
    let memo = Memo::default();
    let first = memo.render(&spec("a"), &base).expect("renders");
    memo.render(&spec("b"), &base).expect("renders");
    assert_eq!(memo.counts(), counts(2, 0, 0));

    for (file, content, renders_a, renders_b) in [
        ("b/new.yaml", config_map("n"), 0, 1),
        ("a/not-listed.yaml", config_map("n"), 0, 0),
        ("shared/s.yaml", config_map("other"), 1, 0),
        ("a/kustomization.yml", "resources: []\n".into(), 1, 0),
        ("a/x.yaml", config_map("a"), 0, 0),
    ] {
        let next = commit(&base, &[(file, &content)]);
        for (dir, renders) in [("a", renders_a), ("b", renders_b)] {
            let memo = Memo::default();
            memo.render(&spec(dir), &base).expect("renders");
            assert_eq!(memo.known(&spec(dir), &next).is_some(), renders == 0, "{file} {dir}");
            let _ = memo.render(&spec(dir), &next);
            assert_eq!(memo.counts(), counts(1 + renders, 2 * (1 - renders), 0), "{file} {dir}");
        }
    }
    assert_eq!(memo.render(&spec("a"), &base).expect("remembered").digest, first.digest);
}

#[test]
fn every_field_of_a_spec_makes_another_render() {
    let files = tree(&[("a/x.yaml", &config_map("a")), ("a/Component", "")]);
    let memo = Memo::default();
    let base = spec("a");
    let specs = [
        base.clone(),
        RenderSpec { namespace: Some("n".into()), ..base.clone() },
        RenderSpec { name_prefix: Some("n".into()), ..base.clone() },
        RenderSpec { name_suffix: Some("n".into()), ..base.clone() },
        RenderSpec { images: vec![crate::Image { name: "n".into(), ..Default::default() }], ..base.clone() },
        RenderSpec { components: vec!["n".into()], ignore_missing_components: true, ..base.clone() },
        RenderSpec { ignore_missing_components: true, ..base.clone() },
        RenderSpec { build_metadata: vec!["originAnnotations".into()], ..base },
    ];
    for spec in &specs {
        memo.render(spec, &files).expect("renders");
    }
    assert_eq!(memo.counts(), counts(specs.len() as u64, 0, 0));
}

#[test]
fn a_failed_render_is_not_remembered() {
    let bad = tree(&[("a/x.yaml", "a: b: c\n")]);
    let memo = Memo::default();
    assert!(memo.render(&spec("a"), &bad).is_err());
    assert!(memo.render(&spec("a"), &bad).is_err());
    assert_eq!(memo.counts(), counts(2, 0, 0));
}

/// INV-RES-7: a panic ends one render.
#[test]
fn a_panic_is_the_error_of_its_render() {
    let files = tree(&[("a/x.yaml", &config_map("a"))]);
    let memo = Memo::default();
    let error =
        memo.render_by(spec("a").digest(), std::slice::from_ref(&files), |_| panic!("index {} out of bounds", 7));
    let error = error.expect_err("a panic");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Internal, "the renderer panicked: index 7 out of bounds")
    );
    assert!(memo.render(&spec("a"), &files).is_ok());
}

/// One object of 50 bytes of JSON.
fn made() -> Made {
    let object = belay_object::Object::new(belay_object::object! { "a" => "x".repeat(42) }).expect("a map");
    assert_eq!(object.value().to_json().len(), 50);
    Made {
        objects: vec![crate::RenderedObject { object, origin: None }],
        warnings: Vec::new(),
        renderer: "",
        lasts: true,
    }
}

#[test]
fn a_render_by_the_caller_counts_for_all_its_trees() {
    let [one, two, other] = ["1", "2", "3"].map(|content| tree(&[("x", content), ("y", content)]));
    let memo = Memo::default();
    let render = |trees: [&Arc<dyn Tree>; 2], lasts: bool| {
        let trees = trees.map(Clone::clone);
        let read = |trees: &[&dyn Tree]| {
            for tree in trees {
                tree.read(&path("x"))?;
            }
            Ok(Made { renderer: "mine", lasts, ..made() })
        };
        let rendered = memo.render_by(Digest::of(b"k"), &trees, read).expect("renders");
        assert_eq!((rendered.renderer, rendered.reads.len()), ("mine", 2));
        memo.counts().renders
    };
    assert_eq!(render([&one, &two], true), 1);
    assert_eq!(render([&one, &two], true), 1);
    assert!(memo.known_by(Digest::of(b"k"), &[one.clone(), two.clone()]).is_some());
    assert!(memo.known_by(Digest::of(b"k"), &[one.clone(), other.clone()]).is_none());
    let untouched = commit(&two, &[("z", "new")]);
    assert_eq!(render([&one, &untouched], true), 1);
    assert_eq!(render([&one, &other], false), 2);
    // One that used more than its key says is made again each time.
    assert_eq!(render([&one, &other], false), 3);
}

#[test]
fn the_memo_is_bounded_and_keeps_what_was_used_last() {
    let files = tree(&[("x", "")]);
    let memo = Memo::new(MemoLimits { entries: 4, bytes: 250 });
    let count = Cell::new(0);
    let render = |n: usize| {
        let before = count.get();
        let key = Digest::of(&[n as u8]);
        memo.render_by(key, std::slice::from_ref(&files), |trees| {
            trees[0].read(&path("x"))?;
            count.set(before + 1);
            Ok(made())
        })
        .expect("renders");
        count.get() > before
    };
    // Two renders of 100 bytes fit; of a third the objects of the oldest are forgotten.
    assert_eq!([1, 2, 1, 3, 1, 2].map(render), [true, true, false, true, false, true]);
    assert_eq!(memo.counts(), counts(4, 2, 1));
    // Five entries are one too many: the oldest goes.
    assert_eq!([4, 5].map(render), [true, true]);
    let state = memo.0.state.lock();
    assert_eq!((state.entries.len(), state.order.len(), state.held.len(), state.bytes), (4, 4, 2, 200));
    assert!(!state.entries.contains_key(&Digest::of(&[3])));
}

#[test]
fn threads_share_a_memo() {
    let files = tree(&[("a/x.yaml", &config_map("a")), ("b/x.yaml", &config_map("b"))]);
    let memo = Memo::new(MemoLimits { entries: 1, bytes: 1 << 20 });
    std::thread::scope(|scope| {
        for i in 0..8 {
            let (memo, files) = (memo.clone(), files.clone());
            scope.spawn(move || {
                for _ in 0..20 {
                    let dir = if i % 2 == 0 { "a" } else { "b" };
                    let rendered = memo.render(&spec(dir), &files).expect("renders");
                    assert_eq!(rendered.objects[0].object.name(), dir);
                }
            });
        }
    });
    let MemoCounts { renders, hits, .. } = memo.counts();
    assert_eq!(renders + hits, 160);
}
