//! One comparison of one Application, for who runs no controller: what its sources give, what is live, and in
//! which fields the two differ. Nothing is written, nothing watched.
//!
//! What belongs to the Application is known from its status and from what is rendered: a live object that no
//! status lists, and no source renders, is not seen.

mod application_set;
mod repository;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_cluster::{Cluster, ListOptions, Resource};
use belay_object::{GroupKind, Object, ObjectKey};
use belay_render::Memo;
use futures::stream::{self, StreamExt};

use super::charts::Asked;
use super::comparing::{namespace_differs, takeover};
use super::config::{Config, all_secrets};
use super::dependencies::FromRepositories;
use super::integrity::source_name;
use super::mirrors::Mirrors;
use super::patience::Unfetched;
use super::permission::with_globals;
use super::sources::{git_spec, prefixed, remote_values, source_files, trusted};
use super::world::MANAGER;
use crate::clusters::Opening;
use crate::compare::{self, Comparison, Rules};
use crate::differ::{self, Known, Manner};
use crate::ignore::IgnoreRules;
use crate::manifests::{self, AppContext, ClusterFacts, Renderer, SourceFiles};
use crate::names::{PART_OF, SECRET_TYPE, projects};
use crate::spec::{AppCondition, Application, Source};

/// Objects that are asked for at once.
const CONCURRENCY: usize = 16;

/// What is needed to look.
pub struct Preview {
    home: Cluster,
    namespace: String,
    config: Arc<Config>,
    mirrors: Mirrors,
    renderer: Renderer,
}

/// The cluster of an Application.
pub struct Destination {
    /// Its address.
    pub server: String,
    /// To reach it.
    pub cluster: Cluster,
    scopes: HashMap<GroupKind, bool>,
    facts: Arc<ClusterFacts>,
}

/// What sources gave.
pub struct Desired {
    /// The objects, with namespaces and tracking.
    pub objects: Vec<Object>,
    /// The commit of each source.
    pub revisions: Vec<String>,
    /// What is to be known of them.
    pub conditions: Vec<AppCondition>,
}

/// Reads the configuration of an installation once.
pub async fn configuration(cluster: &Cluster, namespace: &str) -> belay_cluster::Result<Config> {
    let part_of = format!("{}={}", PART_OF.0, PART_OF.1);
    let list = async |kind: &str, plural: &str, labels: &str| {
        let options = ListOptions { labels: labels.to_owned(), ..ListOptions::default() };
        let found = cluster.list(&Resource::known("", "v1", kind, plural, true), namespace, &options).await?;
        Ok::<Vec<Arc<Object>>, belay_cluster::Error>(found.items.into_iter().map(Arc::new).collect())
    };
    let maps = list("ConfigMap", "configmaps", &part_of).await?;
    let own = list("Secret", "secrets", &part_of).await?;
    let secrets = all_secrets(own, list("Secret", "secrets", SECRET_TYPE).await?);
    Ok(Config::read(&maps, &secrets, None).0)
}

impl Preview {
    /// Reads the configuration.
    pub async fn open(
        cluster: Cluster,
        namespace: &str,
        mirrors: Mirrors,
        outside: fn() -> belay_helm::Outside,
    ) -> Result<Preview, String> {
        let config = configuration(&cluster, namespace).await.map_err(|e| e.to_string())?;
        let renderer = Renderer::new(Memo::default(), outside);
        Ok(Preview::under(cluster, namespace, Arc::new(config), mirrors, &renderer))
    }

    fn under(home: Cluster, namespace: &str, config: Arc<Config>, mirrors: Mirrors, renderer: &Renderer) -> Preview {
        let known = config.clone();
        let charts = mirrors.charts.clone();
        let renderer = renderer.fetching(Arc::new(FromRepositories { charts, config: move || Some(known.clone()) }));
        Preview { home, namespace: namespace.to_owned(), config, mirrors, renderer }
    }

    /// The same mirrors and memory under another configuration.
    pub fn configured(&self, config: Arc<Config>) -> Preview {
        Preview::under(self.home.clone(), &self.namespace, config, self.mirrors.clone(), &self.renderer)
    }

    /// The commit of a Git repository at a revision; refs that were listed at most `max_age` ago are believed.
    pub async fn commit(
        &self,
        repo_url: &str,
        project: &str,
        revision: &str,
        max_age: Duration,
    ) -> Result<Option<Arc<belay_source::Commit>>, String> {
        let spec = git_spec(&self.config, repo_url, project, revision)?;
        Ok(self.mirrors.repositories.fetch(&spec, max_age).await.map_err(|e| e.to_string())?.commit)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The cluster that an Application goes to.
    pub async fn destination(&self, app: &Application) -> Result<Destination, String> {
        let wanted = &app.spec.destination;
        let entry = self.config.clusters.resolve(&wanted.server, &wanted.name)?;
        let cluster = match entry.connection.opening(false, &belay_net::Egress::default())? {
            Opening::InCluster => self.home.clone(),
            Opening::Kubeconfig(text, allow) => {
                let opened = Cluster::from_kubeconfig_bytes(text.expose(), &allow).await;
                opened.map_err(|e| format!("cluster {:?}: {e}", entry.server))?
            }
        };
        let catalog = cluster.catalog().await.map_err(|e| e.to_string())?;
        let version = cluster.version().await.map_err(|e| e.to_string())?;
        let served: BTreeSet<String> = catalog
            .resources()
            .iter()
            .flat_map(|r| {
                let version = r.api_version();
                [format!("{version}/{}", r.kind), version]
            })
            .collect();
        Ok(Destination {
            server: entry.server.clone(),
            scopes: catalog.resources().iter().map(|r| (r.group_kind(), r.namespaced)).collect(),
            facts: Arc::new(ClusterFacts::new(version, served)),
            cluster,
        })
    }

    /// Renders sources of an Application, each at the revision of `revisions`; where that is empty, at what it
    /// names itself.
    pub async fn render(
        &self,
        app: &Application,
        at: &Destination,
        sources: &[Source],
        revisions: &[String],
    ) -> Result<Desired, String> {
        let project = self.project(app).await?;
        let mut named = Vec::new();
        for (i, source) in sources.iter().enumerate() {
            let revision = revisions.get(i).filter(|r| !r.is_empty()).unwrap_or(&source.target_revision);
            let files = match source.is_chart() || source.is_oci() {
                true => self.fetch(project.name(), source, revision).await?,
                false => self.fetch_trusted(&project, source, revision, source_name(sources, i).as_deref()).await?,
            };
            named.push((source.clone(), files));
        }
        self.make(app, at, named).await
    }

    /// Renders files in the place of a source's.
    pub async fn make(
        &self,
        app: &Application,
        at: &Destination,
        named: Vec<(Source, SourceFiles)>,
    ) -> Result<Desired, String> {
        let instance = app.instance_name(&self.namespace);
        let sources = named.iter().map(|(source, _)| source);
        let remote_files = remote_values(&self.mirrors.charts, &self.config, sources, Duration::ZERO).await?;
        let context = AppContext {
            name: app.name.clone(),
            instance_name: instance.clone(),
            project: app.spec.project().to_owned(),
            destination_namespace: app.spec.destination.namespace.clone(),
            cluster: at.facts.clone(),
            settings: self.config.tools.clone(),
            remote_files: Arc::new(remote_files),
        };
        let revisions = named.iter().map(|(_, files)| files.revision.clone()).collect();
        let renderer = self.renderer.clone();
        let made = tokio::task::spawn_blocking(move || renderer.render_all(&named, &context)).await;
        let made = made.map_err(|e| format!("the renderer stopped: {e}"))?.map_err(|e| e.to_string())?;
        let objects = made.iter().flat_map(|m| m.objects()).map(|r| r.object.clone()).collect();
        let namespace = app.spec.destination.namespace.as_str();
        let scope = |kind: &GroupKind| at.scopes.get(kind).copied();
        let excludes = |group: &str, kind: &str| self.config.excludes(group, kind, &at.server);
        let mut targets = manifests::targets(objects, namespace, &scope, &excludes);
        for object in &mut targets.objects {
            self.config.tracking.stamp(object, &instance, namespace);
        }
        Ok(Desired { objects: targets.objects, revisions, conditions: targets.conditions })
    }

    async fn fetch(&self, project: &str, source: &Source, revision: &str) -> Result<SourceFiles, String> {
        if source.is_chart() || source.is_oci() {
            let repository = self.config.repositories.get(&source.repo_url, project);
            let asked = Asked::of(&self.config, &repository, Duration::ZERO);
            let found = self.mirrors.charts.fetch(source, revision, &asked).await?;
            let repo_url = source.repo_url.clone();
            return Ok(SourceFiles { tree: found.tree, revision: found.revision, repo_url });
        }
        let spec = prefixed(git_spec(&self.config, &source.repo_url, project, revision)?, &source.tag_prefix);
        let fetched = self.mirrors.repositories.fetch(&spec, Duration::ZERO).await.map_err(|e| e.to_string())?;
        Ok(source_files(fetched, source))
    }

    /// Files of Git as the controller would take them: signed as the project wants it.
    async fn fetch_trusted(
        &self,
        project: &Project,
        source: &Source,
        revision: &str,
        name: Option<&str>,
    ) -> Result<SourceFiles, String> {
        let told = |why| match why {
            Unfetched::Refused(why) | Unfetched::Failed(why) => why,
            Unfetched::Busy => "too many wait for the repository".to_owned(),
        };
        let repositories = &self.mirrors.repositories;
        let fetched = trusted(repositories, &self.config, project, source, revision, Duration::ZERO).await;
        let fetched = fetched.map_err(told)?;
        fetched.check(name).map_err(told)?;
        Ok(source_files(fetched.of, source))
    }

    /// The live objects of an Application: those of its status, and those that are desired.
    pub async fn live(
        &self,
        app: &Application,
        at: &Destination,
        desired: &[Object],
    ) -> Result<BTreeMap<ObjectKey, Arc<Object>>, String> {
        let of_status = app.status.resources.iter().filter(|r| !r.hook);
        let of_status = of_status.map(|r| ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name));
        let keys: BTreeSet<ObjectKey> = of_status.chain(desired.iter().map(Object::key)).collect();
        let found: Vec<Result<Option<Object>, String>> = stream::iter(keys)
            .map(|key| async move {
                let Ok(resource) = at.cluster.resolve(&key.kind).await else { return Ok(None) };
                let found = at.cluster.find(&resource, &key.namespace, &key.name).await;
                found.map_err(|e| format!("Failed to load live state: {key}: {e}"))
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut live = BTreeMap::new();
        for object in found {
            if let Some(object) = object? {
                live.insert(object.key(), Arc::new(object));
            }
        }
        Ok(live)
    }

    /// Compares what is desired with what is live.
    pub async fn compare(&self, app: &Application, at: &Destination, desired: Desired) -> Result<Comparison, String> {
        let project = self.project(app).await?;
        let instance = app.instance_name(&self.namespace);
        let mut live = self.live(app, at, &desired.objects).await?;
        let wanted: BTreeSet<ObjectKey> = desired.objects.iter().map(Object::key).collect();
        // What only the status lists counts where it is still this Application's.
        live.retain(|key, object| {
            wanted.contains(key) || self.config.tracking.owner_of(object).is_some_and(|owner| owner.app == instance)
        });
        let pairs = compare::pair(desired.objects, live);
        let ignore = IgnoreRules::compile(&app.spec.ignore_differences)?;
        let manner = Manner {
            manager: MANAGER.to_owned(),
            takeover: takeover(app),
            ignore: self.config.ignore.and(&ignore),
            known_types: self.config.known_types.clone(),
            digest: 0,
        };
        let differences = differ::differences(&pairs.managed, &Known::default(), &at.cluster, &manner).await?;
        let rules = Rules {
            app,
            instance: &instance,
            tracking: &self.config.tracking,
            permits: &|group, kind, namespaced, name| project.permits_kind(group, kind, namespaced, name),
            scope: &|kind| at.scopes.get(kind).copied(),
            health: &|object| self.config.health(object),
            failed: false,
            namespace_differs: namespace_differs(app),
        };
        let mut comparison = compare::judge(pairs, differences, &rules);
        comparison.conditions.extend(desired.conditions);
        Ok(comparison)
    }

    async fn project(&self, app: &Application) -> Result<Project, String> {
        self.project_of(app.spec.project()).await
    }

    async fn project_of(&self, name: &str) -> Result<Project, String> {
        let found = self.home.find(&projects(), &self.namespace, name).await;
        let object = found.map_err(|e| e.to_string())?;
        let object = object.ok_or_else(|| format!("Application referencing project {name} which does not exist"))?;
        let own = Project::read(&object).map_err(|e| e.to_string())?;
        let mut globals = HashMap::new();
        for global in self.config.settings.global_projects.iter().filter(|g| g.adds_to(own.name(), own.labels())) {
            let found = self.home.find(&projects(), &self.namespace, &global.project).await;
            globals
                .extend(found.map_err(|e| e.to_string())?.map(|object| (object.name().to_owned(), Arc::new(object))));
        }
        with_globals(&own, &self.config, |name| globals.get(name).cloned())
    }
}
