//! Services that mark a deployment on a time line: `grafana`, `newrelic`.

use belay_net::Secret;
use belay_object::{Value, object};

use super::options::Options;
use super::{Moment, Provider};
use crate::{Destination, Notification, Outgoing};

#[derive(Debug)]
struct Grafana {
    api_url: String,
    key: Secret<String>,
    insecure: bool,
}

pub(super) fn read_grafana(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(Grafana {
        api_url: read.needed("apiUrl")?.trim_end_matches('/').to_owned(),
        key: read.secret("apiKey")?,
        insecure: read.flag("insecureSkipVerify"),
    }))
}

impl Provider for Grafana {
    fn requests(&self, message: &Notification, to: &Destination, at: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let seconds = i64::try_from(at.now_unix_ns.div_euclid(1_000_000_000)).unwrap_or_default();
        let body = object! {
            "time" => seconds * 1000,
            "isRegion" => false,
            "tags" => Value::from_iter(to.recipient.split('|')),
            "text" => message.message.as_str()
        };
        let request = Outgoing::json(format!("{}/annotations", self.api_url), &body)
            .header("Authorization", format!("Bearer {}", self.key.expose()));
        Ok(vec![request.insecure(self.insecure)])
    }
}

#[derive(Debug)]
struct Newrelic {
    api_url: String,
    key: Secret<String>,
    insecure: bool,
}

pub(super) fn read_newrelic(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(Newrelic {
        api_url: read.text_or("apiURL", "https://api.newrelic.com").trim_end_matches('/').to_owned(),
        key: read.secret("apiKey")?,
        insecure: read.flag("insecureSkipVerify"),
    }))
}

impl Provider for Newrelic {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        if message.section("newrelic").is_none() {
            return Err("the template has no newrelic section".to_owned());
        }
        let text = |field: &str| message.text("newrelic", field);
        let description = if text("description").is_empty() { &message.message } else { text("description") };
        let mut deployment = object! { "revision" => text("revision") };
        for (field, value) in [("changelog", text("changelog")), ("description", description), ("user", text("user"))] {
            if !value.is_empty() {
                deployment.set(&[field], value);
            }
        }
        if to.recipient.contains(['/', '?', '#', '%']) {
            return Err(format!("recipient {} is no application's id", to.recipient));
        }
        let url = format!("{}/v2/applications/{}/deployments.json", self.api_url, to.recipient);
        let request =
            Outgoing::json(url, &object! { "deployment" => deployment }).header("X-Api-Key", self.key.expose());
        Ok(vec![request.insecure(self.insecure)])
    }
}
