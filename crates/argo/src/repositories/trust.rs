//! What is believed of hosts and of signers: host keys, certificate authorities, public keys.

use std::collections::BTreeMap;

use belay_object::{Map, Object, Value};

/// Most bytes of one config map; a cluster keeps no larger one.
const MAX_BYTES: usize = 1 << 20;

/// What is believed of hosts and signers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Lines of `known_hosts`.
    pub known_hosts: String,
    certificates: BTreeMap<String, String>,
    /// Public keys of PGP by their id, armoured.
    pub gpg_keys: BTreeMap<String, String>,
}

impl Trust {
    /// Reads `argocd-ssh-known-hosts-cm`, `argocd-tls-certs-cm` and `argocd-gpg-keys-cm`; absent
    /// ones hold nothing.
    pub fn read(known_hosts: Option<&Object>, certificates: Option<&Object>, gpg_keys: Option<&Object>) -> Trust {
        let known_hosts = known_hosts.and_then(|o| o.str_at(&["data", "ssh_known_hosts"])).unwrap_or_default();
        Trust {
            known_hosts: if known_hosts.len() <= MAX_BYTES { known_hosts.to_owned() } else { String::new() },
            certificates: texts(certificates).map(|(host, pem)| (host.to_ascii_lowercase(), pem.to_owned())).collect(),
            // Compat(argo 3.5): an id is 16 digits in capitals.
            gpg_keys: texts(gpg_keys).map(|(id, key)| (id.to_ascii_uppercase(), key.to_owned())).collect(),
        }
    }

    /// The certificate authorities of a host, PEM; the port does not count.
    pub fn certificates_of(&self, host: &str) -> Option<&str> {
        self.certificates.get(&host.to_ascii_lowercase()).map(String::as_str).filter(|pem| !pem.trim().is_empty())
    }

    /// All certificate authorities by host.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.certificates.iter().map(|(host, pem)| (host.as_str(), pem.as_str()))
    }
}

fn texts(object: Option<&Object>) -> impl Iterator<Item = (&str, &str)> {
    let data = object.and_then(|object| object.get("data")).and_then(Value::as_object);
    data.into_iter().flat_map(Map::iter).filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
