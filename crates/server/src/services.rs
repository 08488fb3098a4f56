//! The operations, a file per service. Each is a function from a call to an answer.

pub(crate) mod accounts;
pub(crate) mod actions;
pub(crate) mod applications;
pub(crate) mod badge;
pub(crate) mod certificates;
pub(crate) mod clusters;
pub(crate) mod compared;
pub(crate) mod credentials;
pub(crate) mod details;
pub(crate) mod events;
pub(crate) mod gpg_keys;
pub(crate) mod listed;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod operations;
pub(crate) mod projects;
pub(crate) mod repositories;
pub(crate) mod resources;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod streams;
pub(crate) mod tokens;
pub(crate) mod trees;
pub(crate) mod unbuilt;
pub(crate) mod webhook;
pub(crate) mod written;
