//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn list(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn run(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn run_with_parameters(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
