//! One render: find or generate the kustomization, build it, hold what came out to what every object
//! must have.

use std::collections::HashMap;

use belay_kustomize::{BuildOptions, Built, LoadRestrictor, Overlay, Selector};
use belay_object::{Object, ObjectKey};
use belay_tree::{Entry, Tree, TreePath};

use crate::directory::{self, Generated};
use crate::{Error, ErrorKind, Image, Made, Origin, Patch, RenderSpec, RenderedObject};

/// Renders what a spec says from a tree. *Invariant*: nothing but `spec` and answers of `tree` goes
/// into it, so that equal answers give an equal render.
pub(crate) fn render(spec: &RenderSpec, tree: &dyn Tree) -> Result<Made, Error> {
    let dir = tree.resolve(&spec.dir)?;
    if !tree.is_dir(&dir)? {
        let message = format!("kustomization path not found: {}: no such directory", shown(&spec.dir));
        return Err(Error::new(ErrorKind::NoDirectory, message));
    }
    let mut overlay = overlay(spec, tree, &dir)?;
    let mut warnings = Vec::new();
    let generated = match existing(tree, &dir)? {
        Some(kustomization) => {
            // Without resources it may hold nothing at all, which kustomize refuses; Flux asks for
            // this to make it something.
            if overlay.build_metadata.is_empty() && !has_resources(&kustomization) {
                overlay.build_metadata = vec!["originAnnotations".to_owned()];
            }
            None
        }
        None => {
            let generated = directory::generate(tree, &dir)?;
            overlay.generated = Some(generated.kustomization.clone());
            warnings.clone_from(&generated.warnings);
            Some(generated)
        }
    };
    let options =
        BuildOptions { load_restrictor: LoadRestrictor::None, overlay: Some(overlay), ..BuildOptions::default() };
    let built = belay_kustomize::build(tree, &dir, &options).map_err(|error| build_error(&error, tree, generated))?;
    warnings.extend(built.warnings.iter().cloned());
    finish(built, warnings)
}

fn shown(path: &TreePath) -> String {
    if path.is_root() { "./".into() } else { path.to_string() }
}

/// The text of the directory's kustomization file.
fn existing(tree: &dyn Tree, dir: &TreePath) -> Result<Option<String>, Error> {
    for name in directory::KUSTOMIZATION_NAMES {
        if let Entry::File(file) = tree.follow(&dir.child(name)?)?.1 {
            return Ok(Some(String::from_utf8_lossy(&file.content).into_owned()));
        }
    }
    Ok(None)
}

/// Whether a kustomization has resources. One that cannot be read is left to kustomize to refuse.
fn has_resources(text: &str) -> bool {
    let Ok(kustomization) = belay_yaml::parse_value(text, &belay_yaml::Options::v2()) else { return true };
    let fields = kustomization.as_object();
    let mut fields = fields.iter().flat_map(|map| map.iter());
    fields.any(|(name, value)| name.eq_ignore_ascii_case("resources") && !value.items().is_empty())
}

fn overlay(spec: &RenderSpec, tree: &dyn Tree, dir: &TreePath) -> Result<Overlay, Error> {
    Ok(Overlay {
        generated: None,
        namespace: spec.namespace.clone(),
        name_prefix: spec.name_prefix.clone(),
        name_suffix: spec.name_suffix.clone(),
        patches: spec.patches.iter().map(patch).collect(),
        images: spec.images.iter().map(image).collect(),
        components: components(spec, tree, dir)?,
        build_metadata: spec.build_metadata.clone(),
        edits: Vec::new(),
    })
}

fn patch(patch: &Patch) -> belay_kustomize::Patch {
    let target = &patch.target;
    let field = |name: &str| target.str_at(&[name]).unwrap_or_default().to_owned();
    let selector = Selector {
        group: field("group"),
        version: field("version"),
        kind: field("kind"),
        name: field("name"),
        namespace: field("namespace"),
        label_selector: field("labelSelector"),
        annotation_selector: field("annotationSelector"),
    };
    belay_kustomize::Patch {
        path: String::new(),
        patch: patch.patch.clone(),
        target: (!target.is_null()).then_some(selector),
        options: None,
    }
}

fn image(image: &Image) -> belay_kustomize::Image {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    belay_kustomize::Image {
        name: image.name.clone(),
        new_name: text(&image.new_name),
        tag_suffix: String::new(),
        new_tag: text(&image.new_tag),
        digest: text(&image.digest),
    }
}

/// The components that are there, or all of them where one that is missing is an error.
fn components(spec: &RenderSpec, tree: &dyn Tree, dir: &TreePath) -> Result<Vec<String>, Error> {
    let mut components = Vec::with_capacity(spec.components.len());
    for component in &spec.components {
        if !is_local(component) {
            let message = format!("component path '{component}' must be local and relative");
            return Err(Error::new(ErrorKind::Build, message));
        }
        if spec.ignore_missing_components && !exists(tree, dir, component)? {
            continue;
        }
        components.push(component.clone());
    }
    Ok(components)
}

fn exists(tree: &dyn Tree, dir: &TreePath, path: &str) -> Result<bool, Error> {
    // What leads out of the tree is not there for anyone (INV-FS-3).
    let Ok(path) = dir.join(path) else { return Ok(false) };
    Ok(!matches!(tree.follow(&path)?.1, Entry::Absent))
}

/// Whether a path is neither absolute nor the address of a repository.
fn is_local(path: &str) -> bool {
    const REMOTE: [&str; 8] = ["git::", "gh:", "ssh://", "https://", "http://", "git@", "github.com:", "github.com/"];
    let lower = path.to_ascii_lowercase();
    let is_remote = REMOTE.iter().any(|prefix| lower.len() > prefix.len() && lower.starts_with(prefix));
    !is_remote && !lower.strip_prefix("file://").unwrap_or(&lower).starts_with('/')
}

/// kustomize's error with its hints; of a generated kustomization first the file that is no YAML.
fn build_error(error: &belay_kustomize::Error, tree: &dyn Tree, generated: Option<Generated>) -> Error {
    use belay_kustomize::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::Limit => ErrorKind::Limit,
        Kind::Io => ErrorKind::Tree,
        _ => ErrorKind::Build,
    };
    if let Some(error) = generated.and_then(|generated| generated.first_invalid(tree)) {
        return Error::new(if kind == ErrorKind::Limit { kind } else { ErrorKind::Build }, error);
    }
    let mut message = match error.location() {
        Some(at) => format!("{at}: {}", error.cause()),
        None => error.to_string(),
    };
    for hint in error.hints() {
        message.push_str("; ");
        message.push_str(&hint);
    }
    Error::new(kind, message)
}

/// Holds the objects to what every object must have.
fn finish(built: Built, warnings: Vec<String>) -> Result<Made, Error> {
    let mut origins = built.origins.into_iter();
    let mut objects = Vec::with_capacity(built.objects.len());
    let mut seen: HashMap<ObjectKey, usize> = HashMap::with_capacity(built.objects.len());
    for (i, object) in built.objects.into_iter().enumerate() {
        let origin = origins.next().flatten().map(origin);
        require_envelope(&object, origin.as_ref())?;
        if let Some(first) = seen.insert(object.key(), i) {
            let first: &RenderedObject = &objects[first];
            return Err(stands_twice(&object.key(), first.origin.as_ref(), origin.as_ref()));
        }
        objects.push(RenderedObject { object, origin });
    }
    Ok(Made { objects, warnings, renderer: "", lasts: true })
}

fn origin(origin: belay_kustomize::Origin) -> Origin {
    Origin { path: origin.path, document: origin.document, line: origin.line }
}

fn at(origin: Option<&Origin>) -> String {
    origin.map(|origin| format!("{origin}: ")).unwrap_or_default()
}

fn require_envelope(object: &Object, origin: Option<&Origin>) -> Result<(), Error> {
    let fields = [("kind", object.kind()), ("apiVersion", object.api_version()), ("metadata.name", object.name())];
    match fields.iter().find(|(_, value)| value.is_empty()) {
        None => Ok(()),
        Some((field, _)) => {
            let what = if object.kind().is_empty() { "an object".into() } else { object.key().to_string() };
            Err(Error::new(ErrorKind::Build, format!("{}{what} has no {field}", at(origin))))
        }
    }
}

/// Two objects of one identity are an error, never "the last wins" (INV-REN-5); versions do not
/// make a difference.
fn stands_twice(key: &ObjectKey, first: Option<&Origin>, second: Option<&Origin>) -> Error {
    let first = first.map(|first| format!("; the first one stands in {first}")).unwrap_or_default();
    Error::new(ErrorKind::Build, format!("{}{key} stands twice{first}", at(second)))
}

impl From<belay_tree::Error> for Error {
    fn from(error: belay_tree::Error) -> Error {
        use belay_tree::ErrorKind as Tree;
        let kind = match error.kind() {
            Tree::NotFound | Tree::NotDirectory => ErrorKind::NotFound,
            Tree::TooLarge => ErrorKind::Limit,
            Tree::Outside | Tree::Hostile | Tree::Path | Tree::IsDirectory | Tree::TooManyLinks => ErrorKind::Build,
            _ => ErrorKind::Tree,
        };
        Error::new(kind, error.to_string())
    }
}
impl From<belay_tree::PathError> for Error {
    fn from(error: belay_tree::PathError) -> Error {
        Error::from(belay_tree::Error::from(error))
    }
}
