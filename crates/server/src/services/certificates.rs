//! What is believed of hosts: their SSH keys, and certificate authorities. None of it is secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use belay_access::Glob;
use belay_argo::names::{KNOWN_HOSTS, PART_OF, TLS_CERTIFICATES};
use belay_cluster::ErrorKind;
use belay_object::{Map, Object, Value, object};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::snapshot::{config_maps, shown};
use crate::{Code, Error};

/// The key of the hosts' lines.
const LINES: &str = "ssh_known_hosts";
const TRIES: usize = 5;
/// A config map holds 1 MiB.
const MAX_ENTRIES: usize = 5000;

/// One entry.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    server: String,
    /// `ssh` or `https`
    kind: &'static str,
    /// `ssh-ed25519`, ...; empty for certificates.
    subtype: String,
    /// The key in base64, or the certificates in PEM.
    data: String,
}

/// Which entries are meant.
struct Selector {
    host: String,
    kind: String,
    subtype: String,
}

impl Selector {
    fn of(call: &Call) -> Selector {
        let own = |field: &str| call.query(field).to_owned();
        Selector { host: own("hostNamePattern"), kind: own("certType"), subtype: own("certSubType") }
    }
    fn fits(&self, entry: &Entry) -> bool {
        let any = |text: &str| text.is_empty() || text == "*";
        let host = any(&self.host) || Glob::new(&self.host).is_ok_and(|glob| glob.matches(&entry.server));
        host && (any(&self.kind) || self.kind == entry.kind) && (any(&self.subtype) || self.subtype == entry.subtype)
    }
}

/// The entries.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    call.require("certificates", "get", "")?;
    let selector = Selector::of(&call);
    let map = |name: &str| call.at.map(name).map(|map| (**map).clone());
    let all = read(map(KNOWN_HOSTS).as_ref(), map(TLS_CERTIFICATES).as_ref());
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
    let given: Vec<Entry> = items.iter().map(entry).collect::<Result<_, _>>()?;
    let upsert = call.flag("upsert")?.unwrap_or(false);
    let mut added = Vec::new();
    change(&call, |all| {
        added.clear();
        for new in &given {
            let same = |known: &&mut Entry| {
                known.server == new.server && known.kind == new.kind && known.subtype == new.subtype
            };
            match all.iter_mut().find(same) {
                Some(known) if known.data == new.data => continue,
                Some(known) if upsert => known.data.clone_from(&new.data),
                Some(_) => {
                    let words = format!(
                        "Key for '{}' (subtype: '{}') already exist and upsert was not specified.",
                        new.server, new.subtype
                    );
                    return Err(Error::invalid(words));
                }
                None => all.push(new.clone()),
            }
            added.push(new.clone());
        }
        match all.len() > MAX_ENTRIES {
            true => Err(Error::new(Code::ResourceExhausted, format!("at most {MAX_ENTRIES} entries are kept"))),
            false => Ok(()),
        }
    })
    .await?;
    Ok(told(added.iter()))
}

/// Takes entries away.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    call.require("certificates", "delete", "")?;
    let selector = Selector::of(&call);
    let mut removed = Vec::new();
    change(&call, |all| {
        let (gone, kept): (Vec<Entry>, Vec<Entry>) = all.drain(..).partition(|entry| selector.fits(entry));
        (*all, removed) = (kept, gone);
        Ok(())
    })
    .await?;
    Ok(told(removed.iter()))
}

fn entry(item: &Value) -> Result<Entry, Error> {
    let (server, data) = (text(item, "serverName").to_owned(), text(item, "certData"));
    let decoded = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let data = decoded.ok_or_else(|| Error::invalid(format!("certData of '{server}' is no base64 of a text")))?;
    let plain =
        |text: &str| !text.is_empty() && text.len() <= 300 && !text.contains(|c: char| c.is_whitespace() || c == '#');
    if !plain(&server) {
        return Err(Error::invalid("the server's name of a certificate is a host"));
    }
    match text(item, "certType") {
        "ssh" => {
            let subtype = text(item, "certSubType").to_owned();
            let data = data.trim().to_owned();
            if !plain(&subtype) || STANDARD.decode(&data).is_err() {
                return Err(Error::invalid(format!("the key of '{server}' cannot be read")));
            }
            Ok(Entry { server, kind: "ssh", subtype, data })
        }
        "https" => {
            let key = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            if !data.contains("-----BEGIN CERTIFICATE-----") || !server.chars().all(key) {
                return Err(Error::invalid(format!("the certificates of '{server}' are no PEM")));
            }
            Ok(Entry { server, kind: "https", subtype: String::new(), data })
        }
        _ => Err(Error::invalid("the type of a certificate is ssh or https")),
    }
}

fn read(hosts: Option<&Object>, certificates: Option<&Object>) -> Vec<Entry> {
    let lines = hosts.and_then(|map| map.str_at(&["data", LINES])).unwrap_or_default();
    let mut all: Vec<Entry> = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.split_whitespace();
        if let (Some(server), Some(subtype), Some(data)) = (parts.next(), parts.next(), parts.next()) {
            all.push(Entry {
                server: server.to_owned(),
                kind: "ssh",
                subtype: subtype.to_owned(),
                data: data.to_owned(),
            });
        }
    }
    let data = certificates.and_then(|map| map.get("data")).and_then(Value::as_object);
    for (server, pem) in data.into_iter().flat_map(Map::iter) {
        let data = pem.as_str().unwrap_or_default().to_owned();
        all.push(Entry { server: server.to_string(), kind: "https", subtype: String::new(), data });
    }
    all
}

fn told<'a>(entries: impl Iterator<Item = &'a Entry>) -> Answer {
    let one = |entry: &'a Entry| {
        let mut told = object! { "serverName" => entry.server.as_str(), "certType" => entry.kind };
        if entry.kind == "ssh" {
            let key = STANDARD.decode(&entry.data).unwrap_or_default();
            told.set(&["certSubType"], entry.subtype.as_str());
            told.set(&["certInfo"], format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))));
        } else {
            told.set(&["certData"], STANDARD.encode(&entry.data));
        }
        told
    };
    let items: Value = entries.map(one).collect();
    let items = if items.items().is_empty() { Value::Null } else { items };
    object! { "metadata" => object! {}, "items" => items }.into()
}

/// Changes both config maps to hold other entries.
async fn change(call: &Call, mut apply: impl FnMut(&mut Vec<Entry>) -> Result<(), Error>) -> Result<(), Error> {
    let (cluster, namespace) = (&call.api.options.cluster, call.api.options.namespace.as_str());
    'again: for _ in 0..TRIES {
        let mut maps = Vec::new();
        for name in [KNOWN_HOSTS, TLS_CERTIFICATES] {
            maps.push(cluster.find(&config_maps(), namespace, name).await?);
        }
        let before = read(maps[0].as_ref(), maps[1].as_ref());
        let mut all = before.clone();
        apply(&mut all)?;
        let of = |all: &[Entry], kind: &str| all.iter().filter(|entry| entry.kind == kind).cloned().collect::<Vec<_>>();
        for (name, kind, found) in [(KNOWN_HOSTS, "ssh", maps[0].take()), (TLS_CERTIFICATES, "https", maps[1].take())] {
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
    Err(Error::new(Code::Aborted, "the certificates change all the time: try again"))
}

async fn put(
    call: &Call,
    name: &str,
    found: Option<Object>,
    kind: &str,
    entries: &[Entry],
) -> belay_cluster::Result<()> {
    let api = &call.api;
    let is_new = found.is_none();
    let mut map = found.unwrap_or_else(|| Object::of("v1", "ConfigMap", &api.options.namespace, name));
    map.set_label(PART_OF.0, PART_OF.1);
    if kind == "ssh" {
        let line = |entry: &Entry| format!("{} {} {}\n", entry.server, entry.subtype, entry.data);
        map.set(&["data", LINES], entries.iter().map(line).collect::<String>());
    } else {
        let data: Map = entries.iter().map(|entry| (entry.server.as_str(), entry.data.as_str())).collect();
        map.set(&["data"], data);
    }
    let cluster = &api.options.cluster;
    let written = match is_new {
        true => cluster.create(&config_maps(), &map, &api.writing()).await?,
        false => cluster.replace(&config_maps(), &map, &api.writing()).await?,
    };
    shown(&api.watches.maps, &written).await;
    Ok(())
}
