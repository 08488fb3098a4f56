//! The columns in which objects are printed: server-side printing, as `kubectl get` asks for it.
//!
//! Built-in kinds stand in one table of columns (`kinds`). A custom resource's columns are its definition's matter,
//! what a Table looks like on the wire the HTTP face's.

use belay_object::{Object, Value};

use crate::plugin::{Column, Plugins, TableColumns};

mod age;
mod cells;
mod kinds;
mod more_cells;
mod pods;

#[cfg(test)]
mod tests;

pub use age::human_duration;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    for (group, kind, columns) in kinds::all() {
        plugins.columns(group, kind, BuiltIn::new(columns));
    }
}

/// The description of every name column.
pub(crate) const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
    resources may allow a client to request the generation of an appropriate name automatically. Name is primarily \
    intended for creation idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
/// The description of every age column.
pub(crate) const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It \
    is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It \
    is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// How one cell is made.
#[derive(Clone, Copy)]
pub(crate) enum Cell {
    /// The object's name.
    Name,
    /// How long ago it was created.
    Age,
    /// A text, empty where absent.
    Text(&'static [&'static str]),
    /// A whole number, 0 where absent.
    Count(&'static [&'static str]),
    /// What a function makes of it.
    Of(fn(&Object, i64) -> Value),
}

/// One column of a built-in kind.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    name: &'static str,
    kind: &'static str,
    description: &'static str,
    wide: bool,
    cell: Cell,
}

impl Spec {
    pub(crate) const fn new(name: &'static str, kind: &'static str, cell: Cell) -> Spec {
        Spec { name, kind, description: "", wide: false, cell }
    }
    /// Shown with `-o wide` alone.
    pub(crate) const fn wide(mut self) -> Spec {
        self.wide = true;
        self
    }
    pub(crate) const fn described(mut self, description: &'static str) -> Spec {
        self.description = description;
        self
    }
}

struct BuiltIn {
    columns: Vec<Column>,
    cells: Vec<Cell>,
}

impl BuiltIn {
    fn new(specs: Vec<Spec>) -> BuiltIn {
        let columns = specs.iter().map(|spec| Column {
            name: spec.name.into(),
            kind: spec.kind.into(),
            format: if matches!(spec.cell, Cell::Name) { "name" } else { "" }.into(),
            description: match spec.cell {
                Cell::Name => NAME,
                Cell::Age => CREATED,
                _ => spec.description,
            }
            .into(),
            priority: spec.wide.into(),
        });
        BuiltIn { columns: columns.collect(), cells: specs.iter().map(|s| s.cell).collect() }
    }
}

impl TableColumns for BuiltIn {
    fn columns(&self) -> &[Column] {
        &self.columns
    }
    fn cells(&self, object: &Object, now_s: i64) -> Vec<Value> {
        let cell = |cell: &Cell| match cell {
            Cell::Name => Value::from(object.name()),
            Cell::Age => Value::from(age::since(object.str_at(&["metadata", "creationTimestamp"]), now_s)),
            Cell::Text(path) => Value::from(object.str_at(path).unwrap_or_default()),
            Cell::Count(path) => Value::from(object.at(path).and_then(Value::as_i64).unwrap_or_default()),
            Cell::Of(make) => make(object, now_s),
        };
        self.cells.iter().map(cell).collect()
    }
}
