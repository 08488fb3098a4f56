//! The secrets of repositories and templates, key by key.

use belay_net::Secret;
use belay_object::Object;

use super::{AzurePrincipal, Credentials, GithubApp, Kind, Repository, Template};
use crate::settings::{parse_bool, secret_bytes};

/// A secret whose values are read; none of them is ever in a message.
struct Values<'a>(&'a Object);

impl Values<'_> {
    fn text(&self, key: &str) -> Result<String, String> {
        let bytes = secret_bytes(Some(self.0), key).unwrap_or_default();
        String::from_utf8(bytes).map_err(|_| format!("the value of {key} is no text"))
    }
    fn secret(&self, key: &str) -> Result<Secret<String>, String> {
        self.text(key).map(Secret::new)
    }
    fn flag(&self, key: &str) -> Result<bool, String> {
        match self.text(key)?.trim() {
            "" => Ok(false),
            text => parse_bool(text).ok_or_else(|| format!("the value of {key} is neither true nor false")),
        }
    }
    fn number(&self, key: &str) -> Result<i64, String> {
        match self.text(key)?.trim() {
            "" => Ok(0),
            text => text.parse().map_err(|_| format!("the value of {key} is no whole number")),
        }
    }
    /// The kind, if it is said.
    fn kind(&self) -> Result<Option<Kind>, String> {
        match self.text("type")?.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "git" => Ok(Some(Kind::Git)),
            "helm" => Ok(Some(Kind::Helm)),
            "oci" => Ok(Some(Kind::Oci)),
            _ => Err("the value of type is neither git, helm nor oci".to_owned()),
        }
    }
    fn url(&self) -> Result<String, String> {
        let url = self.text("url")?.trim().to_owned();
        if url.is_empty() { Err("it has no url".to_owned()) } else { Ok(url) }
    }
}

pub(super) fn repository(secret: &Object) -> Result<Repository, String> {
    let values = Values(secret);
    let url = values.url()?;
    Ok(Repository {
        secret_name: secret.name().to_owned(),
        kind: values.kind()?.unwrap_or_else(|| Kind::of(&url)),
        name: values.text("name")?,
        project: values.text("project")?,
        credentials: credentials(&values, "azureServicePrincipalClientId", "azureServicePrincipalTenantId")?,
        inherited: false,
        enable_lfs: values.flag("enableLfs")?,
        insecure: values.flag("insecure")?,
        insecure_host_key: values.flag("insecureIgnoreHostKey")?,
        insecure_oci_http: values.flag("insecureOCIForceHttp")?,
        enable_oci: values.flag("enableOCI")?,
        force_basic_auth: values.flag("forceHttpBasicAuth")?,
        depth: values.number("depth")?,
        proxy: values.text("proxy")?,
        no_proxy: values.text("noProxy")?,
        webhook_warm_disabled: values.flag("webhookManifestCacheWarmDisabled")?,
        url,
    })
}

/// Compat(argo 3.5): the ids of Azure's principals end with a capital D here, and do not there.
pub(super) fn template(secret: &Object) -> Result<Template, String> {
    let values = Values(secret);
    Ok(Template {
        secret_name: secret.name().to_owned(),
        url: values.url()?,
        kind: values.kind()?,
        credentials: credentials(&values, "azureServicePrincipalClientID", "azureServicePrincipalTenantID")?,
        enable_oci: values.flag("enableOCI")?,
        insecure_oci_http: values.flag("insecureOCIForceHttp")?,
        force_basic_auth: values.flag("forceHttpBasicAuth")?,
        proxy: values.text("proxy")?,
        no_proxy: values.text("noProxy")?,
    })
}

fn credentials(values: &Values<'_>, azure_client: &str, azure_tenant: &str) -> Result<Credentials, String> {
    let app = GithubApp {
        id: values.number("githubAppID")?,
        installation: values.number("githubAppInstallationID")?,
        key: values.secret("githubAppPrivateKey")?,
        base_url: values.text("githubAppEnterpriseBaseUrl")?,
    };
    let principal = AzurePrincipal {
        client: values.text(azure_client)?,
        secret: values.secret("azureServicePrincipalClientSecret")?,
        tenant: values.text(azure_tenant)?,
        endpoint: values.text("azureActiveDirectoryEndpoint")?,
    };
    Ok(Credentials {
        username: values.text("username")?,
        password: values.secret("password")?,
        bearer: values.secret("bearerToken")?,
        ssh_key: values.secret("sshPrivateKey")?,
        tls_certificate: values.text("tlsClientCertData")?,
        tls_key: values.secret("tlsClientCertKey")?,
        github_app: Some(app).filter(|app| !app.key.expose().is_empty()),
        gcp_key: values.secret("gcpServiceAccountKey")?,
        azure_workload: values.flag("useAzureWorkloadIdentity")?,
        azure_principal: Some(principal).filter(|p| !p.secret.expose().is_empty()),
    })
}
