//! Certificates: which servers are believed, and what is shown to them.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn identity(&self) -> ClientIdentity {
        let (certificate, key) = self.issue("client");
        ClientIdentity {
            certificate: certificate.pem().into_bytes(),
            key: Secret::new(key.serialize_pem().into_bytes()),
        }
    }
}

/// Serves `ok` over TLS, to clients of `clients` only if that is given.
async fn serve(authority: &Authority, name: &str, clients: Option<&Authority>) -> String {
    let (certificate, key) = authority.issue(name);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.0.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut seen = [0; 1024];
            let _request = stream.read(&mut seen).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await.ok();
            stream.shutdown().await.ok();
        }
    });
    url
}

async fn get(url: &str, roots: Option<Vec<u8>>, identity: Option<ClientIdentity>) -> Result<String, Error> {
    let client = ClientOptions { extra_roots: roots, identity, ..ClientOptions::default() }.build()?;
    let body = client.get(url)?.send().await?.read(100).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn inv_net_5_a_server_is_believed_by_its_authority_and_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let url = serve(&ours, "127.0.0.1", None).await;
    assert_eq!(get(&url, Some(ours.pem()), None).await.unwrap(), "ok");
    let both = [theirs.pem(), ours.pem()].concat();
    assert_eq!(get(&url, Some(both), None).await.unwrap(), "ok");
    for roots in [None, Some(theirs.pem())] {
        let error = get(&url, roots, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    }
    let wrong_name = serve(&ours, "example.org", None).await;
    let error = get(&wrong_name, Some(ours.pem()), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    // Only who says so believes whatever is shown.
    let client = ClientOptions { insecure: true, ..ClientOptions::default() }.build().unwrap();
    for url in [&url, &wrong_name] {
        assert_eq!(client.get(url).unwrap().send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let url = serve(&ours, "127.0.0.1", Some(&ours)).await;
    assert_eq!(get(&url, Some(ours.pem()), Some(ours.identity())).await.unwrap(), "ok");
    assert!(get(&url, Some(ours.pem()), None).await.is_err());
    assert!(get(&url, Some(ours.pem()), Some(theirs.identity())).await.is_err());
}

#[test]
fn what_is_no_certificate_is_told_without_its_text() {
    let build = |roots: Option<&str>, identity: Option<ClientIdentity>| {
        let extra_roots = roots.map(|text| text.as_bytes().to_vec());
        ClientOptions { extra_roots, identity, ..ClientOptions::default() }.build().unwrap_err()
    };
    let identity = ClientIdentity { certificate: b"nonsense".to_vec(), key: Secret::new(CANARY.as_bytes().to_vec()) };
    for error in [build(Some("nonsense"), None), build(None, Some(identity))] {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(!error.to_string().contains(CANARY));
    }
}
