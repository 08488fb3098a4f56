//! How a [`Cluster`] comes to be: from a tower service, a kubeconfig, the pod's service account, or
//! a kubeconfig that stands in a Secret.

pub(crate) mod kubeconfig;
mod transport;

use std::time::Duration;

use belay_net::Egress;
use bytes::Bytes;
use http::{Request, Response};
use tower::{BoxError, Service};

use crate::{Body, Cluster, Error, ErrorKind, Identity, Result};

pub use kubeconfig::{KubeconfigFlags, SecretKubeconfig};

/// How long one try of a request may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

impl Cluster {
    /// The API server that a tower service is: the embedded one in the same process, or a fake in a
    /// test. Requests carry a path without host. `name` stands where a host would in messages.
    ///
    /// Must be called inside a tokio runtime, as all constructors here.
    pub fn from_service<S, B>(name: &str, service: S) -> Cluster
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let client = kube::Client::new(service, "default");
        Cluster::bare(client, name.to_owned(), "default".to_owned())
    }

    /// What a user's kubeconfig and flags mean: `--kubeconfig`, else `KUBECONFIG` (several files are
    /// merged), else `~/.kube/config`, else the pod's service account.
    pub async fn from_kubeconfig(flags: &KubeconfigFlags) -> Result<Cluster> {
        let mut config = kubeconfig::load(flags).await?;
        let identity = kubeconfig::take_identity(&mut config.auth_info)?;
        Cluster::connect(config, identity, flags.request_timeout, None)
    }

    /// The cluster in which this process is a pod, as the pod's service account.
    pub fn in_cluster() -> Result<Cluster> {
        let config = kube::Config::incluster().map_err(|e| {
            Error::new(ErrorKind::Config, e.to_string()).hint("this works inside of a pod with a service account")
        })?;
        Cluster::connect(config, None, None, None)
    }

    /// The cluster that a kubeconfig in a Secret names. What would run a program or read a file of
    /// ours is never honoured unless `allow` says so: the text is a tenant's.
    pub async fn from_kubeconfig_bytes(bytes: &[u8], allow: &SecretKubeconfig) -> Result<Cluster> {
        let mut config = kubeconfig::load_untrusted(bytes, allow).await?;
        let identity = kubeconfig::take_identity(&mut config.auth_info)?;
        Cluster::connect(config, identity, None, Some(&allow.egress))
    }

    fn connect(
        config: kube::Config,
        identity: Option<Identity>,
        timeout: Option<Duration>,
        egress: Option<&Egress>,
    ) -> Result<Cluster> {
        let host = host_of(&config.cluster_url);
        let namespace = config.default_namespace.clone();
        let client = transport::client(&config, egress).map_err(|e| e.at("connect", &host))?;
        Cluster::assemble(client, host, namespace, identity, timeout.unwrap_or(TIMEOUT))
    }

    fn bare(client: kube::Client, host: String, namespace: String) -> Cluster {
        // Without an identity there is no header that could be refused.
        Cluster::assemble(client, host, namespace, None, TIMEOUT).expect("no identity, no refused header")
    }
}

/// Host and port of a URL, without userinfo and path.
fn host_of(url: &http::Uri) -> String {
    let authority = url.authority().map(|a| a.as_str()).unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned()
}
