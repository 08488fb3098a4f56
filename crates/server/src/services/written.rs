//! Applications made, changed and deleted.

use std::sync::Arc;

use belay_access::Project;
use belay_argo::names::applications;
use belay_argo::spec::{AppCondition, Application, Source, Spec, conditions, validate};
use belay_cluster::{DeleteOptions, ErrorKind, Patch};
use belay_object::{Map, Object, Value, json_patch, merge_patch, object};

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::rights::project_name;
use crate::services::applications::named;
use crate::snapshot::{gone, shown};
use crate::told::Reason;
use crate::{Error, ManifestsOf};

const API_VERSION: &str = "argoproj.io/v1alpha1";
/// The finalizer of a cascade; with `/foreground` or `/background` behind it that is said, too.
const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
/// Writes that lose against another are made again so often.
const TRIES: usize = 10;

/// Makes an Application. One that is there already and says the same is the answer.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    let object = read(&call, call.message()?)?;
    let rbac = call.rbac_of(&object);
    call.require("applications", "create", &rbac)?;
    if !call.is_enabled(object.namespace()) {
        let words = format!("namespace '{}' is not permitted", object.namespace());
        return Err(Error::forbidden(words));
    }
    let checked = call.flag("validate")?.unwrap_or(true);
    let project = call.project_of(&object)?;
    let object = sensible(&call, object, &project, checked)?;
    if checked {
        rendered(&call, &object).await?;
    }
    let api = &call.api;
    match api.options.cluster.create(&applications(), &object, &api.writing()).await {
        Ok(created) => {
            shown(api.watches.applications().await?, &created).await;
            call.tell(&created, Reason::Created, "created application");
            return Ok(created.into_value().into());
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => {
            return Err(Error::new(
                Error::from(e.clone()).code(),
                format!("error creating application: {}", e.message()),
            ));
        }
    }
    let found = api.options.cluster.get(&applications(), object.namespace(), object.name()).await?;
    let existing = Arc::new(found);
    if says_the_same(&existing, &object) && may_see(&call, &existing) {
        return Ok(existing.value().clone().into());
    }
    if !call.flag("upsert")?.unwrap_or(false) {
        // Compat(argo 3.5): the words. Who may create it here may know that it is there.
        return Err(Error::invalid("existing application spec is different, use upsert flag to force update"));
    }
    call.require("applications", "update", &rbac)?;
    let written = rewrite(&call, existing, checked, |current| Ok(written_over(current, &object, true))).await?;
    call.tell(&written, Reason::Updated, "updated application");
    Ok(written.into_value().into())
}

/// Replaces what is wanted of an Application, its labels, annotations and finalizers.
pub(crate) async fn update(call: Call) -> Result<Answer, Error> {
    let mut message = call.message()?;
    // Compat(argo 3.5): a part of the path is a field of the message.
    if message.str_at(&["metadata", "name"]).is_none_or(str::is_empty) && message.get("metadata").is_none_or(is_map) {
        message.set(&["metadata", "name"], call.path("name"));
    }
    let object = read(&call, message)?;
    if object.name() != call.path("name") {
        return Err(Error::invalid("the name in the path is not the one in the body"));
    }
    call.require("applications", "update", &call.rbac_of(&object))?;
    let target = call.application("update", object.name(), object.namespace(), call.query("project")).await?;
    let checked = call.flag("validate")?.unwrap_or(true);
    let written = rewrite(&call, target.object, checked, |current| Ok(written_over(current, &object, false))).await?;
    call.tell(&written, Reason::Updated, "updated application");
    Ok(written.into_value().into())
}

fn is_map(value: &Value) -> bool {
    value.as_object().is_some()
}

/// Replaces the spec alone.
pub(crate) async fn update_spec(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "update").await?;
    let spec = call.message()?;
    let checked = call.flag("validate")?.unwrap_or(true);
    let with_spec = |current: &Object| {
        let mut next = current.clone();
        next.set(&["spec"], spec.clone());
        Ok(next)
    };
    let written = rewrite(&call, target.object, checked, with_spec).await?;
    call.tell(&written, Reason::Updated, "updated application spec");
    Ok(written.get("spec").cloned().unwrap_or_else(Value::object).into())
}

/// Patches an Application.
pub(crate) async fn patch(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let (namespace, project) = (text(&message, "appNamespace"), text(&message, "project"));
    let target = call.application("get", call.path("name"), namespace, project).await?;
    call.require("applications", "update", &target.rbac)?;
    let patch = belay_object::from_json_str(text(&message, "patch"));
    let patch = patch.map_err(|e| Error::invalid(format!("error decoding the patch: {e}")))?;
    let kind = text(&message, "patchType");
    let written = rewrite(&call, target.object, true, |current| patched(current, kind, &patch)).await?;
    call.tell(&written, Reason::Updated, "patched application");
    Ok(written.into_value().into())
}

fn patched(current: &Object, kind: &str, patch: &Value) -> Result<Object, Error> {
    let mut value = current.value().clone();
    match kind {
        "json" | "" => {
            json_patch(&mut value, patch).map_err(|e| Error::invalid(format!("error applying patch: {e}")))?;
        }
        "merge" => merge_patch(&mut value, patch),
        other => return Err(Error::invalid(format!("Patch type '{other}' is not supported"))),
    }
    let object = Object::new(value).map_err(|_| Error::invalid("the patch leaves no object"))?;
    if object.name() != current.name() || object.namespace() != current.namespace() {
        return Err(Error::invalid("name and namespace of an application do not change"));
    }
    Ok(written_over(current, &object, false))
}

/// Deletes an Application, with what it holds unless that is to stay.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    call.require("applications", "delete", &target.rbac)?;
    let cascades = call.flag("cascade")?.unwrap_or(true);
    let policy = call.query("propagationPolicy");
    if !cascades && !policy.is_empty() {
        return Err(Error::invalid("cannot set propagation policy when cascading is disabled"));
    }
    let finalizer = match policy {
        _ if !cascades => None,
        "" => Some(CASCADE.to_owned()),
        "foreground" | "background" => Some(format!("{CASCADE}/{policy}")),
        other => return Err(Error::invalid(format!("invalid propagation policy: {other}"))),
    };
    let api = &call.api;
    let (cluster, resource) = (&api.options.cluster, applications());
    let (namespace, name) = (target.object.namespace(), target.object.name());
    let mut object = (*target.object).clone();
    for _ in 0..TRIES {
        // Of what is stored at this moment, and of no later version is it deleted.
        call.require("applications", "delete", &call.rbac_of(&object))?;
        let own: Vec<&str> = object.finalizers().collect();
        let mut wanted: Vec<&str> = own.clone();
        // Compat(argo 3.5): nothing is added to what is being deleted.
        let stands = !object.is_deleting() || finalizer.is_none();
        if stands && finalizer.as_deref().is_none_or(|finalizer| !own.contains(&finalizer)) {
            wanted.retain(|own| *own != CASCADE && !own.starts_with(&format!("{CASCADE}/")));
            wanted.extend(finalizer.as_deref());
        }
        if wanted != own {
            // Before it is deleted: a deletion that comes first would leave or take what should not be.
            let mut patch = object! {};
            patch.set(&["metadata", "finalizers"], wanted.iter().copied().collect::<Value>());
            patch.set(&["metadata", "resourceVersion"], object.resource_version());
            match cluster.patch(&resource, namespace, name, &Patch::Merge(patch), &api.writing()).await {
                Ok(written) => object = written,
                Err(e) if e.kind() == ErrorKind::Conflict => {
                    object = again(&call, &target.object).await?;
                    continue;
                }
                Err(e) => return Err(e.into()),
            }
        }
        let options = DeleteOptions {
            uid: object.uid().to_owned(),
            resource_version: object.resource_version().to_owned(),
            ..DeleteOptions::default()
        };
        match cluster.delete(&resource, namespace, name, &options).await {
            Ok(None) => gone(api.watches.applications().await?, namespace, name, object.uid()).await,
            Ok(Some(_)) => {}
            Err(e) if e.kind() == ErrorKind::Conflict => {
                object = again(&call, &target.object).await?;
                continue;
            }
            Err(e) => return Err(e.into()),
        }
        call.tell(&target.object, Reason::Deleted, "deleted application");
        return Ok(Answer::empty());
    }
    Err(Error::aborted("the application changes all the time: try again"))
}

/// An Application as somebody sent it: what only a controller writes is left out.
fn read(call: &Call, message: Value) -> Result<Object, Error> {
    let mut object = Object::new(message).map_err(|_| Error::invalid("the body is no application"))?;
    if object.name().is_empty() {
        return Err(Error::invalid("resource name may not be empty"));
    }
    if object.namespace().is_empty() {
        object.set(&["metadata", "namespace"], call.api.options.namespace.as_str());
    }
    object.set(&["apiVersion"], API_VERSION);
    object.set(&["kind"], "Application");
    // Compat(argo 3.5): a sync is asked for by its own operation, which asks for its own right.
    for path in [&["operation"][..], &["status"], &["metadata", "managedFields"], &["metadata", "uid"]] {
        object.remove(path);
    }
    for field in ["resourceVersion", "generation", "creationTimestamp", "selfLink", "deletionTimestamp"] {
        object.remove(&["metadata", field]);
    }
    Ok(object)
}

/// Refuses a spec that makes no sense or that the project does not permit; gives it as it is written.
fn sensible(call: &Call, object: Object, project: &Project, checked: bool) -> Result<Object, Error> {
    let app = Application::read(&object)?;
    let name = object.name();
    let mut names = std::collections::HashSet::new();
    for source in app.spec.sources.iter().filter(|source| !source.name.is_empty()) {
        if !names.insert(source.name.as_str()) {
            let words = format!("application {name} has duplicate source name: {}", source.name);
            return Err(Error::invalid(words));
        }
    }
    let destination = &app.spec.destination;
    let clusters = &call.at.config.clusters;
    let entry = clusters.resolve(&destination.server, &destination.name);
    let entry =
        entry.map_err(|why| Error::invalid(format!("application destination spec for {name} is invalid: {why}")))?;
    let mut wrong = of_sources(&app.spec, project);
    let scoped = !project.only_scoped_clusters() || entry.project == project.name();
    if !scoped || !project.permits_destination(&entry.server, &entry.name, &destination.namespace) {
        let words = format!(
            "application destination server '{}' and namespace '{}' do not match any of the allowed destinations in project '{}'",
            entry.server,
            destination.namespace,
            project.name()
        );
        wrong.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, words));
    }
    if checked {
        validate::references(&app.spec.sources)?;
    }
    if !wrong.is_empty() {
        let all: Vec<String> = wrong.iter().map(|w| format!("{}: {}", w.kind, w.message)).collect();
        return Err(Error::invalid(format!("application spec for {name} is invalid: {}", all.join(";"))));
    }
    let mut object = object;
    object.set(&["spec", "project"], app.spec.project());
    Ok(object)
}

/// Refuses an Application whose sources cannot be fetched or make no manifests. Compat(argo 3.5): the words, but for
/// those of what failed.
async fn rendered(call: &Call, object: &Object) -> Result<(), Error> {
    let Some(sources) = call.api.options.sources.as_deref() else { return Ok(()) };
    // What is hydrated is there only behind the first hydration.
    if object.value().at(&["spec", "sourceHydrator"]).is_some() {
        return Ok(());
    }
    let app = Application::read(object)?;
    let places = app.spec.sources();
    let place = places.first().map_or("", |source| if source.is_chart() { &source.chart } else { &source.path });
    let of = ManifestsOf { application: object.clone(), revisions: Vec::new(), is_pinned: false, no_cache: false };
    let refused = |e: Error| {
        let words = format!("application spec for {} is invalid", object.name());
        let kind = conditions::INVALID_SPEC_ERROR;
        Error::invalid(format!("{words}: {kind}: Unable to generate manifests in {place}: {}", e.message()))
    };
    sources.manifests(call.at.config.clone(), of).await.map(|_| ()).map_err(refused)
}

fn of_sources(spec: &Spec, project: &Project) -> Vec<AppCondition> {
    validate::sources(spec, &|source: &Source| project.permits_source(&source.repo_url))
}

/// Writes what `next` makes of what is stored, and makes it anew where somebody else was quicker: what they
/// wrote is kept where it is not what is wanted here. Moving to another project needs the right to create
/// there and to change here (AUTHZ-1).
async fn rewrite(
    call: &Call,
    stored: Arc<Object>,
    checked: bool,
    next: impl Fn(&Object) -> Result<Object, Error>,
) -> Result<Object, Error> {
    let api = &call.api;
    let mut current = (*stored).clone();
    for _ in 0..TRIES {
        // Of what is stored at this moment: it may have moved since it was looked at.
        call.require("applications", "update", &call.rbac_of(&current))?;
        let wanted = next(&current)?;
        if project_name(&current) != project_name(&wanted) {
            call.require("applications", "create", &call.rbac_of(&wanted))?;
        }
        let project = call.project_of(&wanted)?;
        let wanted = sensible(call, wanted, &project, checked)?;
        if checked && current.get("spec") != wanted.get("spec") {
            rendered(call, &wanted).await?;
        }
        match api.options.cluster.replace(&applications(), &wanted, &api.writing()).await {
            Ok(written) => {
                shown(api.watches.applications().await?, &written).await;
                return Ok(written);
            }
            Err(e) if e.kind() == ErrorKind::Conflict => current = again(call, &stored).await?,
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("Failed to update application. Too many conflicts"))
}

/// An Application as it is stored now; another one under its name is not it.
async fn again(call: &Call, known: &Object) -> Result<Object, Error> {
    let found = call.api.options.cluster.get(&applications(), known.namespace(), known.name()).await?;
    match found.uid() == known.uid() {
        true => Ok(found),
        false => Err(Error::aborted("the application was deleted and made anew meanwhile: try again")),
    }
}

fn written_over(current: &Object, wanted: &Object, merges: bool) -> Object {
    let mut next = current.clone();
    next.set(&["spec"], wanted.get("spec").cloned().unwrap_or_else(Value::object));
    for field in ["labels", "annotations"] {
        let given = wanted.at(&["metadata", field]).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut map = if merges {
            current.at(&["metadata", field]).and_then(Value::as_object).cloned().unwrap_or_default()
        } else {
            Map::new()
        };
        for (key, value) in given {
            map.insert(key, value);
        }
        match map.is_empty() {
            true => drop(next.remove(&["metadata", field])),
            false => next.set(&["metadata", field], map),
        }
    }
    let finalizers: Value = wanted.finalizers().collect();
    match finalizers.items().is_empty() {
        true => drop(next.remove(&["metadata", "finalizers"])),
        false => next.set(&["metadata", "finalizers"], finalizers),
    }
    next
}

fn says_the_same(a: &Object, b: &Object) -> bool {
    let spec = |object: &Object| Application::read(object).map(|app| app.spec.normalized());
    let map = |object: &Object, field: &str| {
        object.at(&["metadata", field]).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let finalizers = |object: &Object| object.finalizers().map(str::to_owned).collect::<Vec<_>>();
    spec(a) == spec(b)
        && map(a, "labels") == map(b, "labels")
        && map(a, "annotations") == map(b, "annotations")
        && finalizers(a) == finalizers(b)
}

fn may_see(call: &Call, object: &Object) -> bool {
    call.may("applications", "get", &call.rbac_of(object))
}
