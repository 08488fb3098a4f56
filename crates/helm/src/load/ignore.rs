//! `.helmignore`: like `.gitignore`, but not quite.
//!
//! There is no `**`; a negated rule ignores everything that does not match it; the first rule that
//! ignores wins.

use crate::error::{Error, Result};
use crate::glob::PathPattern;

/// The rules of one file, with the default rule at the end.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: PathPattern,
    /// Whether the pattern is held against the whole path, not the base name.
    on_path: bool,
    negated: bool,
    dirs_only: bool,
}

/// Longest file of rules, in bytes.
const MAX_BYTES: usize = 1 << 20;

impl Rules {
    /// Reads a file and adds the default rule `templates/.?*`.
    pub(super) fn parse(text: &[u8]) -> Result<Rules> {
        if text.len() > MAX_BYTES {
            return Err(Error::limit(format!(".helmignore is larger than {MAX_BYTES} bytes")));
        }
        let text = String::from_utf8_lossy(super::without_bom(text));
        let mut rules: Vec<Rule> = Vec::new();
        for line in text.lines().chain(["templates/.?*"]) {
            rules.extend(Rule::parse(line.trim())?);
        }
        Ok(Rules(rules))
    }

    /// Whether the entry at a path below the chart is left out.
    pub(super) fn ignore(&self, path: &str, is_dir: bool) -> bool {
        if ["", ".", "./"].contains(&path) {
            return false;
        }
        self.0.iter().any(|rule| {
            let counts = !rule.dirs_only || is_dir;
            if rule.negated { !counts || !rule.matches(path) } else { counts && rule.matches(path) }
        })
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Rule>> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.contains("**") {
            return Err(Error::chart("double-star (**) syntax is not supported"));
        }
        let (negated, rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (dirs_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        let (on_path, rest) = match rest.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (rest.contains('/'), rest),
        };
        let pattern = PathPattern::parse(rest).ok_or_else(|| Error::chart("syntax error in pattern"))?;
        Ok(Some(Rule { pattern, on_path, negated, dirs_only }))
    }

    fn matches(&self, path: &str) -> bool {
        let name = if self.on_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        self.pattern.matches(name)
    }
}
