use super::*;

/// INV-REN-6
#[test]
fn a_kind_that_is_not_known_at_present_is_not_guessed_at() {
    let check = |unavailable: &[&str], live: &[(&str, &str, &str)], expected: Option<&str>| {
        let undefined = BTreeSet::from([GroupKind::new("example.com", "Wide")]);
        let key = |(kind, namespace, name): &(&str, &str, &str)| ObjectKey::new("example.com", kind, namespace, name);
        let object = |key: ObjectKey| {
            let object = Object::of("example.com/v1", &key.kind.kind, &key.namespace, &key.name);
            (key, Arc::new(object))
        };
        let live: BTreeMap<_, _> = live.iter().map(|parts| object(key(parts))).collect();
        let found = unknown_scope(&undefined, &live, &unavailable.iter().copied().collect());
        assert_eq!(found.as_deref(), expected);
    };
    check(&[], &[], None);
    check(&["other.example.com"], &[("Narrow", "shop", "a")], None);
    let cannot = "the group example.com of Wide cannot be discovered at present";
    check(&["example.com"], &[], Some(cannot));
    let there = "Wide/a is there, but its kind cannot be discovered at present";
    check(&[], &[("Wide", "", "a")], Some(there));
}

fn app(yaml: &str) -> Application {
    let text =
        format!("{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one}}, spec: {yaml}}}");
    let value = belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).unwrap();
    Application::read(&Object::new(value).unwrap()).unwrap()
}

#[test]
fn the_namespace_of_kept_metadata_is_a_target_where_it_bears_our_marks() {
    let wanted = app("{destination: {namespace: shop}, syncPolicy: {managedNamespaceMetadata: {labels: {a: b}}}}");
    let namespace = Object::of("v1", "Namespace", "", "shop");
    let live = BTreeMap::from([(namespace.key(), Arc::new(namespace.clone()))]);
    let found = managed_namespace(&wanted, &live, &[]).expect("a target");
    assert_eq!((found.key(), found.label("a")), (namespace.key(), Some("b")));
    assert_eq!(managed_namespace(&wanted, &live, std::slice::from_ref(&namespace)), None, "a source wants it");
    assert_eq!(managed_namespace(&wanted, &BTreeMap::new(), &[]), None);
    let without = app("{destination: {namespace: shop}}");
    assert_eq!(managed_namespace(&without, &live, &[]), None);
}
