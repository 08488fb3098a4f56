//! Changes to a kustomization as `kustomize edit` makes them in its file.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::kustomization::{Image, Kustomization, Label, Replica};
use crate::transform::image::split;

/// One `kustomize edit`.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// `set image`: `[name=]image[:tag][@digest]` each. An entry of the same name is replaced; `*` for
    /// a part keeps the entry's. Entries come out by name.
    SetImages(Vec<String>),
    /// `set replicas`: names and numbers. Entries come out by name.
    SetReplicas(Vec<(String, i64)>),
    /// `add label`
    AddLabels {
        /// The labels.
        labels: BTreeMap<String, String>,
        /// Whether labels that are in the file are replaced; else they are an error.
        force: bool,
        /// Into `labels`, out of selectors; else into `commonLabels`.
        without_selector: bool,
        /// Into templates too, where they stay out of selectors.
        include_templates: bool,
    },
    /// `add annotation`
    AddAnnotations {
        /// The annotations.
        annotations: BTreeMap<String, String>,
        /// Whether annotations that are in the file are replaced; else they are an error.
        force: bool,
    },
    /// `add component`: those that are not in the file.
    AddComponents(Vec<String>),
}

/// What keeps a part of an image's entry.
const KEEP: &str = "*";

pub(crate) fn apply(kustomization: &mut Kustomization, edit: &Edit) -> Result<()> {
    match edit {
        Edit::SetImages(images) => set_images(kustomization, images)?,
        Edit::SetReplicas(replicas) => {
            let own = std::mem::take(&mut kustomization.replicas);
            let mut all: BTreeMap<String, i64> = own.into_iter().map(|own| (own.name, own.count)).collect();
            all.extend(replicas.iter().cloned());
            kustomization.replicas = all.into_iter().map(|(name, count)| Replica { name, count }).collect();
        }
        Edit::AddLabels { labels, force, without_selector, include_templates } => {
            if *include_templates && !without_selector {
                let message = "--without-selector flag must be specified for --include-templates to work";
                return Err(Error::kustomization(message));
            }
            let into = match without_selector {
                true => label_entry(&mut kustomization.labels, *include_templates),
                false => kustomization.common_labels.get_or_insert_default(),
            };
            add("label", into, labels, *force)?;
        }
        Edit::AddAnnotations { annotations, force } => {
            add("annotation", &mut kustomization.common_annotations, annotations, *force)?;
        }
        Edit::AddComponents(components) => {
            for component in components {
                if !kustomization.components.contains(component) {
                    kustomization.components.push(component.clone());
                }
            }
        }
    }
    Ok(())
}

fn set_images(kustomization: &mut Kustomization, images: &[String]) -> Result<()> {
    let own = std::mem::take(&mut kustomization.images);
    let mut all: BTreeMap<String, Image> = BTreeMap::new();
    for text in images {
        let image = image(text)?;
        all.insert(image.name.clone(), image);
    }
    for own in own {
        match all.get_mut(&own.name) {
            None => drop(all.insert(own.name.clone(), own)),
            Some(image) => {
                let keep = |part: &mut String, own: String| {
                    if *part == KEEP {
                        *part = own;
                    }
                };
                keep(&mut image.new_name, own.new_name);
                keep(&mut image.new_tag, own.new_tag);
                keep(&mut image.digest, own.digest);
            }
        }
    }
    for image in all.values_mut() {
        for part in [&mut image.new_name, &mut image.new_tag, &mut image.digest] {
            if part == KEEP {
                part.clear();
            }
        }
    }
    kustomization.images = all.into_values().collect();
    Ok(())
}

/// Reads `[name=]image[:tag][@digest]`.
fn image(text: &str) -> Result<Image> {
    let (key, value) = text.split_once('=').map_or(("", text), |(key, value)| (key, value));
    let (name, tag, digest) = split(value);
    if name == text {
        let message = "invalid format of image, use one of the following options:\n\
            - <image>=<newimage>:<newtag>\n- <image>=<newimage>@<digest>\n- <image>=<newimage>\n\
            - <image>:<newtag>\n- <image>@<digest>";
        return Err(Error::kustomization(message).hint(format!("it is {text:?}")));
    }
    let (name, new_name) = if key.is_empty() { (name, "") } else { (key, name) };
    Ok(Image {
        name: name.to_owned(),
        new_name: new_name.to_owned(),
        new_tag: tag.to_owned(),
        digest: digest.to_owned(),
        ..Image::default()
    })
}

/// The first entry of `labels` of this form, made where there is none.
fn label_entry(labels: &mut Vec<Label>, include_templates: bool) -> &mut BTreeMap<String, String> {
    let fits = |label: &Label| !label.include_selectors && label.include_templates == include_templates;
    let i = labels.iter().position(fits).unwrap_or_else(|| {
        labels.push(Label { include_templates, ..Label::default() });
        labels.len() - 1
    });
    &mut labels[i].pairs
}

fn add(what: &str, into: &mut BTreeMap<String, String>, pairs: &BTreeMap<String, String>, force: bool) -> Result<()> {
    for (name, value) in pairs {
        if into.contains_key(name) && !force {
            let message = format!("{what} {name} already in kustomization file. Use --force to override.");
            return Err(Error::kustomization(message));
        }
        // On a command line quotes hold a value together.
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        into.insert(name.clone(), bare.unwrap_or(value).to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
