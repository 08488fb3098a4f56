//! Bucket: which objects there are, and those that are new made into an artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::Value;
use belay_source::bucket::{Keys, ObjectStore, S3};
use belay_source::ignore::{Pattern, parse_patterns};
use belay_source::{Error, ErrorKind};
use belay_tree::{File, MemoryTree, TreePath};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use sha2::{Digest as _, Sha256};

use super::controller::{Content, Got, New, Sources, fail, fetch_failed};
use crate::git_spec::text;
use crate::names::reason;
use crate::report::{FailureClass, FailureOf, SourceOutcome, SourceReport, Told};
use crate::spec::{Bucket, CloudProvider};

/// Objects fetched at once.
const CONCURRENT: usize = 16;
/// Largest object, and most bytes of all together: what an artifact unpacks to.
const MOST_OBJECT_BYTES: usize = 32 << 20;
const MOST_BYTES: u64 = 100 << 20;
/// The object whose rules say what is left out.
const IGNORE_FILE: &str = ".sourceignore";
const MOST_IGNORE_BYTES: usize = 1 << 20;

/// Etags by key.
type Index = BTreeMap<String, String>;

impl Sources {
    /// Looks at the bucket within the resource's timeout.
    pub(super) async fn look_at_bucket(&self, spec: &Bucket, report: &mut SourceReport) -> Result<Got, SourceOutcome> {
        let looking = self.look_into(spec, report);
        tokio::time::timeout(spec.timeout.to_std(), looking).await.unwrap_or_else(|_| {
            let message = format!("fetch from bucket '{}' failed: timed out after {}", spec.bucket, spec.timeout);
            Err(fetch_failed(reason::BUCKET_OPERATION_FAILED, message))
        })
    }

    async fn look_into(&self, spec: &Bucket, report: &mut SourceReport) -> Result<Got, SourceOutcome> {
        let failed = |e: String| fetch_failed(reason::BUCKET_OPERATION_FAILED, e);
        let store = self.object_store(spec).await?;
        let mut index = list(&*store, spec).await.map_err(failed)?;
        let revision = digest(&index);
        let told = |revision: &str, count: usize| Told {
            reason: reason::SUCCEEDED,
            state: format!("stored artifact: revision '{revision}'"),
            event: format!("stored artifact with {count} fetched files from '{}' bucket", spec.bucket),
        };
        let ignore = spec.ignore.clone().map(Value::from);
        if report.artifact().is_some_and(|a| a.revision == revision) {
            report.fetched();
            return Ok(Got::Same(told(&revision, index.len())));
        }
        let tree = fetch(&*store, spec, &mut index).await.map_err(failed)?;
        report.fetched();
        // What changed while it was fetched is in the revision as it was fetched.
        let revision = digest(&index);
        report.building(reason::NEW_REVISION, &format!("new upstream revision '{revision}'"));
        Ok(Got::New(Box::new(New {
            file: format!("{}.tar.gz", revision.trim_start_matches("sha256:")),
            told: told(&revision, index.len()),
            revision,
            content: Content::Tree(Arc::new(tree)),
            metadata: Vec::new(),
            observed: vec![("observedIgnore", ignore)],
            fixed: "latest.tar.gz",
        })))
    }

    /// The storage. Those of clouds have logins of their own, which are not there yet.
    async fn object_store(&self, spec: &Bucket) -> Result<Box<dyn ObjectStore>, SourceOutcome> {
        let refuse =
            |reason: &str, message: String| Err(fail(FailureOf::Fetch, reason, message, FailureClass::Stalling));
        if spec.provider != CloudProvider::Generic {
            return refuse(
                reason::INVALID_PROVIDER_CONFIGURATION,
                format!(
                    "provider {:?} is not served by this version: use the provider generic with static keys",
                    spec.provider.as_str()
                ),
            );
        }
        if spec.has_sts {
            let message = "spec.sts is not served by this version: use static keys in spec.secretRef".to_owned();
            return refuse(reason::INVALID_STS_CONFIGURATION, message);
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        if spec.endpoint.is_empty() || !spec.endpoint.chars().all(is_host) {
            let message = format!("endpoint {:?} is not '<host>' or '<host>:<port>'", spec.endpoint);
            return refuse(reason::URL_INVALID, message);
        }
        let denied = |e: String| fetch_failed(reason::AUTHENTICATION_FAILED, e);
        let (shared, namespace) = (&self.shared, &spec.meta.namespace);
        let keys = match &spec.secret {
            None => None,
            Some(name) => {
                let secret = shared.secret(namespace, name).await.map_err(denied)?;
                let both = (text(&secret, "accesskey").map_err(denied)?, text(&secret, "secretkey").map_err(denied)?);
                let (Some(access), Some(secret)) = both else {
                    // Compat(flux 2.9): its words.
                    let why = "required fields 'accesskey' and 'secretkey'";
                    return Err(denied(format!("invalid '{name}' secret data: {why}")));
                };
                Some(Keys { access, secret: secret.into() })
            }
        };
        let (certificates, proxy) = (spec.cert_secret.as_deref(), spec.proxy_secret.as_deref());
        let options = shared.way_out(namespace, certificates, proxy).await.map_err(denied)?;
        let client = shared.outbound.clients.get(&options).map_err(|e| denied(e.to_string()))?;
        Ok(Box::new(S3 {
            client,
            endpoint: spec.endpoint.clone(),
            bucket: spec.bucket.clone(),
            region: if spec.region.is_empty() { "us-east-1".to_owned() } else { spec.region.clone() },
            insecure: spec.insecure,
            keys,
        }))
    }
}

/// The objects that are not left out. Compat(flux 2.9): neither files of version control nor anything
/// else is left out unless a rule says so.
async fn list(store: &dyn ObjectStore, spec: &Bucket) -> Result<Index, String> {
    let bucket = &spec.bucket;
    let missing = |e: Error| match e.kind() {
        ErrorKind::RepositoryNotFound => format!("bucket '{bucket}' not found"),
        _ => format!("indexation of objects from bucket '{bucket}' failed: {e}"),
    };
    let listed = store.list(&spec.prefix).await.map_err(missing)?;
    let rules = store.get(IGNORE_FILE, MOST_IGNORE_BYTES).await;
    let rules = rules.map_err(|e| format!("failed to get Etag for '{IGNORE_FILE}' object: {e}"))?;
    let mut patterns = rules.map_or_else(Vec::new, |(content, _)| parse_patterns(&String::from_utf8_lossy(&content)));
    patterns.extend(parse_patterns(spec.ignore.as_deref().unwrap_or_default()));
    let is_left_out = |key: &str| {
        let path: Vec<&str> = key.split('/').collect();
        patterns.iter().rev().find_map(|p: &Pattern| p.verdict(&path, false)).unwrap_or_default()
    };
    let kept = listed.into_iter().filter(|o| !o.key.ends_with('/') && o.key != IGNORE_FILE && !is_left_out(&o.key));
    Ok(kept.map(|o| (o.key, o.etag)).collect())
}

/// `sha256:` of a line `key etag` for each object, by key.
fn digest(index: &Index) -> String {
    let mut hash = Sha256::new();
    for (key, etag) in index {
        hash.update(format!("{key} {etag}\n"));
    }
    format!("sha256:{}", hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>())
}

type Gotten = (String, TreePath, Result<Option<(Bytes, String)>, Error>);

async fn get(store: &dyn ObjectStore, key: String, path: TreePath) -> Gotten {
    let got = store.get(&key, MOST_OBJECT_BYTES).await;
    (key, path, got)
}

async fn fetch(store: &dyn ObjectStore, spec: &Bucket, index: &mut Index) -> Result<MemoryTree, String> {
    let failed = |e: String| format!("fetch from bucket '{}' failed: {e}", spec.bucket);
    let to_path = |key: &String| match TreePath::new(key) {
        Ok(path) => Ok((key.clone(), path)),
        Err(e) => Err(failed(format!("failed to resolve path for '{key}' object: {e}"))),
    };
    let paths: Vec<(String, TreePath)> = index.keys().map(to_path).collect::<Result<_, _>>()?;
    let gets: Vec<_> = paths.into_iter().map(|(key, path)| get(store, key, path).boxed()).collect();
    let mut gets = stream::iter(gets).buffer_unordered(CONCURRENT);
    let (mut tree, mut size) = (MemoryTree::builder(), 0u64);
    while let Some((key, path, got)) = gets.next().await {
        let got = got.map_err(|e| failed(format!("failed to get '{key}' object: {e}")))?;
        let Some((content, etag)) = got else {
            index.remove(&key);
            continue;
        };
        size += content.len() as u64;
        if size > MOST_BYTES {
            return Err(failed(format!("more than {MOST_BYTES} bytes")));
        }
        tree.file(&path, File::new(&*content)).map_err(|e| failed(e.to_string()))?;
        index.insert(key, etag);
    }
    Ok(tree.build())
}
