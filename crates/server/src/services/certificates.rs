//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn list(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn create(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn delete(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
