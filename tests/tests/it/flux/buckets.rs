//! Bucket: objects of a storage with Amazon's API, on loopback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::world::*;

const BUCKET: Kind = ("source.toolkit.fluxcd.io/v1", "Bucket");

/// A storage with the bucket `shop`, for those whose requests name the key `me`.
struct Storage {
    host: String,
    objects: Arc<Mutex<BTreeMap<String, String>>>,
    task: tokio::task::JoinHandle<()>,
}

fn etag(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

fn answer(objects: &BTreeMap<String, String>, request: &http::Request<Incoming>) -> (u16, String, String) {
    let signed = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !signed.starts_with("AWS4-HMAC-SHA256 Credential=me/") {
        let text = "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>";
        return (403, String::new(), text.to_owned());
    }
    let Some(key) = request.uri().path().strip_prefix("/shop/") else {
        return (404, String::new(), "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>".into());
    };
    if !key.is_empty() {
        return match objects.get(key) {
            Some(text) => (200, etag(text), text.clone()),
            None => (404, String::new(), String::new()),
        };
    }
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| {
        let found = query.split('&').find_map(|p| p.strip_prefix(&format!("{name}=")));
        found.unwrap_or_default().replace("%2F", "/")
    };
    let (prefix, after) = (value("prefix"), value("continuation-token"));
    let mut rest = objects.iter().filter(|(k, _)| k.starts_with(&prefix) && **k > after);
    // Pages of two, whatever is asked for.
    let page: Vec<_> = rest.by_ref().take(2).collect();
    let contents: String = page
        .iter()
        .map(|(k, v)| {
            format!("<Contents><Key>{k}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>", etag(v), v.len())
        })
        .collect();
    let more = match (rest.next().is_some(), page.last()) {
        (true, Some((last, _))) => {
            format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>")
        }
        _ => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    (200, String::new(), format!("<ListBucketResult>{more}{contents}</ListBucketResult>"))
}

impl Storage {
    async fn start() -> Storage {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let objects: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let served = objects.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
                    let (status, etag, body) = answer(&served.lock().expect("no holder panics"), &request);
                    let answer = http::Response::builder().status(status).header("etag", format!("\"{etag}\""));
                    let answer = answer.body(Full::new(Bytes::from(body)));
                    async move { answer }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    server.serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        Storage { host, objects, task }
    }
    fn put(&self, key: &str, text: &str) {
        self.objects.lock().expect("no holder panics").insert(key.to_owned(), text.to_owned());
    }
    fn bucket(&self, name: &str, more: &str) -> String {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\nmetadata: {{name: shop, namespace: apps}}\n\
             spec:\n  bucketName: {name}\n  endpoint: {}\n  insecure: true\n  interval: 1h\n  {}\n",
            self.host,
            more.replace('\n', "\n  ")
        )
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The revision of these objects, by Flux's rule.
fn revision(objects: &[(&str, &str)]) -> String {
    let lines: String = objects.iter().map(|(key, text)| format!("{key} {}\n", etag(text))).collect();
    belay_oci::ContentDigest::of(lines.as_bytes()).to_string()
}

#[tokio::test]
async fn the_objects_of_a_bucket_become_the_state_of_the_cluster() {
    let storage = Storage::start().await;
    let mut w = World::empty().await;
    w.start().await;
    let (a, b) = (map("a", "one"), map("b", "one"));
    storage.put("app/a.yaml", &a);
    storage.put("app/b.yaml", &b);
    storage.put("app/", "");
    storage.put("notes/n.md", "left out");
    storage.put("other/c.yaml", &map("c", "one"));
    storage.put(".sourceignore", "*.md\n/other\n");
    w.apply(&storage.bucket("shop", ""));
    let why = w.failed(BUCKET, "shop", "BucketOperationFailed").await;
    assert_eq!(why, "indexation of objects from bucket 'shop' failed: 403 Forbidden: AccessDenied: Access Denied.");
    w.apply("{apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: apps}, stringData: {accesskey: me}}");
    w.apply(&storage.bucket("shop", "secretRef: {name: keys}"));
    let why = w.failed(BUCKET, "shop", "AuthenticationFailed").await;
    assert_eq!(why, "invalid 'keys' secret data: required fields 'accesskey' and 'secretkey'");
    w.apply("{apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: apps}, stringData: {accesskey: me, secretkey: canary}}");
    w.ask(BUCKET, "shop");
    let kustomization =
        kustomization("shop", "./app", "").replace("{kind: GitRepository, name: repo}", "{kind: Bucket, name: shop}");
    w.apply(&kustomization);
    w.ready("shop", &revision(&[("app/a.yaml", &a), ("app/b.yaml", &b)])).await;
    assert_eq!((w.data("a", "key").as_deref(), w.data("b", "key").as_deref()), (Some("one"), Some("one")));
    let last = w.events(BUCKET, "shop").pop();
    assert_eq!(last.as_deref(), Some("Normal NewArtifact stored artifact with 2 fetched files from 'shop' bucket"));
    let ready = belay_object::Condition::find(&w.the(BUCKET, "shop"), "Ready").expect("told");
    assert_eq!(masked_text(&ready.message), "stored artifact: revision 'sha256:DIGEST'");
    assert!(!w.story().contains("canary"));

    let two = map("a", "two");
    storage.put("app/a.yaml", &two);
    w.apply(&storage.bucket("shop", "secretRef: {name: keys}\nprefix: app/\nignore: b.yaml"));
    w.ready("shop", &revision(&[("app/a.yaml", &two)])).await;
    w.until("b is pruned", || (!w.has(MAPS, "b")).then_some(())).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));

    w.apply(&storage.bucket("gone", "secretRef: {name: keys}"));
    let why = w.failed(BUCKET, "shop", "BucketOperationFailed").await;
    assert_eq!(why, "bucket 'gone' not found");
    w.apply(&storage.bucket("shop", "provider: azure"));
    let why = w.failed(BUCKET, "shop", "InvalidProviderConfiguration").await;
    assert_eq!(why, "provider \"azure\" is not served by this version: use the provider generic with static keys");
    assert_eq!(w.data("a", "key").as_deref(), Some("two"), "what was applied stays");
}

#[tokio::test]
async fn a_key_that_is_no_path_is_refused() {
    let storage = Storage::start().await;
    let mut w = World::empty().await;
    w.start().await;
    w.apply("{apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: apps}, stringData: {accesskey: me, secretkey: x}}");
    storage.put("a/b\\c.yaml", "x: y\n");
    w.apply(&storage.bucket("shop", "secretRef: {name: keys}"));
    let why = w.failed(BUCKET, "shop", "BucketOperationFailed").await;
    assert!(why.starts_with("fetch from bucket 'shop' failed: "), "{why}");
}
