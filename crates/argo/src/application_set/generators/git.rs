//! Parameters of directories, or of what stands in files, of a repository.

use std::collections::BTreeMap;

use belay_access::Glob;
use belay_object::{Map, Value};
use belay_tree::{EntryKind, Limits, Tree, TreePath, Walk};

use super::globs::FileGlob;
use super::{Generating, Wanted};
use crate::application_set::params::{Params, printed};
use crate::application_set::spec::GitGenerator;
use crate::application_set::templates::normalized;

/// The largest file that parameters are read from.
const MAX_FILE_BYTES: usize = 4 << 20;

impl Generating<'_> {
    pub(super) fn git(&self, generator: &GitGenerator) -> Result<Vec<Params>, String> {
        if generator.directories.is_empty() && generator.files.is_empty() {
            return Err("it names neither directories nor files".to_owned());
        }
        let wanted = Wanted { repo_url: generator.repo_url.clone(), revision: generator.revision.clone() };
        let Some(tree) = self.surroundings.files(&wanted) else {
            self.wanted.borrow_mut().insert(wanted);
            return Ok(Vec::new());
        };
        match generator.directories.is_empty() {
            false => self.directories(generator, &*tree),
            true => self.files(generator, &*tree),
        }
    }

    fn directories(&self, generator: &GitGenerator, tree: &dyn Tree) -> Result<Vec<Params>, String> {
        let mut globs = Vec::with_capacity(generator.directories.len());
        for item in &generator.directories {
            let glob = Glob::of_path(&item.path).map_err(|e| format!("directories: {:?}: {e}", item.path))?;
            globs.push((glob, item.exclude));
        }
        let mut found = directories_of(tree, self.surroundings.shows_hidden_directories())?;
        let fits = |path: &str, excluded: bool| globs.iter().any(|(glob, no)| *no == excluded && glob.matches(path));
        found.retain(|path| fits(path, false) && !fits(path, true));
        let mut all = Vec::with_capacity(found.len());
        for path in &found {
            let mut params = Params::default();
            self.put_path(&mut params, &generator.path_param_prefix, path, None);
            self.with_values(&mut params, &generator.values)?;
            all.push(params);
        }
        Ok(all)
    }

    fn files(&self, generator: &GitGenerator, tree: &dyn Tree) -> Result<Vec<Params>, String> {
        let mut globs = Vec::with_capacity(generator.files.len());
        for item in &generator.files {
            let glob = FileGlob::new(&item.path, self.surroundings.has_new_globbing());
            globs.push((glob.map_err(|why| format!("files: {:?}: {why}", item.path))?, item.exclude));
        }
        let fits = |path: &str, excluded: bool| globs.iter().any(|(glob, no)| *no == excluded && glob.matches(path));
        let failed = |e: belay_tree::Error| format!("its files cannot be read: {e}");
        let mut found = BTreeMap::new();
        for entry in Walk::new(tree, &TreePath::root(), &Limits::default()) {
            // A link stands for the file that it leads to within the repository.
            let (path, _) = entry.map_err(failed)?;
            if fits(path.as_str(), false) && !fits(path.as_str(), true) {
                let file = tree.find_file(&path).map_err(failed)?;
                let file = file.ok_or_else(|| format!("{path} leads to no file"))?;
                found.insert(path.as_str().to_owned(), file);
            }
        }
        let mut all = Vec::new();
        for (path, file) in &found {
            let told = |why: String| format!("{path}: {why}");
            if file.content.len() > MAX_FILE_BYTES {
                return Err(told(format!("it is larger than {MAX_FILE_BYTES} bytes")));
            }
            let text = file.text().ok_or_else(|| told("it is no text".to_owned()))?;
            for fields in objects(text).map_err(told)? {
                let mut params = Params::new(fields);
                if !self.templates.is_go() {
                    params = Params::new(params.flat());
                }
                let (dir, name) = path.rsplit_once('/').unwrap_or((".", path));
                self.put_path(&mut params, &generator.path_param_prefix, dir, Some(name));
                self.with_values(&mut params, &generator.values)?;
                all.push(params);
            }
        }
        Ok(all)
    }

    /// Sets the parameters of a path: of a directory, or of a file in it.
    fn put_path(&self, params: &mut Params, prefix: &str, dir: &str, file: Option<&str>) {
        let base = dir.rsplit('/').next().unwrap_or(dir);
        let mut fields = vec![("basename", base.to_owned()), ("basenameNormalized", normalized(base))];
        if let Some(file) = file {
            fields.extend([("filename", file.to_owned()), ("filenameNormalized", normalized(file))]);
        }
        if !self.templates.is_go() {
            let name = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
            params.set(&name, dir);
            fields.into_iter().for_each(|(field, text)| params.set(&format!("{name}.{field}"), text));
            for (i, segment) in dir.split('/').enumerate().filter(|(_, segment)| !segment.is_empty()) {
                params.set(&format!("{name}[{i}]"), segment);
            }
            return;
        }
        let mut path: Map = fields.into_iter().collect();
        path.insert("path", dir);
        path.insert("segments", dir.split('/').collect::<Value>());
        if prefix.is_empty() {
            params.set("path", path);
            params.of_texts(&["path", "segments"]);
        } else {
            params.set(prefix, [("path", path)].into_iter().collect::<Map>());
            params.of_texts(&[prefix, "path", "segments"]);
        }
    }
}

/// The directories of a tree, each before those in it.
fn directories_of(tree: &dyn Tree, hidden: bool) -> Result<Vec<String>, String> {
    let failed = |e: belay_tree::Error| format!("its directories cannot be read: {e}");
    let (mut found, mut left) = (Vec::new(), vec![TreePath::root()]);
    let mut budget = Limits::default().walk_entries;
    while let Some(dir) = left.pop() {
        if !dir.is_root() {
            found.push(dir.as_str().to_owned());
        }
        let mut items = tree.list_dir(&dir).map_err(failed)?;
        budget = budget.checked_sub(items.len()).ok_or("it has too many files")?;
        items.retain(|item| item.kind == EntryKind::Dir && (hidden || !item.name.starts_with('.')));
        items.sort_by(|a, b| b.name.cmp(&a.name));
        for item in items {
            left.push(dir.child(&item.name).map_err(|e| e.to_string())?);
        }
    }
    Ok(found)
}

/// The maps of a file: one, or a list of them. An empty file is an empty one.
fn objects(text: &str) -> Result<Vec<Map>, String> {
    let documents = belay_yaml::parse_documents(text, &belay_yaml::Options::v2()).map_err(|e| e.to_string())?;
    let of = |value: &Value| match value {
        Value::Object(fields) => Ok(fields.clone()),
        Value::Null => Ok(Map::new()),
        other => Err(format!("expected a map or a list of maps, found {}", printed(other))),
    };
    match documents.first() {
        None => Ok(vec![Map::new()]),
        Some(Value::Array(items)) => items.iter().map(of).collect(),
        Some(value) => of(value).map(|fields| vec![fields]),
    }
}
