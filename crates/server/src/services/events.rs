//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn of_application(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}

/// Not built yet.
pub(crate) async fn of_project(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
