//! [`Cluster`]: one API server as one user sees it, its handles and what they share.

mod read;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use belay_object::{Condition, ConditionStatus, GroupKind, GroupVersionKind, Object, Value, from_json};
use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;

pub use read::{List, LogStream, Page};

use crate::discovery::DiscoveryCache;
use crate::limit::Limiter;
use crate::send::{Call, JSON, Repeat};
use crate::{Catalog, Counters, Error, ErrorKind, FollowEvent, FollowOptions, Identity, Resource, Result, Verb};

/// One API server as one user sees it. Cheap to clone; all clones share the connections, the limit,
/// the counters and what discovery found.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) shared: Arc<Shared>,
    pub(crate) identity: Option<Arc<Headers>>,
    pub(crate) timeout: Duration,
    pub(crate) urgent: bool,
    /// How often a request is sent at most.
    pub(crate) tries: u32,
    pub(crate) fence: Option<Arc<dyn Fence>>,
}

/// Says whether this process may write: a leadership that can be lost. Asked right before every
/// request that can change something, each try of it included (INV-ACT-8).
pub trait Fence: Send + Sync {
    /// Permits the write, or says why not.
    fn check(&self) -> std::result::Result<(), String>;
}

pub(crate) struct Shared {
    pub client: kube::Client,
    /// Host and port, without userinfo.
    pub host: String,
    pub default_namespace: String,
    pub limiter: Arc<Limiter>,
    pub counters: Counters,
    pub discovery: DiscoveryCache,
    /// Set once the server refused a streaming list.
    pub no_streaming_lists: AtomicBool,
    /// As whom the kubeconfig or the flags say to act; discovery is asked as this user.
    pub base_identity: Option<Arc<Headers>>,
}

pub(crate) struct Headers {
    pub identity: Identity,
    pub headers: HeaderMap,
}

impl Cluster {
    pub(crate) fn assemble(
        client: kube::Client,
        host: String,
        default_namespace: String,
        identity: Option<Identity>,
        timeout: Duration,
    ) -> Result<Cluster> {
        let base_identity = match identity {
            None => None,
            Some(identity) => Some(Arc::new(Headers { headers: identity.headers()?, identity })),
        };
        let shared = Arc::new(Shared {
            client,
            host,
            default_namespace,
            limiter: Limiter::new(),
            counters: Counters::default(),
            discovery: DiscoveryCache::default(),
            no_streaming_lists: AtomicBool::new(false),
            base_identity: base_identity.clone(),
        });
        Ok(Cluster {
            shared,
            identity: base_identity,
            timeout,
            urgent: false,
            tries: crate::send::MAX_TRIES,
            fence: None,
        })
    }

    /// The same server and connections as another user. It takes the place of whom the kubeconfig
    /// says to act as.
    pub fn impersonate(&self, identity: &Identity) -> Result<Cluster> {
        let headers = Arc::new(Headers { headers: identity.headers()?, identity: identity.clone() });
        Ok(Cluster { identity: Some(headers), ..self.clone() })
    }
    /// The same with another deadline for each try of a request (30 s at first); a request with its
    /// retries takes at most twice that.
    pub fn with_timeout(&self, timeout: Duration) -> Cluster {
        Cluster { timeout, ..self.clone() }
    }
    /// The same, whose requests are sent once: for a person who would rather hear that nobody answers.
    pub fn without_retries(&self) -> Cluster {
        Cluster { tries: 1, ..self.clone() }
    }
    /// The same, past the queue of the limit: for lease renewals alone.
    pub fn urgent(&self) -> Cluster {
        Cluster { urgent: true, ..self.clone() }
    }
    /// The same, whose writes are permitted by a fence; those that are not fail as
    /// [`ErrorKind::Fenced`] and are not sent.
    pub fn fenced(&self, fence: Arc<dyn Fence>) -> Cluster {
        Cluster { fence: Some(fence), ..self.clone() }
    }
    /// The API server's host and port, for people.
    pub fn host(&self) -> &str {
        &self.shared.host
    }
    /// The namespace of the context, or of the pod.
    pub fn default_namespace(&self) -> &str {
        &self.shared.default_namespace
    }
    /// Whom requests are made as, where that is not the credential's own user.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref().map(|h| &h.identity)
    }
    /// The counts of requests to this API server.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }
    /// The adaptive limit of this API server.
    pub fn limiter(&self) -> &Limiter {
        &self.shared.limiter
    }
    /// Whether both reach the same API server through the same connections.
    pub fn is_same_server(&self, other: &Cluster) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    // Discovery.

    /// All that the server serves; asked once and kept until a miss or [`Cluster::invalidate_discovery`].
    pub async fn catalog(&self) -> Result<Arc<Catalog>> {
        self.shared.discovery.catalog(&self.for_discovery()).await
    }
    /// The resource of a kind in the version that the server prefers.
    pub async fn resolve(&self, kind: &GroupKind) -> Result<Arc<Resource>> {
        self.shared.discovery.resolve(&self.for_discovery(), kind, None).await
    }
    /// The resource of a kind in exactly this version.
    pub async fn resolve_version(&self, kind: &GroupVersionKind) -> Result<Arc<Resource>> {
        self.shared.discovery.resolve(&self.for_discovery(), &kind.group_kind(), Some(&kind.version)).await
    }
    /// The resource of an object, in the version that it is written in.
    pub async fn resource_of(&self, object: &Object) -> Result<Arc<Resource>> {
        self.resolve_version(&object.group_version_kind()).await
    }
    /// What is known of the server's kinds is old: ask again at the next use.
    pub fn invalidate_discovery(&self) {
        self.shared.discovery.invalidate();
    }
    /// Waits until a definition (`things.example.com`) is established, by a watch of that one alone. What is known
    /// of the server's kinds is old then.
    pub async fn established(&self, definition: &str) {
        let definitions = Resource::known(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            false,
        );
        let options = FollowOptions { fields: format!("metadata.name={definition}"), ..FollowOptions::default() };
        let mut follow = self.follow(&definitions, "", options);
        let is_so = |o: &Object| Condition::find(o, "Established").is_some_and(|c| c.status == ConditionStatus::True);
        while !matches!(follow.next().await, FollowEvent::Applied(found) if is_so(&found)) {}
        self.invalidate_discovery();
    }
    fn for_discovery(&self) -> Cluster {
        Cluster { identity: self.shared.base_identity.clone(), urgent: true, ..self.clone() }
    }

    // Anything else.

    /// Sends any request with a JSON body and reads a JSON answer; the path carries its own query.
    pub async fn raw(&self, method: Method, path_and_query: &str, body: Option<&Value>) -> Result<Value> {
        let text = self.raw_bytes(method, path_and_query, JSON, body).await?;
        from_json(&text).map_err(|e| {
            let message = format!("the answer is no JSON: {e}");
            Error::new(ErrorKind::Decode, message).at(&format!("raw {path_and_query}"), self.host())
        })
    }
    /// Sends any request and gives the answer's bytes.
    pub async fn raw_bytes(
        &self,
        method: Method,
        path_and_query: &str,
        accept: &'static str,
        body: Option<&Value>,
    ) -> Result<Bytes> {
        let repeat = if method == Method::GET { Repeat::Harmless } else { Repeat::Unsent };
        let mut call = Call::new(Verb::Raw, method, path_and_query.to_owned());
        let path = path_and_query.split('?').next().unwrap_or_default();
        call.resource = path.split('/').take(3).collect::<Vec<_>>().join("/");
        call.accept = accept;
        call.repeat = repeat;
        if let Some(body) = body {
            call.content_type = JSON;
            call.body = body.to_json().into();
        }
        self.send(&call).await
    }
}

/// Whether objects of this resource add to or take from what the server serves.
pub(crate) fn defines_kinds(resource: &Resource) -> bool {
    (resource.group == *"apiextensions.k8s.io" && resource.kind == *"CustomResourceDefinition")
        || (resource.group == *"apiregistration.k8s.io" && resource.kind == *"APIService")
}

fn about(mut call: Call, resource: &Resource, namespace: &str, name: &str) -> Call {
    call.resource = resource.qualified_plural();
    call.known_resource = true;
    call.object = match (resource.namespaced && !namespace.is_empty(), name.is_empty()) {
        (true, false) => format!("{}/{namespace}/{name}", resource.kind),
        (true, true) => format!("{}/{namespace}", resource.plural),
        (false, false) => format!("{}/{name}", resource.kind),
        (false, true) => resource.qualified_plural(),
    };
    call
}

fn read_object(answer: Result<Bytes>, call: &Call, cluster: &Cluster) -> Result<Object> {
    let bytes = answer?;
    let refused = |message: String| {
        let action = format!("{} {}", call.verb.as_str(), call.object);
        Error::new(ErrorKind::Decode, message).at(&action, cluster.host())
    };
    let value = from_json(&bytes).map_err(|e| refused(format!("the answer is no JSON: {e}")))?;
    Object::new(value).map_err(|v| refused(format!("the answer is no object but {}", v.type_name())))
}
