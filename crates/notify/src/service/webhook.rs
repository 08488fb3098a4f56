//! `webhook`: any request to a server of the user's own.

use std::time::Duration;

use belay_net::Secret;
use belay_object::Value;

use super::options::Options;
use super::{Moment, Provider};
use crate::{Destination, Notification, Outgoing, Retries};

#[derive(Debug)]
struct Webhook {
    url: Secret<String>,
    headers: Vec<(String, Secret<String>)>,
    insecure: bool,
    retries: Retries,
}

/// More would outlast any deadline.
const MOST_RETRIES: u32 = 20;

pub(super) fn read(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    let mut headers = Vec::new();
    for header in options.get("headers").map_or(&[][..], Value::items) {
        let text = |field: &str| header.str_at(&[field]).unwrap_or_default().to_owned();
        headers.push((text("name"), Secret::new(text("value"))));
    }
    headers.extend(read.basic_auth().map(|value| ("Authorization".to_owned(), value)));
    let most = options.get("retryMax").and_then(Value::as_i64).filter(|most| *most > 0).unwrap_or(3);
    Ok(Box::new(Webhook {
        url: read.secret("url")?,
        headers,
        insecure: read.flag("insecureSkipVerify"),
        retries: Retries {
            most: u32::try_from(most).unwrap_or(MOST_RETRIES).min(MOST_RETRIES),
            wait_min: read.span("retryWaitMin", Duration::from_secs(1))?,
            wait_max: read.span("retryWaitMax", Duration::from_secs(5))?,
        },
    }))
}

impl Provider for Webhook {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let (mut method, mut url, mut body) = ("GET", self.url.expose().clone(), message.message.as_str());
        // The section of the service's own name says how.
        if let Some(section) = message.section("webhook").and_then(|all| all.get(&to.service)) {
            let text = |field: &str| section.str_at(&[field]).unwrap_or_default();
            body = text("body");
            method = if text("method").is_empty() { method } else { text("method") };
            if !text("path").is_empty() {
                url = format!("{}/{}", url.trim_end_matches('/'), text("path").trim_start_matches('/'));
            }
        }
        Ok(vec![Outgoing {
            method: method.to_owned(),
            url: Secret::new(url),
            headers: self.headers.clone(),
            body: body.to_owned(),
            insecure: self.insecure,
            retries: self.retries,
        }])
    }
}
