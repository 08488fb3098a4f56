//! Errors of templates in the form that Helm 4 gives them.

use belay_gotemplate as gt;

use crate::error::{Error, ErrorKind};

/// What `fail` and `required` put around their message, so that it is found in the chain.
pub(super) const MARK: (&str, &str) = ("HELM_ERR_START", "HELM_ERR_END");

/// `parse error at (FILE:LINE): MESSAGE`
pub(super) fn of_parsing(file: &str, error: &gt::Error) -> Error {
    let text = error.to_string();
    let parts: Vec<&str> = text.split(": ").collect();
    let message = match parts.as_slice() {
        [_, location, .., last] => format!("parse error at ({location}): {last}"),
        [_, location] => format!("parse error at ({location}): {location}"),
        _ => format!("parse error in ({file}): {text}"),
    };
    let kind = if error.is_limit() { ErrorKind::Limit } else { ErrorKind::Parse };
    Error::new(kind, message)
}

/// `execution error at (FILE:LINE:COLUMN): MESSAGE` of `fail` and `required`; three lines for each
/// template on the way of all else; Go's own text where a function of another kind failed.
pub(super) fn of_execution(file: &str, error: &gt::Error) -> Error {
    let kind = if error.is_limit() { ErrorKind::Limit } else { ErrorKind::Template };
    if error.kind() != gt::ErrorKind::Exec {
        return Error::new(kind, error.to_string());
    }
    if let Some(message) = marked(error) {
        let text = error.to_string();
        let location = text.split(": ").nth(1).unwrap_or(file);
        return Error::new(kind, format!("execution error at ({location}): {message}"));
    }
    Error::new(kind, traced(error).unwrap_or_else(|| shortened(&error.to_string())))
}

/// Most calls of a chain that are told; Helm tells all thousand of an include of itself.
const MOST_CALLS: usize = 10;

/// Leaves calls out of the middle of a long chain, so that its end can be read.
fn shortened(text: &str) -> String {
    const CALL: &str = ": error calling ";
    let calls: Vec<&str> = text.split(CALL).collect();
    if calls.len() <= MOST_CALLS {
        return text.to_owned();
    }
    let (first, last) = (&calls[..MOST_CALLS / 2], &calls[calls.len() - 3..]);
    let left_out = calls.len() - first.len() - last.len();
    format!("{}: [{left_out} more calls]{CALL}{}", first.join(CALL), last.join(CALL))
}

/// What stands between the marks, which are in the root of the chain or in texts quoted on the way.
fn marked(error: &gt::Error) -> Option<String> {
    // Most errors have none: the whole text is built only where the root has.
    let root = error.root().to_string();
    if !root.contains(MARK.0) {
        return None;
    }
    let text = error.to_string();
    let start = text.find(MARK.0)? + MARK.0.len();
    let end = text.rfind(MARK.1)?;
    text.get(start..end).map(str::to_owned)
}

#[derive(PartialEq, Default)]
struct Step {
    location: String,
    executing: String,
    message: String,
}

/// The chain as lines; `None` where a link of it is no error of a template.
fn traced(error: &gt::Error) -> Option<String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut current = Some(error);
    while let Some(error) = current {
        let (step, next) = step(error)?;
        if steps.last() != Some(&step) {
            steps.push(step);
        }
        current = next;
    }
    let mut out = String::new();
    for step in steps {
        for (text, end) in [(step.location, "\n  "), (step.executing, "\n    "), (step.message, "\n")] {
            if !text.is_empty() {
                out.push_str(&text);
                out.push_str(end);
            }
        }
    }
    Some(out.trim().to_owned())
}

/// One link, and the next one.
fn step(error: &gt::Error) -> Option<(Step, Option<&gt::Error>)> {
    let Some(place) = error.place() else {
        let text = error.to_string();
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some((Step { message: text, ..Step::default() }, error.cause()));
        }
        let (location, message) = rest.rsplit_once(": ")?;
        let step = Step { location: location.to_owned(), message: cut(message).to_owned(), ..Step::default() };
        return Some((step, error.cause()));
    };
    let cause = error.cause()?;
    let (message, next) = match (cause.function(), cause.cause()) {
        (Some(function), Some(inner)) if inner.place().is_some() => (format!("error calling {function}:"), Some(inner)),
        (Some(_), inner) => (cut(&cause.to_string()).to_owned(), inner),
        (None, _) => (cut(&cause.to_string()).to_owned(), None),
    };
    let executing = match &place.context {
        None => String::new(),
        // Helm cuts Go's text at the first `>: `, which may stand in the expression itself.
        Some(context) => format!("executing {} at <{context}>:", gt::fmt::quote_str(&place.template)),
    };
    Some((Step { location: place.location.clone(), executing, message }, next))
}

/// Cuts what follows of another template.
fn cut(text: &str) -> &str {
    text.find(" template:").map_or(text, |at| &text[..at])
}
