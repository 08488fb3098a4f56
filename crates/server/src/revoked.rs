//! Tokens that were taken back: a list that is kept in the cluster, so that every process knows it and none
//! forgets it. An entry leaves the list when its token would have ended.
//!
//! The list is bounded, and signing out works when it is full: of whoever has the most entries these become
//! one, by which all that was issued to them until then is taken back. So nobody who signs in and out again
//! and again keeps others from it; it ends their own sessions.

use std::collections::{HashMap, HashSet};

use belay_argo::names::PART_OF;
use belay_argo::settings::tokens::Claims;
use belay_cluster::ErrorKind;
use belay_object::{Map, Object, Value};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::api::Api;
use crate::identity::Caller;
use crate::snapshot::{config_maps, shown};

/// The config map. A key is a token, or with [`ALL`] before it whoever tokens are issued to, each as a digest;
/// a value is when the entry leaves the list, whose token it is, and when that was issued.
pub(crate) const REVOKED: &str = "belay-revoked-tokens";
/// 8,000 entries of 32 and 40 digits, of two times and of what is around them are seven tenths of what a
/// config map holds.
const MAX_REVOKED: usize = 8_000;
/// What begins the key of an entry that stands for all tokens of somebody.
const ALL: &str = "all-";
/// Writes that lose against another are made again so often.
const TRIES: usize = 10;

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revoked {
    tokens: HashSet<String>,
    /// Until when what was issued to somebody is taken back.
    all: HashMap<String, i64>,
}

/// A token that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocable {
    key: String,
    owner: String,
    issued_at: i64,
    /// When it ends; one that never does is never forgotten.
    end: i64,
}

/// What is kept of a token.
struct Entry {
    end: i64,
    owner: String,
    issued_at: i64,
}

impl Revoked {
    /// Reads the list.
    pub fn read(map: Option<&Object>) -> Revoked {
        let mut list = Revoked::default();
        let data = map.and_then(|map| map.get("data")).and_then(Value::as_object);
        for (key, value) in data.into_iter().flat_map(Map::iter) {
            match key.strip_prefix(ALL) {
                Some(owner) => drop(list.all.insert(owner.to_owned(), Entry::read(value).issued_at)),
                None => drop(list.tokens.insert(key.to_string())),
            }
        }
        list
    }

    /// Whether a token was taken back.
    pub fn has(&self, claims: &Claims) -> bool {
        let token = Revocable::of(claims);
        self.tokens.contains(&token.key) || self.all.get(&token.owner).is_some_and(|until| claims.issued_at <= *until)
    }
}

impl Revocable {
    /// Under what a token is taken back. Names of tokens are chosen by whoever makes them, and two accounts may
    /// choose one: nobody takes back another's (AUTHN-3). Not every name could be a key, either.
    pub fn of(claims: &Claims) -> Revocable {
        // Tokens of old have no name: they are known by when they were issued.
        let name = if claims.id.is_empty() { format!("\0{}", claims.issued_at) } else { claims.id.clone() };
        Revocable {
            key: digest(&format!("{}\0{name}", claims.subject)),
            owner: digest(&claims.subject),
            issued_at: claims.issued_at,
            end: claims.expires_at.unwrap_or(i64::MAX),
        }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Entry {
    /// Reads what is kept; what cannot be read is kept for ever.
    fn read(value: &Value) -> Entry {
        let mut words = value.as_str().unwrap_or_default().split(' ');
        let end = words.next().and_then(|word| word.parse().ok()).unwrap_or(i64::MAX);
        let owner = words.next().unwrap_or_default().to_owned();
        Entry { end, owner, issued_at: words.next().and_then(|word| word.parse().ok()).unwrap_or_default() }
    }

    fn to_value(&self) -> Value {
        Value::from(format!("{} {} {}", self.end, self.owner, self.issued_at))
    }
}

/// Puts a token on the list, and takes off what has ended.
fn add(list: &mut Map, token: &Revocable, now_s: i64) -> Result<(), Error> {
    list.retain(|_, value| Entry::read(value).end > now_s);
    if list.len() >= MAX_REVOKED && !list.contains_key(&token.key) {
        join(list)?;
    }
    let Revocable { owner, issued_at, end, .. } = token.clone();
    list.insert(token.key.as_str(), Entry { end, owner, issued_at }.to_value());
    Ok(())
}

/// Makes one entry of all those of whoever has the most. It leaves the list with the last of them.
fn join(list: &mut Map) -> Result<(), Error> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (_, value) in list.iter().filter(|(key, _)| !key.starts_with(ALL)) {
        *counts.entry(Entry::read(value).owner).or_default() += 1;
    }
    let most = counts.into_iter().filter(|(owner, count)| !owner.is_empty() && *count > 1);
    let Some((owner, _)) = most.max_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0))) else {
        return Err(Error::exhausted(
            "the list of tokens that were taken back is full: try again when some have ended",
        ));
    };
    let mut whole = Entry { end: 0, owner: owner.clone(), issued_at: i64::MIN };
    list.retain(|_, value| {
        let entry = Entry::read(value);
        let is_theirs = entry.owner == owner;
        if is_theirs {
            whole.end = whole.end.max(entry.end);
            whole.issued_at = whole.issued_at.max(entry.issued_at);
        }
        !is_theirs
    });
    list.insert(format!("{ALL}{owner}"), whole.to_value());
    Ok(())
}

impl Api {
    /// Takes a caller's token back.
    pub async fn revoke(&self, caller: &Caller, now: Timestamp) -> Result<(), Error> {
        let Some(token) = &caller.revocable else { return Ok(()) };
        let (cluster, namespace) = (&self.options.cluster, self.options.namespace.as_str());
        let resource = config_maps();
        for _ in 0..TRIES {
            let found = cluster.find(&resource, namespace, REVOKED).await?;
            let is_new = found.is_none();
            let mut map = found.unwrap_or_else(|| {
                let mut map = Object::of("v1", "ConfigMap", namespace, REVOKED);
                map.set_label(PART_OF.0, PART_OF.1);
                map
            });
            let mut list = map.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
            add(&mut list, token, now.as_second())?;
            map.set(&["data"], list);
            let written = match is_new {
                false => cluster.replace(&resource, &map, &self.writing()).await,
                true => cluster.create(&resource, &map, &self.writing()).await,
            };
            match written {
                Ok(written) => {
                    shown(&self.watches.maps, &written).await;
                    return Ok(());
                }
                Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Error::aborted("the list of tokens that were taken back changes all the time: try again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_000_000;

    fn claims(subject: &str, id: usize, issued_at: i64) -> Claims {
        let (subject, id) = (subject.to_owned(), id.to_string());
        Claims { subject, id, issued_at, expires_at: Some(issued_at + 1000), ..Claims::default() }
    }

    /// A list of tokens that were taken back before.
    fn list(of: impl IntoIterator<Item = Claims>) -> Map {
        let entry = |claims: Claims| {
            let Revocable { key, owner, issued_at, end } = Revocable::of(&claims);
            (key, Entry { end, owner, issued_at }.to_value())
        };
        of.into_iter().map(entry).collect()
    }

    fn take_back(list: &mut Map, claims: &Claims, now_s: i64) -> Result<Revoked, Error> {
        add(list, &Revocable::of(claims), now_s)?;
        let mut map = Object::of("v1", "ConfigMap", "argocd", REVOKED);
        map.set(&["data"], list.clone());
        Ok(Revoked::read(Some(&map)))
    }

    #[test]
    fn what_has_ended_leaves_the_list() {
        let (one, two) = (claims("a:login", 1, NOW_S), claims("a:login", 2, NOW_S + 5));
        let never = Claims { expires_at: None, ..claims("a:login", 3, NOW_S) };
        let mut all = list([one.clone(), never.clone()]);
        let revoked = take_back(&mut all, &two, NOW_S).expect("room");
        assert!(all.len() == 3 && [&one, &two, &never].iter().all(|claims| revoked.has(claims)));
        take_back(&mut all, &two, NOW_S + 1000).expect("room");
        assert_eq!(all.len(), 2, "the first has ended");
        take_back(&mut all, &two, 9 * NOW_S).expect("room");
        assert_eq!(all.len(), 2, "what never ends stays");
    }

    #[test]
    fn inv_authn_3_a_list_that_is_full_takes_back_all_of_whoever_has_filled_it() {
        let mut all = list((0..MAX_REVOKED).map(|id| claims("flood:login", id, NOW_S)));
        let early = claims("flood:login", MAX_REVOKED, NOW_S - 1);
        let (late, mine) = (claims("flood:login", MAX_REVOKED, NOW_S + 1), claims("me:login", 1, NOW_S));
        let revoked = take_back(&mut all, &mine, NOW_S).expect("room is made");
        assert_eq!(all.len(), 2, "one of all of theirs, and mine");
        for id in [0, MAX_REVOKED - 1] {
            assert!(revoked.has(&claims("flood:login", id, NOW_S)), "what was taken back stays so");
        }
        assert!(revoked.has(&mine) && revoked.has(&early) && !revoked.has(&late));
        assert!(!revoked.has(&claims("flood:apiKey", 0, NOW_S)) && !revoked.has(&claims("me:login", 2, NOW_S)));
        // With the last of them it leaves the list.
        take_back(&mut all, &claims("me:login", 3, NOW_S + 1000), NOW_S + 1000).expect("room");
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_list_that_nobody_has_filled_alone_says_that_it_is_full() {
        let mut all = list((0..MAX_REVOKED).map(|i| claims(&format!("{i}:login"), 1, NOW_S)));
        let refused = take_back(&mut all, &claims("one:login", 1, NOW_S), NOW_S).expect_err("it is full");
        assert_eq!(refused.code(), crate::Code::ResourceExhausted);
        assert!(take_back(&mut all, &claims("0:login", 1, NOW_S), NOW_S).is_ok(), "it is there already");
    }
}
