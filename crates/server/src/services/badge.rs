//! `/api/badge`: how an Application or a project's Applications are, as a picture for a page elsewhere.
//!
//! It is drawn for anybody who has the settings' leave (`statusbadge.enabled`), and says no more than an
//! Application's name, sync and health. Every text in it is written as text (UI-3).

use axum::body::Body;
use belay_object::Object;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::rights::project_name;

/// Names of projects in one request. Compat(argo 3.5): all of them must be well-formed.
const MAX_PROJECTS: usize = 100;

const GREEN: &str = "#18be52";
const ORANGE: &str = "#f4c030";
const RED: &str = "#e96d76";
const BLUE: &str = "#0dadea";
const PURPLE: &str = "#b2b2b2";
const GREY: &str = "#766f94";

/// What the picture says.
struct Badge {
    left: (String, &'static str),
    right: (String, &'static str),
    revision: Option<String>,
    name: Option<String>,
    width: Option<i64>,
}

/// Draws the badge.
pub(crate) async fn draw(call: Call) -> Result<Answer, Error> {
    let mut badge = Badge {
        left: ("Not Found".to_owned(), GREY),
        right: ("Unknown".to_owned(), GREY),
        revision: None,
        name: None,
        width: call.number("width").ok().flatten().filter(|width| (10..=2000).contains(width)),
    };
    if call.at.config.settings.ui.badge_enabled {
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

async fn look(call: &Call, badge: &mut Badge) -> Result<(), Error> {
    let view = call.api.watches.applications().await?;
    let own = call.api.options.namespace.as_str();
    let (name, namespace) = (call.query("name"), call.query("namespace"));
    if is_name(name) && (namespace.is_empty() || is_name(namespace)) {
        let namespace = if namespace.is_empty() { own } else { namespace };
        if !call.is_enabled(namespace) {
            return Ok(());
        }
        if let Some(app) = view.object(namespace, name) {
            let text = |path: &[&str]| app.str_at(path).filter(|t| !t.is_empty()).unwrap_or("Unknown").to_owned();
            let (health, sync) = (text(&["status", "health", "status"]), text(&["status", "sync", "status"]));
            badge.left = (health.clone(), health_colour(&health));
            badge.right = (sync.clone(), sync_colour(&sync));
            if call.flag("revision")?.unwrap_or(false) {
                badge.revision = revision(&app, call.flag("keepFullRevision")?.unwrap_or(false));
            }
            if call.flag("showAppName")?.unwrap_or(false) {
                badge.name = Some(name.to_owned());
            }
        }
    }
    let projects: Vec<&str> = call.query_all("project").into_iter().take(MAX_PROJECTS).collect();
    if name.is_empty() && !projects.is_empty() && projects.iter().all(|project| is_name(project)) {
        let mut found = view.objects();
        found.retain(|app| call.is_enabled(app.namespace()) && projects.contains(&project_name(app)));
        if !found.is_empty() {
            (badge.left, badge.right) = (("Healthy".into(), GREEN), ("Synced".into(), GREEN));
        }
        for app in &found {
            if app.str_at(&["status", "health", "status"]) != Some("Healthy") {
                badge.left = ("Degraded".into(), RED);
            }
            if app.str_at(&["status", "sync", "status"]) != Some("Synced") {
                badge.right = ("OutOfSync".into(), ORANGE);
            }
        }
    }
    Ok(())
}

/// The revision of the last sync; short unless all of it is wanted.
fn revision(app: &Object, whole: bool) -> Option<String> {
    let path = ["status", "operationState", "syncResult", "revision"];
    let revision = app.str_at(&path).filter(|revision| !revision.is_empty())?;
    let length = if whole { 100 } else { 7 };
    Some(revision.chars().take(length).collect())
}

/// Names as Kubernetes has them; others are nothing.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= 253 && text.chars().all(plain)
}

fn health_colour(health: &str) -> &'static str {
    match health {
        "Healthy" => GREEN,
        "Progressing" => BLUE,
        "Suspended" => GREY,
        "Degraded" => RED,
        "Missing" => ORANGE,
        _ => PURPLE,
    }
}

fn sync_colour(sync: &str) -> &'static str {
    match sync {
        "Synced" => GREEN,
        "OutOfSync" => ORANGE,
        _ => PURPLE,
    }
}

/// Some seven pixels a letter, and room around it.
fn width_of(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(0).saturating_mul(7) + 12
}

fn svg(badge: &Badge) -> String {
    let mut parts: Vec<(&str, &str)> = Vec::new();
    let revision = badge.revision.as_ref().map(|revision| format!("({revision})"));
    parts.push((&badge.left.0, badge.left.1));
    parts.push((&badge.right.0, badge.right.1));
    if let Some(revision) = &revision {
        parts.push((revision, badge.right.1));
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
