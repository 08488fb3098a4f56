//! [`Cluster`]: one API server as one user sees it, and its requests.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use belay_object::{GroupKind, GroupVersionKind, Object, Value, from_json, object};
use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;

use crate::discovery::DiscoveryCache;
use crate::limit::Limiter;
use crate::lines::Lines;
use crate::resource::Query;
use crate::send::{Call, JSON, Repeat};
use crate::watch::complete;
use crate::{
    ApplyOptions, Catalog, Counters, DeleteOptions, Error, ErrorKind, Follow, FollowOptions, Identity, ListOptions,
    LogOptions, Patch, Resource, Result, Verb, WatchOptions, WatchStream, WriteOptions,
};

/// Objects a page where nothing else is asked.
const PAGE_SIZE: u32 = 500;
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// One API server as one user sees it. Cheap to clone; all clones share the connections, the limit,
/// the counters and what discovery found.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) shared: Arc<Shared>,
    pub(crate) identity: Option<Arc<Headers>>,
    pub(crate) timeout: Duration,
    pub(crate) urgent: bool,
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

/// All objects of a list, and the version that it shows.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Where a watch goes on from.
    pub resource_version: String,
    /// The objects.
    pub items: Vec<Object>,
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The version that the whole list shows.
    pub resource_version: String,
    /// The objects of this page.
    pub items: Vec<Object>,
    /// What to ask for the next page with; empty on the last.
    pub continue_token: String,
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
        Ok(Cluster { shared, identity: base_identity, timeout, urgent: false, fence: None })
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
    fn for_discovery(&self) -> Cluster {
        Cluster { identity: self.shared.base_identity.clone(), urgent: true, ..self.clone() }
    }

    // Reading.

    /// Reads one object.
    pub async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Object> {
        let uri = resource.object_path(namespace, name, "")?;
        let call = about(Call::new(Verb::Get, Method::GET, uri), resource, namespace, name);
        read_object(self.send(&call).await, &call, self)
    }
    /// Reads one object; `None` where it is not there. That its kind is not served is an error.
    pub async fn find(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Option<Object>> {
        match self.get(resource, namespace, name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
    /// Reads the metadata of one object.
    pub async fn get_metadata(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Object> {
        let uri = resource.object_path(namespace, name, "")?;
        let mut call = about(Call::new(Verb::Get, Method::GET, uri), resource, namespace, name);
        call.accept = PARTIAL;
        let mut object = read_object(self.send(&call).await, &call, self)?;
        complete(&mut object, &resource.api_version(), &resource.kind, true);
        Ok(object)
    }
    /// Reads all objects of a namespace, or (empty) of all namespaces, page by page.
    ///
    /// Where a page's token has expired, the list is read once more without pages, so that it is
    /// never a mix of two versions.
    pub async fn list(&self, resource: &Resource, namespace: &str, options: &ListOptions) -> Result<List> {
        let mut list = List::default();
        let mut token = String::new();
        loop {
            let page = match self.list_page(resource, namespace, options, &token).await {
                Err(error) if error.kind() == ErrorKind::Gone && !token.is_empty() => {
                    let whole = ListOptions { page_size: u32::MAX, ..options.clone() };
                    let page = self.list_page(resource, namespace, &whole, "").await?;
                    return Ok(List { resource_version: page.resource_version, items: page.items });
                }
                other => other?,
            };
            list.resource_version = page.resource_version;
            list.items.extend(page.items);
            token = page.continue_token;
            if token.is_empty() {
                return Ok(list);
            }
        }
    }
    /// Reads the metadata of all objects of a namespace, or (empty) of all namespaces.
    pub async fn list_metadata(&self, resource: &Resource, namespace: &str, options: &ListOptions) -> Result<List> {
        self.list(resource, namespace, &ListOptions { metadata_only: true, ..options.clone() }).await
    }
    /// Reads one page; an empty token asks for the first.
    pub async fn list_page(
        &self,
        resource: &Resource,
        namespace: &str,
        options: &ListOptions,
        continue_token: &str,
    ) -> Result<Page> {
        let limit = match options.page_size {
            0 => PAGE_SIZE.to_string(),
            u32::MAX => String::new(),
            n => n.to_string(),
        };
        // The server refuses a resourceVersion beside a token, which carries its own.
        let version = if continue_token.is_empty() { options.resource_version.as_str() } else { "" };
        let query = Query::default()
            .add("labelSelector", &options.labels)
            .add("fieldSelector", &options.fields)
            .add("limit", &limit)
            .add("continue", continue_token)
            .add("resourceVersion", version);
        let uri = query.on(&resource.collection_path(namespace)?);
        let mut call = about(Call::new(Verb::List, Method::GET, uri), resource, namespace, "");
        if options.metadata_only {
            call.accept = PARTIAL_LIST;
        }
        let bytes = self.send(&call).await?;
        read_page(&bytes, resource, options.metadata_only).map_err(|e| e.at("list", self.host()))
    }
    /// Opens one watch connection.
    pub async fn watch(&self, resource: &Resource, namespace: &str, options: &WatchOptions) -> Result<WatchStream> {
        let seconds = if options.timeout_s == 0 { 290 } else { options.timeout_s };
        let query = Query::default()
            .flag("watch", true)
            .flag("allowWatchBookmarks", true)
            .add("labelSelector", &options.labels)
            .add("fieldSelector", &options.fields)
            .add("resourceVersion", &options.resource_version)
            .add("resourceVersionMatch", if options.send_initial_events { "NotOlderThan" } else { "" })
            .flag("sendInitialEvents", options.send_initial_events)
            .add("timeoutSeconds", &seconds.to_string());
        let uri = query.on(&resource.collection_path(namespace)?);
        let mut call = about(Call::new(Verb::Watch, Method::GET, uri), resource, namespace, "");
        if options.metadata_only {
            call.accept = PARTIAL;
        }
        let body = self.open(&call).await?;
        let length = Duration::from_secs(seconds.into());
        Ok(WatchStream::new(body, resource, options.metadata_only, length))
    }
    /// Watches without end: reconnects, lists again where it must, and tells so.
    pub fn follow(&self, resource: &Arc<Resource>, namespace: &str, options: FollowOptions) -> Follow {
        Follow::new(self.clone(), resource.clone(), namespace, options)
    }
    /// Opens a container's log.
    pub async fn logs(&self, namespace: &str, pod: &str, options: &LogOptions) -> Result<LogStream> {
        let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
        let pods = Resource::known("", "v1", "Pod", "pods", true);
        let query = Query::default()
            .add("container", &options.container)
            .flag("follow", options.follow)
            .flag("previous", options.previous)
            .add("tailLines", &number(options.tail_lines))
            .add("sinceSeconds", &number(options.since_s))
            .flag("timestamps", options.timestamps);
        let uri = query.on(&pods.object_path(namespace, pod, "log")?);
        let mut call = about(Call::new(Verb::Logs, Method::GET, uri), &pods, namespace, pod);
        call.accept = "*/*";
        Ok(LogStream { lines: Lines::new(self.open(&call).await?) })
    }
    /// The server's `gitVersion` (`v1.36.2`).
    pub async fn version(&self) -> Result<String> {
        let answer = self.raw(Method::GET, "/version", None).await?;
        Ok(answer.str_at(&["gitVersion"]).unwrap_or_default().to_owned())
    }

    // Writing.

    /// Creates an object where its metadata says.
    pub async fn create(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        let uri = write_query(options).on(&namespaced_collection(resource, object)?);
        let call = Call::new(Verb::Create, Method::POST, uri);
        self.write(call, resource, object.value(), object.namespace(), object.name(), Repeat::Unsent).await
    }
    /// Posts to a subresource (`token`, `eviction`, `binding`) of one object.
    pub async fn create_subresource(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: &str,
        body: &Value,
    ) -> Result<Object> {
        let uri = resource.object_path(namespace, name, subresource)?;
        let call = Call::new(Verb::Create, Method::POST, uri);
        self.write(call, resource, body, namespace, name, Repeat::Unsent).await
    }
    /// Replaces an object; its resourceVersion, where given, must still be the newest.
    pub async fn replace(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        self.replace_at(resource, object, "", options).await
    }
    /// Replaces an object's status.
    pub async fn replace_status(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        self.replace_at(resource, object, "status", options).await
    }
    async fn replace_at(
        &self,
        resource: &Resource,
        object: &Object,
        subresource: &str,
        options: &WriteOptions,
    ) -> Result<Object> {
        let (namespace, name) = (object.namespace(), object.name());
        let uri = write_query(options).on(&resource.object_path(namespace, name, subresource)?);
        let call = Call::new(Verb::Update, Method::PUT, uri);
        self.write(call, resource, object.value(), namespace, name, Repeat::Unsent).await
    }
    /// Applies an object (server-side apply): sets the fields that it names and owns them.
    pub async fn apply(&self, resource: &Resource, object: &Object, options: &ApplyOptions) -> Result<Object> {
        self.apply_at(resource, object, "", options).await
    }
    /// Applies an object's status.
    pub async fn apply_status(&self, resource: &Resource, object: &Object, options: &ApplyOptions) -> Result<Object> {
        self.apply_at(resource, object, "status", options).await
    }
    async fn apply_at(
        &self,
        resource: &Resource,
        object: &Object,
        subresource: &str,
        options: &ApplyOptions,
    ) -> Result<Object> {
        let (namespace, name) = (object.namespace(), object.name());
        let query = Query::default()
            .add("fieldManager", &options.field_manager)
            .flag("force", options.force)
            .add("dryRun", if options.dry_run { "All" } else { "" })
            .add("fieldValidation", options.field_validation.as_str());
        let uri = query.on(&resource.object_path(namespace, name, subresource)?);
        let mut call = Call::new(Verb::Apply, Method::PATCH, uri);
        // JSON is YAML, and the media type's name is YAML's alone.
        call.content_type = "application/apply-patch+yaml";
        self.write(call, resource, object.value(), namespace, name, Repeat::Harmless).await
    }
    /// Patches one object.
    pub async fn patch(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        self.patch_subresource(resource, namespace, name, "", patch, options).await
    }
    /// Patches one object's status.
    pub async fn patch_status(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        self.patch_subresource(resource, namespace, name, "status", patch, options).await
    }
    /// Patches a subresource (`status`, `scale`) of one object; empty means the object itself.
    pub async fn patch_subresource(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        let uri = write_query(options).on(&resource.object_path(namespace, name, subresource)?);
        let mut call = Call::new(Verb::Patch, Method::PATCH, uri);
        call.content_type = patch.content_type();
        // A JSON patch may add to a list, a merge patch twice is a merge patch once.
        let repeat = if matches!(patch, Patch::Merge(_)) { Repeat::Harmless } else { Repeat::Unsent };
        self.write(call, resource, patch.value(), namespace, name, repeat).await
    }
    /// Deletes one object. Gives what is still there (finalizers, graceful end), `None` where the
    /// object is gone at once. An object that was not there is an error of kind NotFound; one that
    /// breaks a precondition is a Conflict.
    pub async fn delete(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Option<Object>> {
        let mut body = object! { "kind" => "DeleteOptions", "apiVersion" => "v1" };
        if !options.uid.is_empty() {
            body.set(&["preconditions", "uid"], options.uid.as_str());
        }
        if !options.resource_version.is_empty() {
            body.set(&["preconditions", "resourceVersion"], options.resource_version.as_str());
        }
        if let Some(propagation) = options.propagation {
            body.set(&["propagationPolicy"], propagation.as_str());
        }
        if let Some(seconds) = options.grace_period_s {
            body.set(&["gracePeriodSeconds"], seconds);
        }
        if options.dry_run {
            body.set(&["dryRun"], Value::from(["All"]));
        }
        let guarded = !options.uid.is_empty() || !options.resource_version.is_empty();
        let uri = resource.object_path(namespace, name, "")?;
        let mut call = about(Call::new(Verb::Delete, Method::DELETE, uri), resource, namespace, name);
        call.content_type = JSON;
        call.body = body.to_json().into();
        call.repeat = if guarded { Repeat::Harmless } else { Repeat::Unsent };
        let answer = read_object(self.send(&call).await, &call, self)?;
        self.note_written(resource);
        Ok((answer.kind() != "Status").then_some(answer))
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

    async fn write(
        &self,
        call: Call,
        resource: &Resource,
        body: &Value,
        namespace: &str,
        name: &str,
        repeat: Repeat,
    ) -> Result<Object> {
        let mut call = about(call, resource, namespace, name);
        let mut text = Vec::with_capacity(1024);
        body.write_json(&mut text);
        call.body = text.into();
        call.repeat = repeat;
        if call.content_type.is_empty() {
            call.content_type = JSON;
        }
        let written = read_object(self.send(&call).await, &call, self)?;
        self.note_written(resource);
        Ok(written)
    }
    /// A definition that was written changes what discovery says.
    fn note_written(&self, resource: &Resource) {
        if defines_kinds(resource) {
            self.invalidate_discovery();
        }
    }
}

/// The lines of a container's log.
pub struct LogStream {
    lines: Lines,
}

impl LogStream {
    /// The next line, `None` at the end. There is no deadline: a log may be silent for days.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        Ok(self.lines.next().await?.map(|line| String::from_utf8_lossy(&line).into_owned()))
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

fn write_query(options: &WriteOptions) -> Query {
    Query::default()
        .add("fieldManager", &options.field_manager)
        .add("dryRun", if options.dry_run { "All" } else { "" })
        .add("fieldValidation", options.field_validation.as_str())
}

fn namespaced_collection(resource: &Resource, object: &Object) -> Result<String> {
    if resource.namespaced && object.namespace().is_empty() {
        let message =
            format!("{} {:?} is namespaced and its metadata names no namespace", resource.kind, object.name());
        return Err(Error::new(ErrorKind::Config, message));
    }
    resource.collection_path(object.namespace())
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

fn read_page(bytes: &[u8], resource: &Resource, partial: bool) -> Result<Page> {
    let mut value =
        from_json(bytes).map_err(|e| Error::new(ErrorKind::Decode, format!("the answer is no JSON: {e}")))?;
    let text = |field: &str| value.str_at(&["metadata", field]).unwrap_or_default().to_owned();
    let (resource_version, continue_token) = (text("resourceVersion"), text("continue"));
    let items = match value.get_mut("items").map(std::mem::take) {
        Some(Value::Array(items)) => items,
        // Go writes an empty list of some kinds as null.
        None | Some(Value::Null) if value.str_at(&["kind"]).is_some_and(|k| k.ends_with("List")) => Default::default(),
        _ => return Err(Error::new(ErrorKind::Decode, "the answer is no list of objects")),
    };
    let api_version = resource.api_version();
    let mut page = Page { resource_version, continue_token, items: Vec::with_capacity(items.len()) };
    for item in items {
        // An item that is no map is left out: one undecodable object never blocks its kind (INV-RES-8).
        if let Ok(mut object) = Object::new(item) {
            complete(&mut object, &api_version, &resource.kind, partial);
            page.items.push(object);
        }
    }
    Ok(page)
}
