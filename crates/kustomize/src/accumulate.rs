//! Accumulation: one kustomization after the other, depth first, to resources, field specs and
//! variables.

mod generators;

use std::rc::Rc;
use std::sync::Arc;

use crate::configuration;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::Config;
use crate::kustomization::COMPONENT;
use crate::load::Loader;
use crate::manifest;
use crate::metadata::Trace;
use crate::options::Compatibility;
use crate::plugin;
use crate::resource::{Origin, Resource};
use crate::set::Resources;
use crate::target::Target;
use crate::transform::Transformer;
use crate::transform::vars::{self, Vars};

/// What a kustomization gives its parent.
#[derive(Default)]
pub(crate) struct Accumulated {
    pub(crate) resources: Resources,
    pub(crate) config: Arc<Config>,
    pub(crate) vars: Vars,
}

impl Accumulated {
    fn merge_config(&mut self, config: &Arc<Config>) -> Result<()> {
        // Every kustomization brings the built-in field specs, most nothing else; once merged they
        // add nothing. What was merged with the tables is merged again into nothing, because a field
        // spec for any kind gives way to one for some kind that comes before it.
        if Arc::ptr_eq(&self.config, config) || **config == Config::default() {
            return Ok(());
        }
        let is_built_in = [Compatibility::V5_8_1, Compatibility::Next]
            .into_iter()
            .any(|compatibility| Arc::ptr_eq(config, &Config::built_in(compatibility)));
        match (is_built_in, *self.config == Config::default()) {
            (true, true) => self.config = config.clone(),
            (true, false) => {}
            (false, _) => Arc::make_mut(&mut self.config).merge(config)?,
        }
        Ok(())
    }

    fn merge(&mut self, other: Accumulated) -> Result<()> {
        if self.resources.len() == 0 {
            self.resources = other.resources;
        } else {
            self.resources.append_all(other.resources.into_vec())?;
        }
        self.merge_config(&other.config)?;
        self.vars.add_all(other.vars)
    }
}

impl<'a> Target<'a> {
    /// Accumulates this kustomization and what it includes.
    pub(crate) fn accumulate(&mut self) -> Result<Accumulated> {
        self.accumulate_into(Accumulated::default())
    }

    fn accumulate_into(&mut self, mut into: Accumulated) -> Result<Accumulated> {
        let doing = |what: &'static str| move |error: Error| error.wrap(what);
        let paths = entries("resources", &std::mem::take(&mut self.kustomization.resources));
        self.accumulate_resources(&mut into, &paths).map_err(doing("accumulating resources"))?;
        let blame = |field| move |error: Error| (Entry::field(field), error);
        let config = configuration::load(&self.loader, &self.kustomization.configurations)
            .and_then(|config| into.merge_config(&config))
            .map_err(blame("configurations"));
        config.map_err(|(entry, error)| self.blame(entry, error))?;
        let crds = configuration::load_crds(&self.loader, &self.kustomization.crds)
            .and_then(|crds| into.merge_config(&Arc::new(crds)))
            .map_err(blame("crds"));
        crds.map_err(|(entry, error)| self.blame(entry, error))?;
        self.run_generators(&mut into)?;
        let paths = std::mem::take(&mut self.kustomization.components);
        into = self.accumulate_components(into, &paths).map_err(doing("accumulating components"))?;
        self.session.check_objects(&into.resources)?;
        self.run_transformers(&mut into)?;
        self.run_validators(&mut into)?;
        let vars = self.kustomization.vars.take().unwrap_or_default();
        vars::note(&mut into.resources, &vars, &self.schemas())
            .and_then(|()| into.vars.add(vars))
            .map_err(|error| self.blame(Entry::field("vars"), error.wrap("merging vars")))?;
        Ok(into)
    }

    /// Takes each path as a file, then as a directory or repository.
    fn accumulate_resources(&mut self, into: &mut Accumulated, paths: &[(Entry, String)]) -> Result<()> {
        for (entry, path) in paths {
            self.accumulate_path(into, path).map_err(|error| self.blame(*entry, error))?;
        }
        Ok(())
    }

    fn accumulate_path(&mut self, into: &mut Accumulated, path: &str) -> Result<()> {
        let Err(as_file) = self.accumulate_file(into, path) else { return Ok(()) };
        if matches!(as_file.kind(), ErrorKind::Limit) {
            return Err(as_file);
        }
        match self.loader.enter(path) {
            Err(_) if as_file.is_malformed() => Err(as_file),
            Err(as_dir) => {
                let keep = matches!(as_dir.kind(), ErrorKind::Limit | ErrorKind::Unsupported | ErrorKind::Cycle);
                let message = format!("accumulation err='{}': {}", as_file.message(), as_dir.message());
                let kind = if keep { as_dir.kind() } else { as_file.kind() };
                Err(combined(kind, message, &as_file, &as_dir))
            }
            Ok(loader) => self
                .accumulate_directory(into, loader, path)
                .map_err(|error| error.wrap(format_args!("accumulation err='{}'", as_file.message()))),
        }
    }

    fn accumulate_file(&mut self, into: &mut Accumulated, path: &str) -> Result<()> {
        let from = |error: Error| error.wrap(format_args!("accumulating resources from '{path}'"));
        let (manifests, file) = self.session.manifests(&self.loader, path).map_err(from)?;
        self.session.look_at_objects();
        let schemas = self.session.schemas();
        let trace = self.trace.as_ref().map(|trace| Rc::new(trace.append(path)));
        let resources = manifests.iter().map(|manifest| {
            let origin = Origin { path: file.clone(), document: manifest.document, line: manifest.line };
            let mut resource = Resource::new(manifest.value.clone(), Some(origin), &schemas);
            resource.read_books();
            resource.provenance.origin = trace.clone();
            resource
        });
        into.resources
            .append_all(resources)
            .map_err(|error| error.wrap(format_args!("merging resources from '{path}'")))?;
        self.session.check_objects(&into.resources)
    }

    /// A target for a directory that this kustomization includes.
    fn sub_target(&self, loader: Rc<Loader<'a>>, path: &str, is_component: bool) -> Result<Target<'a>> {
        let shown_dir = loader.shown_dir();
        let mut target = Target::load(self.session, loader, None)
            .map_err(|error| error.wrap(format_args!("couldn't make target for path '{shown_dir}'")))?;
        target.kustomization.build_metadata = self.kustomization.build_metadata.clone();
        target.trace = self.trace.as_ref().map(|trace| trace.append(path));
        let own = &self.kustomization.namespace;
        target.inherited_namespace = if own.is_empty() { self.inherited_namespace.clone() } else { own.clone() };
        self.session.set_schema(&target, false)?;
        match (is_component, target.kustomization.kind == COMPONENT) {
            (true, false) => Err(Error::kustomization(format!(
                "expected kind '{COMPONENT}' for path '{shown_dir}' but got '{}'",
                target.kustomization.kind
            ))
            .hint("list it under resources, or write kind: Component in its kustomization file")),
            (false, true) => {
                Err(Error::kustomization(format!("expected kind != '{COMPONENT}' for path '{shown_dir}'"))
                    .hint("list it under components"))
            }
            _ => Ok(target),
        }
    }

    fn accumulate_directory(&mut self, into: &mut Accumulated, loader: Rc<Loader<'a>>, path: &str) -> Result<()> {
        let shown_dir = loader.shown_dir();
        let mut target = self.sub_target(loader, path, false)?;
        let accumulated = target
            .accumulate()
            .map_err(|error| error.wrap(format_args!("recursed accumulation of path '{shown_dir}'")))?;
        into.merge(accumulated).map_err(|error| error.wrap(format_args!("recursed merging from path '{shown_dir}'")))
    }

    /// Components work on what is accumulated so far.
    fn accumulate_components(&mut self, mut into: Accumulated, paths: &[String]) -> Result<Accumulated> {
        for (i, path) in paths.iter().enumerate() {
            let requoted = |error: Error, what: &str| {
                let message = format!("{what}{}", crate::transform::patch::quoted(error.message()));
                let mut placed = Error::new(error.kind(), message).hints_of(&error);
                if let Some(at) = error.location() {
                    placed = placed.at(&at.path, at.line);
                }
                self.blame(Entry::nth("components", i), placed)
            };
            let loader = self.loader.enter(path).map_err(|error| {
                requoted(
                    error.hint("a component is a directory, with a kustomization file of kind Component"),
                    "loader.New ",
                )
            })?;
            let shown_dir = loader.shown_dir();
            let accumulated = self.sub_target(loader, path, true).and_then(|mut target| {
                let accumulated = target.accumulate_into(into);
                accumulated.map_err(|error| error.wrap(format_args!("recursed accumulation of path '{shown_dir}'")))
            });
            into = accumulated.map_err(|error| requoted(error, "accumulateDirectory: "))?;
        }
        Ok(into)
    }

    /// The objects that configure generators or transformers: inline, in files, or what a
    /// kustomization makes.
    fn external(&mut self, field: &'static str, list: &[String], doing: &str) -> Result<Resources> {
        let mut configs = Accumulated::default();
        let mut paths = Vec::new();
        let schemas = self.schemas();
        for (entry, text) in entries(field, list) {
            let Ok(manifests) = manifest::read(&text) else {
                paths.push((entry, text));
                continue;
            };
            let trace = self.trace.as_ref().map(|trace| Rc::new(trace.append(&self.file_name)));
            let resources = manifests.into_iter().map(|manifest| {
                let mut resource = Resource::new(manifest.value, Some(self.generator_origin()), &schemas);
                resource.provenance.origin = trace.clone();
                resource
            });
            configs.resources.append_all(resources).map_err(|error| error.wrap(doing))?;
        }
        self.accumulate_resources(&mut configs, &paths)?;
        Ok(configs.resources)
    }

    /// Where the configuration of a plug-in comes from.
    fn plugin_trace(&self, config: &Resource) -> Option<Rc<Trace>> {
        let origin = config.provenance.origin.as_ref()?;
        let id = config.id();
        let names = [id.gvk.api_version(), id.gvk.kind.to_string(), id.name.to_string(), id.namespace.to_string()];
        Some(Rc::new(origin.by_object(names)))
    }

    fn run_transformers(&mut self, into: &mut Accumulated) -> Result<()> {
        let built_in = plugin::built_in_transformers(self, &into.config)
            .map_err(|mut error| self.blame(error.take_entry().unwrap_or(Entry::field("images")), error))?;
        let configs = self.external("transformers", &self.kustomization.transformers.clone(), CONFIGURING)?;
        let mut all: Vec<(Entry, Transformer, Option<Rc<Trace>>)> = built_in
            .into_iter()
            .map(|built_in| {
                let trace = self.trace.as_ref().map(|trace| Rc::new(trace.built_in(&self.file_name, built_in.name)));
                (built_in.entry, built_in.transformer, trace)
            })
            .collect();
        let external = Entry::field("transformers");
        for config in configs.iter() {
            let transformer = plugin::transformer(config, self).map_err(|error| self.blame(external, error))?;
            all.push((external, transformer, self.plugin_trace(config)));
        }
        self.session.count_transformers(all.len(), into.resources.len())?;
        let schemas = self.schemas();
        for (entry, transformer, trace) in &all {
            let ran = transformer.run(&mut into.resources, &schemas, self.session.growth());
            ran.map_err(|error| self.blame(*entry, error))?;
            if let Some(trace) = trace {
                // Each becomes some lines of an annotation on each object.
                self.session.growth().spend(into.resources.len().saturating_mul(TRACE_BYTES))?;
                note_transformation(&mut into.resources, transformer, trace);
            }
        }
        Ok(())
    }

    /// Validators are transformers that must not change anything.
    fn run_validators(&mut self, into: &mut Accumulated) -> Result<()> {
        if self.kustomization.validators.is_empty() {
            return Ok(());
        }
        let configs = self.external("validators", &self.kustomization.validators.clone(), CONFIGURING)?;
        let schemas = self.schemas();
        for config in configs.iter() {
            let blame = |error| self.blame(Entry::field("validators"), error);
            let validator = plugin::transformer(config, self).map_err(blame)?;
            let before = into.resources.clone();
            validator.run(&mut into.resources, &schemas, self.session.growth()).map_err(blame)?;
            let unchanged = before.len() == into.resources.len()
                && before.iter().zip(into.resources.iter()).all(|(a, b)| a.value() == b.value());
            if !unchanged {
                return Err(blame(Error::transform("validator shouldn't modify the resource map")));
            }
        }
        Ok(())
    }
}

const CONFIGURING: &str = "configuring external transformer";

/// About what one transformation takes in an annotation.
const TRACE_BYTES: usize = 64;

/// One error of two attempts, placed where the first failed.
fn combined(kind: ErrorKind, message: String, first: &Error, second: &Error) -> Error {
    let mut error = Error::new(kind, message).hints_of(first);
    if first.kind() != ErrorKind::Unsupported {
        error = error.hints_of(second);
    }
    if first.kind() != ErrorKind::NotFound && kind == first.kind() {
        error = error.because(first.cause());
    }
    match first.location().or(second.location()) {
        Some(at) => error.at(&at.path, at.line),
        None => error,
    }
}

/// The entries of a list of a kustomization, each with its place.
fn entries(field: &'static str, list: &[String]) -> Vec<(Entry, String)> {
    list.iter().enumerate().map(|(i, entry)| (Entry::nth(field, i), entry.clone())).collect()
}

fn note_transformation(resources: &mut Resources, transformer: &Transformer, trace: &Rc<Trace>) {
    let steps = match transformer {
        Transformer::Images(images) => images.steps(),
        _ => 1,
    };
    for i in 0..resources.len() {
        let provenance = &mut resources.get_mut(i).provenance;
        for _ in 0..steps {
            match &provenance.origin {
                None => provenance.origin = Some(trace.clone()),
                Some(_) => provenance.transformations.push(trace.clone()),
            }
        }
    }
}
