//! Reading: tags, manifests, blobs, referrers. Nothing is believed before its digest is checked.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{self, Descriptor, Manifest};
use crate::media;
use crate::reference::{ContentDigest, Tag, Target};

/// Largest manifest: the bound of registries.
const MOST_MANIFEST_BYTES: usize = 4 << 20;
/// Most tags of a repository, and most pages they come in; a page has 1,000 if the registry obeys.
const MOST_TAGS: usize = 200_000;
const MOST_PAGES: usize = 2_000;
/// Largest page: 100,000 tags of 80 bytes.
const MOST_PAGE_BYTES: usize = 8 << 20;

/// A manifest with its name.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What it says.
    pub manifest: Manifest,
    /// The digest by which it was asked for, checked.
    pub digest: ContentDigest,
}

impl Client {
    /// All tags, in the registry's order.
    pub async fn tags(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut path = format!("/v2/{}/tags/list?n=1000", self.repository().path());
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let what = format!("tags of {}", self.repository());
            let response = self.succeed(&Call::get(&path), &what).await?;
            let next = next_page(response.headers());
            let body = response.read(MOST_PAGE_BYTES).await?;
            let page: Page = serde_json::from_slice(&body)
                .map_err(|e| Error::new(ErrorKind::Protocol, format!("{what}: the answer cannot be read: {e}")))?;
            all.extend(page.tags.unwrap_or_default());
            if all.len() > MOST_TAGS {
                return Err(Error::new(ErrorKind::TooLarge, format!("{what}: more than {MOST_TAGS}")));
            }
            match next {
                None => return Ok(all),
                Some(next) if next == path => break,
                Some(next) => path = next,
            }
        }
        Err(Error::new(ErrorKind::Protocol, format!("tags of {}: the list has no end", self.repository())))
    }

    /// The digest of what a target names.
    pub async fn resolve(&self, target: &Target) -> Result<ContentDigest> {
        let tag = match target {
            Target::Digest(digest) => return Ok(digest.clone()),
            Target::Tag(tag) => tag,
        };
        let path = self.manifest_path(tag.as_str());
        let call = Call { method: Method::HEAD, headers: vec![accept()], ..Call::get(&path) };
        let what = format!("manifest {}:{tag}", self.repository());
        let response = self.call(&call).await.map_err(|e| e.context(&what))?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(self.refusal(response, &what).await);
            }
            // Some answer HEAD with 405; what else fails is told by the answer to GET, which has a body.
            _ => return self.fetch(tag.as_str(), &what).await.map(|(_, digest)| digest),
        }
        let said = response.headers().get("docker-content-digest").and_then(|v| v.to_str().ok());
        match said {
            Some(text) => ContentDigest::parse(text)
                .map_err(|_| Error::new(ErrorKind::Protocol, format!("{what}: the registry's digest is none"))),
            None => self.fetch(tag.as_str(), &what).await.map(|(_, digest)| digest),
        }
    }

    /// The manifest of a digest. Of an index, that for Linux on amd64.
    pub async fn manifest(&self, digest: &ContentDigest) -> Result<Pulled> {
        let mut digest = digest.clone();
        // An index in an index is nothing that anybody makes.
        for _ in 0..2 {
            let what = format!("manifest {}@{digest}", self.repository());
            let (bytes, found) = self.fetch(digest.as_str(), &what).await?;
            check(&digest, &found, bytes.len(), &what)?;
            let Some(index) = manifest::index(&bytes) else {
                return Ok(Pulled { manifest: Manifest::parse(&bytes).map_err(|e| e.context(&what))?, digest });
            };
            let is_ours =
                |d: &&Descriptor| d.platform.as_ref().is_some_and(|p| p.os == "linux" && p.architecture == "amd64");
            digest = match index.manifests.iter().find(is_ours) {
                Some(found) => found.digest.clone(),
                None => {
                    let text = format!("{what}: no child with platform linux/amd64 in index");
                    return Err(Error::new(ErrorKind::NotFound, text));
                }
            };
        }
        Err(Error::new(ErrorKind::Protocol, format!("manifest {}@{digest}: an index in an index", self.repository())))
    }

    /// The manifest of a tag; `None` where there is no such tag.
    pub async fn find(&self, tag: &Tag) -> Result<Option<Pulled>> {
        match self.resolve(&Target::Tag(tag.clone())).await {
            Ok(digest) => self.manifest(&digest).await.map(Some),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// A blob as a whole, of at most `limit` bytes.
    pub async fn blob(&self, blob: &Descriptor, limit: u64) -> Result<Bytes> {
        // What a manifest says of a size is no reason to take memory before it is there.
        let mut all = BytesMut::with_capacity(usize::try_from(blob.size.min(1 << 20)).unwrap_or_default());
        self.stream(blob, limit, |chunk| {
            all.extend_from_slice(chunk);
            Ok(())
        })
        .await?;
        Ok(all.freeze())
    }

    /// Gives a blob piece by piece, and an error at its end if the pieces are not what its digest says:
    /// nothing of them may be used before.
    pub async fn stream(
        &self,
        blob: &Descriptor,
        limit: u64,
        mut take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<()> {
        let what = format!("blob {}@{}", self.repository(), blob.digest);
        let too_large = || Error::new(ErrorKind::TooLarge, format!("{what}: larger than {limit} bytes"));
        if blob.size > limit {
            return Err(too_large());
        }
        let path = format!("/v2/{}/blobs/{}", self.repository().path(), blob.digest);
        let mut response = self.succeed(&Call::get(&path), &what).await?;
        let (mut hash, mut size) = (blob.digest.hasher(), 0u64);
        while let Some(chunk) = response.chunk().await? {
            size += chunk.len() as u64;
            if size > blob.size {
                let text = format!("{what}: more than the {} bytes that its manifest says", blob.size);
                return Err(Error::new(ErrorKind::Digest, text));
            }
            hash.update(&chunk);
            take(&chunk)?;
        }
        check(&blob.digest, &hash.finish(), usize::try_from(size).unwrap_or(usize::MAX), &what)?;
        if size != blob.size {
            let text = format!("{what}: {size} bytes where its manifest says {}", blob.size);
            return Err(Error::new(ErrorKind::Digest, text));
        }
        Ok(())
    }

    /// The manifests that refer to one, by the API or, where the registry has none, by the tag that
    /// stands for it.
    pub async fn referrers(&self, digest: &ContentDigest) -> Result<Vec<Descriptor>> {
        let path = format!("/v2/{}/referrers/{digest}", self.repository().path());
        let what = format!("referrers of {}@{digest}", self.repository());
        let response = self.call(&Call { headers: vec![accept()], ..Call::get(&path) }).await?;
        let bytes = match response.status() {
            status if status.is_success() => response.read(MOST_MANIFEST_BYTES).await?,
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED => {
                let tag = format!("{}-{}", digest.algorithm(), digest.hex());
                match self.fetch(&tag, &what).await {
                    Ok((bytes, _)) => bytes,
                    Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                    Err(e) => return Err(e),
                }
            }
            _ => return Err(self.refusal(response, &what).await),
        };
        Ok(manifest::index(&bytes).map(|index| index.manifests).unwrap_or_default())
    }

    /// A manifest's own bytes, checked; an index stays one.
    pub(crate) async fn manifest_bytes(&self, digest: &ContentDigest) -> Result<Bytes> {
        let what = format!("manifest {}@{digest}", self.repository());
        let (bytes, found) = self.fetch(digest.as_str(), &what).await?;
        check(digest, &found, bytes.len(), &what)?;
        Ok(bytes)
    }

    async fn fetch(&self, reference: &str, what: &str) -> Result<(Bytes, ContentDigest)> {
        let path = self.manifest_path(reference);
        let response = self.succeed(&Call { headers: vec![accept()], ..Call::get(&path) }, what).await?;
        let bytes = response.read(MOST_MANIFEST_BYTES).await.map_err(|e| Error::from(e).context(what))?;
        let digest = match ContentDigest::parse(reference) {
            Ok(wanted) => {
                let mut hash = wanted.hasher();
                hash.update(&bytes);
                hash.finish()
            }
            Err(_) => ContentDigest::of(&bytes),
        };
        Ok((bytes, digest))
    }

    pub(crate) fn manifest_path(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.repository().path())
    }
}

fn check(wanted: &ContentDigest, found: &ContentDigest, bytes: usize, what: &str) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Digest, format!("{what}: the {bytes} bytes that came have digest {found}")))
}

fn accept() -> (header::HeaderName, HeaderValue) {
    let all = [media::MANIFEST, media::INDEX, media::DOCKER_MANIFEST, media::DOCKER_LIST].join(", ");
    (header::ACCEPT, HeaderValue::from_str(&all).expect("media types are ASCII"))
}

/// The path of the next page, from `Link: <...>; rel="next"`. It stays at the registry whatever host
/// the link names (INV-NET-2).
fn next_page(headers: &header::HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !rest.contains("next") {
        return None;
    }
    let path = match target.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => target,
    };
    path.starts_with("/v2/").then(|| path.to_owned())
}
