//! The control plane that a command is about, and the two ways to it: the cluster's own API, with the rights of
//! whoever calls, or a server of Argo CD, with a login.
//!
//! A command is written once, over [`Plane`]; each operation says how it is done either way. What can be done one
//! way alone is refused in words that name the other.

pub mod applications;
pub mod live;
pub mod local_config;
pub mod projects;
pub mod server;
mod sync;
pub mod target;

use anyhow::{Result, bail};
use belay_object::{Object, Value};

use crate::argocd::{AppId, Argocd, object_of};
use crate::args::{ArgocdFlags, Global};

pub use server::{Server, path, status_of};
pub use sync::SyncRequest;

/// A control plane.
pub enum Plane {
    /// By its cluster.
    Cluster(Argocd),
    /// By its server.
    Server(Through),
}

/// A control plane behind a server.
pub struct Through {
    /// The server.
    pub server: Server,
    /// Where Applications are looked for that are named without a namespace; empty for the server's own.
    pub app_namespace: String,
}

impl Plane {
    /// Finds the way that flags, variables and logins name.
    pub async fn open(global: &Global, flags: &ArgocdFlags, app_namespace: Option<&str>) -> Result<Plane> {
        match target::target(global, &flags.server)? {
            Some(target) => Ok(Plane::Server(Through {
                server: Server::new(&target)?,
                app_namespace: app_namespace.unwrap_or_default().to_owned(),
            })),
            None => Argocd::connect(global, flags, app_namespace).await.map(Plane::Cluster),
        }
    }

    /// The cluster, for what is done there alone.
    pub fn cluster(&self, what: &str) -> Result<&Argocd> {
        match self {
            Plane::Cluster(argo) => Ok(argo),
            Plane::Server(through) => bail!(
                "{what} is not done through a server: --core does it on the cluster itself, without {}",
                through.server.name
            ),
        }
    }

    /// The server, for what it alone knows.
    pub fn server(&self, what: &str) -> Result<&Server> {
        match self {
            Plane::Server(through) => Ok(&through.server),
            Plane::Cluster(_) => {
                bail!("{what} is a server's to tell: name one by --server, or log in by `belay login`")
            }
        }
    }

    /// Reads `NAME` or `NAMESPACE/NAME`.
    pub fn id(&self, text: &str) -> AppId {
        let own = match self {
            Plane::Cluster(argo) => &argo.app_namespace,
            Plane::Server(through) => &through.app_namespace,
        };
        AppId::read(text, own)
    }
}

/// An object that a server answers. Compat(argo 3.5): its own do not say what they are.
pub fn typed(mut value: Value, kind: &str) -> Result<Object> {
    for (field, text) in [("apiVersion", "argoproj.io/v1alpha1"), ("kind", kind)] {
        if value.str_at(&[field]).is_none_or(str::is_empty) {
            value.set(&[field], text);
        }
    }
    object_of(value)
}

/// The items of a list that a server answers, as objects.
pub fn objects(list: Value, kind: &str) -> Result<Vec<Object>> {
    items(&list).iter().cloned().map(|value| typed(value, kind)).collect()
}

/// The items of a list that a server answers; an empty one has none, or `null`.
pub fn items(list: &Value) -> &[Value] {
    list.get("items").map_or(&[][..], Value::items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_answers_need_not_say_what_it_is() {
        let told =
            |text: &str| typed(belay_object::from_json_str(text).unwrap(), "Application").map(|o| o.key().to_string());
        let expected = told(
            r#"{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"a","namespace":"b"}}"#,
        );
        assert_eq!(told(r#"{"metadata":{"name":"a","namespace":"b"},"spec":{}}"#).unwrap(), expected.unwrap());
        assert!(objects(belay_object::from_json_str(r#"{"items":null}"#).unwrap(), "Application").unwrap().is_empty());
    }
}
