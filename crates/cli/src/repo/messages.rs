//! Repositories and credentials as a server is told of them. The messages hold what is secret.

use belay_argo::repositories::{Credentials, Repository, Template};
use belay_net::Secret;
use belay_object::{Value, object};

struct Message(Value);

impl Message {
    fn text(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.0.set(&[field], text);
        }
    }

    fn flag(&mut self, field: &str, on: bool) {
        if on {
            self.0.set(&[field], true);
        }
    }

    fn credentials(&mut self, c: &Credentials) {
        for (field, text) in [
            ("username", &c.username),
            ("password", c.password.expose()),
            ("bearerToken", c.bearer.expose()),
            ("sshPrivateKey", c.ssh_key.expose()),
            ("tlsClientCertData", &c.tls_certificate),
            ("tlsClientCertKey", c.tls_key.expose()),
            ("gcpServiceAccountKey", c.gcp_key.expose()),
        ] {
            self.text(field, text);
        }
        if let Some(app) = &c.github_app {
            self.0.set(&["githubAppID"], app.id);
            self.0.set(&["githubAppInstallationID"], app.installation);
            self.text("githubAppPrivateKey", app.key.expose());
            self.text("githubAppEnterpriseBaseUrl", &app.base_url);
        }
        self.flag("useAzureWorkloadIdentity", c.azure_workload);
        if let Some(principal) = &c.azure_principal {
            self.text("azureServicePrincipalClientId", &principal.client);
            self.text("azureServicePrincipalClientSecret", principal.secret.expose());
            self.text("azureServicePrincipalTenantId", &principal.tenant);
            self.text("azureActiveDirectoryEndpoint", &principal.endpoint);
        }
    }
}

/// A repository.
pub fn repository(r: &Repository) -> Secret<Value> {
    let mut message = Message(object! { "repo" => r.url.as_str(), "type" => r.kind.as_str() });
    message.credentials(&r.credentials);
    for (field, text) in [("name", &r.name), ("project", &r.project), ("proxy", &r.proxy), ("noProxy", &r.no_proxy)] {
        message.text(field, text);
    }
    for (field, on) in [
        ("enableLfs", r.enable_lfs),
        ("insecure", r.insecure),
        ("insecureIgnoreHostKey", r.insecure_host_key),
        ("insecureOCIForceHttp", r.insecure_oci_http),
        ("enableOCI", r.enable_oci),
        ("forceHttpBasicAuth", r.force_basic_auth),
        ("webhookManifestCacheWarmDisabled", r.webhook_warm_disabled),
    ] {
        message.flag(field, on);
    }
    if r.depth != 0 {
        message.0.set(&["depth"], r.depth);
    }
    Secret::new(message.0)
}

/// Credentials of all repositories whose address begins so.
pub fn template(t: &Template) -> Secret<Value> {
    let mut message = Message(object! { "url" => t.url.as_str() });
    message.credentials(&t.credentials);
    message.text("type", t.kind.map_or("", |kind| kind.as_str()));
    message.text("proxy", &t.proxy);
    message.text("noProxy", &t.no_proxy);
    message.flag("enableOCI", t.enable_oci);
    message.flag("insecureOCIForceHttp", t.insecure_oci_http);
    message.flag("forceHttpBasicAuth", t.force_basic_auth);
    Secret::new(message.0)
}
