//! What the demo plays on: the servers, the controllers, the repository.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use belay_apiserver::{Options as ServerOptions, Server, Serving, Tls, controllers};
use belay_cli::{ClusterCommand, Global};
use belay_cluster::{Cluster, Patch, Resource, WriteOptions};
use belay_controller::Leadership;
use belay_flux::{Controllers, Options, Settings};
use belay_object::object;
use belay_source::git_http::{GitServer, GitServerOptions};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::DemoArgs;
use super::git::{commit_and_push, copy_folder, git};
use crate::api;
use crate::rivals::Rivals;
use belay_cli::outln;

/// Argo CD's namespace.
pub const ARGOCD: &str = "argocd";
/// Installs the definitions of both systems: the controllers run in this process.
pub const INSTALL: &str = "install --crds-only --systems=flux,argocd";

/// The sample shop: file and content.
const SHOP: &[(&str, &str)] = &[
    ("kustomization.yaml", include_str!("shop/kustomization.yaml")),
    ("settings.yaml", include_str!("shop/settings.yaml")),
    ("storefront.yaml", include_str!("shop/storefront.yaml")),
    ("catalog.yaml", include_str!("shop/catalog.yaml")),
    ("cart.yaml", include_str!("shop/cart.yaml")),
    ("payments.yaml", include_str!("shop/payments.yaml")),
];

/// The controllers of both systems.
struct Running {
    flux: Controllers,
    argocd: belay_argo::controller::Controllers,
    /// Argo CD's API; it ends with this.
    _api: JoinSet<Infallible>,
}

/// How often repositories of Applications are looked at.
const LOOK_EVERY: &str = "2s";

/// The stage.
pub struct Stage {
    pub cluster: Cluster,
    pub api: String,
    /// Where Argo CD's API is served once the controllers run.
    pub argocd_api: String,
    pub kubeconfig: PathBuf,
    pub git_url: String,
    pub work: PathBuf,
    /// The namespace and name of what is applied.
    pub name: String,
    controllers: Mutex<Option<Running>>,
    argocd_listener: Mutex<Option<TcpListener>>,
    storage: PathBuf,
    _serving: Serving,
    _git: GitServer,
    _folder: Option<tempfile::TempDir>,
}

impl Stage {
    /// Starts the servers and fills the repository; the controllers start when the definitions are there.
    pub async fn set(args: &DemoArgs) -> Result<Stage> {
        let (root, folder) = match &args.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let folder = tempfile::Builder::new().prefix("belay-demo-").tempdir()?;
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        std::fs::create_dir_all(&root)?;
        let server = Server::new(ServerOptions {
            controllers: Some(controllers::Options::default()),
            ..ServerOptions::default()
        });
        let listener = TcpListener::bind(("127.0.0.1", args.port))
            .await
            .with_context(|| format!("cannot listen on port {}", args.port))?;
        let serving = server.serve(listener, Some(Tls::generate(&[])?))?;
        let argocd_listener = api::bind("127.0.0.1:0", &api::ApiFlags::default()).await?;
        let kubeconfig = root.join("kubeconfig");
        serving.write_kubeconfig(&kubeconfig)?;
        let repositories = root.join("git");
        std::fs::create_dir_all(&repositories)?;
        let served = GitServer::start(GitServerOptions::open(&repositories)).await?;
        let name = match &args.repo {
            None => "shop".to_owned(),
            Some(dir) => name_of(dir, &args.path)?,
        };
        let git_url = served.url(&format!("{name}.git"));
        let work = root.join("work");
        fill(args, &repositories.join(format!("{name}.git")), &work, &git_url)?;
        Ok(Stage {
            cluster: Cluster::from_service("demo", server.clone()),
            api: serving.url(),
            argocd_api: format!("http://{}/api/v1", argocd_listener.local_addr()?),
            argocd_listener: Mutex::new(Some(argocd_listener)),
            kubeconfig,
            git_url,
            work,
            name,
            controllers: Mutex::default(),
            storage: root.join("storage"),
            _serving: serving,
            _git: served,
            _folder: folder,
        })
    }

    /// Starts the controllers; the definitions must be there.
    pub async fn start_controllers(&self) -> Result<()> {
        self.hurry().await?;
        let rivals = Rivals::default();
        let flux = Controllers::start(Options {
            cluster: self.cluster.clone(),
            settings: Settings { claimed_elsewhere: rivals.seen_by_flux(), ..Settings::default() },
            leadership: Leadership::unopposed(),
            storage: self.storage.clone(),
            artifacts: ([127, 0, 0, 1], 0).into(),
            advertised: String::new(),
            egress: belay_net::Egress::default(),
        })
        .await?;
        rivals.flux_keeps(flux.keeper());
        let (mirrors, views) = (api::mirrors(&self.storage.join("argocd"))?, api::views(&self.cluster));
        let argocd = belay_argo::controller::Controllers::start(belay_argo::controller::Options {
            cluster: self.cluster.clone(),
            settings: belay_argo::controller::Settings {
                claimed_elsewhere: rivals.seen_by_argocd(),
                ..belay_argo::controller::Settings::new(ARGOCD)
            },
            leadership: Leadership::unopposed(),
            mirrors: mirrors.clone(),
            views: Some(views.clone()),
            outside: belay_cli::helm::outside,
        })
        .await?;
        rivals.argocd_keeps(argocd.keeper());
        let mut serving = JoinSet::new();
        if let Some(listener) = self.argocd_listener.lock().await.take() {
            let (cluster, namespace) = (self.cluster.clone(), ARGOCD.to_owned());
            let ground = api::Ground { cluster, namespace, application_namespaces: Vec::new(), views, mirrors };
            serving.spawn(async move { api::serve(listener, &api::ApiFlags::default(), ground, |_| {}).await });
        }
        *self.controllers.lock().await = Some(Running { flux, argocd, _api: serving });
        Ok(())
    }

    /// Has repositories of Applications looked at often: a commit shows while one waits for it.
    async fn hurry(&self) -> Result<()> {
        let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
        let data = object! { "timeout.reconciliation" => LOOK_EVERY, "timeout.reconciliation.jitter" => "0s" };
        let patch = Patch::Merge(object! { "data" => data });
        let options = WriteOptions { field_manager: "belay-demo".into(), ..WriteOptions::default() };
        self.cluster.patch(&maps, ARGOCD, belay_argo::names::CONFIG, &patch, &options).await?;
        Ok(())
    }

    /// Runs a command of the command line as a person would: `belay WORDS...`.
    pub async fn belay(&self, words: &str) -> Result<()> {
        outln!("  $ belay {words}");
        let words = words.split_whitespace();
        let kubeconfig = self.kubeconfig.display().to_string();
        let line = ["belay", "--kubeconfig", &kubeconfig].into_iter().chain(words);
        let cli = belay_cli::args::parse_from::<crate::Cli, _>(line)?;
        let crate::Command::Cluster(command) = cli.command else { bail!("no command for a cluster") };
        self.carry_out(cli.global, *command).await
    }

    async fn carry_out(&self, global: Global, command: ClusterCommand) -> Result<()> {
        let code = belay_cli::run(global, command).await;
        if code != std::process::ExitCode::SUCCESS {
            bail!("the command failed");
        }
        Ok(())
    }

    /// Installs the definitions, starts the controllers, and has the sample applied.
    pub async fn apply_sample(&self, args: &DemoArgs) -> Result<()> {
        self.belay(INSTALL).await?;
        self.start_controllers().await?;
        let (name, url) = (&self.name, &self.git_url);
        self.belay(&format!("create source git {name} --url={url} --branch=master --interval=2s")).await?;
        let path = &args.path;
        self.belay(&format!(
            "create kustomization {name} --source={name} --prune=true --interval=1m --wait=true --target-namespace={name} --path={path}"
        ))
        .await
    }

    /// Ends the controllers; the servers end with the stage.
    pub async fn strike(self) {
        if let Some(controllers) = self.controllers.lock().await.take() {
            let patience = Duration::from_secs(2);
            tokio::join!(controllers.flux.stop(patience), controllers.argocd.stop(patience));
        }
    }
}

/// A name for what is applied, from the folder's: lower case, letters, digits and dashes.
fn name_of(dir: &Path, path: &str) -> Result<String> {
    let last = path.trim_matches(['.', '/']).rsplit('/').next().unwrap_or_default().to_owned();
    let folder = dir.canonicalize().with_context(|| format!("{} is no folder", dir.display()))?;
    let text = match last.is_empty() {
        true => folder.file_name().and_then(|n| n.to_str()).unwrap_or("app").to_owned(),
        false => last,
    };
    let name: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let name = name.trim_matches('-').to_owned();
    Ok(if name.is_empty() { "app".into() } else { name })
}

fn fill(args: &DemoArgs, bare: &Path, work: &Path, url: &str) -> Result<()> {
    if bare.exists() {
        if work.join(".git").exists() {
            git(work, &["remote", "set-url", "origin", url])?;
            return Ok(());
        }
        bail!("{} holds a repository without its working copy: give another --dir", bare.display());
    }
    std::fs::create_dir_all(bare)?;
    git(bare, &["init", "-q", "--bare"])?;
    git(bare, &["config", "http.receivepack", "true"])?;
    std::fs::create_dir_all(work)?;
    git(work, &["init", "-q"])?;
    git(work, &["config", "user.name", "You"])?;
    git(work, &["config", "user.email", "you@shop.example"])?;
    git(work, &["checkout", "-q", "-B", "master"])?;
    match &args.repo {
        Some(dir) => copy_folder(dir, work)?,
        None => {
            for (file, content) in SHOP {
                std::fs::write(work.join(file), content)?;
            }
        }
    }
    // The server answers only while the runtime runs, and this blocks: the first push goes to the folder.
    git(work, &["remote", "add", "origin", &bare.display().to_string()])?;
    commit_and_push(work, "The beginning")?;
    git(work, &["remote", "set-url", "origin", url])?;
    git(work, &["branch", "-q", "--set-upstream-to=origin/master"]).ok();
    Ok(())
}
