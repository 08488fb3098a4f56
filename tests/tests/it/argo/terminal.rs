//! Somebody at a terminal who uses Argo CD's commands: on a cluster, by a kubeconfig, or through a server.

use std::process::ExitCode;

use belay_cli::args::{ClusterCli, parse_from};

use super::world::*;

pub struct Terminal {
    pub world: World,
    pub folder: tempfile::TempDir,
    /// What their command lines begin and end with.
    begin: Vec<String>,
    end: Vec<String>,
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '1'}\n";
const SECOND: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '2'}\n";

impl Terminal {
    /// A world with a repository that holds the ConfigMap `a` in the folder `app`.
    pub async fn open() -> Terminal {
        let world = World::with_files(&[("app/a.yaml", MAP)]).await;
        Terminal { world, folder: tempfile::tempdir().unwrap(), begin: vec!["belay".into()], end: Vec::new() }
    }
    /// Begins every command line with words.
    pub fn begin(&mut self, words: &[&str]) {
        self.begin.extend(words.iter().map(|word| (*word).to_owned()));
    }
    /// Ends every command line with words.
    pub fn end(&mut self, words: &[&str]) {
        self.end.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// Runs `belay WORDS...`; it ends with a status.
    pub async fn ends(&self, words: &str, status: u8) {
        let own = words.split_whitespace().map(str::to_owned);
        let line = self.begin.iter().cloned().chain(own).chain(self.end.iter().cloned());
        let cli: ClusterCli = parse_from(line).unwrap_or_else(|e| panic!("{words}: {e}"));
        let code = belay_cli::run(cli.global, cli.command).await;
        assert_eq!(code, ExitCode::from(status), "{words}");
    }

    /// An Application is made, synced, looked at, mended, and rolled back.
    pub async fn one_is_made_and_rolled_back(&self) {
        let (at, world, url) = (self, &self.world, self.world.git.url());
        let create = format!(
            "app create one --repo {url} --path app --dest-server https://kubernetes.default.svc --dest-namespace shop --set-finalizer"
        );
        at.ends(&create, 0).await;
        // The same again is no change; another is refused, unless it is asked for.
        at.ends(&create, 0).await;
        at.ends(&format!("{create} --revision main"), 20).await;
        at.ends(&format!("{create} --revision main --upsert"), 0).await;
        world.is("one", "OutOfSync Missing").await;
        at.ends("app diff one", 1).await;
        at.ends("app sync one --timeout 60", 0).await;
        world.is("one", "Synced Healthy Succeeded").await;
        assert_eq!(world.data("a", "key").as_deref(), Some("1"));
        at.ends("app diff one", 0).await;
        for words in [
            "app list",
            "app list -o name -p default",
            "app list -o json",
            "app get one",
            "app get argocd/one -o tree=detailed",
            "app get one -o yaml",
            "app get one --refresh --show-operation",
            "app history one",
            "app resources one",
            "app resources one --orphaned",
            "app manifests one",
            "app manifests one --source live",
            "app actions list one",
            "app wait one --health --sync --timeout 60",
            "app get-resource one --kind ConfigMap --filter-fields metadata.name,data",
        ] {
            at.ends(words, 0).await;
        }
        at.ends("app get-resource one --kind Secret", 20).await;
        at.ends("app remove-source one --source-position 1", 20).await;
        // A difference is one.
        world.patch(MAPS, "a", "{data: {key: theirs}}");
        world.is("one", "OutOfSync").await;
        at.ends("app diff one", 1).await;
        at.ends("app diff one --exit-code=false", 0).await;
        at.ends("app sync one --resource :ConfigMap:a --timeout 60", 0).await;
        assert_eq!(world.data("a", "key").as_deref(), Some("1"));
        let second = world.push(&[("app/a.yaml", Some(SECOND))]).await;
        world.at("one", &second).await;
        at.ends("app sync one --timeout 60", 0).await;
        assert_eq!(world.data("a", "key").as_deref(), Some("2"));
        at.ends("app rollback one --timeout 60", 0).await;
        assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    }

    /// It syncs by itself, and goes.
    pub async fn one_syncs_by_itself_and_goes(&self) {
        let (at, world) = (self, &self.world);
        at.ends("app set one --sync-policy automated --self-heal", 0).await;
        world.is("one", "Synced Healthy Succeeded").await;
        assert_eq!(world.data("a", "key").as_deref(), Some("2"));
        // Automated it is not rolled back.
        at.ends("app rollback one 0", 20).await;
        at.ends("app terminate-op one", 20).await;
        at.ends("app get nobody", 20).await;
        at.ends("app delete one --yes --wait", 0).await;
        assert!(world.get(APPLICATIONS, "one").is_none() && world.get(MAPS, "a").is_none());
    }
}
