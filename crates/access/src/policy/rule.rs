//! One rule and how it is matched. Whose rule it is stands in the book.

use regex::{Regex, RegexBuilder};

use super::MatchMode;
use crate::glob::Glob;

/// What requests are about, in the order in which Argo CD lists them. A rule knows beforehand which of
/// them it fits, so that those about something else cost one bit.
pub const RESOURCES: &[&str] = &[
    "clusters",
    "projects",
    "applications",
    "applicationsets",
    "repositories",
    "write-repositories",
    "certificates",
    "accounts",
    "gpgkeys",
    "logs",
    "exec",
    "extensions",
];

/// Largest compiled expression of one field.
const MAX_REGEX_BYTES: usize = 256 << 10;

/// What is asked.
pub(super) struct Request<'a> {
    resource: &'a str,
    action: &'a str,
    object: &'a str,
    /// Its place among the known resources.
    known: Option<usize>,
}

impl<'a> Request<'a> {
    pub fn new(resource: &'a str, action: &'a str, object: &'a str) -> Request<'a> {
        Request { resource, action, object, known: RESOURCES.iter().position(|r| *r == resource) }
    }
}

/// What the rules of one role say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Denied,
    Allowed,
    Silent,
}

/// The rules of one role.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Which of the known resources it fits.
    fits: u16,
    resource: Field,
    action: Field,
    object: Field,
    allow: bool,
}

#[derive(Clone, Debug)]
enum Field {
    Anything,
    Literal(Box<str>),
    Contains(Box<str>),
    Glob(Box<Glob>),
    Regex(Box<Regex>),
    /// A glob that cannot be read, in a rule that allows. Compat(argo 3.5): it matches nothing.
    Nothing,
    /// An expression that cannot be read, and a glob where it would deny: asking it refuses the
    /// request. Compat(argo 3.5) for expressions; for globs we refuse rather than let pass.
    Broken,
}

/// What one field says of a text; `None` where it cannot say.
type Answer = Option<bool>;

impl Rules {
    pub fn push(&mut self, rule: Rule) {
        self.0.push(rule);
    }
    /// All rules are looked at: one that denies counts wherever it stands.
    pub fn judge(&self, request: &Request<'_>) -> Verdict {
        let mut allowed = false;
        for rule in &self.0 {
            match rule.matches(request) {
                None => return Verdict::Denied,
                Some(true) if !rule.allow => return Verdict::Denied,
                Some(true) => allowed = true,
                Some(false) => {}
            }
        }
        if allowed { Verdict::Allowed } else { Verdict::Silent }
    }
}

impl Rule {
    /// Compiles a rule; `None` for one whose effect is neither `allow` nor `deny`, which never
    /// decides anything. The sentences are for the author.
    pub fn new(
        mode: MatchMode,
        resource: &str,
        action: &str,
        object: &str,
        effect: &str,
    ) -> (Option<Rule>, Vec<String>) {
        let allow = match effect {
            "allow" => true,
            "deny" => false,
            other => {
                return (None, vec![format!("effect {other:?} is neither allow nor deny: the rule has no effect")]);
            }
        };
        let mut sentences = Vec::new();
        let mut field = |name: &str, text: &str| {
            Field::new(mode, allow, text).unwrap_or_else(|(field, why)| {
                sentences.push(format!("{name} {text:?} cannot be read: {why}"));
                field
            })
        };
        let (resource, action, object) =
            (field("resource", resource), field("action", action), field("object", object));
        let fits = RESOURCES.iter().enumerate().filter(|(_, known)| resource.matches(known) != Some(false));
        let fits = fits.fold(0, |all, (i, _)| all | 1 << i);
        (Some(Rule { fits, resource, action, object, allow }), sentences)
    }

    fn matches(&self, request: &Request<'_>) -> Answer {
        if request.known.is_some_and(|i| self.fits & 1 << i == 0) {
            return Some(false);
        }
        let pairs =
            [(&self.resource, request.resource), (&self.action, request.action), (&self.object, request.object)];
        for (field, text) in pairs {
            if !field.matches(text)? {
                return Some(false);
            }
        }
        Some(true)
    }
}

impl Field {
    fn new(mode: MatchMode, allow: bool, text: &str) -> Result<Field, (Field, String)> {
        match mode {
            MatchMode::Glob => match Glob::new(text) {
                Ok(_) if text == "*" => Ok(Field::Anything),
                Ok(glob) => Ok(match glob.literal() {
                    Some(literal) => Field::Literal(literal.into()),
                    None => Field::Glob(Box::new(glob)),
                }),
                Err(why) => Err((if allow { Field::Nothing } else { Field::Broken }, why.to_string())),
            },
            MatchMode::Regex if text == ".*" => Ok(Field::Anything),
            MatchMode::Regex if regex::escape(text) == text => Ok(Field::Contains(text.into())),
            MatchMode::Regex => match RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build() {
                Ok(regex) => Ok(Field::Regex(Box::new(regex))),
                Err(e) => Err((Field::Broken, e.to_string().lines().last().unwrap_or_default().trim().to_owned())),
            },
        }
    }

    fn matches(&self, text: &str) -> Answer {
        match self {
            Field::Anything => Some(true),
            Field::Literal(literal) => Some(**literal == *text),
            Field::Contains(part) => Some(text.contains(&**part)),
            Field::Glob(glob) => Some(glob.matches(text)),
            Field::Regex(regex) => Some(regex.is_match(text)),
            Field::Nothing => Some(false),
            Field::Broken => None,
        }
    }
}
