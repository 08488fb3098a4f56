//! What holds for a whole build: the schema, what was read, the limits, the warnings.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use belay_tree::TreePath;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::growth::Growth;
use crate::load::Loader;
use crate::manifest::{self, Manifest};
use crate::options::BuildOptions;
use crate::schema::Schemas;
use crate::set::Resources;
use crate::target::Target;
use crate::transform::patch::in_file;

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
    steps: Cell<usize>,
    growth: Growth,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(options: &'a BuildOptions) -> Session<'a> {
        Session {
            options,
            schemas: RefCell::new(Schemas::built_in(options.compatibility)),
            schema_is_set: Cell::new(false),
            manifests: RefCell::default(),
            has_objects: Cell::new(false),
            transformers: Cell::new(0),
            steps: Cell::new(0),
            growth: Growth::new(options.limits.growth),
            warnings: RefCell::default(),
        }
    }
    pub(crate) fn schemas(&self) -> Arc<Schemas> {
        self.schemas.borrow().clone()
    }
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings.borrow_mut().push(warning.into());
    }
    /// Notes that objects are looked at.
    pub(crate) fn look_at_objects(&self) {
        self.has_objects.set(true);
    }
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    /// Sets the schema that a kustomization asks for, if none is set yet.
    pub(crate) fn set_schema(&self, target: &Target<'_>, is_root: bool) -> Result<()> {
        self.read_schema(target, is_root).map_err(|error| target.blame(Entry::field("openapi"), error))
    }

    fn read_schema(&self, target: &Target<'_>, is_root: bool) -> Result<()> {
        let openapi = &target.kustomization().openapi;
        let custom = openapi.get("path").map(|path| target.loader().load(path)).transpose()?;
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
                *self.schemas.borrow_mut() = Arc::new(schemas.following(self.options.compatibility));
                self.schema_is_set.set(true);
            }
            (None, Some("v1.21.2")) => self.schema_is_set.set(true),
            (None, None | Some("")) => {}
            (None, Some(_)) => {
                return Err(Error::kustomization("the specified OpenAPI version is not built in")
                    .hint("only v1.21.2 is; a document of your own goes under openapi.path"));
            }
        }
        Ok(())
    }

    /// Reads the manifests of a file.
    pub(crate) fn manifests(&self, loader: &Loader<'_>, path: &str) -> Result<(Rc<Vec<Manifest>>, TreePath)> {
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

    /// Counts transformers that are to run over some objects.
    pub(crate) fn count_transformers(&self, more: usize, objects: usize) -> Result<()> {
        self.transformers.set(self.transformers.get() + more);
        let most = self.options.limits.transformers;
        if self.transformers.get() > most {
            return Err(Error::limit(format!("the build has more than {most} patches and other transformers")));
        }
        self.steps.set(self.steps.get().saturating_add(more.saturating_mul(objects)));
        let most = self.options.limits.steps;
        if self.steps.get() > most {
            return Err(Error::limit(format!(
                "the build's patches and other transformers would look at objects more than {most} times"
            ))
            .hint("patch a base where it is defined instead of all that includes it"));
        }
        Ok(())
    }

    /// What transformers may still add to the objects.
    pub(crate) fn growth(&self) -> &Growth {
        &self.growth
    }

    pub(crate) fn check_objects(&self, resources: &Resources) -> Result<()> {
        let most = self.options.limits.objects;
        if resources.len() > most {
            return Err(Error::limit(format!("the build has more than {most} objects")));
        }
        Ok(())
    }
}
