//! Templates of a chart and its dependencies, executed.
//!
//! All templates of all charts go into one set, parsed deepest path first and then in reverse
//! order, so that of two definitions of one name the parent chart's wins. They are executed in
//! the same order. What a template changes in its top map, later templates of its chart see.
//!
//! *Invariant*: nothing here asks a clock, the environment or the network: what templates may
//! learn of the outside is in [`Outside`].

mod builtin;
mod errors;
mod files;
mod functions;
#[cfg(test)]
mod tests;
mod toml;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use belay_gotemplate as gt;
use belay_gotemplate::{Map, MissingKey, Parsed, Value};
use belay_object as object;

use crate::capabilities::Capabilities;
use crate::chart::{Chart, Crd};
use crate::dependencies::{self, Node};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::manifest::{self, Hook, Manifest};
use crate::values::coalesce::{self, Nulls, coalesce};

/// `.Release`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseInfo {
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision that is being made, from 1.
    pub revision: u32,
    /// Whether this is an upgrade (or rollback), not an install.
    pub is_upgrade: bool,
}

/// Objects of the cluster that templates look up.
pub trait Lookup: Send + Sync {
    /// The object of a name, or the list of all where `name` is empty; `{}` where there is none.
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> std::result::Result<object::Value, String>;
}

type Random = dyn FnMut(&mut [u8]) + Send;
type Check = dyn FnMut() -> std::result::Result<(), String> + Send;

/// What a render may learn of the outside.
#[derive(Default)]
pub struct Outside {
    /// The time that `now` tells, in nanoseconds since 1970.
    pub now_unix_ns: i128,
    /// Fills bytes with randomness; functions that need it fail where there is none.
    pub random: Option<Box<Random>>,
    /// Asked now and then; an error ends the render (deadlines, cancellation).
    pub check: Option<Box<Check>>,
    /// The cluster; without one `lookup` finds nothing, as in `helm template`.
    pub lookup: Option<Arc<dyn Lookup>>,
}

/// How a chart is rendered.
#[derive(Clone, Copy)]
pub struct RenderOptions<'a> {
    /// The release that it is for.
    pub release: &'a ReleaseInfo,
    /// The cluster that it is for.
    pub capabilities: &'a Capabilities,
    /// How much a render may take.
    pub limits: &'a Limits,
    /// Parsed templates of earlier renders.
    pub cache: Option<&'a TemplateCache>,
    /// Whether values need not meet the schemas.
    pub skip_schema: bool,
    /// Whether the notes of sub-charts are rendered too.
    pub sub_notes: bool,
}

/// What came of a render, in the order of installing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// Documents that are no hooks.
    pub manifests: Vec<Manifest>,
    /// Documents that are hooks.
    pub hooks: Vec<Hook>,
    /// `NOTES.txt`.
    pub notes: String,
    /// The files of `crds/` of the chart and of those that take part. They are not templates; they
    /// are made before all else, and never changed or deleted.
    pub crds: Vec<Crd>,
}

/// The native stack of a render. Helm's 1,000 nested includes take a tenth of it; memory is taken
/// from the system only as it is used.
const STACK_BYTES: usize = 512 << 20;

/// Runs `f` on such a stack, on which renders then are: for programs that load, render and end.
pub fn on_large_stack<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T> {
    gt::with_stack(STACK_BYTES, f).map_err(|e| Error::limit(e.to_string()))
}

/// Renders a chart with the user's values.
pub fn render(chart: &Chart, values: &object::Map, options: &RenderOptions<'_>, outside: Outside) -> Result<Rendered> {
    options.capabilities.check(&chart.metadata.kube_version)?;
    let run = move || render_here(chart, values, options, outside);
    gt::with_stack(STACK_BYTES, run).map_err(|e| Error::limit(e.to_string()))?
}

fn render_here(chart: &Chart, values: &object::Map, options: &RenderOptions<'_>, outside: Outside) -> Result<Rendered> {
    let values = coalesce::from_map(values);
    let node = dependencies::process(chart, &values)?;
    let coalesced = coalesce(&node, &values, Nulls::Delete)?;
    if !options.skip_schema {
        crate::values::schema::check(&node, &coalesced)?;
    }
    let mut files = execute(&node, &coalesced, options, outside)?;
    let notes = take_notes(&mut files, chart.name(), options.sub_notes);
    let (hooks, manifests) = manifest::sort(files)?;
    Ok(Rendered { manifests, hooks, notes, crds: node.crds() })
}

/// Executes all templates; what each file wrote, by its path.
fn execute(
    node: &Node<'_>,
    values: &Map,
    options: &RenderOptions<'_>,
    outside: Outside,
) -> Result<BTreeMap<String, String>> {
    let mut templates = builtin::templates(node, values, options);
    templates.sort_by(|a, b| (b.depth, &b.path).cmp(&(a.depth, &a.path)));
    // Of files with one path (two charts of one name) the last counts.
    templates.reverse();
    templates.dedup_by(|later, earlier| later.path == earlier.path);
    templates.reverse();
    let functions = functions::all();
    let mut set = gt::Set::named(functions::ROOT);
    for template in &templates {
        set.add(&*parsed(template, options.cache)?);
    }
    set.freeze();
    let data = functions::RenderData { included: RefCell::default(), lookup: outside.lookup };
    let environment = gt::Environment {
        now_unix_ns: outside.now_unix_ns,
        random: outside.random.map(|random| random as Box<dyn FnMut(&mut [u8])>),
        check: outside.check.map(|check| check as Box<dyn FnMut() -> std::result::Result<(), String>>),
        data: Some(Rc::new(data)),
    };
    let limits = gt::Limits {
        steps: options.limits.template_steps,
        output_bytes: usize::try_from(options.limits.output_bytes).unwrap_or(usize::MAX),
        made_bytes: options.limits.made_bytes,
        ..gt::Limits::default()
    };
    let mut context =
        gt::Context::new(set, Arc::clone(functions), environment, limits).with_missing_key(MissingKey::Zero);
    let mut rendered = BTreeMap::new();
    let mut left = options.limits.output_bytes;
    for template in templates {
        if template.base_name().starts_with('_') {
            continue;
        }
        let about = Map::from_entries(
            builtin::VALUES,
            [("Name", Value::str(template.path.as_str())), ("BasePath", Value::str(&*template.base_path))],
        );
        template.dot.insert("Template", Value::Map(about));
        let dot = Value::Map(template.dot.with_type(builtin::VALUES));
        let out = context.execute(&template.path, &dot).map_err(|e| errors::of_execution(&template.path, &e))?;
        let out = String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        left = left
            .checked_sub(out.len() as u64)
            .ok_or_else(|| Error::limit(format!("templates write more than {} bytes", options.limits.output_bytes)))?;
        rendered.insert(template.path, without_no_value(out));
    }
    Ok(rendered)
}

/// Go writes `<no value>` where a key is missing; Helm takes it out again, wherever it comes from.
fn without_no_value(text: String) -> String {
    if text.contains("<no value>") { text.replace("<no value>", "") } else { text }
}

fn take_notes(files: &mut BTreeMap<String, String>, name: &str, of_all: bool) -> String {
    let own = format!("{name}/templates/NOTES.txt");
    let paths: Vec<String> = files.keys().filter(|path| path.ends_with("NOTES.txt")).cloned().collect();
    let taken = paths.into_iter().filter_map(|path| Some((files.remove(&path)?, of_all || path == own)));
    let kept: Vec<String> = taken.filter(|(_, is_kept)| *is_kept).map(|(text, _)| text).collect();
    kept.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn parsed(template: &builtin::Template, cache: Option<&TemplateCache>) -> Result<Arc<Parsed>> {
    let parse = || {
        let parsed = gt::parse_shared(&template.path, &template.text, functions::all());
        parsed.map(Arc::new).map_err(|e| errors::of_parsing(&template.path, &e))
    };
    match cache {
        None => parse(),
        Some(cache) => cache.get_or_parse(template, parse),
    }
}

/// Parsed templates by path and text, for renders of the same charts again. Beside the thing:
/// it never changes what is rendered.
pub struct TemplateCache {
    most_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Bytes of text whose templates are held.
    bytes: usize,
    parsed: HashMap<(String, Arc<[u8]>), Arc<Parsed>>,
}

impl Default for TemplateCache {
    /// 64 MiB of text; parsed it takes about three times that. The corpus of 198 charts has 30 MiB.
    fn default() -> TemplateCache {
        TemplateCache::new(64 << 20)
    }
}

impl TemplateCache {
    /// A cache of templates of at most so many bytes of text.
    pub fn new(most_bytes: usize) -> TemplateCache {
        TemplateCache { most_bytes, held: Mutex::default() }
    }

    /// How many templates are held.
    pub fn len(&self) -> usize {
        self.lock().parsed.len()
    }

    /// Whether none are held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn get_or_parse(
        &self,
        template: &builtin::Template,
        parse: impl FnOnce() -> Result<Arc<Parsed>>,
    ) -> Result<Arc<Parsed>> {
        let key = (template.path.clone(), Arc::clone(&template.text));
        if let Some(parsed) = self.lock().parsed.get(&key) {
            return Ok(Arc::clone(parsed));
        }
        let parsed = parse()?;
        let mut held = self.lock();
        // All go at once: a round of renders fills the cache again, and nothing is kept in order.
        if held.bytes + key.1.len() > self.most_bytes {
            *held = Held::default();
        }
        held.bytes += key.1.len();
        held.parsed.insert(key, Arc::clone(&parsed));
        Ok(parsed)
    }
}

/// Renders one text as a template of a chart: what Helm's own tests of its language do.
#[doc(hidden)]
pub fn render_files(
    chart: &Chart,
    values: &object::Map,
    options: &RenderOptions<'_>,
    outside: Outside,
) -> Result<BTreeMap<String, String>> {
    let run = move || {
        let node = Node::new(chart);
        let coalesced = coalesce(&node, &coalesce::from_map(values), Nulls::Delete)?;
        execute(&node, &coalesced, options, outside)
    };
    gt::with_stack(STACK_BYTES, run).map_err(|e| Error::new(ErrorKind::Limit, e.to_string()))?
}
