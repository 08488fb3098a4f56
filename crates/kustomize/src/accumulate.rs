//! Accumulation: one kustomization after the other, depth first, to resources, field specs and
//! variables.

mod generators;

use std::rc::Rc;
use std::sync::Arc;

use belay_tree::TreePath;

use crate::configuration;
use crate::decode::Rules;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::Config;
use crate::kustomization::{COMPONENT, FILE_NAMES, Kustomization};
use crate::load::Loader;
use crate::manifest;
use crate::metadata::Trace;
use crate::options::{Compatibility, Overlay};
use crate::plugin;
use crate::resource::{Origin, Resource};
use crate::schema::Schemas;
use crate::session::Session;
use crate::set::Resources;
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
        let is_built_in = [Compatibility::V5_8_1, Compatibility::Next]
            .into_iter()
            .any(|compatibility| Arc::ptr_eq(config, &Config::built_in(compatibility)));
        if Arc::ptr_eq(&self.config, config) || **config == Config::default() {
            return Ok(());
        }
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

/// A kustomization to be accumulated.
pub(crate) struct Target<'a> {
    session: &'a Session<'a>,
    loader: Rc<Loader<'a>>,
    kustomization: Kustomization,
    /// The kustomization file.
    file: TreePath,
    file_name: String,
    /// Where the kustomization comes from, where `buildMetadata` asks for it.
    trace: Option<Trace>,
    /// The namespace of the kustomizations above, which charts inherit.
    inherited_namespace: String,
}

impl<'a> Target<'a> {
    /// Reads the kustomization of a loader's directory.
    pub(crate) fn load(
        session: &'a Session<'a>,
        loader: Rc<Loader<'a>>,
        overlay: Option<&Overlay>,
    ) -> Result<Target<'a>> {
        let mut found = Vec::new();
        let mut unreadable = None;
        for name in FILE_NAMES {
            match loader.load(name) {
                Ok(loaded) => found.push((name, loaded)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => unreadable = Some(error),
            }
        }
        let generated = overlay.and_then(|overlay| overlay.generated.as_ref());
        // Who changes a kustomization reads it as sigs.k8s.io/yaml does and writes it anew.
        let rules = if overlay.is_some() { Rules::Yaml } else { Rules::Json };
        let mut files = found.into_iter();
        let (mut kustomization, file, file_name) = match (files.next(), files.next(), generated) {
            (Some(_), Some(_), _) => {
                let message = format!("Found multiple kustomization files under: {}\n", loader.shown_dir());
                return Err(Error::kustomization(message));
            }
            (Some((name, loaded)), None, _) => {
                let kustomization = Kustomization::read(&loaded.text(), rules, loader.options().compatibility)
                    .map_err(|error| error.in_file(&loaded.path))?;
                (kustomization, loaded.path, name)
            }
            (None, _, Some(generated)) => {
                let file =
                    loader.dir().child(FILE_NAMES[0]).map_err(|error| Error::kustomization(error.to_string()))?;
                (Kustomization::of(generated, Rules::Json)?, file, FILE_NAMES[0])
            }
            (None, ..) => {
                let missing = Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'",
                        loader.shown_dir()
                    ),
                );
                return Err(unreadable.unwrap_or(missing));
            }
        };
        kustomization.warnings().into_iter().for_each(|warning| session.warn(warning));
        if let Some(overlay) = overlay {
            crate::build::apply_overlay(&mut kustomization, overlay);
        }
        kustomization.fix();
        if kustomization.is_empty() {
            return Err(Error::kustomization("kustomization.yaml is empty").at(&file, None));
        }
        let errors = kustomization.header_errors();
        if !errors.is_empty() {
            let message =
                format!("Failed to read kustomization file under {}:\n{}", loader.shown_dir(), errors.join("\n"));
            return Err(Error::kustomization(message).at(&file, None));
        }
        let file_name = file_name.to_owned();
        Ok(Target { session, loader, kustomization, file, file_name, trace: None, inherited_namespace: String::new() })
    }

    pub(crate) fn kustomization(&self) -> &Kustomization {
        &self.kustomization
    }
    pub(crate) fn loader(&self) -> &Loader<'a> {
        &self.loader
    }
    pub(crate) fn schemas(&self) -> Arc<Schemas> {
        self.session.schemas()
    }
    /// Where generated objects come from.
    pub(crate) fn generator_origin(&self) -> Origin {
        Origin { path: self.file.clone(), document: 0, line: 0 }
    }

    /// Begins to keep track of where objects come from, if the root asks for it.
    pub(crate) fn start_tracing(&mut self) {
        self.trace = (!self.kustomization.build_metadata.is_empty()).then(Trace::default);
    }

    /// Accumulates this kustomization and what it includes.
    pub(crate) fn accumulate(&mut self) -> Result<Accumulated> {
        self.accumulate_into(Accumulated::default())
    }

    fn accumulate_into(&mut self, mut into: Accumulated) -> Result<Accumulated> {
        let doing = |what: &'static str| move |error: Error| error.wrap(what);
        let paths = std::mem::take(&mut self.kustomization.resources);
        self.accumulate_resources(&mut into, &paths).map_err(doing("accumulating resources"))?;
        into.merge_config(&configuration::load(&self.loader, &self.kustomization.configurations)?)?;
        let crds = configuration::load_crds(&self.loader, &self.kustomization.crds)?;
        into.merge_config(&Arc::new(crds))?;
        self.run_generators(&mut into)?;
        let paths = std::mem::take(&mut self.kustomization.components);
        into = self.accumulate_components(into, &paths).map_err(doing("accumulating components"))?;
        self.session.check_objects(&into.resources)?;
        self.run_transformers(&mut into)?;
        self.run_validators(&mut into)?;
        let vars = self.kustomization.vars.take().unwrap_or_default();
        vars::note(&mut into.resources, &vars, &self.schemas())
            .and_then(|()| into.vars.add(vars))
            .map_err(|error| error.wrap("merging vars").at(&self.file, None))?;
        Ok(into)
    }

    /// Takes each path as a file, then as a directory or repository.
    fn accumulate_resources(&mut self, into: &mut Accumulated, paths: &[String]) -> Result<()> {
        for path in paths {
            let Err(as_file) = self.accumulate_file(into, path) else { continue };
            if matches!(as_file.kind(), ErrorKind::Limit) {
                return Err(as_file);
            }
            match self.loader.enter(path) {
                Err(_) if as_file.is_malformed() => return Err(as_file),
                Err(as_dir) => {
                    let keep = matches!(as_dir.kind(), ErrorKind::Limit | ErrorKind::Unsupported | ErrorKind::Cycle);
                    let message = format!("accumulation err='{}': {}", as_file.message(), as_dir.message());
                    let kind = if keep { as_dir.kind() } else { as_file.kind() };
                    return Err(self.combined(kind, message, &as_file, &as_dir));
                }
                Ok(loader) => self
                    .accumulate_directory(into, loader, path)
                    .map_err(|error| error.wrap(format_args!("accumulation err='{}'", as_file.message())))?,
            }
        }
        Ok(())
    }

    /// One error of two attempts, placed where the first failed, or in this kustomization file.
    fn combined(&self, kind: ErrorKind, message: String, first: &Error, second: &Error) -> Error {
        let mut error = Error::new(kind, message);
        if first.kind() != ErrorKind::NotFound && kind == first.kind() {
            error = error.because(first.cause());
        }
        for hint in first.hints().iter().chain(second.hints()) {
            error = error.hint(hint);
        }
        match first.location().or(second.location()) {
            Some(at) => error.at(&at.path, at.line),
            None => error.at(&self.file, None),
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
            ))),
            (false, true) => {
                Err(Error::kustomization(format!("expected kind != '{COMPONENT}' for path '{shown_dir}'")))
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
        for path in paths {
            let requoted = |error: Error, what: &str| {
                let message = format!("{what}{}", crate::transform::patch::quoted(error.message()));
                let mut placed = Error::new(error.kind(), message);
                if let Some(at) = error.location() {
                    placed = placed.at(&at.path, at.line);
                }
                placed
            };
            let loader = self.loader.enter(path).map_err(|error| requoted(error, "loader.New "))?;
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
    fn external(&mut self, entries: &[String], doing: &str) -> Result<Resources> {
        let mut configs = Accumulated::default();
        let mut paths = Vec::new();
        let schemas = self.schemas();
        for entry in entries {
            let Ok(manifests) = manifest::read(entry) else {
                paths.push(entry.clone());
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
        let built_in = plugin::built_in_transformers(self, &into.config).map_err(|error| error.at(&self.file, None))?;
        let configs = self.external(&self.kustomization.transformers.clone(), "configuring external transformer")?;
        let mut all: Vec<(Transformer, Option<Rc<Trace>>)> = built_in
            .into_iter()
            .map(|(kind, transformer)| {
                let trace = self.trace.as_ref().map(|trace| Rc::new(trace.built_in(&self.file_name, kind)));
                (transformer, trace)
            })
            .collect();
        for config in configs.iter() {
            all.push((plugin::transformer(config, self)?, self.plugin_trace(config)));
        }
        self.session.count_transformers(all.len(), into.resources.len())?;
        let schemas = self.schemas();
        for (transformer, trace) in &all {
            let ran = transformer.run(&mut into.resources, &schemas, self.session.growth());
            ran.map_err(|error| error.at(&self.file, None))?;
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
        let configs = self.external(&self.kustomization.validators.clone(), "configuring external transformer")?;
        let schemas = self.schemas();
        for config in configs.iter() {
            let validator = plugin::transformer(config, self)?;
            let before = into.resources.clone();
            validator.run(&mut into.resources, &schemas, self.session.growth())?;
            let unchanged = before.len() == into.resources.len()
                && before.iter().zip(into.resources.iter()).all(|(a, b)| a.value() == b.value());
            if !unchanged {
                return Err(Error::transform("validator shouldn't modify the resource map").at(&self.file, None));
            }
        }
        Ok(())
    }
}

/// About what one transformation takes in an annotation.
const TRACE_BYTES: usize = 64;

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
