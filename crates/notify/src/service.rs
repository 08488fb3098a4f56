//! [`Service`]: a provider as it is configured. A module each; each only makes requests of a message and judges the
//! answers, without sending anything.

mod alertmanager;
mod chats;
mod deployments;
mod incidents;
mod options;
mod slack;
mod teams;
mod webhook;

pub(crate) use slack::Threads;

use belay_object::Value;

use crate::{Answer, Destination, Error, ErrorKind, Notification, Outgoing};

/// What messages are made into requests with.
pub(crate) struct Moment<'a> {
    pub threads: &'a Threads,
    /// Nanoseconds since 1970.
    pub now_unix_ns: i128,
}

/// One type of service.
pub(crate) trait Provider: Send + Sync + std::fmt::Debug {
    /// The requests of a message.
    fn requests(&self, message: &Notification, to: &Destination, at: &Moment<'_>) -> Result<Vec<Outgoing>, String>;
    /// Whether an answer says that the message was taken; why not.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        if answer.is_success() { Ok(()) } else { Err(answer.refusal()) }
    }
    /// Whether one of several requests is enough.
    fn one_suffices(&self) -> bool {
        false
    }
    /// Learns from the answer to a message that was taken.
    fn learn(&self, _message: &Notification, _to: &Destination, _answer: &Answer, _threads: &Threads) {}
}

type Read = fn(&Value) -> Result<Box<dyn Provider>, String>;

/// The types that are built.
const KINDS: [(&str, Read); 15] = [
    ("alertmanager", alertmanager::read),
    ("googlechat", chats::read_google),
    ("grafana", deployments::read_grafana),
    ("mattermost", chats::read_mattermost),
    ("newrelic", deployments::read_newrelic),
    ("opsgenie", incidents::read_opsgenie),
    ("pagerduty", incidents::read_pagerduty),
    ("pagerdutyv2", incidents::read_pagerduty_events),
    ("pushover", chats::read_pushover),
    ("slack", slack::read),
    ("teams", teams::read_connector),
    ("teams-workflows", teams::read_workflows),
    ("telegram", chats::read_telegram),
    ("webex", chats::read_webex),
    ("webhook", webhook::read),
];

/// A service that is ready to be sent to.
#[derive(Debug)]
pub struct Service(pub(crate) Box<dyn Provider>);

impl Service {
    /// Reads the options of a type of service.
    pub fn read(kind: &str, options: &Value) -> Result<Service, Error> {
        let read = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, read)| read);
        let read =
            read.ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("service type '{kind}' is not supported")))?;
        read(options).map(Service).map_err(|why| Error::new(ErrorKind::Config, why))
    }
    /// Whether a type is built.
    pub fn is_known(kind: &str) -> bool {
        KINDS.iter().any(|(name, _)| *name == kind)
    }
}
