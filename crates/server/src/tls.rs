//! The certificate of the listener: that of the secret `argocd-server-tls`, else that of `argocd-secret`,
//! where one is made that the server itself has signed. Both are followed: a new one is used by the next
//! connection, one that cannot be read leaves the one before in use.

use std::sync::Arc;

use belay_argo::names::{SECRET, SERVER_TLS};
use belay_argo::settings::certificate;
use belay_cluster::{Cluster, FollowEvent, FollowOptions};
use belay_net::Secret;
use belay_object::Object;
use parking_lot::RwLock;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

use crate::Error;
use crate::snapshot::secrets;

/// How long a certificate that is made here is valid. Compat(argo-cd 3.5)
const VALID: Duration = Duration::days(365);

/// The certificate of the moment.
#[derive(Default, Debug)]
pub struct Tls {
    /// That of `argocd-server-tls`, then that of `argocd-secret`.
    known: RwLock<[Option<Arc<CertifiedKey>>; 2]>,
}

/// A certificate and its key, both PEM.
pub(crate) struct Pair {
    pub certificate: String,
    pub key: Secret<String>,
}

impl Tls {
    /// Follows the secrets for ever; what is served meanwhile is in [`Tls::config`].
    pub async fn follow(self: Arc<Tls>, cluster: Cluster, namespace: String) {
        let one = |place: usize, name: &'static str| {
            let options = FollowOptions { fields: format!("metadata.name={name}"), ..FollowOptions::default() };
            let (tls, mut follow) = (self.clone(), cluster.follow(&secrets(), &namespace, options));
            async move {
                loop {
                    match follow.next().await {
                        FollowEvent::Applied(secret) => tls.take(place, &secret),
                        FollowEvent::Deleted(_) => tls.known.write()[place] = None,
                        _ => {}
                    }
                }
            }
        };
        tokio::join!(one(0, SERVER_TLS), one(1, SECRET));
    }

    fn take(&self, place: usize, secret: &Object) {
        let Some((chain, key)) = certificate(Some(secret)) else { return };
        match certified(&chain, key.expose()) {
            Ok(certified) => self.known.write()[place] = Some(Arc::new(certified)),
            Err(why) => {
                let (namespace, name) = (secret.namespace(), secret.name());
                tracing::warn!("the certificate of secret {namespace}/{name} cannot be used: {why}");
            }
        }
    }

    /// Whether there is a certificate.
    pub fn is_known(&self) -> bool {
        self.known.read().iter().any(Option::is_some)
    }

    /// How connections are begun: TLS 1.2 and 1.3, the certificate of the moment.
    pub fn config(self: &Arc<Tls>) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| Error::internal(e.to_string()))?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.known.read().iter().flatten().next().cloned()
    }
}

/// The error names no content: the key is among it.
fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, &'static str> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|_| "tls.crt is no PEM")?;
    if chain.is_empty() {
        return Err("tls.crt holds no certificate");
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "tls.key holds no private key in PEM")?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|_| "tls.key is not the key of tls.crt, or of no known kind")
}

/// Makes a certificate for the names of the API in a namespace, signed by its own key.
pub(crate) fn self_signed(namespace: &str) -> Result<Pair, Error> {
    // Compat(argo-cd 3.5): the names
    let names = [
        "localhost".to_owned(),
        "argocd-server".to_owned(),
        format!("argocd-server.{namespace}"),
        format!("argocd-server.{namespace}.svc"),
        format!("argocd-server.{namespace}.svc.cluster.local"),
    ];
    let failed = |e: rcgen::Error| Error::internal(format!("no certificate can be made: {e}"));
    let mut params = CertificateParams::new(names).map_err(failed)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Argo CD");
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = OffsetDateTime::now_utc();
    params.not_after = params.not_before + VALID;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(Pair { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(certificate: &str, key: &str, expected: Result<(), &str>) {
        assert_eq!(certified(certificate.as_bytes(), key.as_bytes()).map(|_| ()), expected);
    }

    #[test]
    fn a_certificate_is_taken_with_its_own_key_alone() {
        let (one, other) = (self_signed("argocd").expect("one"), self_signed("argocd").expect("another"));
        check(&one.certificate, one.key.expose(), Ok(()));
        let wrong = "tls.key is not the key of tls.crt, or of no known kind";
        check(&one.certificate, other.key.expose(), Err(wrong));
        check("", one.key.expose(), Err("tls.crt holds no certificate"));
        check(&one.certificate, "", Err("tls.key holds no private key in PEM"));
    }

    #[test]
    fn one_that_cannot_be_read_leaves_the_one_before_in_use() {
        let pair = self_signed("argocd").expect("a certificate");
        let tls = Tls::default();
        let secret = |certificate: &str| {
            let mut secret = Object::of("v1", "Secret", "argocd", SECRET);
            let encoded = |text: &str| crate::prepare::encoded(text.as_bytes());
            secret.set(&["data", "tls.crt"], encoded(certificate));
            secret.set(&["data", "tls.key"], encoded(pair.key.expose()));
            secret
        };
        tls.take(1, &secret("nothing"));
        assert!(!tls.is_known());
        tls.take(1, &secret(&pair.certificate));
        tls.take(1, &secret("nothing"));
        assert!(tls.is_known());
    }
}
