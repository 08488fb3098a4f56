//! What is believed of hosts: their SSH keys, and certificate authorities. None of it is secret.

use belay_argo::names::{KNOWN_HOSTS, TLS_CERTIFICATES};
use belay_argo::repositories::hosts::{self, HTTPS, HostEntry, HostSelector, MAX_ENTRIES, SSH};
use belay_cluster::ErrorKind;
use belay_object::{Object, Value};

use crate::answer::Answer;
use crate::call::Call;
use crate::snapshot::{config_maps, shown};
use crate::{Error, message};

const TRIES: usize = 5;

/// Which entries are meant.
fn selector(call: &Call) -> HostSelector {
    let own = |field: &str| call.query(field).to_owned();
    HostSelector { host: own("hostNamePattern"), kind: own("certType"), subtype: own("certSubType") }
}

/// The entries.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    call.require("certificates", "get", "")?;
    let selector = selector(&call);
    let map = |name: &str| call.at.map(name).map(|map| (**map).clone());
    let all = hosts::entries(map(KNOWN_HOSTS).as_ref(), map(TLS_CERTIFICATES).as_ref());
    Ok(told(all.iter().filter(|entry| selector.fits(entry))))
}

/// Adds entries; one that is there with other data is replaced only with `upsert`.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    call.require("certificates", "create", "")?;
    let message = call.message()?;
    let items = message.get("items").map_or(&[][..], Value::items);
    if items.len() > MAX_ENTRIES {
        return Err(Error::invalid(format!("at most {MAX_ENTRIES} entries are taken at once")));
    }
    let given: Vec<HostEntry> =
        items.iter().map(HostEntry::of_message).collect::<Result<_, _>>().map_err(Error::invalid)?;
    let upsert = call.flag("upsert")?.unwrap_or(false);
    let mut added = Vec::new();
    change(&call, |all| {
        added = hosts::add(all, &given, upsert).map_err(Error::invalid)?;
        match all.len() > MAX_ENTRIES {
            true => Err(Error::exhausted(format!("at most {MAX_ENTRIES} entries are kept"))),
            false => Ok(()),
        }
    })
    .await?;
    Ok(told(added.iter()))
}

/// Takes entries away.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    call.require("certificates", "delete", "")?;
    let selector = selector(&call);
    let mut removed = Vec::new();
    change(&call, |all| {
        removed = hosts::take(all, &selector);
        Ok(())
    })
    .await?;
    Ok(told(removed.iter()))
}

fn told<'a>(entries: impl Iterator<Item = &'a HostEntry>) -> Answer {
    message::list(entries.map(HostEntry::to_value).collect()).into()
}

/// Changes both config maps to hold other entries.
async fn change(call: &Call, mut apply: impl FnMut(&mut Vec<HostEntry>) -> Result<(), Error>) -> Result<(), Error> {
    let (cluster, namespace) = (&call.api.options.cluster, call.api.options.namespace.as_str());
    'again: for _ in 0..TRIES {
        let mut maps = Vec::new();
        for name in [KNOWN_HOSTS, TLS_CERTIFICATES] {
            maps.push(cluster.find(&config_maps(), namespace, name).await?);
        }
        let before = hosts::entries(maps[0].as_ref(), maps[1].as_ref());
        let mut all = before.clone();
        apply(&mut all)?;
        let of =
            |all: &[HostEntry], kind: &str| all.iter().filter(|entry| entry.kind == kind).cloned().collect::<Vec<_>>();
        for (name, kind, found) in [(KNOWN_HOSTS, SSH, maps[0].take()), (TLS_CERTIFICATES, HTTPS, maps[1].take())] {
            let now = of(&all, kind);
            if of(&before, kind) == now {
                continue;
            }
            match put(call, name, found, kind, &now).await {
                Ok(()) => {}
                Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => continue 'again,
                Err(e) => return Err(e.into()),
            }
        }
        return Ok(());
    }
    Err(Error::aborted("the certificates change all the time: try again"))
}

async fn put(
    call: &Call,
    name: &str,
    found: Option<Object>,
    kind: &str,
    entries: &[HostEntry],
) -> belay_cluster::Result<()> {
    let api = &call.api;
    let is_new = found.is_none();
    let mut map = found.unwrap_or_else(|| Object::of("v1", "ConfigMap", &api.options.namespace, name));
    hosts::write(&mut map, kind, entries);
    let cluster = &api.options.cluster;
    let written = match is_new {
        true => cluster.create(&config_maps(), &map, &api.writing()).await?,
        false => cluster.replace(&config_maps(), &map, &api.writing()).await?,
    };
    shown(&api.watches.maps, &written).await;
    Ok(())
}
