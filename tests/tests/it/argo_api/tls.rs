//! The listener with TLS: which certificate is shown, and where requests without TLS go.

use std::sync::Arc;

use belay_argo::names::{SECRET, SERVER_TLS};
use belay_net::{Client, ClientOptions};
use belay_object::Object;
use belay_server::{Tls, prepare, router, serve_tls};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::world::{World, until};

/// A client that trusts this certificate alone.
fn trusting(certificate: &str) -> Client {
    let options = ClientOptions { extra_roots: Some(certificate.as_bytes().to_vec()), ..ClientOptions::default() };
    options.build().expect("a client")
}

/// The status of a request; 0 where no connection comes about.
async fn status(client: &Client, url: &str) -> u16 {
    match client.get(url).expect("a request").send().await {
        Ok(response) => response.status().as_u16(),
        Err(_) => 0,
    }
}

fn certificate_of(world: &World, secret: &str) -> Option<String> {
    let secret = world.user.get("", "secrets", "argocd", secret)?;
    let (certificate, _) = belay_argo::settings::certificate(Some(secret.object()))?;
    String::from_utf8(certificate).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_made_followed_and_replaced_and_plain_requests_are_sent_to_it() {
    let mut world = World::with("", "").await;
    assert_eq!(certificate_of(&world, SECRET), None, "none is made where none is wanted");
    world.options.makes_certificate = true;
    prepare(&world.options).await.expect("what the listener needs");
    let own = certificate_of(&world, SECRET).expect("a certificate");
    prepare(&world.options).await.expect("again");
    assert_eq!(certificate_of(&world, SECRET).as_ref(), Some(&own), "what is there stays");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it listens").port();
    let (tls, mut serving) = (Arc::<Tls>::default(), JoinSet::new());
    let (service, served) = (router(world.options.clone()), tls.clone());
    serving.spawn(async move { drop(serve_tls(listener, service, &served).await) });
    serving.spawn(tls.clone().follow(world.options.cluster.clone(), "argocd".to_owned()));
    until("a certificate is known", || tls.is_known().then_some(())).await;
    let (secure, plain) = (format!("https://localhost:{port}/healthz"), format!("http://localhost:{port}/healthz"));
    assert_eq!(status(&trusting(&own), &secure).await, 200);
    assert_eq!(status(&trusting(&own), &plain).await, 200, "it is sent on");
    let unled = ClientOptions { redirects: 0, ..ClientOptions::default() }.build().expect("a client");
    assert_eq!(status(&unled, &plain).await, 307);

    // Another one comes: that of the secret made for it goes first.
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let other = pair.cert.pem();
    let mut secret = Object::of("v1", "Secret", "argocd", SERVER_TLS);
    secret.set(&["stringData", "tls.crt"], other.as_str());
    secret.set(&["stringData", "tls.key"], pair.signing_key.serialize_pem());
    world.user.apply(&secret, true).expect("a secret");
    let other = trusting(&other);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while status(&other, &secure).await != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the new certificate is not shown");
    }
    assert_eq!(status(&trusting(&own), &secure).await, 0, "the old one is shown no more");
}
