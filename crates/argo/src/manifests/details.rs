//! What a source is, for who makes an Application of it: its type, and what its tool takes.

use std::collections::BTreeMap;

use belay_object::{Map, Value};
use belay_tree::{Entry, Limits, Tree, TreePath, Walk};

use super::detect::KUSTOMIZATION_NAMES;
use super::{Error, ErrorKind, Job, ToolSettings, detect, kustomize, no_plugins, value_files};
use crate::spec::{Helm, SourceType};

/// Largest file of values that is told and taken apart.
const MOST_VALUES_BYTES: usize = 1 << 20;
/// Parameters of one chart: a file of the largest size has some ten thousand.
const MOST_PARAMETERS: usize = 50_000;
/// Files, folders and images that are told.
const MOST_TOLD: usize = 10_000;

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Details {
    /// What renders it.
    pub source_type: SourceType,
    /// Files of values below the chart, relative to it.
    pub value_files: Vec<String>,
    /// The chart's own values, as they are written.
    pub values: String,
    /// All values, from the chart and from the files that the source names, by their paths.
    pub parameters: BTreeMap<String, String>,
    /// Name and path of files that are values.
    pub file_parameters: Vec<(String, String)>,
    /// The images of a kustomization.
    pub images: Vec<String>,
}

/// The folders of a tree that hold a chart or a kustomization, the root as `.`.
pub fn folders(tree: &dyn Tree, settings: &ToolSettings) -> Result<Vec<(String, SourceType)>, Error> {
    let mut found: BTreeMap<String, SourceType> = BTreeMap::new();
    for item in Walk::new(tree, &TreePath::root(), &Limits::default()) {
        let path = item?.0;
        let (folder, name) = path.as_str().rsplit_once('/').unwrap_or((".", path.as_str()));
        // Compat(argo 3.5): of both in one folder the later counts, which is the kustomization; a name that
        // ends so is enough for a chart.
        let kind = match name {
            name if KUSTOMIZATION_NAMES.contains(&name) && settings.kustomize_enabled => SourceType::Kustomize,
            name if name.ends_with("Chart.yaml") && settings.helm_enabled => SourceType::Helm,
            _ => continue,
        };
        if found.len() >= MOST_TOLD && !found.contains_key(folder) {
            return Err(Error::new(ErrorKind::Limit, format!("more than {MOST_TOLD} folders hold applications")));
        }
        let known = found.entry(folder.to_owned()).or_insert(kind);
        if kind == SourceType::Kustomize {
            *known = kind;
        }
    }
    Ok(found.into_iter().collect())
}

pub(super) fn of(job: &Job<'_>) -> Result<Details, Error> {
    let source_type = detect::source_type(job)?;
    let details = match source_type {
        SourceType::Directory => Details::default(),
        SourceType::Helm => of_chart(job)?,
        SourceType::Kustomize => of_kustomization(job)?,
        SourceType::Plugin => return Err(no_plugins(job.source)),
    };
    Ok(Details { source_type, ..details })
}

fn of_chart(job: &Job<'_>) -> Result<Details, Error> {
    let none = Helm::default();
    let own = job.source.helm.as_deref().unwrap_or(&none);
    let mut value_files = Vec::new();
    let begin = if job.dir.is_root() { String::new() } else { format!("{}/", job.dir) };
    for item in Walk::new(job.tree, &job.dir, &Limits::default()) {
        let path = item?.0;
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
        if name.contains("values") && matches!(ending.as_str(), "yaml" | "yml") && value_files.len() < MOST_TOLD {
            value_files.push(path.as_str().strip_prefix(&begin).unwrap_or(path.as_str()).to_owned());
        }
    }
    let values = match job.tree.follow(&job.dir.child("values.yaml")?) {
        Ok((_, Entry::File(file))) => text("values.yaml", &file.content)?,
        // One that leads out of the repository is not there.
        _ => String::new(),
    };
    let mut parameters = BTreeMap::new();
    flatten("values.yaml", &values, &mut parameters)?;
    // Compat(argo 3.5): what the source names and is not there is passed over.
    for found in value_files::all(job, &own.value_files, true)? {
        flatten(&found.name, &text(&found.name, &found.file.content)?, &mut parameters)?;
    }
    let file_parameters = own.file_parameters.iter().map(|file| (file.name.clone(), file.path.clone())).collect();
    Ok(Details { value_files, values, parameters, file_parameters, ..Details::default() })
}

fn text(name: &str, content: &[u8]) -> Result<String, Error> {
    if content.len() > MOST_VALUES_BYTES {
        let message = format!("{name}: larger than {MOST_VALUES_BYTES} bytes");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    let text = std::str::from_utf8(content).map(str::to_owned);
    text.map_err(|_| Error::new(ErrorKind::Build, format!("{name}: not UTF-8")))
}

/// Adds the values of a file by their paths: `a.b[0].c`. Compat(argo 3.5): an empty map or list has none, and
/// no name is quoted.
fn flatten(name: &str, text: &str, into: &mut BTreeMap<String, String>) -> Result<(), Error> {
    // The parser's words may quote the file; they name a line besides.
    let wrong = |why: String| Error::new(ErrorKind::Build, format!("failed to parse values: {name}: {why}"));
    let value = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| wrong(e.to_string()))?;
    if value.is_null() {
        return Ok(());
    }
    let fields = value.as_object().ok_or_else(|| wrong("it is no mapping".to_owned()))?;
    // A stack of its own: how deep values are is the file's choice, up to the parser's limit.
    let mut open: Vec<(String, &Value)> = fields.iter().map(|(key, value)| (key.to_string(), value)).collect();
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(map) => open.extend(map.iter().map(|(key, value)| (format!("{path}.{key}"), value))),
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(i, value)| (format!("{path}[{i}]"), value)));
            }
            scalar => {
                if into.len() >= MOST_PARAMETERS {
                    let message = format!("the chart has more than {MOST_PARAMETERS} values");
                    return Err(Error::new(ErrorKind::Limit, message));
                }
                into.insert(path, as_go(scalar));
            }
        }
    }
    Ok(())
}

/// A scalar as Go prints what `encoding/json` reads: numbers are floats.
fn as_go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        other => match (other.as_str(), other.as_bool(), other.as_f64()) {
            (Some(text), ..) => text.to_owned(),
            (_, Some(flag), _) => flag.to_string(),
            (_, _, Some(number)) => go_float(number),
            _ => other.to_json(),
        },
    }
}

/// `%v` of a Go float: the shortest digits, with an exponent below -4 and from 6 on.
fn go_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{number}"),
    }
}

/// Compat(argo 3.5): the images of all containers of what is built, in order, each as often as it is there.
fn of_kustomization(job: &Job<'_>) -> Result<Details, Error> {
    let made = kustomize::render(job)?;
    let mut images = Vec::new();
    for object in &made.objects {
        let mut open: Vec<&Map> = vec![object.object.fields()];
        while let Some(map) = open.pop() {
            for (key, value) in map.iter() {
                match value {
                    Value::Object(map) => open.push(map),
                    Value::Array(items) if matches!(key.as_str(), "containers" | "initContainers") => {
                        images.extend(items.iter().filter_map(|c| c.str_at(&["image"])).map(str::to_owned));
                    }
                    Value::Array(items) => open.extend(items.iter().filter_map(Value::as_object)),
                    _ => {}
                }
            }
        }
    }
    images.sort();
    images.truncate(MOST_TOLD);
    Ok(Details { images, ..Details::default() })
}
