//! From a chart and values to the record of a new revision: rendered, post-rendered, labelled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_cluster::{Cluster, ErrorKind, ListOptions};
use belay_engine::release::begun;
use belay_helm::manifest::{Hook, Manifest};
use belay_helm::release::{ApplyMethod, Release, change};
use belay_helm::{
    Capabilities, Chart, KubeVersion, Limits, Lookup, Outside, ReleaseInfo, RenderOptions, Rendered, TemplateCache,
};
use belay_kustomize::BuildOptions;
use belay_object::{GroupVersionKind, Map, Object, Value, object};
use belay_tree::{MemoryTree, TreePath};

use crate::names;
use crate::spec::{HelmRelease, ImageOverride, Patch};

/// Where a document is remembered to have come from while it goes through a kustomization.
const ORIGIN: &str = "postrenderer.belay.dev/document";
/// How long a template may look an object up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a render goes by.
pub(crate) struct Request {
    pub chart: Arc<Chart>,
    pub values: Map,
    pub revision: u32,
    pub is_upgrade: bool,
    pub first_deployed: Option<String>,
    pub method: ApplyMethod,
    pub skip_schema: bool,
    pub capabilities: Capabilities,
    /// Where templates may look objects up; nothing is found without one.
    pub cluster: Option<Cluster>,
    pub cache: Arc<TemplateCache>,
}

/// Renders on a thread of its own. The error is Helm's sentence.
pub(crate) async fn record(spec: &HelmRelease, request: Request) -> Result<Release, String> {
    let spec = spec.clone();
    let handle = tokio::runtime::Handle::current();
    let rendered = tokio::task::spawn_blocking(move || render(&spec, request, handle)).await;
    rendered.unwrap_or_else(|e| Err(format!("the renderer stopped: {e}")))
}

fn render(spec: &HelmRelease, request: Request, handle: tokio::runtime::Handle) -> Result<Release, String> {
    let limits = Limits::default();
    let told = |e: belay_helm::Error| e.to_string();
    request.chart.check_installable(&request.values).map_err(told)?;
    let release = ReleaseInfo {
        name: spec.release_name.clone(),
        namespace: spec.namespace.clone(),
        revision: request.revision,
        is_upgrade: request.is_upgrade,
    };
    let options = RenderOptions {
        release: &release,
        capabilities: &request.capabilities,
        limits: &limits,
        cache: Some(&request.cache),
        skip_schema: request.skip_schema,
        sub_notes: false,
    };
    let deadline = Instant::now() + limits.render_time;
    let outside = Outside {
        now_unix_ns: jiff::Timestamp::now().as_nanosecond(),
        random: Some(Box::new(|bytes: &mut [u8]| {
            // Without the system's randomness there are no secrets to be made.
            getrandom::fill(bytes).unwrap_or_else(|e| panic!("the system gives no randomness: {e}"));
        })),
        check: Some(Box::new(move || match Instant::now() < deadline {
            true => Ok(()),
            false => Err("the templates take too long".to_owned()),
        })),
        lookup: request.cluster.map(|cluster| {
            Arc::new(ClusterLookup { cluster: cluster.with_timeout(LOOKUP_TIMEOUT), handle }) as Arc<dyn Lookup>
        }),
    };
    let rendered = belay_helm::render(&request.chart, &request.values, &options, outside).map_err(told)?;
    let processed = belay_helm::processed(&request.chart, &request.values).map_err(told)?;
    let mut record = Release::new(&spec.release_name, &spec.namespace, request.revision, &processed);
    record.config = request.values;
    record.info.notes.clone_from(&rendered.notes);
    (record.manifest, record.hooks) = post_render(spec, rendered)?;
    record.apply_method = Some(request.method);
    begun(&mut record, request.first_deployed.as_deref());
    Ok(record)
}

/// One document on its way through the post-renderers.
struct Document {
    objects: Vec<Object>,
    is_hook: bool,
}

/// Post-renders: kustomizations in their order, common metadata, then the labels of the owner.
fn post_render(spec: &HelmRelease, rendered: Rendered) -> Result<(String, Vec<Hook>), String> {
    let manifests: Vec<Manifest> = rendered.manifests.into_iter().filter(|m| !m.kind.is_empty()).collect();
    let mut hooks = rendered.hooks;
    let texts = manifests
        .iter()
        .map(|m| (&m.path, &m.content, false))
        .chain(hooks.iter().map(|h| (&h.path, &h.manifest, true)));
    let mut documents = Vec::new();
    for (path, text, is_hook) in texts {
        let objects =
            change::objects(text).map_err(|e| format!("error while running post render on files: {path}: {e}"))?;
        documents.push(Document { objects, is_hook });
    }
    match spec.post_render_strategy.as_str() {
        "nohooks" => run(spec, &mut documents, |d| !d.is_hook)?,
        "separate" => {
            run(spec, &mut documents, |d| !d.is_hook)?;
            run(spec, &mut documents, |d| d.is_hook)?;
        }
        _ => run(spec, &mut documents, |_| true)?,
    }
    let mut manifest = String::new();
    for (of, document) in manifests.iter().zip(&documents) {
        for object in &document.objects {
            manifest.push_str(&format!("---\n# Source: {}\n{}", of.path, belay_yaml::to_yaml(object.value())));
        }
    }
    for (hook, document) in hooks.iter_mut().zip(documents.iter().skip(manifests.len())) {
        hook.manifest =
            document.objects.iter().map(|o| belay_yaml::to_yaml(o.value())).collect::<Vec<_>>().join("---\n");
    }
    Ok((manifest, hooks))
}

fn run(spec: &HelmRelease, documents: &mut [Document], takes: impl Fn(&Document) -> bool) -> Result<(), String> {
    for (patches, images) in &spec.post_renderers {
        kustomize(documents, &takes, patches, images)
            .map_err(|e| format!("error while running post render on files: {e}"))?;
    }
    for object in documents.iter_mut().filter(|d| takes(d)).flat_map(|d| &mut d.objects) {
        if let Some(common) = &spec.common {
            common.labels.iter().for_each(|(k, v)| object.set_label(k, v));
            common.annotations.iter().for_each(|(k, v)| object.set_annotation(k, v));
        }
        mark(spec, object);
    }
    Ok(())
}

/// Labels an object with the HelmRelease that it is of.
pub(crate) fn mark(spec: &HelmRelease, object: &mut Object) {
    object.set_label(&format!("{}/name", names::HELM_GROUP), &spec.meta.name);
    object.set_label(&format!("{}/namespace", names::HELM_GROUP), &spec.meta.namespace);
}

fn kustomize(
    documents: &mut [Document],
    takes: impl Fn(&Document) -> bool,
    patches: &[Patch],
    images: &[ImageOverride],
) -> Result<(), String> {
    let mut all = Vec::new();
    for (i, document) in documents.iter_mut().enumerate().filter(|(_, d)| takes(d)) {
        for mut object in document.objects.drain(..) {
            object.set_annotation(ORIGIN, &i.to_string());
            all.push(object);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let patches = patches.iter().map(|p| {
        let mut patch = object! { "patch" => p.patch.as_str() };
        if let Some(target) = &p.target {
            patch.set(&["target"], crate::lower::selector(target));
        }
        patch
    });
    let images = images.iter().map(|i| {
        let mut image = object! { "name" => i.name.as_str() };
        for (field, text) in [("newName", &i.new_name), ("newTag", &i.new_tag), ("digest", &i.digest)] {
            if !text.is_empty() {
                image.set(&[field], text.as_str());
            }
        }
        image
    });
    let kustomization = object! {
        "apiVersion" => "kustomize.config.k8s.io/v1beta1",
        "kind" => "Kustomization",
        "resources" => Value::from(vec![Value::from("all.yaml")]),
        "patches" => patches.collect::<Value>(),
        "images" => images.collect::<Value>(),
    };
    let tree = MemoryTree::from_files([
        ("kustomization.yaml", belay_yaml::to_yaml(&kustomization)),
        ("all.yaml", belay_yaml::to_yaml_documents(all.iter().map(Object::value))),
    ]);
    let tree = tree.map_err(|e| e.to_string())?;
    let built =
        belay_kustomize::build(&tree, &TreePath::root(), &BuildOptions::default()).map_err(|e| e.to_string())?;
    for mut object in built.objects {
        let origin = object.annotation(ORIGIN).and_then(|i| i.parse::<usize>().ok());
        object.remove(&["metadata", "annotations", ORIGIN]);
        if object.annotations().is_some_and(Map::is_empty) {
            object.remove(&["metadata", "annotations"]);
        }
        let Some(document) = origin.and_then(|i| documents.get_mut(i)) else {
            return Err(format!("{} comes from no document of the chart", object.key()));
        };
        document.objects.push(object);
    }
    Ok(())
}

/// What charts may know of a cluster.
pub(crate) async fn capabilities(cluster: &Cluster) -> Result<Capabilities, belay_cluster::Error> {
    let version = cluster.raw(http::Method::GET, "/version", None).await?;
    let text = |field: &str| version.str_at(&[field]).unwrap_or_default().to_owned();
    let catalog = cluster.catalog().await?;
    let mut versions = std::collections::BTreeSet::new();
    for resource in catalog.resources() {
        versions.insert(resource.api_version());
        versions.insert(format!("{}/{}", resource.api_version(), resource.kind));
    }
    let offline = Capabilities::offline();
    let version = text("gitVersion");
    let kube_version = match KubeVersion::parse(&version) {
        Ok(parsed) => KubeVersion { version, major: text("major"), minor: text("minor"), ..parsed },
        Err(_) => offline.kube_version.clone(),
    };
    Ok(Capabilities { kube_version, api_versions: versions.into_iter().collect(), ..offline })
}

/// Looks objects up for templates, with the rights of the release.
struct ClusterLookup {
    cluster: Cluster,
    handle: tokio::runtime::Handle,
}

impl Lookup for ClusterLookup {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let kind = GroupVersionKind::from_api_version(api_version, kind);
        let look = async {
            let resource = match self.cluster.resolve_version(&kind).await {
                Ok(resource) => resource,
                Err(e) if e.kind() == ErrorKind::UnknownKind => return Ok(Value::object()),
                Err(e) => return Err(e),
            };
            if !name.is_empty() {
                let found = self.cluster.find(&resource, namespace, name).await?;
                return Ok(found.map_or_else(Value::object, Object::into_value));
            }
            let list = self.cluster.list(&resource, namespace, &ListOptions::default()).await?;
            let items: Value = list.items.into_iter().map(Object::into_value).collect();
            Ok(object! {
                "apiVersion" => resource.api_version(),
                "kind" => format!("{}List", resource.kind),
                "metadata" => object! { "resourceVersion" => list.resource_version },
                "items" => items,
            })
        };
        self.handle.block_on(look).map_err(|e: belay_cluster::Error| e.to_string())
    }
}
