//! A project in lines and in a row of the list.

use belay_access::project::Project;
use belay_object::{Object, Value};

use crate::outln;
use crate::output::clean;

/// Compat(argocd 3.5): a name in a column of 29.
fn line(name: &str, value: &str) {
    outln!("{name:<29}{}", clean(value));
}

fn lines(name: &str, values: Vec<String>) {
    if values.is_empty() {
        line(name, "<none>");
    }
    for (i, value) in values.iter().enumerate() {
        line(if i == 0 { name } else { "" }, value);
    }
}

/// Prints a project.
pub fn print(project: &Project) {
    line("Name:", project.name());
    line("Description:", project.description());
    let destinations = project.destinations().iter().map(|d| {
        let cluster = if d.server.is_empty() { &d.name } else { &d.server };
        format!("{cluster},{}", d.namespace)
    });
    lines("Destinations:", destinations.collect());
    lines("Repositories:", project.source_repos().map(str::to_owned).collect());
    lines("Source Namespaces:", project.source_namespaces().to_vec());
    let roles = project.roles().iter().map(|role| format!("{} ({} tokens)", role.name, role.tokens.len()));
    lines("Roles:", roles.collect());
    let windows = project.windows().iter().map(|w| format!("{}:{}:{}", w.kind, w.schedule, w.duration));
    lines("Sync Windows:", windows.collect());
    let orphaned = match project.orphaned_resources() {
        None => "disabled".to_owned(),
        Some(orphaned) => format!("enabled (warn={})", orphaned.warn),
    };
    line("Orphaned Resources:", &orphaned);
}

/// Compat(argocd 3.5): what there is one of is written out, of several their number.
pub fn row(object: &Object) -> Vec<String> {
    let list = |field: &str| object.at(&["spec", field]).map_or(&[][..], Value::items);
    let text = |v: &Value, name: &str| v.str_at(&[name]).unwrap_or_default().to_owned();
    let count = |list: &[Value], one: &dyn Fn(&Value) -> String, what: &str| match list {
        [] => "<none>".to_owned(),
        [only] => one(only),
        several => format!("{} {what}", several.len()),
    };
    let kind = |v: &Value| format!("{}/{}", text(v, "group"), text(v, "kind"));
    let destination = |v: &Value| {
        let cluster = Some(text(v, "server")).filter(|s| !s.is_empty()).unwrap_or_else(|| text(v, "name"));
        format!("{cluster},{}", text(v, "namespace"))
    };
    let account =
        |v: &Value| format!("{},{},{}", text(v, "server"), text(v, "namespace"), text(v, "defaultServiceAccount"));
    let orphaned = match object.at(&["spec", "orphanedResources"]) {
        None => "disabled".to_owned(),
        Some(orphaned) => {
            format!("enabled (warn={})", orphaned.get("warn").and_then(Value::as_bool).unwrap_or(true))
        }
    };
    vec![
        object.name().to_owned(),
        object.str_at(&["spec", "description"]).unwrap_or_default().to_owned(),
        count(list("destinations"), &destination, "destinations"),
        count(list("sourceRepos"), &|v| v.as_str().unwrap_or_default().to_owned(), "repos"),
        count(list("clusterResourceWhitelist"), &kind, "resources"),
        count(list("namespaceResourceBlacklist"), &kind, "resources"),
        count(list("signatureKeys"), &|v| text(v, "keyID"), "key(s)"),
        orphaned,
        count(list("destinationServiceAccounts"), &account, "destinationServiceAccounts"),
    ]
}
