//! Operations that are not built: who may not ask is refused like everywhere, others are told so.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::services::applications::named;

/// Manifests of files that the client sends: a stream of gRPC.
pub(crate) async fn manifests_with_files(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("manifests of a client's files come with gRPC, which this version does not serve"))
}

/// What an OCI artifact says of itself.
pub(crate) async fn oci_metadata(call: Call) -> Result<Answer, Error> {
    named(&call, "get").await?;
    Err(Error::unimplemented("OCI artifacts as sources of applications are not read by this version"))
}

/// Tags of an OCI repository.
pub(crate) async fn oci_tags(call: Call) -> Result<Answer, Error> {
    crate::services::repositories::allowed(&call, "get")?;
    Err(Error::unimplemented("OCI artifacts as sources of applications are not read by this version"))
}

/// ApplicationSets.
pub(crate) async fn application_sets(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("ApplicationSets are not served by this version"))
}

/// Notifications' configuration.
pub(crate) async fn notifications(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("notifications are not served by this version"))
}
