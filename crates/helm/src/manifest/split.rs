//! A stream of documents as Helm cuts it: at `---` at the beginning of a line, whatever follows.

/// The documents that are not blank, leading white space cut.
///
/// Compat(helm 4.2): `---apiVersion: v1` begins a document too, and what is behind the separator on
/// its line belongs to it.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text.trim_start());
    // Only the very beginning is the beginning of a line; what is left behind a separator is not.
    let mut at_line_start = true;
    let documents = std::iter::from_fn(move || {
        let current = rest?;
        let at = separator(current, std::mem::take(&mut at_line_start));
        rest = at.map(|at| current[at + 3..].trim_start_matches([' ', '\t']));
        Some(&current[..at.unwrap_or(current.len())])
    });
    documents.map(str::trim_start).filter(|document| !document.is_empty())
}

fn separator(text: &str, at_line_start: bool) -> Option<usize> {
    if at_line_start && text.starts_with("---") {
        return Some(0);
    }
    memchr::memmem::find(text.as_bytes(), b"\n---").map(|at| at + 1)
}
