//! A remote's refs and packs, whatever way it is reached.

use super::exchange::Exchange;
use super::http::HttpTransport;
use super::mirror::Store;
use super::spec::Credentials;
use super::ssh;
use crate::{Error, ErrorKind};
use base64::Engine;
use belay_net::{Bound, Client, Egress, RemoteUrl, Scheme, Secret};
use gix::hash::{Kind as HashKind, ObjectId};
use gix::progress::Discard;
use gix::protocol::fetch::negotiate::{self, Action, Round};
use gix::protocol::fetch::{self, Arguments, Negotiate, Shallow, Tags};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::protocol::transport::client::blocking_io::http::Transport as GixHttp;
use gix::protocol::transport::{Protocol, Service};
use gix::protocol::{Handshake, LsRefsCommand};
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Most bytes of a handshake and a list of refs.
pub(crate) const LISTING_BYTES: u64 = 128 << 20;
/// Largest single object that is accepted, in bytes.
const OBJECT_BYTES: usize = 512 << 20;
const AGENT: (&str, &str) = ("agent", concat!("belay/", env!("CARGO_PKG_VERSION")));

/// A ref of the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) name: String,
    /// What the ref points to: a commit, or an annotated tag.
    pub(crate) id: ObjectId,
    /// The commit, if `id` is a tag.
    pub(crate) peeled: Option<ObjectId>,
}

/// A conversation with a remote.
pub(crate) struct Connection {
    transport: Box<dyn Transport>,
    handshake: Handshake,
    exchange: Exchange,
    hash: HashKind,
    refs: usize,
    listing: Option<Duration>,
}

/// Whom to talk to.
pub(crate) struct Peer<'a> {
    pub(crate) url: &'a RemoteUrl,
    pub(crate) credentials: &'a Credentials,
    /// HTTP only.
    pub(crate) client: Option<&'a Client>,
    pub(crate) egress: &'a Egress,
    /// Most refs in a list.
    pub(crate) refs: usize,
    /// How long the greeting and a list may take each.
    pub(crate) listing: Option<Duration>,
}

impl Connection {
    /// Connects and greets.
    pub(crate) fn open(peer: &Peer<'_>, exchange: Exchange) -> Result<Connection, Error> {
        exchange.allow(LISTING_BYTES);
        exchange.begin(peer.listing);
        let mut transport: Box<dyn Transport> = match (peer.url.scheme(), peer.client) {
            (Scheme::Http | Scheme::Https, Some(client)) => {
                let authorization = authorization(peer.credentials).map(|value| Bound::new(peer.url, value));
                let http = HttpTransport::new(client.clone(), exchange.clone(), authorization);
                let url = gix::url::parse(peer.url.as_str())
                    .map_err(|_| Error::new(ErrorKind::Spec, format!("URL {} cannot be read", peer.url)))?;
                Box::new(GixHttp::new_http(http, url, Protocol::V2, false))
            }
            (Scheme::Ssh, _) => ssh::connect(peer.url, peer.credentials.ssh.as_ref(), peer.egress, &exchange)?,
            (Scheme::Http | Scheme::Https | Scheme::File, _) => {
                return Err(Error::new(ErrorKind::Spec, format!("{} cannot be connected to", peer.url)));
            }
        };
        // Credentials are in the transport; asking for others means that these are wrong.
        let no_more = |_| Err(gix::Error::from_error(std::io::Error::other("authentication required")));
        let handshake =
            gix::protocol::handshake(&mut transport, Service::UploadPack, no_more, Vec::new(), &mut Discard)
                .map_err(|error| exchange.told(&error))?;
        let format = handshake.capabilities.capability("object-format");
        let hash = match format.as_ref().and_then(|format| format.value()).map(|value| &**value) {
            Some(b"sha256") => HashKind::Sha256,
            _ => HashKind::Sha1,
        };
        Ok(Connection { transport, handshake, exchange, hash, refs: peer.refs, listing: peer.listing })
    }

    /// Which hash names the remote's objects.
    pub(crate) fn hash(&self) -> HashKind {
        self.hash
    }

    /// Whether the remote speaks a protocol before version 2.
    pub(crate) fn is_old(&self) -> bool {
        self.handshake.server_protocol_version != Protocol::V2
    }

    /// The refs whose names begin with one of `prefixes`.
    pub(crate) fn list(&mut self, prefixes: &[String]) -> Result<Vec<Advertised>, Error> {
        self.exchange.allow(LISTING_BYTES);
        self.exchange.begin(self.listing);
        // Before version 2 all refs come with the greeting.
        let refs = match self.handshake.refs.take() {
            Some(refs) => {
                self.handshake.refs = Some(refs.clone());
                refs
            }
            None => {
                let mut wanted = RefPrefixes::new();
                wanted.extend(prefixes.iter().map(|prefix| prefix.as_str().into()));
                let agent = (AGENT.0, Some(AGENT.1.to_owned()));
                LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent)
                    .invoke_blocking(&mut *self.transport, &mut Discard, false)
                    .map_err(|error| self.exchange.told(&error))?
            }
        };
        if refs.len() > self.refs {
            return Err(Error::new(ErrorKind::TooLarge, format!("the remote has more than {} refs", self.refs)));
        }
        let of_interest = |r: &Advertised| prefixes.iter().any(|prefix| r.name.starts_with(prefix));
        Ok(refs.iter().filter_map(advertised).filter(of_interest).collect())
    }

    /// Fetches `wants` into the store: to a `depth`, or with all of their history. `haves` are commits that the
    /// store holds whole. Of the objects `filter` says which are left out, where the remote can do that.
    pub(crate) fn fetch(
        &mut self,
        wants: &[ObjectId],
        haves: &[ObjectId],
        store: &Store,
        depth: Option<NonZeroU32>,
        filter: Option<&str>,
        pack_bytes: u64,
    ) -> Result<(), Error> {
        self.exchange.allow(pack_bytes);
        self.exchange.begin(None);
        let can_shallow = match self.handshake.server_protocol_version {
            Protocol::V2 => self
                .handshake
                .capabilities
                .capability("fetch")
                .is_some_and(|fetch| fetch.supports("shallow").unwrap_or(false)),
            Protocol::V0 | Protocol::V1 => self.handshake.capabilities.contains("shallow"),
        };
        let shallow = match depth {
            Some(depth) if can_shallow => Shallow::DepthAtRemote(depth),
            Some(_) | None => Shallow::NoChange,
        };
        let interrupt = AtomicBool::new(false);
        let mut wants = Wants { wants, haves, filter };
        let handle = store.objects().handle();
        let hash = self.hash;
        let outcome = gix::protocol::fetch(
            &mut wants,
            |pack, progress, interrupt| {
                let options = gix::odb::pack::bundle::write::Options {
                    thread_limit: Some(2),
                    alloc_limit_bytes: Some(OBJECT_BYTES),
                    ..Default::default()
                };
                let folder = store.pack_folder();
                let written = gix::odb::pack::Bundle::write_to_directory(
                    pack,
                    Some(&folder),
                    progress,
                    interrupt,
                    Some(handle),
                    hash,
                    options,
                )?;
                if let Some(keep) = written.keep_path {
                    std::fs::remove_file(keep).ok();
                }
                Ok(true)
            },
            Discard,
            &interrupt,
            fetch::Context {
                handshake: &mut self.handshake,
                transport: &mut self.transport,
                user_agent: (AGENT.0, Some(AGENT.1.to_owned())),
                trace_packetlines: false,
            },
            fetch::Options {
                shallow_file: store.shallow_file(),
                shallow: &shallow,
                tags: Tags::None,
                reject_shallow_remote: false,
            },
        );
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => Err(self.exchange.told(&error)),
        }
    }
}

/// The header that shows credentials over HTTP.
pub(crate) fn authorization(credentials: &Credentials) -> Option<Secret<String>> {
    if let Some(token) = &credentials.bearer {
        return Some(Secret::new(format!("Bearer {}", token.expose())));
    }
    let (user, password) = credentials.basic.as_ref()?;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{}", password.expose()));
    Some(Secret::new(format!("Basic {encoded}")))
}

fn advertised(r: &Ref) -> Option<Advertised> {
    let (name, id, peeled) = match r {
        Ref::Peeled { full_ref_name, tag, object } => (full_ref_name, *tag, Some(*object)),
        Ref::Direct { full_ref_name, object } => (full_ref_name, *object, None),
        Ref::Symbolic { full_ref_name, tag: Some(tag), object, .. } => (full_ref_name, *tag, Some(*object)),
        Ref::Symbolic { full_ref_name, tag: None, object, .. } => (full_ref_name, *object, None),
        Ref::Unborn { .. } => return None,
    };
    Some(Advertised { name: name.to_string(), id, peeled })
}

/// A negotiation of one round: we say what we want and what we have, and are done.
struct Wants<'a> {
    wants: &'a [ObjectId],
    haves: &'a [ObjectId],
    filter: Option<&'a str>,
}

impl Negotiate for Wants<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _: &[bool]) -> bool {
        for id in self.wants {
            arguments.want(id);
        }
        if let Some(filter) = self.filter.filter(|_| arguments.can_use_filter()) {
            arguments.filter(filter);
        }
        !self.wants.is_empty()
    }

    fn one_round(
        &mut self,
        _: &mut negotiate::one_round::State,
        arguments: &mut Arguments,
        _: Option<&fetch::Response>,
    ) -> gix::Result<(Round, bool)> {
        for id in self.haves {
            arguments.have(id);
        }
        let round = Round {
            haves_sent: self.haves.len(),
            in_vain: 0,
            haves_to_send: self.haves.len(),
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}
