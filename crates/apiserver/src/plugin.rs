//! Where the meaning of kinds plugs in.
//!
//! The core knows objects, versions, ownership and transport. What a Service is (its defaults, what
//! is valid, that it gets an address) stands in a [`KindLogic`]; how it is printed in a
//! [`TableColumns`]; resources that are computed and never stored (access reviews, tokens) are
//! [`Virtual`]; who a token belongs to is an [`Authenticator`]; what a user may do an
//! [`Authorizer`]. All run in the middle of a request: no waiting, no IO.

use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{Key, Object, Value, object};

use crate::identity::UserInfo;
use crate::status::{FieldError, Result};
use crate::store::{Store, Stored};

/// What is being asked, for authorization.
#[derive(Clone, Debug, Default)]
pub struct Attributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or the
    /// lower-case HTTP method for what is no resource.
    pub verb: &'a str,
    /// `apps`, empty for the core group.
    pub group: &'a str,
    /// `v1`
    pub version: &'a str,
    /// `deployments`; empty for what is no resource.
    pub resource: &'a str,
    /// `status`
    pub subresource: &'a str,
    /// Empty for cluster-wide.
    pub namespace: &'a str,
    /// Empty for collections.
    pub name: &'a str,
    /// `/metrics`, where it is no resource.
    pub path: &'a str,
}

/// What an [`Authorizer`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and by which rule.
    Allow(String),
    /// No; the text after `User "x" cannot ...: ` (empty for none).
    Deny(String),
}

/// Who may do what.
pub trait Authorizer: Send + Sync {
    /// Decides. Members of `system:masters` never come here.
    fn authorize(&self, store: &Store, user: &UserInfo, attributes: &Attributes<'_>) -> Decision;
    /// The policy rules (as in a Role) that a user has in a namespace: what they may pass on to others.
    fn rules(&self, store: &Store, user: &UserInfo, namespace: &str) -> Vec<Value> {
        let _ = (store, user, namespace);
        let everything = |field: &str| object! { "verbs" => vec!["*"], field => vec!["*"] };
        let mut resources = everything("resources");
        resources.set(&["apiGroups"], vec!["*"]);
        vec![resources, everything("nonResourceURLs")]
    }
}

/// Allows everything: the authorizer of a server without RBAC.
pub struct AllowAll;
impl Authorizer for AllowAll {
    fn authorize(&self, _: &Store, _: &UserInfo, _: &Attributes<'_>) -> Decision {
        Decision::Allow(String::new())
    }
}

/// Whose bearer token this is. The server's own token is checked before these.
pub trait Authenticator: Send + Sync {
    /// `None` where the token is not one of ours.
    fn authenticate(&self, store: &Store, token: &str) -> Option<UserInfo>;
}

/// What surrounds a write of one object.
pub struct Context<'a> {
    /// To read other objects.
    pub store: &'a Store,
    /// Who writes.
    pub user: &'a UserInfo,
    /// What they may do (escalation checks).
    pub authorizer: &'a dyn Authorizer,
    /// Which part is written: empty for the object itself, or `status`, `scale`, ...
    pub subresource: &'a str,
    /// The version the request speaks (`v1`).
    pub version: &'a str,
    /// The time as `metadata.creationTimestamp` shows it.
    pub now: &'a str,
    /// Nothing will be stored: allocate nothing for good.
    pub dry_run: bool,
}

/// Something allocated that is given back unless the write happened.
pub trait Reservation: Send {
    /// The write is done: keep it.
    fn commit(self: Box<Self>);
    // Dropping without a commit gives it back.
}

/// What the core does with an object's `metadata.generation`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Generation {
    /// As the kind's entry in the core's table says.
    #[default]
    Table,
    /// 1 at creation, one more whenever anything but metadata and status changed.
    Counted,
    /// Not shown.
    None,
}

/// What one built-in kind means. Every method has a default that does nothing, so that a kind states
/// only what is special about it. Order in a write: `default` of what the client sent (and again of
/// the result after a patch), `prepare_*`, `admit`, `validate_*`, `allocate`, the write, `after_write`.
///
/// *Invariant*: `default` is idempotent and looks at nothing but the object.
pub trait KindLogic: Send + Sync {
    /// Fits an object to the kind's type and fills in what the client left out, in one walk: gives the
    /// paths of fields that the type does not have, which are dropped, or says which value has another
    /// type in the words of Go's decoder. `None`: the schema's types hold, and `default` fills in.
    fn decode(&self, object: &mut Object) -> Option<std::result::Result<Vec<String>, String>> {
        let _ = object;
        None
    }
    /// Fills in what the client left out, nested pod templates included, and folds write-only fields
    /// (stringData). `object.api_version()` is the version of the request. Ownership is tracked after
    /// it: what it sets is owned by the writer, what later steps set (allocated addresses) is not.
    fn default(&self, object: &mut Object) {
        let _ = object;
    }
    /// Clears what a client may not set at creation and sets the first status. The core has removed
    /// `status` where the kind has a status subresource.
    fn prepare_create(&self, cx: &Context<'_>, object: &mut Object) {
        let _ = (cx, object);
    }
    /// Carries over what an update may not change silently (allocated addresses). The core has put
    /// back `status` (main resource) or everything but `status` (status subresource).
    fn prepare_update(&self, cx: &Context<'_>, object: &mut Object, old: &Object) {
        let _ = (cx, object, old);
    }
    /// Changes or refuses with any status: what admission plugins do.
    fn admit(&self, cx: &Context<'_>, object: &mut Object, old: Option<&Object>) -> Result<()> {
        let _ = (cx, object, old);
        Ok(())
    }
    /// What is wrong with a new object. Metadata and types have been checked.
    fn validate_create(&self, cx: &Context<'_>, object: &Object) -> Vec<FieldError> {
        let _ = (cx, object);
        Vec::new()
    }
    /// What is wrong with a change. The default checks as a new object.
    fn validate_update(&self, cx: &Context<'_>, object: &Object, old: &Object) -> Vec<FieldError> {
        let _ = old;
        self.validate_create(cx, object)
    }
    /// Allocates addresses and ports into the object; refused ones become field errors.
    fn allocate(
        &self,
        cx: &Context<'_>,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<Option<Box<dyn Reservation>>, Vec<FieldError>> {
        let _ = (cx, object, old);
        Ok(None)
    }
    /// Told after a write that happened: `None, Some` created, `Some, Some` changed, `Some, None` gone.
    fn after_write(&self, store: &Store, old: Option<&Object>, new: Option<&Object>) {
        let _ = (store, old, new);
    }
    /// Turns an object into another version of its kind (autoscaling/v1 and v2, events.k8s.io/v1 and
    /// v1), in either direction; `to` is the `apiVersion`, which the core has written already.
    fn convert(&self, object: &mut Object, to: &str) {
        let _ = (object, to);
    }
    /// Checks `metadata.name` beyond the default (a DNS subdomain). `None` for the default.
    fn validate_name(&self, name: &str) -> Option<Vec<String>> {
        let _ = name;
        None
    }
    /// How `metadata.generation` moves.
    fn generation(&self) -> Generation {
        Generation::Table
    }
    /// Fields beyond `metadata.name` and `metadata.namespace` that a field selector may name
    /// (`spec.nodeName`, `involvedObject.kind`).
    fn selectable_fields(&self) -> &'static [&'static str] {
        &[]
    }
    /// The seconds a delete leaves the object with a deletionTimestamp before it goes, given what
    /// the client asked for (Pods). `None` deletes at once.
    fn grace_period(&self, object: &Object, asked: Option<i64>) -> Option<i64> {
        let _ = (object, asked);
        None
    }
}

/// A column of a `meta.k8s.io/v1` Table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// `Ready`
    pub name: String,
    /// `string`, `integer`, `date`
    pub kind: String,
    /// `name` for the name column, else empty.
    pub format: String,
    /// A sentence.
    pub description: String,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i64,
}

/// How a kind is printed.
pub trait TableColumns: Send + Sync {
    /// All columns, the name first.
    fn columns(&self) -> &[Column];
    /// One cell a column. `now_s` is the time in seconds since 1970, for ages.
    fn cells(&self, object: &Object, now_s: i64) -> Vec<Value>;
}

/// A call to a [`Virtual`] resource.
pub struct VirtualCall<'a> {
    /// The surroundings.
    pub cx: &'a Context<'a>,
    /// The namespace of the path, empty for none.
    pub namespace: &'a str,
    /// The name of the path, empty for none: the service account of a token request.
    pub name: &'a str,
    /// The object posted, defaulted.
    pub object: Object,
}

/// A resource or subresource that is answered and never stored; only `create` comes here.
pub trait Virtual: Send + Sync {
    /// Gives the object to answer with 201.
    fn create(&self, call: VirtualCall<'_>) -> Result<Object>;
}

/// All that is plugged in; made once when a server starts.
pub struct Plugins {
    logic: HashMap<(Key, Key), Arc<dyn KindLogic>>,
    columns: HashMap<(Key, Key), Arc<dyn TableColumns>>,
    virtuals: HashMap<(Key, Key, Key), Arc<dyn Virtual>>,
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
}

impl Plugins {
    /// None at all: objects are stored as they come, everybody may do everything.
    pub fn none() -> Plugins {
        Plugins {
            logic: HashMap::new(),
            columns: HashMap::new(),
            virtuals: HashMap::new(),
            authenticators: Vec::new(),
            authorizer: Arc::new(AllowAll),
        }
    }
    /// Everything this crate has.
    pub fn standard() -> Plugins {
        let mut plugins = Plugins::none();
        crate::builtin::install(&mut plugins);
        crate::tables::install(&mut plugins);
        crate::access::install(&mut plugins);
        crate::rbac::install(&mut plugins);
        plugins.logic(crate::crd::GROUP, "CustomResourceDefinition", crate::crd::DefinitionLogic);
        plugins
    }
    /// Says what a kind means.
    pub fn logic(&mut self, group: &str, kind: &str, logic: impl KindLogic + 'static) {
        self.logic.insert((group.into(), kind.into()), Arc::new(logic));
    }
    /// Says how a kind is printed.
    pub fn columns(&mut self, group: &str, kind: &str, columns: impl TableColumns + 'static) {
        self.columns.insert((group.into(), kind.into()), Arc::new(columns));
    }
    /// Answers creates of a resource (`subresource` empty) or subresource.
    pub fn virtual_resource(&mut self, group: &str, resource: &str, subresource: &str, of: impl Virtual + 'static) {
        self.virtuals.insert((group.into(), resource.into(), subresource.into()), Arc::new(of));
    }
    /// Adds a kind of token.
    pub fn authenticator(&mut self, authenticator: impl Authenticator + 'static) {
        self.authenticators.push(Arc::new(authenticator));
    }
    /// Replaces the authorizer.
    pub fn authorizer(&mut self, authorizer: impl Authorizer + 'static) {
        self.authorizer = Arc::new(authorizer);
    }
    pub(crate) fn logic_of(&self, group: &str, kind: &str) -> Option<Arc<dyn KindLogic>> {
        self.logic.get(&(group.into(), kind.into())).cloned()
    }
    pub(crate) fn columns_of(&self, group: &str, kind: &str) -> Option<Arc<dyn TableColumns>> {
        self.columns.get(&(group.into(), kind.into())).cloned()
    }
    pub(crate) fn virtual_of(&self, group: &str, resource: &str, subresource: &str) -> Option<Arc<dyn Virtual>> {
        self.virtuals.get(&(group.into(), resource.into(), subresource.into())).cloned()
    }
}

/// One change that a watch inside the process sees.
#[derive(Clone, Debug)]
pub enum Change {
    /// Created or changed.
    Upsert(Arc<Stored>),
    /// Gone; its last state.
    Deleted(Arc<Stored>),
    /// The watch fell behind (or has just begun): this is everything there is.
    Resync(Vec<Arc<Stored>>),
}
