//! What is built, and what the pages need to know of the settings.

use belay_argo::settings::accounts::Capability;
use belay_argo::settings::{Override, Settings};
use belay_object::{Map, Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// What is built. Strangers are told the version alone (AUTHZ-3).
pub(crate) async fn version(call: Call) -> Result<Answer, Error> {
    let build = &call.api.options.build;
    let mut told = object! { "Version" => build.version.as_str() };
    if call.caller.signed_in || call.caller.unrestricted {
        for (field, text) in [("BuildDate", &build.date), ("GitCommit", &build.commit)] {
            if !text.is_empty() {
                told.set(&[field], text.as_str());
            }
        }
        // Compat(argo 3.5): clients print these; what speaks for a Go program is said of this one.
        told.set(&["GitTreeState"], "clean");
        told.set(&["Compiler"], "rustc");
        told.set(&["Platform"], format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH));
    }
    Ok(told.into())
}

/// Plugins: there are none.
pub(crate) async fn plugins(_: Call) -> Result<Answer, Error> {
    Ok(Answer::empty())
}

/// The settings. Strangers are told what a page needs before somebody signs in.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let settings = &call.at.config.settings;
    let mut told = Draft(Value::object());
    everybody(settings, &mut told);
    if call.caller.signed_in || call.caller.unrestricted {
        members(settings, &mut told);
        told.text("controllerNamespace", &call.api.options.namespace);
    }
    Ok(told.0.into())
}

/// A message in the making: what is empty is left out.
struct Draft(Value);

impl Draft {
    fn text(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.0.set(&[field], text);
        }
    }
    fn flag(&mut self, field: &str, flag: bool) {
        if flag {
            self.0.set(&[field], true);
        }
    }
    fn value(&mut self, field: &str, value: Value) {
        let is_empty = value.items().is_empty() && value.as_object().is_none_or(Map::is_empty);
        if !is_empty {
            self.0.set(&[field], value);
        }
    }
}

fn everybody(settings: &Settings, told: &mut Draft) {
    let ui = &settings.ui;
    told.text("url", &settings.url);
    told.value("additionalUrls", settings.additional_urls.iter().map(String::as_str).collect());
    told.text("appLabelKey", &settings.tracking.label_key);
    told.text("trackingMethod", settings.tracking.method.as_str());
    told.text("installationID", &settings.tracking.installation_id);
    told.flag("statusBadgeEnabled", ui.badge_enabled);
    told.text("statusBadgeRootUrl", &ui.badge_url);
    told.text("uiCssURL", &ui.css_url);
    told.text("uiLoginButtonText", &ui.login_button_text);
    told.flag("resourceViewEnabled", ui.resource_view);
    let mut analytics = Draft(Value::object());
    analytics.text("trackingID", &ui.analytics_id);
    analytics.flag("anonymizeUsers", ui.analytics_anonymous);
    // Compat(argo 3.5): both are there, even where nothing is in them.
    told.0.set(&["googleAnalytics"], analytics.0);
    let mut help = Draft(Value::object());
    help.text("chatUrl", &ui.chat_url);
    if !ui.chat_url.is_empty() {
        help.text("chatText", &ui.chat_text);
    }
    help.value("binaryUrls", Value::Object(ui.downloads.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()));
    told.0.set(&["help"], help.0);
    told.flag("execEnabled", settings.exec_enabled);
    told.flag("appsInAnyNamespaceEnabled", !settings.parameters.namespace_texts.is_empty());
    told.flag("impersonationEnabled", settings.impersonation.enabled);
    told.flag("hydratorEnabled", settings.parameters.hydrator_enabled);
    told.flag("syncWithReplaceAllowed", settings.parameters.replace_allowed);
    let any_login = settings.accounts.iter().any(|(_, account)| account.enabled && account.can(Capability::Login));
    told.flag("userLoginsDisabled", !any_login);
    if let Some(oidc) = &settings.auth.oidc {
        told.value("oidcConfig", provider(oidc.expose()));
    }
}

fn members(settings: &Settings, told: &mut Draft) {
    let ui = &settings.ui;
    told.text("uiBannerContent", &ui.banner_content);
    told.text("uiBannerURL", &ui.banner_url);
    told.flag("uiBannerPermanent", ui.banner_permanent);
    told.text("uiBannerPosition", &ui.banner_position);
    told.text("passwordPattern", &settings.auth.password_pattern);
    let mut options = Draft(Value::object());
    options.text("BuildOptions", &settings.tools.kustomize_build_options);
    told.value("kustomizeOptions", options.0);
    let versions = settings.kustomize_build_options.keys().map(String::as_str);
    told.value("kustomizeVersions", versions.collect());
    let overrides = settings.resources.overrides.iter().map(|(kind, entry)| (kind.as_str(), customization(entry)));
    told.value("resourceOverrides", Value::Object(overrides.collect::<Map>()));
}

fn customization(entry: &Override) -> Value {
    let mut told = Draft(Value::object());
    told.text("HealthLua", &entry.health_lua);
    told.flag("UseOpenLibs", entry.use_open_libs);
    told.text("Actions", &entry.actions);
    for (field, rules) in
        [("IgnoreDifferences", &entry.ignore_differences), ("IgnoreResourceUpdates", &entry.ignore_updates)]
    {
        let mut rule = Draft(Value::object());
        rule.value("jsonPointers", rules.json_pointers.iter().map(String::as_str).collect());
        rule.value("jqPathExpressions", rules.jq_path_expressions.iter().map(String::as_str).collect());
        rule.value("managedFieldsManagers", rules.managed_fields_managers.iter().map(String::as_str).collect());
        told.0.set(&[field], rule.0);
    }
    let field = |(field, kind): &(String, String)| object! { "field" => field.as_str(), "type" => kind.as_str() };
    told.value("KnownTypeFields", entry.known_type_fields.iter().map(field).collect());
    told.0
}

/// What a page needs of an identity provider: nothing of it is secret, and the rest is not passed on.
fn provider(config: &Value) -> Value {
    let mut told = Draft(Value::object());
    for (field, from) in
        [("name", "name"), ("issuer", "issuer"), ("clientID", "clientID"), ("cliClientID", "cliClientID")]
    {
        told.text(field, config.str_at(&[from]).unwrap_or_default());
    }
    let scopes = config.get("requestedScopes").map_or(&[][..], Value::items);
    told.value("scopes", scopes.iter().filter_map(Value::as_str).collect());
    told.flag(
        "enablePKCEAuthentication",
        config.get("enablePKCEAuthentication").and_then(Value::as_bool) == Some(true),
    );
    told.0
}
