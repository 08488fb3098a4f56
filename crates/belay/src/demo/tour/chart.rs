//! The part of the story that a chart goes through: installed, upgraded, a failing upgrade rolled back,
//! drift repaired, uninstalled. The chart is a folder of the same repository.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use belay_cluster::Resource;
use belay_object::{Condition, ConditionStatus, Object, Value, object};

use super::super::git::commit_and_push;
use super::{Tour, eventually};

/// The chart's folder in the repository, and the name of its release.
const FOLDER: &str = "charts/broker";
const RELEASE: &str = "broker";

/// The chart: file and content.
const BROKER: &[(&str, &str)] = &[
    ("Chart.yaml", include_str!("../broker/Chart.yaml")),
    ("values.yaml", include_str!("../broker/values.yaml")),
    ("templates/_helpers.tpl", include_str!("../broker/templates/_helpers.tpl")),
    ("templates/config.yaml", include_str!("../broker/templates/config.yaml")),
    ("templates/deployment.yaml", include_str!("../broker/templates/deployment.yaml")),
    ("templates/service.yaml", include_str!("../broker/templates/service.yaml")),
    ("templates/migrate.yaml", include_str!("../broker/templates/migrate.yaml")),
    ("templates/NOTES.txt", include_str!("../broker/templates/NOTES.txt")),
];

impl Tour<'_> {
    /// Goes through the steps of the chart.
    pub(super) async fn chart(&mut self) {
        let began = Instant::now();
        let result = self.chart_installed().await;
        self.held("a chart is installed", began, result);

        let began = Instant::now();
        let result = self.chart_upgraded().await;
        self.held("a commit upgrades it", began, result);

        let began = Instant::now();
        let result = self.chart_rolled_back().await;
        self.held("a failing upgrade is rolled back", began, result);

        let began = Instant::now();
        let result = self.chart_healed().await;
        self.held("the next commit upgrades it again", began, result);

        let began = Instant::now();
        let result = self.chart_drifts().await;
        self.held("what is edited of a release is put right", began, result);

        let began = Instant::now();
        let result = self.chart_uninstalled().await;
        self.held("deleting the HelmRelease uninstalls it", began, result);
    }

    async fn chart_installed(&self) -> Result<String> {
        for (file, content) in BROKER {
            let path = self.stage.work.join(FOLDER).join(file);
            std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            std::fs::write(path, content)?;
        }
        let commit = commit_and_push(&self.stage.work, "a chart for the broker")?;
        self.fetched(&commit).await?;
        let name = &self.stage.name;
        self.stage
            .belay(&format!(
                "create helmrelease {RELEASE} --source=GitRepository/{name} --chart={FOLDER} --reconcile-strategy=Revision \
                 --chart-interval=1s --interval=1m --release-name={RELEASE} --target-namespace={name} --create-target-namespace"
            ))
            .await?;
        // The command has no flags for these.
        let more = object! { "spec" => object! {
            "driftDetection" => object! { "mode" => "enabled" },
            "upgrade" => object! {
                "timeout" => "2s",
                "remediation" => object! { "retries" => 0, "remediateLastFailure" => true },
            },
        } };
        let resource = helm_releases();
        self.patch_in(&resource, belay_flux::names::DEFAULT_NAMESPACE, RELEASE, more).await?;
        self.released(1).await?;
        let job = self.one("Job", &format!("{RELEASE}-migrate")).await?;
        let succeeded = job.at(&["status", "succeeded"]).and_then(Value::as_i64).unwrap_or_default();
        if succeeded != 1 {
            bail!("its hook Job/{} succeeded {succeeded} times", job.name());
        }
        Ok(format!("release {name}/{RELEASE} is at revision 1, its pre-install hook ran once"))
    }

    async fn chart_upgraded(&self) -> Result<String> {
        let commit = self.commit_values("replicas: 1", "replicas: 2", "two brokers")?;
        self.released(2).await?;
        let replicas = replicas(&self.one("Deployment", RELEASE).await?);
        if replicas != 2 {
            bail!("it has {replicas} replicas");
        }
        Ok(format!("commit {} made revision 2 with 2 replicas", &commit[..7]))
    }

    async fn chart_rolled_back(&self) -> Result<String> {
        // Images with this tag cannot be pulled from the demo's nodes.
        let commit = self.commit_values("tag: 3.2.0", "tag: broken", "an image that does not exist")?;
        let told = eventually(async || {
            let ready = self.release_condition("Ready").await?;
            match ready.status == ConditionStatus::False && ready.reason == "RollbackSucceeded" {
                true => Ok(ready.message),
                false => bail!("Ready is {} with {}: {}", ready.status.as_str(), ready.reason, ready.message),
            }
        })
        .await?;
        let image = image(&self.one("Deployment", RELEASE).await?);
        if !image.ends_with(":3.2.0") {
            bail!("the Deployment has the image {image}");
        }
        Ok(format!("commit {} did not become ready; {told}", &commit[..7]))
    }

    async fn chart_healed(&self) -> Result<String> {
        let commit = self.commit_values("tag: broken", "tag: 3.2.1", "an image that exists")?;
        // 3 was the failure, 4 the rollback.
        self.released(5).await?;
        let image = image(&self.one("Deployment", RELEASE).await?);
        if !image.ends_with(":3.2.1") {
            bail!("the Deployment has the image {image}");
        }
        Ok(format!("commit {} made revision 5", &commit[..7]))
    }

    async fn chart_drifts(&self) -> Result<String> {
        self.patch("ConfigMap", RELEASE, object! { "data" => object! { "topics" => "none" } }).await?;
        let edited = Instant::now();
        eventually(async || {
            let map = self.one("ConfigMap", RELEASE).await?;
            match map.str_at(&["data", "topics"]) {
                Some("orders,payments") => Ok(()),
                topics => bail!("its topics are {topics:?}"),
            }
        })
        .await?;
        let took = edited.elapsed().as_millis();
        self.released(5).await?;
        Ok(format!("ConfigMap/{RELEASE} was edited and is right again after {took} ms, at revision 5 still"))
    }

    async fn chart_uninstalled(&self) -> Result<String> {
        self.stage.belay(&format!("delete helmrelease {RELEASE} --silent")).await?;
        eventually(async || {
            for (kind, name) in [("Deployment", RELEASE), ("Service", RELEASE), ("ConfigMap", RELEASE)] {
                let resource = self.resource(kind).await?;
                if self.stage.cluster.find(&resource, &self.stage.name, name).await?.is_some() {
                    bail!("{kind}/{name} is still there");
                }
            }
            let secrets = self.resource("Secret").await?;
            let of_release = format!("owner=helm,name={RELEASE}");
            let options = belay_cluster::ListOptions { labels: of_release, ..Default::default() };
            match self.stage.cluster.list(&secrets, "", &options).await?.items.len() {
                0 => Ok(()),
                left => bail!("{left} records are still there"),
            }
        })
        .await?;
        Ok("its objects and its records are gone".to_owned())
    }

    /// Waits until the source has a commit: before, there is no chart in it.
    async fn fetched(&self, commit: &str) -> Result<()> {
        let kind = &belay_flux::names::GIT_REPOSITORY;
        let resource = Resource::known(kind.group, kind.version, kind.kind, kind.plural, true);
        eventually(async || {
            let namespace = belay_flux::names::DEFAULT_NAMESPACE;
            let source = self.stage.cluster.get(&resource, namespace, &self.stage.name).await?;
            let revision = source.str_at(&["status", "artifact", "revision"]).unwrap_or_default();
            if revision.ends_with(commit) { Ok(()) } else { bail!("the source is at {revision}") }
        })
        .await
    }

    /// Changes the chart's values by a commit.
    fn commit_values(&self, from: &str, to: &str, message: &str) -> Result<String> {
        let file = self.stage.work.join(FOLDER).join("values.yaml");
        let text = std::fs::read_to_string(&file)?;
        if !text.contains(from) {
            bail!("{} has no {from:?}", file.display());
        }
        std::fs::write(&file, text.replacen(from, to, 1))?;
        commit_and_push(&self.stage.work, message)
    }

    async fn release(&self) -> Result<Object> {
        Ok(self.stage.cluster.get(&helm_releases(), belay_flux::names::DEFAULT_NAMESPACE, RELEASE).await?)
    }

    async fn release_condition(&self, kind: &str) -> Result<Condition> {
        Condition::find(&self.release().await?, kind).with_context(|| format!("it has no condition {kind}"))
    }

    /// Waits until the release is ready at a revision.
    async fn released(&self, revision: i64) -> Result<()> {
        eventually(async || {
            let release = self.release().await?;
            let newest = release.at(&["status", "history"]).map_or(&[][..], Value::items).first().cloned();
            let newest = newest.unwrap_or_default();
            let version = newest.at(&["version"]).and_then(Value::as_i64).unwrap_or_default();
            let status = newest.str_at(&["status"]).unwrap_or_default();
            let ready = Condition::find(&release, "Ready").context("it has no Ready condition")?;
            let is_current = ready.observed_generation == release.generation();
            match is_current && ready.status == ConditionStatus::True && (version, status) == (revision, "deployed") {
                true => Ok(()),
                false => {
                    bail!("revision {version} is {status:?}; Ready is {}: {}", ready.status.as_str(), ready.message)
                }
            }
        })
        .await
    }
}

fn helm_releases() -> std::sync::Arc<Resource> {
    let kind = &belay_flux::names::HELM_RELEASE;
    Resource::known(kind.group, kind.version, kind.kind, kind.plural, true)
}

fn replicas(deployment: &Object) -> i64 {
    deployment.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or_default()
}

fn image(deployment: &Object) -> String {
    let containers = deployment.at(&["spec", "template", "spec", "containers"]).map_or(&[][..], Value::items);
    containers.first().and_then(|c| c.str_at(&["image"])).unwrap_or_default().to_owned()
}
