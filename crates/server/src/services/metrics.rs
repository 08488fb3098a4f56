//! `/metrics`: what is known here, under Argo CD's names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use belay_argo::spec::{Application, OperationPhase};
use belay_object::Value;

use crate::Error;
use crate::answer::{Answer, plain};
use crate::call::Call;

/// Applications that are told one by one (RES-11).
const MAX_APPLICATIONS: usize = 50_000;

/// The metrics as text.
pub(crate) async fn tell(call: Call) -> Result<Answer, Error> {
    let mut text = Text(String::with_capacity(4096));
    applications(&call, &mut text).await?;
    clusters(&call, &mut text);
    text.family("argocd_login_request_total", "counter", "Number of login requests.");
    for (status, count) in ["success", "failure"].iter().zip(&call.api.login_counts) {
        text.sample("argocd_login_request_total", &[("status", status)], count.load(Ordering::Relaxed) as f64);
    }
    text.family("argocd_info", "gauge", "Version of this server.");
    text.sample("argocd_info", &[("version", &call.api.options.build.version)], 1.0);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(Answer::Other(plain(http::StatusCode::OK, kind, text.0)))
}

async fn applications(call: &Call, text: &mut Text) -> Result<(), Error> {
    let view = call.api.watches.applications().await?;
    let mut all = view.objects();
    all.retain(|app| call.is_enabled(app.namespace()));
    all.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
    all.truncate(MAX_APPLICATIONS);
    let parameters = &call.at.config.settings.parameters;
    text.family("argocd_app_info", "gauge", "Information about application.");
    let mut conditions: BTreeMap<(String, String, String, String), f64> = BTreeMap::new();
    let mut labels = Vec::new();
    for object in &all {
        let Ok(app) = Application::read(object) else { continue };
        let autosync = app.spec.automated().is_some().to_string();
        let repo = app.spec.sources().first().map(|s| belay_access::normalize_git_url(&s.repo_url)).unwrap_or_default();
        let running = object.str_at(&["status", "operationState", "phase"]) == Some(OperationPhase::Running.as_str());
        let operation = match () {
            () if app.deletion_timestamp.is_some() => "delete",
            () if app.operation.is_some() || running => "sync",
            () => "",
        };
        let at = |path: &[&str]| object.str_at(path).filter(|text| !text.is_empty()).unwrap_or("Unknown");
        let destination = &app.spec.destination;
        let clusters = &call.at.config.clusters;
        let server = clusters.resolve(&destination.server, &destination.name).map(|entry| entry.server.as_str());
        let own = [("namespace", app.namespace.as_str()), ("name", &app.name), ("project", app.spec.project())];
        text.sample(
            "argocd_app_info",
            &[
                own[0],
                own[1],
                own[2],
                ("autosync_enabled", &autosync),
                ("repo", &repo),
                ("dest_server", server.unwrap_or(&destination.server)),
                ("dest_namespace", &destination.namespace),
                ("sync_status", at(&["status", "sync", "status"])),
                ("health_status", at(&["status", "health", "status"])),
                ("operation", operation),
            ],
            1.0,
        );
        let told = object.at(&["status", "conditions"]).map_or(&[][..], Value::items);
        for condition in told.iter().filter_map(|c| c.str_at(&["type"])) {
            if parameters.metrics_conditions.iter().any(|wanted| wanted == "*" || wanted == condition) {
                let key =
                    (app.namespace.clone(), app.name.clone(), app.spec.project().to_owned(), condition.to_owned());
                *conditions.entry(key).or_default() += 1.0;
            }
        }
        if !parameters.metrics_labels.is_empty() {
            labels.push((app.namespace.clone(), app.name.clone(), app.spec.project().to_owned(), object.clone()));
        }
    }
    if !conditions.is_empty() {
        text.family("argocd_app_condition", "gauge", "Report application conditions.");
        for ((namespace, name, project, condition), count) in &conditions {
            let own =
                [("namespace", namespace.as_str()), ("name", name), ("project", project), ("condition", condition)];
            text.sample("argocd_app_condition", &own, *count);
        }
    }
    if !labels.is_empty() {
        text.family("argocd_app_labels", "gauge", "Argo Application labels converted to Prometheus labels");
        for (namespace, name, project, object) in &labels {
            let chosen: Vec<(String, &str)> = parameters
                .metrics_labels
                .iter()
                .map(|label| (format!("label_{}", normal(label)), object.label(label).unwrap_or_default()))
                .collect();
            let mut own = vec![("namespace", namespace.as_str()), ("name", name), ("project", project)];
            own.extend(chosen.iter().map(|(name, value)| (name.as_str(), *value)));
            text.sample("argocd_app_labels", &own, 1.0);
        }
    }
    Ok(())
}

fn clusters(call: &Call, text: &mut Text) {
    let wanted = &call.at.config.settings.parameters.metrics_cluster_labels;
    text.family("argocd_cluster_info", "gauge", "Information about cluster.");
    for entry in call.at.config.clusters.iter() {
        text.sample(
            "argocd_cluster_info",
            &[("server", &entry.server), ("k8s_version", ""), ("name", &entry.name)],
            1.0,
        );
    }
    if wanted.is_empty() {
        return;
    }
    text.family("argocd_cluster_labels", "gauge", "Argo Cluster labels converted to Prometheus labels");
    for entry in call.at.config.clusters.iter() {
        let chosen: Vec<(String, &str)> = wanted
            .iter()
            .map(|label| (format!("label_{}", normal(label)), entry.labels.str(label).unwrap_or_default()))
            .collect();
        let mut own = vec![("server", entry.server.as_str()), ("name", &entry.name)];
        own.extend(chosen.iter().map(|(name, value)| (name.as_str(), *value)));
        text.sample("argocd_cluster_labels", &own, 1.0);
    }
}

/// A label's name as Prometheus takes it. Compat(argo 3.5)
fn normal(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Metrics in Prometheus' text form.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.0.push(if i == 0 { '{' } else { ',' });
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}
