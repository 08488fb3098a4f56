//! Which commit a reference means, given the refs of the remote.

use super::remote::Advertised;
use super::spec::Reference;
use crate::{Error, ErrorKind};
use belay_semver::{Constraints, Version};
use gix::hash::ObjectId;

/// The commit that a reference means at this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) commit: ObjectId,
    /// The tag object, if the reference is an annotated tag.
    pub(crate) tag: Option<ObjectId>,
    /// The ref in full; empty for a commit alone.
    pub(crate) reference: String,
    /// What stands before the `@` of a revision.
    pub(crate) label: String,
}

impl Target {
    /// `main@sha1:<hex>`, `sha1:<hex>`.
    pub(crate) fn revision(&self) -> String {
        let digest = digest(&self.commit);
        if self.label.is_empty() { digest } else { format!("{}@{digest}", self.label) }
    }

    /// The objects that must be fetched.
    pub(crate) fn wants(&self) -> impl Iterator<Item = ObjectId> {
        self.tag.into_iter().chain([self.commit])
    }
}

/// `sha1:<40 hex>` or `sha256:<64 hex>`.
pub(crate) fn digest(id: &ObjectId) -> String {
    let name = if id.as_bytes().len() == 20 { "sha1" } else { "sha256" };
    format!("{name}:{}", id.to_hex())
}

/// How the names of the refs begin that decide about a reference, a line each; `None` if none does.
pub(crate) fn prefix(reference: &Reference) -> Option<String> {
    match reference {
        Reference::Branch(branch) => Some(format!("refs/heads/{branch}")),
        Reference::Tag(tag) => Some(format!("refs/tags/{tag}")),
        Reference::SemVer(_) => Some("refs/tags/".to_owned()),
        Reference::Name(name) => Some(name.clone()),
        Reference::Revision(text) => Some(match text.as_str() {
            "" | "HEAD" => "HEAD".to_owned(),
            text if text.starts_with("refs/") => text.to_owned(),
            text if is_range(text) => "refs/tags/".to_owned(),
            text => format!("refs/heads/{text}\nrefs/tags/{text}"),
        }),
        Reference::Prefixed { prefix: start, .. } if is_versioned(reference) => Some(format!("refs/tags/{start}")),
        Reference::Prefixed { revision, .. } => prefix(&Reference::Revision(revision.clone())),
        Reference::Commit { .. } => None,
    }
}

/// Whether a revision is a range of versions and cannot be a name.
fn is_range(text: &str) -> bool {
    text.contains(|c: char| "*<>=~^|, xX".contains(c))
        && !text.contains('/')
        && Version::strict(text).is_err()
        && Constraints::parse(text).is_ok()
}

/// Whether a reference with a prefix is about versions.
fn is_versioned(reference: &Reference) -> bool {
    let Reference::Prefixed { revision, .. } = reference else { return false };
    Version::tag(revision).is_ok() || Constraints::parse(revision).is_ok()
}

/// Whether a ref is one of those that a prefix (several, a line each) asks for.
pub(crate) fn is_wanted(prefix: &str, name: &str) -> bool {
    prefix.split('\n').any(|prefix| name.starts_with(prefix))
}

/// Refuses names that Git does not allow for refs, so that they mean nothing on the wire.
pub(crate) fn check(reference: &Reference) -> Result<(), Error> {
    let name = match reference {
        Reference::SemVer(range) => {
            return Constraints::parse(range)
                .map(|_| ())
                .map_err(|error| Error::new(ErrorKind::Spec, format!("semver parse error: {error}")));
        }
        Reference::Commit { id, branch } => {
            if ObjectId::from_hex(id.as_bytes()).is_err() {
                let text = format!("unable to resolve commit object for '{id}': object not found");
                return Err(Error::new(ErrorKind::ReferenceNotFound, text));
            }
            match branch {
                Some(branch) => format!("refs/heads/{branch}"),
                None => return Ok(()),
            }
        }
        Reference::Prefixed { prefix, .. } if is_versioned(reference) => format!("refs/tags/{prefix}1"),
        Reference::Prefixed { revision, .. } => return check(&Reference::Revision(revision.clone())),
        Reference::Revision(text) if text.is_empty() || text == "HEAD" || is_range(text) => return Ok(()),
        Reference::Revision(text) if text.starts_with("refs/") => text.clone(),
        Reference::Revision(text) => format!("refs/heads/{text}"),
        other => prefix(other).unwrap_or_default(),
    };
    gix::validate::reference::name(name.as_str().into())
        .map(|_| ())
        .map_err(|_| Error::new(ErrorKind::Spec, format!("{name:?} is no name of a Git reference")))
}

/// Finds what a reference means among `refs`, which hold at least those of its [`prefix`].
pub(crate) fn resolve(reference: &Reference, refs: &[Advertised]) -> Result<Target, Error> {
    let found = |name: &str| refs.iter().find(|r| r.name == name);
    let target = |r: &Advertised, label: &str| Target {
        commit: r.peeled.unwrap_or(r.id),
        tag: r.peeled.map(|_| r.id),
        reference: r.name.clone(),
        label: label.to_owned(),
    };
    let not_found = |text: String| Error::new(ErrorKind::ReferenceNotFound, text);
    let no_ref = |name: &str| not_found(format!("couldn't find remote ref {name:?}"));
    match reference {
        Reference::Branch(branch) => {
            let name = format!("refs/heads/{branch}");
            found(&name).map(|r| target(r, branch)).ok_or_else(|| no_ref(&name))
        }
        Reference::Tag(tag) => {
            let name = format!("refs/tags/{tag}");
            found(&name).map(|r| target(r, tag)).ok_or_else(|| no_ref(&name))
        }
        Reference::Name(name) => found(name)
            .map(|r| target(r, name))
            .ok_or_else(|| not_found(format!("unable to resolve ref '{name}' to a specific commit"))),
        Reference::Revision(text) => {
            let name = if text.is_empty() { "HEAD" } else { text };
            let places = [format!("refs/heads/{name}"), format!("refs/tags/{name}"), name.to_owned()];
            match places.iter().find_map(|place| found(place)) {
                Some(r) => Ok(target(r, name)),
                None if is_range(name) => resolve(&Reference::SemVer(name.to_owned()), refs),
                None => Err(not_found(format!("unable to resolve '{name}' to a commit SHA"))),
            }
        }
        Reference::SemVer(range) => {
            let parsed = Constraints::parse(range)
                .map_err(|error| Error::new(ErrorKind::Spec, format!("semver parse error: {error}")))?;
            let tags = refs.iter().filter_map(|r| Version::tag(r.name.strip_prefix("refs/tags/")?).ok());
            // Flux breaks ties of build metadata by the commits' times, which are not known
            // before they are fetched; the metadata's own order is as good.
            let best = parsed
                .highest(tags, |version| version.original().to_owned())
                .ok_or_else(|| not_found(format!("no match found for semver: {range}")))?;
            let name = format!("refs/tags/{}", best.original());
            found(&name).map(|r| target(r, best.original())).ok_or_else(|| no_ref(&name))
        }
        Reference::Prefixed { revision, .. } if !is_versioned(reference) => {
            resolve(&Reference::Revision(revision.clone()), refs)
        }
        Reference::Prefixed { prefix, revision } => {
            let unresolved = |name: &str| not_found(format!("unable to resolve '{name}' to a commit SHA"));
            let start = format!("refs/tags/{prefix}");
            let name = match (Version::tag(revision), Constraints::parse(revision)) {
                (Err(_), Ok(range)) => {
                    let tags = refs.iter().filter_map(|r| Version::tag(r.name.strip_prefix(&start)?).ok());
                    let best = range.highest(tags, |version| version.original().to_owned());
                    best.ok_or_else(|| unresolved(revision))?.original().to_owned()
                }
                _ => revision.clone(),
            };
            let label = format!("{prefix}{name}");
            found(&format!("{start}{name}")).map(|r| target(r, &label)).ok_or_else(|| unresolved(&label))
        }
        Reference::Commit { id, branch } => {
            let commit = ObjectId::from_hex(id.as_bytes())
                .map_err(|_| not_found(format!("unable to resolve commit object for '{id}': object not found")))?;
            let label = branch.clone().unwrap_or_default();
            let reference = if label.is_empty() { String::new() } else { format!("refs/heads/{label}") };
            Ok(Target { commit, tag: None, reference, label })
        }
    }
}
