//! Repositories and templates as secrets, as an API makes them. The reverse of reading.

use base64::Engine as _;
use belay_object::{Map, Object, Value};

use super::{Credentials, Kind, Repository, Template};
use crate::names::{MANAGED_BY, SECRET_TYPE, repository_secret, secret_type};

impl Repository {
    /// The secret of this repository. `existing` is the one that it stands in: keys that it has are
    /// kept up to date, others are written only where they say something, as in Argo CD. Inherited
    /// credentials are not written.
    pub fn to_secret(&self, namespace: &str, existing: Option<&Object>) -> Object {
        self.to_typed_secret(namespace, existing, secret_type::REPOSITORY, "repo")
    }

    /// The same of a repository that is written to.
    pub fn to_write_secret(&self, namespace: &str, existing: Option<&Object>) -> Object {
        self.to_typed_secret(namespace, existing, secret_type::REPOSITORY_WRITE, "repo-write")
    }

    fn to_typed_secret(&self, namespace: &str, existing: Option<&Object>, label: &str, prefix: &str) -> Object {
        let name = match self.secret_name.as_str() {
            "" => repository_secret(prefix, &self.url, &self.project),
            name => name.to_owned(),
        };
        let mut draft = Draft::new(namespace, &name, label, existing);
        draft.text("name", &self.name);
        draft.text("project", &self.project);
        draft.text("url", &self.url);
        draft.text("type", self.kind.as_str());
        draft.text("proxy", &self.proxy);
        draft.text("noProxy", &self.no_proxy);
        draft.flag("enableOCI", self.enable_oci);
        draft.flag("insecureOCIForceHttp", self.insecure_oci_http);
        draft.flag("insecureIgnoreHostKey", self.insecure_host_key);
        draft.flag("insecure", self.insecure);
        draft.flag("enableLfs", self.enable_lfs);
        draft.flag("forceHttpBasicAuth", self.force_basic_auth);
        draft.flag("webhookManifestCacheWarmDisabled", self.webhook_warm_disabled);
        draft.number("depth", self.depth);
        let none = Credentials::default();
        let own = if self.inherited { &none } else { &self.credentials };
        draft.credentials(own, "azureServicePrincipalClientId", "azureServicePrincipalTenantId");
        draft.0
    }
}

impl Template {
    /// The secret of this template.
    pub fn to_secret(&self, namespace: &str, existing: Option<&Object>) -> Object {
        self.to_typed_secret(namespace, existing, secret_type::REPO_CREDS, "creds")
    }

    /// The same of a template for repositories that are written to.
    pub fn to_write_secret(&self, namespace: &str, existing: Option<&Object>) -> Object {
        self.to_typed_secret(namespace, existing, secret_type::REPO_WRITE_CREDS, "creds-write")
    }

    fn to_typed_secret(&self, namespace: &str, existing: Option<&Object>, label: &str, prefix: &str) -> Object {
        let name = match self.secret_name.as_str() {
            "" => repository_secret(prefix, &self.url, ""),
            name => name.to_owned(),
        };
        let mut draft = Draft::new(namespace, &name, label, existing);
        draft.text("url", &self.url);
        draft.text("type", self.kind.map_or("", Kind::as_str));
        draft.text("proxy", &self.proxy);
        draft.text("noProxy", &self.no_proxy);
        draft.flag("enableOCI", self.enable_oci);
        draft.flag("insecureOCIForceHttp", self.insecure_oci_http);
        draft.flag("forceHttpBasicAuth", self.force_basic_auth);
        draft.credentials(&self.credentials, "azureServicePrincipalClientID", "azureServicePrincipalTenantID");
        draft.0
    }
}

/// A secret in the making.
struct Draft(Object);

impl Draft {
    fn new(namespace: &str, name: &str, label: &str, existing: Option<&Object>) -> Draft {
        let mut secret = existing.cloned().unwrap_or_else(|| Object::of("v1", "Secret", namespace, name));
        let plain = secret.remove(&["stringData"]);
        secret.set_label(SECRET_TYPE, label);
        secret.set_annotation(MANAGED_BY.0, MANAGED_BY.1);
        let mut draft = Draft(secret);
        for (key, value) in plain.as_ref().and_then(Value::as_object).into_iter().flat_map(Map::iter) {
            draft.set(key, value.as_str().unwrap_or_default());
        }
        draft
    }
    fn set(&mut self, key: &str, text: &str) {
        self.0.set(&["data", key], base64::engine::general_purpose::STANDARD.encode(text));
    }
    fn put(&mut self, key: &str, text: &str, says_something: bool) {
        if says_something || self.0.at(&["data", key]).is_some() {
            self.set(key, text);
        }
    }
    fn text(&mut self, key: &str, text: &str) {
        self.put(key, text, !text.is_empty());
    }
    fn flag(&mut self, key: &str, flag: bool) {
        self.put(key, if flag { "true" } else { "false" }, flag);
    }
    fn number(&mut self, key: &str, number: i64) {
        self.put(key, &number.to_string(), number != 0);
    }
    fn credentials(&mut self, own: &Credentials, azure_client: &str, azure_tenant: &str) {
        self.text("username", &own.username);
        self.text("password", own.password.expose());
        self.text("bearerToken", own.bearer.expose());
        self.text("sshPrivateKey", own.ssh_key.expose());
        self.text("tlsClientCertData", &own.tls_certificate);
        self.text("tlsClientCertKey", own.tls_key.expose());
        self.text("gcpServiceAccountKey", own.gcp_key.expose());
        self.flag("useAzureWorkloadIdentity", own.azure_workload);
        let app = own.github_app.clone().unwrap_or_default();
        self.number("githubAppID", app.id);
        self.number("githubAppInstallationID", app.installation);
        self.text("githubAppPrivateKey", app.key.expose());
        self.text("githubAppEnterpriseBaseUrl", &app.base_url);
        let principal = own.azure_principal.clone().unwrap_or_default();
        self.text(azure_client, &principal.client);
        self.text("azureServicePrincipalClientSecret", principal.secret.expose());
        self.text(azure_tenant, &principal.tenant);
        self.text("azureActiveDirectoryEndpoint", &principal.endpoint);
    }
}
