//! Jsonnet files of a directory.

use std::collections::BTreeMap;

use belay_jsonnet::{ErrorKind as Kind, Given, Limits, Options};
use belay_object::Value;
use belay_tree::TreePath;

use super::{Error, ErrorKind, Job};
use crate::spec::{Jsonnet, JsonnetVar};

/// Evaluates a file to the objects that it gives. Imports are looked for beside the importing file,
/// in the libraries, the last first, and in the source's directory.
pub(super) fn evaluate(job: &Job<'_>, own: &Jsonnet, path: &TreePath) -> Result<Vec<Value>, Error> {
    let given = |variables: &[JsonnetVar]| -> BTreeMap<String, Given> {
        let value = |variable: &JsonnetVar| {
            let text = job.environment.substitute(&variable.value);
            if variable.code { Given::Code(text) } else { Given::Text(text) }
        };
        variables.iter().map(|variable| (variable.name.clone(), value(variable))).collect()
    };
    let mut libs = vec![job.dir.clone()];
    for lib in &own.libs {
        let found = TreePath::clean(lib.trim_start_matches('/')).map_err(|error| match error.is_outside() {
            // Compat(argo 3.5)
            true => Error::new(ErrorKind::Build, format!("file '{lib}' resolved to outside repository root")),
            false => error.into(),
        })?;
        libs.push(found);
    }
    let options = Options { ext_vars: given(&own.ext_vars), tlas: given(&own.tlas), libs };
    belay_jsonnet::evaluate(job.tree, path, &options, &Limits::default()).map_err(|error| {
        let kind = if error.kind == Kind::Budget { ErrorKind::Limit } else { ErrorKind::Build };
        Error::new(kind, error.message)
    })
}
