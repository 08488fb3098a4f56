//! Operations that are not built: who may not ask is refused like everywhere, others are told so.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Manifests of files that the client sends: a stream of gRPC. Argo CD's own gateway reads none of its messages
/// as JSON, so that no client asks for it in this way.
pub(crate) async fn manifests_with_files(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("manifests of a client's files come with gRPC, which this version does not serve"))
}

/// ApplicationSets.
pub(crate) async fn application_sets(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("ApplicationSets are not served by this version"))
}
