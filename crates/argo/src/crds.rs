//! The custom resource definitions of Argo CD's kinds.
//!
//! The facts stand in the `.crd` files beside this one, in the form of [`belay_schema::source`]. They
//! are what Argo CD 3.5 installs, field for field; the words are our own. Applications and projects have no
//! status subresource: other people's tools write status and operation through the object itself. Of ApplicationSets
//! what parameters may stand in, and templates of generators, is taken as it is and judged when it is read: spelled
//! out, as Argo CD has it, the definition is larger than all others together.

use belay_object::Object;
use belay_schema::source::{Shapes, definition};

/// The sources: shapes first.
const SHARED: &str = include_str!("crds/shared.crd");
const KINDS: [&str; 3] = [
    include_str!("crds/application.crd"),
    include_str!("crds/app_project.crd"),
    include_str!("crds/application_set.crd"),
];

/// All definitions, with the labels that Argo CD's have.
pub fn crds() -> Vec<Object> {
    let shapes = Shapes::read(SHARED).expect("the sources are compiled in, and tests read them all");
    let define = |text: &&str| {
        let mut object = definition(text, &shapes).expect("the sources are compiled in, and tests read them all");
        let name = object.name().to_owned();
        object.set_label("app.kubernetes.io/name", &name);
        object.set_label("app.kubernetes.io/part-of", "argocd");
        object
    };
    KINDS.iter().map(define).collect()
}

#[cfg(test)]
mod tests;
