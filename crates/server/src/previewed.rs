//! [`Sources`] over argo's one-off comparison: asked anew each time under the configuration of the moment,
//! over mirrors that are kept. Manifests that were made a moment ago are not made again ([`crate::remembered`]).

use std::sync::Arc;
use std::time::Duration;

use belay_argo::controller::Config;
use belay_argo::controller::preview::Preview;
use belay_argo::manifests::Details;
use belay_argo::repositories::Repository;
use belay_argo::spec::{Application, Source, SourceType};
use belay_object::{Value, object};
use belay_yaml::{Options, parse_value};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::message::Message;
use crate::remembered::Remembered;
use crate::{Error, ManifestsOf, Rendered, SourceDetails, Sources};

/// How old a listing of a repository's refs may be where a fresh one is not asked for.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Branches, or tags, that are told.
const MOST_REFS: usize = 20_000;

/// What the sources of an installation hold.
pub struct Previewed {
    preview: Preview,
    remembered: Remembered,
}

impl Previewed {
    /// Of an installation, over the mirrors of a preview that was opened for it.
    pub fn new(preview: Preview) -> Previewed {
        Previewed { preview, remembered: Remembered::default() }
    }

    async fn render(&self, config: Arc<Config>, of: ManifestsOf) -> Result<Arc<Rendered>, Error> {
        if let Some(known) = self.remembered.get(&config, &of) {
            return Ok(known);
        }
        let app = Application::read(&of.application)?;
        let preview = self.preview.configured(config.clone());
        let refused = |why: String| Error::precondition(format!("failed to generate manifests: {why}"));
        let place = preview.destination(&app).await.map_err(refused)?;
        let made = preview.render(&app, &place, &app.spec.sources(), &of.revisions).await.map_err(refused)?;
        let made = Arc::new(Rendered { objects: made.objects, revisions: made.revisions });
        self.remembered.put(&config, &of, &made);
        Ok(made)
    }

    async fn tell(&self, config: Arc<Config>, of: SourceDetails) -> Result<Value, Error> {
        let preview = self.preview.configured(config);
        match of {
            SourceDetails::RevisionMetadata { source, project, revision } => {
                commit(&preview, &source, &project, &revision).await
            }
            SourceDetails::ChartDetails { source, project, revision } => {
                let text = preview.chart_file(&source, &project, &revision).await.map_err(Error::precondition)?;
                chart(&text)
            }
            SourceDetails::OciMetadata { source, project, revision } => {
                let found = preview.annotations(&source, &project, &revision).await.map_err(Error::precondition)?;
                let told = ARTIFACT.iter().fold(Message::new(), |told, (field, annotation)| {
                    told.text(field, found.get(*annotation).map_or("", String::as_str))
                });
                Ok(told.done())
            }
            SourceDetails::Refs { repository } => {
                let all = preview.refs(&repository, MAX_AGE).await.map_err(Error::precondition)?;
                let of = |begin: &'static str| all.iter().filter_map(move |r| r.name.strip_prefix(begin));
                let told = Message::new().texts("branches", of("refs/heads/").take(MOST_REFS));
                Ok(told.texts("tags", of("refs/tags/").take(MOST_REFS)).done())
            }
            SourceDetails::OciTags { repository } => {
                let all = preview.tags(&repository).await.map_err(Error::precondition)?;
                Ok(Message::new().texts("tags", all.iter().map(String::as_str).take(MOST_REFS)).done())
            }
            SourceDetails::Apps { url, project, revision } => {
                let all = preview.folders(&url, &project, &revision).await.map_err(Error::precondition)?;
                let one = |(path, kind): (String, SourceType)| object! { "path" => path, "type" => kind.as_str() };
                Ok(Message::new().value("items", all.into_iter().map(one).collect()).done())
            }
            SourceDetails::Charts { repository } => {
                let all = preview.charts(&repository).await.map_err(Error::precondition)?;
                let one = |(name, versions): &(String, Vec<String>)| {
                    Message::new().text("name", name).texts("versions", versions.iter().map(String::as_str)).done()
                };
                Ok(Message::new().value("items", all.iter().map(one).collect()).done())
            }
            SourceDetails::AppDetails { application, source } => {
                let others = application.spec.sources();
                let found = preview.details(&application, &source, &others).await;
                Ok(details(&found.map_err(Error::invalid)?))
            }
            SourceDetails::Reach { repository } => reach(&preview, &repository).await,
        }
    }
}

/// What an artifact tells, and by which annotation. Compat(argo 3.5)
const ARTIFACT: [(&str, &str); 6] = [
    ("createdAt", "org.opencontainers.image.created"),
    ("authors", "org.opencontainers.image.authors"),
    ("docsUrl", "org.opencontainers.image.documentation"),
    ("sourceUrl", "org.opencontainers.image.source"),
    ("version", "org.opencontainers.image.version"),
    ("description", "org.opencontainers.image.description"),
];

async fn reach(preview: &Preview, repository: &Repository) -> Result<Value, Error> {
    let reached = preview.reach(repository).await;
    match reached.map_err(|why| Error::precondition(format!("error testing repository connectivity: {why}")))? {
        true => Ok(Value::object()),
        false => Err(Error::unimplemented("a registry of charts has nothing to ask without a chart's name")),
    }
}

async fn commit(preview: &Preview, source: &Source, project: &str, revision: &str) -> Result<Value, Error> {
    let found = preview.commit(&source.repo_url, project, revision, MAX_AGE).await.map_err(Error::precondition)?;
    let commit = found.ok_or_else(|| Error::not_found("the revision is no commit"))?;
    let repository = preview.config().repositories.get(&source.repo_url, project);
    // The commit is told though nobody can list which tags it has.
    let refs = preview.refs(&repository, MAX_AGE).await.unwrap_or_default();
    let tags = refs.iter().filter(|r| r.commit == commit.id).filter_map(|r| r.name.strip_prefix("refs/tags/"));
    let date = Timestamp::from_second(commit.author.time_s).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Message::new()
        .text("author", &format!("{} <{}>", commit.author.name, commit.author.email))
        .always("date", date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .texts("tags", tags.take(MOST_REFS))
        .text("message", &commit.message)
        .done())
}

/// What `Chart.yaml` says of a chart. Compat(argo 3.5): how maintainers are written.
fn chart(text: &str) -> Result<Value, Error> {
    let read = parse_value(text, &Options::v2());
    let chart = read.map_err(|e| Error::precondition(format!("failed to unmarshal chart: {e}")))?;
    let own = |field: &str| chart.str_at(&[field]).unwrap_or_default();
    let maintainer = |one: &Value| {
        let text = |field: &str| one.str_at(&[field]).unwrap_or_default().to_owned();
        match text("email") {
            email if email.is_empty() => text("name"),
            email => format!("{} <{email}>", text("name")).trim().to_owned(),
        }
    };
    let maintainers = chart.get("maintainers").map_or(&[][..], Value::items);
    let maintainers: Vec<String> = maintainers.iter().map(maintainer).collect();
    Ok(Message::new()
        .text("description", own("description"))
        .texts("maintainers", maintainers.iter().map(String::as_str))
        .text("home", own("home"))
        .done())
}

fn details(found: &Details) -> Value {
    let told = Message::new().text("type", found.source_type.as_str());
    match found.source_type {
        SourceType::Helm => {
            let pair = |field: &'static str| {
                move |(name, value): (&String, &String)| Message::new().text("name", name).text(field, value).done()
            };
            let files = found.file_parameters.iter().map(|(name, path)| (name, path));
            let helm = Message::new()
                .texts("valueFiles", found.value_files.iter().map(String::as_str))
                .value("parameters", found.parameters.iter().map(pair("value")).collect())
                .text("values", &found.values)
                .value("fileParameters", files.map(pair("path")).collect());
            told.always("helm", helm.done()).done()
        }
        SourceType::Kustomize => {
            let kustomize = Message::new().texts("images", found.images.iter().map(String::as_str));
            told.always("kustomize", kustomize.done()).done()
        }
        SourceType::Directory => told.always("directory", Value::object()).done(),
        SourceType::Plugin => told.done(),
    }
}

impl Sources for Previewed {
    fn manifests(&self, config: Arc<Config>, of: ManifestsOf) -> BoxFuture<'_, Result<Arc<Rendered>, Error>> {
        self.render(config, of).boxed()
    }
    fn details(&self, config: Arc<Config>, of: SourceDetails) -> BoxFuture<'_, Result<Value, Error>> {
        self.tell(config, of).boxed()
    }
}
