//! The requests that messages become, and what answers mean.

use super::*;
use crate::service::{Moment, Threads};

/// The service `service.TYPE` of options, asked to tell a recipient what a template makes.
struct Case {
    config: Config,
    threads: Threads,
    kind: &'static str,
}

fn case(kind: &'static str, options: &str, template: &str) -> Case {
    let data = format!("{{service.{kind}: {options:?}, template.a: {template:?}}}");
    let config = config(&data, "{key: s3cr3t-key}");
    assert_eq!(config.problems, []);
    Case { config, threads: Threads::default(), kind }
}

impl Case {
    fn service(&self) -> &dyn crate::service::Provider {
        &*self.config.services[self.kind].as_ref().expect("it is configured").0
    }
    fn made(&self, recipient: &str) -> (Notification, Destination) {
        let to = Destination { service: self.kind.into(), recipient: recipient.into() };
        let message = Message { key: String::new(), trigger: "t".into(), to: to.clone(), templates: vec!["a".into()] };
        (message.render(&self.config, &subject(SYNCED)).expect("it renders"), to)
    }
    /// Method, address, headers but the content's type, and body of each request.
    fn requests(&self, recipient: &str) -> String {
        let (text, to) = self.made(recipient);
        let at = Moment { threads: &self.threads, now_unix_ns: 1_692_012_615_250_000_000 };
        match self.service().requests(&text, &to, &at) {
            Err(why) => format!("! {why}"),
            Ok(all) => all.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    }
    fn check(&self, recipient: &str, expected: &str) {
        assert_eq!(self.requests(recipient), expected, "{}", self.kind);
    }
    fn judge(&self, status: u16, body: &str) -> String {
        let answer = Answer { status, body: body.to_owned() };
        self.service().judge(&answer).err().unwrap_or_else(|| "taken".into())
    }
}

fn line(request: &Outgoing) -> String {
    let mut text = format!("{} {}", request.method, request.url.expose());
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "Content-Type") {
        text.push_str(&format!(" [{name}: {}]", value.expose()));
    }
    format!("{text} {}", request.body)
}

#[test]
fn a_webhook_is_asked_as_its_section_says() {
    let options =
        "{url: 'http://h/$key/', headers: [{name: X-A, value: $key}], basicAuth: {username: u, password: $key}}";
    let template = "{message: hello, webhook: {webhook: {method: PUT, path: '/a/{{.app.metadata.name}}', body: '{{.recipient}}'}}}";
    let expected = "PUT http://h/s3cr3t-key/a/shop [X-A: s3cr3t-key] [Authorization: Basic dTpzM2NyM3Qta2V5] me";
    case("webhook", options, template).check("me", expected);
    case("webhook", "{url: 'http://h'}", "{message: hello}").check("", "GET http://h hello");
    case("webhook", "{url: 'http://h'}", "{message: hello, webhook: {other: {body: x}}}")
        .check("", "GET http://h hello");
    case("webhook", "{url: 'http://h'}", "{message: hello, webhook: {webhook: {method: POST}}}")
        .check("", "POST http://h ");
    let webhook = case("webhook", "{url: 'http://h/$none'}", "{message: x}");
    webhook.check("", "GET http://h/$none x");
    assert_eq!(webhook.judge(204, ""), "taken");
    assert_eq!(webhook.judge(302, ""), "refused with status 302");
    assert_eq!(webhook.judge(500, " no "), "refused with status 500: no");
}

#[test]
fn slack_gets_forms_and_keeps_threads() {
    let options = "{token: $key, username: bot, icon: ':ship:', disableUnfurl: true}";
    let template = "{message: 'a&b', slack: {attachments: '[{\"title\": \"{{.app.metadata.name}}\"}]', username: '{{.recipient}}', \
        groupingKey: '{{.app.status.sync.revision}}', notifyBroadcast: true, deliveryPolicy: PostAndUpdate}}";
    let slack = case("slack", options, template);
    let fields = "channel=dev&text=a%26b&username=dev&icon_emoji=%3Aship%3A&attachments=%5B%7B%22title%22%3A%22shop%22%7D%5D\
        &unfurl_links=false&unfurl_media=false";
    let head = "POST https://slack.com/api/chat.postMessage [Authorization: Bearer s3cr3t-key]";
    slack.check("dev", &format!("{head} {fields}&reply_broadcast=true"));
    let (text, to) = slack.made("dev");
    let answer = Answer { status: 200, body: "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"17.1\"}".into() };
    slack.service().learn(&text, &to, &answer, &slack.threads);
    let update = format!(
        "{} {}&thread_ts=17.1&ts=17.1&as_user=true",
        head.replace("postMessage", "update"),
        fields.replace("=dev&text", "=C1&text")
    );
    slack.check("dev", &format!("{head} {fields}&thread_ts=17.1&reply_broadcast=true\n{update}"));
    assert!(slack.requests("other").ends_with("reply_broadcast=true"), "a thread is of one channel");
    assert_eq!(slack.judge(200, "{\"ok\":true}"), "taken");
    assert_eq!(slack.judge(200, "{\"ok\":false,\"error\":\"channel_not_found\"}"), "refused: channel_not_found");
    assert_eq!(slack.judge(200, "hello"), "the answer is not Slack's");
    let wrong = case("slack", "{token: t}", "{slack: {blocks: '[{'}}").requests("dev");
    assert!(wrong.starts_with("! blocks: the template makes no JSON"), "{wrong}");
    let own = case("slack", "{token: t, apiURL: 'http://h/api', icon: 'https://i/x.png'}", "{message: x}");
    own.check("dev", "POST http://h/api/chat.postMessage [Authorization: Bearer t] channel=dev&text=x&icon_url=https%3A%2F%2Fi%2Fx.png");
}

#[test]
fn teams_gets_cards() {
    let template = "{message: hello, teams-workflows: {title: '{{.app.metadata.name}}', themeColor: Good, facts: '[{\"name\": \"a\", \"value\": 1}]', \
        potentialAction: '[{\"@type\": \"OpenUri\", \"name\": \"open\", \"targets\": [{\"os\": \"default\", \"uri\": \"https://a\"}]}]'}}";
    let workflows = case(
        "teams-workflows",
        "{recipientUrls: {dev: 'https://x.api.powerplatform.com/$key', bad: 'https://h/', plain: 'http://flow.microsoft.com/'}}",
        template,
    );
    workflows.check(
        "dev",
        "POST https://x.api.powerplatform.com/s3cr3t-key {\"attachments\":[{\"content\":{\"actions\":[{\"title\":\"open\",\"type\":\"Action.OpenUrl\",\
         \"url\":\"https://a\"}],\"body\":[{\"color\":\"Good\",\"size\":\"Large\",\"text\":\"shop\",\"type\":\"TextBlock\",\"weight\":\"Bolder\",\"wrap\":true},\
         {\"text\":\"hello\",\"type\":\"TextBlock\",\"wrap\":true},{\"facts\":[{\"title\":\"a\",\"value\":\"1\"}],\"type\":\"FactSet\"}],\
         \"type\":\"AdaptiveCard\",\"version\":\"1.4\"},\"contentType\":\"application/vnd.microsoft.card.adaptive\"}],\"type\":\"message\"}",
    );
    workflows.check("none", "! no teams-workflows webhook configured for recipient none");
    assert!(workflows.requests("bad").starts_with("! the webhook URL is not one of a Microsoft Teams workflow"));
    workflows.check("plain", "! the webhook URL must use https");
    let own = case(
        "teams-workflows",
        "{recipientUrls: {dev: 'http://127.0.0.1/powerautomate/x'}}",
        "{teams-workflows: {adaptiveCard: ' {\"x\": 1} '}}",
    );
    assert!(own.requests("dev").contains("\"content\":{\"x\":1}"), "{}", own.requests("dev"));
    let teams = case(
        "teams",
        "{recipientUrls: {dev: 'https://h/$key'}}",
        "{message: hello, teams: {title: t, facts: '[{\"name\": \"a\"}]'}}",
    );
    teams.check(
        "dev",
        "POST https://h/s3cr3t-key {\"@type\":\"MessageCard\",\"context\":\"https://schema.org/extensions\",\"sections\":[{\"facts\":[{\"name\":\"a\"}]}],\
         \"summary\":\"\",\"text\":\"hello\",\"title\":\"t\"}",
    );
    assert_eq!(teams.judge(200, "1"), "taken");
    assert_eq!(teams.judge(200, "no"), "refused with status 200: no");
}

#[test]
fn chats_get_texts() {
    let google = case("googlechat", "{webhooks: {dev: 'https://h/x?key=$key'}}", "{message: hello}");
    google.check("dev", "POST https://h/x?key=s3cr3t-key {\"text\":\"hello\"}");
    assert_eq!(google.judge(200, "{\"name\": \"x\"}"), "taken");
    assert_eq!(
        google.judge(400, "{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"BAD\"}}"),
        "refused: code=400 status=BAD message=m"
    );
    assert_eq!(google.judge(502, "gone"), "refused with status 502: gone");
    case("googlechat", "{webhooks: {dev: 'https://h/x'}}", "{message: hello, googlechat: {cardsV2: '- header: {title: {{.app.metadata.name}}}', threadKey: 'a b'}}").check(
        "dev",
        "POST https://h/x?messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&threadKey=a+b {\"cardsV2\":[{\"card\":{\"header\":{\"title\":\"shop\"}},\"cardId\":\"card-0\"}],\"text\":\"\"}",
    );
    case("mattermost", "{apiURL: 'https://h', token: $key}", "{message: hello, mattermost: {attachments: '[{\"a\":1}]'}}").check(
        "room",
        "POST https://h/api/v4/posts [Authorization: Bearer s3cr3t-key] {\"channel_id\":\"room\",\"message\":\"hello\",\"props\":{\"attachments\":[{\"a\":1}]}}",
    );
    let telegram = case("telegram", "{token: $key}", "{message: hello}");
    let url = "POST https://api.telegram.org/bots3cr3t-key/sendMessage";
    telegram.check("-100|7", &format!("{url} chat_id=-100&text=hello&parse_mode=Markdown&message_thread_id=7"));
    telegram.check("news", &format!("{url} chat_id=%40news&text=hello&parse_mode=Markdown"));
    telegram.check("-x", "! recipient -x is no chat's number");
    case("webex", "{token: $key}", "{message: hello}").check(
        "a@b.c",
        "POST https://webexapis.com/v1/messages [Authorization: Bearer s3cr3t-key] {\"markdown\":\"hello\",\"toPersonEmail\":\"a@b.c\"}",
    );
    case("pushover", "{token: $key}", "{message: hello}")
        .check("u", "POST https://api.pushover.net/1/messages.json token=s3cr3t-key&user=u&message=hello");
}

#[test]
fn alerts_incidents_and_marks() {
    let alerts = case(
        "alertmanager",
        "{targets: ['a:1', 'b:2'], bearerToken: $key}",
        "{alertmanager: {labels: {team: x}, annotations: {a: '{{.recipient}}'}, generatorURL: 'git@h:a/b'}}",
    );
    let body = "[Authorization: Bearer s3cr3t-key] [{\"annotations\":{\"a\":\"\"},\"generatorURL\":\"https://h/a/b\",\"labels\":{\"alertname\":\"a\",\"team\":\"x\"},\"startsAt\":\"2023-08-14T11:30:15.25Z\"}]";
    alerts.check("", &format!("POST http://a:1/api/v2/alerts {body}\nPOST http://b:2/api/v2/alerts {body}"));
    case("alertmanager", "{}", "{alertmanager: {labels: {}}}").check("", "! at least one label pair required");
    case("grafana", "{apiUrl: 'https://h/api', apiKey: $key}", "{message: hello}").check(
        "a|b",
        "POST https://h/api/annotations [Authorization: Bearer s3cr3t-key] {\"isRegion\":false,\"tags\":[\"a\",\"b\"],\"text\":\"hello\",\"time\":1692012615000}",
    );
    case("newrelic", "{apiKey: $key}", "{message: hello, newrelic: {}}").check(
        "7",
        "POST https://api.newrelic.com/v2/applications/7/deployments.json [X-Api-Key: s3cr3t-key] \
         {\"deployment\":{\"changelog\":\"what abc does\",\"description\":\"hello\",\"revision\":\"abc\",\"user\":\"Ann <a@b.c>\"}}",
    );
    case("newrelic", "{apiKey: $key}", "{message: hello, newrelic: {}}")
        .check("../x", "! recipient ../x is no application's id");
    case("pagerdutyv2", "{serviceKeys: {svc: $key}}", "{pagerdutyv2: {summary: s, severity: critical, source: x, url: 'https://a'}}").check(
        "svc",
        "POST https://events.pagerduty.com/v2/enqueue {\"client\":\"ArgoCD\",\"client_url\":\"https://a\",\"event_action\":\"trigger\",\
         \"payload\":{\"severity\":\"critical\",\"source\":\"x\",\"summary\":\"s\"},\"routing_key\":\"s3cr3t-key\"}",
    );
    case("opsgenie", "{apiUrl: api.eu.opsgenie.com, apiKeys: {team: $key}}", "{message: hello, opsgenie: {description: d, tags: ['{{.app.metadata.name}}'], details: {a: b}}}").check(
        "team",
        "POST https://api.eu.opsgenie.com/v2/alerts [Authorization: GenieKey s3cr3t-key] {\"description\":\"d\",\"details\":{\"a\":\"b\"},\"message\":\"hello\",\
         \"responders\":[{\"id\":\"team\",\"type\":\"team\"}],\"source\":\"Argo CD\",\"tags\":[\"shop\"]}",
    );
    case("opsgenie", "{apiKeys: {team: $key}}", "{opsgenie: {}}")
        .check("team", "! opsgenie notification description is missing");
    case("pagerduty", "{token: $key, from: a@b.c}", "{pagerduty: {title: t, body: b, urgency: high, priorityId: P1}}").check(
        "SVC",
        "POST https://api.pagerduty.com/incidents [Accept: application/vnd.pagerduty+json;version=2] [Authorization: Token token=s3cr3t-key] [From: a@b.c] \
         {\"incident\":{\"body\":{\"details\":\"b\",\"type\":\"incident_body\"},\"priority\":{\"id\":\"P1\",\"type\":\"priority_reference\"},\
         \"service\":{\"id\":\"SVC\",\"type\":\"service_reference\"},\"title\":\"t\",\"type\":\"incident\",\"urgency\":\"high\"}}",
    );
}
