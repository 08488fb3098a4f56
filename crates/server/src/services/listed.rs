//! The list of Applications: chosen, counted and cut into pages here, so that ten thousand of them cost
//! a page.
//!
//! Argo CD's parameters choose by name, project, repository and label. Beyond them: `limit` and
//! `continue` cut pages, `search`, `sync`, `health`, `cluster`, `destination`, `autoSync` choose,
//! `stats=true` counts. What the caller may not see is neither listed nor counted (AUTHZ-2).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belay_access::same_git_url;
use belay_object::{LabelSelector, Map, Object, Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::fields::Fields;
use crate::rights::project_name;

/// What is wanted of the Applications.
pub(crate) struct Filter {
    name: String,
    namespace: String,
    projects: Vec<String>,
    repo: String,
    labels: LabelSelector,
    search: String,
    sync: Vec<String>,
    health: Vec<String>,
    clusters: Vec<String>,
    destinations: Vec<String>,
    auto_sync: Option<bool>,
}

impl Filter {
    /// Reads the query.
    pub fn read(call: &Call) -> Result<Filter, Error> {
        let all = |name: &str| -> Vec<String> {
            let texts = call.query_all(name).into_iter().flat_map(|text| text.split(','));
            texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        let labels = LabelSelector::parse(call.query("selector"));
        let mut projects = all("projects");
        projects.extend(all("project"));
        Ok(Filter {
            name: call.query("name").to_owned(),
            namespace: call.query("appNamespace").to_owned(),
            projects,
            repo: call.query("repo").to_owned(),
            labels: labels.map_err(|e| Error::invalid(format!("error parsing the selector: {e}")))?,
            search: call.query("search").to_lowercase(),
            sync: all("sync"),
            health: all("health"),
            clusters: all("cluster"),
            destinations: all("destination"),
            auto_sync: call.flag("autoSync")?,
        })
    }

    /// The same where one that is named without its namespace stands in the control plane's.
    pub fn at_home(mut self, home: &str) -> Filter {
        if !self.name.is_empty() && self.namespace.is_empty() {
            home.clone_into(&mut self.namespace);
        }
        self
    }

    /// Whether an Application is wanted.
    pub fn wants(&self, app: &Object) -> bool {
        let at = |path: &[&str]| app.str_at(path).unwrap_or_default();
        let among = |texts: &[String], text: &str| texts.is_empty() || texts.iter().any(|t| t == text);
        (self.name.is_empty() || self.name == app.name())
            && (self.namespace.is_empty() || self.namespace == app.namespace())
            && among(&self.projects, project_name(app))
            && (self.labels.is_empty() || self.labels.matches(app.labels()))
            && (self.repo.is_empty() || sources(app).any(|url| same_git_url(url, &self.repo)))
            && (self.search.is_empty() || app.name().to_lowercase().contains(&self.search))
            && among(&self.sync, known(at(&["status", "sync", "status"])))
            && among(&self.health, known(at(&["status", "health", "status"])))
            && (self.clusters.is_empty()
                || among(&self.clusters, at(&["spec", "destination", "server"]))
                || among(&self.clusters, at(&["spec", "destination", "name"])))
            && among(&self.destinations, at(&["spec", "destination", "namespace"]))
            && self.auto_sync.is_none_or(|wanted| wanted == is_automated(app))
    }
}

fn known(word: &str) -> &str {
    if word.is_empty() { "Unknown" } else { word }
}

/// The repositories of an Application.
pub(crate) fn sources(app: &Object) -> impl Iterator<Item = &str> {
    let many = app.at(&["spec", "sources"]).map_or(&[][..], Value::items).iter();
    let one = app.at(&["spec", "source"]).into_iter();
    let dry = app.at(&["spec", "sourceHydrator", "drySource"]).into_iter();
    many.chain(one).chain(dry).filter_map(|source| source.str_at(&["repoURL"]))
}

fn is_automated(app: &Object) -> bool {
    let automated = app.at(&["spec", "syncPolicy", "automated"]).filter(|value| value.as_object().is_some());
    automated.is_some_and(|automated| automated.get("enabled").and_then(Value::as_bool) != Some(false))
}

/// The Applications that are wanted and that the caller may see, by name and namespace.
pub(crate) async fn visible(call: &Call, filter: &Filter) -> Result<Vec<Arc<Object>>, Error> {
    let view = call.api.watches.applications().await?;
    let mut found = view.objects();
    found.retain(|app| {
        filter.wants(app) && call.is_enabled(app.namespace()) && call.may("applications", "get", &call.rbac_of(app))
    });
    // Compat(argo 3.5): by name; of one name by namespace.
    found.sort_by(|a, b| (a.name(), a.namespace()).cmp(&(b.name(), b.namespace())));
    Ok(found)
}

/// The list.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    let filter = Filter::read(&call)?;
    let all = visible(&call, &filter).await?;
    let limit = call.number("limit")?.map(|n| usize::try_from(n).unwrap_or(0)).filter(|n| *n > 0);
    let from = match call.query("continue") {
        "" => 0,
        token => after(&all, token)?,
    };
    let until = limit.map_or(all.len(), |limit| all.len().min(from.saturating_add(limit)));
    let page = &all[from.min(until)..until];
    let mut metadata = object! {};
    let newest = all.iter().filter_map(|app| app.resource_version().parse::<u64>().ok()).max();
    if let Some(version) = newest {
        metadata.set(&["resourceVersion"], version.to_string());
    }
    if until < all.len()
        && let Some(last) = page.last()
    {
        metadata.set(&["continue"], URL_SAFE_NO_PAD.encode(format!("{}/{}", last.name(), last.namespace())));
        metadata.set(&["remainingItemCount"], all.len() - until);
    }
    let stats = call.flag("stats")?.unwrap_or(false).then(|| stats(&all));
    Ok(Answer::Text(written(page, &metadata, stats.as_ref(), Fields::parse(call.query("fields")).as_ref())))
}

/// Where the page after this token begins: after the Application that it names, there or not.
fn after(all: &[Arc<Object>], token: &str) -> Result<usize, Error> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Error::invalid("parameter \"continue\": no token of this list"))?;
    let (name, namespace) = text.split_once('/').unwrap_or((&text, ""));
    Ok(all.partition_point(|app| (app.name(), app.namespace()) <= (name, namespace)))
}

/// Writes the list without copying what it holds.
fn written(page: &[Arc<Object>], metadata: &Value, stats: Option<&Value>, fields: Option<&Fields>) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() * 2048 + 256);
    let mut head = object! { "metadata" => metadata.clone() };
    if let Some(stats) = stats {
        head.set(&["stats"], stats.clone());
    }
    // What is no field of a list is told whichever fields are wanted: it was asked for by its own name.
    head.write_json(&mut out);
    if fields.is_some_and(|fields| !fields.wants_items()) {
        return out;
    }
    out.pop();
    out.extend_from_slice(b",\"items\":");
    // Compat(argo 3.5): an empty list is `null`.
    if page.is_empty() {
        out.extend_from_slice(b"null}");
        return out;
    }
    for (i, app) in page.iter().enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        match fields {
            Some(fields) => fields.of_item(app.value()).write_json(&mut out),
            None => app.value().write_json(&mut out),
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// How many there are of each kind.
fn stats(all: &[Arc<Object>]) -> Value {
    let count = |of: &dyn Fn(&Object) -> String| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for app in all {
            *counts.entry(of(app)).or_default() += 1;
        }
        Value::Object(counts.into_iter().collect::<Map>())
    };
    let at = |path: &'static [&'static str]| move |app: &Object| known(app.str_at(path).unwrap_or_default()).to_owned();
    object! {
        "total" => all.len(),
        "bySyncStatus" => count(&at(&["status", "sync", "status"])),
        "byHealthStatus" => count(&at(&["status", "health", "status"])),
        "byProject" => count(&|app: &Object| project_name(app).to_owned()),
        "autoSync" => all.iter().filter(|app| is_automated(app)).count(),
    }
}
