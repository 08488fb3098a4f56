//! Whether who asks may do what they ask: the one decision of all operations.
//!
//! *Invariant*: an Application comes to an operation only through [`Call::application`], which asks for
//! the right on it as it is stored (AUTHZ-1).

use std::sync::Arc;

use belay_access::Project;
use belay_access::policy::{denied, project_of};
use belay_argo::spec::Application;
use belay_object::Object;
use jiff::Timestamp;

use crate::Error;
use crate::api::Api;
use crate::call::Call;
use crate::identity::Caller;
use crate::snapshot::Snapshot;

/// Whether a caller may do something, as things stand.
pub(crate) fn may(at: &Snapshot, caller: &Caller, resource: &str, action: &str, object: &str) -> bool {
    if caller.unrestricted {
        return true;
    }
    let project = project_of(resource, object).and_then(|name| at.projects.get(name)).map(|entry| &entry.policy);
    at.policy.enforce(&caller.subject, resource, action, object, project)
}

/// Whether a caller may do something to an Application as it is stored, or to what its name stands for
/// elsewhere: its logs. Applications of namespaces in which they may not stand are nobody's.
pub(crate) fn may_to(api: &Api, at: &Snapshot, caller: &Caller, resource: &str, action: &str, app: &Object) -> bool {
    is_enabled(api, at, app.namespace()) && may(at, caller, resource, action, &rbac_of(&api.options.namespace, app))
}

/// As the policy names an Application.
pub(crate) fn rbac_of(home: &str, app: &Object) -> String {
    rbac_name(home, project_name(app), app.namespace(), app.name())
}

fn rbac_name(home: &str, project: &str, namespace: &str, name: &str) -> String {
    match namespace.is_empty() || namespace == home {
        true => format!("{project}/{name}"),
        false => format!("{project}/{namespace}/{name}"),
    }
}

fn is_enabled(api: &Api, at: &Snapshot, namespace: &str) -> bool {
    let named = &api.options.application_namespaces;
    let named = if named.is_empty() { &at.config.settings.parameters.namespaces } else { named };
    namespace == api.options.namespace || named.matches(namespace)
}

/// The project of an Application. Compat(argo 3.5): the words.
pub(crate) fn project_of_app(at: &Snapshot, home: &str, object: &Object) -> Result<Project, Error> {
    let name = project_name(object);
    let project = at.project(name).ok_or_else(|| {
        let text = format!("error getting app project \"{name}\": appproject.argoproj.io \"{name}\" not found");
        Error::invalid(text)
    })?;
    if !project.permits_namespace(object.namespace(), home) {
        let text = format!(
            "application '{}' in namespace '{}' is not allowed to use project '{name}'",
            object.name(),
            object.namespace()
        );
        return Err(Error::forbidden(text));
    }
    Ok(project)
}

/// An Application that the caller may do something to.
pub(crate) struct Target {
    /// As it is stored.
    pub object: Arc<Object>,
    /// Read.
    pub app: Application,
    /// Its project, with what global projects add.
    pub project: Project,
    /// As the policy names it.
    pub rbac: String,
}

impl Call {
    /// Whether the caller may.
    pub fn may(&self, resource: &str, action: &str, object: &str) -> bool {
        may(&self.at, &self.caller, resource, action, object)
    }
    /// Refuses a caller who may not. Compat(argo 3.5): the words.
    pub fn require(&self, resource: &str, action: &str, object: &str) -> Result<(), Error> {
        if self.may(resource, action, object) {
            return Ok(());
        }
        let issued = self.caller.issued_at.and_then(|s| Timestamp::from_second(s).ok());
        let issued = issued.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let text = denied(resource, action, object, self.caller.name(), issued.as_deref());
        Err(Error::forbidden(text))
    }

    /// An Application that the caller may do `action` to; `project` and `namespace` are what the request
    /// says, empty where it does not.
    ///
    /// Compat(argo 3.5): what is not there and what is not permitted are one answer, unless the request
    /// names a project on which the caller has the right: then what is not there is said not to be.
    pub async fn application(&self, action: &str, name: &str, namespace: &str, project: &str) -> Result<Target, Error> {
        let namespace = if namespace.is_empty() { &self.api.options.namespace } else { namespace };
        let missing = || match project {
            "" => Error::denied(),
            _ => Error::not_found(format!("applications.argoproj.io \"{name}\" not found")),
        };
        if !project.is_empty() {
            let given = self.object_of(project, namespace, name);
            if !self.may("applications", action, &given) {
                return Err(Error::denied());
            }
        }
        if !self.is_enabled(namespace) {
            return Err(Error::denied());
        }
        let view = self.api.watches.applications().await?;
        let object = view.object(namespace, name).ok_or_else(missing)?;
        self.target(object, action, project)
    }

    /// The same of an object that was read already.
    pub fn target(&self, object: Arc<Object>, action: &str, project: &str) -> Result<Target, Error> {
        let name = object.name();
        let missing = || match project {
            "" => Error::denied(),
            _ => Error::not_found(format!("applications.argoproj.io \"{name}\" not found")),
        };
        let own = project_name(&object);
        let rbac = self.rbac_of(&object);
        if !self.may("applications", action, &rbac) || (!project.is_empty() && own != project) {
            return Err(missing());
        }
        let app = Application::read(&object)?;
        let found = self.project_of(&object)?;
        Ok(Target { app, project: found, rbac, object })
    }

    /// The project of an Application.
    pub fn project_of(&self, object: &Object) -> Result<Project, Error> {
        project_of_app(&self.at, &self.api.options.namespace, object)
    }

    /// Whether Applications may stand in a namespace.
    pub fn is_enabled(&self, namespace: &str) -> bool {
        is_enabled(&self.api, &self.at, namespace)
    }

    /// As the policy names an Application.
    pub fn object_of(&self, project: &str, namespace: &str, name: &str) -> String {
        rbac_name(&self.api.options.namespace, project, namespace, name)
    }

    /// As the policy names one that is there.
    pub fn rbac_of(&self, app: &Object) -> String {
        rbac_of(&self.api.options.namespace, app)
    }
}

/// The name of an Application's project.
pub(crate) fn project_name(object: &Object) -> &str {
    object.str_at(&["spec", "project"]).filter(|name| !name.is_empty()).unwrap_or("default")
}
