//! How a cluster is reached: the `config` of its secret, and what `belay_cluster` opens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_cluster::{Cluster, SecretKubeconfig};
use belay_net::{Egress, Secret};
use belay_object::{Map, Value};

use crate::names::IN_CLUSTER_SERVER;

/// How a cluster is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    server: String,
    /// Basic authentication.
    pub username: String,
    /// Its password.
    pub password: Secret<String>,
    /// A bearer token.
    pub bearer: Secret<String>,
    /// The server's certificate is not checked.
    pub insecure: bool,
    /// The name that the server's certificate is for, where it is not the host's.
    pub server_name: String,
    /// Certificate authorities, PEM.
    pub ca: Vec<u8>,
    /// Client certificate, PEM.
    pub certificate: Vec<u8>,
    /// Its key, PEM.
    pub key: Secret<Vec<u8>>,
    /// Through which to go; may hold a password.
    pub proxy_url: Secret<String>,
    /// A program that gives credentials.
    pub exec: Option<Exec>,
    /// A cluster of Amazon's, of which the credentials are asked for: name, role, profile.
    pub aws: Option<(String, String, String)>,
}

/// A program that gives credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment; may hold passwords.
    pub env: Vec<(String, Secret<String>)>,
    /// The version in which it answers.
    pub api_version: String,
    /// What people are told where it is not there.
    pub install_hint: String,
    /// Whether it is told of the cluster.
    pub provide_cluster_info: bool,
}

/// What `belay_cluster` opens.
#[derive(Clone, Debug)]
pub enum Opening {
    /// The cluster that we run in, as the pod's service account.
    InCluster,
    /// Another one, as a kubeconfig.
    Kubeconfig(Secret<Vec<u8>>, SecretKubeconfig),
}

/// A config is a few KiB of certificates; a secret holds 1 MiB.
const MAX_BYTES: usize = 1 << 20;

impl Connection {
    /// One without credentials.
    pub fn to(server: &str) -> Connection {
        Connection { server: server.to_owned(), ..Connection::default() }
    }

    pub(super) fn in_cluster() -> Connection {
        Connection::to(IN_CLUSTER_SERVER)
    }

    /// Reads the `config` of a secret. No message shows any of it.
    pub(super) fn read(server: &str, config: &str) -> Result<Connection, String> {
        let mut connection = Connection { server: server.to_owned(), ..Connection::default() };
        if config.trim().is_empty() {
            return Ok(connection);
        }
        if config.len() > MAX_BYTES {
            return Err("failed to unmarshal cluster config: it is larger than 1 MiB".to_owned());
        }
        let config = belay_object::from_json_str(config).ok().filter(|value| value.as_object().is_some());
        let config = config.ok_or("failed to unmarshal cluster config: it is no JSON object")?;
        connection.username = text(&config, &["username"])?;
        connection.password = Secret::new(text(&config, &["password"])?);
        connection.bearer = Secret::new(text(&config, &["bearerToken"])?);
        connection.proxy_url = Secret::new(text(&config, &["proxyUrl"])?);
        connection.insecure = flag(&config, &["tlsClientConfig", "insecure"])?;
        connection.server_name = text(&config, &["tlsClientConfig", "serverName"])?;
        connection.ca = bytes(&config, &["tlsClientConfig", "caData"])?;
        connection.certificate = bytes(&config, &["tlsClientConfig", "certData"])?;
        connection.key = Secret::new(bytes(&config, &["tlsClientConfig", "keyData"])?);
        if config.get("awsAuthConfig").is_some_and(|aws| !aws.is_null()) {
            let aws = |field| text(&config, &["awsAuthConfig", field]);
            connection.aws = Some((aws("clusterName")?, aws("roleARN")?, aws("profile")?));
        }
        connection.exec = config.get("execProviderConfig").filter(|e| !e.is_null()).map(exec).transpose()?;
        Ok(connection)
    }

    /// Whether it is the pod's service account that is used: the cluster that we run in, without
    /// credentials of its own.
    pub fn is_in_cluster(&self) -> bool {
        let keys = [&self.password, &self.bearer];
        self.server == IN_CLUSTER_SERVER
            && self.username.is_empty()
            && keys.into_iter().all(|key| key.expose().is_empty())
            && self.exec.is_none()
            && self.aws.is_none()
            && self.certificate.is_empty()
    }

    /// What is to be opened. `allow_exec` lets the secret name a program that is run here: whoever
    /// writes secrets of clusters then runs programs as us.
    pub fn opening(&self, allow_exec: bool, egress: &Egress) -> Result<Opening, String> {
        if self.is_in_cluster() {
            return Ok(Opening::InCluster);
        }
        if self.aws.is_some() {
            return Err(
                "awsAuthConfig is not served by this version: use a bearer token or a client certificate".into()
            );
        }
        if self.exec.is_some() && !allow_exec {
            return Err(
                "execProviderConfig names a program to run, which is not allowed: use a bearer token or a client certificate"
                    .to_owned(),
            );
        }
        if self.insecure && !self.ca.is_empty() {
            // Compat(argo 3.5): client-go's words.
            return Err("specifying a root certificates file with the insecure flag is not allowed".to_owned());
        }
        let allow = SecretKubeconfig { exec: allow_exec, insecure_tls: self.insecure, egress: egress.clone() };
        Ok(Opening::Kubeconfig(Secret::new(self.kubeconfig().to_json().into_bytes()), allow))
    }

    /// Opens the cluster. No request is sent yet.
    pub async fn open(&self, allow_exec: bool, egress: &Egress) -> Result<Cluster, String> {
        match self.opening(allow_exec, egress)? {
            Opening::InCluster => Cluster::in_cluster().map_err(|e| e.to_string()),
            Opening::Kubeconfig(bytes, allow) => {
                Cluster::from_kubeconfig_bytes(bytes.expose(), &allow).await.map_err(|e| e.to_string())
            }
        }
    }

    /// The kubeconfig that says the same.
    fn kubeconfig(&self) -> Value {
        let named = |field: &str, value: Map| {
            let entry = Map::from_iter([("name", Value::from("it")), (field, Value::Object(value))]);
            Value::Array([Value::Object(entry)].into_iter().collect())
        };
        let mut cluster = Map::from_iter([("server", self.server.as_str())]);
        let mut user = Map::new();
        let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
        if self.insecure {
            cluster.insert("insecure-skip-tls-verify", true);
        }
        for (key, text) in [
            ("certificate-authority-data", encoded(&self.ca)),
            ("tls-server-name", self.server_name.clone()),
            ("proxy-url", self.proxy_url.expose().clone()),
        ] {
            if !text.is_empty() {
                cluster.insert(key, text);
            }
        }
        for (key, text) in [
            ("client-certificate-data", encoded(&self.certificate)),
            ("client-key-data", encoded(self.key.expose())),
            ("token", self.bearer.expose().clone()),
            ("username", self.username.clone()),
            ("password", self.password.expose().clone()),
        ] {
            if !text.is_empty() {
                user.insert(key, text);
            }
        }
        if let Some(exec) = &self.exec {
            user.insert("exec", exec.value());
        }
        let context = Map::from_iter([("cluster", "it"), ("user", "it")]);
        Value::Object(Map::from_iter([
            ("apiVersion", Value::from("v1")),
            ("kind", Value::from("Config")),
            ("clusters", named("cluster", cluster)),
            ("users", named("user", user)),
            ("contexts", named("context", context)),
            ("current-context", Value::from("it")),
        ]))
    }
}

impl Exec {
    fn value(&self) -> Value {
        let env = self.env.iter().map(|(name, value)| {
            Value::Object(Map::from_iter([("name", name.as_str()), ("value", value.expose().as_str())]))
        });
        let args = self.args.iter().map(Value::from);
        Value::Object(Map::from_iter([
            ("apiVersion", Value::from(self.api_version.as_str())),
            ("command", Value::from(self.command.as_str())),
            ("args", Value::Array(args.collect())),
            ("env", Value::Array(env.collect())),
            ("installHint", Value::from(self.install_hint.as_str())),
            ("provideClusterInfo", Value::Bool(self.provide_cluster_info)),
            ("interactiveMode", Value::from("Never")),
        ]))
    }
}

fn exec(value: &Value) -> Result<Exec, String> {
    let env = value.get("env").and_then(Value::as_object);
    let pair =
        |(name, value): (&belay_object::Key, &Value)| Some((name.to_string(), Secret::new(value.as_str()?.to_owned())));
    let args = value.get("args").map_or(&[][..], Value::items);
    Ok(Exec {
        command: text(value, &["command"])?,
        args: args.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        env: env.into_iter().flat_map(Map::iter).filter_map(pair).collect(),
        api_version: text(value, &["apiVersion"])?,
        install_hint: text(value, &["installHint"])?,
        provide_cluster_info: flag(value, &["provideClusterInfo"])?,
    })
}

fn text(value: &Value, path: &[&str]) -> Result<String, String> {
    match value.at(path) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Str(text)) => Ok(text.to_string()),
        Some(_) => Err(format!("failed to unmarshal cluster config: {} is no string", path.join("."))),
    }
}

fn flag(value: &Value, path: &[&str]) -> Result<bool, String> {
    match value.at(path) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("failed to unmarshal cluster config: {} is neither true nor false", path.join("."))),
    }
}

fn bytes(value: &Value, path: &[&str]) -> Result<Vec<u8>, String> {
    let text = text(value, path)?;
    STANDARD
        .decode(text.trim())
        .map_err(|_| format!("failed to unmarshal cluster config: {} is no base64", path.join(".")))
}
