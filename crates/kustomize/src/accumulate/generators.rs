//! The generators of a kustomization: ConfigMaps, Secrets, charts, and those that objects configure.

use std::rc::Rc;

use super::Accumulated;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::generate::{self, absorb};
use crate::growth::measure;
use crate::helm;
use crate::manifest;
use crate::metadata::Trace;
use crate::plugin;
use crate::resource::Resource;
use crate::target::Target;

impl Target<'_> {
    pub(super) fn run_generators(&mut self, into: &mut Accumulated) -> Result<()> {
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
            .external("generators", &self.kustomization.generators.clone(), "configuring external generator")
            .map_err(|error| error.wrap("loading generator plugins"))?;
        let generators: Vec<(plugin::Generator, Option<Rc<Trace>>)> = external
            .iter()
            .map(|config| self.external_generator(config))
            .collect::<Result<_>>()
            .map_err(|error| error.wrap("failed to load generator").wrap("loading generator plugins"))
            .map_err(|error| self.blame(Entry::field("generators"), error))?;
        let built_in = |kind: &str| self.trace.as_ref().map(|trace| Rc::new(trace.built_in(&self.file_name, kind)));

        let trace = built_in("ConfigMapGenerator");
        for (i, args) in config_maps.iter().enumerate() {
            let what = format!("ConfigMapGenerator {}", args.name);
            generate::config_map(args, &self.loader, &origin)
                .and_then(|made| self.absorb(into, vec![made], trace.clone(), &what))
                .map_err(|error| self.blame(Entry::nth("configMapGenerator", i), error))?;
        }
        let trace = built_in("SecretGenerator");
        for (i, args) in secrets.iter().enumerate() {
            let what = format!("SecretGenerator {}", args.common.name);
            generate::secret(args, &self.loader, &origin)
                .and_then(|made| self.absorb(into, vec![made], trace.clone(), &what))
                .map_err(|error| self.blame(Entry::nth("secretGenerator", i), error))?;
        }
        let trace = built_in("HelmChartInflationGenerator");
        for (i, (chart, home)) in charts.iter().enumerate() {
            let what = format!("HelmChartInflationGenerator {}", chart.name);
            self.inflate(chart, home)
                .and_then(|made| self.absorb(into, made, trace.clone(), &what))
                .map_err(|error| self.blame(Entry::nth("helmCharts", i), error))?;
        }
        for (generator, trace) in generators {
            let made = generator.generate(self);
            made.and_then(|made| self.absorb(into, made, trace, "external generator"))
                .map_err(|error| self.blame(Entry::field("generators"), error))?;
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
            // Data is read within a budget; labels and annotations for all generators stand in one place.
            let options = resource.value().get("metadata").map_or(0, |metadata| measure(metadata).0);
            self.session.growth().spend(options)?;
            resource.provenance.origin = resource.provenance.origin.take().or_else(|| trace.clone());
        }
        absorb(&mut into.resources, made)
            .map_err(|error| error.wrap(format_args!("merging from generator {generator}")))?;
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
            .enumerate()
            .map(|(i, mut chart)| {
                let config = helm::config_yaml(&chart);
                self.complete_chart(&mut chart, &globals).map(|home| (chart, home)).map_err(|error| {
                    let error = error.wrap(format_args!(
                        "trouble configuring builtin HelmChartInflationGenerator with config: `\n{config}`"
                    ));
                    self.blame(Entry::nth("helmCharts", i), error)
                })
            })
            .collect()
    }

    pub(crate) fn complete_chart(&self, chart: &mut helm::HelmChart, globals: &helm::HelmGlobals) -> Result<String> {
        if self.loader.options().helm.is_none() {
            return Err(no_helm());
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
            return Err(no_helm());
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

    fn external_generator(&self, config: &Resource) -> Result<(plugin::Generator, Option<Rc<Trace>>)> {
        let generator = plugin::generator(config, self)?;
        Ok((generator, self.plugin_trace(config)))
    }
}

fn no_helm() -> Error {
    Error::new(ErrorKind::Unsupported, "must specify --enable-helm").hint(
        "`belay kustomize build --enable-helm` renders charts that stand in the chart home; elsewhere write what `helm \
         template` gives to a file and list it under resources",
    )
}
