//! Role-based access control over the stored roles and bindings.
//!
//! Bindings are indexed by subject as they are written, so that a decision looks at the grants of one user and their
//! groups and at nothing else; roles are read from the store, where they are already in memory. What an aggregated
//! ClusterRole holds is put together once for each change of any ClusterRole.
//!
//! *Invariant*: the index holds a grant exactly for each subject of each stored binding; it is changed by nothing but
//! the writes of bindings.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use belay_object::{LabelSelector, Object, Value};
use parking_lot::{Mutex, RwLock};

use crate::builtin::kind::Kind;
use crate::identity::UserInfo;
use crate::plugin::{Attributes, Authorizer, Context, Decision, KindLogic, Plugins};
use crate::status::{FieldError, Result};
use crate::store::Store;

pub mod bootstrap;
pub mod escalation;
pub mod rules;

#[cfg(test)]
mod tests;

/// The group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let index = Arc::new(Index::default());
    for base in crate::builtin::rbac_kinds() {
        let logic = Watched { base, index: index.clone() };
        plugins.logic(GROUP, logic.base.kind(), logic);
    }
    plugins.authorizer(Rbac { index });
}

/// Who a grant is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Subject {
    User(Box<str>),
    Group(Box<str>),
}

/// One binding, from its subject's side. Cluster-wide where the namespace is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Grant {
    namespace: Box<str>,
    binding: Box<str>,
    /// Whether the role is a ClusterRole.
    of_cluster: bool,
    role: Box<str>,
}

/// The rules of aggregated roles, as of a count of changes.
type Aggregated = (u64, HashMap<Box<str>, Arc<Vec<Value>>>);

#[derive(Default)]
struct Index {
    grants: RwLock<HashMap<Subject, BTreeSet<Grant>>>,
    /// Counts changes of ClusterRoles.
    roles: AtomicU64,
    aggregated: Mutex<Aggregated>,
}

/// The grants of a binding.
fn grants_of(binding: &Object) -> Vec<(Subject, Grant)> {
    let text = |v: &Value, k: &str| v.str_at(&[k]).unwrap_or_default().to_owned();
    let reference = &binding.value()["roleRef"];
    let grant = Grant {
        namespace: binding.namespace().into(),
        binding: binding.name().into(),
        of_cluster: text(reference, "kind") == "ClusterRole",
        role: text(reference, "name").into(),
    };
    let subject = |s: &Value| match s.str_at(&["kind"])? {
        "User" => Some(Subject::User(text(s, "name").into())),
        "Group" => Some(Subject::Group(text(s, "name").into())),
        "ServiceAccount" => {
            let namespace = s.str_at(&["namespace"]).filter(|n| !n.is_empty()).unwrap_or(binding.namespace());
            Some(Subject::User(format!("system:serviceaccount:{namespace}:{}", text(s, "name")).into()))
        }
        _ => None,
    };
    let subjects = binding.get("subjects").map_or(&[][..], Value::items);
    subjects.iter().filter_map(subject).map(|s| (s, grant.clone())).collect()
}

impl Index {
    fn replace(&self, old: Option<&Object>, new: Option<&Object>) {
        let mut grants = self.grants.write();
        for (subject, grant) in old.into_iter().flat_map(grants_of) {
            if let Some(set) = grants.get_mut(&subject) {
                set.remove(&grant);
                if set.is_empty() {
                    grants.remove(&subject);
                }
            }
        }
        for (subject, grant) in new.into_iter().flat_map(grants_of) {
            grants.entry(subject).or_default().insert(grant);
        }
    }

    /// The grants of a user and their groups that hold in a namespace, with whom each is for.
    fn grants(&self, user: &UserInfo, namespace: &str) -> Vec<(Subject, Grant)> {
        let grants = self.grants.read();
        let subjects = std::iter::once(Subject::User(user.name.as_str().into()))
            .chain(user.groups.iter().map(|g| Subject::Group(g.as_str().into())));
        let holds = |g: &&Grant| g.namespace.is_empty() || *g.namespace == *namespace;
        let of = |s: Subject| {
            let set = grants.get(&s);
            set.into_iter().flatten().filter(holds).map(|g| (s.clone(), g.clone())).collect::<Vec<_>>()
        };
        subjects.flat_map(of).collect()
    }

    /// Calls with each rule of a role; stops at the first `true`.
    fn any_rule(&self, store: &Store, grant: &Grant, test: &mut dyn FnMut(&Value) -> bool) -> bool {
        let role = if grant.of_cluster {
            store.get(GROUP, "clusterroles", "", &grant.role)
        } else {
            store.get(GROUP, "roles", &grant.namespace, &grant.role)
        };
        let Some(role) = role else { return false };
        if grant.of_cluster && role.get("aggregationRule").is_some() {
            return self.aggregated(store, &role).iter().any(&mut *test);
        }
        role.get("rules").map_or(&[][..], Value::items).iter().any(test)
    }

    /// The rules of an aggregated role.
    fn aggregated(&self, store: &Store, role: &Object) -> Arc<Vec<Value>> {
        let revision = self.roles.load(Ordering::Acquire);
        {
            let mut cache = self.aggregated.lock();
            if cache.0 != revision {
                *cache = (revision, HashMap::new());
            }
            if let Some(rules) = cache.1.get(role.name()) {
                return rules.clone();
            }
        }
        let rules = Arc::new(aggregate(&store.list(GROUP, "clusterroles", ""), role));
        let mut cache = self.aggregated.lock();
        if cache.0 == revision {
            cache.1.insert(role.name().into(), rules.clone());
        }
        rules
    }
}

/// Unites the rules of the roles that a role's aggregation selects; aggregated roles among them are followed
/// a few steps (edit holds view, admin holds edit).
pub(crate) fn aggregate<T: std::ops::Deref<Target: AsObject>>(roles: &[T], role: &Object) -> Vec<Value> {
    let mut rules = Vec::new();
    let mut seen = BTreeSet::from([role.name().to_owned()]);
    collect(roles, role, &mut seen, &mut rules, 0);
    rules
}

/// Anything that is an object underneath.
pub(crate) trait AsObject {
    /// The object.
    fn as_object_ref(&self) -> &Object;
}
impl AsObject for crate::store::Stored {
    fn as_object_ref(&self) -> &Object {
        self.object()
    }
}
impl AsObject for Object {
    fn as_object_ref(&self) -> &Object {
        self
    }
}

fn collect<T: std::ops::Deref<Target: AsObject>>(
    roles: &[T],
    role: &Object,
    seen: &mut BTreeSet<String>,
    rules: &mut Vec<Value>,
    depth: usize,
) {
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).map_or(&[][..], Value::items);
    let selectors: Vec<LabelSelector> = selectors.iter().filter_map(|s| LabelSelector::from_value(s).ok()).collect();
    for part in roles.iter().map(|r| r.as_object_ref()) {
        if !selectors.iter().any(|s| s.matches(part.labels())) || !seen.insert(part.name().to_owned()) {
            continue;
        }
        if part.get("aggregationRule").is_some() && depth < 8 {
            collect(roles, part, seen, rules, depth + 1);
        }
        for rule in part.get("rules").map_or(&[][..], Value::items) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
}

/// The authorizer.
struct Rbac {
    index: Arc<Index>,
}

impl Authorizer for Rbac {
    fn authorize(&self, store: &Store, user: &UserInfo, attributes: &Attributes<'_>) -> Decision {
        for (subject, grant) in self.index.grants(user, attributes.namespace) {
            // What is no resource is granted cluster-wide only.
            if attributes.resource.is_empty() && !grant.namespace.is_empty() {
                continue;
            }
            if self.index.any_rule(store, &grant, &mut |rule| rules::allows(rule, attributes)) {
                return Decision::Allow(reason(&subject, &grant));
            }
        }
        Decision::Deny(String::new())
    }
    fn rules(&self, store: &Store, user: &UserInfo, namespace: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for (_, grant) in self.index.grants(user, namespace) {
            self.index.any_rule(store, &grant, &mut |rule| {
                all.push(rule.clone());
                false
            });
        }
        all
    }
}

/// `RBAC: allowed by RoleBinding "r/default" of Role "r" to Group "devs"`
fn reason(subject: &Subject, grant: &Grant) -> String {
    let (kind, name) = match subject {
        Subject::User(name) => match name.strip_prefix("system:serviceaccount:").and_then(|n| n.split_once(':')) {
            Some((namespace, account)) => ("ServiceAccount", format!("{account}/{namespace}")),
            None => ("User", name.to_string()),
        },
        Subject::Group(name) => ("Group", name.to_string()),
    };
    let role = if grant.of_cluster { "ClusterRole" } else { "Role" };
    let binding = match &*grant.namespace {
        "" => format!("ClusterRoleBinding {:?}", grant.binding),
        namespace => format!("RoleBinding \"{}/{namespace}\"", grant.binding),
    };
    format!("RBAC: allowed by {binding} of {role} {:?} to {kind} {name:?}", grant.role)
}

/// A role or binding whose writes the index follows.
struct Watched {
    base: Kind,
    index: Arc<Index>,
}

impl KindLogic for Watched {
    fn decode(&self, object: &mut Object) -> Option<std::result::Result<Vec<String>, String>> {
        self.base.decode(object)
    }
    fn default(&self, object: &mut Object) {
        self.base.default(object);
    }
    fn admit(&self, cx: &Context<'_>, object: &mut Object, old: Option<&Object>) -> Result<()> {
        self.base.admit(cx, object, old)
    }
    fn validate_create(&self, cx: &Context<'_>, object: &Object) -> Vec<FieldError> {
        self.base.validate_create(cx, object)
    }
    fn validate_update(&self, cx: &Context<'_>, object: &Object, old: &Object) -> Vec<FieldError> {
        self.base.validate_update(cx, object, old)
    }
    fn validate_name(&self, name: &str) -> Option<Vec<String>> {
        self.base.validate_name(name)
    }
    fn after_write(&self, _: &Store, old: Option<&Object>, new: Option<&Object>) {
        match self.base.kind() {
            "ClusterRole" => drop(self.index.roles.fetch_add(1, Ordering::AcqRel)),
            "RoleBinding" | "ClusterRoleBinding" => self.index.replace(old, new),
            _ => {}
        }
    }
}
