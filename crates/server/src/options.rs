//! What the API is made with.

use std::sync::Arc;

use belay_access::NameList;
use belay_cluster::{Cluster, CrSummary, ViewScope, Views};
use belay_net::Egress;

use crate::Sources;

/// What the API is made with.
#[derive(Clone)]
pub struct Options {
    /// The cluster of the control plane.
    pub cluster: Cluster,
    /// The control plane's namespace.
    pub namespace: String,
    /// Views of whole objects of that cluster, where others watch the same kinds; made where not given.
    pub views: Option<Views<CrSummary>>,
    /// Which Applications are looked at: those of the control plane's namespace, or all.
    pub applications: ViewScope,
    /// Where Applications may stand besides the control plane's namespace. Where empty, `application.namespaces` of
    /// the parameters says it.
    pub application_namespaces: NameList,
    /// What knows the files of sources; without it what needs them is answered with Unavailable.
    pub sources: Option<Arc<dyn Sources>>,
    /// What was built.
    pub build: Build,
    /// Where the API stands, without a slash at the end: `/argocd`. Empty is the root.
    pub root_path: String,
    /// Whether it is reached by HTTPS alone: cookies are then sent no other way.
    pub secure: bool,
    /// Whether [`crate::prepare`] makes a certificate where there is none.
    pub makes_certificate: bool,
    /// Everybody may do everything: for one person on their own machine.
    pub disable_auth: bool,
    /// Whether `/metrics` is served beside the API: for listeners that no stranger reaches (AUTHN-8).
    pub metrics: bool,
    /// Whether secrets of clusters may name programs to run.
    pub allow_exec: bool,
    /// Which remote clusters may be reached.
    pub egress: Egress,
}

impl Options {
    /// The usual ones.
    pub fn new(cluster: Cluster, namespace: &str) -> Options {
        Options {
            cluster,
            namespace: namespace.to_owned(),
            views: None,
            sources: None,
            build: Build::default(),
            root_path: String::new(),
            secure: false,
            makes_certificate: false,
            applications: ViewScope::default(),
            application_namespaces: NameList::default(),
            disable_auth: false,
            metrics: false,
            allow_exec: false,
            egress: Egress::default(),
        }
    }
}

/// What `/api/version` tells.
#[derive(Clone, Debug)]
pub struct Build {
    /// `v0.1.0+abcdef`
    pub version: String,
    /// The commit.
    pub commit: String,
    /// When, RFC 3339.
    pub date: String,
}

impl Default for Build {
    fn default() -> Build {
        Build {
            version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            commit: String::new(),
            date: String::new(),
        }
    }
}
