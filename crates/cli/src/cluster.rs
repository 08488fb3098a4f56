//! `belay cluster`: the clusters that Applications go to, kept in secrets as Argo CD keeps them.

mod add;

use anyhow::{Context, Result, bail};
use belay_argo::clusters::{ClusterEntry, Clusters};
use belay_argo::controller::preview::configuration;
use belay_argo::names::{IN_CLUSTER, SECRET_TYPE, secret_type};
use belay_cluster::ListOptions;
use belay_object::{Value, object};

use crate::argocd::{Argocd, Columns, form_of, print_value};
use crate::args::{ClusterArgs, ClusterSubcommand, Global};
use crate::delete::confirmed;
use crate::outln;
use crate::repo::remove;

/// Carries one out.
pub async fn cluster(global: &Global, args: ClusterArgs) -> Result<u8> {
    if let ClusterSubcommand::Add(add_args) = args.command {
        return add::add(global, &args.argocd, &add_args).await;
    }
    let argo = Argocd::connect(global, &args.argocd, None).await?;
    match args.command {
        ClusterSubcommand::List(args) => {
            let known = known(&argo).await?;
            match (form_of(&args.output, &["wide", "server"])?, args.output.as_str()) {
                (Some(form), _) => print_value(&known.iter().map(told).collect::<Value>(), form)?,
                (None, "server") => known.iter().for_each(|c| outln!("{}", c.server)),
                _ => table(&argo, known.iter().collect()).await.print(),
            }
            Ok(0)
        }
        ClusterSubcommand::Get(args) => {
            let known = known(&argo).await?;
            let found = find(&known, &args.which)?;
            match (form_of(&args.output, &["wide", "server"])?, args.output.as_str()) {
                (Some(form), _) => print_value(&told(found), form)?,
                (None, "server") => outln!("{}", found.server),
                _ => table(&argo, vec![found]).await.print(),
            }
            Ok(0)
        }
        ClusterSubcommand::Rm(args) => {
            for which in &args.which {
                let known = known(&argo).await?;
                let found = find(&known, which)?;
                if found.secret_name.is_empty() {
                    bail!(
                        "cluster {which:?} is the one that the controllers run in: it is turned off by cluster.inClusterEnabled"
                    );
                }
                if !args.yes
                    && !confirmed(
                        &format!(
                            "Are you sure you want to remove '{which}'? Any Apps deploying to this cluster will go to health status Unknown."
                        ),
                        "--yes",
                    )?
                {
                    outln!("The command to remove '{which}' was cancelled.");
                    continue;
                }
                remove(&argo, &found.secret_name).await?;
                outln!("Cluster '{which}' removed");
            }
            Ok(0)
        }
        ClusterSubcommand::Add(_) => Ok(0),
    }
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

fn find<'a>(known: &'a Clusters, which: &str) -> Result<&'a ClusterEntry> {
    let is_it = |c: &&ClusterEntry| c.server.trim_end_matches('/') == which.trim_end_matches('/') || c.name == which;
    known.iter().find(is_it).with_context(|| format!("cluster {which:?} not found"))
}

/// Compat(argocd 3.5): the columns. Of the cluster that is asked the version is known.
async fn table(argo: &Argocd, all: Vec<&ClusterEntry>) -> Columns {
    let version = argo.cluster.version().await.unwrap_or_default();
    let mut table = Columns::new(&["SERVER", "NAME", "VERSION", "STATUS", "MESSAGE", "PROJECT"]);
    for c in all {
        let scoped = match c.namespaces.len() {
            0 => String::new(),
            count => format!(" ({count} namespaces)"),
        };
        let is_own = c.name == IN_CLUSTER || c.connection.is_in_cluster();
        let (version, status) = if is_own { (version.as_str(), "Successful") } else { ("", "Unknown") };
        table.row([&format!("{}{scoped}", c.server), &c.name, version, status, "", &c.project]);
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
