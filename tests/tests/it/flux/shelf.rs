//! A registry on loopback with one repository, and ways to put things there.

use std::io::Write;

use belay_net::{ClientOptions, Secret};
use belay_oci::serve::{Access, Registry};
use belay_oci::{Artifact, Client, ContentDigest, Credentials, Keychain, Repository, Tag, digest_of};
use bytes::Bytes;

pub struct Shelf {
    pub registry: Registry,
    pub client: Client,
}

impl Shelf {
    /// Everybody may read and write.
    pub async fn open() -> Shelf {
        Shelf::with(Access::Open).await
    }
    /// `me` with the password `good` may.
    pub async fn closed() -> Shelf {
        Shelf::with(Access::Bearer("me".into(), "good".into())).await
    }
    async fn with(access: Access) -> Shelf {
        let registry = Registry::start(access, 100).await.expect("the registry serves");
        let me = Credentials::Basic("me".into(), Secret::new("good".into()));
        let client = client(&registry, "org/app", Keychain::single(&registry.host(), me));
        Shelf { registry, client }
    }
    pub fn url(&self) -> String {
        self.registry.url("org/app")
    }
    /// Pushes files as `belay push artifact` does; gives the digest.
    pub async fn push(&self, tag: &str, files: &[(&str, &str)]) -> ContentDigest {
        self.push_layer(tag, archive(files)).await
    }
    /// Pushes a layer of these bytes.
    pub async fn push_layer(&self, tag: &str, layer: Vec<u8>) -> ContentDigest {
        let diff = digest_of(flate2::read::GzDecoder::new(&*layer)).unwrap_or_else(|_| ContentDigest::of(&layer));
        let more = [("example.com/team".to_owned(), "shop".to_owned())];
        let revision = "main@sha1:b3396adb98a6a0f5eeedd1a600beaf5e954a1f28";
        let source = "https://example.com/shop.git";
        let artifact = Artifact::of_flux(Bytes::from(layer), &diff, "2024-01-02T03:04:05Z", source, revision, &more);
        artifact.push(&self.client, &Tag::parse(tag).expect("a tag")).await.expect("the registry takes it")
    }
}

pub fn client(registry: &Registry, path: &str, keychain: Keychain) -> Client {
    let http = ClientOptions::default().build().expect("a client");
    Client::new(http, Repository::parse(&registry.url(path)).expect("a name"), keychain, false)
}

/// The archive of a chart of one template, a ConfigMap `NAME-config` of the value `key`, and more files.
pub fn chart(name: &str, version: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let about = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-config'}\n\
                    data: {key: '{{ .Values.key }}', chart: '{{ .Chart.Version }}'}\n";
    let own = [("Chart.yaml", about.as_str()), ("values.yaml", "key: one\n"), ("templates/config.yaml", template)];
    let own = own.into_iter().filter(|(path, _)| more.iter().all(|(other, _)| other != path));
    let files: Vec<(String, &str)> =
        own.chain(more.iter().copied()).map(|(path, text)| (format!("{name}/{path}"), text)).collect();
    archive(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>())
}

/// Pushes the archive of a chart as Helm does; gives the digest of its manifest.
pub async fn push_chart(client: &Client, tag: &str, archive: Vec<u8>) -> ContentDigest {
    let artifact = Artifact::of_chart(Bytes::from(archive), Bytes::from_static(b"{\"name\":\"shop\"}"));
    artifact.push(client, &Tag::parse(tag).expect("a tag")).await.expect("the registry takes it")
}

/// A `tar.gz` of files.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(gzip());
    for (path, text) in files {
        let mut header = header(tar::EntryType::Regular, text.len() as u64);
        tar.append_data(&mut header, path, text.as_bytes()).expect("memory takes it");
    }
    tar.into_inner().and_then(|gzip| gzip.finish()).expect("memory takes it")
}

/// A `tar.gz` with one entry of any kind under any name, and a good file.
pub fn forged(kind: tar::EntryType, path: &str, link: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(gzip());
    let mut entry = header(kind, 0);
    let bytes = entry.as_old_mut();
    bytes.name[..path.len()].copy_from_slice(path.as_bytes());
    bytes.linkname[..link.len()].copy_from_slice(link.as_bytes());
    entry.set_cksum();
    tar.append(&entry, &[][..]).expect("memory takes it");
    let text = super::world::map("a", "one");
    tar.append_data(&mut header(tar::EntryType::Regular, text.len() as u64), "a.yaml", text.as_bytes())
        .expect("memory takes it");
    tar.into_inner().and_then(|gzip| gzip.finish()).expect("memory takes it")
}

/// A `tar.gz` of one file that unpacks to so many megabytes of nothing.
pub fn bomb(megabytes: u64) -> Vec<u8> {
    bomb_of(&["zero".to_owned()], megabytes)
}

/// A `tar.gz` of files that unpack to so many megabytes of nothing each.
pub fn bomb_of(paths: &[String], megabytes: u64) -> Vec<u8> {
    let mut gzip = gzip();
    let zeroes = vec![0; 1 << 20];
    for path in paths {
        let mut entry = header(tar::EntryType::Regular, megabytes << 20);
        entry.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        entry.set_cksum();
        gzip.write_all(entry.as_bytes()).expect("memory takes it");
        for _ in 0..megabytes {
            gzip.write_all(&zeroes).expect("memory takes it");
        }
    }
    gzip.write_all(&[0; 1024]).expect("memory takes it");
    gzip.finish().expect("memory takes it")
}

fn gzip() -> flate2::write::GzEncoder<Vec<u8>> {
    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header
}
