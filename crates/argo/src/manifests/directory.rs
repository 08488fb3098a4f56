//! Directories of manifests and jsonnet.

use super::{Error, ErrorKind, Job, Made};

pub(super) fn render(_: &Job<'_>) -> Result<Made, Error> {
    Err(Error::new(ErrorKind::Internal, "directories are not rendered yet"))
}
