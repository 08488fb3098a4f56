//! What the first sign-in needs: a key to sign tokens with, a first password of the admin, and where TLS is
//! wanted a certificate.

use belay_argo::names::{INITIAL_ADMIN_SECRET, PART_OF, SECRET, SERVER_TLS};
use belay_argo::settings::accounts::{hash_password, initial_password, initial_password_secret};
use belay_argo::settings::certificate;
use belay_argo::settings::tokens::server_key;
use belay_cluster::{ErrorKind, Patch, WriteOptions};
use belay_net::Secret;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::identity::random;
use crate::snapshot::secrets;
use crate::tls::self_signed;
use crate::{Error, Options};

/// What was made.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The admin's first password, where this made it. It stands in a secret, too.
    pub password: Option<Secret<String>>,
}

/// Makes what is not there: the secret, its key, the admin's password. What is there is left alone, and
/// of several that start at once one makes it (the write says which version it changes).
pub async fn prepare(options: &Options) -> Result<Prepared, Error> {
    let writing = WriteOptions { field_manager: "argocd-server".to_owned(), ..WriteOptions::default() };
    let (cluster, namespace) = (&options.cluster, options.namespace.as_str());
    let resource = secrets();
    let failed = |e: belay_cluster::Error| Error::of_secret("the secret argocd-secret", &e);
    for _ in 0..5 {
        let Some(found) = cluster.find(&resource, namespace, SECRET).await.map_err(failed)? else {
            let mut secret = Object::of("v1", "Secret", namespace, SECRET);
            secret.set_label(PART_OF.0, PART_OF.1);
            secret.set_label("app.kubernetes.io/name", SECRET);
            secret.set(&["type"], "Opaque");
            match cluster.create(&resource, &secret, &writing).await {
                Ok(_) => continue,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(failed(e)),
            }
        };
        let has = |key: &str| found.str_at(&["data", key]).is_some_and(|value| !value.is_empty());
        let mut data = Value::object();
        if !has("server.secretkey") {
            let key = server_key(random().ok_or_else(no_randomness)?);
            data.set(&["server.secretkey"], encoded(key.expose()));
        }
        if options.makes_certificate && !(has("tls.crt") && has("tls.key")) {
            let external = cluster.find(&resource, namespace, SERVER_TLS).await.map_err(failed)?;
            if certificate(external.as_ref()).is_none() {
                let made = self_signed(namespace)?;
                data.set(&["tls.crt"], encoded(made.certificate.as_bytes()));
                data.set(&["tls.key"], encoded(made.key.expose().as_bytes()));
            }
        }
        let mut prepared = Prepared::default();
        if !has("admin.password") {
            let bytes: [u8; 96] = random().ok_or_else(no_randomness)?;
            let password = initial_password(&bytes).ok_or_else(no_randomness)?;
            let hash =
                hash_password(password.expose(), random().ok_or_else(no_randomness)?).map_err(Error::internal)?;
            let set = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            data.set(&["admin.password"], encoded(hash.expose().as_bytes()));
            data.set(&["admin.passwordMtime"], encoded(set.as_bytes()));
            prepared.password = Some(password);
        }
        if data.as_object().is_none_or(|data| data.is_empty()) {
            return Ok(prepared);
        }
        let mut patch = object! { "data" => data };
        patch.set(&["metadata", "resourceVersion"], found.resource_version());
        if found.label(PART_OF.0).is_none() {
            patch.set(&["metadata", "labels", PART_OF.0], PART_OF.1);
        }
        match cluster.patch(&resource, namespace, SECRET, &Patch::Merge(patch), &writing).await {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Conflict => continue,
            Err(e) => return Err(failed(e)),
        }
        if let Some(password) = &prepared.password {
            show(options, password, &writing).await?;
        }
        return Ok(prepared);
    }
    Err(Error::unavailable("the secret argocd-secret changes all the time"))
}

/// Puts the first password where it is looked for.
async fn show(options: &Options, password: &Secret<String>, writing: &WriteOptions) -> Result<(), Error> {
    let (cluster, namespace) = (&options.cluster, options.namespace.as_str());
    let secret = initial_password_secret(namespace, password);
    let written = match cluster.create(&secrets(), &secret, writing).await {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let patch = object! { "data" => secret.get("data").cloned().unwrap_or_default() };
            cluster.patch(&secrets(), namespace, INITIAL_ADMIN_SECRET, &Patch::Merge(patch), writing).await
        }
        other => other,
    };
    written.map(|_| ()).map_err(|e| Error::of_secret("the secret argocd-initial-admin-secret", &e))
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn no_randomness() -> Error {
    Error::internal("the system gives no randomness")
}
