//! Accumulation: one kustomization after the other, depth first, to resources, field specs and
//! variables.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use belay_tree::TreePath;

use crate::configuration;
use crate::decode::Rules;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::Config;
use crate::generate::{self, absorb};
use crate::helm;
use crate::kustomization::{COMPONENT, FILE_NAMES, Kustomization};
use crate::load::Loader;
use crate::manifest::{self, Manifest};
use crate::metadata::Trace;
use crate::options::{BuildOptions, Overlay};
use crate::plugin;
use crate::resource::{Origin, Resource};
use crate::schema::Schemas;
use crate::set::Resources;
use crate::transform::Transformer;
use crate::transform::patch::in_file;
use crate::transform::vars::{self, Vars};

/// What holds for a whole build.
pub(crate) struct Session<'a> {
    options: &'a BuildOptions,
    schemas: RefCell<Arc<Schemas>>,
    /// Whether a kustomization chose the schema: the first to do so is the only one.
    schema_is_set: Cell<bool>,
    /// Files that were read, so that a base used twice shares its objects.
    manifests: RefCell<HashMap<TreePath, Rc<Vec<Manifest>>>>,
    /// Whether an object was looked at.
    has_objects: Cell<bool>,
    transformers: Cell<usize>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(options: &'a BuildOptions) -> Session<'a> {
        Session {
            options,
            schemas: RefCell::new(Schemas::built_in()),
            schema_is_set: Cell::new(false),
            manifests: RefCell::default(),
            has_objects: Cell::new(false),
            transformers: Cell::new(0),
            warnings: RefCell::default(),
        }
    }
    pub(crate) fn schemas(&self) -> Arc<Schemas> {
        self.schemas.borrow().clone()
    }
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings.borrow_mut().push(warning.into());
    }
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    /// Sets the schema that a kustomization asks for, if none is set yet.
    pub(crate) fn set_schema(&self, target: &Target<'_>, is_root: bool) -> Result<()> {
        let openapi = &target.kustomization.openapi;
        let custom = openapi.get("path").map(|path| target.loader.load(path)).transpose()?;
        if self.schema_is_set.get() && !is_root {
            return Ok(());
        }
        match (custom, openapi.get("version").map(String::as_str)) {
            (Some(_), Some(_)) => {
                return Err(Error::kustomization("builtin version and custom schema provided, cannot use both"));
            }
            (Some(custom), None) => {
                let schemas = Schemas::read(&custom.text(), self.has_objects.get())
                    .map_err(|error| error.at(&custom.path, None))?;
                *self.schemas.borrow_mut() = Arc::new(schemas);
                self.schema_is_set.set(true);
            }
            (None, Some("v1.21.2")) => self.schema_is_set.set(true),
            (None, None | Some("")) => {}
            (None, Some(_)) => return Err(Error::kustomization("the specified OpenAPI version is not built in")),
        }
        Ok(())
    }

    /// Reads the manifests of a file.
    fn manifests(&self, loader: &Loader<'_>, path: &str) -> Result<(Rc<Vec<Manifest>>, TreePath)> {
        let loaded = loader.load(path)?;
        let cached = loader.is_given().then(|| self.manifests.borrow().get(&loaded.path).cloned()).flatten();
        if let Some(manifests) = cached {
            return Ok((manifests, loaded.path));
        }
        let manifests = Rc::new(manifest::read(&loaded.text()).map_err(|error| in_file(error, path, &loaded.path))?);
        if loader.is_given() {
            self.manifests.borrow_mut().insert(loaded.path.clone(), manifests.clone());
        }
        Ok((manifests, loaded.path))
    }

    fn count_transformers(&self, more: usize) -> Result<()> {
        self.transformers.set(self.transformers.get() + more);
        let most = self.options.limits.transformers;
        if self.transformers.get() > most {
            return Err(Error::limit(format!("the build has more than {most} patches and other transformers")));
        }
        Ok(())
    }

    fn check_objects(&self, resources: &Resources) -> Result<()> {
        let most = self.options.limits.objects;
        if resources.len() > most {
            return Err(Error::limit(format!("the build has more than {most} objects")));
        }
        Ok(())
    }
}

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
        let is_built_in = Arc::ptr_eq(config, &Config::built_in());
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
                let kustomization = Kustomization::read(&loaded.text(), rules).map_err(|error| {
                    let line = error.location().and_then(|at| at.line);
                    Error::new(error.kind(), error.message()).at(&loaded.path, line)
                })?;
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
        self.session.has_objects.set(true);
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

    fn run_generators(&mut self, into: &mut Accumulated) -> Result<()> {
        let options = self.kustomization.generator_options.take();
        let origin = self.generator_origin();
        let mut config_maps = std::mem::take(&mut self.kustomization.config_map_generator);
        for args in &mut config_maps {
            args.options = generate::with_global(args.options.take(), options.as_ref());
        }
        let mut secrets = std::mem::take(&mut self.kustomization.secret_generator);
        for args in &mut secrets {
            args.common.options = generate::with_global(args.common.options.take(), options.as_ref());
        }
        let charts = self.complete_charts()?;
        let external = self
            .external(&self.kustomization.generators.clone(), "configuring external generator")
            .map_err(|error| error.wrap("loading generator plugins"))?;
        let generators: Vec<(plugin::Generator, Option<Rc<Trace>>)> = external
            .iter()
            .map(|config| self.external_generator(config))
            .collect::<Result<_>>()
            .map_err(|error| error.wrap("failed to load generator").wrap("loading generator plugins"))?;
        let built_in = |kind: &str| self.trace.as_ref().map(|trace| Rc::new(trace.built_in(&self.file_name, kind)));
        let here = |error: Error| error.at(&self.file, None);

        let trace = built_in("ConfigMapGenerator");
        for args in &config_maps {
            let made = generate::config_map(args, &self.loader, &origin).map_err(here)?;
            self.absorb(into, vec![made], trace.clone(), &format!("ConfigMapGenerator {}", args.name))?;
        }
        let trace = built_in("SecretGenerator");
        for args in &secrets {
            let made = generate::secret(args, &self.loader, &origin).map_err(here)?;
            self.absorb(into, vec![made], trace.clone(), &format!("SecretGenerator {}", args.common.name))?;
        }
        let trace = built_in("HelmChartInflationGenerator");
        for (chart, home) in &charts {
            let made = self.inflate(chart, home).map_err(here)?;
            self.absorb(into, made, trace.clone(), &format!("HelmChartInflationGenerator {}", chart.name))?;
        }
        for (generator, trace) in generators {
            let made = generator.generate(self).map_err(here)?;
            self.absorb(into, made, trace, "external generator")?;
        }
        Ok(())
    }

    fn absorb(
        &self,
        into: &mut Accumulated,
        mut made: Vec<Resource>,
        trace: Option<Rc<Trace>>,
        generator: &str,
    ) -> Result<()> {
        for resource in &mut made {
            resource.provenance.origin = resource.provenance.origin.take().or_else(|| trace.clone());
        }
        absorb(&mut into.resources, made)
            .map_err(|error| error.wrap(format_args!("merging from generator {generator}")).at(&self.file, None))?;
        self.session.check_objects(&into.resources)
    }

    /// The charts with their defaults, and where each stands.
    fn complete_charts(&mut self) -> Result<Vec<(helm::HelmChart, String)>> {
        let globals = self.kustomization.helm_globals.clone().unwrap_or_default();
        let mut charts = std::mem::take(&mut self.kustomization.helm_charts);
        for chart in &mut charts {
            if chart.namespace.is_empty() {
                let own = &self.kustomization.namespace;
                chart.namespace = if own.is_empty() { self.inherited_namespace.clone() } else { own.clone() };
            }
        }
        charts
            .into_iter()
            .map(|mut chart| {
                let config = helm::config_yaml(&chart);
                self.complete_chart(&mut chart, &globals).map(|home| (chart, home)).map_err(|error| {
                    error
                        .wrap(format_args!(
                            "trouble configuring builtin HelmChartInflationGenerator with config: `\n{config}`"
                        ))
                        .at(&self.file, None)
                })
            })
            .collect()
    }

    pub(crate) fn complete_chart(&self, chart: &mut helm::HelmChart, globals: &helm::HelmGlobals) -> Result<String> {
        if self.loader.options().helm.is_none() {
            return Err(Error::new(ErrorKind::Unsupported, "must specify --enable-helm"));
        }
        let home = helm::complete(chart, globals)?;
        for file in &chart.additional_values_files {
            self.loader.load(file).map_err(|error| error.wrap("could not load additionalValuesFile"))?;
        }
        Ok(home)
    }

    /// Renders a chart through the caller.
    pub(crate) fn inflate(&self, chart: &helm::HelmChart, home: &str) -> Result<Vec<Resource>> {
        let Some(renderer) = &self.loader.options().helm else {
            return Err(Error::new(ErrorKind::Unsupported, "must specify --enable-helm"));
        };
        let mut values_files = vec![chart.values_file.clone()];
        values_files.extend(chart.additional_values_files.iter().cloned());
        let request = helm::HelmRequest {
            chart,
            tree: self.loader.tree(),
            dir: self.loader.dir(),
            chart_home: home,
            values_files: &values_files,
            values: chart.values_inline(),
        };
        let rendered = renderer.render(&request).map_err(Error::transform)?;
        let schemas = self.schemas();
        let manifests = manifest::read(&rendered)
            .map_err(|error| Error::new(error.kind(), error.message()).wrap("error reading helm output"))?;
        Ok(manifests
            .into_iter()
            .map(|manifest| {
                let mut resource = Resource::new(manifest.value, Some(self.generator_origin()), &schemas);
                resource.from_helm = true;
                resource
            })
            .collect())
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

    fn external_generator(&self, config: &Resource) -> Result<(plugin::Generator, Option<Rc<Trace>>)> {
        let generator = plugin::generator(config, self)?;
        Ok((generator, self.plugin_trace(config)))
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
        self.session.count_transformers(all.len())?;
        let schemas = self.schemas();
        for (transformer, trace) in &all {
            transformer.run(&mut into.resources, &schemas).map_err(|error| error.at(&self.file, None))?;
            if let Some(trace) = trace {
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
            validator.run(&mut into.resources, &schemas)?;
            let unchanged = before.len() == into.resources.len()
                && before.iter().zip(into.resources.iter()).all(|(a, b)| a.value() == b.value());
            if !unchanged {
                return Err(Error::transform("validator shouldn't modify the resource map").at(&self.file, None));
            }
        }
        Ok(())
    }
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
