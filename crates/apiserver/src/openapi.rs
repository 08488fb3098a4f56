//! The OpenAPI documents, v2 and v3, that kubectl reads before it applies or explains.
//!
//! Schemas of built-in kinds are the table's texts put together; those of custom resources come from their
//! definitions. What never changes while the process runs is made once, when it is first asked for; what follows from
//! definitions is made on each request. Descriptions are absent.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::resource::Registry;

mod custom;
mod paths;
mod protobuf;
mod v2;
mod v3;

#[cfg(test)]
mod tests;

/// An OpenAPI document to send.
pub struct Document {
    /// `application/json`
    pub content_type: String,
    /// The whole.
    pub body: Bytes,
    /// For `ETag` and `If-None-Match`, without quotes; empty for none.
    pub etag: String,
}

/// The media type of v2 in protobuf, as clients ask for it and as it is answered: the first form is none that a
/// parser of media types accepts.
const V2_PROTOBUF: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
];

/// Answers `/openapi/v2`, `/openapi/v3` and `/openapi/v3/...`; `None` where there is no such document.
pub fn document(registry: &Registry, path: &str, query: &str, accept: &str) -> Option<Document> {
    // The hash in an index's link only tells caches apart.
    let _ = query;
    let json = |body: Bytes| {
        let etag = etag(&body);
        Some(Document { content_type: "application/json".into(), body, etag })
    };
    match path.trim_end_matches('/') {
        "/openapi/v2" if V2_PROTOBUF.iter().any(|t| accept.contains(t)) => {
            let body = v2::protobuf(registry);
            let etag = etag(&body);
            Some(Document { content_type: V2_PROTOBUF[1].into(), body, etag })
        }
        "/openapi/v2" => json(v2::json(registry)),
        "/openapi/v3" => json(v3::index(registry)),
        path => json(v3::document(registry, path.strip_prefix("/openapi/v3/")?)?),
    }
}

/// The hash of a document, as Kubernetes writes it.
fn etag(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|b| format!("{b:02X}")).collect()
}
