//! `GROUP:KIND:NAME` and `GROUP:KIND:NAMESPACE/NAME`: which objects of an Application are meant.

use anyhow::{Result, bail};
use belay_argo::spec::{Application, SyncResource};

/// One selector. Compat(argocd 3.5): `!` in front leaves out, `*` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    group: String,
    kind: String,
    namespace: String,
    name: String,
    excludes: bool,
}

impl Selector {
    /// Reads one.
    pub fn read(text: &str) -> Result<Selector> {
        let (excludes, rest) = match text.trim().strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text.trim()),
        };
        let parts: Vec<&str> = rest.split(':').collect();
        let [group, kind, name] = parts[..] else {
            bail!("resource should have GROUP:KIND:NAME, but instead got: {text}");
        };
        let (namespace, name) = match name.split_once('/') {
            Some((_, name)) if name.contains('/') => {
                bail!("resource with namespace should have GROUP:KIND:NAMESPACE/NAME, but instead got: {text}")
            }
            Some((namespace, name)) => (namespace, name),
            None => ("", name),
        };
        let owned = str::to_owned;
        Ok(Selector {
            group: owned(group),
            kind: owned(kind),
            namespace: owned(namespace),
            name: owned(name),
            excludes,
        })
    }

    fn names(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        let is = |wanted: &str, found: &str| wanted == "*" || wanted == found;
        is(&self.group, group)
            && is(&self.kind, kind)
            && is(&self.name, name)
            && (self.namespace.is_empty() || is(&self.namespace, namespace))
    }
}

/// Reads several.
pub fn read(texts: &[String]) -> Result<Vec<Selector>> {
    texts.iter().map(|text| Selector::read(text)).collect()
}

/// Whether an object is meant: by no selector everything is; one that excludes goes before those that do not.
pub fn selects(selectors: &[Selector], group: &str, kind: &str, namespace: &str, name: &str) -> bool {
    let (out, within): (Vec<&Selector>, Vec<&Selector>) = selectors.iter().partition(|s| s.excludes);
    let fits = |s: &&Selector| s.names(group, kind, namespace, name);
    !out.iter().any(fits) && (within.is_empty() || within.iter().any(fits))
}

/// The objects of an Application that are meant, as an operation lists them; none where everything is.
pub fn chosen(app: &Application, selectors: &[Selector]) -> Result<Vec<SyncResource>> {
    if selectors.is_empty() {
        return Ok(Vec::new());
    }
    let all = app.status.resources.iter().filter(|r| selects(selectors, &r.group, &r.kind, &r.namespace, &r.name));
    let found: Vec<SyncResource> = all
        .map(|r| SyncResource {
            group: r.group.clone(),
            kind: r.kind.clone(),
            name: r.name.clone(),
            namespace: r.namespace.clone(),
        })
        .collect();
    if found.is_empty() {
        bail!("no matching resources found among those of application '{}'", app.name);
    }
    Ok(found)
}
