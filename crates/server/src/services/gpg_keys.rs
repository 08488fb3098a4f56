//! Public keys of those whose signatures count. A key is taken apart only as far as to know its name.

use belay_argo::names::{GPG_KEYS, PART_OF};
use belay_argo::repositories::keys::{self, PublicKey};
use belay_cluster::{ErrorKind, Patch};
use belay_object::{Map, Object, Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, text};
use crate::message;
use crate::snapshot::{config_maps, shown};

/// The keys.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "get", "")?;
    let wanted = call.query("keyID");
    let keys = known(&call).into_iter().filter(|key| wanted.is_empty() || key.is_called(wanted));
    Ok(told(keys.collect()).into())
}

/// One key, with its text.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "get", "")?;
    let id = call.path("keyID");
    let found = known(&call).into_iter().find(|key| key.is_called(id));
    let key = found.ok_or_else(|| Error::not_found(format!("No such key: {id}")))?;
    let mut value = key.to_value();
    value.set(&["keyData"], key.armoured);
    Ok(value.into())
}

/// Adds the keys of a text.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "create", "")?;
    let message = call.message()?;
    let given = text(&message, "keyData");
    let keys = keys::read_all(given).map_err(Error::invalid)?;
    let all = known(&call);
    let upsert = call.flag("upsert")?.unwrap_or(false);
    let (mut created, mut skipped, mut data) = (Vec::new(), Vec::new(), Map::new());
    for key in keys {
        if !upsert && all.iter().any(|known| known.id == key.id) {
            skipped.push(key.id);
        } else {
            data.insert(key.id.as_str(), key.armoured.as_str());
            created.push(key);
        }
    }
    if !data.is_empty() {
        write(&call, data).await?;
    }
    let mut answer = object! { "created" => told(created) };
    if !skipped.is_empty() {
        answer.set(&["skipped"], skipped.into_iter().collect::<Value>());
    }
    Ok(answer.into())
}

/// Takes a key away.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "delete", "")?;
    let id = call.query("keyID");
    if id.is_empty() {
        return Err(Error::invalid("no key id given"));
    }
    let found = known(&call).into_iter().find(|key| key.is_called(id));
    let key = found.ok_or_else(|| Error::not_found(format!("No such key: {id}")))?;
    write(&call, Map::from_iter([(key.id.as_str(), Value::Null)])).await?;
    Ok(Answer::empty())
}

fn known(call: &Call) -> Vec<PublicKey> {
    keys::known(&call.at.config.trust.gpg_keys)
}

fn told(keys: Vec<PublicKey>) -> Value {
    message::list(keys.iter().map(PublicKey::to_value).collect())
}

async fn write(call: &Call, data: Map) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let patch = Patch::Merge(object! { "data" => data.clone() });
    let written = match cluster.patch(&config_maps(), namespace, GPG_KEYS, &patch, &api.writing()).await {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let mut map = Object::of("v1", "ConfigMap", namespace, GPG_KEYS);
            map.set_label(PART_OF.0, PART_OF.1);
            map.set(&["data"], data);
            cluster.create(&config_maps(), &map, &api.writing()).await
        }
        other => other,
    };
    shown(&api.watches.maps, &written?).await;
    Ok(())
}
