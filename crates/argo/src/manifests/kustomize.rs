//! Kustomizations.

use super::{Error, ErrorKind, Job, Made};

pub(super) fn render(_: &Job<'_>) -> Result<Made, Error> {
    Err(Error::new(ErrorKind::Internal, "kustomizations are not rendered yet"))
}
