//! `/api/badge`: how an Application or a project's Applications are, as a picture for a page elsewhere.
//!
//! It is drawn for anybody who has the settings' leave (`statusbadge.enabled`), and says no more than an
//! Application's name, sync and health. Every text in it is written as text (UI-3).

use axum::body::Body;
use belay_object::Object;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::Error;
use crate::answer::{Answer, plain};
use crate::call::Call;
use crate::rights::project_name;

/// Names of projects in one request.
const MAX_PROJECTS: usize = 100;

// Compat(argo 3.5): the colours.
const GREEN: &str = "#0b612a";
const ORANGE: &str = "#bd7300";
const RED: &str = "#a72e26";
const BLUE: &str = "#103d66";
const PURPLE: &str = "#731f4d";
const GREY: &str = "#29343d";

/// What the picture says.
struct Badge {
    health: String,
    sync: String,
    /// Whether what is asked about is not there.
    is_missing: bool,
    revision: Option<String>,
    name: Option<String>,
    width: Option<i64>,
}

/// Draws the badge. Compat(argo 3.5): names that are none are a bad request.
pub(crate) async fn draw(call: Call) -> Result<Answer, Error> {
    let mut badge = Badge {
        health: "Unknown".to_owned(),
        sync: "Unknown".to_owned(),
        is_missing: false,
        revision: None,
        name: None,
        width: None,
    };
    if call.at.config.settings.ui.badge_enabled {
        if !are_names(&call) {
            return Ok(Answer::Other(plain(StatusCode::BAD_REQUEST, "text/plain", "")));
        }
        look(&call, &mut badge).await?;
    }
    let mut response = Response::new(Body::from(svg(&badge)));
    for (name, value) in [
        (CONTENT_TYPE, "image/svg+xml"),
        // Pictures on pages elsewhere are fetched through caches that must not keep them.
        (CACHE_CONTROL, "private, no-store"),
        (HeaderName::from_static("access-control-allow-origin"), "*"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(Answer::Other(response))
}

/// Whether everything that the query names can be the name of something.
fn are_names(call: &Call) -> bool {
    let projects = call.query_all("project");
    (!call.has_query("namespace") || is_label(call.query("namespace")))
        && (!call.has_query("name") || is_name(call.query("name")))
        && projects.len() <= MAX_PROJECTS
        && projects.iter().all(|project| project.is_empty() || is_label(&project.to_lowercase()))
}

/// A name of Kubernetes: labels with dots between them.
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-');
    text.len() <= 253 && text.split('.').all(is_part)
}

/// A name without dots.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_name(text)
}

/// Looks at an Application, and at those of projects. Compat(argo 3.5): of one namespace alone.
async fn look(call: &Call, badge: &mut Badge) -> Result<(), Error> {
    let view = call.api.watches.applications().await?;
    let is_on = |field: &str| call.query(field).eq_ignore_ascii_case("true");
    badge.width = call.number("width").ok().flatten().filter(|width| (10..=2000).contains(width));
    let namespace = match call.query("namespace") {
        "" => call.api.options.namespace.as_str(),
        namespace => namespace,
    };
    badge.is_missing = !call.is_enabled(namespace);
    if call.has_query("name") && !badge.is_missing {
        match view.object(namespace, call.query("name")) {
            Some(app) => {
                let text = |path: &[&str]| app.str_at(path).filter(|t| !t.is_empty()).unwrap_or("Unknown").to_owned();
                (badge.health, badge.sync) =
                    (text(&["status", "health", "status"]), text(&["status", "sync", "status"]));
                badge.revision = is_on("revision").then(|| revision(&app, is_on("keepFullRevision"))).flatten();
                badge.name = is_on("showAppName").then(|| call.query("name").to_owned());
            }
            None => badge.is_missing = true,
        }
    }
    let projects = call.query_all("project");
    if projects.is_empty() || badge.is_missing {
        return Ok(());
    }
    let mut found = view.objects();
    found.retain(|app| app.namespace() == namespace && projects.contains(&project_name(app)));
    let all = |path: &[&str], word: &str| found.iter().all(|app| app.str_at(path) == Some(word));
    if !found.is_empty() {
        let is_healthy = badge.health != "Degraded" && all(&["status", "health", "status"], "Healthy");
        let is_synced = badge.sync != "OutOfSync" && all(&["status", "sync", "status"], "Synced");
        badge.health = if is_healthy { "Healthy" } else { "Degraded" }.to_owned();
        badge.sync = if is_synced { "Synced" } else { "OutOfSync" }.to_owned();
    }
    Ok(())
}

/// The revision of the last sync, of several sources the first one's; short unless all of it is wanted.
fn revision(app: &Object, whole: bool) -> Option<String> {
    let result = app.at(&["status", "operationState", "syncResult"])?;
    let several = result.get("revisions").and_then(|revisions| revisions.items().first()?.as_str());
    let revision = several.or_else(|| result.str_at(&["revision"])).filter(|revision| !revision.is_empty())?;
    let length = if whole { 100 } else { 7 };
    Some(revision.chars().take(length).collect())
}

fn health_colour(health: &str) -> &'static str {
    match health {
        "Healthy" => GREEN,
        "Progressing" => BLUE,
        "Degraded" => RED,
        "Missing" | "Unknown" => PURPLE,
        _ => GREY,
    }
}

fn sync_colour(sync: &str) -> &'static str {
    match sync {
        "Synced" => GREEN,
        "OutOfSync" => ORANGE,
        "Unknown" => PURPLE,
        _ => GREY,
    }
}

/// Some seven pixels a letter, and room around it.
fn width_of(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(0).saturating_mul(7) + 12
}

fn svg(badge: &Badge) -> String {
    let revision = badge.revision.as_ref().map(|revision| format!("({revision})"));
    let (left, right) = (health_colour(&badge.health), sync_colour(&badge.sync));
    let mut parts: Vec<(&str, &str)> = match badge.is_missing {
        true => vec![("Not Found", PURPLE)],
        false => vec![(&badge.health, left), (&badge.sync, right)],
    };
    if let Some(revision) = &revision {
        parts.push((revision, right));
    }
    let (mut x, mut body) = (0, String::new());
    for (text, colour) in parts {
        let width = width_of(text);
        let middle = x + width / 2;
        let text = escaped(text);
        body.push_str(&format!(
            "<rect x=\"{x}\" y=\"0\" width=\"{width}\" height=\"20\" fill=\"{colour}\"/>\
             <text x=\"{middle}\" y=\"14\" fill=\"#fff\" text-anchor=\"middle\" \
             font-family=\"DejaVu Sans,Verdana,sans-serif\" font-size=\"11\">{text}</text>"
        ));
        x += width;
    }
    let mut height = 20;
    if let Some(name) = &badge.name {
        let (width, name_width) = (x, width_of(name));
        x = x.max(name_width);
        height = 40;
        let middle = width.max(name_width) / 2;
        body.push_str(&format!(
            "<rect x=\"0\" y=\"20\" width=\"{x}\" height=\"20\" fill=\"#0f2733\"/>\
             <text x=\"{middle}\" y=\"34\" fill=\"#fff\" text-anchor=\"middle\" \
             font-family=\"DejaVu Sans,Verdana,sans-serif\" font-size=\"11\">{}</text>",
            escaped(name)
        ));
    }
    let shown = badge.width.unwrap_or(x);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown}\" height=\"{height}\" viewBox=\"0 0 {x} {height}\" \
         role=\"img\">{body}</svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
