//! The server: what it holds, and the tower service it is.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::{Mutex, RwLock};
use tokio::task::JoinSet;

use crate::audit::Audit;
use crate::body::Body;
use crate::controllers;
use crate::faults::Faults;
use crate::handle::StoreHandle;
use crate::identity::UserInfo;
use crate::plugin::Plugins;
use crate::resource::{Group, Registry, Resource, builtin_resources};
use crate::store::{HistoryLimits, Store, Stored, Table};
use crate::{crd, random, route, verbs};

/// How a server is made.
pub struct Options {
    /// The administrator's bearer token; a random one where `None`.
    pub token: Option<String>,
    /// The simulated controllers; `None` for none.
    pub controllers: Option<controllers::Options>,
    /// How much history is kept for watchers.
    pub history: HistoryLimits,
    /// How often a watch that asked for bookmarks gets one.
    pub bookmark_every: Duration,
    /// What kinds mean.
    pub plugins: Plugins,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            token: None,
            controllers: None,
            history: HistoryLimits::default(),
            bookmark_every: Duration::from_secs(60),
            plugins: Plugins::standard(),
        }
    }
}

/// A Kubernetes API server in the process. Cheap to clone; all clones are one server.
///
/// As a tower service it trusts its caller: a request without credentials is the administrator's.
/// Over a socket ([`Server::serve`]) such a request is nobody's.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
    trusted: bool,
}

pub(crate) struct Inner {
    pub store: Arc<Store>,
    pub plugins: Plugins,
    pub token: String,
    pub faults: Faults,
    pub audit: Audit,
    pub namespaces: Arc<Table>,
    pub bookmark_every: Duration,
    registry: RwLock<Arc<Registry>>,
    builtin: Vec<Group>,
    /// Held while the registry is made anew, so that of two definitions the later is not lost.
    rebuild: Mutex<u64>,
    controllers: Mutex<JoinSet<()>>,
}

impl Server {
    /// Makes one with the objects that every cluster has. Controllers need a tokio runtime.
    pub fn new(options: Options) -> Server {
        let store = Arc::new(Store::new(options.history));
        let builtin = builtin_resources(&store, &options.plugins);
        let registry = Arc::new(Registry::new(0, builtin.clone()));
        let inner = Arc::new(Inner {
            namespaces: store.table("", "namespaces"),
            store,
            plugins: options.plugins,
            token: options.token.unwrap_or_else(random::token),
            faults: Faults::default(),
            audit: Audit::default(),
            bookmark_every: options.bookmark_every,
            registry: RwLock::new(registry),
            builtin,
            rebuild: Mutex::new(0),
            controllers: Mutex::default(),
        });
        let server = Server { inner, trusted: true };
        server.seed();
        if let Some(options) = options.controllers {
            let handle = server.handle("kube-controller-manager");
            *server.inner.controllers.lock() = controllers::start(handle, options);
        }
        server
    }

    /// What every cluster has from its beginning.
    fn seed(&self) {
        let handle = self.handle("kube-apiserver");
        for object in crate::builtin::seed::objects() {
            let key = object.key();
            if let Err(error) = handle.create(object) {
                tracing::warn!(%key, %error, "an object that every cluster has was not created");
            }
        }
    }

    /// Reads and writes in the process as a field manager, past authorization.
    pub fn handle(&self, manager: &str) -> StoreHandle {
        StoreHandle::new(self.inner.clone(), UserInfo::controller(manager), manager)
    }
    /// The objects, to read.
    pub fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }
    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.inner.token
    }
    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }
    /// Counters of requests.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }
    /// The resources served at this moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.inner.registry()
    }
    /// The same server for callers that are not trusted.
    pub(crate) fn untrusted(&self) -> Server {
        Server { inner: self.inner.clone(), trusted: false }
    }
    /// Waits until the simulated controllers have done all that follows from what was written so far, but for what
    /// waits for its time (pods becoming ready). At once where there are none.
    pub async fn settled(&self) {
        let simulates = !self.inner.controllers.lock().is_empty();
        if simulates {
            self.inner.store.settled().await;
        }
    }
    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: std::fmt::Display,
    {
        route::answer(&self.inner, self.trusted, request).await
    }
}

impl<B> tower::Service<Request<B>> for Server
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.answer(request).await) })
    }
}

impl Inner {
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.read().clone()
    }
    /// Makes the registry anew from the definitions that are stored.
    pub(crate) fn rebuild_registry(&self) {
        let mut revision = self.rebuild.lock();
        *revision += 1;
        let mut groups = self.builtin.clone();
        groups.extend(crd::groups(&self.store, &self.registry()));
        *self.registry.write() = Arc::new(Registry::new(*revision, groups));
    }
    /// What follows from a write that happened.
    pub(crate) fn after_write(&self, resource: &Resource, old: Option<&Arc<Stored>>, new: Option<&Arc<Stored>>) {
        if let Some(logic) = &resource.logic {
            logic.after_write(&self.store, old.map(|s| s.object()), new.map(|s| s.object()));
        }
        if resource.group == crd::GROUP && resource.plural == crd::RESOURCE {
            crd::after_write(self, old, new);
        } else if new.is_none() && resource.custom.is_some() {
            crd::instance_gone(self, resource);
        }
    }
    /// A call that the server makes for itself.
    pub(crate) fn own_call<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: &'a str,
        name: &'a str,
        user: &'a UserInfo,
    ) -> verbs::Call<'a> {
        verbs::Call {
            inner: self,
            resource,
            namespace,
            name,
            subresource: "",
            user,
            options: verbs::WriteOptions { manager: "kube-apiserver".into(), ..Default::default() },
            now: verbs::now_text(),
        }
    }
}
