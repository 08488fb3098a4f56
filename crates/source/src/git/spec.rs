//! What is wanted of a repository.

use belay_net::{ClientIdentity, Proxy, RemoteUrl, Secret};
use belay_tree::{Tree, TreePath};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A repository, the reference to follow in it, and the shape of the tree that is wanted.
#[derive(Clone, Debug)]
pub struct GitSpec {
    /// http, https, ssh; file for the command line and tests.
    pub url: RemoteUrl,
    /// What to follow.
    pub reference: Reference,
    /// What to show to the remote, and what to believe of it.
    pub credentials: Credentials,
    /// Through which to go; HTTP and HTTPS only.
    pub proxy: Option<Proxy>,
    /// Signatures that must be good before anything of the revision is used.
    pub verify: Option<Verification>,
    /// Signatures that are looked at and told, good or not, of what is fetched.
    pub inspect: Option<Inspection>,
    /// Ignore patterns besides those of `.sourceignore` files.
    pub ignore: Option<String>,
    /// Other sources' trees to lay over this one.
    pub include: Vec<Include>,
    /// Whether submodules are fetched and put in place.
    pub recurse_submodules: bool,
    /// When not empty, only paths that begin with one of these are seen.
    pub sparse_checkout: Vec<String>,
    /// Deadline of the whole fetch.
    pub timeout: Duration,
    /// Deadline of greeting the remote and of each listing of its refs, where it is sooner; HTTP and HTTPS only.
    pub listing_timeout: Option<Duration>,
}

impl GitSpec {
    /// A branch of a repository that is open to all, with Flux's default timeout of 60 s.
    pub fn branch(url: RemoteUrl, branch: &str) -> GitSpec {
        GitSpec {
            url,
            reference: Reference::Branch(branch.to_owned()),
            credentials: Credentials::default(),
            proxy: None,
            verify: None,
            inspect: None,
            ignore: None,
            include: Vec::new(),
            recurse_submodules: false,
            sparse_checkout: Vec::new(),
            timeout: Duration::from_secs(60),
            listing_timeout: None,
        }
    }
}

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The tip of a branch.
    Branch(String),
    /// A tag, annotated or not.
    Tag(String),
    /// The highest tag within a range such as `>=1.0.0 <2.0.0`.
    SemVer(String),
    /// A ref by its full name, such as `refs/pull/1/head`.
    Name(String),
    /// Whatever is meant: `HEAD` or nothing for the remote's own branch, a branch, a tag, a ref by its
    /// full name, a range of tags' versions, in this order.
    Revision(String),
    /// A version, or the highest within a range, among the tags that begin so, which is no part of the version. What
    /// is neither means what it means without.
    Prefixed {
        /// What the tags begin with.
        prefix: String,
        /// The version, range or other name.
        revision: String,
    },
    /// A commit, and the branch that it is on if that is known.
    Commit {
        /// Hex of the object id.
        id: String,
        /// Named in the revision; searched when the remote does not give commits by id.
        branch: Option<String>,
    },
}

impl Reference {
    /// The reference that these fields mean together: commit before name, semver, tag and branch,
    /// and `master` if all are empty.
    pub fn from_fields(
        branch: Option<&str>,
        tag: Option<&str>,
        semver: Option<&str>,
        name: Option<&str>,
        commit: Option<&str>,
    ) -> Reference {
        let given = |field: Option<&str>| field.filter(|field| !field.is_empty()).map(str::to_owned);
        if let Some(id) = given(commit) {
            return Reference::Commit { id, branch: given(branch) };
        }
        let forms = [
            given(name).map(Reference::Name),
            given(semver).map(Reference::SemVer),
            given(tag).map(Reference::Tag),
            given(branch).map(Reference::Branch),
        ];
        forms.into_iter().flatten().next().unwrap_or_else(|| Reference::Branch("master".to_owned()))
    }
}

/// What is shown to the remote, and what is believed of it. Used for the URL's origin only: a
/// redirect or a submodule elsewhere gets none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// User name and password.
    pub basic: Option<(String, Secret<String>)>,
    /// Token for an `Authorization: Bearer` header.
    pub bearer: Option<Secret<String>>,
    /// Key and known hosts; required for SSH.
    pub ssh: Option<SshCredentials>,
    /// PEM certificates trusted besides the system's.
    pub ca: Option<Vec<u8>>,
    /// Client certificate.
    pub tls: Option<ClientIdentity>,
}

/// How to log in over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SshCredentials {
    /// Private key in OpenSSH or PEM form.
    pub identity: Secret<Vec<u8>>,
    /// What opens the private key.
    pub passphrase: Option<Secret<String>>,
    /// Lines of a `known_hosts` file; the host's key must be among them.
    pub known_hosts: String,
}

/// Another source's tree to lay over this one.
#[derive(Clone)]
pub struct Include {
    /// The other tree.
    pub tree: Arc<dyn Tree>,
    /// The directory of the other tree that is taken; its root by default.
    pub from: TreePath,
    /// Where that directory appears in this tree.
    pub to: TreePath,
}

impl fmt::Debug for Include {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Include").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

/// Signatures that must be good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verification {
    /// Of what.
    pub mode: VerifyMode,
    /// ASCII-armored PGP public keys, one or more in each.
    pub pgp_keys: Vec<String>,
    /// SSH public keys in `authorized_keys` form, one or more in each.
    pub ssh_keys: Vec<String>,
}

/// Signatures that are looked at, for who decides by what is found of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inspection {
    /// ASCII-armored PGP public keys, one or more in each. A signature by another key proves nothing.
    pub pgp_keys: Vec<String>,
    /// The ids of keys whose signatures are good: 16 hex digits in capitals, of a key or of the one it belongs to.
    pub trusted: Vec<String>,
    /// Of an annotated tag its signature is looked at, of all else the commit's. With this both are, and those of
    /// all commits before it.
    pub history: bool,
    /// A text in the message of a signed commit by which that vouches for all before it.
    pub seal: Option<String>,
}

/// What must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VerifyMode {
    /// The commit.
    Head,
    /// The annotated tag.
    Tag,
    /// Both.
    TagAndHead,
}
