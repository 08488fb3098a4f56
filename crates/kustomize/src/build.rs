//! A build: the root's kustomization accumulated, then what is done once at the end.

use std::rc::Rc;

use belay_object::{Map, Object, Value};
use belay_tree::{Tree, TreePath};

use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::kustomization::Kustomization;
use crate::load::{Budget, Loader};
use crate::metadata::{ORIGIN, TRANSFORMATIONS, to_yaml_list};
use crate::options::{BuildOptions, Overlay, Reorder};
use crate::resource::{Origin, Resource};
use crate::scalar::{has_blank, is_empty, settle, text};
use crate::session::Session;
use crate::set::Resources;
use crate::sort::{Order, SortKey};
use crate::target::Target;
use crate::transform::{Transformer, reference, vars};

/// The objects of a build in order.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// The objects.
    pub objects: Vec<Object>,
    /// Where each object comes from, by its position.
    pub origins: Vec<Option<Origin>>,
    /// What the user should know: deprecated fields, variables that are never used.
    pub warnings: Vec<String>,
}

impl Built {
    /// The objects as YAML documents, as kustomize prints them.
    pub fn to_yaml(&self) -> String {
        belay_yaml::to_yaml_documents(self.objects.iter().map(Object::value))
    }
}

/// Builds the kustomization in a directory of a tree.
pub fn build(tree: &dyn Tree, dir: &TreePath, options: &BuildOptions) -> Result<Built, Error> {
    built(tree, dir, options).map_err(|error| error.on_host(options.tree_is_host))
}

fn built(tree: &dyn Tree, dir: &TreePath, options: &BuildOptions) -> Result<Built, Error> {
    let budget = Budget::default();
    let loader = Rc::new(Loader::new(tree, dir, options, &budget)?);
    let session = Session::new(options);
    let mut target = Target::load(&session, loader, options.overlay.as_ref())?;
    session.set_schema(&target, true)?;
    target.start_tracing();
    let metadata = target.kustomization().build_metadata.clone();
    let asks_for = |what: &str| metadata.iter().any(|wanted| wanted == what);
    let sort_options = target.kustomization().sort_options.clone();

    let mut accumulated = target.accumulate()?;
    let resources = &mut accumulated.resources;
    Transformer::Hash.run(resources, &session.schemas(), session.growth())?;
    reference::run(resources, &accumulated.config)?;
    let unused = vars::resolve(resources, &accumulated.vars, &accumulated.config.var_references, session.growth())
        .map_err(|error| target.blame(Entry::field("vars"), error))?;
    unused.into_iter().for_each(|warning| session.warn(warning));
    resources.retain(|resource| !is_local(resource));
    check_ids(resources)?;

    let order = match &sort_options {
        Some(sort) => {
            if options.reorder_is_explicit {
                session.warn(
                    "Warning: Sorting order is set both in 'kustomization.yaml' ('sortOptions') and in a CLI flag \
                     ('--reorder'). Using the kustomization file over the CLI flag.",
                );
            }
            Order::of(sort).map_err(|error| target.blame(Entry::field("sortOptions"), error))?
        }
        None if options.reorder == Reorder::Legacy => Order::legacy(),
        None => Order::Fifo,
    };
    let ordered = sorted(std::mem::take(resources), &order);
    let version = options.kustomize_version.as_deref().unwrap_or("v5.8.1");
    let is_labelled = options.managed_by_label || asks_for("managedByLabel");
    let managed_by = is_labelled.then(|| format!("kustomize-{version}"));
    let finish =
        Finish { managed_by, origins: asks_for("originAnnotations"), changes: asks_for("transformerAnnotations") };
    let mut built = Built { warnings: session.into_warnings(), ..Built::default() };
    for resource in ordered {
        built.origins.push(resource.origin.clone());
        built.objects.push(finish.object(resource)?);
    }
    Ok(built)
}

/// Changes the root's kustomization as the caller asks.
pub(crate) fn apply_overlay(kustomization: &mut Kustomization, overlay: &Overlay) {
    let replace = |into: &mut String, with: &Option<String>| {
        if let Some(with) = with {
            with.clone_into(into);
        }
    };
    replace(&mut kustomization.namespace, &overlay.namespace);
    replace(&mut kustomization.name_prefix, &overlay.name_prefix);
    replace(&mut kustomization.name_suffix, &overlay.name_suffix);
    kustomization.patches.extend(overlay.patches.iter().cloned());
    kustomization.components.extend(overlay.components.iter().cloned());
    for image in &overlay.images {
        match kustomization.images.iter_mut().find(|old| old.name == image.name) {
            // Tag and digest both choose the version: who sets one replaces both.
            Some(old) => {
                if !image.new_name.is_empty() {
                    old.new_name.clone_from(&image.new_name);
                }
                if !image.new_tag.is_empty() || !image.digest.is_empty() {
                    old.new_tag.clone_from(&image.new_tag);
                    old.digest.clone_from(&image.digest);
                }
            }
            None => kustomization.images.push(image.clone()),
        }
    }
    if !overlay.build_metadata.is_empty() {
        kustomization.build_metadata = overlay.build_metadata.clone();
    }
}

/// Whether an object is for local tools only.
fn is_local(resource: &Resource) -> bool {
    resource.annotation("config.kubernetes.io/local-config").is_some_and(|value| value != "false")
}

/// Patches may have made two objects one: what comes out has each id once.
fn check_ids(resources: &Resources) -> Result<()> {
    for (i, resource) in resources.iter().enumerate() {
        if !resources.is_alone(i) {
            let message = format!("may not add resource with an already registered id: {}", resource.id());
            let error = Error::resource(message);
            return Err(match &resource.origin {
                Some(origin) => error.at(&origin.path, (origin.line > 0).then_some(origin.line)),
                None => error,
            });
        }
    }
    Ok(())
}

fn sorted(resources: Resources, order: &Order) -> Vec<Resource> {
    let list = resources.into_vec();
    let Order::Legacy(ranks) = order else { return list };
    let mut keyed: Vec<(SortKey, Resource)> =
        list.into_iter().map(|resource| (SortKey::new(ranks, &resource.id()), resource)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b));
    keyed.into_iter().map(|(_, resource)| resource).collect()
}

/// Annotations that kustomize keeps its books with, in its own domain and two older ones.
fn is_internal(annotation: &str) -> bool {
    const INTERNAL: [&str; 14] = [
        "previousKinds",
        "previousNames",
        "previousNamespaces",
        "prefixes",
        "suffixes",
        "allowNameChange",
        "allowKindChange",
        "refBy",
        "generatorBehavior",
        "needsHashSuffix",
        "path",
        "index",
        "seqindent",
        "id",
    ];
    match annotation.split_once('/') {
        Some(("internal.config.kubernetes.io", name)) => {
            INTERNAL.contains(&name) || matches!(name, "annotations-migration-resource-id" | "helm-generated")
        }
        Some(("config.kubernetes.io", name)) => matches!(name, "path" | "index"),
        Some(("config.k8s.io", name)) => name == "id",
        _ => false,
    }
}

/// What is done to each object last.
struct Finish {
    managed_by: Option<String>,
    origins: bool,
    changes: bool,
}

impl Finish {
    fn object(&self, mut resource: Resource) -> Result<Object> {
        let origin = resource.provenance.origin.as_ref().filter(|_| self.origins).map(|trace| trace.to_yaml());
        let changes = Some(&resource.provenance.transformations).filter(|list| self.changes && !list.is_empty());
        let changes = changes.map(|list| to_yaml_list(list));
        if let Some(name) = &self.managed_by {
            resource.value_mut().set(&["metadata", "labels", "app.kubernetes.io/managed-by"], name);
        }
        let annotations = resource.value().at(&["metadata", "annotations"]);
        if needs_annotations(annotations) || origin.is_some() || changes.is_some() {
            let map = annotations.and_then(Value::as_object).cloned().unwrap_or_default();
            let mut map = text_annotations(map);
            for (name, text) in [(ORIGIN, origin), (TRANSFORMATIONS, changes)] {
                match text {
                    Some(text) => drop(map.insert(name, text)),
                    None => drop(map.remove(name)),
                }
            }
            match map.is_empty() {
                true => drop(resource.value_mut().remove(&["metadata", "annotations"])),
                false => resource.value_mut().set(&["metadata", "annotations"], map),
            }
        }
        if has_blank(resource.value()) {
            settle(resource.value_mut());
        }
        Object::new(resource.take_value())
            .map_err(|_| Error::new(ErrorKind::Resource, "an object of the build is no map"))
    }
}

/// Whether annotations are not as they are printed: texts only, none of kustomize's own, not empty.
fn needs_annotations(annotations: Option<&Value>) -> bool {
    match annotations {
        None => false,
        Some(Value::Object(map)) => {
            map.is_empty()
                || map.iter().any(|(name, value)| {
                    value.as_str().is_none() || is_internal(name) || name == ORIGIN || name == TRANSFORMATIONS
                })
        }
        Some(other) => is_empty(other),
    }
}

fn text_annotations(map: Map) -> Map {
    map.into_iter()
        .filter(|(name, _)| !is_internal(name))
        .map(|(name, value)| {
            let text = match value {
                Value::Str(text) => Value::Str(text),
                other => Value::from(&*text(&other)),
            };
            (name, text)
        })
        .collect()
}
