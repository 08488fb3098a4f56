//! Who wants to hear of what: annotations, and subscriptions by default.

use std::collections::BTreeMap;

use belay_object::{LabelSelector, Map, Value};

use crate::{Config, Error, ErrorKind};

/// Where a message goes: a service by its name in the configuration, and whom it tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// The service's name.
    pub service: String,
    /// A channel, a room, a key: what it means is the service's.
    pub recipient: String,
}

/// Destinations by trigger. *Invariant*: each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations(BTreeMap<String, Vec<Destination>>);

/// A subscription that needs no annotation.
#[derive(Clone, Debug)]
pub(crate) struct DefaultSubscription {
    pub recipients: Vec<String>,
    pub triggers: Vec<String>,
    pub selector: LabelSelector,
}

/// The most destinations of one object: each is a request.
const MOST: usize = 200;

impl Destinations {
    /// Those of the configuration that an object's labels match.
    pub fn by_default(config: &Config, labels: Option<&Map>) -> Destinations {
        let mut found = Destinations::default();
        for subscription in config.subscriptions.iter().filter(|s| s.selector.matches(labels)) {
            let triggers = match subscription.triggers.is_empty() {
                true => &config.default_triggers,
                false => &subscription.triggers,
            };
            for recipient in &subscription.recipients {
                // Compat(notifications-engine 0.5): what stands behind a second colon is dropped.
                let mut parts = recipient.split(':');
                let (service, to) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                found.add(triggers, service, to);
            }
        }
        found
    }

    /// Adds what annotations of an object say; `prefix` is what they begin with. Gives what could not be read.
    pub fn subscribe(&mut self, config: &Config, prefix: &str, annotations: Option<&Map>) -> Vec<Error> {
        let mut wrong = Vec::new();
        for (key, value) in annotations.into_iter().flat_map(Map::iter) {
            let (Some(rest), Some(value)) = (key.strip_prefix(prefix), value.as_str()) else { continue };
            if let Some(rest) = rest.strip_prefix("/subscribe.") {
                let mut parts = rest.split('.');
                let first = parts.next().unwrap_or_default();
                let (trigger, service) = parts.next().map_or(("", first), |service| (first, service));
                let triggers = config.triggers_of(trigger, service);
                match value {
                    "" => self.add(&triggers, service, ""),
                    list => list.split(';').map(str::trim).filter(|r| !r.is_empty()).for_each(|recipient| {
                        self.add(&triggers, service, recipient);
                    }),
                }
            } else if rest.starts_with("/subscriptions") {
                wrong.extend(self.subscribe_list(config, value).err());
            }
        }
        wrong
    }

    /// `[{trigger: [...], destinations: [{service, recipients: [...]}]}]`
    fn subscribe_list(&mut self, config: &Config, text: &str) -> Result<(), Error> {
        let wrong = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Config, format!("subscriptions: {why}"));
        let list = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| wrong(&e))?;
        if !matches!(list, Value::Array(_)) {
            return Err(wrong(&"expected a list"));
        }
        for subscription in list.items() {
            let named = texts(subscription.get("trigger"));
            for destination in subscription.get("destinations").map_or(&[][..], Value::items) {
                let service = destination.str_at(&["service"]).unwrap_or_default();
                let triggers = if named.is_empty() { config.triggers_of("", service) } else { named.clone() };
                for recipient in texts(destination.get("recipients")) {
                    self.add(&triggers, service, &recipient);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, triggers: &[String], service: &str, recipient: &str) {
        let to = Destination { service: service.to_owned(), recipient: recipient.to_owned() };
        for trigger in triggers {
            if self.0.values().map(Vec::len).sum::<usize>() >= MOST {
                return;
            }
            let known = self.0.entry(trigger.clone()).or_default();
            if !known.contains(&to) {
                known.push(to.clone());
            }
        }
    }

    /// Those of each trigger.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Destination])> {
        self.0.iter().map(|(trigger, to)| (trigger.as_str(), to.as_slice()))
    }
    /// Whether nobody wants to hear of anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The texts of a list.
pub(crate) fn texts(list: Option<&Value>) -> Vec<String> {
    list.map_or(&[][..], Value::items).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
