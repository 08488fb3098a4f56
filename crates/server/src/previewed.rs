//! [`Sources`] for who runs no controller beside the API: argo's one-off comparison, asked anew each time
//! under the configuration of the moment, over mirrors that are kept.

use std::time::Duration;

use belay_argo::controller::preview::{Preview, configuration};
use belay_argo::spec::Application;
use belay_cluster::Cluster;
use belay_object::{Value, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::call::text;
use crate::{Error, ManifestsOf, Rendered, SourceDetails, Sources};

/// How old a listing of a repository's refs may be where a fresh one is not asked for.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What the sources of an installation hold.
pub struct Previewed {
    cluster: Cluster,
    namespace: String,
    preview: Preview,
}

impl Previewed {
    /// Of an installation, over the mirrors of a preview that was opened for it.
    pub fn new(cluster: Cluster, namespace: &str, preview: Preview) -> Previewed {
        Previewed { cluster, namespace: namespace.to_owned(), preview }
    }

    async fn preview(&self) -> Result<Preview, Error> {
        let config = configuration(&self.cluster, &self.namespace).await;
        Ok(self.preview.configured(config.map_err(|e| Error::of_secret("the configuration", &e))?))
    }

    async fn render(&self, of: ManifestsOf) -> Result<Rendered, Error> {
        let app = Application::read(&of.application)?;
        let preview = self.preview().await?;
        let refused = |why: String| Error::precondition(format!("failed to generate manifests: {why}"));
        let place = preview.destination(&app).await.map_err(refused)?;
        let made = preview.render(&app, &place, &app.spec.sources(), &of.revisions).await.map_err(refused)?;
        let source_type = of.application.str_at(&["status", "sourceType"]).unwrap_or_default().to_owned();
        Ok(Rendered { objects: made.objects, revisions: made.revisions, source_type })
    }

    async fn tell(&self, of: SourceDetails) -> Result<Value, Error> {
        match of {
            SourceDetails::RevisionMetadata { source, project, revision } => {
                self.commit(text(&source, "repoURL"), &project, &revision, MAX_AGE).await
            }
            SourceDetails::Reach { url, project } => {
                let kind = self.preview().await?.config().repositories.get(&url, &project).kind;
                if kind != belay_argo::repositories::Kind::Git {
                    return Err(unread("the state of registries and chart repositories"));
                }
                self.commit(&url, &project, "HEAD", Duration::ZERO).await?;
                Ok(Value::object())
            }
            SourceDetails::ChartDetails { .. } => Err(unread("what a chart says of itself")),
            SourceDetails::Refs { .. } => Err(unread("the list of a repository's branches and tags")),
            SourceDetails::Apps { .. } => Err(unread("the list of a repository's applications")),
            SourceDetails::Charts { .. } => Err(unread("the list of a repository's charts")),
            SourceDetails::AppDetails { .. } => Err(unread("what a source is before an application is made of it")),
        }
    }

    async fn commit(&self, url: &str, project: &str, revision: &str, max_age: Duration) -> Result<Value, Error> {
        let preview = self.preview().await?;
        let found = preview.commit(url, project, revision, max_age).await.map_err(Error::precondition)?;
        let commit = found.ok_or_else(|| Error::not_found("the revision is no commit"))?;
        let date = Timestamp::from_second(commit.author.time_s).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(object! {
            "author" => format!("{} <{}>", commit.author.name, commit.author.email),
            "date" => date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "message" => commit.message.as_str(),
        })
    }
}

fn unread(what: &str) -> Error {
    Error::unimplemented(format!("{what}: not read by this version"))
}

impl Sources for Previewed {
    fn manifests(&self, of: ManifestsOf) -> BoxFuture<'_, Result<Rendered, Error>> {
        self.render(of).boxed()
    }
    fn details(&self, of: SourceDetails) -> BoxFuture<'_, Result<Value, Error>> {
        self.tell(of).boxed()
    }
}
