//! Single objects of an Application: read, patched, deleted.
//!
//! *Invariant*: an object comes here only by way of the Application's tree (AUTHZ-5), and is touched as
//! whom the project says.

use std::sync::Arc;

use belay_argo::resource_tree::Node;
use belay_cluster::{DeleteOptions, Patch, Propagation, Resource};
use belay_object::{GroupVersionKind, Object, ObjectKey, Value, from_json_str, object};

use crate::answer::Answer;
use crate::call::Call;
use crate::places::Place;
use crate::rights::Target;
use crate::services::applications::project_in;
use crate::services::trees;
use crate::told::Reason;
use crate::{Code, Error};
use belay_argo::mask::{hidden, is_secret};

/// Which object of which Application is meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    pub application: String,
    pub application_namespace: String,
    pub project: String,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl Which {
    /// As the query says.
    pub fn in_query(call: &Call) -> Which {
        let text = |field: &str| call.query(field).to_owned();
        Which {
            application: call.path("name").to_owned(),
            application_namespace: text("appNamespace"),
            project: project_in(call).to_owned(),
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            namespace: text("namespace"),
            name: text("resourceName"),
        }
    }
}

/// An object of an Application.
pub(crate) struct Found {
    pub target: Target,
    pub place: Place,
    pub node: Arc<Node>,
    pub resource: Arc<Resource>,
}

/// Finds an object of an Application that the caller may do `action` to.
pub(crate) async fn find(call: &Call, action: &str, which: &Which) -> Result<Found, Error> {
    let fine = format!("{action}/{}/{}/{}/{}", which.group, which.kind, which.namespace, which.name);
    let no_inheritance = call.at.config.settings.rights.no_inheritance;
    let target = |action: String| async move {
        call.application(&action, &which.application, &which.application_namespace, &which.project).await
    };
    // Compat(argo 3.5): a right on the Application is one on its objects only where the settings say so.
    let target = match action {
        "update" | "delete" if no_inheritance => target(fine).await?,
        "update" | "delete" => match target(action.to_owned()).await {
            Err(error) if error.code() == Code::PermissionDenied => target(fine).await?,
            other => other?,
        },
        other => target(other.to_owned()).await?,
    };
    let (place, tree) = trees::of(call, &target).await?;
    let key = ObjectKey::new(&which.group, &which.kind, &which.namespace, &which.name);
    let all = tree.nodes.iter().chain(&tree.orphaned);
    let node = all.filter(|node| !node.uid.is_empty()).find(|node| node.key == key);
    let node = node.cloned().ok_or_else(|| {
        let Which { kind, group, name, application, .. } = which;
        Error::invalid(format!("{kind} {group} {name} not found as part of application {application}"))
    })?;
    let version = if which.version.is_empty() { node.version.as_str() } else { &which.version };
    let kind = GroupVersionKind::new(&which.group, version, &which.kind);
    let resource = place.acting.resolve_version(&kind).await?;
    Ok(Found { target, place, node, resource })
}

impl Found {
    /// The object as it is.
    pub async fn live(&self) -> Result<Object, Error> {
        let key = &self.node.key;
        let read = self.place.acting.get(&self.resource, &key.namespace, &key.name).await;
        read.map_err(|e| self.refused("read", &e))
    }
    /// A failure, without the server's words where they might quote a secret.
    pub fn refused(&self, what: &str, error: &belay_cluster::Error) -> Error {
        let key = &self.node.key;
        if key.kind.kind == "Secret" && key.kind.group.is_empty() {
            let words = format!("failed to {what} Secret {}/{}", key.namespace, key.name);
            return Error::new(Error::from(error.clone()).code(), words);
        }
        error.clone().into()
    }
}

/// One object. Secrets' values are not shown.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let found = find(&call, "get", &Which::in_query(&call)).await?;
    let live = found.live().await?;
    Ok(manifest(&call, live))
}

/// Patches one object.
pub(crate) async fn patch(call: Call) -> Result<Answer, Error> {
    let which = Which::in_query(&call);
    let found = find(&call, "update", &which).await?;
    let body = call.value()?;
    // Compat(argo 3.5): the patch is a text in the body; one that is no text is taken as it is.
    let patch = match body.as_str() {
        Some(text) => from_json_str(text).map_err(|_| Error::invalid("the patch is no JSON"))?,
        None => body,
    };
    let patch = match call.query("patchType") {
        "application/json-patch+json" => Patch::Json(patch),
        "application/strategic-merge-patch+json" => Patch::Strategic(patch),
        "application/merge-patch+json" | "" => Patch::Merge(patch),
        other => return Err(Error::invalid(format!("Patch type '{other}' is not supported"))),
    };
    let key = &found.node.key;
    let patched =
        found.place.acting.patch(&found.resource, &key.namespace, &key.name, &patch, &call.api.writing()).await;
    let patched = patched.map_err(|e| found.refused("patch", &e))?;
    tell(&call, &found, Reason::Updated, "patched");
    Ok(manifest(&call, patched))
}

/// Deletes one object.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    let found = find(&call, "delete", &Which::in_query(&call)).await?;
    let mut options = DeleteOptions { uid: found.node.uid.to_string(), ..DeleteOptions::default() };
    if call.flag("orphan")?.unwrap_or(false) {
        options.propagation = Some(Propagation::Orphan);
    } else if call.flag("force")?.unwrap_or(false) {
        options.propagation = Some(Propagation::Background);
        options.grace_period_s = Some(0);
    } else {
        options.propagation = Some(Propagation::Foreground);
    }
    let key = &found.node.key;
    let deleted = found.place.acting.delete(&found.resource, &key.namespace, &key.name, &options).await;
    deleted.map_err(|e| found.refused("delete", &e))?;
    tell(&call, &found, Reason::Deleted, "deleted");
    Ok(Answer::empty())
}

fn tell(call: &Call, found: &Found, reason: Reason, what: &str) {
    let key = &found.node.key;
    let object = format!("{}/{} '{}'", key.kind.group, key.kind.kind, key.name);
    call.tell(&found.target.object, reason, &format!("{what} resource {object}"));
}

fn manifest(call: &Call, object: Object) -> Answer {
    let object = match is_secret(&object) {
        true => hidden(object, &call.at.config.settings.resources.sensitive_annotations),
        false => object,
    };
    object! { "manifest" => Value::to_json(object.value()) }.into()
}
