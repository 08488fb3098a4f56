//! What is built, and what the pages need to know of the settings.

use belay_argo::settings::accounts::Capability;
use belay_argo::settings::{Override, Settings};
use belay_argo::spec::IgnoreDifference;
use belay_object::{Map, Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::message::Message;

/// What is built. Strangers are told the version alone (AUTHZ-3).
pub(crate) async fn version(call: Call) -> Result<Answer, Error> {
    let build = &call.api.options.build;
    let told = Message::new().always("Version", build.version.as_str());
    if !call.caller.signed_in && !call.caller.unrestricted {
        return Ok(told.done().into());
    }
    let told = told
        .text("BuildDate", &build.date)
        .text("GitCommit", &build.commit)
        // Compat(argo 3.5): clients print these; what speaks for a Go program is said of this one.
        .text("GitTreeState", "clean")
        .text("Compiler", "rustc")
        .text("Platform", &format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH));
    Ok(told.done().into())
}

/// Plugins: there are none.
pub(crate) async fn plugins(_: Call) -> Result<Answer, Error> {
    Ok(Answer::empty())
}

/// The settings. Strangers are told what a page needs before somebody signs in.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let settings = &call.at.config.settings;
    let mut told = everybody(settings);
    if call.caller.signed_in || call.caller.unrestricted {
        told = members(settings, told).text("controllerNamespace", &call.api.options.namespace);
    }
    Ok(told.done().into())
}

fn everybody(settings: &Settings) -> Message {
    let ui = &settings.ui;
    let analytics = Message::new().text("trackingID", &ui.analytics_id).flag("anonymizeUsers", ui.analytics_anonymous);
    let downloads = ui.downloads.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let help = Message::new()
        .text("chatUrl", &ui.chat_url)
        .text("chatText", if ui.chat_url.is_empty() { "" } else { &ui.chat_text })
        .value("binaryUrls", Value::Object(downloads.collect()));
    let kustomize = Message::new().text("BuildOptions", &settings.tools.kustomize_build_options);
    let any_login = settings.accounts.iter().any(|(_, account)| account.enabled && account.can(Capability::Login));
    Message::new()
        .text("url", &settings.url)
        .texts("additionalUrls", settings.additional_urls.iter().map(String::as_str))
        .text("appLabelKey", &settings.tracking.label_key)
        .text("trackingMethod", settings.tracking.method.as_str())
        .text("installationID", &settings.tracking.installation_id)
        .flag("statusBadgeEnabled", ui.badge_enabled)
        .text("statusBadgeRootUrl", &ui.badge_url)
        .text("uiCssURL", &ui.css_url)
        .text("uiLoginButtonText", &ui.login_button_text)
        .flag("resourceViewEnabled", ui.resource_view)
        // Compat(argo 3.5): these are there, even where nothing is in them.
        .always("googleAnalytics", analytics.done())
        .always("help", help.done())
        .always("kustomizeOptions", kustomize.done())
        .texts("kustomizeVersions", settings.kustomize_build_options.keys().map(String::as_str))
        .flag("execEnabled", settings.exec_enabled)
        .flag("appsInAnyNamespaceEnabled", !settings.parameters.namespace_texts.is_empty())
        .flag("impersonationEnabled", settings.impersonation.enabled)
        .flag("hydratorEnabled", settings.parameters.hydrator_enabled)
        .flag("syncWithReplaceAllowed", settings.parameters.replace_allowed)
        .flag("userLoginsDisabled", !any_login)
        .value("oidcConfig", settings.auth.oidc.as_ref().map(|oidc| provider(oidc.expose())).unwrap_or_default())
}

fn members(settings: &Settings, told: Message) -> Message {
    let ui = &settings.ui;
    let overrides = settings.resources.overrides.iter().map(|(kind, entry)| (kind.as_str(), customization(entry)));
    told.text("uiBannerContent", &ui.banner_content)
        .text("uiBannerURL", &ui.banner_url)
        .flag("uiBannerPermanent", ui.banner_permanent)
        .text("uiBannerPosition", &ui.banner_position)
        .text("passwordPattern", &settings.auth.password_pattern)
        .value("resourceOverrides", Value::Object(overrides.collect::<Map>()))
}

fn customization(entry: &Override) -> Value {
    let rules = |rules: &IgnoreDifference| {
        Message::new()
            .texts("jsonPointers", rules.json_pointers.iter().map(String::as_str))
            .texts("jqPathExpressions", rules.jq_path_expressions.iter().map(String::as_str))
            .texts("managedFieldsManagers", rules.managed_fields_managers.iter().map(String::as_str))
            .done()
    };
    let field = |(field, kind): &(String, String)| object! { "field" => field.as_str(), "type" => kind.as_str() };
    Message::new()
        .text("HealthLua", &entry.health_lua)
        .flag("UseOpenLibs", entry.use_open_libs)
        .text("Actions", &entry.actions)
        .always("IgnoreDifferences", rules(&entry.ignore_differences))
        .always("IgnoreResourceUpdates", rules(&entry.ignore_updates))
        .value("KnownTypeFields", entry.known_type_fields.iter().map(field).collect())
        .done()
}

/// What a page needs of an identity provider: nothing of it is secret, and the rest is not passed on.
fn provider(config: &Value) -> Value {
    let own = |field: &str| config.str_at(&[field]).unwrap_or_default();
    let scopes = config.get("requestedScopes").map_or(&[][..], Value::items);
    Message::new()
        .text("name", own("name"))
        .text("issuer", own("issuer"))
        .text("clientID", own("clientID"))
        .text("cliClientID", own("cliClientID"))
        .texts("scopes", scopes.iter().filter_map(Value::as_str))
        .flag("enablePKCEAuthentication", config.get("enablePKCEAuthentication").and_then(Value::as_bool) == Some(true))
        .done()
}
