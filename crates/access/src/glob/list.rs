//! Lists of patterns: namespaces by glob or `/regular expression/`, and kinds by `filepath.Match`.

use regex::{Regex, RegexBuilder};

use super::Glob;

/// Largest compiled expression; a name's pattern takes a few KiB.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Globs of one list, of which any may match. One that cannot be read matches nothing.
#[derive(Clone, Debug, Default)]
pub struct PatternList(Vec<Glob>);

impl PatternList {
    /// Compiles gobwas globs without separator.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> PatternList {
        PatternList(patterns.into_iter().filter_map(|p| Glob::new(p).ok()).collect())
    }
    /// Whether one of them matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(text))
    }
}

/// Names by glob or `/regular expression/`, as `application.namespaces` and `sourceNamespaces` are
/// written. An entry that cannot be read matches nothing.
#[derive(Clone, Debug, Default)]
pub struct NameList(Vec<Entry>);

#[derive(Clone, Debug)]
enum Entry {
    Glob(Glob),
    Regex(Regex),
    /// Everything in which this is not found.
    Without(Regex),
}

impl NameList {
    /// Compiles the entries; the sentences say which of them are not understood.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> (NameList, Vec<String>) {
        let (mut list, mut warnings) = (Vec::new(), Vec::new());
        for text in entries {
            // Compat(argo 3.5): what stands between slashes is tried as both.
            let inner = text.strip_prefix('/').and_then(|t| t.strip_suffix('/'));
            if let Some(inner) = inner {
                match expression(inner) {
                    Ok(entry) => list.push(entry),
                    Err(why) => warnings.push(format!("{text:?} matches nothing: {why}")),
                }
            }
            match Glob::new(text) {
                Ok(glob) => list.push(Entry::Glob(glob)),
                Err(_) if inner.is_some() => {}
                Err(why) => warnings.push(format!("{text:?} matches nothing: {why}")),
            }
        }
        (NameList(list), warnings)
    }
    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether an entry matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Glob(glob) => glob.matches(name),
            Entry::Regex(regex) => regex.is_match(name),
            Entry::Without(regex) => !regex.is_match(name),
        })
    }
}

/// Argo CD's engine for these knows negative lookahead, and its handbook shows one idiom of it:
/// `^((?!x).)*$`, "without x". With `^(?!x).*$`, "not beginning with x", it is read here too.
fn expression(text: &str) -> Result<Entry, String> {
    let build = |text: &str| {
        RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build().map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        })
    };
    let between = |front: &str, back: &str| text.strip_prefix(front).and_then(|t| t.strip_suffix(back));
    if let Some(without) = between("^((?!", ").)*$") {
        return build(without).map(Entry::Without);
    }
    if let Some(front) = between("^(?!", ").*$").or_else(|| between("^(?!", ").*")) {
        return build(&format!("^(?:{front})")).map(Entry::Without);
    }
    build(text).map(Entry::Regex)
}
