//! Services that wake people: `opsgenie`, `pagerdutyv2` (events), `pagerduty` (incidents).

use std::collections::BTreeMap;

use belay_net::Secret;
use belay_object::{Value, object};

use super::options::{Options, of_recipient};
use super::{Moment, Provider};
use crate::{Destination, Notification, Outgoing};

#[derive(Debug)]
struct Opsgenie {
    api_url: String,
    keys: BTreeMap<String, Secret<String>>,
    insecure: bool,
}

pub(super) fn read_opsgenie(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    let api_url = read.text_or("apiUrl", "api.opsgenie.com");
    let api_url = if api_url.contains("://") { api_url } else { format!("https://{api_url}") };
    Ok(Box::new(Opsgenie {
        api_url: api_url.trim_end_matches('/').to_owned(),
        keys: read.by_recipient("apiKeys"),
        insecure: read.flag("insecureSkipVerify"),
    }))
}

impl Provider for Opsgenie {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let key = of_recipient(&self.keys, &to.recipient, "API key")?;
        let team = object! { "type" => "team", "id" => to.recipient.as_str() };
        let mut body = object! {
            "message" => message.message.as_str(),
            "responders" => Value::from_iter([team]),
            "source" => "Argo CD"
        };
        if let Some(section) = message.section("opsgenie") {
            if message.text("opsgenie", "description").is_empty() {
                return Err("opsgenie notification description is missing".to_owned());
            }
            let fields = ["description", "priority", "alias", "note", "actions", "tags", "details", "entity"];
            for field in fields.into_iter().chain(["visibleTo", "user"]) {
                let value = section.get(field).filter(|v| !v.is_null() && v.as_str() != Some(""));
                if let Some(value) = value {
                    body.set(&[field], value.clone());
                }
            }
        }
        let request = Outgoing::json(format!("{}/v2/alerts", self.api_url), &body)
            .header("Authorization", format!("GenieKey {}", key.expose()));
        Ok(vec![request.insecure(self.insecure)])
    }
}

#[derive(Debug)]
struct PagerDutyEvents(BTreeMap<String, Secret<String>>);

pub(super) fn read_pagerduty_events(options: &Value) -> Result<Box<dyn Provider>, String> {
    Ok(Box::new(PagerDutyEvents(Options(options).by_recipient("serviceKeys"))))
}

impl Provider for PagerDutyEvents {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let key = of_recipient(&self.0, &to.recipient, "API key")?;
        if message.section("pagerdutyv2").is_none() {
            return Err("the template has no pagerdutyv2 section".to_owned());
        }
        let text = |field: &str| message.text("pagerdutyv2", field);
        let mut payload = object! {
            "summary" => text("summary"), "source" => text("source"), "severity" => text("severity")
        };
        for field in ["component", "group", "class"] {
            if !text(field).is_empty() {
                payload.set(&[field], text(field));
            }
        }
        let mut event = object! {
            "routing_key" => key.expose().as_str(), "event_action" => "trigger", "client" => "ArgoCD",
            "payload" => payload
        };
        for (field, from) in [("dedup_key", "dedupKey"), ("client_url", "url")] {
            if !text(from).is_empty() {
                event.set(&[field], text(from));
            }
        }
        Ok(vec![Outgoing::json("https://events.pagerduty.com/v2/enqueue", &event)])
    }
}

#[derive(Debug)]
struct PagerDuty {
    token: Secret<String>,
    from: String,
}

pub(super) fn read_pagerduty(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(PagerDuty { token: read.secret("token")?, from: read.text_or("from", "") }))
}

impl Provider for PagerDuty {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        if message.section("pagerduty").is_none() {
            return Err("the template has no pagerduty section".to_owned());
        }
        let text = |field: &str| message.text("pagerduty", field);
        let mut incident = object! {
            "type" => "incident",
            "title" => text("title"),
            "service" => object! { "id" => to.recipient.as_str(), "type" => "service_reference" },
            "body" => object! { "type" => "incident_body", "details" => text("body") }
        };
        if !text("urgency").is_empty() {
            incident.set(&["urgency"], text("urgency"));
        }
        if !text("priorityId").is_empty() {
            incident.set(&["priority"], object! { "id" => text("priorityId"), "type" => "priority_reference" });
        }
        let request = Outgoing::json("https://api.pagerduty.com/incidents", &object! { "incident" => incident })
            .header("Accept", "application/vnd.pagerduty+json;version=2")
            .header("Authorization", format!("Token token={}", self.token.expose()))
            .header("From", self.from.as_str());
        Ok(vec![request])
    }
}
