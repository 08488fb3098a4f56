//! From files to a [`Chart`].
//!
//! A chart is a directory of a tree or the bytes of an archive; a chart in `charts/` is either. All
//! that is read counts against [`Limits`]. Symlinks are followed within the tree.

mod archive;
mod directory;
mod ignore;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_tree::{Tree, TreePath};

use crate::chart::{Chart, File, Lock, Metadata};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Loads the chart in the directory at `path`, or in the archive there.
pub fn load(tree: &dyn Tree, path: &TreePath, limits: &Limits) -> Result<Chart> {
    match tree.follow(path)?.1 {
        belay_tree::Entry::File(file) => {
            load_archive(&file.content, limits).map_err(|e| explain_archive(e, path, &file.content))
        }
        belay_tree::Entry::Dir => load_dir(tree, path, limits),
        belay_tree::Entry::Absent => Err(Error::chart(format!("path {:?} not found", path.as_str()))
            .hint("a chart is a directory with a Chart.yaml, or a .tgz of one")),
        belay_tree::Entry::Symlink(_) => Err(Error::chart(format!("{path} is a symlink to nowhere"))),
    }
}

/// Loads the chart in a directory.
pub fn load_dir(tree: &dyn Tree, dir: &TreePath, limits: &Limits) -> Result<Chart> {
    let files = directory::files(tree, dir, limits)?;
    supported(Loader::new(limits).chart(files, 0)?)
}

/// Loads the chart in an archive (`.tgz`).
pub fn load_archive(bytes: &[u8], limits: &Limits) -> Result<Chart> {
    let mut loader = Loader::new(limits);
    let files = loader.unpack(bytes)?;
    supported(loader.chart(files, 0)?)
}

/// Refuses charts of a format to come. Of charts within charts Helm does not ask.
fn supported(chart: Chart) -> Result<Chart> {
    match chart.metadata.api_version.as_str() {
        "v1" | "v2" => Ok(chart),
        _ => Err(Error::chart("unsupported chart version").hint("the chart's apiVersion is to be v1 or v2")),
    }
}

/// The files of the chart in a directory, those that `.helmignore` leaves out excepted.
pub fn dir_files(tree: &dyn Tree, dir: &TreePath, limits: &Limits) -> Result<Vec<File>> {
    directory::files(tree, dir, limits)
}

/// The files of the chart in an archive.
pub fn archive_files(bytes: &[u8], limits: &Limits) -> Result<Vec<File>> {
    Loader::new(limits).unpack(bytes)
}

/// Loads the chart that files are.
pub fn load_files(files: Vec<File>, limits: &Limits) -> Result<Chart> {
    supported(Loader::new(limits).chart(files, 0)?)
}

/// What a file is that is no archive, in Helm's words.
fn explain_archive(error: Error, path: &TreePath, content: &[u8]) -> Error {
    if content.starts_with(&[0x1f, 0x8b]) {
        return error;
    }
    let name = path.as_str();
    let message = if name.ends_with(".yml") || name.ends_with(".yaml") {
        format!("file '{name}' seems to be a YAML file, but expected a gzipped archive")
    } else {
        format!("file '{name}' does not appear to be a gzipped archive")
    };
    Error::chart(message)
}

struct Loader<'a> {
    limits: &'a Limits,
    /// Bytes and files of all archives, those within archives included: a chart of archives of
    /// archives grows no further than one.
    bytes: u64,
    files: usize,
}

impl<'a> Loader<'a> {
    fn new(limits: &'a Limits) -> Loader<'a> {
        Loader { limits, bytes: 0, files: 0 }
    }

    fn unpack(&mut self, bytes: &[u8]) -> Result<Vec<File>> {
        let (files, size) = archive::files(bytes, self.limits, self.limits.chart_bytes.saturating_sub(self.bytes))?;
        self.bytes += size;
        self.files += files.len();
        if self.files > self.limits.files {
            return Err(Error::limit(format!("chart has more than {} files", self.limits.files)));
        }
        Ok(files)
    }

    fn chart(&mut self, files: Vec<File>, depth: usize) -> Result<Chart> {
        if depth > self.limits.chart_depth {
            return Err(Error::limit(format!("charts are nested deeper than {}", self.limits.chart_depth)));
        }
        let (mut chart, found, charts) = sort_files(files)?;
        if !found {
            return Err(Error::chart("Chart.yaml file is missing"));
        }
        chart.metadata.validate()?;
        for (name, files) in charts {
            if name.starts_with(['_', '.']) {
                continue;
            }
            let loaded = self.sub_chart(&name, files, depth, chart.name());
            let loaded = loaded.map_err(|e| e.wrap(format!("error unpacking subchart {name} in {}", chart.name())))?;
            chart.dependencies.push(loaded);
        }
        Ok(chart)
    }

    fn sub_chart(&mut self, name: &str, files: Vec<File>, depth: usize, parent: &str) -> Result<Chart> {
        if name.rsplit_once('.').is_some_and(|(_, extension)| extension == "tgz") {
            let [file, ..] = files.as_slice() else { return Err(Error::chart("Chart.yaml file is missing")) };
            if *file.name != *name {
                let message = format!("error unpacking subchart tar in {parent}: expected {name}, got {}", file.name);
                return Err(Error::chart(message));
            }
            let files = self.unpack(&file.data)?;
            return self.chart(files, depth + 1);
        }
        // A file right in charts/ is no chart: it has no second part.
        let inside = |file: File| {
            let name: Arc<str> = file.name.split_once('/')?.1.into();
            Some(File { name, ..file })
        };
        let files = files.into_iter().filter_map(inside).collect();
        self.chart(files, depth + 1)
    }
}

/// Sub-charts' files by the first part of their name below `charts/`.
type Charts = BTreeMap<String, Vec<File>>;

/// Sorts files into what Helm makes of them; says whether there is a `Chart.yaml`.
fn sort_files(files: Vec<File>) -> Result<(Chart, bool, Charts)> {
    let mut metadata = Metadata::default();
    let (mut found, mut mod_time) = (false, None);
    for file in files.iter().filter(|file| &*file.name == "Chart.yaml") {
        found = true;
        metadata.read_over(&file.data).map_err(|e| Error::chart(format!("cannot load Chart.yaml: {e}")))?;
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".into();
        }
        mod_time = file.mod_time.clone();
    }
    let mut charts = Charts::new();
    let (mut templates, mut others, mut schema, mut lock) = (Vec::new(), Vec::new(), None, None);
    let mut values: Option<belay_object::Map> = None;
    for file in files {
        let cannot = |e: String| Error::chart(format!("cannot load {}: {e}", file.name));
        match &*file.name {
            "Chart.yaml" => {}
            "Chart.lock" => lock = Some(Lock::read(&file.data).map_err(cannot)?),
            "values.yaml" => {
                let read = crate::values::read(&file.data).map_err(|e| e.wrap("cannot load values.yaml"))?;
                values = Some(read);
            }
            "values.schema.json" => schema = Some(file),
            "requirements.yaml" => {
                found = true;
                metadata.read_over(&file.data).map_err(cannot)?;
                if metadata.api_version == "v1" {
                    others.push(file);
                }
            }
            "requirements.lock" => {
                found = true;
                lock = Some(Lock::read(&file.data).map_err(cannot)?);
                if metadata.api_version == "v1" {
                    others.push(file);
                }
            }
            name if name.starts_with("templates/") => templates.push(file),
            name if name.starts_with("charts/") && !name.ends_with(".prov") => {
                let name = &name["charts/".len()..];
                let first = name.split('/').next().unwrap_or(name).to_owned();
                let file = File { name: name.into(), ..file };
                charts.entry(first).or_default().push(file);
            }
            _ => others.push(file),
        }
    }
    let chart = Chart {
        metadata,
        lock,
        templates: templates.into(),
        has_values: values.is_some(),
        values: Arc::new(values.unwrap_or_default()),
        schema,
        files: others.into(),
        mod_time,
        dependencies: Vec::new(),
    };
    Ok((chart, found, charts))
}

/// Cuts a leading byte order mark.
fn without_bom(data: &[u8]) -> &[u8] {
    data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data)
}
