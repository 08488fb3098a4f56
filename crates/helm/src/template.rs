//! The text that `helm template` prints.

#[cfg(test)]
mod tests;

use belay_gotemplate::lossy;

use crate::error::{Error, Result};
use crate::glob::PathPattern;
use crate::manifest::{Hook, HookEvent, split};
use crate::render::Rendered;

/// What of a render is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Printed<'a> {
    /// CRDs first.
    pub include_crds: bool,
    /// No hooks.
    pub no_hooks: bool,
    /// No tests.
    pub skip_tests: bool,
    /// Only what these files wrote: patterns of paths within the chart.
    pub show_only: &'a [String],
}

/// A document under the file that it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Document<'a> {
    /// The file.
    pub path: &'a str,
    /// The text.
    pub text: &'a str,
}

impl Document<'_> {
    fn push_to(&self, out: &mut String) {
        for part in ["---\n# Source: ", self.path, "\n", self.text, "\n"] {
            out.push_str(part);
        }
    }
}

impl std::fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "---\n# Source: {}\n{}", self.path, self.text)
    }
}

/// The hooks that are printed.
pub fn printed_hooks<'a>(rendered: &'a Rendered, printed: &Printed<'_>) -> impl Iterator<Item = &'a Hook> {
    let (no_hooks, skip_tests) = (printed.no_hooks, printed.skip_tests);
    let is_test = |hook: &Hook| hook.events.contains(&HookEvent::Test);
    rendered.hooks.iter().filter(move |hook| !(no_hooks || skip_tests && is_test(hook)))
}

/// The manifest of a release: all documents that are no hooks, CRDs first where they are asked for.
/// It is what a release record keeps.
pub fn manifest(rendered: &Rendered, include_crds: bool) -> String {
    let mut out = String::new();
    for crd in rendered.crds.iter().filter(|_| include_crds) {
        Document { path: &crd.path, text: &lossy(&crd.file.data) }.push_to(&mut out);
    }
    for manifest in &rendered.manifests {
        Document { path: &manifest.path, text: &manifest.content }.push_to(&mut out);
    }
    out
}

/// All that is printed.
pub fn template(rendered: &Rendered, printed: &Printed<'_>) -> Result<String> {
    let mut out = manifest(rendered, printed.include_crds);
    out.truncate(out.trim_end().len());
    let space = out.len() - out.trim_start().len();
    out.drain(..space);
    out.push('\n');
    for hook in printed_hooks(rendered, printed) {
        Document { path: &hook.path, text: &hook.manifest }.push_to(&mut out);
    }
    if printed.show_only.is_empty() {
        return Ok(out);
    }
    show_only(&out, printed.show_only)
}

fn show_only(text: &str, wanted: &[String]) -> Result<String> {
    let documents: Vec<(&str, &str)> =
        split(text).filter_map(|document| Some((path_in_chart(document)?, document))).collect();
    let mut out = String::new();
    for file in wanted {
        let pattern = PathPattern::parse(file);
        let matching = documents.iter().filter(|(path, _)| pattern.as_ref().is_some_and(|p| p.matches(path)));
        let before = out.len();
        matching.for_each(|(_, document)| out.push_str(&format!("---\n{document}\n")));
        if out.len() == before {
            return Err(Error::chart(format!("could not find template {file} in chart")));
        }
    }
    Ok(out)
}

/// The path in `# Source: CHART/PATH`.
fn path_in_chart(document: &str) -> Option<&str> {
    const MARK: &str = "# Source: ";
    let mut rest = document;
    while let Some(at) = rest.find(MARK) {
        rest = &rest[at + MARK.len()..];
        let line = rest.lines().next().unwrap_or_default();
        if let Some((name, path)) = line.split_once('/')
            && !name.is_empty()
            && !path.is_empty()
        {
            return Some(path);
        }
    }
    None
}
