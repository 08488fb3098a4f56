//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn managed_resources(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn server_side_diff(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn manifests(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
