//! What is fetched from outside and kept in one folder: mirrors of Git repositories, charts and artifacts.
//!
//! Whoever holds a copy of [`Mirrors`] shares them: a controller and an API in one process fetch each
//! repository once. Two processes must not share a folder.

use std::path::Path;
use std::sync::Arc;

use belay_net::{ClientOptions, Egress, Proxy};
use belay_source::{Repositories, RepositoriesOptions};

use super::charts::Charts;

/// Mirrors below one folder.
#[derive(Clone)]
pub struct Mirrors {
    pub(crate) repositories: Repositories,
    pub(crate) charts: Arc<Charts>,
    /// How else is connected to: the same policy and proxy.
    pub(crate) base: ClientOptions,
}

impl Mirrors {
    /// Opens those of a folder, which is made where it is not there. A proxy is taken from the environment
    /// (`HTTPS_PROXY` and its like). The error says why.
    pub fn open(storage: &Path, egress: Egress) -> Result<Mirrors, String> {
        let proxy = Proxy::from_variables(|name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
        let base = ClientOptions { egress: egress.clone(), proxy: proxy.clone(), ..ClientOptions::default() };
        let options = RepositoriesOptions { egress, proxy, ..RepositoriesOptions::new(storage.join("git")) };
        let repositories = Repositories::new(options).map_err(|e| e.to_string())?;
        let charts = Arc::new(Charts::new(storage.join("charts"), base.clone()));
        Ok(Mirrors { repositories, charts, base })
    }
}
