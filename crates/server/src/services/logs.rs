//! Logs of an Application's pods, as they come; several pods are one stream in order of time.

use std::sync::Arc;

use belay_argo::resource_tree::Node;
use belay_cluster::{Cluster, LogOptions};
use belay_object::{Value, object};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::guard::{Guard, Sink, TICK, stream};
use crate::services::applications::named;
use crate::services::trees;

/// Lines of several pods are put in order within so long. Compat(argo 3.5)
const WINDOW: Duration = Duration::from_millis(100);
/// Lines that wait to be put in order.
const MAX_WAITING: usize = 1000;
/// Longer lines are cut.
const MAX_LINE: usize = 1 << 20;

/// What is asked of the logs.
struct Wanted {
    options: LogOptions,
    until: Option<Timestamp>,
    filter: String,
    inverse: bool,
    match_case: bool,
}

/// One line.
struct Line {
    pod: Arc<str>,
    at: Timestamp,
    text: String,
}

/// Of pods that the query chooses.
pub(crate) async fn of_application(call: Call) -> Result<Answer, Error> {
    let pod = call.query("podName").to_owned();
    of(call, &pod).await
}

/// Of the pod that the path names.
pub(crate) async fn of_pod(call: Call) -> Result<Answer, Error> {
    let pod = call.path("podName").to_owned();
    of(call, &pod).await
}

async fn of(call: Call, pod: &str) -> Result<Answer, Error> {
    let wanted = Wanted::read(&call)?;
    let target = named(&call, "get").await?;
    call.require("logs", "get", &target.rbac)?;
    let (place, tree) = trees::of(&call, &target).await?;
    let pods = chosen(&tree.nodes, &call, pod);
    let most = call.at.config.settings.max_pod_logs;
    if i64::try_from(pods.len()).is_ok_and(|n| n > most) {
        return Err(Error::invalid("max pods to view logs are reached. Please provide more granular query"));
    }
    let guard = Guard::of_application(&call, &target.object, &["applications", "logs"]);
    let cluster = place.acting;
    Ok(stream(move |sink| follow(cluster, pods, wanted, guard, sink)))
}

impl Wanted {
    fn read(call: &Call) -> Result<Wanted, Error> {
        let positive = |name: &str| -> Result<Option<u32>, Error> {
            Ok(call.number(name)?.filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok()))
        };
        let mut since_s = positive("sinceSeconds")?;
        if let Some(from) = call.number("sinceTime.seconds")? {
            let ago = Timestamp::now().as_second().saturating_sub(from).max(1);
            since_s = u32::try_from(ago).ok();
        }
        let until = match call.query("untilTime") {
            "" => None,
            text => {
                let time = text.parse::<Timestamp>();
                Some(time.map_err(|e| Error::invalid(format!("invalid untilTime parameter value: {e}")))?)
            }
        };
        let match_case = call.flag("matchCase")?.unwrap_or(false);
        let filter = call.query("filter");
        let (inverse, filter) = match filter.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, filter),
        };
        Ok(Wanted {
            options: LogOptions {
                container: call.query("container").to_owned(),
                follow: call.flag("follow")?.unwrap_or(false),
                previous: call.flag("previous")?.unwrap_or(false),
                tail_lines: positive("tailLines")?,
                since_s,
                timestamps: true,
            },
            until,
            filter: if match_case { filter.to_owned() } else { filter.to_lowercase() },
            inverse,
            match_case,
        })
    }

    fn wants(&self, text: &str) -> bool {
        if self.filter.is_empty() {
            return true;
        }
        let found = match self.match_case {
            true => text.contains(&self.filter),
            false => text.to_lowercase().contains(&self.filter),
        };
        found != self.inverse
    }
}

/// The pods that are chosen, or below what is chosen.
fn chosen(nodes: &[Arc<Node>], call: &Call, pod: &str) -> Vec<Arc<Node>> {
    let (kind, name) = if pod.is_empty() { (call.query("kind"), call.query("resourceName")) } else { ("Pod", pod) };
    let (group, namespace) = (call.query("group"), call.query("namespace"));
    let same = |wanted: &str, text: &str| wanted.is_empty() || wanted == text;
    let fits = |node: &Node| {
        same(name, &node.key.name)
            && same(kind, &node.key.kind.kind)
            && same(group, &node.key.kind.group)
            && same(namespace, &node.key.namespace)
    };
    // A tree lists owners before what they own, so one walk finds all that is below.
    let mut below: std::collections::HashSet<&str> = std::collections::HashSet::new();
    for node in nodes.iter().filter(|node| !node.uid.is_empty()) {
        if fits(node) || node.parents.iter().any(|parent| below.contains(&*parent.uid)) {
            below.insert(&node.uid);
        }
    }
    let is_pod = |node: &&Arc<Node>| node.key.kind.kind == "Pod" && node.key.kind.group.is_empty();
    nodes.iter().filter(is_pod).filter(|node| below.contains(&*node.uid)).cloned().collect()
}

async fn follow(cluster: Cluster, pods: Vec<Arc<Node>>, wanted: Wanted, guard: Guard, sink: Sink) -> Result<(), Error> {
    let (sender, mut lines) = mpsc::channel::<Line>(256);
    let mut readers = JoinSet::new();
    for pod in &pods {
        let (cluster, pod, options, sender) = (cluster.clone(), pod.clone(), wanted.options.clone(), sender.clone());
        readers.spawn(async move { read(&cluster, &pod, &options, &sender).await });
    }
    drop(sender);
    let mut waiting: Vec<Line> = Vec::new();
    let mut checked = Instant::now();
    loop {
        let patience = if waiting.is_empty() { TICK } else { WINDOW };
        let next = timeout(patience, lines.recv()).await;
        if checked.elapsed() >= TICK {
            guard.check().await?;
            checked = Instant::now();
        }
        let (flush, ended) = match next {
            Ok(Some(line)) => {
                waiting.push(line);
                // One pod's lines are in order already.
                (pods.len() == 1 || waiting.len() >= MAX_WAITING, false)
            }
            Ok(None) => (true, true),
            Err(_) => (true, false),
        };
        if flush {
            waiting.sort_by_key(|line| line.at);
            for line in waiting.drain(..).filter(|line| wanted.wants(&line.text)) {
                let last = wanted.until.is_some_and(|until| line.at > until);
                if sink.send(Ok(entry(&line, last))).await.is_err() || last {
                    return Ok(());
                }
            }
        }
        if ended {
            break;
        }
    }
    if !pods.is_empty() {
        let end = Line { pod: "".into(), at: Timestamp::now(), text: String::new() };
        let _ = sink.send(Ok(entry(&end, true))).await;
    }
    Ok(())
}

async fn read(cluster: &Cluster, pod: &Node, options: &LogOptions, sender: &mpsc::Sender<Line>) {
    let name: Arc<str> = Arc::from(&*pod.key.name);
    let opened = cluster.logs(&pod.key.namespace, &pod.key.name, options).await;
    let mut log = match opened {
        Ok(log) => log,
        // Compat(argo 3.5): why there is no log is a line of it.
        Err(e) => {
            let text = e.message().to_owned();
            let _ = sender.send(Line { pod: name, at: Timestamp::UNIX_EPOCH, text }).await;
            return;
        }
    };
    while let Ok(Some(line)) = log.next_line().await {
        let (time, text) = line.split_once(' ').unwrap_or((&line, ""));
        let (at, text) = match time.parse::<Timestamp>() {
            Ok(at) => (at, text),
            Err(_) => (Timestamp::now(), line.as_str()),
        };
        let text: String = text.chars().take(MAX_LINE).collect();
        if sender.send(Line { pod: name.clone(), at, text }).await.is_err() {
            return;
        }
    }
}

fn entry(line: &Line, last: bool) -> Value {
    let at = line.at.to_string();
    let seconds = line.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    object! {
        "content" => line.text.as_str(),
        "timeStamp" => seconds,
        "last" => last,
        "timeStampStr" => at,
        "podName" => &*line.pod,
    }
}
