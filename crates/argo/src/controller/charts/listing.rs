//! What repositories and registries have, for who chooses among it: charts and their versions, tags, what an
//! artifact says of itself.

use std::collections::BTreeMap;

use belay_helm::index;
use belay_oci::{ContentDigest, Target};

use super::registry::tag;
use super::repository::read_index;
use super::{Asked, Charts, in_time};
use crate::spec::Source;

impl Charts {
    /// All charts of a repository with their versions. A registry does not tell which charts it has.
    pub async fn all(&self, asked: &Asked<'_>) -> Result<Vec<(String, Vec<String>)>, String> {
        if asked.repository.enable_oci {
            return Err("a registry does not list its charts".to_owned());
        }
        in_time(async {
            let access = asked.repository.http_access(asked.trust, self.base.clone())?;
            let kept = self.kept_index(&access, asked.repository, asked.max_age).await?;
            read_index(&access, kept, index::charts).await
        })
        .await
    }

    /// All tags of a place in a registry.
    pub async fn tags(&self, asked: &Asked<'_>) -> Result<Vec<String>, String> {
        let (client, path) = self.registry(&Source::default(), asked)?;
        in_time(async { client.tags().await.map_err(|e| format!("failed to list the tags of oci://{path}: {e}")) })
            .await
    }

    /// What an artifact says of itself: the annotations of its manifest.
    pub async fn annotations(
        &self,
        source: &Source,
        revision: &str,
        asked: &Asked<'_>,
    ) -> Result<BTreeMap<String, String>, String> {
        let (client, path) = self.registry(source, asked)?;
        in_time(async {
            let failed = |why: String| format!("failed to extract digest metadata for revision {revision:?}: {why}");
            let digest = match ContentDigest::parse(revision) {
                Ok(digest) => digest,
                Err(_) => {
                    let (tag, _) = tag(&client, revision, source.is_chart()).await.map_err(failed)?;
                    client.resolve(&Target::Tag(tag)).await.map_err(|e| failed(format!("oci://{path}: {e}")))?
                }
            };
            let pulled = client.manifest(&digest).await.map_err(|e| failed(format!("oci://{path}: {e}")))?;
            Ok(pulled.manifest.annotations)
        })
        .await
    }
}
