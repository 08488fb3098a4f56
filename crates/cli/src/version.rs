//! `belay version`: of the command and of what is installed.

use anyhow::Result;
use belay_cluster::{ListOptions, Resource};
use belay_flux::names::{DEFAULT_NAMESPACE, FLUX_VERSION, GIT_REPOSITORY, PART_OF, VERSION};
use belay_object::{Map, Value};

use crate::args::{Format, Global, VersionArgs};
use crate::connect::connect;
use crate::{out, outln};

pub async fn version(global: &Global, args: &VersionArgs) -> Result<u8> {
    let mut all = Map::new();
    all.insert("belay", format!("v{}", env!("CARGO_PKG_VERSION")));
    all.insert("flux", FLUX_VERSION);
    if !args.client {
        let session = connect(global).await?;
        let definitions = Resource::known(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            false,
        );
        let definition = session.cluster.find(&definitions, "", &GIT_REPOSITORY.definition_name()).await?;
        let installed = definition.as_ref().and_then(|d| d.label(VERSION)).unwrap_or("not installed");
        all.insert("distribution", format!("{}-{installed}", PART_OF.1));
        let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
        let labels = format!("{}={}", PART_OF.0, PART_OF.1);
        let options = ListOptions { labels, ..ListOptions::default() };
        let namespace = if global.namespace.is_empty() { DEFAULT_NAMESPACE } else { &session.namespace };
        for deployment in session.cluster.list(&deployments, namespace, &options).await?.items {
            let containers = deployment.at(&["spec", "template", "spec", "containers"]).map_or(&[][..], Value::items);
            for image in containers.iter().filter_map(|c| c.str_at(&["image"])) {
                let last = image.rsplit('/').next().unwrap_or(image);
                if let Some((name, tag)) = last.split_once(':') {
                    all.insert(name, tag);
                }
            }
        }
    }
    match args.output {
        Some(Format::Json) => outln!("{}", Value::Object(all).to_json_pretty()),
        Some(Format::Yaml) => out!("{}", belay_yaml::to_yaml(&Value::Object(all))),
        None => all.iter().for_each(|(name, version)| outln!("{name}: {}", version.as_str().unwrap_or_default())),
    }
    Ok(0)
}
