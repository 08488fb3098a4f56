//! Packing a chart: its files, with another version and merged values, as an archive that depends on
//! nothing but them.

use belay_helm::File;
use belay_object::{Map, Value};
use belay_source::artifact::{ArchiveLimits, write_archive};
use belay_tree::{MemoryTree, TreePath};
use belay_yaml::{Options, parse_value, to_yaml};

/// Largest file of values.
const MOST_VALUES_BYTES: usize = 5 << 20;
/// Deepest nesting of values that is merged.
const MOST_DEPTH: usize = 100;

/// Gives a chart's files another version; all else in its `Chart.yaml` stays.
pub(super) fn set_version(files: &mut [File], version: &str) -> Result<(), String> {
    let chart = files.iter_mut().find(|f| &*f.name == "Chart.yaml").ok_or("Chart.yaml file is missing")?;
    let text = std::str::from_utf8(&chart.data).map_err(|_| "Chart.yaml is no text")?;
    let mut value = parse_value(text, &Options::v2()).map_err(|e| format!("cannot load Chart.yaml: {e}"))?;
    if value.str_at(&["version"]) == Some(version) {
        return Ok(());
    }
    value.set(&["version"], version);
    *chart = File::new("Chart.yaml", to_yaml(&value).into_bytes());
    Ok(())
}

/// Puts values in the place of a chart's own.
pub(super) fn set_values(files: &mut Vec<File>, values: Value) {
    files.retain(|f| &*f.name != "values.yaml");
    files.push(File::new("values.yaml", to_yaml(&values).into_bytes()));
}

/// The archive: everything below a folder of the chart's name.
pub(super) fn pack(name: &str, files: &[File]) -> Result<Vec<u8>, String> {
    let mut tree = MemoryTree::builder();
    for file in files {
        let path = TreePath::new(&format!("{name}/{}", file.name)).map_err(|e| e.to_string())?;
        tree.file(&path, belay_tree::File::new(&*file.data)).map_err(|e| e.to_string())?;
    }
    let mut archive = Vec::new();
    write_archive(&tree.build(), &mut archive, &ArchiveLimits::default()).map_err(|e| e.to_string())?;
    Ok(archive)
}

/// Reads a file of values; an empty one has none.
pub(super) fn read_values(path: &str, data: &[u8]) -> Result<Map, String> {
    let failed = |why: String| format!("unmarshaling values from '{path}' failed: {why}");
    if data.len() > MOST_VALUES_BYTES {
        return Err(failed(format!("larger than {MOST_VALUES_BYTES} bytes")));
    }
    let text = std::str::from_utf8(data).map_err(|_| failed("no text".to_owned()))?;
    match parse_value(text, &Options::v2()).map_err(|e| failed(e.to_string()))? {
        Value::Null => Ok(Map::default()),
        Value::Object(map) => Ok(map),
        other => Err(failed(format!("it is of type {}, not an object", other.type_name()))),
    }
}

/// Lays values over others: maps are merged, everything else is replaced. Compat(flux 2.9): a null is a
/// value like any other.
pub(super) fn merge(under: &mut Map, over: Map) {
    lay(under, over, 0);
}

fn lay(under: &mut Map, over: Map, depth: usize) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) if depth < MOST_DEPTH => lay(below, above, depth + 1),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}
