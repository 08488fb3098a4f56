//! `belay cluster`: the clusters that Applications go to, kept in secrets as Argo CD keeps them.

mod add;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_argo::clusters::{ClusterEntry, Clusters};
use belay_argo::controller::preview::configuration;
use belay_argo::names::{IN_CLUSTER, SECRET_TYPE, secret_type};
use belay_cluster::ListOptions;
use belay_object::{Value, object};
use http::Method;

use crate::argocd::{Argocd, Columns, form_of, pairs, print_value};
use crate::args::{ClusterArgs, ClusterRmArgs, ClusterSetArgs, ClusterSubcommand, Global, of_objects};
use crate::delete::confirmed;
use crate::outln;
use crate::output::clean;
use crate::plane::{Plane, items, path};
use crate::repo::remove;

/// Carries one out.
pub async fn cluster(global: &Global, args: ClusterArgs) -> Result<u8> {
    if let ClusterSubcommand::Add(add_args) = args.command {
        return add::add(global, &args.argocd, &add_args).await;
    }
    let mut home = global.clone();
    if matches!(args.command, ClusterSubcommand::Set(_)) {
        // Its --namespace is about the cluster that is changed.
        "flux-system".clone_into(&mut home.namespace);
    }
    let plane = Plane::open(&home, &args.argocd, None).await?;
    match args.command {
        ClusterSubcommand::List(args) => print(&all(&plane).await?, &args.output)?,
        ClusterSubcommand::Get(args) => {
            let found = find(all(&plane).await?, &args.which)?;
            match form_of(&args.output, &["wide", "server"])? {
                Some(form) => print_value(&found, form)?,
                None => print(&[found], &args.output)?,
            }
        }
        ClusterSubcommand::Rm(args) => rm(&plane, &args).await?,
        ClusterSubcommand::Set(args) => set(&plane, &args).await?,
        ClusterSubcommand::RotateAuth { which } => rotate(&plane, &which).await?,
        ClusterSubcommand::Add(_) => {}
    }
    Ok(0)
}

/// The clusters, as people see them.
async fn all(plane: &Plane) -> Result<Vec<Value>> {
    let argo = match plane {
        Plane::Server(through) => return Ok(items(&through.server.get("/api/v1/clusters", &[]).await?).to_vec()),
        Plane::Cluster(argo) => argo,
    };
    // Of the cluster that is asked the version is known; the others are not asked.
    let version = argo.cluster.version().await.unwrap_or_default();
    let told = |c: &ClusterEntry| {
        let mut value = told(c);
        if c.name == IN_CLUSTER || c.connection.is_in_cluster() {
            value.set(&["serverVersion"], version.as_str());
            value.set(&["connectionState", "status"], "Successful");
        }
        value
    };
    Ok(known(argo).await?.iter().map(told).collect())
}

async fn rm(plane: &Plane, args: &ClusterRmArgs) -> Result<()> {
    for which in &args.which {
        let question = format!(
            "Are you sure you want to remove '{which}'? Any Apps deploying to this cluster will go to health status Unknown."
        );
        match plane {
            Plane::Cluster(argo) => {
                let known = known(argo).await?;
                let found = entry(&known, which)?;
                if found.secret_name.is_empty() {
                    bail!(
                        "cluster {which:?} is the one that the controllers run in: it is turned off by cluster.inClusterEnabled"
                    );
                }
                if !args.yes && !confirmed(&question, "--yes")? {
                    outln!("The command to remove '{which}' was cancelled.");
                    continue;
                }
                remove(argo, &found.secret_name).await?;
            }
            Plane::Server(through) => {
                if !args.yes && !confirmed(&question, "--yes")? {
                    outln!("The command to remove '{which}' was cancelled.");
                    continue;
                }
                let (path, kind) = of(which);
                through.server.delete(&path, &[("id.type", kind)]).await?;
            }
        }
        outln!("Cluster '{}' removed", clean(which));
    }
    Ok(())
}

/// A cluster's path at a server, and what names it there.
fn of(which: &str) -> (String, &'static str) {
    let kind = if which.contains("://") { "url" } else { "name" };
    (path(&["api", "v1", "clusters", which]), kind)
}

/// What of a cluster flags name.
async fn set(plane: &Plane, args: &ClusterSetArgs) -> Result<()> {
    let namespaces: Vec<String> = args.namespaces.iter().filter_map(|n| of_objects(n)).collect();
    let all_namespaces = namespaces.iter().any(|n| n == "*");
    let (labels, annotations) = (pairs(&args.labels)?, pairs(&args.annotations)?);
    if args.name.is_none() && namespaces.is_empty() && labels.is_empty() && annotations.is_empty() {
        bail!("nothing to set is named: --name, --namespace, --label, --annotation");
    }
    match plane {
        Plane::Cluster(argo) => {
            let known = known(argo).await?;
            let found = entry(&known, &args.which)?;
            if found.secret_name.is_empty() {
                bail!("cluster {:?} has no secret to write to: `belay cluster add --in-cluster` makes one", args.which);
            }
            argo.change(&Argocd::secrets(), &argo.namespace, &found.secret_name, |secret| {
                if let Some(name) = &args.name {
                    secret.set(&["data", "name"], STANDARD.encode(name));
                }
                match (all_namespaces, namespaces.is_empty()) {
                    (true, _) => drop(secret.remove(&["data", "namespaces"])),
                    (false, false) => secret.set(&["data", "namespaces"], STANDARD.encode(namespaces.join(","))),
                    (false, true) => {}
                }
                labels.iter().for_each(|(key, value)| secret.set_label(key, value));
                annotations.iter().for_each(|(key, value)| secret.set_annotation(key, value));
                Ok(())
            })
            .await?;
        }
        Plane::Server(through) => {
            let (path, kind) = of(&args.which);
            let mut cluster = through.server.get(&path, &[("id.type", kind)]).await?;
            let mut fields = Vec::new();
            if let Some(name) = &args.name {
                cluster.set(&["name"], name.as_str());
                fields.push(("updatedFields", "name"));
            }
            if !namespaces.is_empty() {
                let list: &[String] = if all_namespaces { &[] } else { &namespaces };
                cluster.set(&["namespaces"], list.iter().collect::<Value>());
                fields.push(("updatedFields", "namespaces"));
            }
            for (field, given) in [("labels", &labels), ("annotations", &annotations)] {
                if !given.is_empty() {
                    given.iter().for_each(|(key, value)| cluster.set(&[field, key], value.as_str()));
                    fields.push(("updatedFields", field));
                }
            }
            // How it is reached is not told, and stays.
            cluster.remove(&["config"]);
            fields.push(("id.type", kind));
            through.server.send(Method::PUT, &path, &fields, Some(&cluster)).await?;
        }
    }
    outln!("Cluster '{}' updated.", clean(&args.which));
    Ok(())
}

async fn rotate(plane: &Plane, which: &str) -> Result<()> {
    match plane {
        Plane::Cluster(_) => bail!(
            "credentials are not rotated by themselves: `belay cluster add CONTEXT --upsert` writes new ones, and deleting the old token's secret in that cluster ends the old ones"
        ),
        Plane::Server(through) => {
            let (_, kind) = of(which);
            let path = path(&["api", "v1", "clusters", which, "rotate-auth"]);
            through.server.send(Method::POST, &path, &[("id.type", kind)], None).await?;
        }
    }
    outln!("Cluster '{}' rotated auth", clean(which));
    Ok(())
}

/// What the secrets say.
pub(super) async fn known(argo: &Argocd) -> Result<Clusters> {
    let labels = format!("{SECRET_TYPE}={}", secret_type::CLUSTER);
    let options = ListOptions { labels, ..ListOptions::default() };
    let secrets = argo.cluster.list(&Argocd::secrets(), &argo.namespace, &options).await?.items;
    let has_own = configuration(&argo.cluster, &argo.namespace).await?.settings.in_cluster_enabled;
    let (known, wrong) = Clusters::read(&secrets, has_own);
    wrong.iter().for_each(|why| crate::output::warning(why));
    Ok(known)
}

fn entry<'a>(known: &'a Clusters, which: &str) -> Result<&'a ClusterEntry> {
    let is_it = |c: &&ClusterEntry| is_called(&c.server, &c.name, which);
    known.iter().find(is_it).with_context(|| format!("cluster {which:?} not found"))
}

fn is_called(server: &str, name: &str, which: &str) -> bool {
    server.trim_end_matches('/') == which.trim_end_matches('/') || name == which
}

fn find(all: Vec<Value>, which: &str) -> Result<Value> {
    let text = |c: &Value, field: &str| c.str_at(&[field]).unwrap_or_default().to_owned();
    let found = all.into_iter().find(|c| is_called(&text(c, "server"), &text(c, "name"), which));
    found.with_context(|| format!("cluster {which:?} not found"))
}

fn print(all: &[Value], form: &str) -> Result<()> {
    match (form_of(form, &["wide", "server"])?, form) {
        (Some(form), _) => print_value(&all.iter().cloned().collect::<Value>(), form)?,
        (None, "server") => all.iter().for_each(|c| outln!("{}", clean(c.str_at(&["server"]).unwrap_or_default()))),
        _ => table(all).print(),
    }
    Ok(())
}

/// Compat(argocd 3.5): the columns.
pub fn table(all: &[Value]) -> Columns {
    let mut table = Columns::new(&["SERVER", "NAME", "VERSION", "STATUS", "MESSAGE", "PROJECT"]);
    for c in all {
        let text = |path: &[&str]| c.str_at(path).unwrap_or_default();
        let scoped = match c.get("namespaces").map_or(0, |list| list.items().len()) {
            0 => String::new(),
            count => format!(" ({count} namespaces)"),
        };
        let state = Some(text(&["connectionState", "status"])).filter(|s| !s.is_empty()).unwrap_or("Unknown");
        table.row([
            &format!("{}{scoped}", text(&["server"])),
            text(&["name"]),
            text(&["serverVersion"]),
            state,
            text(&["connectionState", "message"]),
            text(&["project"]),
        ]);
    }
    table
}

/// A cluster without what is secret.
fn told(c: &ClusterEntry) -> Value {
    let mut value = object! { "server" => c.server.as_str(), "name" => c.name.as_str() };
    if !c.namespaces.is_empty() {
        value.set(&["namespaces"], c.namespaces.iter().collect::<Value>());
        value.set(&["clusterResources"], c.cluster_resources);
    }
    if !c.project.is_empty() {
        value.set(&["project"], c.project.as_str());
    }
    if let Some(shard) = c.shard {
        value.set(&["shard"], shard);
    }
    for (name, map) in [("labels", &c.labels), ("annotations", &c.annotations)] {
        if !map.is_empty() {
            value.set(&[name], map.clone());
        }
    }
    value
}
