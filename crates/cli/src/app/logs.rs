//! `belay app logs`: the logs of the pods below an Application's objects.

use anyhow::{Result, bail};
use belay_argo::spec::Application;
use belay_cluster::{Cluster, LogOptions};
use belay_object::{Object, Value};

use super::look::Look;
use super::tree;
use crate::args::{AppLogsArgs, of_objects};
use crate::outln;
use crate::output::clean;
use crate::plane::{Plane, Through, path};

/// Logs that are followed at once: each holds a connection.
const MAX_STREAMS: usize = 100;

pub async fn logs(plane: &Plane, args: &AppLogsArgs) -> Result<u8> {
    let app = plane.application(&plane.id(&args.app_name)).await?;
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => return streamed(through, &app, args).await,
    };
    if args.until_time.is_some() {
        plane.server("--until-time")?;
    }
    let look = Look::at(argo, &app).await?;
    let is_wanted = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    let namespace = of_objects(&args.namespace);
    let all = tree::objects(&look, &app).await?;
    let roots: Vec<&Object> = all
        .iter()
        .filter(|o| {
            let kind = o.group_kind();
            is_wanted(&args.group, &kind.group)
                && is_wanted(&args.kind, &kind.kind)
                && is_wanted(&args.name, o.name())
                && is_wanted(&namespace, o.namespace())
        })
        .collect();
    let pods = tree::below(&all, &roots).into_iter().filter(|o| o.kind() == "Pod" && o.api_version() == "v1");
    let mut streams = Vec::new();
    for pod in pods {
        for container in containers(pod, args.container.as_deref()) {
            streams.push((pod.namespace().to_owned(), pod.name().to_owned(), container));
        }
    }
    if streams.is_empty() {
        bail!("no pods match");
    }
    if streams.len() > MAX_STREAMS {
        bail!(
            "{} containers match, at most {MAX_STREAMS} are shown: name some by --kind, --name or --container",
            streams.len()
        );
    }
    let mut tasks = Vec::new();
    for (namespace, pod, container) in streams {
        let reads = one(&look.at.cluster, args, namespace, pod, container);
        if args.follow {
            tasks.push(reads);
        } else {
            reads.await?;
        }
    }
    futures::future::try_join_all(tasks).await?;
    Ok(0)
}

/// Prints the lines that a server streams.
async fn streamed(through: &Through, app: &Application, args: &AppLogsArgs) -> Result<u8> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: u32| if number > 0 { number.to_string() } else { String::new() };
    let flag = |on: bool| if on { "true" } else { "" }.to_owned();
    let query = [
        ("appNamespace", app.namespace.clone()),
        ("project", app.spec.project().to_owned()),
        ("container", text(&args.container)),
        ("group", text(&args.group)),
        ("kind", text(&args.kind)),
        ("resourceName", text(&args.name)),
        ("namespace", of_objects(&args.namespace).unwrap_or_default()),
        ("follow", flag(args.follow)),
        ("previous", flag(args.previous)),
        ("sinceSeconds", number(args.since_seconds)),
        ("tailLines", number(args.tail)),
        ("filter", text(&args.filter)),
        ("matchCase", flag(args.match_case)),
        ("untilTime", args.until_time.map(|t| t.to_string()).unwrap_or_default()),
    ];
    let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut lines = through.server.stream(&path(&["api", "v1", "applications", &app.name, "logs"]), &query).await?;
    while let Some(message) = lines.next().await? {
        // The last message only says that there is no more.
        if message.get("last").and_then(Value::as_bool) != Some(true) {
            outln!("{}", clean(message.str_at(&["content"]).unwrap_or_default()));
        }
    }
    Ok(0)
}

pub fn containers(pod: &Object, wanted: Option<&str>) -> Vec<String> {
    let lists: &[&str] = if wanted.is_some() { &["initContainers", "containers"] } else { &["containers"] };
    let all = lists.iter().flat_map(|list| pod.at(&["spec", list]).map_or(&[][..], Value::items));
    let names = all.filter_map(|c| c.str_at(&["name"]));
    names.filter(|name| wanted.is_none_or(|w| w == *name)).map(str::to_owned).collect()
}

async fn one(cluster: &Cluster, args: &AppLogsArgs, namespace: String, pod: String, container: String) -> Result<()> {
    let options = LogOptions {
        container,
        follow: args.follow,
        previous: args.previous,
        tail_lines: (args.tail > 0).then_some(args.tail),
        since_s: (args.since_seconds > 0).then_some(args.since_seconds),
        timestamps: false,
    };
    let mut log = cluster.logs(&namespace, &pod, &options).await?;
    while let Some(line) = log.next_line().await? {
        if is_meant(&line, args) {
            outln!("{}", clean(&line));
        }
    }
    Ok(())
}

/// Compat(argocd 3.5): `!` in front of the text is for lines without it.
fn is_meant(line: &str, args: &AppLogsArgs) -> bool {
    let Some(filter) = args.filter.as_deref().filter(|f| !f.is_empty()) else { return true };
    let (inverse, text) = match filter.strip_prefix('!') {
        Some(text) => (true, text),
        None => (false, filter),
    };
    let found = match args.match_case {
        true => line.contains(text),
        false => line.to_lowercase().contains(&text.to_lowercase()),
    };
    found != inverse
}
