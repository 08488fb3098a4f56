//! Requests that read: objects, lists, watches, logs.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, from_json};
use http::Method;

use super::{Cluster, about, read_object};
use crate::lines::Lines;
use crate::resource::Query;
use crate::send::Call;
use crate::watch::complete;
use crate::{
    Error, ErrorKind, Follow, FollowOptions, ListOptions, LogOptions, Resource, Result, Verb, WatchOptions, WatchStream,
};

/// Objects a page where nothing else is asked.
const PAGE_SIZE: u32 = 500;
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

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
