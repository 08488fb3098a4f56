//! Trees with ignore files, seen through the filter.

use super::*;
use belay_tree::{MemoryTree, Walk};

fn filtered(files: &[(&str, &str)], ignore: Option<&str>) -> Filtered {
    let tree = MemoryTree::from_files(files.iter().copied()).unwrap();
    Filtered::new(Arc::new(tree), ignore, Arc::default())
}

fn check(files: &[(&str, &str)], ignore: Option<&str>, expected: &str) {
    let tree = filtered(files, ignore);
    let walked: Vec<String> =
        Walk::new(&tree, &TreePath::root(), &Limits::default()).map(|item| item.unwrap().0.to_string()).collect();
    assert_eq!(walked.join(" "), expected);
    // What a walk shows is what reading by path shows.
    for (path, _) in files {
        let shown = matches!(tree.read(&TreePath::new(path).unwrap()).unwrap(), Entry::File(_));
        assert_eq!(shown, walked.iter().any(|walked| walked == path), "{path}");
    }
}

const FILES: [(&str, &str); 6] =
    [("a.yaml", ""), ("logo.png", ""), (".gitignore", ""), ("d/b.yaml", ""), ("d/e/c.yaml", ""), ("z/x.md", "")];

#[test]
fn defaults_apply_until_there_is_a_pattern_anywhere() {
    check(&FILES, None, "a.yaml d/b.yaml d/e/c.yaml z/x.md");
    check(&FILES, Some(""), "a.yaml d/b.yaml d/e/c.yaml z/x.md");
    check(&FILES, Some("# only a comment"), "a.yaml d/b.yaml d/e/c.yaml z/x.md");
    check(&FILES, Some("*.md"), "a.yaml d/b.yaml d/e/c.yaml logo.png");
    let mut files = FILES.to_vec();
    files.push(("z/.sourceignore", "*.md"));
    check(&files, None, "a.yaml d/b.yaml d/e/c.yaml logo.png z/.sourceignore");
}

#[test]
fn a_file_of_patterns_speaks_for_its_directory_only() {
    let mut files = FILES.to_vec();
    files.push(("d/.sourceignore", "/b.yaml\nc.yaml\na.yaml"));
    check(&files, None, "a.yaml d/.sourceignore logo.png z/x.md");
    // The specification comes last, and so decides.
    check(&files, Some("!b.yaml"), "a.yaml d/.sourceignore d/b.yaml logo.png z/x.md");
}

#[test]
fn a_negated_pattern_brings_back_what_is_in_a_directory_left_out() {
    check(&FILES, Some("/*\n!/d"), "d/b.yaml d/e/c.yaml");
    check(&FILES, Some("/*\n!/d/e/c.yaml"), "d/e/c.yaml");
    let tree = filtered(&FILES, Some("/*\n!/d/e/c.yaml"));
    let stat = |path: &str| tree.stat(&TreePath::new(path).unwrap()).unwrap();
    assert_eq!((stat("d"), stat("d/e"), stat("z")), (Stat::Dir, Stat::Dir, Stat::Absent));
}

#[test]
fn digests_change_with_the_patterns_that_matter() {
    let digest = |files: &[(&str, &str)], ignore: Option<&str>, path: &str| {
        filtered(files, ignore).dir_digest(&TreePath::new(path).unwrap()).unwrap()
    };
    let mut other_above = FILES.to_vec();
    other_above.push((".sourceignore", "b.yaml"));
    let mut other_beside = FILES.to_vec();
    other_beside.push(("z/.sourceignore", "b.yaml"));
    let mut another_beside = FILES.to_vec();
    another_beside.push(("z/.sourceignore", "c.yaml"));
    assert_eq!(digest(&FILES, None, "d"), digest(&FILES, None, "d"));
    assert_ne!(digest(&FILES, None, "d"), digest(&FILES, Some("x"), "d"));
    assert_ne!(digest(&FILES, None, "d"), digest(&other_above, None, "d"));
    assert_eq!(digest(&other_beside, None, "d"), digest(&another_beside, None, "d"));
}

#[test]
fn a_known_tree_is_not_searched_again() {
    let known = Arc::new(KnownTrees::default());
    let tree: Arc<dyn Tree> = Arc::new(MemoryTree::from_files(FILES).unwrap());
    let first = Filtered::new(tree.clone(), None, known.clone());
    assert!(first.uses_defaults().unwrap());
    assert!(known.contains(&tree.dir_digest(&TreePath::root()).unwrap().unwrap()));
}
