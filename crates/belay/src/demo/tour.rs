//! The story, unattended: a folder of manifests goes through everything that a cluster meets.
//!
//! Each step says what it did, what it saw and how long that took. A step that does not hold is told
//! and the tour goes on; it holds as a whole only if every step did.

mod application;
mod chart;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_cluster::{DeleteOptions, Patch, Resource, WriteOptions};
use belay_object::{Condition, Object, ObjectKey, Value, object};
use belay_plan::Inventory;

use super::DemoArgs;
use super::git::{commit_and_push, git};
use super::stage::{INSTALL, Stage};
use belay_cli::outln;

/// How long a step may take before it counts as not held.
const PATIENCE: Duration = Duration::from_secs(30);

struct Tour<'a> {
    stage: &'a Stage,
    path: String,
    steps: usize,
    failed: usize,
}

/// Goes through the story; gives whether every step held.
pub async fn tour(stage: &Stage, args: &DemoArgs) -> Result<bool> {
    let began = Instant::now();
    let mut tour = Tour { stage, path: args.path.clone(), steps: 0, failed: 0 };
    tour.install().await?;
    tour.everything_ready().await;
    tour.change_in_git().await;
    tour.drift().await;
    tour.prune().await;
    tour.broken_manifest().await;
    tour.suspend_and_resume().await;
    tour.delete().await;
    tour.chart().await;
    tour.application().await;
    outln!(
        "\n{} steps, {} held, {} did not, in {:.1} s",
        tour.steps,
        tour.steps - tour.failed,
        tour.failed,
        began.elapsed().as_secs_f64()
    );
    Ok(tour.failed == 0)
}

impl Tour<'_> {
    /// Prints how a step went.
    fn held(&mut self, what: &str, began: Instant, result: Result<String>) {
        self.steps += 1;
        let took = began.elapsed().as_millis();
        match result {
            Ok(seen) => outln!("✔ {what} ({took} ms): {seen}"),
            Err(e) => {
                self.failed += 1;
                outln!("✗ {what} ({took} ms): {e:#}");
            }
        }
    }

    async fn install(&mut self) -> Result<()> {
        let (stage, name, path) = (self.stage, self.stage.name.clone(), self.path.clone());
        for words in ["check --pre", INSTALL] {
            let began = Instant::now();
            let result = stage.belay(words).await.map(|()| "done".to_owned());
            self.held(words, began, result);
        }
        stage.start_controllers().await?;
        for (what, words) in [
            (
                "create source",
                format!("create source git {name} --url={} --branch=master --interval=1s", stage.git_url),
            ),
            (
                "create kustomization",
                format!(
                    "create kustomization {name} --source={name} --prune=true --interval=1m --target-namespace={name} --path={path}"
                ),
            ),
        ] {
            let began = Instant::now();
            let result = stage.belay(&words).await.map(|()| "ready".to_owned());
            self.held(what, began, result);
        }
        Ok(())
    }

    async fn everything_ready(&mut self) {
        let began = Instant::now();
        let result = eventually(async || {
            let deployments = self.live("Deployment").await?;
            let ready =
                deployments.iter().filter(|d| belay_health::check(d, jiff::Timestamp::now()).is_current()).count();
            if ready < deployments.len() || deployments.is_empty() {
                bail!("{ready} of {} Deployments are ready", deployments.len());
            }
            Ok(format!("{ready} Deployments are ready, {} objects in the inventory", self.inventory().await?.len()))
        })
        .await;
        self.held("everything becomes ready", began, result);
    }

    /// A Service is made a LoadBalancer in Git.
    async fn change_in_git(&mut self) {
        let began = Instant::now();
        let result = async {
            let (file, name) = self.manifest("Service", |n| n.contains("front"))?;
            edit(&file, |o| o.kind() == "Service" && o.name() == name, |o| o.set(&["spec", "type"], "LoadBalancer"))?;
            let commit = commit_and_push(&self.stage.work, &format!("{name}: give it an address"))?;
            let address = eventually(async || {
                let service = self.one("Service", &name).await?;
                let ingress = service.at(&["status", "loadBalancer", "ingress"]).map_or(&[][..], Value::items);
                let ip = ingress.first().and_then(|i| i.str_at(&["ip"])).context("it has no address yet")?;
                Ok(ip.to_owned())
            })
            .await?;
            Ok(format!("commit {} made Service/{name} a LoadBalancer with address {address}", &commit[..7]))
        }
        .await;
        self.held("a change in Git reaches the cluster", began, result);
    }

    async fn drift(&mut self) {
        let names: Vec<String> = match self.live("Deployment").await {
            Ok(all) => all.iter().map(|d| d.name().to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        let Some(name) = names.first().cloned() else { return };
        let began = Instant::now();
        let result = async {
            let before = self.one("Deployment", &name).await?.uid().to_owned();
            let resource = self.resource("Deployment").await?;
            self.stage.cluster.delete(&resource, &self.stage.name, &name, &DeleteOptions::default()).await?;
            let gone = Instant::now();
            eventually(async || {
                let uid = self.one("Deployment", &name).await?.uid().to_owned();
                if uid == before { bail!("it is the old one still") } else { Ok(()) }
            })
            .await?;
            Ok(format!("Deployment/{name} was deleted and is back after {} ms", gone.elapsed().as_millis()))
        }
        .await;
        self.held("a deleted Deployment comes back", began, result);

        let name = names.last().cloned().unwrap_or(name);
        let began = Instant::now();
        let result = async {
            let replicas = |o: &Object| o.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
            let wanted = replicas(&self.one("Deployment", &name).await?);
            self.patch("Deployment", &name, object! { "spec" => object! { "replicas" => wanted + 3 } }).await?;
            let edited = Instant::now();
            eventually(async || {
                let now = replicas(&self.one("Deployment", &name).await?);
                if now != wanted { bail!("it has {now} replicas") } else { Ok(()) }
            })
            .await?;
            Ok(format!(
                "Deployment/{name} was scaled to {} and is at {wanted} again after {} ms",
                wanted + 3,
                edited.elapsed().as_millis()
            ))
        }
        .await;
        self.held("an edited replica count is put right", began, result);
    }

    async fn prune(&mut self) {
        let began = Instant::now();
        let result = async {
            let (file, name) = self.manifest("Service", |n| !n.contains("front"))?;
            edit_documents(&file, |all| all.retain(|o| !(o.kind() == "Service" && o.name() == name)))?;
            let left = documents(&file)?.len();
            if left == 0 {
                std::fs::remove_file(&file)?;
                self.unlist(&file)?;
            }
            let commit = commit_and_push(&self.stage.work, &format!("remove Service {name}"))?;
            eventually(async || {
                let resource = self.resource("Service").await?;
                match self.stage.cluster.find(&resource, &self.stage.name, &name).await? {
                    None => Ok(()),
                    Some(_) => bail!("it is still there"),
                }
            })
            .await?;
            self.applied(&commit).await?;
            Ok(format!("commit {} removed Service/{name} from the cluster", &commit[..7]))
        }
        .await;
        self.held("what is removed from Git is pruned", began, result);
    }

    async fn broken_manifest(&mut self) {
        let began = Instant::now();
        let mut touched_before = Vec::new();
        let result = async {
            touched_before = self.versions().await?;
            let (file, _) = self.manifest("Deployment", |_| true)?;
            let text = std::fs::read_to_string(&file)?;
            std::fs::write(&file, format!("{text}\n  this: is: not: yaml\n   - at all\n"))?;
            commit_and_push(&self.stage.work, "break something")?;
            let file_name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            let message = eventually(async || {
                let ready = self.ready().await?;
                if ready.status != belay_object::ConditionStatus::False || !ready.message.contains(&file_name) {
                    bail!("Ready is {} with {:?}", ready.status.as_str(), ready.message)
                }
                Ok(ready.message)
            })
            .await?;
            if self.versions().await? != touched_before {
                bail!("objects of the cluster were touched");
            }
            Ok(format!(
                "Ready is False: {}; nothing in the cluster was touched",
                message.lines().next().unwrap_or_default()
            ))
        }
        .await;
        self.held("a broken manifest is told and touches nothing", began, result);

        let began = Instant::now();
        let result = async {
            git(&self.stage.work, &["revert", "--no-edit", "HEAD"])?;
            git(&self.stage.work, &["push", "-q", "origin", "HEAD:master"])?;
            let head = git(&self.stage.work, &["rev-parse", "HEAD"])?;
            self.applied(&head).await?;
            Ok(format!("commit {} is applied", &head[..7]))
        }
        .await;
        self.held("its revert heals", began, result);
    }

    async fn suspend_and_resume(&mut self) {
        let name = self.stage.name.clone();
        let began = Instant::now();
        let result = async {
            self.stage.belay(&format!("suspend kustomization {name}")).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let (file, deployment) = self.manifest("Deployment", |_| true)?;
            edit(
                &file,
                |o| o.kind() == "Deployment" && o.name() == deployment,
                |o| o.set_annotation("tour", "suspended"),
            )?;
            let head = commit_and_push(&self.stage.work, "annotate while suspended")?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            if self.one("Deployment", &deployment).await?.annotation("tour").is_some() {
                bail!("it was applied while suspended");
            }
            self.stage.belay(&format!("resume kustomization {name}")).await?;
            self.applied(&head).await?;
            Ok(format!("commit {} waited and was applied on resume", &head[..7]))
        }
        .await;
        self.held("suspend holds, resume catches up", began, result);
    }

    async fn delete(&mut self) {
        let name = self.stage.name.clone();
        let began = Instant::now();
        let result = async {
            let inventory = self.inventory().await?;
            self.stage.belay(&format!("delete kustomization {name} --silent")).await?;
            eventually(async || {
                let mut left = Vec::new();
                for entry in inventory.entries() {
                    let resource = self.stage.cluster.resolve(&entry.key.kind).await?;
                    if self.stage.cluster.find(&resource, &entry.key.namespace, &entry.key.name).await?.is_some() {
                        left.push(entry.key.to_string());
                    }
                }
                if left.is_empty() { Ok(()) } else { bail!("still there: {}", left.join(", ")) }
            })
            .await?;
            Ok(format!("{} objects are gone", inventory.len()))
        }
        .await;
        self.held("deleting the Kustomization removes what it made", began, result);
    }

    async fn resource(&self, kind: &str) -> Result<std::sync::Arc<Resource>> {
        let catalog = self.stage.cluster.catalog().await?;
        catalog.find_name(&kind.to_lowercase()).cloned().with_context(|| format!("no resource {kind}"))
    }

    async fn one(&self, kind: &str, name: &str) -> Result<Object> {
        let resource = self.resource(kind).await?;
        Ok(self.stage.cluster.get(&resource, &self.stage.name, name).await?)
    }

    async fn patch(&self, kind: &str, name: &str, patch: Value) -> Result<()> {
        let resource = self.resource(kind).await?;
        self.patch_in(&resource, &self.stage.name, name, patch).await
    }

    async fn patch_in(&self, resource: &Resource, namespace: &str, name: &str, patch: Value) -> Result<()> {
        let options = WriteOptions { field_manager: "kubectl-edit".into(), ..WriteOptions::default() };
        self.stage.cluster.patch(resource, namespace, name, &Patch::Merge(patch), &options).await?;
        Ok(())
    }

    async fn kustomization(&self) -> Result<Object> {
        let kind = &belay_flux::names::KUSTOMIZATION;
        let resource = Resource::known(kind.group, kind.version, kind.kind, kind.plural, true);
        Ok(self.stage.cluster.get(&resource, belay_flux::names::DEFAULT_NAMESPACE, &self.stage.name).await?)
    }

    async fn ready(&self) -> Result<Condition> {
        Condition::find(&self.kustomization().await?, "Ready").context("it has no Ready condition")
    }

    async fn inventory(&self) -> Result<Inventory> {
        let object = self.kustomization().await?;
        Ok(Inventory::read(object.at(&["status", "inventory"]).context("it has no inventory")?)?)
    }

    /// The live objects of one kind in the inventory.
    async fn live(&self, kind: &str) -> Result<Vec<Object>> {
        let mut all = Vec::new();
        for entry in self.inventory().await?.entries().iter().filter(|e| *e.key.kind.kind == *kind) {
            all.push(self.one(kind, &entry.key.name).await?);
        }
        Ok(all)
    }

    /// Generation and uid of every object: what an apply would change.
    async fn versions(&self) -> Result<Vec<(ObjectKey, String, i64)>> {
        let mut all = Vec::new();
        for entry in self.inventory().await?.entries() {
            let resource = self.stage.cluster.resolve(&entry.key.kind).await?;
            let object = self.stage.cluster.get(&resource, &entry.key.namespace, &entry.key.name).await?;
            all.push((entry.key.clone(), object.uid().to_owned(), object.generation()));
        }
        Ok(all)
    }

    async fn applied(&self, commit: &str) -> Result<()> {
        eventually(async || {
            let object = self.kustomization().await?;
            let revision = object.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default().to_owned();
            let ready =
                Condition::find(&object, "Ready").is_some_and(|c| c.status == belay_object::ConditionStatus::True);
            if ready && revision.ends_with(commit) { Ok(()) } else { bail!("the applied revision is {revision}") }
        })
        .await
    }

    fn dir(&self) -> PathBuf {
        self.stage.work.join(self.path.trim_start_matches("./"))
    }

    /// The file and name of a manifest of a kind, preferably one that `wanted` likes.
    fn manifest(&self, kind: &str, wanted: impl Fn(&str) -> bool) -> Result<(PathBuf, String)> {
        let mut second = None;
        for file in yaml_files(&self.dir())? {
            for object in documents(&file).unwrap_or_default() {
                if object.kind() == kind && wanted(object.name()) {
                    return Ok((file, object.name().to_owned()));
                }
                if object.kind() == kind {
                    second = Some((file.clone(), object.name().to_owned()));
                }
            }
        }
        second.with_context(|| format!("there is no {kind} in {}", self.dir().display()))
    }

    /// Takes a removed file out of every kustomization that lists it.
    fn unlist(&self, file: &Path) -> Result<()> {
        for kustomization in yaml_files(&self.dir())? {
            if !kustomization.ends_with("kustomization.yaml") {
                continue;
            }
            let Some(dir) = kustomization.parent() else { continue };
            let Ok(relative) = file.strip_prefix(dir) else { continue };
            let relative = relative.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&kustomization)?;
            let kept: Vec<&str> = text
                .lines()
                .filter(|l| l.trim().trim_start_matches("- ").trim_start_matches("./") != relative)
                .collect();
            std::fs::write(&kustomization, kept.join("\n") + "\n")?;
        }
        Ok(())
    }
}

/// Looks again and again until it holds; the last failure is told when time is up.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(e) if Instant::now() >= deadline => {
                return Err(e.context(format!("not within {} s", PATIENCE.as_secs())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with(".git") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn documents(file: &Path) -> Result<Vec<Object>> {
    let text = std::fs::read_to_string(file)?;
    let values = belay_yaml::parse_documents(&text, &belay_yaml::Options::v2())?;
    Ok(values.into_iter().filter_map(|v| Object::new(v).ok()).collect())
}

fn edit_documents(file: &Path, change: impl FnOnce(&mut Vec<Object>)) -> Result<()> {
    let mut all = documents(file)?;
    change(&mut all);
    let text: Vec<String> = all.iter().map(|o| belay_yaml::to_yaml(o.value())).collect();
    std::fs::write(file, text.join("---\n"))?;
    Ok(())
}

fn edit(file: &Path, which: impl Fn(&Object) -> bool, change: impl Fn(&mut Object)) -> Result<()> {
    edit_documents(file, |all| all.iter_mut().filter(|o| which(o)).for_each(&change))
}
