//! How much of a tree is read before it is refused.

/// Limits on what a tree may hold; the defaults are far above any repository of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file that is read, in bytes. 32 MiB: an object in a cluster holds 1.5 MiB, a vendored
    /// chart archive a few.
    pub file_bytes: u64,
    /// Most entries of one directory. 100,000: a listing of that size takes about 10 MB.
    pub dir_entries: usize,
    /// Most files of one walk. 500,000, as `dir_entries` for a whole tree.
    pub walk_entries: usize,
}

impl Limits {
    /// Most symlinks followed for one path (Linux's own limit).
    pub const LINKS: usize = 40;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { file_bytes: 32 << 20, dir_entries: 100_000, walk_entries: 500_000 }
    }
}
