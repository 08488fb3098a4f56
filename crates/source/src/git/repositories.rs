//! Repositories in use: one mirror, one listing of refs and one fetch for all who name the same.

use super::exchange::{Moment, timeout};
use super::job::{Found, Job, State};
use super::mirror::CacheFolder;
use super::objects::ObjectCache;
use super::resolve;
use super::shape::shape;
use super::spec::{Credentials, GitSpec, Reference};
use super::submodules::{Submodule, submodules};
use super::tree::GitTree;
use crate::filtered::KnownTrees;
use crate::{Error, ErrorKind, Fetched, Ref};
use belay_net::{Client, ClientOptions, Egress, Proxy, RemoteUrl, Scheme};
use belay_tree::{Limits, Tree, TreePath};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Submodules within submodules (go-git's own limit is 10).
const SUBMODULE_DEPTH: usize = 10;
/// After this time without a fetch a repository's mirror is dropped.
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// How repositories are fetched.
#[derive(Clone, Debug)]
pub struct RepositoriesOptions {
    /// Folder for mirrors. Each process uses a folder of its own below it, and removes those of
    /// processes that are gone.
    pub cache_dir: PathBuf,
    /// Which addresses may be connected to.
    pub egress: Egress,
    /// Used where a specification names no proxy of its own.
    pub proxy: Option<Proxy>,
    /// Most fetches at the same time; each holds a thread.
    pub concurrency: usize,
    /// Largest pack that is accepted, in bytes.
    pub pack_bytes: u64,
    /// Fetches into a mirror before it is made anew from the remote, at most 100.
    pub packs: usize,
    /// Most refs that a remote may list.
    pub refs: usize,
    /// Memory for objects kept decoded, in bytes.
    pub cache_bytes: usize,
    /// Limits of the trees.
    pub limits: Limits,
}

impl RepositoriesOptions {
    /// Defaults for mirrors below `cache_dir`.
    pub fn new(cache_dir: impl Into<PathBuf>) -> RepositoriesOptions {
        RepositoriesOptions {
            cache_dir: cache_dir.into(),
            egress: Egress::default(),
            proxy: None,
            concurrency: 8,
            pack_bytes: 4 << 30,
            packs: 60,
            refs: 500_000,
            cache_bytes: 16 << 20,
            limits: Limits::default(),
        }
    }
}

/// The repositories in use. Cheap to clone; when the last clone and the last tree are dropped, the
/// mirrors are removed.
#[derive(Clone)]
pub struct Repositories(Arc<Inner>);

struct Inner {
    options: RepositoriesOptions,
    folder: Arc<CacheFolder>,
    cache: Arc<ObjectCache>,
    known: Arc<KnownTrees>,
    open: Mutex<HashMap<Key, Arc<Repository>>>,
    slots: Arc<Semaphore>,
}

/// Who shares a mirror: the same repository seen with the same credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    url: RemoteUrl,
    credentials: Credentials,
    proxy: Option<Proxy>,
}

struct Repository {
    client: Option<Client>,
    /// What was asked for lately, and when.
    asked: Mutex<Asked>,
    state: Arc<tokio::sync::Mutex<State>>,
}

struct Asked {
    references: HashMap<Reference, Moment>,
    last: Instant,
}

impl fmt::Debug for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repositories").field("open", &self.0.open.lock().len()).finish_non_exhaustive()
    }
}

impl Repositories {
    /// Prepares the cache folder (mode 0700).
    pub fn new(options: RepositoriesOptions) -> Result<Repositories, Error> {
        let folder = Arc::new(CacheFolder::create(&options.cache_dir)?);
        Ok(Repositories(Arc::new(Inner {
            cache: Arc::new(ObjectCache::new(options.cache_bytes)),
            known: Arc::default(),
            open: Mutex::default(),
            slots: Arc::new(Semaphore::new(options.concurrency.max(1))),
            folder,
            options,
        })))
    }

    /// Fetches what `spec` wants. Refs that were listed at most `max_age` ago are believed; zero
    /// asks the remote, together with all others who ask at the time.
    ///
    /// A failure leaves earlier [`Fetched`] values as they are: they stay readable for as long as
    /// they are held.
    pub async fn fetch(&self, spec: &GitSpec, max_age: Duration) -> Result<Fetched, Error> {
        let deadline = Instant::now() + spec.timeout;
        let found = self.turn(spec, max_age, deadline, |job, state| job.run(state)).await?;
        let tree = self.tree(spec, &found, deadline, 0).await?;
        Ok(Fetched {
            revision: found.target.revision(),
            tree,
            commit: Some(Arc::new(found.commit())),
            verified: found.verified,
        })
    }

    /// The revision that `spec` means, without fetching it.
    pub async fn resolve(&self, spec: &GitSpec, max_age: Duration) -> Result<String, Error> {
        let deadline = Instant::now() + spec.timeout;
        let target = self.turn(spec, max_age, deadline, |job, state| job.resolve(state)).await?;
        Ok(target.revision())
    }

    /// The branches and tags of the repository of `spec`, by name; which reference that names does not matter.
    /// Nothing is fetched. `max_age` is that of [`Repositories::fetch`].
    pub async fn refs(&self, spec: &GitSpec, max_age: Duration) -> Result<Vec<Ref>, Error> {
        let deadline = Instant::now() + spec.timeout;
        self.turn(spec, max_age, deadline, |job, state| job.refs(state)).await
    }

    /// Waits for a turn at the repository and takes it.
    pub(super) async fn turn<T: Send + 'static>(
        &self,
        spec: &GitSpec,
        max_age: Duration,
        deadline: Instant,
        work: impl FnOnce(&Job, &mut State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let spec = self.check(spec)?;
        let inner = &self.0;
        let repository = self.repository(&spec)?;
        let asked = repository.ask(&spec.reference);
        let late = || timeout().context(format_args!("unable to clone '{}'", spec.url));
        let state = repository.state.clone().lock_owned();
        let mut state = tokio::time::timeout_at(deadline, state).await.map_err(|_| late())?;
        let slot = inner.slots.clone().acquire_owned();
        let slot = tokio::time::timeout_at(deadline, slot).await.map_err(|_| late())?;
        let job = Job {
            client: repository.client.clone(),
            egress: inner.options.egress.clone(),
            cache: inner.cache.clone(),
            folder: inner.folder.clone(),
            others: repository.others(&spec.reference, &asked),
            asked,
            max_age,
            deadline,
            pack_bytes: inner.options.pack_bytes,
            packs: inner.options.packs.min(100),
            refs: inner.options.refs,
            runtime: tokio::runtime::Handle::current(),
            spec,
        };
        // Goes on to its end even if the caller stops waiting, so the state is never half-changed.
        let task = tokio::task::spawn_blocking(move || {
            let outcome = work(&job, &mut state);
            drop(slot);
            outcome
        });
        task.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Storage, "fetching was interrupted")))
    }

    /// Refuses what cannot be fetched before anything is opened.
    fn check(&self, spec: &GitSpec) -> Result<GitSpec, Error> {
        resolve::check(&spec.reference)?;
        let credentials = &spec.credentials;
        let wrong = |text: &str| Err(Error::new(ErrorKind::Credentials, text));
        if credentials.basic.is_some() && credentials.bearer.is_some() {
            return wrong("basic auth and bearer token cannot be set at the same time");
        }
        if spec.url.scheme() == Scheme::Ssh {
            match &credentials.ssh {
                None => return wrong("invalid 'ssh' auth option: 'identity' is required"),
                Some(ssh) if ssh.known_hosts.trim().is_empty() => {
                    return wrong("invalid 'ssh' auth option: 'known_hosts' is required");
                }
                Some(_) => {}
            }
        }
        let mut spec = spec.clone();
        if spec.proxy.is_none() {
            spec.proxy.clone_from(&self.0.options.proxy);
        }
        Ok(spec)
    }

    fn repository(&self, spec: &GitSpec) -> Result<Arc<Repository>, Error> {
        let key = Key { url: spec.url.clone(), credentials: spec.credentials.clone(), proxy: spec.proxy.clone() };
        let mut open = self.0.open.lock();
        if let Some(repository) = open.get(&key) {
            return Ok(repository.clone());
        }
        open.retain(|_, repository| repository.asked.lock().last.elapsed() < IDLE);
        let client = match spec.url.scheme() {
            Scheme::Http | Scheme::Https => Some(self.client(spec)?),
            Scheme::Ssh | Scheme::File => None,
        };
        let asked = Mutex::new(Asked { references: HashMap::new(), last: Instant::now() });
        let repository = Arc::new(Repository { client, asked, state: Arc::default() });
        open.insert(key, repository.clone());
        Ok(repository)
    }

    fn client(&self, spec: &GitSpec) -> Result<Client, Error> {
        let options = ClientOptions {
            extra_roots: spec.credentials.ca.clone(),
            identity: spec.credentials.tls.clone(),
            proxy: spec.proxy.clone(),
            egress: self.0.options.egress.clone(),
            ..ClientOptions::default()
        };
        Ok(options.build()?)
    }

    /// All files of a commit, as Git has them.
    pub(super) fn raw_tree(&self, found: &Found) -> Arc<GitTree> {
        Arc::new(GitTree::new(found.store.clone(), found.raw.tree, self.0.options.limits))
    }

    /// Boxed, because submodules have submodules; `depth` bounds it.
    fn tree<'a>(
        &'a self,
        spec: &'a GitSpec,
        found: &'a Found,
        deadline: Instant,
        depth: usize,
    ) -> BoxFuture<'a, Result<Arc<dyn Tree>, Error>> {
        Box::pin(async move {
            let tree = self.raw_tree(found);
            let mut placed = Vec::new();
            if spec.recurse_submodules {
                for submodule in submodules(&tree, &spec.url)? {
                    placed.push(self.submodule(spec, submodule, deadline, depth).await?);
                }
            }
            // A submodule's own ignore files count in the end, as part of the whole.
            if depth > 0 {
                return Ok(plain(tree, placed));
            }
            shape(spec, tree, placed, &self.0.known)
        })
    }

    async fn submodule(
        &self,
        spec: &GitSpec,
        submodule: Submodule,
        deadline: Instant,
        depth: usize,
    ) -> Result<(TreePath, Arc<dyn Tree>), Error> {
        let Submodule { path, url, commit } = submodule;
        if depth >= SUBMODULE_DEPTH {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("submodules are nested deeper than {SUBMODULE_DEPTH}"),
            ));
        }
        // A repository from afar must not read the folders of this machine.
        if url.scheme() == Scheme::File && spec.url.scheme() != Scheme::File {
            return Err(Error::new(ErrorKind::Hostile, format!("submodule {path} names a folder: {url}")));
        }
        // Credentials are for their own origin only (INV-NET-2).
        let same_origin = url.origin() == spec.url.origin();
        let below = GitSpec {
            credentials: if same_origin { spec.credentials.clone() } else { Credentials::default() },
            reference: Reference::Commit { id: commit.to_hex().to_string(), branch: None },
            proxy: spec.proxy.clone(),
            recurse_submodules: true,
            timeout: deadline.saturating_duration_since(Instant::now()),
            ..GitSpec::branch(url, "")
        };
        let told = |error: Error| error.context(format_args!("submodule {path}"));
        let found = self.turn(&below, Duration::MAX, deadline, |job, state| job.run(state)).await.map_err(told)?;
        let tree = self.tree(&below, &found, deadline, depth + 1).await?;
        Ok((path, tree))
    }
}

fn plain(tree: Arc<dyn Tree>, placed: Vec<(TreePath, Arc<dyn Tree>)>) -> Arc<dyn Tree> {
    if placed.is_empty() {
        return tree;
    }
    let overlay = belay_tree::OverlayTree::new(tree);
    Arc::new(placed.into_iter().fold(overlay, |overlay, (path, tree)| overlay.with(path, tree)))
}

impl Repository {
    /// Notes what is asked for, so that whoever takes the next turn asks for it too.
    fn ask(&self, reference: &Reference) -> Moment {
        let now = Moment::now();
        let mut asked = self.asked.lock();
        asked.references.insert(reference.clone(), now);
        asked.last = Instant::now();
        now
    }

    /// What others have asked for since `asked`, and have not been told before this turn. At most
    /// 1,000: a listing of more is better made in full.
    fn others(&self, own: &Reference, asked: &Moment) -> Vec<Reference> {
        let mut all = self.asked.lock();
        all.references.retain(|_, at| at.is_after(asked));
        all.references.keys().filter(|other| *other != own).take(1000).cloned().collect()
    }
}
