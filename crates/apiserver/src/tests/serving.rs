//! On a socket.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::Tls;

#[tokio::test]
async fn inv_api_5_a_socket_has_tls_of_its_own_authority_and_wants_the_token() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = server.serve(listener, Some(Tls::generate(&[]).unwrap())).unwrap();
    assert!(serving.address().ip().is_loopback());
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(serving.ca_pem().unwrap().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(serving.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    for (token, status) in [("wrong", 401), (server.token(), 200)] {
        let request = Request::get(CONFIG_MAPS)
            .header("host", "127.0.0.1")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        response.into_body().collect().await.unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn inv_api_5_the_kubeconfig_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = server().serve(listener, Some(Tls::generate(&[]).unwrap())).unwrap();
    let path = std::env::temp_dir().join(format!("belay-kubeconfig-{}", crate::random::uid()));
    serving.write_kubeconfig(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mode & 0o777, 0o600);
    let config = belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).unwrap();
    assert_eq!(config.pointer("/clusters/0/cluster/server").unwrap().as_str(), Some(serving.url().as_str()));
    assert!(config.pointer("/users/0/user/token").is_some());
}
