//! From an ApplicationSet to its Applications: all of them, or an error and none.

use belay_object::{Map, Object, Value};

use super::ApplicationSet;
use super::generators::{Generating, Surroundings, Wanted};
use super::params::Params;
use super::templates::Templates;
use crate::names::RESOURCES_FINALIZER;
use crate::spec::Spec;

/// What came of it.
pub enum Outcome {
    /// The Applications, in the order of their generators.
    Applications(Vec<Object>),
    /// Files are wanted first.
    Wants(Vec<Wanted>),
    /// It failed; nothing may be done.
    Failed(Failure),
}

/// Why no Applications could be generated.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The reason that conditions bear.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

/// Parameters could not be generated. Compat(argo-cd 3.5): the words.
pub const GENERATION_FAILED: &str = "ApplicationGenerationFromParamsError";
/// Parameters could not be put into the template.
pub const RENDERING_FAILED: &str = "RenderTemplateParamsError";

/// Generates the Applications of an ApplicationSet. `now_unix_ns` is the time that templates see.
pub fn applications(set: &ApplicationSet, surroundings: &dyn Surroundings, now_unix_ns: i128) -> Outcome {
    let spec = &set.spec;
    let templates = match Templates::new(spec.go_template, &spec.go_template_options, now_unix_ns) {
        Ok(templates) => templates,
        Err(why) => return Outcome::Failed(Failure { reason: RENDERING_FAILED, message: format!("spec.{why}") }),
    };
    let generating = Generating::new(surroundings, &templates);
    let mut result = Ok(Vec::new());
    for (i, generator) in spec.generators.iter().enumerate() {
        let place = format!("spec.generators[{i}]");
        let made = match generating.generate(generator, &place, &spec.template) {
            Err(message) => Err(Failure { reason: GENERATION_FAILED, message }),
            Ok(generated) => render_all(set, &templates, &generated),
        };
        // All are looked at even so: what each wants is fetched at once.
        match (&mut result, made) {
            (Ok(all), Ok(made)) => all.extend(made),
            (Ok(_), Err(failure)) => result = Err(failure),
            (Err(_), _) => {}
        }
    }
    let wanted = generating.wanted();
    if !wanted.is_empty() {
        return Outcome::Wants(wanted);
    }
    match result {
        Ok(all) => Outcome::Applications(all),
        Err(failure) => Outcome::Failed(failure),
    }
}

fn render_all(
    set: &ApplicationSet,
    templates: &Templates,
    generated: &[super::generators::Generated],
) -> Result<Vec<Object>, Failure> {
    let mut all = Vec::new();
    for generated in generated {
        for params in &generated.params {
            let made = render(set, templates, &generated.template, params);
            all.push(made.map_err(|message| Failure { reason: RENDERING_FAILED, message })?);
        }
    }
    Ok(all)
}

/// Puts parameters into a template.
fn render(set: &ApplicationSet, templates: &Templates, template: &Value, params: &Params) -> Result<Object, String> {
    let with = templates.with(params);
    // Compat(argo-cd 3.5): without parameters the template is taken as it is, finalizers and all.
    let filled = match params.is_empty() {
        true => template.clone(),
        false => with.value(template).map_err(|why| format!("spec.template: {why}"))?,
    };
    let mut app = application(&filled).map_err(|why| format!("spec.template.{why}"))?;
    if !params.is_empty() && !set.spec.preserves_resources() && app.finalizers().next().is_none() {
        app.set(&["metadata", "finalizers"], [RESOURCES_FINALIZER]);
    }
    if let Some(patch) = &set.spec.template_patch {
        let text = with.text(patch).map_err(|why| format!("spec.templatePatch: {why}"))?;
        app = patched(&app, &text).map_err(|why| format!("spec.templatePatch: {why}"))?;
    }
    // Compat(argo-cd 3.5): what a template says of the namespace does not count: it is where rights end.
    app.set(&["metadata", "namespace"], set.namespace.as_str());
    Ok(app)
}

/// An Application of a template: what it may say of the metadata, and the spec with what it lacks put in.
fn application(template: &Value) -> Result<Object, String> {
    let empty = Value::object();
    let metadata = template.get("metadata").unwrap_or(&empty);
    let mut app = Object::of("argoproj.io/v1alpha1", "Application", "", "");
    app.set(&["metadata"], Value::object());
    if let Some(name) = metadata.get("name") {
        let name = name.as_str().ok_or_else(|| wrong("metadata.name", "a string", name))?;
        app.set(&["metadata", "name"], name);
    }
    for field in ["labels", "annotations"] {
        match metadata.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::Object(texts)) => {
                if let Some((key, value)) = texts.iter().find(|(_, value)| value.as_str().is_none()) {
                    return Err(wrong(&format!("metadata.{field}.{key}"), "a string", value));
                }
                if !texts.is_empty() {
                    app.set(&["metadata", field], texts.clone());
                }
            }
            Some(other) => return Err(wrong(&format!("metadata.{field}"), "a map", other)),
        }
    }
    match metadata.get("finalizers") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) if items.iter().all(|item| item.as_str().is_some()) => {
            if !items.is_empty() {
                app.set(&["metadata", "finalizers"], Value::Array(items.clone()));
            }
        }
        Some(other) => return Err(wrong("metadata.finalizers", "a list of strings", other)),
    }
    let spec = template.get("spec").filter(|spec| !spec.is_null()).unwrap_or(&empty);
    let spec = Spec::read(spec).map_err(|error| error.to_string().replacen("Spec", "spec", 1))?;
    app.set(&["spec"], spec.normalized().to_value());
    Ok(app)
}

fn wrong(place: &str, expected: &str, found: &Value) -> String {
    format!("{place}: expected {expected}, found {}", found.type_name())
}

/// An Application with a patch, YAML or JSON, merged in. Compat(argo-cd 3.5): lists are replaced whole, but for
/// finalizers, which are added to; the project stays what it is.
fn patched(app: &Object, text: &str) -> Result<Object, String> {
    let patch = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|error| error.to_string())?;
    if patch.is_null() {
        return Ok(app.clone());
    }
    let Value::Object(patch) = patch else { return Err(format!("expected a map, found {}", patch.type_name())) };
    let mut value = app.value().clone();
    merge(value.object_or_insert(), &patch, 0)?;
    let mut finalizers: Vec<String> = app.finalizers().map(str::to_owned).collect();
    for added in patch.get("metadata").and_then(|m| m.get("finalizers")).map_or(&[][..], Value::items) {
        let added = added.as_str().ok_or_else(|| wrong("metadata.finalizers", "a list of strings", added))?;
        if !finalizers.iter().any(|known| known == added) {
            finalizers.push(added.to_owned());
        }
    }
    if !finalizers.is_empty() {
        value.set(&["metadata", "finalizers"], finalizers.into_iter().collect::<Value>());
    }
    value.set(&["spec", "project"], app.str_at(&["spec", "project"]).unwrap_or_default());
    application(&value)
}

/// How deep patches may nest.
const MAX_DEPTH: usize = 128;

/// Merges a patch into a map: null takes away, `$patch` replaces or deletes the map that it stands in.
fn merge(into: &mut Map, patch: &Map, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
    }
    match patch.get("$patch").map(|directive| directive.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => *into = Map::new(),
        Some("delete") => {
            *into = Map::new();
            return Ok(());
        }
        Some(other) => return Err(format!("$patch: {other:?} is none of merge, replace, delete")),
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        match value {
            Value::Null => drop(into.remove(name)),
            Value::Object(patch) => merge(into.entry(name).object_or_insert(), patch, depth + 1)?,
            other => drop(into.insert(name.as_str(), other.clone())),
        }
    }
    Ok(())
}
