//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn applications(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn tree(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
