//! Variables: `$(NAME)` in certain fields, replaced by the value of a field of some object.

use std::collections::{BTreeMap, BTreeSet};

use belay_object::Value;

use crate::error::{Error, Result};
use crate::fieldspec::{Create, FieldSpec};
use crate::growth::Growth;
use crate::id::{Gvk, Id};
use crate::kustomization::Var;
use crate::path::field_value;
use crate::scalar::{is_null, text};
use crate::schema::Schemas;
use crate::set::Resources;

/// The variables of a kustomization and its bases, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars(BTreeMap<String, Var>);

impl Vars {
    /// Adds variables; a name twice is an error.
    pub(crate) fn add(&mut self, vars: impl IntoIterator<Item = Var>) -> Result<()> {
        for var in vars {
            if self.0.contains_key(&var.name) {
                return Err(Error::transform(format!("var '{}' already encountered", var.name)));
            }
            self.0.insert(var.name.clone(), var);
        }
        Ok(())
    }

    pub(crate) fn add_all(&mut self, other: Vars) -> Result<()> {
        self.add(other.0.into_values())
    }
}

/// Notes on each resource which variables take their value from it, under the name that it has now.
pub(crate) fn note(resources: &mut Resources, vars: &[Var], schemas: &Schemas) -> Result<()> {
    for var in vars {
        let id = target_id(var, schemas);
        let whole = !id.namespace.is_empty() || id.cluster;
        let fits = |other: &Id| if whole { id.equals(other) } else { id.same_but_namespace(other) };
        match resources.with_any(&id.name, fits).as_slice() {
            [] => {}
            [i] => resources.get_mut(*i).vars.push(var.name.as_str().into()),
            several => {
                return Err(Error::transform(format!(
                    "found {} resId matches for var {} (unable to disambiguate)",
                    several.len(),
                    shown(var)
                )));
            }
        }
    }
    Ok(())
}

fn target_id(var: &Var, schemas: &Schemas) -> Id {
    let target = &var.target;
    let mut gvk = Gvk::new(&target.group, &target.version, &target.kind);
    if !target.api_version.is_empty() {
        let parts: Vec<&str> = target.api_version.split('/').collect();
        match parts[..] {
            [version] => gvk = Gvk::new(&target.group, version, &target.kind),
            [group, version] => gvk = Gvk::new(group, version, &target.kind),
            _ => {}
        }
    }
    let cluster = schemas.is_cluster_scoped(&gvk.api_version(), &gvk.kind);
    Id { name: target.name.as_str().into(), namespace: target.namespace.as_str().into(), gvk, cluster }
}

/// A variable as Go prints its struct.
fn shown(var: &Var) -> String {
    let target = &var.target;
    format!(
        "{{{} {{{} {{{} {} {} false}} {} {}}} {{{}}}}}",
        var.name,
        target.api_version,
        target.group,
        target.version,
        target.kind,
        target.name,
        target.namespace,
        field_path(var)
    )
}

fn field_path(var: &Var) -> &str {
    if var.field.field_path.is_empty() { "metadata.name" } else { &var.field.field_path }
}

/// Replaces all variables; gives a warning if some were never used.
pub(crate) fn resolve(
    resources: &mut Resources,
    vars: &Vars,
    specs: &[FieldSpec],
    growth: &Growth,
) -> Result<Option<String>> {
    if vars.0.is_empty() {
        return Ok(None);
    }
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, resource) in resources.iter().enumerate() {
        for name in &resource.vars {
            holders.entry(name).or_insert(i);
        }
    }
    let mut values = BTreeMap::new();
    for (name, var) in &vars.0 {
        let i = holders.get(name.as_str()).ok_or_else(|| {
            let message = format!("var '{}' cannot be mapped to a field in the set of known resources", shown(var));
            let target = Id {
                gvk: Gvk::new("", "", &var.target.kind),
                name: var.target.name.as_str().into(),
                namespace: "".into(),
                cluster: false,
            };
            Error::transform(message).hint(resources.similar(&target))
        })?;
        let value = field_value(resources[*i].value(), field_path(var)).cloned().ok_or_else(|| {
            Error::transform(format!("field specified in var '{}' not found in corresponding resource", shown(var)))
        })?;
        values.insert(name.clone(), value);
    }
    let mut replacer = Replacer { values: &values, used: BTreeSet::new(), growth };
    for i in 0..resources.len() {
        for spec in specs {
            let value = resources[i].value();
            if spec.holds_for(value) && spec.any(value, &may_hold_variable) {
                spec.visit_unchecked(resources.get_mut(i).value_mut(), Create::Never, &mut |place| {
                    replacer.set(place)
                })?;
            }
        }
    }
    let unused: Vec<&str> = values.keys().filter(|name| !replacer.used.contains(*name)).map(String::as_str).collect();
    Ok((!unused.is_empty()).then(|| format!("well-defined vars that were never replaced: {}", unused.join(","))))
}

/// Whether a place is worth a visit: it may hold a variable, or is of a kind that is an error.
fn may_hold_variable(place: &Value) -> bool {
    match place {
        Value::Str(text) => text.contains('$'),
        Value::Object(map) => map.values().any(|v| v.as_str().is_some_and(|s| s.contains('$'))),
        Value::Array(items) => items.iter().any(|v| v.as_str().is_none_or(|s| s.contains('$'))),
        _ => false,
    }
}

struct Replacer<'a> {
    values: &'a BTreeMap<String, Value>,
    used: BTreeSet<String>,
    growth: &'a Growth,
}

impl Replacer<'_> {
    fn set(&mut self, place: &mut Value) -> Result<()> {
        match place {
            Value::Str(_) => self.set_text(place)?,
            Value::Object(map) => map.iter_mut().try_for_each(|(_, v)| self.set_text(v))?,
            Value::Array(items) => {
                for item in items.iter_mut() {
                    if item.as_str().is_none() {
                        return Err(Error::transform("invalid value type expect a string"));
                    }
                    self.set_text(item)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set_text(&mut self, place: &mut Value) -> Result<()> {
        if let Value::Str(text) = place
            && text.contains('$')
        {
            *place = self.expand(text)?;
        }
        Ok(())
    }

    /// Replaces variables in a text. A text that is one variable takes the variable's type.
    fn expand(&mut self, input: &str) -> Result<Value> {
        let mut out = String::with_capacity(input.len());
        let mut rest = input;
        // What has no end is looked for once, not from every beginning.
        let last_end = input.rfind(')').map_or(0, |at| input.len() - at);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            match after.chars().next() {
                None => {
                    out.push('$');
                    rest = "";
                }
                Some('$') => {
                    out.push('$');
                    rest = &after[1..];
                }
                Some('(') => match (last_end > 0 && after.len() >= last_end).then(|| after.find(')')).flatten() {
                    Some(end) => {
                        let name = &after[1..end];
                        match self.value(name) {
                            Some(value) if input.len() == name.len() + 3 => return Ok(value.clone()),
                            Some(value) => {
                                let value = text(value).into_owned();
                                self.growth.spend(value.len())?;
                                out.push_str(&value);
                            }
                            None => out.push_str(&format!("$({name})")),
                        }
                        rest = &after[end + 1..];
                    }
                    None => {
                        out.push_str("$(");
                        rest = &after[1..];
                    }
                },
                Some(other) => {
                    out.push('$');
                    out.push(other);
                    rest = &after[other.len_utf8()..];
                }
            }
        }
        out.push_str(rest);
        Ok(Value::from(out))
    }

    /// The value of a variable; only scalars count.
    fn value(&mut self, name: &str) -> Option<&Value> {
        let value =
            self.values.get(name).filter(|v| !matches!(v, Value::Object(_) | Value::Array(_)) && !is_null(v))?;
        self.used.insert(name.to_owned());
        Some(value)
    }
}
