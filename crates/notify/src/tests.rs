//! Tests of the whole: configurations, messages and what becomes of them.

mod delivery;
mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_net::Secret;
use belay_object::Value;

use super::*;

/// What Argo CD's catalog has of what follows.
pub(super) const CATALOG: &str = r#"
trigger.on-created: |
  - {oncePer: app.metadata.name, send: [app-created], when: "true"}
trigger.on-deleted: |
  - {oncePer: app.metadata.name, send: [app-deleted], when: app.metadata.deletionTimestamp != nil}
trigger.on-deployed: |
  - oncePer: app.status.operationState?.syncResult?.revision
    send: [app-deployed]
    when: app.status.operationState != nil and app.status.operationState.phase in ['Succeeded'] and app.status.health.status == 'Healthy' and (!time.Parse(app.status.health.lastTransitionTime).Add(1 * time.Minute).Before(time.Parse(app.status.operationState.finishedAt)) or time.Parse(app.status.health.lastTransitionTime).Before(time.Parse(app.status.operationState.startedAt)))
trigger.on-health-degraded: |
  - {oncePer: "app.status.operationState?.syncResult?.revision", send: [app-health-degraded], when: "app.status.health.status == 'Degraded'"}
trigger.on-sync-failed: |
  - {oncePer: "app.status.operationState?.syncResult?.revision", send: [app-sync-failed], when: "app.status.operationState != nil and app.status.operationState.phase in ['Error', 'Failed']"}
trigger.on-sync-running: |
  - {oncePer: "app.status.operationState?.syncResult?.revision", send: [app-sync-running], when: "app.status.operationState != nil and app.status.operationState.phase in ['Running']"}
trigger.on-sync-status-unknown: |
  - {oncePer: "app.status.operationState?.syncResult?.revision", send: [app-sync-status-unknown], when: "app.status.sync.status == 'Unknown'"}
trigger.on-sync-succeeded: |
  - {oncePer: "app.status.operationState?.syncResult?.revision", send: [app-sync-succeeded], when: "app.status.operationState != nil and app.status.operationState.phase in ['Succeeded']"}
"#;

/// An object that was synced, in short.
pub(super) const SYNCED: &str = "{metadata: {name: shop, namespace: argocd, labels: {team: a}}, \
    spec: {source: {repoURL: 'https://github.com/a/b.git'}, replicas: 1234567}, \
    status: {sync: {status: Synced, revision: abc}, health: {status: Healthy, lastTransitionTime: '2023-08-14T10:05:30Z'}, \
    operationState: {phase: Succeeded, startedAt: '2023-08-14T10:00:00Z', finishedAt: '2023-08-14T10:05:00Z', \
    syncResult: {revision: abc}}}}";

pub(super) fn yaml(text: &str) -> Value {
    belay_yaml::parse_value(text, &belay_yaml::Options::v2()).expect("YAML")
}

/// A configuration from its keys, with a secret's.
pub(super) fn config(data: &str, secrets: &str) -> Config {
    let texts = |text: &str| {
        let fields = yaml(text);
        let fields = fields.as_object().into_iter().flat_map(belay_object::Map::iter);
        let text = |v: &Value| v.as_str().expect("text").to_owned();
        fields.map(|(k, v)| (k.to_string(), text(v))).collect::<BTreeMap<String, String>>()
    };
    let secrets = texts(secrets).into_iter().map(|(k, v)| (k, Secret::new(v.into_bytes())));
    Config::read(&texts(data), secrets.collect())
}

struct NoGit;

impl Outside for NoGit {
    fn commit(&self, revision: &str) -> Result<Commit, String> {
        let message = format!("what {revision} does");
        match revision {
            "abc" => {
                Ok(Commit { message, author: "Ann <a@b.c>".into(), unix_s: 1_692_007_200, tags: vec!["v1".into()] })
            }
            _ => Err(format!("there is no commit {revision}")),
        }
    }
}

pub(super) fn subject(app: &str) -> Subject {
    let values = vec![("app", Arc::new(yaml(app))), ("appProject", Arc::new(Value::object()))];
    Subject { values, outside: Arc::new(NoGit), now_unix_ns: 1_692_012_615_000_000_000 }
}

/// Destinations of annotations.
fn subscribed(config: &Config, annotations: &str) -> (Destinations, Vec<Error>) {
    let mut found = Destinations::default();
    let annotations = yaml(annotations);
    let wrong = found.subscribe(config, "notifications.argoproj.io", annotations.as_object());
    (found, wrong)
}

fn lines(destinations: &Destinations) -> String {
    let line = |(trigger, all): (&str, &[Destination])| {
        let all: Vec<String> = all.iter().map(|d| format!("{}:{}", d.service, d.recipient)).collect();
        format!("{trigger} -> {}", all.join(" "))
    };
    destinations.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn annotations_and_defaults_say_who_hears_of_what() {
    let config = config(
        "{defaultTriggers: '[a, b]', defaultTriggers.teams: '[c]', subscriptions: '[{recipients: [slack:all, \"teams:x:y\"]}, \
         {recipients: [slack:a-team], triggers: [t], selector: team=a}, {recipients: [slack:b-team], selector: team=b}]'}",
        "{}",
    );
    assert_eq!(config.problems, []);
    let check = |annotations: &str, expected: &str| {
        let (found, wrong) = subscribed(&config, annotations);
        let mut text = lines(&found);
        for e in wrong {
            text.push_str(&format!("! {e}"));
        }
        assert_eq!(text, expected, "{annotations}");
    };
    check("{notifications.argoproj.io/subscribe.t.slack: 'one; two ;;one'}", "t -> slack:one slack:two");
    check("{notifications.argoproj.io/subscribe.slack: one}", "a -> slack:one\nb -> slack:one");
    check("{notifications.argoproj.io/subscribe.teams: one}", "c -> teams:one");
    check("{notifications.argoproj.io/subscribe..slack: one}", "a -> slack:one\nb -> slack:one");
    check("{notifications.argoproj.io/subscribe.t.webhook: ''}", "t -> webhook:");
    check("{notifications.argoproj.io/other: one, other/subscribe.t.slack: one}", "");
    check(
        "{notifications.argoproj.io/subscriptions: '[{trigger: [t, u], destinations: [{service: slack, recipients: [one, two]}]}, \
         {destinations: [{service: teams, recipients: [x]}]}]'}",
        "c -> teams:x\nt -> slack:one slack:two\nu -> slack:one slack:two",
    );
    check("{notifications.argoproj.io/subscriptions: 'a: b'}", "! subscriptions: expected a list");
    let labels = yaml("{team: a}");
    let by_default = Destinations::by_default(&config, labels.as_object());
    assert_eq!(lines(&by_default), "a -> slack:all teams:x\nb -> slack:all teams:x\nt -> slack:a-team");
}

/// The keys and templates of what is due.
fn due_of(trigger: &str, app: &str, sent: &str) -> String {
    let config = config(CATALOG, "{}");
    assert_eq!(config.problems, []);
    let (destinations, _) =
        subscribed(&config, &format!("{{notifications.argoproj.io/subscribe.{trigger}.slack: dev}}"));
    let found = due(&config, &destinations, &Sent::read(sent), &subject(app));
    let mut all: Vec<String> = found.messages.iter().map(|m| format!("{} {:?}", m.key, m.templates)).collect();
    all.extend(found.over.iter().map(|key| format!("over {key}")));
    all.extend(found.problems.iter().map(|e| format!("! {e}")));
    all.join("\n")
}

#[test]
fn what_is_due_is_known_by_the_keys_of_other_controllers() {
    let key = "abc:on-sync-succeeded:[0].IwKhHw9Hu8IE3z5Y8CQE4vReLYs:slack:dev";
    assert_eq!(due_of("on-sync-succeeded", SYNCED, ""), format!("{key} [\"app-sync-succeeded\"]"));
    // Once for a revision.
    assert_eq!(due_of("on-sync-succeeded", SYNCED, &format!("{{\"{key}\": 1}}")), "");
    let next = SYNCED.replace("abc", "def");
    let text = due_of("on-sync-succeeded", &next, &format!("{{\"{key}\": 1}}"));
    assert_eq!(text, format!("{} [\"app-sync-succeeded\"]", key.replace("abc", "def")));
    // A state that is none is empty.
    assert_eq!(due_of("on-sync-succeeded", SYNCED, "[1]"), format!("{key} [\"app-sync-succeeded\"]"));
    let created = "shop:on-created:[0].X_5TO4MPCKAyY0ipFgr6_IraRNs:slack:dev [\"app-created\"]";
    assert_eq!(due_of("on-created", SYNCED, ""), created);
    assert_eq!(due_of("on-deleted", SYNCED, ""), "");
    let deleted = SYNCED.replace("labels", "deletionTimestamp: '2023-08-14T10:05:30Z', labels");
    assert!(due_of("on-deleted", &deleted, "").starts_with("shop:on-deleted:[0]."));
    assert!(due_of("on-deployed", SYNCED, "").starts_with("abc:on-deployed:[0]."));
    assert_eq!(due_of("on-deployed", &SYNCED.replace("10:05:30", "10:01:30"), ""), "");
    assert_eq!(due_of("nothing", SYNCED, ""), "! trigger 'nothing' is not configured");
}

#[test]
fn a_condition_that_fails_is_not_met_and_told() {
    let problem = "! trigger 'on-health-degraded': when: cannot fetch status from <nil>";
    assert_eq!(due_of("on-health-degraded", "{metadata: {name: new}, status: {}}", ""), problem);
    assert_eq!(due_of("on-sync-succeeded", "{metadata: {name: new}, status: {}}", ""), "");
}

#[test]
fn a_condition_without_once_per_is_told_each_time_that_it_is_met_anew() {
    let config = config("{trigger.t: '[{when: \"app.bad\", send: [x]}, {send: [x]}]'}", "{}");
    let (destinations, _) = subscribed(&config, "{notifications.argoproj.io/subscribe.t.slack: dev}");
    let mut sent = Sent::default();
    let met = due(&config, &destinations, &sent, &subject("{bad: true}"));
    let [message] = &met.messages[..] else { panic!("{met:?}") };
    assert!(message.key.starts_with("t:[0]."), "{}", message.key);
    assert_eq!(met.evaluated["t"], (1, 1), "one that says nothing is never met");
    sent.add(&message.key, 1);
    let text = sent.to_text().expect("there is one");
    assert_eq!(text, format!("{{\"{}\":1}}", message.key));
    assert_eq!(due(&config, &destinations, &sent, &subject("{bad: true}")).messages, []);
    let over = due(&config, &destinations, &sent, &subject("{bad: false}")).over;
    assert_eq!(over.join(" "), message.key);
    assert!(sent.remove(&message.key) && sent.to_text().is_none());
}

#[test]
fn the_newest_hundred_are_remembered() {
    let mut sent = Sent::default();
    for at in 0..150 {
        sent.add(&format!("key-{at}"), at);
    }
    let again = Sent::read(&sent.to_text().expect("there are some"));
    assert!(again.has("key-149") && again.has("key-50") && !again.has("key-49"));
    assert_eq!(again, Sent::read(&again.to_text().expect("there are some")));
}

/// The message of a template's fields.
fn render(templates: &str, app: &str) -> String {
    let config = config(templates, "{token: sesame-open}");
    let names: Vec<String> =
        ["a", "b"].iter().filter(|n| config.templates.contains_key(**n)).map(|n| (*n).into()).collect();
    let to = Destination { service: "slack".into(), recipient: "dev".into() };
    let message = Message { key: String::new(), trigger: "t".into(), to, templates: names };
    let mut text = match message.render(&config, &subject(app)) {
        Ok(made) => {
            let sections: Vec<String> = made.sections.iter().map(|(k, v)| format!("{k} {}", v.to_json())).collect();
            format!("{} {}", made.message, sections.join(" "))
        }
        Err(e) => format!("{:?}: {e}", e.kind),
    };
    for e in &config.problems {
        text.push_str(&format!("! {e}"));
    }
    text.trim_end().to_owned()
}

#[test]
fn templates_see_values_functions_and_no_environment() {
    let check = |text: &str, expected: &str| {
        let found = render(
            &format!("{{template.a: {:?}, context: 'argocdUrl: https://a.b'}}", format!("message: {text:?}")),
            SYNCED,
        );
        assert_eq!(found, expected, "{text}");
    };
    check("{{.app.metadata.name}} {{.app.spec.replicas}} {{.app.none}}", "shop 1234567 <no value>");
    check(
        "{{.context.argocdUrl}} {{.context.notificationType}} {{.serviceType}} {{.recipient}}",
        "https://a.b slack slack dev",
    );
    check("{{.secrets.token | toString}}", "sesame-open");
    check("{{(call .time.Now).Format .time.RFC3339}}", "2023-08-14T11:30:15Z");
    check("{{((call .time.Now).Sub (call .time.Parse .app.status.operationState.startedAt)).Minutes}}", "90.25");
    check("{{(call .time.Parse .app.status.operationState.startedAt).Format \"2006\"}} {{.time.Minute}}", "2023 1m0s");
    check("{{call .strings.ReplaceAll \"a-b\" \"-\" \"_\"}} {{call .strings.ToUpper \"x\"}}", "a_b X");
    check("{{call .repo.RepoURLToHTTPS \"git@github.com:a/b.git\"}}", "https://github.com/a/b.git");
    check(
        "{{call .repo.RepoURLToHTTPS \"ssh://git@h:22/a/b\"}} {{call .repo.RepoURLToHTTPS \"https://u:p@h/a\"}}",
        "https://h:22/a/b https://h/a",
    );
    check(
        "{{call .repo.FullNameByRepoURL .app.spec.source.repoURL}} {{call .repo.QueryEscape \"a b/é\"}}",
        "a/b a+b%2F%C3%A9",
    );
    check(
        "{{(call .repo.GetCommitMetadata \"abc\").Author}} {{(call .repo.GetCommitMetadata \"abc\").Tags}}",
        "Ann <a@b.c> [v1]",
    );
    let asked = "Template: template: a:1:2: executing \"a\" at <call .repo.GetCommitMetadata \"x\">: error calling call: there is no commit x";
    check("{{call .repo.GetCommitMetadata \"x\"}}", asked);
    check("{{.app.metadata.name | upper | quote}}", "\"SHOP\"");
    let refused = " ! template.a: message: template: a:1: function \"env\" not defined";
    check("{{env \"HOME\"}}", refused);
    check(
        "{{range until 100000000}}{{.}}{{end}}",
        "Template: template: a:1:8: executing \"a\" at <until 100000000>: error calling until: a value of 2400000000 bytes is larger than the limit of 1048576",
    );
    check(
        "{{fail .secrets.token}}",
        "Template: template: a:1:15: executing \"a\" at <.secrets.token>: wrong type for value; expected string; got []uint8",
    );
    check(
        "{{fail (.secrets.token | toString)}}",
        "Template: template: a:1:2: executing \"a\" at <fail (.secrets.token | toString)>: error calling fail: ***",
    );
}

#[test]
fn several_templates_make_one_message() {
    let check = |a: &str, b: &str, expected: &str| {
        assert_eq!(render(&format!("{{template.a: {a:?}, template.b: {b:?}}}"), SYNCED), expected);
    };
    check("message: one", "message: two", "two");
    check("message: one", "message: ''", "one");
    check(
        "{message: one, slack: {username: '{{.app.metadata.name}}', deliveryPolicy: Update}, email: {subject: '{{'}}",
        "{slack: {icon: ':x:'}}",
        "one slack {\"icon\":\":x:\"}",
    );
    check(
        "{teams: {title: t, text: '{{.app.metadata.name}}'}}",
        "{teams: {title: '', text: other}}",
        " teams {\"text\":\"other\",\"title\":\"t\"}",
    );
    check(
        "{webhook: {x: {method: POST, body: '{{.recipient}}'}}}",
        "{webhook: {z: {method: '{{', path: p}}}",
        " webhook {\"x\":{\"body\":\"dev\",\"method\":\"POST\"},\"z\":{\"method\":\"{{\",\"path\":\"p\"}}",
    );
    check(
        "{alertmanager: {labels: {severity: '{{.app.metadata.name}}'}}}",
        "message: x",
        "x alertmanager {\"generatorURL\":\"https://github.com/a/b.git\",\"labels\":{\"alertname\":\"a\",\"severity\":\"shop\"}}",
    );
}

#[test]
fn a_key_that_cannot_be_read_leaves_the_others() {
    let config = config(
        "{template.a: 'message: \"{{\"', template.b: 'message: x', trigger.t: '[{when: \"1 +\"}]', trigger.u: '[{when: \"true\"}]', \
         service.email: 'host: $token', service.a.b.c: x, service.slack: 'token: $token', service.none: x, \
         service.webhook.w: '{url: \"http://x/$token\", retryWaitMin: $token}', config.yaml: x, subscriptions: '[{selector: \"!!\"}]'}",
        "{token: sesame-open}",
    );
    let problems: Vec<String> = config.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "config.yaml: this form was replaced by single keys, and is not read",
        "service.a.b.c: expected service.<type> or service.<type>.<name>",
        "service.email: service type 'email' is not supported",
        "service.none: service type 'none' is not supported",
        "service.webhook.w: retryWaitMin: \"***\" is no span of time",
    ];
    for line in expected {
        assert!(problems.iter().any(|p| p == line), "{line} in {problems:#?}");
    }
    for key in ["template.a: ", "trigger.t: [0].when: ", "subscriptions: selector: "] {
        assert!(problems.iter().any(|p| p.starts_with(key)), "{key} in {problems:#?}");
    }
    assert_eq!(problems.len(), 8, "{problems:#?}");
    assert!(config.templates.contains_key("b") && config.triggers.contains_key("u"));
    let everything = format!("{config:?}");
    assert!(!everything.contains("sesame"), "no secret is printed: {everything}");
}
