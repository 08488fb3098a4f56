//! A kustomization that was read, and where in its file a mistake is.

use std::rc::Rc;
use std::sync::Arc;

use belay_tree::TreePath;

use crate::decode::Rules;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::kustomization::{FILE_NAMES, Kustomization};
use crate::load::Loader;
use crate::metadata::Trace;
use crate::options::Overlay;
use crate::resource::Origin;
use crate::schema::Schemas;
use crate::session::Session;

/// A kustomization to be accumulated.
pub(crate) struct Target<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) loader: Rc<Loader<'a>>,
    pub(crate) kustomization: Kustomization,
    /// The kustomization file.
    pub(crate) file: TreePath,
    pub(crate) file_name: String,
    /// Its content, to find the lines of mistakes; none where the caller gave the kustomization.
    content: Option<Arc<[u8]>>,
    /// How many of the resources stand under `resources`; the others stand under `bases`.
    own_resources: usize,
    /// Where the kustomization comes from, where `buildMetadata` asks for it.
    pub(crate) trace: Option<Trace>,
    /// The namespace of the kustomizations above, which charts inherit.
    pub(crate) inherited_namespace: String,
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
        let (kustomization, content, file, file_name) = match (files.next(), files.next(), generated) {
            (Some((first, _)), Some((second, _)), _) => {
                let message = format!("Found multiple kustomization files under: {}\n", loader.shown_dir());
                return Err(Error::kustomization(message).hint(format!("delete one of {first} and {second}")));
            }
            (Some((name, loaded)), None, _) => {
                let kustomization = Kustomization::read(&loaded.text(), rules, loader.options().compatibility)
                    .map_err(|error| error.in_file(&loaded.path))?;
                (kustomization, Some(loaded.content), loaded.path, name)
            }
            (None, _, Some(generated)) => {
                let file =
                    loader.dir().child(FILE_NAMES[0]).map_err(|error| Error::kustomization(error.to_string()))?;
                (Kustomization::of(generated, Rules::Json)?, None, file, FILE_NAMES[0])
            }
            (None, ..) => return Err(unreadable.unwrap_or_else(|| no_kustomization(&loader))),
        };
        kustomization.warnings().into_iter().for_each(|warning| session.warn(warning));
        let own_resources = kustomization.resources.len();
        let mut target = Target {
            session,
            loader,
            kustomization,
            file,
            file_name: file_name.to_owned(),
            content,
            own_resources,
            trace: None,
            inherited_namespace: String::new(),
        };
        if let Some(overlay) = overlay {
            crate::build::apply_overlay(&mut target.kustomization, overlay);
        }
        target.kustomization.fix();
        for edit in overlay.iter().flat_map(|overlay| &overlay.edits) {
            crate::edit::apply(&mut target.kustomization, edit).map_err(|error| error.in_file(&target.file))?;
        }
        target.check_header()?;
        Ok(target)
    }

    /// Whether the file says what it is, and something besides.
    fn check_header(&self) -> Result<()> {
        if self.kustomization.is_empty() {
            return Err(Error::kustomization("kustomization.yaml is empty")
                .at(&self.file, None)
                .hint("list something under resources, components or generators"));
        }
        let errors = self.kustomization.header_errors();
        if errors.is_empty() {
            return Ok(());
        }
        let shown_dir = self.loader.shown_dir();
        let message = format!("Failed to read kustomization file under {shown_dir}:\n{}", errors.join("\n"));
        let field = if errors[0].starts_with("kind") { "kind" } else { "apiVersion" };
        let mut error = self.blame(Entry::field(field), Error::kustomization(message));
        if self.kustomization.api_version.starts_with("kustomize.toolkit.fluxcd.io/") {
            error = error.hint(
                "this is Flux's Kustomization, which has a cluster build a directory; name the file otherwise and list \
                 it under resources of a kustomization.yaml",
            );
        }
        Err(error)
    }

    /// Says in which entry of the kustomization file a mistake is, or which entry led to it.
    pub(crate) fn blame(&self, entry: Entry, error: Error) -> Error {
        let mut error = error;
        if let Some(absent) = error.take_absent() {
            error = error.hint(self.loader.similar(&absent));
        }
        let entry = error.take_entry().filter(|narrow| narrow.field == entry.field).unwrap_or(entry);
        let entry = match entry {
            Entry { field: "resources", index: Some(i) } if i >= self.own_resources => {
                Entry::nth("bases", i - self.own_resources)
            }
            entry => entry,
        };
        let line = || self.content.as_ref().and_then(|content| entry.line(&String::from_utf8_lossy(content)));
        match error.location().map(|at| (at.path == self.file, at.line)) {
            None => error.at(&self.file, line()),
            Some((true, None)) => error.in_line(line()),
            Some((true, Some(_))) => error,
            // A kustomization that the caller made stands in no file.
            Some((false, _)) if self.content.is_none() => error,
            Some((false, _)) => error.hint_at(format!("listed under {} of", entry.field), &self.file, line()),
        }
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
}

/// The error of a directory without a kustomization file, with the manifests that are there.
fn no_kustomization(loader: &Loader<'_>) -> Error {
    let error = Error::new(
        ErrorKind::NotFound,
        format!(
            "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'",
            loader.shown_dir()
        ),
    );
    let names = loader.names(loader.dir());
    let manifests: Vec<&str> =
        names.iter().map(|name| &**name).filter(|name| name.ends_with(".yaml") || name.ends_with(".yml")).collect();
    match manifests.as_slice() {
        [] => error.hint("add a kustomization.yaml to it"),
        [.., last] if manifests.len() > 3 => {
            error.hint(format!("add a kustomization.yaml to it that lists its manifests ({} ... {last})", manifests[0]))
        }
        few => error.hint(format!("add a kustomization.yaml to it that lists {}", few.join(", "))),
    }
}
