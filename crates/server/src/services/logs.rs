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
/// Lines that wait to be put in order, and their bytes.
const MAX_WAITING: usize = 1000;
const MAX_WAITING_BYTES: usize = 4 << 20;
/// Longer lines are cut, in bytes.
const MAX_LINE: usize = 1 << 20;
/// Lines that were read and are not looked at: with those of the largest size 32 MiB a request.
const MAX_READ: usize = 32;

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

/// Lines that wait to be put in order. The first of them waits no longer than [`WINDOW`], however many come.
#[derive(Default)]
struct Waiting {
    lines: Vec<Line>,
    bytes: usize,
    due: Option<Instant>,
}

impl Waiting {
    fn push(&mut self, line: Line) {
        self.due.get_or_insert_with(|| Instant::now() + WINDOW);
        self.bytes += line.text.len();
        self.lines.push(line);
    }
    /// How long the next line may take.
    fn patience(&self) -> Duration {
        self.due.map_or(TICK, |due| due.saturating_duration_since(Instant::now()))
    }
    fn is_due(&self) -> bool {
        let is_full = self.lines.len() >= MAX_WAITING || self.bytes >= MAX_WAITING_BYTES;
        is_full || self.due.is_some_and(|due| due <= Instant::now())
    }
    /// All of them in order.
    fn take(&mut self) -> Vec<Line> {
        let mut lines = std::mem::take(self).lines;
        lines.sort_by_key(|line| line.at);
        lines
    }
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
    let (sender, mut lines) = mpsc::channel::<Line>(MAX_READ);
    let mut readers = JoinSet::new();
    for pod in &pods {
        let (cluster, pod, options, sender) = (cluster.clone(), pod.clone(), wanted.options.clone(), sender.clone());
        readers.spawn(async move { read(&cluster, &pod, &options, &sender).await });
    }
    drop(sender);
    let (mut waiting, mut checked) = (Waiting::default(), Instant::now());
    loop {
        let next = timeout(waiting.patience(), lines.recv()).await;
        if checked.elapsed() >= TICK {
            guard.check().await?;
            checked = Instant::now();
        }
        let ended = matches!(next, Ok(None));
        if let Ok(Some(line)) = next {
            waiting.push(line);
        }
        // One pod's lines are in order already.
        if ended || pods.len() == 1 || waiting.is_due() {
            for line in waiting.take().into_iter().filter(|line| wanted.wants(&line.text)) {
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
        let text = &text[..text.floor_char_boundary(MAX_LINE)];
        // Compat(argo 3.5): what is written over in place, a progress bar, is a line each time.
        for text in text.trim_end().split('\r') {
            if sender.send(Line { pod: name.clone(), at, text: text.to_owned() }).await.is_err() {
                return;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, bytes: usize) -> Line {
        let at = Timestamp::from_second(second).expect("a time");
        Line { pod: "web".into(), at, text: "x".repeat(bytes) }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_go_on_and_on_are_told_in_time_and_in_order() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.patience(), TICK);
        for second in [3, 1, 2] {
            assert!(!waiting.is_due());
            waiting.push(line(second, 1));
            tokio::time::sleep(WINDOW * 2 / 5).await;
        }
        assert!(waiting.is_due() && waiting.patience().is_zero(), "the first has waited long enough");
        let told: Vec<i64> = waiting.take().iter().map(|line| line.at.as_second()).collect();
        assert_eq!(told, [1, 2, 3]);
        assert!(!waiting.is_due() && waiting.patience() == TICK);
        for second in 0..4 {
            waiting.push(line(second, MAX_WAITING_BYTES / 4));
        }
        assert!(waiting.is_due(), "many bytes wait for nothing");
    }
}
