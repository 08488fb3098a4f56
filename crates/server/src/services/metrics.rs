//! Not built yet.

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;

/// Not built yet.
pub(crate) async fn tell(_: Call) -> Result<Answer, Error> {
    Err(Error::unimplemented("not built yet"))
}
