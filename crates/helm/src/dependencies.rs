//! Which sub-charts take part under which names, and what of their values the parent gets.
//!
//! [`process`] makes of a loaded chart and the user's values a tree of [`Node`]s: aliased, enabled
//! by tags and conditions (conditions beat tags), with imported values. The chart itself is not
//! changed.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use belay_gotemplate::{Map, Value};
use belay_object as object;

use crate::chart::{Chart, Crd, Dependency, File, ImportValues, Metadata};
use crate::error::{Error, ErrorKind, Result};
use crate::semver::is_compatible;
use crate::values::coalesce::{self, Nulls, coalesce};

/// A chart that takes part in a render. Content is that of the loaded chart.
pub(crate) struct Node<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) metadata: Metadata,
    pub(crate) dependencies: Vec<Node<'a>>,
    /// The chart's own values where imports have changed them.
    merged: Option<Map>,
}

/// Most names in a path of `import-values`: bounds the depth of what is made of it.
const MAX_PATH: usize = 64;

impl<'a> Node<'a> {
    /// A chart as loaded, with all charts in it.
    pub(crate) fn new(chart: &'a Chart) -> Node<'a> {
        let dependencies = chart.dependencies.iter().map(Node::new).collect();
        Node { chart, metadata: chart.metadata.clone(), dependencies, merged: None }
    }

    /// The name, or alias.
    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The files of `crds/`, then those of the dependencies.
    pub(crate) fn crds(&self) -> Vec<Crd> {
        let mut found = Vec::new();
        self.collect_crds(self.name(), &mut found);
        found
    }

    // Recursion is bounded by `Limits::chart_depth`.
    fn collect_crds(&self, path: &str, found: &mut Vec<Crd>) {
        let crd = |file: &File| Crd { path: format!("{path}/{}", file.name), file: file.clone() };
        found.extend(self.chart.own_crds().map(crd));
        for child in &self.dependencies {
            child.collect_crds(&format!("{path}/charts/{}", child.name()), found);
        }
    }

    /// A copy of the chart's own values.
    pub(crate) fn values(&self) -> Map {
        match &self.merged {
            Some(map) => coalesce::copy(map),
            None => coalesce::from_map(&self.chart.values),
        }
    }

    /// The processed chart as a value, for the release record.
    pub(crate) fn to_chart(&self) -> Result<Chart> {
        let values = match &self.merged {
            None => Arc::clone(&self.chart.values),
            Some(map) => match Value::Map(map.clone()).to_object() {
                Ok(object::Value::Object(map)) => Arc::new(map),
                Ok(_) => Arc::default(),
                Err(e) => return Err(Error::values(e.to_string())),
            },
        };
        let dependencies = self.dependencies.iter().map(Node::to_chart).collect::<Result<_>>()?;
        let has_values = self.chart.has_values || self.merged.is_some();
        Ok(Chart { metadata: self.metadata.clone(), values, has_values, dependencies, ..self.chart.clone() })
    }
}

/// Processes a chart's dependencies for the user's values.
pub(crate) fn process<'a>(chart: &'a Chart, values: &Map) -> Result<Node<'a>> {
    let failed = |e: Error| Error::new(ErrorKind::Dependencies, format!("chart dependencies processing failed: {e}"));
    let mut node = Node::new(chart);
    enable(&mut node, values, "").map_err(failed)?;
    import(&mut node).map_err(failed)?;
    Ok(node)
}

/// The chart that a release of these values is made of: dependencies aliased and enabled, values
/// imported. It is what a release record keeps.
pub fn processed(chart: &Chart, values: &object::Map) -> Result<Chart> {
    process(chart, &coalesce::from_map(values))?.to_chart()
}

fn enable(node: &mut Node<'_>, values: &Map, path: &str) -> Result<()> {
    if !node.metadata.declares_dependencies {
        return Ok(());
    }
    let chart: &Chart = node.chart;
    let fits = |dependency: &Dependency, chart: &Chart| {
        chart.name() == dependency.name && is_compatible(&dependency.version, &chart.metadata.version)
    };
    let declared = &node.metadata.dependencies;
    let undeclared = chart.dependencies.iter().filter(|chart| !declared.iter().any(|d| fits(d, chart)));
    let mut nodes: Vec<Node<'_>> = undeclared.map(Node::new).collect();
    for dependency in &mut node.metadata.dependencies {
        if let Some(chart) = chart.dependencies.iter().find(|chart| fits(dependency, chart)) {
            let mut child = Node::new(chart);
            child.metadata.name = dependency.alias_or_name().to_owned();
            nodes.push(child);
        }
        dependency.name = dependency.alias_or_name().to_owned();
        dependency.enabled = true;
    }
    node.dependencies = nodes;
    let coalesced = coalesce(node, values, Nulls::Delete)?;
    by_tags(&mut node.metadata.dependencies, &coalesced);
    by_conditions(&mut node.metadata.dependencies, &coalesced, path);
    let (on, off): (Vec<Dependency>, Vec<Dependency>) =
        std::mem::take(&mut node.metadata.dependencies).into_iter().partition(|d| d.enabled);
    let is_off = |name: &str| off.iter().any(|d| d.name == name);
    node.metadata.dependencies = on.into_iter().filter(|d| !is_off(&d.name)).collect();
    node.metadata.declares_dependencies = !node.metadata.dependencies.is_empty();
    node.dependencies.retain(|child| !is_off(child.name()));
    for child in &mut node.dependencies {
        let path = format!("{path}{}.", child.name());
        enable(child, &coalesced, &path)?;
    }
    Ok(())
}

fn by_tags(dependencies: &mut [Dependency], values: &Map) {
    let Some(tags) = coalesce::table(values, "tags") else { return };
    for dependency in dependencies {
        let flags = || dependency.tags.iter().flatten().filter_map(|tag| tags.get(tag.as_bytes()));
        let has = |wanted: bool| flags().any(|flag| matches!(flag, Value::Bool(b) if b == wanted));
        dependency.enabled = has(true) || !has(false);
    }
}

fn by_conditions(dependencies: &mut [Dependency], values: &Map, path: &str) {
    for dependency in dependencies {
        let conditions = dependency.condition.trim().split(',').filter(|condition| !condition.is_empty());
        let flag = conditions.map(|c| coalesce::path_value(values, &format!("{path}{c}"))).find_map(|v| match v {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        });
        dependency.enabled = flag.unwrap_or(dependency.enabled);
    }
}

/// Gives each parent what it imports from its dependencies, innermost first.
fn import(node: &mut Node<'_>) -> Result<()> {
    node.dependencies.iter_mut().try_for_each(import)?;
    if node.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let values = coalesce(node, &Map::new(), Nulls::Keep)?;
    let imported = Map::new();
    for dependency in &mut node.metadata.dependencies {
        let Some(imports) = &mut dependency.import_values else { continue };
        // What is neither a name nor a pair is dropped, as Helm drops it.
        imports.retain(|import| !matches!(import, ImportValues::Other(_)));
        for import in imports.iter_mut() {
            let (child, parent) = match &*import {
                ImportValues::Export(name) => (format!("exports.{name}"), ".".to_owned()),
                ImportValues::Table { child, parent } => (child.clone(), parent.clone()),
                ImportValues::Other(_) => continue,
            };
            if parent.split('.').count() > MAX_PATH {
                return Err(Error::limit(format!(
                    "import-values: path {parent:.40}... has more than {MAX_PATH} names"
                )));
            }
            if let Some(found) = coalesce::table(&values, &format!("{}.{child}", dependency.name)) {
                coalesce::tables(&imported, &wrap(&parent, found), Nulls::Keep);
            }
            *import = ImportValues::Table { child, parent };
        }
    }
    // Imported tables may be tables of `values` themselves: the copy is what is merged.
    let merged = coalesce::copy(&values);
    coalesce::tables(&merged, &imported, Nulls::Keep);
    node.merged = Some(merged);
    Ok(())
}

/// Puts a table at a path of names joined by dots; `.` is the top.
fn wrap(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, name| {
        let outer = Map::new();
        outer.insert(name, Value::Map(inner));
        outer
    })
}
