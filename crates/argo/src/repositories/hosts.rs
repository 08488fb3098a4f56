//! What is believed of hosts as an API and people see it: an entry for each key and each host's certificates.
//! None of it is secret.
//!
//! The entries stand in two config maps: lines of `known_hosts` in one, PEM by host in the other. Lines that
//! are no entry (comments, `@revoked` and `@cert-authority`) stay as they are when entries are written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use belay_access::Glob;
use belay_object::{Map, Object, Value, object};
use sha2::{Digest, Sha256};

use crate::names::PART_OF;

/// The key of the hosts' lines.
const LINES: &str = "ssh_known_hosts";
/// The type of entries of `known_hosts`.
pub const SSH: &str = "ssh";
/// The type of certificates.
pub const HTTPS: &str = "https";
/// Entries that are kept: a config map holds 1 MiB.
pub const MAX_ENTRIES: usize = 5000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// The host, as it is written.
    pub server: String,
    /// [`SSH`] or [`HTTPS`].
    pub kind: &'static str,
    /// `ssh-ed25519`, ...; empty for certificates.
    pub subtype: String,
    /// The key in base64, or the certificates in PEM.
    pub data: String,
}

/// Which entries are meant; what is empty or `*` is any.
#[derive(Clone, Debug, Default)]
pub struct HostSelector {
    /// A glob.
    pub host: String,
    /// [`SSH`] or [`HTTPS`].
    pub kind: String,
    /// `ssh-ed25519`, ...
    pub subtype: String,
}

impl HostSelector {
    /// Whether an entry is meant.
    pub fn fits(&self, entry: &HostEntry) -> bool {
        let any = |text: &str| text.is_empty() || text == "*";
        let host = any(&self.host) || Glob::new(&self.host).is_ok_and(|glob| glob.matches(&entry.server));
        host && (any(&self.kind) || self.kind == entry.kind) && (any(&self.subtype) || self.subtype == entry.subtype)
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 300 && !text.contains(|c: char| c.is_whitespace() || c == '#')
}

impl HostEntry {
    /// A key of a host.
    pub fn ssh(server: &str, subtype: &str, data: &str) -> Result<HostEntry, String> {
        let data = data.trim().to_owned();
        if !is_plain(server) || server.starts_with('@') {
            return Err("the server's name of a certificate is a host".to_owned());
        }
        if !is_plain(subtype) || data.is_empty() || STANDARD.decode(&data).is_err() {
            return Err(format!("the key of '{server}' cannot be read"));
        }
        Ok(HostEntry { server: server.to_owned(), kind: SSH, subtype: subtype.to_owned(), data })
    }

    /// Certificates of a host.
    pub fn https(server: &str, pem: &str) -> Result<HostEntry, String> {
        let key = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !is_plain(server) {
            return Err("the server's name of a certificate is a host".to_owned());
        }
        if !pem.contains("-----BEGIN CERTIFICATE-----") || !server.chars().all(key) {
            return Err(format!("the certificates of '{server}' are no PEM"));
        }
        Ok(HostEntry { server: server.to_owned(), kind: HTTPS, subtype: String::new(), data: pem.to_owned() })
    }

    /// Reads one of an API's messages.
    pub fn of_message(item: &Value) -> Result<HostEntry, String> {
        let text = |field: &str| item.str_at(&[field]).unwrap_or_default();
        let server = text("serverName");
        let decoded = STANDARD.decode(text("certData")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let data = decoded.ok_or_else(|| format!("certData of '{server}' is no base64 of a text"))?;
        match text("certType") {
            SSH => HostEntry::ssh(server, text("certSubType"), &data),
            HTTPS => HostEntry::https(server, &data),
            _ => Err("the type of a certificate is ssh or https".to_owned()),
        }
    }

    /// Writes it as an API's message, to be read by [`HostEntry::of_message`].
    pub fn to_message(&self) -> Value {
        let mut item = object! {
            "serverName" => self.server.as_str(), "certType" => self.kind, "certData" => STANDARD.encode(&self.data),
        };
        if self.kind == SSH {
            item.set(&["certSubType"], self.subtype.as_str());
        }
        item
    }

    /// What an API tells of it: of a key its fingerprint.
    pub fn to_value(&self) -> Value {
        let mut told = object! { "serverName" => self.server.as_str(), "certType" => self.kind };
        if self.kind == SSH {
            let key = STANDARD.decode(&self.data).unwrap_or_default();
            told.set(&["certSubType"], self.subtype.as_str());
            told.set(&["certInfo"], format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))));
        } else {
            told.set(&["certData"], STANDARD.encode(&self.data));
        }
        told
    }

    /// Reads a line of `known_hosts`; `None` for one that is no key of a host.
    pub fn of_line(line: &str) -> Option<HostEntry> {
        let line = line.trim();
        if line.starts_with(['#', '@']) {
            return None;
        }
        let mut parts = line.split_whitespace();
        let (server, subtype, data) = (parts.next()?, parts.next()?, parts.next()?);
        Some(HostEntry { server: server.to_owned(), kind: SSH, subtype: subtype.to_owned(), data: data.to_owned() })
    }

    fn is_of_the_same(&self, other: &HostEntry) -> bool {
        self.server == other.server && self.kind == other.kind && self.subtype == other.subtype
    }
}

/// The entries of the two config maps.
pub fn entries(known_hosts: Option<&Object>, certificates: Option<&Object>) -> Vec<HostEntry> {
    let lines = known_hosts.and_then(|map| map.str_at(&["data", LINES])).unwrap_or_default();
    let mut all: Vec<HostEntry> = lines.lines().filter_map(HostEntry::of_line).collect();
    let data = certificates.and_then(|map| map.get("data")).and_then(Value::as_object);
    for (server, pem) in data.into_iter().flat_map(Map::iter) {
        let data = pem.as_str().unwrap_or_default().to_owned();
        all.push(HostEntry { server: server.to_string(), kind: HTTPS, subtype: String::new(), data });
    }
    all
}

/// Adds entries; gives those that are new or other than before. One that is there with other data is replaced
/// only with `upsert`.
pub fn add(all: &mut Vec<HostEntry>, given: &[HostEntry], upsert: bool) -> Result<Vec<HostEntry>, String> {
    let mut added = Vec::new();
    for new in given {
        match all.iter_mut().find(|known| known.is_of_the_same(new)) {
            Some(known) if known.data == new.data => continue,
            Some(known) if upsert => known.data.clone_from(&new.data),
            // Compat(argo 3.5): the words.
            Some(_) => {
                return Err(format!(
                    "Key for '{}' (subtype: '{}') already exist and upsert was not specified.",
                    new.server, new.subtype
                ));
            }
            None => all.push(new.clone()),
        }
        added.push(new.clone());
    }
    Ok(added)
}

/// Takes entries out; gives those that are gone.
pub fn take(all: &mut Vec<HostEntry>, selector: &HostSelector) -> Vec<HostEntry> {
    let (gone, kept) = all.drain(..).partition(|entry| selector.fits(entry));
    *all = kept;
    gone
}

/// Writes the entries of a type into their config map.
pub fn write(map: &mut Object, kind: &str, entries: &[HostEntry]) {
    map.set_label(PART_OF.0, PART_OF.1);
    let own: Vec<&HostEntry> = entries.iter().filter(|entry| entry.kind == kind).collect();
    if kind == SSH {
        let lines = lines(map.str_at(&["data", LINES]).unwrap_or_default(), &own);
        map.set(&["data", LINES], lines);
    } else {
        let data: Map = own.iter().map(|entry| (entry.server.as_str(), entry.data.as_str())).collect();
        map.set(&["data"], data);
    }
}

/// The lines that are there and still hold, then those of what is new.
fn lines(text: &str, entries: &[&HostEntry]) -> String {
    let mut left: Vec<&HostEntry> = entries.to_vec();
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some(entry) = HostEntry::of_line(line) {
            let Some(at) = left.iter().position(|own| **own == entry) else { continue };
            left.remove(at);
        }
        out.push_str(line);
        out.push('\n');
    }
    for HostEntry { server, subtype, data, .. } in left {
        out.push_str(&format!("{server} {subtype} {data}\n"));
    }
    out
}

#[cfg(test)]
mod tests;
