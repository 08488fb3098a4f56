//! `slack`: a message to a channel, into a thread where messages belong together.

use std::collections::HashMap;

use belay_net::Secret;
use belay_object::Value;
use parking_lot::Mutex;

use super::options::{Options, made_json};
use super::{Moment, Provider};
use crate::{Answer, Destination, Notification, Outgoing};

#[derive(Debug)]
struct Slack {
    token: Secret<String>,
    api_url: String,
    username: String,
    icon: String,
    disable_unfurl: bool,
    insecure: bool,
}

/// The threads that messages belong to: by recipient and key, the channel's id and the first message. They are
/// remembered as long as the process runs.
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<HashMap<(String, String), Thread>>);

#[derive(Clone, Debug)]
struct Thread {
    channel: String,
    ts: String,
}

/// Some 200 bytes each. Beyond, all are forgotten: messages begin new threads.
const MOST_THREADS: usize = 10_000;

pub(super) fn read(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    Ok(Box::new(Slack {
        token: read.secret("token")?,
        api_url: read.text_or("apiURL", "https://slack.com/api/"),
        username: read.text_or("username", ""),
        icon: read.text_or("icon", ""),
        disable_unfurl: read.flag("disableUnfurl"),
        insecure: read.flag("insecureSkipVerify"),
    }))
}

/// `:name:`, or an address.
fn icon_field(icon: &str) -> Option<&'static str> {
    if icon.len() > 2 && icon.starts_with(':') && icon.ends_with(':') {
        return Some("icon_emoji");
    }
    let rest = icon.strip_prefix("https://").or_else(|| icon.strip_prefix("http://"))?;
    (!rest.is_empty() && !rest.starts_with('/')).then_some("icon_url")
}

impl Slack {
    fn fields<'a>(&'a self, message: &'a Notification) -> Result<Vec<(&'static str, String)>, String> {
        let section = |field: &str| message.text("slack", field);
        let or = |field: &str, otherwise: &'a str| match message.text("slack", field) {
            "" => otherwise,
            text => text,
        };
        let mut fields = vec![("text", message.message.clone())];
        let (username, icon) = (or("username", &self.username), or("icon", &self.icon));
        if !username.is_empty() {
            fields.push(("username", username.to_owned()));
        }
        fields.extend(icon_field(icon).map(|field| (field, icon.to_owned())));
        for field in ["attachments", "blocks"] {
            if !section(field).trim().is_empty() {
                fields.push((field, made_json(field, section(field))?.to_json()));
            }
        }
        if self.disable_unfurl {
            fields.extend([("unfurl_links", "false".to_owned()), ("unfurl_media", "false".to_owned())]);
        }
        Ok(fields)
    }

    fn request(&self, call: &str, channel: &str, fields: &[(&'static str, String)]) -> Outgoing {
        let mut form = vec![("channel", channel)];
        form.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
        let slash = if self.api_url.ends_with('/') { "" } else { "/" };
        Outgoing::form(format!("{}{slash}{call}", self.api_url), &form)
            .header("Authorization", format!("Bearer {}", self.token.expose()))
            .insecure(self.insecure)
    }
}

impl Provider for Slack {
    fn requests(&self, message: &Notification, to: &Destination, at: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let mut fields = self.fields(message)?;
        let key = message.text("slack", "groupingKey");
        let policy = message.text("slack", "deliveryPolicy");
        let thread = if key.is_empty() { None } else { at.threads.get(&to.recipient, key) };
        if let Some(thread) = &thread {
            fields.push(("thread_ts", thread.ts.clone()));
        }
        let mut requests = Vec::new();
        if thread.is_none() || policy != "Update" {
            let mut fields = fields.clone();
            let section = message.section("slack");
            if section.and_then(|s| s.get("notifyBroadcast")).and_then(Value::as_bool) == Some(true) {
                fields.push(("reply_broadcast", "true".to_owned()));
            }
            requests.push(self.request("chat.postMessage", &to.recipient, &fields));
        }
        if let Some(thread) = thread.filter(|_| policy == "Update" || policy == "PostAndUpdate") {
            fields.extend([("ts", thread.ts), ("as_user", "true".to_owned())]);
            requests.push(self.request("chat.update", &thread.channel, &fields));
        }
        Ok(requests)
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        if !answer.is_success() {
            return Err(answer.refusal());
        }
        let said = belay_object::from_json_str(&answer.body).unwrap_or(Value::Null);
        match said.get("ok").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            Some(false) => Err(format!("refused: {}", said.str_at(&["error"]).unwrap_or("no reason given"))),
            None => Err("the answer is not Slack's".to_owned()),
        }
    }

    fn learn(&self, message: &Notification, to: &Destination, answer: &Answer, threads: &Threads) {
        let key = message.text("slack", "groupingKey");
        let said = belay_object::from_json_str(&answer.body).unwrap_or(Value::Null);
        if let (false, Some(ts), Some(channel)) = (key.is_empty(), said.str_at(&["ts"]), said.str_at(&["channel"])) {
            threads.begin(&to.recipient, key, Thread { channel: channel.to_owned(), ts: ts.to_owned() });
        }
    }
}

impl Threads {
    fn get(&self, recipient: &str, key: &str) -> Option<Thread> {
        self.0.lock().get(&(recipient.to_owned(), key.to_owned())).cloned()
    }
    /// The first message is the thread's.
    fn begin(&self, recipient: &str, key: &str, thread: Thread) {
        let mut all = self.0.lock();
        if all.len() >= MOST_THREADS {
            all.clear();
        }
        all.entry((recipient.to_owned(), key.to_owned())).or_insert(thread);
    }
}
