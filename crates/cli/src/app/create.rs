//! `belay app create`.

use anyhow::{Context, Result, bail};
use belay_access::project::Project;
use belay_argo::names;
use belay_argo::spec::{Application, validate};
use belay_object::{Object, Value};

use super::look::Look;
use super::spec;
use crate::argocd::{AppId, Argocd, fresh, manifests, options, pairs, read};
use crate::args::AppCreateArgs;
use crate::outln;
use crate::plane::Plane;
use crate::plane::applications::CASCADE;

pub async fn create(plane: &Plane, args: AppCreateArgs) -> Result<u8> {
    for object in objects(plane, &args)? {
        read(&object)?;
        let word = plane.create(&object, args.upsert, args.validate).await?;
        outln!("application '{}' {word}", object.name());
    }
    Ok(0)
}

/// Makes an Application on the cluster, as a server would.
pub async fn on_cluster(argo: &Argocd, object: &Object, upsert: bool, validate: bool) -> Result<&'static str> {
    let id = AppId { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
    if id.namespace.is_empty() {
        bail!("application '{}' names no namespace", id.name);
    }
    if validate {
        let app = read(object)?;
        check(argo, &app).await?;
        rendered(argo, &app).await?;
    }
    match argo.find(&id).await? {
        None => {
            argo.cluster.create(&names::applications(), object, &options()).await?;
            Ok("created")
        }
        Some(existing) => put(argo, &id, &existing, object, upsert).await,
    }
}

/// What the file and the flags say.
fn objects(plane: &Plane, args: &AppCreateArgs) -> Result<Vec<Object>> {
    let name = args.name_flag.as_ref().or(args.app_name.as_ref());
    if let (Some(a), Some(b)) = (&args.name_flag, &args.app_name)
        && a != b
    {
        bail!("--name argument '{a}' does not match app name {b}");
    }
    let mut found = match &args.file {
        Some(file) => manifests(file)?.into_iter().map(fresh).collect(),
        None => {
            let id = plane.id(name.context("name the application")?);
            vec![named(&id)]
        }
    };
    if let ([_, _, ..], Some(name)) = (found.as_slice(), name) {
        bail!("the file contains {} Applications: name {name:?} can be that of one", found.len());
    }
    for object in &mut found {
        if object.kind() != "Application" {
            bail!(
                "file {:?} contains a {}, and no Application",
                args.file.as_deref().unwrap_or("-".as_ref()),
                object.kind()
            );
        }
        if let (Some(name), true) = (name, args.file.is_some()) {
            let id = plane.id(name);
            object.set(&["metadata", "name"], id.name);
            if name.contains('/') {
                object.set(&["metadata", "namespace"], id.namespace);
            }
        }
        let own = plane.id("").namespace;
        if object.namespace().is_empty() && !own.is_empty() {
            object.set(&["metadata", "namespace"], own);
        }
        if object.get("spec").is_none() {
            object.set(&["spec"], Value::object());
        }
        spec::rewrite(object, |wanted| {
            spec::apply(&args.spec, wanted, None)?;
            if wanted.project.is_empty() {
                wanted.project = "default".to_owned();
            }
            Ok(())
        })?;
        pairs(&args.labels)?.iter().for_each(|(key, value)| object.set_label(key, value));
        pairs(&args.annotations)?.iter().for_each(|(key, value)| object.set_annotation(key, value));
        if args.set_finalizer && !object.finalizers().any(|f| f == CASCADE) {
            let all: Vec<String> = object.finalizers().map(str::to_owned).chain([CASCADE.to_owned()]).collect();
            object.set(&["metadata", "finalizers"], all.iter().collect::<Value>());
        }
    }
    Ok(found)
}

/// An Application of that name, with nothing in it.
fn named(id: &AppId) -> Object {
    let mut object = Object::of("argoproj.io/v1alpha1", "Application", &id.namespace, &id.name);
    if id.namespace.is_empty() {
        object.remove(&["metadata", "namespace"]);
    }
    object
}

/// Changes one that is there; one that is as wanted stays.
async fn put(argo: &Argocd, id: &AppId, existing: &Object, wanted: &Object, may: bool) -> Result<&'static str> {
    let (is, should) = (read(existing)?, read(wanted)?);
    let has = |is: &std::collections::BTreeMap<String, String>, should: &std::collections::BTreeMap<String, String>| {
        should.iter().all(|(key, value)| is.get(key) == Some(value))
    };
    let same = is.spec.clone().normalized() == should.spec.clone().normalized()
        && has(&is.labels, &should.labels)
        && has(&is.annotations, &should.annotations)
        && should.finalizers.iter().all(|f| is.has_finalizer(f));
    if same {
        return Ok("unchanged");
    }
    if !may {
        // Compat(argo 3.5): the words.
        bail!("existing application spec is different, use upsert flag to force update");
    }
    argo.change_app(id, |object| {
        object.set(&["spec"], wanted.get("spec").cloned().unwrap_or_default());
        should.labels.iter().for_each(|(key, value)| object.set_label(key, value));
        should.annotations.iter().for_each(|(key, value)| object.set_annotation(key, value));
        let mut all: Vec<String> = object.finalizers().map(str::to_owned).collect();
        all.extend(should.finalizers.iter().filter(|f| !is.has_finalizer(f)).cloned());
        if !all.is_empty() {
            object.set(&["metadata", "finalizers"], all.iter().collect::<Value>());
        }
        Ok(())
    })
    .await?;
    Ok("updated")
}

/// Refuses an Application whose sources cannot be fetched from here or make no manifests. Compat(argo 3.5): the
/// words, but for those of what failed.
async fn rendered(argo: &Argocd, app: &Application) -> Result<()> {
    // What is hydrated is there only behind the first hydration.
    if app.spec.source_hydrator.is_some() {
        return Ok(());
    }
    let place = app
        .spec
        .sources()
        .first()
        .map_or(String::new(), |source| if source.is_chart() { source.chart.clone() } else { source.path.clone() });
    let looked = async { Look::at(argo, app).await?.desired(app, &[]).await };
    let why = match looked.await {
        Ok(_) => return Ok(()),
        Err(why) => why,
    };
    let hint = "--validate=false makes the application all the same";
    bail!(
        "application spec for {} is invalid: InvalidSpecError: Unable to generate manifests in {place}: {why:#}; {hint}",
        app.name
    );
}

/// What a server would refuse: the project, the source, the destination.
pub async fn check(argo: &Argocd, app: &Application) -> Result<()> {
    let name = app.spec.project();
    let found = argo.cluster.find(&names::projects(), &argo.namespace, name).await?;
    let object = found.with_context(|| format!("application references project {name} which does not exist"))?;
    let project = Project::read(&object)?;
    if !project.permits_namespace(&app.namespace, &argo.namespace) {
        bail!("application '{}' in namespace '{}' is not permitted to use project '{name}'", app.name, app.namespace);
    }
    let mut wrong: Vec<String> = validate::sources(&app.spec, &|source| project.permits_source(&source.repo_url))
        .into_iter()
        .map(|condition| condition.message)
        .collect();
    let config = belay_argo::controller::preview::configuration(&argo.cluster, &argo.namespace).await?;
    let destination = &app.spec.destination;
    match config.clusters.resolve(&destination.server, &destination.name) {
        Err(why) => wrong.push(why),
        Ok(entry)
            if (project.only_scoped_clusters() && entry.project != project.name())
                || !project.permits_destination(&entry.server, &entry.name, &destination.namespace) =>
        {
            wrong.push(format!(
                "application destination server '{}' and namespace '{}' do not match any of the allowed destinations in project '{name}'",
                entry.server, destination.namespace
            ));
        }
        Ok(_) => {}
    }
    if !wrong.is_empty() {
        bail!("application spec for {} is invalid: {}", app.name, wrong.join("; "));
    }
    Ok(())
}
