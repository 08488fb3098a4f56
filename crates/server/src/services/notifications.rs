//! The names of what notifications are configured with: people choose among them when they subscribe.

use std::collections::BTreeSet;

use belay_argo::names::NOTIFICATIONS;
use belay_cluster::ErrorKind;
use belay_object::{Map, Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::message::Message;
use crate::snapshot::config_maps;

/// The services: `service.<type>.<name>`, or `service.<type>`.
pub(crate) async fn services(call: Call) -> Result<Answer, Error> {
    names(&call, "service.", |rest| rest.split_once('.').map_or(rest, |(_, name)| name)).await
}

/// The templates.
pub(crate) async fn templates(call: Call) -> Result<Answer, Error> {
    names(&call, "template.", |rest| rest).await
}

/// The triggers.
pub(crate) async fn triggers(call: Call) -> Result<Answer, Error> {
    names(&call, "trigger.", |rest| rest).await
}

/// Nothing where nothing is configured.
async fn names(call: &Call, prefix: &str, name: fn(&str) -> &str) -> Result<Answer, Error> {
    let (cluster, namespace) = (&call.api.options.cluster, call.api.options.namespace.as_str());
    let map = match cluster.get(&config_maps(), namespace, NOTIFICATIONS).await {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Answer::empty()),
        other => other?,
    };
    let keys = map.get("data").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let all: BTreeSet<String> =
        keys.filter_map(|key| key.strip_prefix(prefix)).map(|rest| name(rest).to_owned()).collect();
    let items: Value = all.into_iter().map(|name| object! { "name" => name }).collect();
    Ok(Message::new().value("items", items).done().into())
}
