//! Image names, tags and digests.

use belay_object::Value;
use regex::Regex;

use crate::error::{Error, Result};
use crate::fieldspec::{Create, FieldSpec, wrong_kind};
use crate::growth::Growth;
use crate::kustomization::Image;
use crate::options::Compatibility;
use crate::pattern;
use crate::scalar::{is_null, set_text, text};
use crate::set::Resources;

/// Changes images, one entry after the other.
pub(crate) struct Images {
    entries: Vec<Entry>,
    specs: Vec<FieldSpec>,
}

struct Entry {
    image: Image,
    name: Name,
}

/// The name of an entry is a regular expression, though hardly ever meant as one.
enum Name {
    /// Only dots are not taken literally: they stand for any character.
    Plain(Box<str>),
    Regex(Box<Regex>),
    /// No regular expression: it matches nothing.
    Nothing,
}

impl Images {
    pub(crate) fn new(images: Vec<Image>, specs: Vec<FieldSpec>, compatibility: Compatibility) -> Result<Images> {
        let entries = images.into_iter().map(|image| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b':' | b'@');
            let name = if image.name.bytes().all(plain) {
                Name::Plain(image.name.as_str().into())
            } else {
                let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
                match (pattern::compile(&pattern), compatibility) {
                    (Some(regex), _) => Name::Regex(Box::new(regex)),
                    (None, Compatibility::Next) => Name::Nothing,
                    // kustomize 5.8.1 crashes.
                    (None, Compatibility::V5_8_1) => return Err(no_expression(&image.name)),
                }
            };
            Ok(Entry { image, name })
        });
        Ok(Images { entries: entries.collect::<Result<_>>()?, specs })
    }

    /// How many transformers of kustomize this stands for.
    pub(crate) fn steps(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn run(&self, resources: &mut Resources, growth: &Growth) -> Result<()> {
        for i in 0..resources.len() {
            if resources[i].kind() == "CustomResourceDefinition" {
                continue;
            }
            for entry in &self.entries {
                // Most entries are for other images: look before the object is copied.
                let mut wanted = 0;
                let mut has_null = false;
                each_image(resources[i].value(), &mut |found| match found {
                    Found::Image(image) => wanted += usize::from(entry.matches(&text(image))),
                    Found::NullList => has_null = true,
                })
                .map_err(|error| resources.blame(i, error))?;
                let by_spec: Vec<&FieldSpec> = self
                    .specs
                    .iter()
                    .filter(|spec| spec.holds_for(resources[i].value()))
                    .filter(|spec| spec.may_reach(resources[i].value(), Create::Never))
                    .collect();
                growth.spend(wanted * entry.adds())?;
                if wanted > 0 {
                    entry.change_all(resources.get_mut(i).value_mut());
                }
                for spec in by_spec {
                    if wanted > 0 || has_null || !is_container_path(&spec.path) {
                        let set = &mut |place: &mut Value| entry.set(place);
                        spec.visit_unchecked(resources.get_mut(i).value_mut(), Create::Never, set)
                            .map_err(|error| resources.blame(i, error))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn no_expression(name: &str) -> Error {
    Error::kustomization(format!("images: the name {name:?} is no regular expression"))
        .hint("write the image's name as it stands in the manifests, without tag or digest")
}

/// Whether the images at a path are all found by [`each_image`] too.
fn is_container_path(path: &str) -> bool {
    ["containers[]/image", "initContainers[]/image"]
        .iter()
        .any(|end| path.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('/')))
}

/// What [`each_image`] comes across.
enum Found<'a> {
    Image(&'a Value),
    /// A list that is null, which a field spec turns into an empty one.
    NullList,
}

/// Visits the images of all lists called `containers` or `initContainers`, at any depth.
fn each_image(value: &Value, visit: &mut dyn FnMut(Found<'_>)) -> Result<()> {
    match value {
        Value::Object(map) => {
            for (name, field) in map.iter() {
                each_image(field, visit)?;
                if !matches!(name.as_str(), "containers" | "initContainers") {
                    continue;
                }
                if is_null(field) {
                    visit(Found::NullList);
                }
                for container in field.items() {
                    match container {
                        Value::Object(container) => match container.get("image") {
                            Some(Value::Object(_) | Value::Array(_)) => {
                                return Err(wrong_kind("ScalarNode", container.get("image").unwrap_or(&Value::Null)));
                            }
                            Some(image) if !is_null(image) => visit(Found::Image(image)),
                            _ => {}
                        },
                        null if is_null(null) => {}
                        other => return Err(wrong_kind("MappingNode", other)),
                    }
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| each_image(item, visit)),
        _ => Ok(()),
    }
}

impl Entry {
    /// The most that it adds to one image.
    fn adds(&self) -> usize {
        let Image { new_name, tag_suffix, new_tag, digest, .. } = &self.image;
        [new_name, tag_suffix, new_tag, digest].iter().map(|part| part.len()).sum()
    }

    /// Changes what [`each_image`] visits.
    fn change_all(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, field) in map.iter_mut() {
                    self.change_all(field);
                    if matches!(name.as_str(), "containers" | "initContainers")
                        && let Value::Array(containers) = field
                    {
                        containers.iter_mut().filter_map(|c| c.get_mut("image")).for_each(|image| self.change(image));
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.change_all(item)),
            _ => {}
        }
    }

    fn set(&self, place: &mut Value) -> Result<()> {
        if matches!(place, Value::Object(_) | Value::Array(_)) {
            return Err(wrong_kind("ScalarNode", place));
        }
        self.change(place);
        Ok(())
    }

    fn change(&self, place: &mut Value) {
        let old = text(place);
        if self.matches(&old) {
            let new = changed(&old, &self.image);
            set_text(place, &new);
        }
    }

    fn matches(&self, image: &str) -> bool {
        let name = match &self.name {
            Name::Regex(regex) => return regex.is_match(image),
            Name::Nothing => return false,
            Name::Plain(name) => name,
        };
        let mut rest = image.chars();
        for wanted in name.chars() {
            match rest.next() {
                Some(found) if found == wanted || (wanted == '.' && found != '\n') => {}
                _ => return false,
            }
        }
        is_tag_and_digest(rest.as_str())
    }
}

/// Whether this is what may stand behind a name: nothing, `:tag`, `@sha256:digest` or both.
fn is_tag_and_digest(text: &str) -> bool {
    let fine = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.{}-".contains(&b));
    let (tag, digest) = text.split_once('@').map_or((text, None), |(tag, digest)| (tag, Some(digest)));
    (tag.is_empty() || tag.strip_prefix(':').is_some_and(fine))
        && digest.is_none_or(|digest| digest.strip_prefix("sha256:").is_some_and(fine))
}

/// An image with the changes of an entry.
fn changed(old: &str, image: &Image) -> String {
    let (mut name, mut tag, mut digest) = split(old);
    let suffixed;
    if !image.new_name.is_empty() {
        name = &image.new_name;
    }
    match (!image.new_tag.is_empty(), !image.digest.is_empty(), !image.tag_suffix.is_empty()) {
        (true, has_digest, _) => {
            tag = &image.new_tag;
            digest = if has_digest { &image.digest } else { "" };
        }
        (false, true, _) => (tag, digest) = ("", &image.digest),
        (false, false, true) => {
            suffixed = format!("{tag}{}", image.tag_suffix);
            (tag, digest) = (&suffixed, "");
        }
        (false, false, false) => {}
    }
    let mut new = name.to_owned();
    for (separator, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            new.push(separator);
            new.push_str(part);
        }
    }
    new
}

/// Splits an image into name, tag and digest; a port before the first slash belongs to the name.
pub(crate) fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let (colon, at) = (image[start..].find(':').map(|i| i + start), image[start..].find('@').map(|i| i + start));
    match (colon, at) {
        (None, None) => (image, "", ""),
        (Some(colon), Some(at)) if colon < at => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (_, Some(at)) => (&image[..at], "", &image[at + 1..]),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
    }
}

#[cfg(test)]
mod tests;
