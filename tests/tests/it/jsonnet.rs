//! The jsonnet applications of Argo CD's examples.

use std::path::{Path, PathBuf};

use belay_jsonnet::{Given, Limits, Options, evaluate};
use belay_object::Value;
use belay_tree::{DirTree, TreePath};

/// The examples' repository; `None`, said aloud, where it is not at hand.
fn examples() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/repos/argocd-example-apps");
    if !dir.is_dir() {
        println!("skipped: {} is not there", dir.display());
        return None;
    }
    Some(dir)
}

fn objects(file: &str, options: &Options) -> Option<Vec<Value>> {
    let tree = DirTree::open(&examples()?, belay_tree::Limits::default()).unwrap();
    Some(evaluate(&tree, &TreePath::new(file).unwrap(), options, &Limits::default()).unwrap())
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|o| o.str_at(&["kind"])).collect()
}

#[test]
fn guestbook_of_jsonnet_gives_its_objects() {
    let Some(objects) = objects("jsonnet-guestbook/guestbook-ui.jsonnet", &Options::default()) else { return };
    assert_eq!(kinds(&objects), ["Service", "Deployment"]);
    assert_eq!(objects[0].str_at(&["spec", "type"]), Some("LoadBalancer"));
    assert_eq!(objects[1].at(&["spec", "replicas"]), Some(&Value::Int(1)));
}

#[test]
fn guestbook_with_arguments_takes_them() {
    let file = "jsonnet-guestbook-tla/guestbook-ui.jsonnet";
    let Some(plain) = objects(file, &Options::default()) else { return };
    assert_eq!(kinds(&plain), ["Service", "Deployment"]);
    let mut options = Options::default();
    options.tlas.insert("name".into(), Given::Text("shop".into()));
    options.tlas.insert("replicas".into(), Given::Code("1 + 2".into()));
    let Some(given) = objects(file, &options) else { return };
    assert_eq!(given[0].str_at(&["metadata", "name"]), Some("shop"));
    assert_eq!(given[1].at(&["spec", "replicas"]), Some(&Value::Int(3)));
}
