use super::*;
use belay_tree::MemoryTree;

fn tree(files: &[(&str, &str)]) -> MemoryTree {
    let mut builder = MemoryTree::builder();
    for (path, text) in files {
        builder.text(&TreePath::new(path).expect("a path"), text).expect("a file");
    }
    builder.build()
}

#[test]
fn a_commit_to_another_folder_leaves_this_one_alone() {
    let before = tree(&[("one/a.yaml", "1"), ("two/a.yaml", "1")]);
    let after = tree(&[("one/a.yaml", "2"), ("two/a.yaml", "1")]);
    let is_same = |path: &str| Folder::of("url", path, &before).expect("a folder").is_same_in(&after);
    assert!(is_same("two"));
    assert!(is_same("./two/"));
    assert!(!is_same("one"));
    assert!(!is_same("."));
    assert!(!is_same("three"), "what was not there is not known to be the same");
    assert!(Folder::of("url", "../two", &before).is_none());
}
