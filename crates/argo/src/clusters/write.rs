//! Clusters as secrets, as an API makes them. The reverse of reading.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Object, Value};

use super::{ClusterEntry, Connection};
use crate::names::{MANAGED_BY, SECRET_TYPE, cluster_secret, secret_type};

impl ClusterEntry {
    /// The secret of this cluster; an error where its server is no URL.
    pub fn to_secret(&self, namespace: &str) -> Result<Object, String> {
        let server = self.server.trim_end_matches('/');
        let name = match self.secret_name.as_str() {
            "" => cluster_secret(server).ok_or("the server of a cluster is a URL")?,
            name => name.to_owned(),
        };
        let mut secret = Object::of("v1", "Secret", namespace, &name);
        if !self.labels.is_empty() {
            secret.set(&["metadata", "labels"], self.labels.clone());
        }
        if !self.annotations.is_empty() {
            secret.set(&["metadata", "annotations"], self.annotations.clone());
        }
        secret.set_label(SECRET_TYPE, secret_type::CLUSTER);
        secret.set_annotation(MANAGED_BY.0, MANAGED_BY.1);
        let shard = self.shard.map(|shard| shard.to_string()).unwrap_or_default();
        let namespaces = self.namespaces.join(",");
        let config = self.connection.config().to_json();
        // Compat(argo 3.5): a cluster without a name is called after its server.
        let called = if self.name.is_empty() { server } else { &self.name };
        for (key, text) in [
            ("server", server),
            ("name", called),
            ("namespaces", &namespaces),
            ("config", &config),
            ("shard", &shard),
            ("clusterResources", if self.cluster_resources { "true" } else { "" }),
            ("project", &self.project),
        ] {
            if !text.is_empty() {
                secret.set(&["data", key], STANDARD.encode(text));
            }
        }
        Ok(secret)
    }
}

impl Connection {
    /// The `config` of a secret.
    fn config(&self) -> Value {
        let mut config = Value::object();
        let mut text = |path: &[&str], text: &str| {
            if !text.is_empty() {
                config.set(path, text);
            }
        };
        text(&["username"], &self.username);
        text(&["password"], self.password.expose());
        text(&["bearerToken"], self.bearer.expose());
        text(&["proxyUrl"], self.proxy_url.expose());
        text(&["tlsClientConfig", "serverName"], &self.server_name);
        text(&["tlsClientConfig", "caData"], &STANDARD.encode(&self.ca));
        text(&["tlsClientConfig", "certData"], &STANDARD.encode(&self.certificate));
        text(&["tlsClientConfig", "keyData"], &STANDARD.encode(self.key.expose()));
        if let Some((name, role, profile)) = &self.aws {
            text(&["awsAuthConfig", "clusterName"], name);
            text(&["awsAuthConfig", "roleARN"], role);
            text(&["awsAuthConfig", "profile"], profile);
        }
        config.set(&["tlsClientConfig", "insecure"], self.insecure);
        if let Some(exec) = &self.exec {
            let env = exec.env.iter().map(|(name, value)| (name.as_str(), value.expose().as_str()));
            let exec = Map::from_iter([
                ("command", Value::from(exec.command.as_str())),
                ("args", Value::Array(exec.args.iter().map(Value::from).collect())),
                ("env", Value::Object(Map::from_iter(env))),
                ("apiVersion", Value::from(exec.api_version.as_str())),
                ("installHint", Value::from(exec.install_hint.as_str())),
                ("provideClusterInfo", Value::Bool(exec.provide_cluster_info)),
            ]);
            config.set(&["execProviderConfig"], exec);
        }
        config
    }
}
