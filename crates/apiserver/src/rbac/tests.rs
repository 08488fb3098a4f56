//! Checks of access control: decisions, aggregation, what may be granted.

use std::sync::Arc;

use belay_object::{Object, Value, from_json_str};

use super::rules;
use crate::identity::UserInfo;
use crate::plugin::{Attributes, Context, Decision, KindLogic, Plugins};
use crate::store::{HistoryLimits, Store};

/// A store with its authorizer, written to as the server does.
struct Cluster {
    store: Store,
    plugins: Plugins,
}

impl Cluster {
    fn new(objects: &[&str]) -> Cluster {
        let cluster = Cluster { store: Store::new(HistoryLimits::default()), plugins: Plugins::standard() };
        for object in super::bootstrap::objects() {
            cluster.put(object);
        }
        for json in objects {
            cluster.put(object(json));
        }
        cluster
    }
    fn logic(&self, kind: &str) -> Arc<dyn KindLogic> {
        self.plugins.logic_of(super::GROUP, kind).expect("known")
    }
    fn put(&self, object: Object) {
        let logic = self.logic(object.kind());
        let plural = format!("{}s", object.kind().to_lowercase());
        let key = crate::store::key_of(object.namespace(), object.name());
        self.store.table(super::GROUP, &plural).insert(&key, object.clone(), None).expect("inserted");
        logic.after_write(&self.store, None, Some(&object));
    }
    fn remove(&self, plural: &str, namespace: &str, name: &str) {
        let live = self.store.get(super::GROUP, plural, namespace, name).expect("there");
        let key = crate::store::key_of(namespace, name);
        self.store.table(super::GROUP, plural).remove(&key, live.version(), None).expect("removed");
        self.logic(live.kind()).after_write(&self.store, Some(&live), None);
    }
    fn allows(&self, user: &UserInfo, asked: &Attributes<'_>) -> bool {
        matches!(self.plugins.authorizer.authorize(&self.store, user, asked), Decision::Allow(_))
    }
    fn admit(&self, user: &UserInfo, json: &str) -> String {
        let cx = Context {
            store: &self.store,
            user,
            authorizer: &*self.plugins.authorizer,
            subresource: "",
            version: "v1",
            now: "",
            dry_run: false,
        };
        let mut object = object(json);
        self.logic(object.kind()).admit(&cx, &mut object, None).map_or_else(|e| e.message, |()| "admitted".into())
    }
}

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).expect("test JSON")).expect("an object")
}

fn jane() -> UserInfo {
    UserInfo { name: "jane".into(), groups: vec!["devs".into(), "system:authenticated".into()], ..UserInfo::default() }
}

fn asked(text: &str) -> Attributes<'_> {
    // verb group resource[/sub] namespace name; - is empty
    let words: Vec<&str> = text.split(' ').map(|w| if w == "-" { "" } else { w }).collect();
    if let [verb, path] = words.as_slice() {
        return Attributes { verb, path, ..Attributes::default() };
    }
    let (resource, subresource) = words[2].split_once('/').unwrap_or((words[2], ""));
    Attributes {
        verb: words[0],
        group: words[1],
        version: "v1",
        resource,
        subresource,
        namespace: words[3],
        name: words.get(4).copied().unwrap_or_default(),
        path: "",
    }
}

const ROLE: &str = r#"{"kind":"Role","metadata":{"name":"r","namespace":"shop"},"rules":[
  {"apiGroups":[""],"resources":["configmaps"],"verbs":["get","list"]},
  {"apiGroups":["apps"],"resources":["deployments/scale"],"verbs":["*"],"resourceNames":["a"]}]}"#;
const BINDING: &str = r#"{"kind":"RoleBinding","metadata":{"name":"b","namespace":"shop"},
  "roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"Group","name":"devs"}]}"#;
const EDIT: &str = r#"{"kind":"RoleBinding","metadata":{"name":"e","namespace":"shop"},
  "roleRef":{"kind":"ClusterRole","name":"edit"},"subjects":[{"kind":"ServiceAccount","name":"sa"}]}"#;

#[test]
fn a_role_holds_in_its_namespace_for_what_it_names() {
    let cluster = Cluster::new(&[ROLE, BINDING]);
    for (text, allowed) in [
        ("get - configmaps shop x", true),
        ("get - configmaps other x", false),
        ("list - configmaps - -", false),
        ("create - configmaps shop -", false),
        ("get apps deployments shop a", false),
        ("update apps deployments/scale shop a", true),
        ("update apps deployments/scale shop b", false),
        ("get /api", true),
        ("get /metrics", false),
        ("create authorization.k8s.io selfsubjectaccessreviews - -", true),
    ] {
        assert_eq!(cluster.allows(&jane(), &asked(text)), allowed, "{text}");
    }
}

#[test]
fn a_binding_that_is_gone_grants_nothing() {
    let cluster = Cluster::new(&[ROLE, BINDING]);
    cluster.remove("rolebindings", "shop", "b");
    assert!(!cluster.allows(&jane(), &asked("get - configmaps shop x")));
}

#[test]
fn an_aggregated_role_follows_the_roles_it_selects() {
    let cluster = Cluster::new(&[EDIT]);
    let account = UserInfo { name: "system:serviceaccount:shop:sa".into(), ..UserInfo::default() };
    assert!(cluster.allows(&account, &asked("create apps deployments shop -")));
    assert!(cluster.allows(&account, &asked("list - pods shop -")), "edit holds view");
    assert!(!cluster.allows(&account, &asked("create x.io widgets shop -")));
    cluster.put(object(
        r#"{"kind":"ClusterRole","metadata":{"name":"w","labels":{"rbac.authorization.k8s.io/aggregate-to-edit":"true"}},
            "rules":[{"apiGroups":["x.io"],"resources":["widgets"],"verbs":["create"]}]}"#,
    ));
    assert!(cluster.allows(&account, &asked("create x.io widgets shop -")));
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let cluster = Cluster::new(&[
        r#"{"kind":"Role","metadata":{"name":"owner","namespace":"shop"},"rules":[
            {"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"verbs":["*"]},
            {"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}"#,
        r#"{"kind":"RoleBinding","metadata":{"name":"b","namespace":"shop"},
            "roleRef":{"kind":"Role","name":"owner"},"subjects":[{"kind":"User","name":"eve"}]}"#,
    ]);
    let eve = UserInfo { name: "eve".into(), groups: vec!["system:authenticated".into()], ..UserInfo::default() };
    let role = |rules: &str| format!(r#"{{"kind":"ClusterRole","metadata":{{"name":"x"}},"rules":[{rules}]}}"#);
    let pods = r#"{"apiGroups":[""],"resources":["pods"],"verbs":["get","watch","list"]}"#;
    assert_eq!(
        cluster.admit(&eve, &role(pods)),
        "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: user \"eve\" (groups=[\"system:authenticated\"]) is \
         attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], \
         Verbs:[\"get\" \"watch\" \"list\"]}"
    );
    assert_eq!(cluster.admit(&UserInfo::admin(), &role(pods)), "admitted");
    let in_shop = r#"{"kind":"Role","metadata":{"name":"x","namespace":"shop"},"rules":[
        {"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#;
    // The verb * on roles is also escalate.
    assert_eq!(cluster.admit(&eve, in_shop), "admitted");
    let binding = r#"{"kind":"RoleBinding","metadata":{"name":"n","namespace":"shop"},
        "roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"eve"}]}"#;
    assert!(cluster.admit(&eve, binding).contains("not currently held"));
}

#[test]
fn rules_cover_by_wildcards_names_and_subresources() {
    let list = |json: &str| -> Vec<Value> { from_json_str(json).expect("JSON").items().to_vec() };
    let missing = |owned: &str, wanted: &str| {
        rules::missing(&list(owned), &list(wanted)).iter().map(rules::shown).collect::<Vec<_>>()
    };
    let all =
        r#"[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]},{"nonResourceURLs":["/healthz/*"],"verbs":["get"]}]"#;
    assert!(missing(all, r#"[{"apiGroups":["a"],"resources":["b","c/d"],"verbs":["get","*"]}]"#).is_empty());
    assert!(missing(all, r#"[{"nonResourceURLs":["/healthz/ping"],"verbs":["get"]}]"#).is_empty());
    assert_eq!(
        missing(all, r#"[{"nonResourceURLs":["*"],"verbs":["get"]}]"#),
        [r#"{NonResourceURLs:["*"], Verbs:["get"]}"#]
    );
    let named = r#"[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"],"resourceNames":["a"]}]"#;
    assert!(missing(named, named).is_empty());
    assert_eq!(missing(named, r#"[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]"#).len(), 1);
}
