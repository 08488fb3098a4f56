//! Replacements: the value of one field put into others.

use belay_object::Value;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::growth::Growth;
use crate::id::Id;
use crate::kustomization::{FieldOptions, Replacement, SourceSelector, TargetSelector};
use crate::path::{Make, Place, lookup, split, visit};
use crate::resource::Resource;
use crate::scalar::{is_empty, is_scalar, plain, put_text, text};
use crate::select::Matcher;
use crate::set::Resources;
use crate::structured::replace_in_text;

const DEFAULT_PATH: &str = "metadata.name";

/// Replacements in order.
pub(crate) struct Replacements(pub(crate) Vec<(Entry, Replacement)>);

impl Replacements {
    pub(crate) fn run(&self, resources: &mut Resources, growth: &Growth) -> Result<()> {
        for (entry, replacement) in &self.0 {
            run_one(replacement, resources, growth).map_err(|error| error.in_entry(*entry))?;
        }
        Ok(())
    }
}

fn run_one(replacement: &Replacement, resources: &mut Resources, growth: &Growth) -> Result<()> {
    let has_source = replacement.source.is_some() || replacement.source_value.is_some();
    let Some(targets) = replacement.targets.as_ref().filter(|_| has_source) else {
        return Err(Error::transform("replacements must specify a source and at least one target"));
    };
    let value = match (&replacement.source, &replacement.source_value) {
        (Some(_), Some(_)) => {
            return Err(Error::transform("value and resource selectors are mutually exclusive"));
        }
        (Some(source), None) => source_value(resources, source)?,
        (None, value) => Value::from(value.as_deref().unwrap_or_default()),
    };
    targets.iter().flatten().try_for_each(|target| put(resources, target, &value, growth))
}

/// All ids of a resource: what it is called, then what it was called.
fn ids(resource: &Resource) -> impl Iterator<Item = Id> {
    // kustomize does not look at the kind's scope here.
    std::iter::once(Id { cluster: false, ..resource.id() }).chain(resource.previous_ids())
}

/// A source as error texts name it.
fn shown(source: &SourceSelector) -> String {
    let mut text = source.id().to_string();
    for part in [&source.field_path, &source.options.as_ref().map(shown_options).unwrap_or_default()] {
        if !part.is_empty() {
            text.push(':');
            text.push_str(part);
        }
    }
    text
}

fn shown_options(options: &FieldOptions) -> String {
    if options.delimiter.is_empty() && !options.create {
        return String::new();
    }
    format!("{}({}), create={}", options.delimiter, options.index, options.create)
}

fn source_value(resources: &Resources, source: &SourceSelector) -> Result<Value> {
    let wanted = source.id();
    let fits = |i: &usize| ids(&resources[*i]).any(|id| id.is_selected_by(&wanted));
    let mut matches: Vec<usize> = if wanted.name.is_empty() {
        (0..resources.len()).filter(fits).collect()
    } else {
        resources.named(&wanted.name).iter().copied().filter(fits).collect()
    };
    let i = match (matches.pop(), matches.is_empty()) {
        (Some(i), true) => i,
        (Some(_), false) => {
            let error = Error::transform(format!("multiple matches for selector {}", shown(source)));
            return Err(error.hint("say more of it: group, version, kind, name and namespace"));
        }
        (None, _) => {
            let error = Error::transform(format!("nothing selected by {}", shown(source)));
            return Err(error.hint(resources.similar(&wanted)));
        }
    };
    let path = if source.field_path.is_empty() { DEFAULT_PATH } else { &source.field_path };
    let found = lookup(resources[i].value(), &split(path))
        .map_err(|error| error.wrap("error looking up replacement source"))?
        .filter(|found| !is_empty(found))
        .ok_or_else(|| Error::transform(format!("fieldPath `{path}` is missing for replacement source {wanted}")))
        .map_err(|error| resources.blame(i, error))?;
    refined(found, source.options.as_ref())
}

/// The part of a text that the options ask for.
fn refined(value: &Value, options: Option<&FieldOptions>) -> Result<Value> {
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        return Ok(value.clone());
    };
    if !is_scalar(value) {
        return Err(Error::transform("delimiter option can only be used with scalar nodes"));
    }
    let whole = text(value);
    let part = usize::try_from(options.index).ok().and_then(|i| whole.split(options.delimiter.as_str()).nth(i));
    part.map(Value::from)
        .ok_or_else(|| Error::transform(format!("options.index {} is out of bounds for value {whole}", options.index)))
}

fn put(resources: &mut Resources, target: &TargetSelector, value: &Value, growth: &Growth) -> Result<()> {
    let Some(select) = &target.select else {
        return Err(Error::transform("target must specify resources to select"));
    };
    let failed = |error: Error| error.wrap("error creating target selector");
    let matcher = Matcher::new(select).map_err(failed)?;
    let rejects: Vec<Matcher> = target.reject.iter().map(Matcher::new).collect::<Result<_>>().map_err(failed)?;
    for i in 0..resources.len() {
        let resource = &resources[i];
        let object = resource.value();
        let selected = matcher.matches_selectors(object)
            && !rejects.iter().any(|reject| reject.has_selectors() && reject.matches_selectors(object))
            && !rejects.iter().any(|reject| reject.has_id() && ids(resource).any(|id| reject.matches_id(&id)))
            && ids(resource).any(|id| matcher.matches_id(&id));
        if selected {
            put_into(resources.get_mut(i), target, value, growth).map_err(|error| resources.blame(i, error))?;
            resources.renamed(i);
        }
    }
    Ok(())
}

fn put_into(resource: &mut Resource, target: &TargetSelector, value: &Value, growth: &Growth) -> Result<()> {
    let options = target.options.as_ref();
    let make = match options {
        Some(options) if options.create => Make::like(value),
        _ => Make::Nothing,
    };
    let default = [DEFAULT_PATH.to_owned()];
    let paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
    for path in paths {
        let parts = split(path);
        growth.put(value, parts.len())?;
        if replace_in_text(resource.value_mut(), &parts, value, make, growth)? {
            continue;
        }
        let not_found = || {
            let verb = if make == Make::Nothing { "find" } else { "find or create" };
            format!("unable to {verb} field {path:?} in replacement target")
        };
        let mut failed = None;
        let count = visit(resource.value_mut(), &parts, make, &mut |place| {
            set(place, options, value, growth)
                .inspect_err(|error| failed = failed.take().or_else(|| Some(error.clone())))
        });
        let result = match (failed, count) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(error.wrap(not_found())),
            (None, Ok(0)) => Err(Error::transform(not_found())),
            (None, Ok(_)) => Ok(()),
        };
        result?;
    }
    Ok(())
}

/// Puts a value in a place: a scalar keeps its type and takes the text, all else is replaced.
fn set(place: Place<'_>, options: Option<&FieldOptions>, value: &Value, growth: &Growth) -> Result<()> {
    let Place { value: place, is_new } = place;
    let is_container = matches!(place, Value::Object(_) | Value::Array(_));
    let joined = match options.filter(|options| !options.delimiter.is_empty()) {
        Some(_) if is_container => {
            return Err(Error::transform("delimiter option can only be used with scalar nodes"));
        }
        Some(options) => {
            let old = if is_new { "".into() } else { text(place) };
            growth.spend(old.len())?;
            Some(with_part(&old, options, &text(value)))
        }
        None => None,
    };
    if is_container {
        growth.put(value, 0)?;
        *place = value.clone();
        return Ok(());
    }
    let new = joined.map_or_else(|| text(value), std::borrow::Cow::Owned);
    if is_new {
        *place = plain(&new);
        return Ok(());
    }
    put_text(place, &new).map_err(Error::transform)
}

/// A text of which one part is replaced; before the first, or behind the last, one is added.
fn with_part(old: &str, options: &FieldOptions, new: &str) -> String {
    let mut parts: Vec<&str> = old.split(options.delimiter.as_str()).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, new),
        Ok(i) if i >= parts.len() => parts.push(new),
        Ok(i) => parts[i] = new,
    }
    parts.join(&options.delimiter)
}
