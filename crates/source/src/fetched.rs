//! What every kind of source gives.

use belay_tree::Tree;
use std::fmt;
use std::sync::Arc;

/// A source at a revision.
#[derive(Clone)]
pub struct Fetched {
    /// Names the content for people and consumers; for Git `main@sha1:<40 hex>`,
    /// `v1.0@sha1:...`, `refs/heads/main@sha1:...` for a full ref name, `sha1:...` for a commit.
    pub revision: String,
    /// The files, as the specification shapes them: ignored files left out, includes and
    /// submodules in place. Reads from the object database; nothing is checked out.
    pub tree: Arc<dyn Tree>,
    /// Git only: the commit.
    pub commit: Option<Arc<Commit>>,
    /// What was proved of the signatures, if the specification asks for it.
    pub verified: Option<Verified>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("revision", &self.revision)
            .field("commit", &self.commit)
            .finish_non_exhaustive()
    }
}

/// A Git commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Hex of the object id: 40 digits, or 64 in a SHA-256 repository.
    pub id: String,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The whole message.
    pub message: String,
    /// The ref that was followed, in full (`refs/heads/main`); empty for a commit alone.
    pub reference: String,
}

impl Commit {
    /// The first line of the message, trimmed.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default().trim()
    }

    /// The start of the id that people read, 7 digits.
    pub fn short_id(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }
}

/// A branch or tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ref {
    /// In full: `refs/heads/main`.
    pub name: String,
    /// Hex of the commit that it means.
    pub commit: String,
}

/// A name with a time, as commits and tags hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Seconds since 1970.
    pub time_s: i64,
}

/// Which signatures were found good, and by which key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Verified {
    /// Key of the commit's signature: a PGP key id, or an SSH key's SHA-256 fingerprint.
    pub commit_key: Option<String>,
    /// The tag (`v1.0@sha1:...` of the tag object) and the key of its signature.
    pub tag: Option<(String, String)>,
    /// What an inspection found that is not signed by a trusted key, newest first; at most ten.
    pub problems: Arc<[SignatureProblem]>,
}

/// A commit or tag that is not signed by a trusted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureProblem {
    /// Hex of a commit's id, or the name of a tag.
    pub revision: String,
    /// Who wrote it: `Name <email>`.
    pub author: String,
    /// What is wrong; `Good` where only the key is not trusted.
    pub state: SignatureState,
    /// The key's id, 16 hex digits in capitals; empty where there is none.
    pub key: String,
}

/// What a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// Of what came, by a key that is known.
    Good,
    /// Of something else, or nothing that can be checked.
    Bad,
    /// It has run out.
    ExpiredSignature,
    /// Its key has run out.
    ExpiredKey,
    /// Its key was called back.
    RevokedKey,
    /// Its key is not known.
    MissingKey,
    /// There is none.
    Unsigned,
}
