//! The client against the registry in memory.

use crate::serve::{Access, Registry};
use crate::*;
use belay_net::{ClientOptions, Secret};
use bytes::Bytes;
use std::time::Duration;

fn client(registry: &Registry, keychain: Keychain) -> Client {
    let http = ClientOptions::default().build().unwrap();
    Client::new(http, Repository::parse(&registry.url("org/app")).unwrap(), keychain, false)
}

fn user(registry: &Registry, password: &str) -> Keychain {
    Keychain::single(&registry.host(), Credentials::Basic("me".into(), Secret::new(password.into())))
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

async fn pushed(client: &Client, name: &str, content: &str) -> ContentDigest {
    let layer = Bytes::from(content.to_owned());
    let diff = ContentDigest::of(&layer);
    let artifact = Artifact::of_flux(layer, &diff, "2024-01-02T03:04:05Z", "src", "main@sha1:abc", &[]);
    artifact.push(client, &tag(name)).await.unwrap()
}

#[tokio::test]
async fn what_is_pushed_is_listed_resolved_and_pulled() {
    let registry = Registry::start(Access::Open, 2).await.unwrap();
    let client = client(&registry, Keychain::anonymous());
    let digest = pushed(&client, "1.0.0", "content").await;
    for name in ["1.0.1", "1.1.0", "latest", "2.0.0"] {
        client.tag(&digest, &tag(name)).await.unwrap();
    }
    assert_eq!(client.tags().await.unwrap(), ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "latest"]);
    assert_eq!(client.resolve(&Target::Tag(tag("latest"))).await.unwrap(), digest);
    let pulled = client.manifest(&digest).await.unwrap();
    assert_eq!(pulled.manifest.config.media_type, media::FLUX_CONFIG);
    assert_eq!(pulled.manifest.annotations[media::REVISION], "main@sha1:abc");
    let layer = pulled.manifest.layer(Some(media::FLUX_CONTENT)).unwrap();
    assert_eq!(client.blob(layer, 100).await.unwrap(), "content");
    assert_eq!(client.blob(layer, 3).await.unwrap_err().kind(), ErrorKind::TooLarge);
    // The same content again is not sent again.
    let before = registry.log().len();
    pushed(&client, "3.0.0", "content").await;
    assert!(!registry.log()[before..].iter().any(|r| r.starts_with("POST")), "{:?}", registry.log());
}

#[tokio::test]
async fn what_is_not_there_is_told_as_the_registry_says_it() {
    let registry = Registry::start(Access::Open, 10).await.unwrap();
    let client = client(&registry, Keychain::anonymous());
    let error = client.tags().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let host = registry.host();
    assert_eq!(
        error.to_string(),
        format!("{host}: tags of {host}/org/app: 404 Not Found: NAME_UNKNOWN: repository name not known to registry")
    );
    pushed(&client, "a", "content").await;
    let error = client.resolve(&Target::Tag(tag("b"))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{host}: manifest {host}/org/app:b: 404 Not Found: MANIFEST_UNKNOWN: manifest unknown")
    );
    assert!(client.find(&tag("b")).await.unwrap().is_none());
}

#[tokio::test]
async fn credentials_are_sent_when_asked_for_and_a_token_is_used_again() {
    for access in [Access::Basic("me".into(), "good".into()), Access::Bearer("me".into(), "good".into())] {
        let registry = Registry::start(access.clone(), 10).await.unwrap();
        let good = client(&registry, user(&registry, "good"));
        let digest = pushed(&good, "a", "content").await;
        assert_eq!(good.resolve(&Target::Tag(tag("a"))).await.unwrap(), digest);
        assert_eq!(good.tags().await.unwrap(), ["a"]);
        let tokens = registry.log().iter().filter(|r| r.contains("/token")).count();
        // One for reading, one for writing.
        assert!(tokens <= 2, "{access:?}: {:?}", registry.log());
        for keychain in [Keychain::anonymous(), user(&registry, "canary")] {
            let error = client(&registry, keychain).tags().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_registry_that_asks_for_patience_gets_a_little() {
    let registry = Registry::start(Access::Open, 10).await.unwrap();
    let client = client(&registry, Keychain::anonymous());
    pushed(&client, "a", "content").await;
    registry.refuse(2, 0);
    assert_eq!(client.tags().await.unwrap(), ["a"]);
    registry.refuse(3, 0);
    assert_eq!(client.tags().await.unwrap_err().kind(), ErrorKind::RateLimited(Some(Duration::ZERO)));
    registry.refuse(1, 3600);
    let error = client.tags().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited(Some(Duration::from_secs(3600))));
    assert!(error.to_string().ends_with("TOOMANYREQUESTS: slow down (asks to wait 3600 s)"), "{error}");
    assert_eq!(client.tags().await.unwrap(), ["a"]);
}

#[tokio::test]
async fn inv_ver_a_registry_that_lies_about_a_digest_is_not_believed() {
    let registry = Registry::start(Access::Open, 10).await.unwrap();
    let client = client(&registry, Keychain::anonymous());
    let digest = pushed(&client, "a", "content").await;
    let pulled = client.manifest(&digest).await.unwrap();
    let layer = pulled.manifest.layers[0].clone();
    for lie in ["CONTENT", "content and more", "less"] {
        registry.lie(&layer.digest, Some(Bytes::from_static(lie.as_bytes())));
        assert_eq!(client.blob(&layer, 100).await.unwrap_err().kind(), ErrorKind::Digest, "{lie}");
    }
    registry.lie(&layer.digest, None);
    let other = pulled.manifest.to_bytes().iter().map(|b| if *b == b'2' { b'3' } else { *b }).collect::<Vec<u8>>();
    registry.lie(&digest, Some(Bytes::from(other)));
    let error = client.manifest(&digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Digest, "{error}");
}

#[tokio::test]
async fn nothing_listening_is_told_with_what_was_asked_for() {
    let registry = Registry::start(Access::Open, 10).await.unwrap();
    let client = client(&registry, Keychain::anonymous());
    drop(registry);
    tokio::task::yield_now().await;
    let error = client.tags().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Protocol), "{error}");
    assert!(error.to_string().starts_with("GET tags of 127.0.0.1:"), "{error}");
}
