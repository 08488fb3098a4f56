//! What the web pages show. Not the pages.

use std::collections::BTreeMap;

use belay_object::Value;

use super::reader::Reader;

/// What the web pages show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    /// `ui.cssurl`
    pub css_url: String,
    /// `ui.bannercontent`
    pub banner_content: String,
    /// `ui.bannerurl`
    pub banner_url: String,
    /// `ui.bannerpermanent`
    pub banner_permanent: bool,
    /// `ui.bannerposition`
    pub banner_position: String,
    /// `ui.loginButtonText`
    pub login_button_text: String,
    /// `ui.view.resources.disabled`, the other way round.
    pub resource_view: bool,
    /// `help.chatUrl`
    pub chat_url: String,
    /// `help.chatText`
    pub chat_text: String,
    /// `help.download.<os>-<arch>`
    pub downloads: BTreeMap<String, String>,
    /// `ga.trackingid`
    pub analytics_id: String,
    /// `ga.anonymizeusers`
    pub analytics_anonymous: bool,
    /// `statusbadge.enabled`
    pub badge_enabled: bool,
    /// `statusbadge.url`
    pub badge_url: String,
    /// `application.links`
    pub application_links: Vec<DeepLink>,
    /// `project.links`
    pub project_links: Vec<DeepLink>,
    /// `resource.links`
    pub resource_links: Vec<DeepLink>,
}

/// A link that is made of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeepLink {
    /// Template of the address.
    pub url: String,
    /// What it is called.
    pub title: String,
    /// For people.
    pub description: Option<String>,
    /// Class of its icon.
    pub icon: Option<String>,
    /// When it is shown.
    pub condition: Option<String>,
}

/// Systems that a program to download may be for.
const SYSTEMS: [&str; 7] =
    ["darwin-amd64", "darwin-arm64", "windows-amd64", "linux-amd64", "linux-arm64", "linux-ppc64le", "linux-s390x"];

impl Ui {
    pub(super) fn read(config: &mut Reader<'_>) -> Ui {
        let chat_text = config.owned("help.chatText");
        let mut downloads = config.under("help.download.");
        downloads.retain(|system, _| SYSTEMS.contains(&system.as_str()));
        Ui {
            css_url: config.owned("ui.cssurl"),
            banner_content: config.owned("ui.bannercontent"),
            banner_url: super::url(config, "ui.bannerurl"),
            banner_permanent: config.is_true("ui.bannerpermanent"),
            banner_position: config.owned("ui.bannerposition"),
            login_button_text: config.owned("ui.loginButtonText"),
            resource_view: !config.is_true("ui.view.resources.disabled"),
            chat_url: config.owned("help.chatUrl"),
            chat_text: if chat_text.is_empty() { "Chat now!".to_owned() } else { chat_text },
            downloads,
            analytics_id: config.owned("ga.trackingid"),
            analytics_anonymous: config.not_false("ga.anonymizeusers"),
            badge_enabled: config.is_true("statusbadge.enabled"),
            badge_url: config.owned("statusbadge.url"),
            application_links: links(config, "application.links"),
            project_links: links(config, "project.links"),
            resource_links: links(config, "resource.links"),
        }
    }
}

fn links(config: &mut Reader<'_>, key: &str) -> Vec<DeepLink> {
    let entries = config.yaml(key);
    let text = |entry: &Value, field: &str| entry.str_at(&[field]).map(str::to_owned);
    let link = |entry: &Value| DeepLink {
        url: text(entry, "url").unwrap_or_default(),
        title: text(entry, "title").unwrap_or_default(),
        description: text(entry, "description"),
        icon: text(entry, "icon.class"),
        condition: text(entry, "if"),
    };
    entries.as_ref().map_or(&[][..], Value::items).iter().map(link).collect()
}
