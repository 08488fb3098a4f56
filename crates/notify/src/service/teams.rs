//! Microsoft Teams: `teams-workflows` (adaptive cards to a workflow) and `teams` (cards to a connector).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use belay_net::{Scheme, Secret};
use belay_object::{Value, object};
use regex::Regex;

use super::options::{Options, made_json, of_recipient};
use super::{Moment, Provider};
use crate::{Answer, Destination, Notification, Outgoing};

#[derive(Debug)]
struct Urls {
    by_recipient: BTreeMap<String, Secret<String>>,
    insecure: bool,
}

#[derive(Debug)]
struct Workflows(Urls);

#[derive(Debug)]
struct Connector(Urls);

fn read_urls(options: &Value) -> Urls {
    let read = Options(options);
    Urls { by_recipient: read.by_recipient("recipientUrls"), insecure: read.flag("insecureSkipVerify") }
}

pub(super) fn read_workflows(options: &Value) -> Result<Box<dyn Provider>, String> {
    Ok(Box::new(Workflows(read_urls(options))))
}

pub(super) fn read_connector(options: &Value) -> Result<Box<dyn Provider>, String> {
    Ok(Box::new(Connector(read_urls(options))))
}

/// Whether an address is a workflow's. No message shows it: it is a credential.
fn check_workflow(url: &str) -> Result<(), String> {
    static WORKFLOW: LazyLock<Regex> = LazyLock::new(|| {
        let hosts = r"api\.(powerautomate|powerplatform)\.com|flow\.microsoft\.com|webhook\.office\.com/workflows";
        Regex::new(&format!("(?i)({hosts}|/powerautomate/)")).expect("it is an expression")
    });
    let parsed = belay_net::RemoteUrl::parse(url).map_err(|_| "the webhook URL is no URL".to_owned())?;
    let is_local = parsed.host() == "localhost" || parsed.host().starts_with("127.");
    if !(parsed.scheme() == Scheme::Https || (parsed.scheme() == Scheme::Http && is_local)) {
        return Err("the webhook URL must use https".to_owned());
    }
    if !WORKFLOW.is_match(url) {
        return Err("the webhook URL is not one of a Microsoft Teams workflow (Power Automate): expected \
                    api.powerautomate.com, api.powerplatform.com, flow.microsoft.com or webhook.office.com/workflows"
            .to_owned());
    }
    Ok(())
}

impl Provider for Workflows {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let url = of_recipient(&self.0.by_recipient, &to.recipient, "teams-workflows webhook")?.expose();
        check_workflow(url)?;
        let made = message.text("teams-workflows", "adaptiveCard").trim();
        let card = if made.is_empty() { card(message)? } else { made_json("adaptiveCard", made)? };
        let attachment = object! { "contentType" => "application/vnd.microsoft.card.adaptive", "content" => card };
        let body = object! { "type" => "message", "attachments" => Value::from_iter([attachment]) };
        Ok(vec![Outgoing::json(url, &body).insecure(self.0.insecure)])
    }
}

/// A section's field that is JSON; nothing where it is empty.
fn list(message: &Notification, kind: &str, field: &str) -> Result<Vec<Value>, String> {
    match message.text(kind, field) {
        "" => Ok(Vec::new()),
        text => Ok(made_json(field, text)?.items().to_vec()),
    }
}

/// An adaptive card of title, text, facts and links.
fn card(message: &Notification) -> Result<Value, String> {
    let kind = "teams-workflows";
    let (title, own) = (message.text(kind, "title"), message.text(kind, "text"));
    let text = if own.is_empty() { &message.message } else { own };
    let mut body = Vec::new();
    if !title.is_empty() {
        let mut block = object! {
            "type" => "TextBlock", "text" => title, "size" => "Large", "weight" => "Bolder", "wrap" => true
        };
        let color = message.text(kind, "themeColor");
        if !color.is_empty() {
            block.set(&["color"], color);
        }
        body.push(block);
    }
    if !text.is_empty() {
        body.push(object! { "type" => "TextBlock", "text" => text, "wrap" => true });
    }
    let own_facts = list(message, kind, "facts")?;
    let sections = list(message, kind, "sections")?;
    let of_sections = sections.iter().map(|section| section.get("facts").map_or(&[][..], Value::items));
    for facts in std::iter::once(own_facts.as_slice()).chain(of_sections) {
        let facts: Vec<Value> = facts.iter().filter_map(fact).collect();
        if !facts.is_empty() {
            body.push(object! { "type" => "FactSet", "facts" => Value::from_iter(facts) });
        }
    }
    let actions = list(message, kind, "potentialAction")?;
    let links: Vec<Value> = actions.iter().filter_map(link).collect();
    let mut card = object! { "type" => "AdaptiveCard", "version" => "1.4", "body" => Value::from_iter(body) };
    if !links.is_empty() {
        card.set(&["actions"], Value::from_iter(links));
    }
    Ok(card)
}

fn fact(fact: &Value) -> Option<Value> {
    let value = fact.get("value").map(|v| v.as_str().map_or_else(|| v.to_json(), str::to_owned));
    Some(object! { "title" => fact.str_at(&["name"])?, "value" => value.unwrap_or_default() })
}

fn link(action: &Value) -> Option<Value> {
    if action.str_at(&["@type"]) != Some("OpenUri") {
        return None;
    }
    let url = action.get("targets")?.items().first()?.str_at(&["uri"]).filter(|url| !url.is_empty())?;
    let title = action.str_at(&["name"]).unwrap_or_default();
    Some(object! { "type" => "Action.OpenUrl", "title" => title, "url" => url })
}

impl Provider for Connector {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let url = of_recipient(&self.0.by_recipient, &to.recipient, "teams webhook")?.expose();
        let made = message.text("teams", "template");
        let mut request = Outgoing::json(url, &Value::Null).insecure(self.0.insecure);
        request.body = if made.is_empty() { connector_card(message)?.to_json() } else { made.to_owned() };
        Ok(vec![request])
    }
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        if answer.body == "1" { Ok(()) } else { Err(answer.refusal()) }
    }
}

fn connector_card(message: &Notification) -> Result<Value, String> {
    let text = |field: &str| message.text("teams", field);
    let own = if text("text").is_empty() { &message.message } else { text("text") };
    let mut card = object! {
        "@type" => "MessageCard", "context" => "https://schema.org/extensions", "title" => text("title"),
        "summary" => text("summary"), "text" => own
    };
    if !text("themeColor").is_empty() {
        card.set(&["themeColor"], text("themeColor"));
    }
    let mut sections = list(message, "teams", "sections")?;
    let facts = list(message, "teams", "facts")?;
    if !facts.is_empty() {
        sections.push(object! { "facts" => Value::from_iter(facts) });
    }
    let actions = list(message, "teams", "potentialAction")?;
    for (field, all) in [("sections", sections), ("potentialAction", actions)] {
        if !all.is_empty() {
            card.set(&[field], Value::from_iter(all));
        }
    }
    Ok(card)
}
