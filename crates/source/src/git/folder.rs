//! A repository in a folder on this machine, read where it is.

use super::mirror::Store;
use super::objects::ObjectCache;
use super::remote::Advertised;
use crate::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// A repository's refs and objects.
pub(crate) struct Folder {
    repository: gix::Repository,
}

impl Folder {
    /// Opens a bare repository, or the one of a checkout. Its configuration is not honoured but
    /// for what its format needs.
    pub(crate) fn open(path: &Path) -> Result<Folder, Error> {
        gix::open_opts(path, gix::open::Options::isolated())
            .map(|repository| Folder { repository })
            .map_err(|_| Error::new(ErrorKind::RepositoryNotFound, "repository not found"))
    }

    /// The refs whose names begin with `prefix`.
    pub(crate) fn list(&self, prefix: &str, most: usize) -> Result<Vec<Advertised>, Error> {
        let failed =
            |error: &dyn std::fmt::Display| Error::new(ErrorKind::Unreachable, format!("reading refs: {error}"));
        let platform = self.repository.references().map_err(|error| failed(&error))?;
        let mut refs = Vec::new();
        for reference in platform.all().map_err(|error| failed(&error))? {
            let mut reference = reference.map_err(|error| failed(&error))?;
            let name = reference.name().as_bstr().to_string();
            if !name.starts_with(prefix) {
                continue;
            }
            // A symbolic ref counts as what it leads to; a dangling one does not count.
            let Some(id) = reference
                .try_id()
                .map(|id| id.detach())
                .or_else(|| reference.follow().and_then(Result::ok).and_then(|r| r.try_id().map(|id| id.detach())))
            else {
                continue;
            };
            let peeled = reference.peel_to_id().ok().map(|id| id.detach()).filter(|peeled| *peeled != id);
            if refs.len() >= most {
                return Err(Error::new(ErrorKind::TooLarge, format!("the repository has more than {most} refs")));
            }
            refs.push(Advertised { name, id, peeled });
        }
        Ok(refs)
    }

    /// Which hash names the objects.
    pub(crate) fn hash(&self) -> gix::hash::Kind {
        self.repository.object_hash()
    }

    /// The repository, to write to it.
    pub(crate) fn repository(&self) -> &gix::Repository {
        &self.repository
    }

    /// The repository's objects.
    pub(crate) fn store(&self, cache: Arc<ObjectCache>) -> Result<Store, Error> {
        Store::open(self.repository.objects.store_ref().path(), self.repository.object_hash(), cache)
    }
}
