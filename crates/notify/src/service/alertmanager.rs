//! `alertmanager`: an alert to each of some servers; one that takes it is enough.

use belay_net::Secret;
use belay_object::{Value, object};

use super::options::Options;
use super::{Moment, Provider};
use crate::destinations::texts;
use crate::{Answer, Destination, Notification, Outgoing};

#[derive(Debug)]
struct Alertmanager {
    targets: Vec<String>,
    scheme: String,
    path: String,
    authorization: Option<Secret<String>>,
    insecure: bool,
}

/// The most servers that an alert goes to.
const MOST: usize = 20;

pub(super) fn read(options: &Value) -> Result<Box<dyn Provider>, String> {
    let read = Options(options);
    let mut targets = texts(options.get("targets"));
    if targets.is_empty() {
        targets.push("127.0.0.1:9093".to_owned());
    }
    if targets.len() > MOST {
        return Err(format!("more than {MOST} targets"));
    }
    let bearer = Some(read.text("bearerToken")).filter(|token| !token.is_empty());
    Ok(Box::new(Alertmanager {
        targets,
        scheme: read.text_or("scheme", "http"),
        path: read.text_or("apiPath", "/api/v2/alerts"),
        authorization: read.basic_auth().or_else(|| bearer.map(|token| Secret::new(format!("Bearer {token}")))),
        insecure: read.flag("insecureSkipVerify"),
    }))
}

impl Provider for Alertmanager {
    fn requests(&self, message: &Notification, _: &Destination, at: &Moment<'_>) -> Result<Vec<Outgoing>, String> {
        let section = message.section("alertmanager").ok_or("the template has no alertmanager section")?;
        let labels = section.get("labels").filter(|labels| labels.as_object().is_some_and(|l| l.len() > 1));
        let labels = labels.ok_or("at least one label pair required")?;
        let generator = section.str_at(&["generatorURL"]).unwrap_or_default();
        let mut alert = object! {
            "labels" => labels.clone(),
            "generatorURL" => to_http(generator),
            "startsAt" => belay_gotemplate::sprig::format_time(at.now_unix_ns, "2006-01-02T15:04:05.999999999Z07:00")
        };
        if let Some(annotations) = section.get("annotations") {
            alert.set(&["annotations"], annotations.clone());
        }
        let body = Value::from_iter([alert]);
        let request = |target: &String| {
            let request = Outgoing::json(format!("{}://{target}{}", self.scheme, self.path), &body);
            let request = request.insecure(self.insecure);
            match &self.authorization {
                Some(value) => request.header("Authorization", value.expose()),
                None => request,
            }
        };
        Ok(self.targets.iter().map(request).collect())
    }
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        if answer.status == 200 { Ok(()) } else { Err(answer.refusal()) }
    }
    fn one_suffices(&self) -> bool {
        true
    }
}

/// An address that a browser opens.
fn to_http(url: &str) -> String {
    match url.strip_prefix("git@") {
        Some(rest) => format!("https://{}", rest.replacen(':', "/", 1)),
        None => url.to_owned(),
    }
}
