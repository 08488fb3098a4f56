//! GitRepository: where to fetch from, which revision, how to trust it, what to keep of it.

use std::fmt;

use belay_object::Object;

use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// Which commit is meant. Of several fields the first of commit, name, semver, tag, branch counts.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum GitReference {
    /// One commit; with a branch, one that is in it.
    Commit {
        /// Hex digits.
        commit: String,
        /// The branch to look in.
        branch: Option<String>,
    },
    /// A whole reference: `refs/pull/1/head`.
    Name(String),
    /// The highest tag in a range of versions.
    Semver(String),
    /// A tag.
    Tag(String),
    /// The head of a branch.
    Branch(String),
}

/// The branch that is meant where nothing is said.
const DEFAULT_BRANCH: &str = "master";

/// How to authenticate beyond what the secret says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Provider {
    /// By the secret alone.
    #[default]
    Generic,
    /// AWS CodeCommit.
    Aws,
    /// Azure DevOps.
    Azure,
    /// A GitHub App.
    GitHub,
}

/// Which signatures are checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum VerificationMode {
    /// That of the commit.
    Head,
    /// That of the tag.
    Tag,
    /// Both.
    TagAndHead,
}
impl VerificationMode {
    /// As `status.sourceVerificationMode` and the resource write it.
    pub fn as_str(self) -> &'static str {
        match self {
            VerificationMode::Head => "HEAD",
            VerificationMode::Tag => "Tag",
            VerificationMode::TagAndHead => "TagAndHEAD",
        }
    }
}
impl fmt::Display for VerificationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How to verify.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verification {
    /// What.
    pub mode: VerificationMode,
    /// The secret with the public keys.
    pub secret: String,
}

/// Another repository's artifact that is copied in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Include {
    /// Its name, in the same namespace.
    pub repository: String,
    /// The folder in it; empty for all.
    pub from: String,
    /// Where it goes.
    pub to: String,
}

/// A GitRepository as it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GitRepository {
    /// What it says of itself.
    pub meta: Meta,
    /// Where from.
    pub url: String,
    /// How often to look.
    pub interval: GoDuration,
    /// How long one fetch may take.
    pub timeout: GoDuration,
    /// Which commit.
    pub reference: GitReference,
    /// Credentials.
    pub secret: Option<String>,
    /// How to authenticate.
    pub provider: Provider,
    /// The account whose identity a provider takes.
    pub service_account: Option<String>,
    /// The proxy's secret.
    pub proxy_secret: Option<String>,
    /// Signatures to check.
    pub verify: Option<Verification>,
    /// Ignore rules in place of the default ones.
    pub ignore: Option<String>,
    /// Artifacts to copy in.
    pub include: Vec<Include>,
    /// Whether submodules are fetched.
    pub recurse_submodules: bool,
    /// Folders to check out; empty for all.
    pub sparse_checkout: Vec<String>,
    /// Whether nothing is to be done.
    pub suspend: bool,
}

impl GitRepository {
    /// Reads one.
    pub fn read(object: &Object) -> Result<GitRepository, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        Ok(GitRepository {
            meta: Meta::read(object),
            url: spec.at("url").required_text()?,
            interval: spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?,
            timeout: spec.at("timeout").duration()?.unwrap_or(GoDuration::from_secs(60)),
            reference: reference(&spec.at("ref"))?,
            secret: spec.at("secretRef").reference()?,
            provider: provider(&spec.at("provider"))?,
            service_account: spec.at("serviceAccountName").optional_text()?.filter(|s| !s.is_empty()),
            proxy_secret: spec.at("proxySecretRef").reference()?,
            verify: verification(&spec.at("verify"))?,
            ignore: spec.at("ignore").optional_text()?,
            include: spec.at("include").list()?.iter().map(include).collect::<Result<_, _>>()?,
            recurse_submodules: spec.at("recurseSubmodules").flag()?,
            sparse_checkout: spec.at("sparseCheckout").texts()?,
            suspend: spec.at("suspend").flag()?,
        })
    }
}

fn reference(field: &Field<'_>) -> Result<GitReference, SpecError> {
    field.map()?;
    let text = |name: &str| Ok::<_, SpecError>(field.at(name).optional_text()?.filter(|s| !s.is_empty()));
    let branch = text("branch")?;
    Ok(if let Some(commit) = text("commit")? {
        GitReference::Commit { commit, branch }
    } else if let Some(name) = text("name")? {
        GitReference::Name(name)
    } else if let Some(range) = text("semver")? {
        GitReference::Semver(range)
    } else if let Some(tag) = text("tag")? {
        GitReference::Tag(tag)
    } else {
        GitReference::Branch(branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned()))
    })
}

fn provider(field: &Field<'_>) -> Result<Provider, SpecError> {
    Ok(match field.text()?.as_str() {
        "" | "generic" => Provider::Generic,
        "aws" => Provider::Aws,
        "azure" => Provider::Azure,
        "github" => Provider::GitHub,
        other => return Err(field.wrong(format!("{other:?} is none of generic, aws, azure, github"))),
    })
}

fn verification(field: &Field<'_>) -> Result<Option<Verification>, SpecError> {
    if field.map()?.is_none() {
        return Ok(None);
    }
    let mode = field.at("mode");
    let mode = match mode.text()?.as_str() {
        // `head` is what the field was called before tags could be verified.
        "" | "HEAD" | "head" => VerificationMode::Head,
        "Tag" => VerificationMode::Tag,
        "TagAndHEAD" => VerificationMode::TagAndHead,
        other => return Err(mode.wrong(format!("{other:?} is none of HEAD, Tag, TagAndHEAD"))),
    };
    let secret = field.at("secretRef");
    let secret = secret.reference()?.ok_or_else(|| secret.wrong("is required"))?;
    Ok(Some(Verification { mode, secret }))
}

fn include(field: &Field<'_>) -> Result<Include, SpecError> {
    let repository = field.at("repository");
    let repository = repository.reference()?.ok_or_else(|| repository.wrong("is required"))?;
    let to = field.at("toPath").text()?;
    Ok(Include {
        from: field.at("fromPath").text()?,
        to: if to.is_empty() { repository.clone() } else { to },
        repository,
    })
}
