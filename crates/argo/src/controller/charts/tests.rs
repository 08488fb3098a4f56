use belay_tree::MemoryTree;

use super::registry::is_range;
use super::*;

fn check(chart: &str, revision: &str, expected: bool) {
    let source = Source { chart: chart.to_owned(), ..Source::default() };
    assert_eq!(is_fixed(&source, revision), expected, "{chart} {revision}");
}

#[test]
fn a_version_of_a_chart_and_a_digest_never_become_others() {
    check("web", "1.2.3", true);
    check("web", "v1.2.3", true);
    check("web", "1.x", false);
    check("web", "*", false);
    check("web", "", false);
    check("", "latest", false);
    check("", "1.2.3", false);
    check("", &format!("sha256:{}", "0".repeat(64)), true);
}

#[test]
fn what_is_no_tag_is_a_range() {
    for (revision, expected) in
        [("", true), ("*", true), ("~1.2", true), (">=1 <2", true), ("1.x", true), ("1.2.3", false), ("latest", false)]
    {
        assert_eq!(is_range(revision), expected, "{revision}");
    }
}

#[test]
fn what_was_unpacked_is_kept_up_to_a_limit() {
    let mut kept = Kept::default();
    let key = |i: u8| Digest::of(&[i]);
    let tree = || Arc::new(MemoryTree::builder().build()) as Arc<dyn Tree>;
    for i in 0..3 {
        kept.put(key(i), tree(), MOST_KEPT_BYTES / 3);
    }
    assert!(kept.get(&key(0)).is_some());
    kept.put(key(3), tree(), MOST_KEPT_BYTES / 3);
    let has = |kept: &mut Kept, i| kept.get(&key(i)).is_some();
    assert_eq!((0..4).map(|i| has(&mut kept, i)).collect::<Vec<_>>(), [true, false, true, true]);
    kept.put(key(4), tree(), MOST_KEPT_BYTES * 2);
    assert!(has(&mut kept, 4), "the newest stays whatever its size");
}
