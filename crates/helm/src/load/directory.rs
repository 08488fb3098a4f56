//! The files of a chart in a directory, in the order of their names, symlinks followed.

use belay_tree::{Entry, EntryKind, Tree, TreePath};

use super::ignore::Rules;
use crate::chart::File;
use crate::error::{Error, Result};
use crate::limits::Limits;

struct Walk<'a> {
    tree: &'a dyn Tree,
    rules: Rules,
    limits: &'a Limits,
    files: Vec<File>,
    bytes: u64,
    entries: usize,
}

/// Reads all files that `.helmignore` does not leave out.
pub(super) fn files(tree: &dyn Tree, dir: &TreePath, limits: &Limits) -> Result<Vec<File>> {
    let ignore = tree.find_file(&dir.child(".helmignore")?)?;
    let rules = Rules::parse(ignore.as_ref().map_or(&[][..], |file| &file.content))?;
    let mut walk = Walk { tree, rules, limits, files: Vec::new(), bytes: 0, entries: 0 };
    let real = tree.resolve(dir)?;
    let mut way = vec![real.clone()];
    walk.dir(&real, "", &mut way)?;
    Ok(walk.files)
}

impl Walk<'_> {
    /// `real` is where the directory is, `name` what the chart calls it, `way` the real directories
    /// that lead here. Recursion is bounded by the depth of a `TreePath`, and through symlinks by
    /// the check that no directory is within itself.
    fn dir(&mut self, real: &TreePath, name: &str, way: &mut Vec<TreePath>) -> Result<()> {
        let Some(items) = self.tree.list(real)? else {
            return Err(Error::chart(format!("{real} is no directory")));
        };
        self.entries += items.len();
        if self.entries > self.limits.files {
            return Err(Error::limit(format!("chart has more than {} files", self.limits.files)));
        }
        for item in items {
            let path = real.child(&item.name)?;
            let name = if name.is_empty() { item.name.to_string() } else { format!("{name}/{}", item.name) };
            match item.kind {
                EntryKind::Dir => self.enter(&path, &name, way)?,
                EntryKind::File => self.file(&path, &name)?,
                EntryKind::Symlink => self.link(&path, &name, way)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, real: &TreePath, name: &str, way: &mut Vec<TreePath>) -> Result<()> {
        if self.rules.ignore(name, true) {
            return Ok(());
        }
        if way.contains(real) || way.len() > TreePath::MAX_DEPTH {
            let message = format!("error evaluating symlink {name}: too many levels of symbolic links");
            return Err(Error::chart(message));
        }
        way.push(real.clone());
        let result = self.dir(real, name, way);
        way.pop();
        result
    }

    fn link(&mut self, path: &TreePath, name: &str, way: &mut Vec<TreePath>) -> Result<()> {
        let evaluating = |e: String| Error::chart(format!("error evaluating symlink {path}: {e}"));
        let (real, entry) = self.tree.follow(path).map_err(|e| evaluating(e.to_string()))?;
        match entry {
            Entry::Dir => self.enter(&real, name, way),
            Entry::File(_) => self.file(&real, name),
            Entry::Absent | Entry::Symlink(_) => Err(evaluating(format!("lstat {real}: no such file or directory"))),
        }
    }

    fn file(&mut self, real: &TreePath, name: &str) -> Result<()> {
        if self.rules.ignore(name, false) {
            return Ok(());
        }
        let file = self.tree.read_file(real)?;
        let size = file.content.len() as u64;
        if size > self.limits.file_bytes {
            let base = name.rsplit('/').next().unwrap_or(name);
            let most = self.limits.file_bytes;
            return Err(Error::limit(format!("chart file {base:?} is larger than the maximum file size {most}")));
        }
        self.bytes += size;
        if self.bytes > self.limits.chart_bytes {
            return Err(Error::limit(format!("chart is larger than the maximum size {}", self.limits.chart_bytes)));
        }
        let whole = super::without_bom(&file.content);
        let data = if whole.len() == file.content.len() { file.content.clone() } else { whole.into() };
        self.files.push(File::new(name, data));
        Ok(())
    }
}
