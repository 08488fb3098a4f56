//! The subresources of Pods that are not stored parts: log, binding, eviction.

use std::time::Duration;

use belay_object::{Object, Value, object};
use bytes::Bytes;
use http::{Response, StatusCode};

use crate::body::Body;
use crate::controllers::log_lines;
use crate::request::Query;
use crate::respond;
use crate::status::{ApiError, Result};
use crate::verbs::delete::{DeleteOptions, Deleted, delete};
use crate::verbs::update::{Wanted, change};
use crate::verbs::{Call, time_text};

/// How often a followed log looks for new lines.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// `GET .../log`
pub(crate) fn log(call: &Call<'_>, query: &Query) -> Result<Response<Body>> {
    let pod = call.live().ok_or_else(|| call.not_found())?;
    let container = container(&pod, query.get("container"))?;
    if pod.str_at(&["status", "phase"]).unwrap_or("Pending") == "Pending" {
        let why = format!("container {container:?} in pod {:?} is waiting to start: ContainerCreating", pod.name());
        return Err(ApiError::bad_request(why));
    }
    let lines = Lines {
        timestamps: query.flag("timestamps"),
        since: query.number("sinceSeconds")?.map(|s| now_s() - s).unwrap_or(i64::MIN),
    };
    let until = now_s();
    let mut texts: Vec<String> = log_lines(&pod, &container, until).iter().filter_map(|l| lines.text(l)).collect();
    if let Some(tail) = query.number("tailLines")? {
        let keep = usize::try_from(tail).unwrap_or_default().min(texts.len());
        texts.drain(..texts.len() - keep);
    }
    let mut text = texts.concat();
    if let Some(limit) = query.number("limitBytes")? {
        let mut cut = usize::try_from(limit).unwrap_or_default().min(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
    }
    if !query.flag("follow") {
        return Ok(respond::with_type(StatusCode::OK, "text/plain", Body::full(text)));
    }
    let first = Bytes::from(text);
    let follow = Follow {
        table: call.resource.table.clone(),
        key: call.key(),
        uid: pod.uid().to_owned(),
        container,
        lines,
        shown_until: until,
    };
    let rest = futures::stream::unfold(follow, Follow::step);
    let body = futures::StreamExt::chain(futures::stream::iter([Ok(first)]), rest);
    Ok(respond::with_type(StatusCode::OK, "text/plain", Body::stream(body)))
}

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The container named, or the only one.
fn container(pod: &Object, named: &str) -> Result<String> {
    let names = |list: &str| -> Vec<String> {
        let items = pod.at(&["spec", list]).map_or(&[][..], Value::items);
        items.iter().filter_map(|c| c.str_at(&["name"])).map(str::to_owned).collect()
    };
    let (containers, init) = (names("containers"), names("initContainers"));
    if !named.is_empty() {
        let known = containers.iter().chain(&init).any(|c| c == named);
        let why = || format!("container {named} is not valid for pod {}", pod.name());
        return known.then(|| named.to_owned()).ok_or_else(|| ApiError::bad_request(why()));
    }
    match containers.as_slice() {
        [one] => Ok(one.clone()),
        many => {
            let list = many.join(" ");
            let why = format!("a container name must be specified for pod {}, choose one of: [{list}]", pod.name());
            Err(ApiError::bad_request(why))
        }
    }
}

struct Lines {
    timestamps: bool,
    since: i64,
}

impl Lines {
    fn text(&self, (at_s, line): &(i64, String)) -> Option<String> {
        if *at_s < self.since {
            return None;
        }
        let time = jiff::Timestamp::from_second(*at_s).ok().filter(|_| self.timestamps);
        Some(match time {
            Some(time) => format!("{} {line}\n", time_text(time)),
            None => format!("{line}\n"),
        })
    }
}

/// A log that is followed until its pod is gone.
struct Follow {
    table: std::sync::Arc<crate::store::Table>,
    key: String,
    uid: String,
    container: String,
    lines: Lines,
    shown_until: i64,
}

impl Follow {
    async fn step(mut self) -> Option<(std::result::Result<Bytes, crate::body::BodyError>, Follow)> {
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            let pod = self.table.get(&self.key).filter(|pod| pod.uid() == self.uid)?;
            let now = now_s();
            let new = log_lines(&pod, &self.container, now);
            let texts: Vec<String> =
                new.iter().filter(|(at, _)| *at > self.shown_until).filter_map(|l| self.lines.text(l)).collect();
            self.shown_until = now;
            if !texts.is_empty() {
                return Some((Ok(texts.concat().into()), self));
            }
        }
    }
}

/// `POST .../binding`: puts a pod on a node.
pub(crate) fn bind(call: &Call<'_>, binding: &Value) -> Result<Object> {
    let node = binding.str_at(&["target", "name"]).unwrap_or_default().to_owned();
    if node.is_empty() {
        return Err(ApiError::bad_request("target.name is required for a binding"));
    }
    change(call, false, &mut |pod| {
        let bound = pod.str_at(&["spec", "nodeName"]).unwrap_or_default();
        if !bound.is_empty() {
            let why = format!("pod {} is already assigned to node {bound:?}", pod.name());
            return Err(ApiError::conflict("", "pods/binding", pod.name(), why));
        }
        let mut object = pod.clone();
        object.set(&["spec", "nodeName"], node.as_str());
        Ok(Wanted { object, tracked: false })
    })?;
    Ok(created())
}

/// `POST .../eviction`: a delete that budgets may refuse; nothing simulated keeps a budget.
pub(crate) fn evict(call: &Call<'_>, eviction: &Value) -> Result<Object> {
    let options = DeleteOptions::read(eviction.get("deleteOptions"), &Query::default())?;
    match delete(call, &options)? {
        Deleted::Gone(_) | Deleted::Pending(_) => Ok(created()),
    }
}

fn created() -> Object {
    let status = object! {
        "kind" => "Status",
        "apiVersion" => "v1",
        "metadata" => object! {},
        "status" => "Success",
        "code" => 201,
    };
    Object::new(status).unwrap_or_default()
}
