//! Services that take a text to a room: `googlechat`, `mattermost`, `telegram`, `webex`, `pushover`.

use std::collections::BTreeMap;

use belay_net::Secret;
use belay_object::{Value, object};

use super::options::{Options, made_json, of_recipient};
use super::{Moment, Provider};
use crate::functions::query_escape;
use crate::{Answer, Destination, Notification, Outgoing};

#[derive(Debug)]
struct Google {
    webhooks: BTreeMap<String, Secret<String>>,
    insecure: bool,
}

pub(super) fn read_google(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(Google { webhooks: read.by_recipient("webhooks"), insecure: read.flag("insecureSkipVerify") }))
}

impl Provider for Google {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let mut url = of_recipient(&self.webhooks, &to.recipient, "Google chat webhook")?.expose().clone();
        let text = |field: &str| message.text("googlechat", field);
        let cards = |field: &str| {
            let cards = belay_yaml::parse_value(text(field), &belay_yaml::Options::v2());
            cards.map_err(|e| format!("{field}: the template makes no YAML: {e}"))
        };
        let mut body = object! { "text" => "" };
        if text("cardsV2").is_empty() && text("cards").is_empty() {
            body.set(&["text"], message.message.as_str());
        }
        if !text("cardsV2").is_empty() {
            let cards = cards("cardsV2")?;
            let with_id =
                |(i, card): (usize, &Value)| object! { "cardId" => format!("card-{i}"), "card" => card.clone() };
            body.set(&["cardsV2"], Value::from_iter(cards.items().iter().enumerate().map(with_id)));
        }
        if !text("cards").is_empty() {
            body.set(&["cards"], cards("cards")?);
        }
        if !text("threadKey").is_empty() {
            let separator = if url.contains('?') { '&' } else { '?' };
            let (key, option) = (query_escape(text("threadKey")), "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
            url = format!("{url}{separator}messageReplyOption={option}&threadKey={key}");
        }
        Ok(vec![Outgoing::json(url, &body).insecure(self.insecure)])
    }
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let said = belay_object::from_json_str(&answer.body).map_err(|_| answer.refusal())?;
        match said.get("error").filter(|error| !error.is_null()) {
            None => Ok(()),
            Some(error) => {
                let code = error.get("code").map(Value::to_json).unwrap_or_default();
                let text = |field: &str| error.str_at(&[field]).unwrap_or_default();
                Err(format!("refused: code={code} status={} message={}", text("status"), text("message")))
            }
        }
    }
}

#[derive(Debug)]
struct Mattermost {
    api_url: String,
    token: Secret<String>,
    insecure: bool,
}

pub(super) fn read_mattermost(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(Mattermost {
        api_url: read.needed("apiURL")?,
        token: read.secret("token")?,
        insecure: read.flag("insecureSkipVerify"),
    }))
}

impl Provider for Mattermost {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let made = message.text("mattermost", "attachments");
        let attachments =
            if made.is_empty() { Value::Array(Default::default()) } else { made_json("attachments", made)? };
        let body = object! {
            "channel_id" => to.recipient.as_str(),
            "message" => message.message.as_str(),
            "props" => object! { "attachments" => attachments }
        };
        let request = Outgoing::json(format!("{}/api/v4/posts", self.api_url), &body)
            .header("Authorization", format!("Bearer {}", self.token.expose()));
        Ok(vec![request.insecure(self.insecure)])
    }
}

#[derive(Debug)]
struct Telegram(Secret<String>);

pub(super) fn read_telegram(options: &Value) -> Result<Box<dyn Provider>, String> {
    Ok(Box::new(Telegram(Options(options).secret("token")?)))
}

impl Provider for Telegram {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        // A group is a negative number, perhaps with a topic; all else is a channel's name.
        let (chat, topic) = if to.recipient.starts_with('-') {
            let (chat, topic) = to.recipient.split_once('|').unwrap_or((&to.recipient, ""));
            let is_number = |text: &str| text.parse::<i64>().is_ok();
            if !is_number(chat) || !(topic.is_empty() || is_number(topic)) {
                return Err(format!("recipient {} is no chat's number", to.recipient));
            }
            (chat.to_owned(), topic)
        } else {
            (format!("@{}", to.recipient), "")
        };
        let mut form = vec![("chat_id", chat.as_str()), ("text", &message.message), ("parse_mode", "Markdown")];
        if !topic.is_empty() {
            form.push(("message_thread_id", topic));
        }
        let url = format!("https://api.telegram.org/bot{}/sendMessage", self.0.expose());
        Ok(vec![Outgoing::form(url, &form)])
    }
}

#[derive(Debug)]
struct Webex {
    api_url: String,
    token: Secret<String>,
    insecure: bool,
}

pub(super) fn read_webex(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    let api_url = read.text_or("apiURL", "https://webexapis.com").trim_end_matches('/').to_owned();
    Ok(Box::new(Webex { api_url, token: read.secret("token")?, insecure: read.flag("insecureSkipVerify") }))
}

impl Provider for Webex {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let is_person = to.recipient.split_once('@').is_some_and(|(_, host)| host.contains('.'));
        let mut body = object! { "markdown" => message.message.as_str() };
        body.set(&[if is_person { "toPersonEmail" } else { "roomId" }], to.recipient.as_str());
        let request = Outgoing::json(format!("{}/v1/messages", self.api_url), &body)
            .header("Authorization", format!("Bearer {}", self.token.expose()));
        Ok(vec![request.insecure(self.insecure)])
    }
}

#[derive(Debug)]
struct Pushover(Secret<String>);

pub(super) fn read_pushover(options: &Value) -> Result<Box<dyn Provider>, String> {
    Ok(Box::new(Pushover(Options(options).secret("token")?)))
}

impl Provider for Pushover {
    fn requests(&self, message: &Notification, to: &Destination, _: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let form = [("token", self.0.expose().as_str()), ("user", &to.recipient), ("message", &message.message)];
        Ok(vec![Outgoing::form("https://api.pushover.net/1/messages.json", &form)])
    }
}
