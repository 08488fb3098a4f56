//! YAML as Go's libraries read and write it.
//!
//! Kubernetes' tools read manifests with `sigs.k8s.io/yaml` (goyaml.v2, then JSON) and kustomize
//! reads resources with `yaml.v3`; both differ from YAML 1.2 and from each other in what a plain
//! scalar means. [`parse_documents`] reads a stream as one of the two ([`Resolver`]) and
//! [`to_yaml`] writes the bytes that `sigs.k8s.io/yaml` would. [`parse_nodes`] gives the tree
//! before resolution, with byte spans, for errors that name a line and for edits in place.
//!
//! What this crate deliberately does not know: files, Kubernetes, which document is a resource.
#![warn(missing_docs)]

mod build;
mod error;
mod fast;
mod node;
mod options;
mod parse;
mod read;
mod resolve;
mod scan;
mod split;
mod write;

pub use error::{ErrorKind, YamlError};
pub use node::{Comment, Content, Node, NodeId, NodeTree, Style};
pub use options::{Duplicates, Limits, Options, Resolver};
pub use read::{Document, parse_documents, parse_located, parse_nodes, parse_outline, parse_value};
pub use write::{push_yaml, to_yaml, to_yaml_documents, to_yaml_pretty, to_yaml_pretty_documents, to_yaml_sorted};
