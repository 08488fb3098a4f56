//! Sources to objects: which tool renders a source, and what comes of it.
//!
//! [`Renderer::render`] takes one source with its files and gives [`Manifests`]; [`Renderer::render_all`]
//! takes all of an Application's. What is read is recorded, so that a commit that touches none of it
//! costs no render. [`targets`] makes of the objects what a cluster is compared with: namespaces filled
//! in, repeated objects dropped. Nothing is fetched, no clock asked: trees, time and randomness come
//! from the caller.

mod details;
mod detect;
mod directory;
mod documents;
mod environment;
mod helm;
mod jsonnet;
mod kustomize;
mod targets;
mod value_files;

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_helm::{Outside, TemplateCache};
use belay_object::Object;
use belay_render::{Memo, Rendered, RenderedObject};
use belay_tree::{Digest, DigestBuilder, File, Tree, TreePath};

pub use belay_render::{Error, ErrorKind, Known, Made, Origin};
pub use details::{Details, folders};
pub use environment::Environment;
pub use helm::{Dependencies, WantedChart};
pub(crate) use targets::is_crd;
pub use targets::{Targets, targets};

use crate::spec::{Source, SourceType};

/// The files of a source at a revision. Of a chart from a Helm repository the tree's root is the chart.
#[derive(Clone)]
pub struct SourceFiles {
    /// The files.
    pub tree: Arc<dyn Tree>,
    /// The commit, or the version of the chart.
    pub revision: String,
    /// The repository as the build environment tells it.
    pub repo_url: String,
}

/// The sources that others may name, by their `ref`.
pub type References = BTreeMap<String, SourceFiles>;

/// What of the cluster tools are told.
#[derive(Clone, Debug)]
pub struct ClusterFacts {
    kube_version: String,
    api_versions: Arc<[String]>,
    digest: Digest,
}

impl ClusterFacts {
    /// The version (`v1.33.2`) and what is served: `group/version` and `group/version/Kind`.
    pub fn new(kube_version: impl Into<String>, api_versions: impl IntoIterator<Item = String>) -> ClusterFacts {
        let (kube_version, api_versions): (String, Arc<[String]>) =
            (kube_version.into(), api_versions.into_iter().collect());
        let mut digest = DigestBuilder::new("cluster facts");
        digest.part(&kube_version);
        for version in &*api_versions {
            digest.part(version);
        }
        ClusterFacts { kube_version, api_versions, digest: digest.finish() }
    }
    /// The version.
    pub fn kube_version(&self) -> &str {
        &self.kube_version
    }
}

/// What the settings say of tools.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSettings {
    /// `kustomize.buildOptions`
    pub kustomize_build_options: String,
    /// `helm.enable`
    pub helm_enabled: bool,
    /// `kustomize.enable`
    pub kustomize_enabled: bool,
    /// `jsonnet.enable`
    pub jsonnet_enabled: bool,
    /// `helm.valuesFileSchemes`
    pub values_file_schemes: Vec<String>,
    /// Most bytes of all manifests of a directory; 0 for any number.
    pub max_directory_bytes: u64,
}

impl Default for ToolSettings {
    // Compat(argo 3.5)
    fn default() -> ToolSettings {
        ToolSettings {
            kustomize_build_options: String::new(),
            helm_enabled: true,
            kustomize_enabled: true,
            jsonnet_enabled: true,
            values_file_schemes: vec!["https".into(), "http".into()],
            max_directory_bytes: 10_000_000,
        }
    }
}

/// For whom a source is rendered.
#[derive(Clone, Debug)]
pub struct AppContext {
    /// The Application's name: the release's where the source names none.
    pub name: String,
    /// The name by which its objects are tracked; also that in the build environment.
    pub instance_name: String,
    /// The project.
    pub project: String,
    /// The destination's namespace.
    pub destination_namespace: String,
    /// The cluster.
    pub cluster: Arc<ClusterFacts>,
    /// The settings.
    pub settings: Arc<ToolSettings>,
    /// Values files at URLs that the caller has fetched.
    pub remote_files: Arc<BTreeMap<String, File>>,
}

/// What came of a source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Manifests {
    source_type: SourceType,
    rendered: Option<Arc<Rendered>>,
}

impl Manifests {
    /// The objects in the tool's order, without tracking, namespaces as the tool left them.
    pub fn objects(&self) -> &[RenderedObject] {
        self.rendered.as_ref().map_or(&[], |rendered| &rendered.objects)
    }
    /// What rendered it.
    pub fn source_type(&self) -> SourceType {
        self.source_type
    }
    /// What the tool wants to be known, a sentence each.
    pub fn warnings(&self) -> &[String] {
        self.rendered.as_ref().map_or(&[], |rendered| &rendered.warnings)
    }
    /// Digest of the objects; `None` of a source that renders nothing by its nature.
    pub fn digest(&self) -> Option<Digest> {
        self.rendered.as_ref().map(|rendered| rendered.digest)
    }
}

/// Renders sources.
#[derive(Clone)]
pub struct Renderer {
    memo: Memo,
    tools: Arc<Tools>,
    dependencies: Option<Arc<dyn Dependencies>>,
}

/// What tools need besides the source.
struct Tools {
    outside: Box<dyn Fn() -> Outside + Send + Sync>,
    templates: TemplateCache,
    charts: Arc<belay_render::Charts>,
}

/// One source that is being rendered.
struct Job<'a> {
    source: &'a Source,
    app: &'a AppContext,
    tools: &'a Tools,
    dependencies: Option<&'a dyn Dependencies>,
    /// The source's tree, recorded.
    tree: &'a dyn Tree,
    /// The trees of references by name, recorded.
    references: BTreeMap<&'a str, &'a dyn Tree>,
    /// Where in the tree the source is.
    dir: TreePath,
    environment: Environment,
}

impl Renderer {
    /// A renderer that remembers in `memo` and gives charts the clock and randomness of `outside`,
    /// asked once a chart.
    pub fn new(memo: Memo, outside: impl Fn() -> Outside + Send + Sync + Clone + 'static) -> Renderer {
        let charts = Arc::new(belay_render::Charts::new(outside.clone()));
        let tools = Tools { outside: Box::new(outside), templates: TemplateCache::default(), charts };
        Renderer { memo, tools: Arc::new(tools), dependencies: None }
    }

    /// The same, with what it remembers, and dependencies fetched where a chart does not hold them.
    pub fn fetching(&self, dependencies: Arc<dyn Dependencies>) -> Renderer {
        Renderer { dependencies: Some(dependencies), ..self.clone() }
    }

    /// Renders one source, or remembers a render all of whose reads give the same.
    pub fn render(
        &self,
        source: &Source,
        files: &SourceFiles,
        references: &References,
        app: &AppContext,
    ) -> Result<Manifests, Error> {
        if source.is_ref_only() {
            // Compat(argo 3.5): its type is that of a directory that holds nothing.
            return Ok(Manifests { source_type: SourceType::Directory, rendered: None });
        }
        let asked = Asked::new(source, files, references, app);
        let rendered = self.memo.render_by(asked.key, &asked.trees, |trees| {
            let (tree, others) = trees.split_first().expect("the source's own tree is the first");
            let references = references.keys().map(String::as_str).zip(others.iter().copied()).collect();
            let environment = Environment::new(source, files, app, asked.has_revision);
            let dir = detect::directory(*tree, source)?;
            let (tools, dependencies) = (&*self.tools, self.dependencies.as_deref());
            let job = Job { source, app, tools, dependencies, tree: *tree, references, dir, environment };
            job.make()
        })?;
        let source_type = SourceType::parse(rendered.renderer).unwrap_or_default();
        Ok(Manifests { source_type, rendered: Some(rendered) })
    }

    /// What is known of a render all of whose reads give the same; `None` where it must be made.
    pub fn known(
        &self,
        source: &Source,
        files: &SourceFiles,
        references: &References,
        app: &AppContext,
    ) -> Option<Known> {
        let asked = Asked::new(source, files, references, app);
        self.memo.known_by(asked.key, &asked.trees)
    }

    /// Renders all sources of an Application in order; the error says which one failed.
    pub fn render_all(&self, sources: &[(Source, SourceFiles)], app: &AppContext) -> Result<Vec<Manifests>, Error> {
        let references = references(sources);
        let mut all = Vec::with_capacity(sources.len());
        for (i, (source, files)) in sources.iter().enumerate() {
            let manifests = self.render(source, files, &references, app).map_err(|error| {
                // Compat(argo 3.5)
                let place = format!("failed to generate manifest for source {} of {}", i + 1, sources.len());
                Error::new(error.kind(), format!("{place}: {error}"))
            })?;
            all.push(manifests);
        }
        Ok(all)
    }
}

impl Renderer {
    /// What a source is, by its tool, before an Application is made of it. Nothing of it is remembered.
    pub fn details(
        &self,
        source: &Source,
        files: &SourceFiles,
        references: &References,
        app: &AppContext,
    ) -> Result<Details, Error> {
        let tree = &*files.tree;
        let job = Job {
            source,
            app,
            tools: &self.tools,
            dependencies: self.dependencies.as_deref(),
            tree,
            references: references.iter().map(|(name, files)| (name.as_str(), &*files.tree)).collect(),
            dir: detect::directory(tree, source)?,
            environment: Environment::new(source, files, app, true),
        };
        match detect::overridden(&job)? {
            Some(source) => details::of(&Job { source: &source, ..job }),
            None => details::of(&job),
        }
    }
}

/// The sources that others may name.
pub fn references(sources: &[(Source, SourceFiles)]) -> References {
    let named = sources.iter().filter(|(source, _)| !source.reference.is_empty());
    named.map(|(source, files)| (source.reference.clone(), files.clone())).collect()
}

/// What a render is remembered under, and the trees that it reads.
struct Asked {
    key: Digest,
    trees: Vec<Arc<dyn Tree>>,
    /// Whether the revision is in the key: only where the source asks for it, so that a commit that
    /// changes nothing else renders nothing.
    has_revision: bool,
}

impl Asked {
    fn new(source: &Source, files: &SourceFiles, references: &References, app: &AppContext) -> Asked {
        let text = source.to_value().to_json();
        let has_revision = text.contains("ARGOCD_APP_REVISION");
        let mut key = DigestBuilder::new(concat!("belay argo ", env!("CARGO_PKG_VERSION"), " 1"));
        key.part(&text).part(&files.repo_url).part(if has_revision { &files.revision } else { "" });
        key.part(&app.name).part(&app.instance_name).part(&app.project).part(&app.destination_namespace);
        key.digest(&app.cluster.digest).part(format!("{:?}", app.settings));
        for (url, file) in &*app.remote_files {
            key.part(url).digest(&file.digest());
        }
        let mut trees = vec![files.tree.clone()];
        for (name, files) in references {
            key.part(name);
            trees.push(files.tree.clone());
        }
        Asked { key: key.finish(), trees, has_revision }
    }
}

impl Job<'_> {
    fn make(self) -> Result<Made, Error> {
        match detect::overridden(&self)? {
            Some(source) => Job { source: &source, ..self }.make_merged(),
            None => self.make_merged(),
        }
    }

    fn make_merged(self) -> Result<Made, Error> {
        let source_type = detect::source_type(&self)?;
        let mut made = match source_type {
            SourceType::Directory => directory::render(&self)?,
            SourceType::Helm => helm::render(&self)?,
            SourceType::Kustomize => kustomize::render(&self)?,
            SourceType::Plugin => return Err(no_plugins(self.source)),
        };
        made.renderer = source_type.as_str();
        made.lasts = !self.environment.has_used_unkeyed();
        Ok(made)
    }
}

/// The objects of a text of manifests.
pub fn parse(text: &str) -> Result<Vec<Object>, String> {
    let located = documents::objects(text).map_err(|fault| fault.why)?;
    let expanded = located.into_iter().map(|found| documents::expand(found.object));
    Ok(expanded.collect::<Result<Vec<_>, String>>()?.concat())
}

/// A Kubernetes version without what providers put behind it: `v1.33.2-gke.1` is `1.33.2`. Empty stays
/// empty.
fn bare_kube_version(text: &str) -> Result<String, Error> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let bare = text.trim_start();
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
    let bare = bare[..end].trim_end_matches('.');
    let parts: Vec<&str> = bare.split('.').collect();
    if parts.len() < 2 || parts.iter().any(|part| part.parse::<u32>().is_err()) {
        // Compat(argo 3.5): the first part
        let message = format!("could not parse kubernetes version {text}: expected <major>.<minor>.<patch>");
        return Err(Error::new(ErrorKind::Build, message));
    }
    Ok(bare.to_owned())
}

fn no_plugins(source: &Source) -> Error {
    let name = source.plugin.as_ref().map(|plugin| plugin.name.as_str()).filter(|name| !name.is_empty());
    let message = match name {
        Some(name) => format!("could not find cmp-server plugin with name {name:?} supporting the given repository"),
        None => "could not find plugin supporting the given repository".to_owned(),
    };
    Error::new(ErrorKind::Build, format!("{message}: config management plugins are not run"))
}

#[cfg(test)]
mod tests;
