//! [`Outgoing`]: a request that a message becomes, and what was answered.

use std::time::Duration;

use belay_net::Secret;
use belay_object::Value;

/// A request to a provider. Addresses and headers may hold credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Where to.
    pub url: Secret<String>,
    /// Names and values.
    pub headers: Vec<(String, Secret<String>)>,
    /// What is said.
    pub body: String,
    /// Whether the other side's certificate is believed unseen.
    pub insecure: bool,
    /// How often it is tried.
    pub retries: Retries,
}

/// How often a request is tried again at once, and with which pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// Besides the first time.
    pub most: u32,
    /// The first pause; each is twice the one before.
    pub wait_min: Duration,
    /// The longest pause.
    pub wait_max: Duration,
}

/// What a provider answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
}

impl Answer {
    /// Whether the status says that it went well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// What is told of a refusal.
    pub(crate) fn refusal(&self) -> String {
        let body: String = self.body.trim().chars().take(300).collect();
        match body.is_empty() {
            true => format!("refused with status {}", self.status),
            false => format!("refused with status {}: {body}", self.status),
        }
    }
}

impl Outgoing {
    /// A JSON document, posted.
    pub(crate) fn json(url: impl Into<String>, body: &Value) -> Outgoing {
        Outgoing::post(url, "application/json", body.to_json())
    }
    /// A form, posted.
    pub(crate) fn form(url: impl Into<String>, fields: &[(&str, &str)]) -> Outgoing {
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        Outgoing::post(url, "application/x-www-form-urlencoded", pairs.join("&"))
    }
    fn post(url: impl Into<String>, content: &str, body: String) -> Outgoing {
        Outgoing {
            method: "POST".to_owned(),
            url: Secret::new(url.into()),
            headers: vec![("Content-Type".to_owned(), Secret::new(content.to_owned()))],
            body,
            insecure: false,
            retries: Retries::default(),
        }
    }
    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Outgoing {
        self.headers.push((name.to_owned(), Secret::new(value.into())));
        self
    }
    /// Whether the certificate is believed unseen.
    pub(crate) fn insecure(mut self, insecure: bool) -> Outgoing {
        self.insecure = insecure;
        self
    }
}

fn escape(text: &str) -> String {
    crate::functions::query_escape(text)
}
