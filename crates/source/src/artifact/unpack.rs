//! Reading an archive that somebody else made: every entry is checked, every limit holds while it
//! streams (INV-FS-6, INV-FS-7).

use crate::{Error, ErrorKind};
use belay_tree::{Digest, File, MemoryTree, TreePath};
use flate2::read::GzDecoder;
use std::collections::HashSet;
use std::io::{self, Read};
use tar::EntryType;

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Most bytes after decompression, headers included.
    pub bytes: u64,
    /// Most bytes of one file.
    pub file_bytes: u64,
    /// Most entries.
    pub entries: usize,
    /// Whether symlinks are left out, as Flux does with what others have packed, or refused. None is
    /// ever followed.
    pub skip_symlinks: bool,
}

impl Default for UnpackLimits {
    fn default() -> UnpackLimits {
        // Flux's own limit for what a consumer unpacks is 100 MiB.
        UnpackLimits { bytes: 100 << 20, file_bytes: 32 << 20, entries: 100_000, skip_symlinks: false }
    }
}

/// Unpacks an archive after checking that its bytes are those of `digest` (`sha256:<hex>`).
pub fn verify_and_unpack(archive: &[u8], digest: &str, limits: &UnpackLimits) -> Result<MemoryTree, Error> {
    let actual = format!("sha256:{}", Digest::of(archive).hex());
    if actual != digest {
        let text = format!("artifact: digest is {actual}, expected {digest}");
        return Err(Error::new(ErrorKind::Verification, text));
    }
    unpack(archive, limits)
}

/// Unpacks a `tar.gz` into memory. Links, devices and other things that a source's archive does
/// not hold are refused, as are names that leave the archive and names that come twice.
pub fn unpack(archive: impl Read, limits: &UnpackLimits) -> Result<MemoryTree, Error> {
    unpack_tar(GzDecoder::new(archive), limits)
}

/// The same of a `tar` that is not compressed.
pub fn unpack_tar(archive: impl Read, limits: &UnpackLimits) -> Result<MemoryTree, Error> {
    let bounded = Bounded { inner: archive, left: limits.bytes };
    let mut tar = tar::Archive::new(bounded);
    let mut builder = MemoryTree::builder();
    let mut seen = HashSet::new();
    for (i, entry) in tar.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        if i >= limits.entries {
            return Err(Error::new(ErrorKind::TooLarge, format!("artifact: more than {} entries", limits.entries)));
        }
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let path = entry_path(&entry.path_bytes())?;
        match kind {
            EntryType::Directory if path.is_root() => {}
            EntryType::Symlink if limits.skip_symlinks => {}
            EntryType::Directory => {
                builder.dir(&path)?;
            }
            EntryType::Regular => {
                if !seen.insert(path.clone()) {
                    return Err(refused(&path, "comes twice"));
                }
                if entry.size() > limits.file_bytes {
                    return Err(Error::new(ErrorKind::TooLarge, format!("artifact: {path} is too large")));
                }
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(unreadable)?;
                if content.len() as u64 != entry.size() {
                    return Err(refused(&path, "is shorter than its header says"));
                }
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                builder.file(&path, File::new(content).with_executable(executable))?;
            }
            _ => return Err(refused(&path, "is neither a file nor a directory")),
        }
    }
    Ok(builder.build())
}

/// `./a/b/` is written for `a/b` by some tools; nothing else is put right.
fn entry_path(raw: &[u8]) -> Result<TreePath, Error> {
    let text = std::str::from_utf8(raw).map_err(|_| Error::new(ErrorKind::Hostile, "artifact: a name is not UTF-8"))?;
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    let text = if text == "." { "" } else { text };
    TreePath::new(text).map_err(|error| Error::new(ErrorKind::Hostile, format!("artifact: {error}")))
}

fn refused(path: &TreePath, why: &str) -> Error {
    Error::new(ErrorKind::Hostile, format!("artifact: {path} {why}"))
}

fn unreadable(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(own) => own.clone(),
        None => Error::new(ErrorKind::Hostile, format!("artifact: {error}")),
    }
}

struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(Error::new(ErrorKind::TooLarge, "artifact: unpacks to more than is allowed"))
        })?;
        Ok(read)
    }
}
