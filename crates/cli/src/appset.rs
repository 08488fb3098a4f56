//! `belay appset`: ApplicationSets, with argocd's commands and on the cluster's own API.
//!
//! What one comes to is generated here, by the same code as the controller's: nothing has to run in the cluster.

use anyhow::{Context, Error, Result, bail};
use belay_argo::application_set::{ApplicationSet, status::conditions};
use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::Preview;
use belay_argo::names::application_sets;
use belay_argo::spec::{Application, Spec};
use belay_cluster::{DeleteOptions, ErrorKind, FollowEvent, FollowOptions, ListOptions};
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::app::list::{HEADER, row};
use crate::argocd::{AppId, Argocd, Columns, fresh, manifests, options, print_value};
use crate::args::{
    AppsetArgs, AppsetCommand, AppsetCreateArgs, AppsetDeleteArgs, AppsetGenerateArgs, AppsetGetArgs, AppsetListArgs,
    Form, Global,
};
use crate::delete::confirmed;
use crate::editor::Private;
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;

/// Carries one out.
pub async fn appset(global: &Global, args: AppsetArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    let argo = plane.cluster("`appset`")?;
    match args.command {
        AppsetCommand::List(args) => list(argo, &args).await,
        AppsetCommand::Get(args) => get(argo, &args).await,
        AppsetCommand::Create(args) => create(argo, &args).await,
        AppsetCommand::Delete(args) => delete(argo, &args).await,
        AppsetCommand::Generate(args) => generate(argo, &args).await,
    }
}

fn id(argo: &Argocd, text: &str, namespace: Option<&String>) -> AppId {
    AppId::read(text, namespace.map_or(&argo.namespace, |n| n))
}

async fn list(argo: &Argocd, args: &AppsetListArgs) -> Result<u8> {
    let options = ListOptions { labels: args.selector.clone().unwrap_or_default(), ..ListOptions::default() };
    let resource = application_sets();
    let own = args.appset_namespace.as_deref();
    let mut found = match argo.cluster.list(&resource, own.unwrap_or_default(), &options).await {
        // Who may not look everywhere sees those of the control plane.
        Err(e) if e.kind() == ErrorKind::Forbidden && own.is_none() => {
            argo.cluster.list(&resource, &argo.namespace, &options).await?.items
        }
        other => other?.items,
    };
    found.retain(|set| args.project.is_empty() || args.project.contains(&spec(set).project().to_owned()));
    found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
    match args.output {
        Form::Name | Form::Id => found.iter().for_each(|set| outln!("{}", clean(&qualified(set)))),
        Form::Json | Form::Yaml => {
            print_value(&found.into_iter().map(Object::into_value).collect::<Value>(), args.output)?;
        }
        Form::Wide | Form::Tree | Form::TreeDetailed => {
            let mut table =
                Columns::new(&["NAME", "PROJECT", "SYNCPOLICY", "HEALTH", "CONDITIONS", "REPO", "PATH", "TARGET"]);
            found.iter().for_each(|set| table.row(line_of(set)));
            table.print();
        }
    }
    Ok(0)
}

fn qualified(set: &Object) -> String {
    format!("{}/{}", set.namespace(), set.name())
}

/// The spec of the template, as far as it can be read.
fn spec(set: &Object) -> Spec {
    Spec::read_lossy(set.at(&["spec", "template", "spec"]).unwrap_or(&Value::Null))
}

fn line_of(set: &Object) -> Vec<String> {
    let text = |path: &[&str]| set.str_at(path).unwrap_or_default().to_owned();
    let spec = spec(set);
    let source = spec.sources().into_iter().next().unwrap_or_default();
    let told = Condition::all(set).into_iter().filter(|c| c.status == ConditionStatus::True);
    let told: Vec<String> = told.map(|c| c.kind).collect();
    let policy = text(&["spec", "syncPolicy", "applicationsSync"]);
    vec![
        qualified(set),
        spec.project.clone(),
        if policy.is_empty() { "sync".to_owned() } else { policy },
        text(&["status", "health", "status"]),
        if told.is_empty() { "<none>".to_owned() } else { told.join(",") },
        source.repo_url,
        source.path,
        source.target_revision,
    ]
}

async fn get(argo: &Argocd, args: &AppsetGetArgs) -> Result<u8> {
    let id = id(argo, &args.name, args.appset_namespace.as_ref());
    let found = argo.cluster.find(&application_sets(), &id.namespace, &id.name).await?;
    let set =
        found.with_context(|| format!("applicationset '{}' not found in namespace '{}'", id.name, id.namespace))?;
    show(&set, args.output)?;
    if args.show_params {
        for source in spec(&set).sources() {
            for parameter in source.helm.iter().flat_map(|helm| &helm.parameters) {
                outln!("{}={}", clean(&parameter.name), clean(&parameter.value));
            }
        }
    }
    Ok(0)
}

/// Compat(argocd 3.5): a name in a column of 20.
fn show(set: &Object, form: Form) -> Result<()> {
    match form {
        Form::Json | Form::Yaml => return print_value(set.value(), form),
        Form::Name | Form::Id => {
            outln!("{}", clean(&qualified(set)));
            return Ok(());
        }
        Form::Wide | Form::Tree | Form::TreeDetailed => {}
    }
    let line = |name: &str, value: &str| outln!("{name:<20}{}", clean(value));
    let spec = spec(set);
    line("Name:", &qualified(set));
    line("Project:", spec.project());
    let destination = &spec.destination;
    line("Server:", if destination.server.is_empty() { &destination.name } else { &destination.server });
    line("Namespace:", &destination.namespace);
    line("Health Status:", set.str_at(&["status", "health", "status"]).unwrap_or_default());
    outln!("{}", if spec.has_multiple_sources() { "Sources:" } else { "Source:" });
    for source in spec.sources() {
        line("- Repo:", &source.repo_url);
        line("  Target:", &source.target_revision);
        let parts = [("  Path:", &source.path), ("  Chart:", &source.chart), ("  Ref:", &source.reference)];
        parts.iter().filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| line(name, text));
    }
    let policy = match spec.automated() {
        None => "<none>",
        Some(automated) if automated.prune() => "Automated (Prune)",
        Some(_) => "Automated",
    };
    line("SyncPolicy:", policy);
    let all = set.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    if !all.is_empty() {
        let mut table = Columns::new(&["CONDITION", "STATUS", "MESSAGE", "LAST TRANSITION"]);
        for one in all {
            let text = |field: &str| one.str_at(&[field]).unwrap_or_default();
            table.row([text("type"), text("status"), text("message"), text("lastTransitionTime")]);
        }
        outln!("");
        table.print();
        outln!("");
    }
    Ok(())
}

/// The ApplicationSets of a file, in a namespace.
fn read(argo: &Argocd, file: &std::path::Path, namespace: Option<&String>) -> Result<Vec<Object>> {
    let mut all = Vec::new();
    for mut set in manifests(file)? {
        if set.kind() != "ApplicationSet" {
            bail!("{} contains a {}, and not only ApplicationSets", file.display(), set.kind());
        }
        if set.name().is_empty() {
            bail!("{} contains an ApplicationSet without a name", file.display());
        }
        if set.namespace().is_empty() {
            set.set(&["metadata", "namespace"], namespace.map_or(argo.namespace.as_str(), |n| n));
        }
        all.push(fresh(set));
    }
    if all.is_empty() {
        bail!("{} contains no ApplicationSet", file.display());
    }
    Ok(all)
}

async fn create(argo: &Argocd, args: &AppsetCreateArgs) -> Result<u8> {
    for file in &args.files {
        for set in read(argo, file, args.appset_namespace.as_ref())? {
            if args.dry_run {
                let apps = generated(argo, &set).await?;
                eprintln!("ApplicationSet '{}' would make {} Applications (dry-run)", clean(set.name()), apps.len());
                print_applications(&apps, args.output)?;
                continue;
            }
            let (written, what) = put(argo, &set, args.upsert).await?;
            eprintln!("ApplicationSet '{}' {what}", clean(written.name()));
            show(&written, args.output)?;
            if args.wait {
                until(argo, &written, |seen| seen.is_none_or(is_up_to_date)).await;
                eprintln!("ApplicationSet '{}' resources are up to date", clean(written.name()));
            }
        }
    }
    Ok(0)
}

/// Makes one, or changes one that is there; says which.
async fn put(argo: &Argocd, set: &Object, upsert: bool) -> Result<(Object, &'static str)> {
    ApplicationSet::read(set).map_err(|e| anyhow::anyhow!("applicationset '{}': {e}", set.name()))?;
    let resource = application_sets();
    match argo.cluster.create(&resource, set, &options()).await {
        Ok(made) => return Ok((made, "created")),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e.into()),
    }
    let texts = |object: &Object, field: &str| object.at(&["metadata", field]).cloned().unwrap_or_default();
    let mut is_other = false;
    let written = argo.change(&resource, set.namespace(), set.name(), |known| {
        is_other = known.get("spec") != set.get("spec")
            || ["labels", "annotations"].iter().any(|f| !texts(set, f).is_null() && texts(known, f) != texts(set, f));
        if is_other && !upsert {
            // Compat(argocd 3.5): the words.
            bail!("existing ApplicationSet spec is different, use upsert flag to force update");
        }
        known.set(&["spec"], set.get("spec").cloned().unwrap_or_default());
        for field in ["labels", "annotations", "finalizers"] {
            let wanted = texts(set, field);
            if !wanted.is_null() {
                known.set(&["metadata", field], wanted);
            }
        }
        Ok(())
    });
    let written = written.await?;
    Ok((written, if is_other { "updated" } else { "unchanged" }))
}

fn is_up_to_date(set: &Object) -> bool {
    Condition::find(set, conditions::RESOURCES_UP_TO_DATE).is_some_and(|c| c.status == ConditionStatus::True)
}

/// Watches an ApplicationSet until it is so; `None` says that it is gone.
async fn until(argo: &Argocd, set: &Object, is_so: impl Fn(Option<&Object>) -> bool) {
    let options = FollowOptions { fields: format!("metadata.name={}", set.name()), ..FollowOptions::default() };
    let mut follow = argo.cluster.follow(&application_sets(), set.namespace(), options);
    let mut seen = false;
    loop {
        match follow.next().await {
            FollowEvent::Restart => seen = false,
            FollowEvent::Applied(now) if now.uid() == set.uid() => {
                seen = true;
                if is_so(Some(&now)) {
                    return;
                }
            }
            FollowEvent::Deleted(_) if is_so(None) => return,
            FollowEvent::Synced if !seen && is_so(None) => return,
            _ => {}
        }
    }
}

async fn delete(argo: &Argocd, args: &AppsetDeleteArgs) -> Result<u8> {
    for name in &args.names {
        let id = id(argo, name, args.appset_namespace.as_ref());
        let found = argo.cluster.find(&application_sets(), &id.namespace, &id.name).await?;
        let set =
            found.with_context(|| format!("applicationset '{}' not found in namespace '{}'", id.name, id.namespace))?;
        let question = format!("Are you sure you want to delete '{name}' and all its Applications?");
        if !args.yes && !confirmed(&question, "--yes")? {
            outln!("The command to delete '{}' was cancelled.", clean(name));
            continue;
        }
        let precondition = DeleteOptions { uid: set.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&application_sets(), &id.namespace, &id.name, &precondition).await?;
        if args.wait {
            until(argo, &set, |seen| seen.is_none()).await;
        }
        outln!("applicationset '{}' deleted", clean(name));
    }
    Ok(0)
}

async fn generate(argo: &Argocd, args: &AppsetGenerateArgs) -> Result<u8> {
    let sets = read(argo, &args.file, args.appset_namespace.as_ref())?;
    let [set] = &sets[..] else { bail!("{} must contain one ApplicationSet", args.file.display()) };
    print_applications(&generated(argo, set).await?, args.output)?;
    Ok(0)
}

/// The Applications that one comes to.
async fn generated(argo: &Argocd, set: &Object) -> Result<Vec<Object>> {
    let set = ApplicationSet::read(set).map_err(|e| anyhow::anyhow!("applicationset '{}': {e}", set.name()))?;
    let storage = Private::make()?;
    let mirrors = Mirrors::open(&storage.0, belay_net::Egress::default()).map_err(Error::msg)?;
    let preview = Preview::open(argo.cluster.clone(), &argo.namespace, mirrors, crate::helm::outside).await;
    preview.map_err(Error::msg)?.generate(&set).await.map_err(Error::msg)
}

fn print_applications(apps: &[Object], form: Form) -> Result<()> {
    match form {
        Form::Json => print_value(&apps.iter().map(|app| app.value().clone()).collect::<Value>(), form),
        Form::Yaml => {
            for (i, app) in apps.iter().enumerate() {
                if i > 0 {
                    outln!("---");
                }
                print_value(app.value(), form)?;
            }
            Ok(())
        }
        Form::Name | Form::Id => {
            apps.iter().for_each(|app| outln!("{}", clean(&qualified(app))));
            Ok(())
        }
        Form::Wide | Form::Tree | Form::TreeDetailed => {
            let mut table = Columns::new(&HEADER);
            for app in apps {
                table.row(row(&Application::read(app).map_err(|e| anyhow::anyhow!("{}: {e}", app.name()))?));
            }
            table.print();
            Ok(())
        }
    }
}
