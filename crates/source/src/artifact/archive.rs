//! Writing a tree as an archive whose bytes depend on nothing but the tree.
//!
//! Compat(flux 2.9): regular files and directories only (symlinks are left out), files 0600 or
//! 0700, directories 0750, owner 0, time 0, in the order of their paths.

use crate::{Error, ErrorKind};
use belay_tree::{Entry, EntryKind, Limits, Tree, TreePath};
use flate2::{Compression, GzBuilder};
use std::io::{self, Write};

/// How large an archive may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Most bytes of all files together.
    pub bytes: u64,
    /// Most files and directories.
    pub entries: usize,
}

impl Default for ArchiveLimits {
    fn default() -> ArchiveLimits {
        ArchiveLimits { bytes: 2 << 30, entries: Limits::default().walk_entries }
    }
}

/// Writes `tree` to `out`.
pub fn write_archive(tree: &dyn Tree, out: impl Write, limits: &ArchiveLimits) -> Result<(), Error> {
    // The header has no time and no name. The fastest level: archives are written at each commit
    // and rarely read.
    let gzip = GzBuilder::new().mtime(0).write(out, Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut left = *limits;
    let mut to_do = vec![(TreePath::root(), EntryKind::Dir)];
    while let Some((path, kind)) = to_do.pop() {
        left.entries = left.entries.checked_sub(1).ok_or_else(|| too_large("has too many files"))?;
        match kind {
            EntryKind::Symlink => {}
            EntryKind::File => append_file(&mut tar, tree, &path, &mut left)?,
            EntryKind::Dir => {
                if !path.is_root() {
                    append(&mut tar, &format!("{path}/"), tar::EntryType::Directory, 0o750, &[])?;
                }
                for item in tree.list(&path)?.unwrap_or_default().into_iter().rev() {
                    to_do.push((path.child(&item.name)?, item.kind));
                }
            }
        }
    }
    let gzip = tar.into_inner().map_err(written)?;
    gzip.finish().and_then(|mut out| out.flush()).map_err(written)
}

fn append_file(
    tar: &mut tar::Builder<impl Write>,
    tree: &dyn Tree,
    path: &TreePath,
    left: &mut ArchiveLimits,
) -> Result<(), Error> {
    // Flux's artifacts hold large files too; whoever reads one there is told.
    let Entry::File(file) = tree.read_whole(path)? else { return Ok(()) };
    let size = file.content.len() as u64;
    left.bytes = left.bytes.checked_sub(size).ok_or_else(|| too_large("is too large"))?;
    let mode = if file.executable { 0o700 } else { 0o600 };
    append(tar, path.as_str(), tar::EntryType::Regular, mode, &file.content)
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    content: &[u8],
) -> Result<(), Error> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).map_err(written)
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the artifact {what}"))
}

fn written(error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, format!("writing the artifact: {error}"))
}
