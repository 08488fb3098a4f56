//! Who may do what, as pure decisions: role policies, globs, what a project permits, sync windows.
//!
//! [`Policy`] is Argo CD's role policy as a compiled matcher and [`ProjectPolicy`] the roles of one
//! project; [`Project`] says which sources, destinations and kinds an AppProject permits;
//! [`windows`] whether a sync may run now. [`Glob`] and [`NameList`] are the patterns that all of
//! them, and the settings of the dialect, are written in.
//!
//! What this crate deliberately does not know: HTTP, tokens, clusters, clocks other than the one given.
#![warn(missing_docs)]

mod duration;
mod error;
mod git_url;
mod glob;
pub mod policy;
pub mod project;
pub mod windows;

pub use duration::parse_go_duration;
pub use error::{Error, ErrorKind, Result};
pub use git_url::{is_ssh, normalize_git_url, same_git_url};
pub use glob::{Glob, NameList, PatternList};
pub use policy::{MatchMode, Policy, PolicySource, ProjectPolicy, Subject};
pub use project::Project;
pub use windows::Window;
