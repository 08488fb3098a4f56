//! Writing: blobs, manifests, tags.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

use belay_net::RemoteUrl;

use crate::client::{Act, Call, Client};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Descriptor, Manifest};
use crate::media;
use crate::reference::{ContentDigest, Tag};

impl Client {
    /// Puts a blob, unless it is there.
    pub async fn push_blob(&self, media_type: &str, bytes: Bytes) -> Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, &bytes);
        let path = format!("/v2/{}/blobs/{}", self.repository().path(), descriptor.digest);
        let what = format!("blob {}@{}", self.repository(), descriptor.digest);
        let head = Call { method: Method::HEAD, act: Act::Push, ..Call::get(&path) };
        if self.call(&head).await.map_err(|e| e.context(&what))?.status().is_success() {
            return Ok(descriptor);
        }
        let uploads = format!("/v2/{}/blobs/uploads/", self.repository().path());
        let begin = Call { method: Method::POST, act: Act::Push, body: Some(Bytes::new()), ..Call::get(&uploads) };
        let response = self.succeed(&begin, &what).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(Error::new(ErrorKind::Protocol, format!("{what}: {} to an upload", response.status())));
        }
        let location = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
        let location =
            location.ok_or_else(|| Error::new(ErrorKind::Protocol, format!("{what}: no upload location")))?;
        self.upload(location, &descriptor, bytes, &what).await?;
        Ok(descriptor)
    }

    /// Sends a blob to where the registry wants it: credentials go along only to the registry itself
    /// (INV-NET-2).
    async fn upload(&self, location: &str, blob: &Descriptor, bytes: Bytes, what: &str) -> Result<()> {
        let own = self.url(self.scheme(), "/");
        let at = if location.starts_with('/') {
            format!("{}{location}", own.trim_end_matches('/'))
        } else {
            location.to_owned()
        };
        let joint = if at.contains('?') { '&' } else { '?' };
        let at = format!("{at}{joint}digest={}", blob.digest);
        let (own, target) = (RemoteUrl::parse(&own)?, RemoteUrl::parse(&at)?);
        let mut request = self.http().request(Method::PUT, target.as_str())?;
        if own.origin() == target.origin()
            && let Some(authorization) = self.authorization(Act::Push)
        {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let content = HeaderValue::from_static("application/octet-stream");
        let response = request.header(header::CONTENT_TYPE, content).body(bytes).send().await?;
        if response.status().is_success() { Ok(()) } else { Err(self.refusal(response, what).await) }
    }

    /// Puts a manifest under a tag; gives its digest.
    pub async fn push_manifest(&self, tag: &Tag, manifest: &Manifest) -> Result<ContentDigest> {
        self.put_manifest(tag, &manifest.media_type, manifest.to_bytes()).await
    }

    async fn put_manifest(&self, tag: &Tag, media_type: &str, bytes: Vec<u8>) -> Result<ContentDigest> {
        let digest = ContentDigest::of(&bytes);
        let path = self.manifest_path(tag.as_str());
        let media_type = if media_type.is_empty() { media::MANIFEST } else { media_type };
        let kind = HeaderValue::from_str(media_type)
            .map_err(|_| Error::new(ErrorKind::Protocol, "the manifest's media type is no header"))?;
        let put = Call {
            method: Method::PUT,
            act: Act::Push,
            headers: vec![(header::CONTENT_TYPE, kind)],
            body: Some(bytes.into()),
            ..Call::get(&path)
        };
        self.succeed(&put, &format!("manifest {}:{tag}", self.repository())).await?;
        Ok(digest)
    }

    /// Gives a manifest one more tag.
    pub async fn tag(&self, digest: &ContentDigest, tag: &Tag) -> Result<()> {
        let (bytes, media_type) = self.raw_manifest(digest).await?;
        let put = self.put_manifest(tag, &media_type, bytes).await?;
        if put == *digest { Ok(()) } else { Err(Error::new(ErrorKind::Digest, "the manifest changed on its way")) }
    }

    async fn raw_manifest(&self, digest: &ContentDigest) -> Result<(Vec<u8>, String)> {
        let pulled = self.manifest_bytes(digest).await?;
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            #[serde(default)]
            media_type: String,
        }
        let shape: Shape = serde_json::from_slice(&pulled)
            .map_err(|e| Error::new(ErrorKind::Protocol, format!("manifest {digest} cannot be read: {e}")))?;
        Ok((pulled.to_vec(), shape.media_type))
    }
}
