//! HelmRepository and HelmChart: an index and archives over HTTP, charts in a registry and in Git.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use belay_object::Object;
use belay_oci::{Artifact, Keychain, Tag};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::releases::helm_repository;
use super::shelf::{archive, client};
use super::world::*;

const REPO: Kind = ("source.toolkit.fluxcd.io/v1", "HelmRepository");
const CHART: Kind = ("source.toolkit.fluxcd.io/v1", "HelmChart");

/// Files over HTTP, to those who know the password if there is one.
pub struct Files {
    pub url: String,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Files {
    pub async fn start(password: &'static str) -> Files {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let served = files.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
                    let wanted = request.headers().get("authorization").and_then(|v| v.to_str().ok());
                    let good = password.is_empty() || wanted == Some(password);
                    let content = served.lock().expect("no holder panics").get(request.uri().path()).cloned();
                    let (status, body) = match (good, content) {
                        (false, _) => (401, Vec::new()),
                        (true, None) => (404, Vec::new()),
                        (true, Some(content)) => (200, content),
                    };
                    let answer = http::Response::builder().status(status).body(Full::new(Bytes::from(body)));
                    async move { answer }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    server.serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        Files { url, files, task }
    }
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.files.lock().expect("no holder panics").insert(path.to_owned(), content.into());
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n";

fn chart_files(name: &str, version: &str) -> Vec<(String, String)> {
    vec![
        (format!("{name}/Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: {version}\n")),
        (format!("{name}/values.yaml"), "replicas: 1\nimage: {tag: a}\n".into()),
        (format!("{name}/values-prod.yaml"), "image: {tag: b}\n".into()),
        (format!("{name}/templates/a.yaml"), TEMPLATE.into()),
    ]
}

fn packed(name: &str, version: &str) -> Vec<u8> {
    let files = chart_files(name, version);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    archive(&files)
}

pub fn index(entries: &[(&str, &str, &str)]) -> String {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    let mut last = "";
    for (name, version, digest) in entries {
        if *name != last {
            text += &format!("  {name}:\n");
            last = name;
        }
        text += &format!("  - created: \"2024-01-02T03:04:05Z\"\n    name: {name}\n    digest: \"{digest}\"\n");
        text += &format!("    urls:\n    - charts/{name}-{version}.tgz\n    version: {version}\n");
    }
    text + "generated: \"2024-01-02T03:04:05Z\"\n"
}

fn chart_of(kind: &str, source: &str, chart: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {{name: shop, namespace: apps}}\n\
         spec:\n  chart: {chart}\n  sourceRef: {{kind: {kind}, name: {source}}}\n  interval: 1h\n  {}\n",
        more.replace('\n', "\n  ")
    )
}

async fn world() -> World {
    let mut w = World::empty().await;
    w.start().await;
    w
}

async fn has(w: &World, kind: Kind, name: &str, revision: &str) -> Object {
    w.until(&format!("{name} has {revision}"), || {
        let object = w.get(kind, "apps", name)?;
        (object.str_at(&["status", "artifact", "revision"]) == Some(revision)).then_some(object)
    })
    .await
}

/// The chart as others get it.
async fn stored(object: &Object) -> belay_helm::Chart {
    let url = object.str_at(&["status", "artifact", "url"]).expect("it is stored");
    let http = belay_net::ClientOptions::default().build().expect("a client");
    let response = http.get(url).expect("a URL").send().await.expect("it is served");
    let bytes = response.read(1 << 20).await.expect("it is small");
    assert_eq!(Some(belay_oci::ContentDigest::of(&bytes).as_str()), object.str_at(&["status", "artifact", "digest"]));
    belay_helm::load_archive(&bytes, &belay_helm::Limits::default()).expect("a chart")
}

#[tokio::test]
async fn a_chart_comes_from_a_repositorys_index() {
    let (w, files) = (world().await, Files::start("").await);
    let charts = [("other", "9.0.0", ""), ("shop", "1.0.0", ""), ("shop", "1.1.0", ""), ("shop", "2.0.0-rc.1", "")];
    files.put("/index.yaml", index(&charts));
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.2.0"] {
        files.put(&format!("/charts/shop-{version}.tgz"), packed("shop", version));
    }
    w.apply(&helm_repository(&files.url, ""));
    w.apply(&chart_of("HelmRepository", "charts", "shop", "version: 1.x"));
    let object = has(&w, CHART, "shop", "1.1.0").await;
    assert_eq!(stored(&object).await.metadata.version, "1.1.0");
    w.quiet().await;
    check(
        &w.status(REPO, "charts"),
        r#"
artifact:
  digest: sha256:DIGEST
  lastUpdateTime: "TIME"
  path: helmrepository/apps/charts/index-HEX.yaml
  revision: sha256:DIGEST
  size: SIZE
  url: http://HOST/helmrepository/apps/charts/index-HEX.yaml
conditions:
- lastTransitionTime: "TIME"
  message: 'stored artifact: revision ''sha256:DIGEST'''
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: Ready
- lastTransitionTime: "TIME"
  message: 'stored artifact: revision ''sha256:DIGEST'''
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: ArtifactInStorage
observedGeneration: 1
url: http://HOST/helmrepository/apps/charts/index.yaml
"#,
    );
    let events = w.events(REPO, "charts");
    assert!(events[0].starts_with("Normal NewArtifact stored fetched index of size "), "{events:?}");
    check(
        &w.status(CHART, "shop"),
        r#"
artifact:
  digest: sha256:DIGEST
  lastUpdateTime: "TIME"
  path: helmchart/apps/shop/shop-1.1.0.tgz
  revision: 1.1.0
  size: SIZE
  url: http://HOST/helmchart/apps/shop/shop-1.1.0.tgz
conditions:
- lastTransitionTime: "TIME"
  message: pulled 'shop' chart with version '1.1.0'
  observedGeneration: 1
  reason: ChartPullSucceeded
  status: "True"
  type: Ready
- lastTransitionTime: "TIME"
  message: pulled 'shop' chart with version '1.1.0'
  observedGeneration: 1
  reason: ChartPullSucceeded
  status: "True"
  type: ArtifactInStorage
observedChartName: shop
observedGeneration: 1
observedSourceArtifactRevision: sha256:DIGEST
url: http://HOST/helmchart/apps/shop/latest.tar.gz
"#,
    );
    let events = w.events(CHART, "shop");
    let told = "Normal ChartPullSucceeded pulled 'shop' chart with version '1.1.0'";
    assert_eq!(events.last().map(String::as_str), Some(told), "{events:?}");
    // A new index wakes the chart.
    files.put("/index.yaml", index(&[("shop", "1.1.0", ""), ("shop", "1.2.0", "")]));
    w.ask(REPO, "charts");
    has(&w, CHART, "shop", "1.2.0").await;
    // Values of other files make a chart of their own.
    w.apply(&chart_of(
        "HelmRepository",
        "charts",
        "shop",
        "version: 1.x\nvaluesFiles: [values.yaml, values-prod.yaml]",
    ));
    let object = has(&w, CHART, "shop", "1.2.0+2").await;
    let chart = stored(&object).await;
    assert_eq!(chart.metadata.version, "1.2.0+2");
    assert_eq!(belay_object::Value::Object((*chart.values).clone()).to_json(), r#"{"image":{"tag":"b"},"replicas":1}"#);
}

#[tokio::test]
async fn what_is_wrong_with_a_repository_or_a_chart_is_told() {
    let (w, files) = (world().await, Files::start("Basic bWU6Z29vZA==").await);
    w.apply(&chart_of("HelmRepository", "charts", "shop", ""));
    let why = w.failed(CHART, "shop", "SourceUnavailable").await;
    assert_eq!(why, "failed to get source: helmrepositories.source.toolkit.fluxcd.io \"charts\" not found");
    w.apply(&helm_repository(&files.url, ""));
    let url = &files.url;
    let why = w.failed(REPO, "charts", "Failed").await;
    assert_eq!(
        why,
        format!("failed to fetch Helm repository index: failed to fetch {url}/index.yaml : 401 Unauthorized")
    );
    w.apply("{apiVersion: v1, kind: Secret, metadata: {name: user, namespace: apps}, stringData: {username: me, password: good}}");
    files.put("/index.yaml", "entries: {}\n");
    w.apply(&helm_repository(url, "secretRef: {name: user}"));
    let why = w.failed(REPO, "charts", "IndexationFailed").await;
    assert_eq!(why, "failed to load Helm repository from index YAML: no API version specified");
    let wrong = "0".repeat(64);
    files.put("/index.yaml", index(&[("shop", "1.0.0", &wrong), ("torn", "1.0.0", "")]));
    files.put("/charts/shop-1.0.0.tgz", packed("shop", "1.0.0"));
    files.put("/charts/torn-1.0.0.tgz", packed("torn", "1.0.0")[..100].to_vec());
    w.ask(REPO, "charts");
    let why = w.failed(CHART, "shop", "ChartPullError").await;
    assert!(why.starts_with("chart pull error: failed to download chart for remote reference: http://"), "{why}");
    assert!(why.ends_with(&format!("the index says sha256:{wrong}")), "{why}");
    w.apply(&chart_of("HelmRepository", "charts", "torn", ""));
    let why = w.failed(CHART, "shop", "ChartPackageError").await;
    let before = "chart package error: failed to load chart metadata from written chart: charts/torn-1.0.0.tgz: ";
    assert!(why.starts_with(&format!("{before}the chart archive is corrupt")), "{why}");
    let before = "invalid chart reference: failed to get chart version for remote reference: ";
    for (chart, version, expected) in [
        ("nothing", "'*'", format!("{before}no chart name found")),
        ("shop", "'> 7'", format!("{before}no 'shop' chart with version matching '> 7' found")),
    ] {
        w.apply(&chart_of("HelmRepository", "charts", chart, &format!("version: {version}")));
        w.until(&expected, || {
            let ready = belay_object::Condition::find(&w.the(CHART, "shop"), "Ready")?;
            (ready.reason == "InvalidChartReference" && ready.message == expected).then_some(())
        })
        .await;
    }
    w.apply(&helm_repository("oci://127.0.0.1:1/charts", ""));
    let why = w.failed(REPO, "charts", "URLInvalid").await;
    assert_eq!(why, "invalid Helm repository URL: 'oci' URL scheme cannot be used with 'default' HelmRepository type");
}

#[tokio::test]
async fn a_chart_comes_from_a_registry_that_lists_nothing() {
    let w = world().await;
    let registry = belay_oci::serve::Registry::start(belay_oci::serve::Access::Open, 100).await.expect("it serves");
    let registry_client = client(&registry, "charts/shop", Keychain::anonymous());
    for version in ["1.0.0", "1.1.0_build.5"] {
        let chart = packed("shop", &version.replace('_', "+"));
        let artifact = Artifact::of_chart(Bytes::from(chart), Bytes::from_static(b"{\"name\":\"shop\"}"));
        artifact.push(&registry_client, &Tag::parse(version).expect("a tag")).await.expect("it is taken");
    }
    w.apply(&helm_repository(&registry.url("charts"), "type: oci"));
    w.until("it has no status", || {
        let object = w.get(REPO, "apps", "charts")?;
        object.get("status").is_none_or(|s| s.as_object().is_some_and(|s| s.is_empty())).then_some(())
    })
    .await;
    w.apply(&chart_of("HelmRepository", "charts", "shop", "version: '>= 1'"));
    let object = has(&w, CHART, "shop", "1.1.0+build.5").await;
    assert_eq!(stored(&object).await.metadata.version, "1.1.0+build.5");
    w.apply(&chart_of("HelmRepository", "charts", "shop", "version: 1.0.0"));
    has(&w, CHART, "shop", "1.0.0").await;
    w.apply(&chart_of("HelmRepository", "charts", "missing", "version: 1.0.0"));
    let why = w.failed(CHART, "shop", "ChartPullError").await;
    assert!(why.starts_with("chart pull error: failed to get chart version for remote reference: "), "{why}");
    let repository = w.the(REPO, "charts");
    assert_eq!(repository.finalizers().count(), 0);
}

#[tokio::test]
async fn a_chart_is_packed_from_a_folder_of_a_source() {
    let mut w = World::empty().await;
    let mut all = chart_files("deploy/shop", "1.0.0");
    all[0].1 = "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- {name: lib, version: 0.x, repository: 'file://../lib'}\n".into();
    all.push(("deploy/lib/Chart.yaml".into(), "apiVersion: v2\nname: lib\nversion: 0.1.0\n".into()));
    all.push(("deploy/shop/.helmignore".into(), "*.txt\n".into()));
    all.push(("deploy/shop/notes.txt".into(), "left out".into()));
    all.push(("prod.yaml".into(), "replicas: 3\n".into()));
    let files: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let revision = w.commit(&files);
    w.apply(&w.repository(""));
    w.start().await;
    w.apply(&chart_of("GitRepository", "repo", "./deploy/shop", ""));
    let object = has(&w, CHART, "shop", "1.0.0").await;
    let first = object.str_at(&["status", "artifact", "digest"]).map(str::to_owned);
    let chart = stored(&object).await;
    assert_eq!(chart.dependencies.iter().map(|d| d.name().to_owned()).collect::<Vec<_>>(), ["lib"]);
    assert!(chart.files.iter().all(|f| &*f.name != "notes.txt"));
    let told = "Normal ChartPackageSucceeded packaged 'shop' chart with version '1.0.0'";
    w.until("it is told", || (w.events(CHART, "shop").last().map(String::as_str) == Some(told)).then_some(())).await;
    // By version alone, another commit is no other chart; the same files give the same archive.
    let second = w.push(&[("elsewhere.yaml", "x: y\n")]).await;
    w.until("the commit is seen", || {
        let object = w.get(CHART, "apps", "shop")?;
        (object.str_at(&["status", "observedSourceArtifactRevision"]) == Some(&second)).then_some(())
    })
    .await;
    assert_eq!(w.the(CHART, "shop").str_at(&["status", "artifact", "digest"]), first.as_deref());
    // By revision it is.
    let more = "reconcileStrategy: Revision\nvaluesFiles: [deploy/shop/values.yaml, prod.yaml, gone.yaml]\nignoreMissingValuesFiles: true";
    w.apply(&chart_of("GitRepository", "repo", "deploy/shop", more));
    let commit = second.rsplit_once(':').expect("a hash").1;
    let object = has(&w, CHART, "shop", &format!("1.0.0+{}.2", &commit[..12])).await;
    let chart = stored(&object).await;
    assert_eq!(chart.values.get("replicas").and_then(|v| v.as_i64()), Some(3));
    let used: Vec<&str> = object
        .at(&["status", "observedValuesFiles"])
        .expect("observed")
        .items()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    assert_eq!(used, ["deploy/shop/values.yaml", "prod.yaml"]);
    assert_ne!(revision, second);
    w.apply(&chart_of("GitRepository", "repo", "deploy/none", "reconcileStrategy: ChartVersion\nvaluesFiles: []"));
    let why = w.failed(CHART, "shop", "InvalidChartReference").await;
    assert_eq!(why, "invalid chart reference: no chart found at 'deploy/none'");
    w.apply(&chart_of(
        "GitRepository",
        "repo",
        "deploy/shop",
        "valuesFiles: [gone.yaml]\nignoreMissingValuesFiles: false",
    ));
    let why = w.failed(CHART, "shop", "ValuesFilesError").await;
    assert_eq!(why, "values files merge error: no values file found at path '/gone.yaml' (reference 'gone.yaml')");
}
