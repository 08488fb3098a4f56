//! Git over HTTP: gix's protocol on this program's own HTTP client, with its egress policy,
//! deadlines and limits.
//!
//! Credentials are put in here, as a header and only for their own origin (INV-NET-2); gix never
//! sees them. A redirect of the first request moves the conversation to the new base, as Git does.

use super::exchange::Exchange;
use crate::{Error, ErrorKind};
use belay_net::{Bound, Client, RemoteUrl, Response, Secret};
use bytes::Bytes;
use gix::protocol::transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::any::Any;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

/// Speaks HTTP for gix.
pub(crate) struct HttpTransport {
    client: Client,
    exchange: Exchange,
    authorization: Option<Bound<Secret<String>>>,
    /// Where the first request was redirected to.
    base: Arc<Mutex<Option<String>>>,
}

impl HttpTransport {
    pub(crate) fn new(
        client: Client,
        exchange: Exchange,
        authorization: Option<Bound<Secret<String>>>,
    ) -> HttpTransport {
        HttpTransport { client, exchange, authorization, base: Arc::default() }
    }

    fn start(
        &self,
        method: http::Method,
        url: &str,
        base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<Request> {
        let prepare = || -> Result<_, Error> {
            let mut request = self.client.request(method.clone(), url)?;
            for line in headers {
                let Some((name, value)) = line.as_ref().split_once(':') else { continue };
                let name = HeaderName::try_from(name.trim());
                if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value.trim())) {
                    request = request.header(name, value);
                }
            }
            let remote = RemoteUrl::parse(url)?;
            if let Some(value) = self.authorization.as_ref().and_then(|bound| bound.for_url(&remote)) {
                let mut value = HeaderValue::try_from(value.expose())
                    .map_err(|_| Error::new(ErrorKind::Credentials, "credentials have characters that HTTP forbids"))?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            Ok(request)
        };
        let prepared = prepare().map_err(|error| gix::Error::from_error(self.exchange.fail(error)))?;
        let tail = url.strip_prefix(base).unwrap_or_default().to_owned();
        Ok(Request(Arc::new(Mutex::new(Conversation {
            exchange: self.exchange.clone(),
            state: State::Prepared(Box::new(prepared), Vec::new()),
            headers: Vec::new(),
            url: url.to_owned(),
            tail,
            base: (method == http::Method::GET).then(|| self.base.clone()),
        }))))
    }
}

impl Http for HttpTransport {
    type Headers = io::BufReader<HeaderReader>;
    type ResponseBody = Body;
    type PostBody = Request;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let request = self.start(http::Method::GET, url, base_url, headers)?;
        let headers = io::BufReader::new(HeaderReader { request: request.clone(), at: 0 });
        Ok(GetResponse { headers, body: Body { request, chunk: Bytes::new() } })
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let request = self.start(http::Method::POST, url, base_url, headers)?;
        let headers = io::BufReader::new(HeaderReader { request: request.clone(), at: 0 });
        Ok(PostResponse { post_body: request.clone(), headers, body: Body { request, chunk: Bytes::new() } })
    }

    fn configure(&mut self, _: &dyn Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.base.lock().clone()
    }
}

/// One request and its response: gix holds its three ends, the body to send, the headers and the
/// body received. It is sent when the first of the latter is read.
#[derive(Clone)]
pub(crate) struct Request(Arc<Mutex<Conversation>>);

struct Conversation {
    exchange: Exchange,
    state: State,
    headers: Vec<u8>,
    url: String,
    /// What follows the base in the URL.
    tail: String,
    base: Option<Arc<Mutex<Option<String>>>>,
}

enum State {
    Prepared(Box<belay_net::Request>, Vec<u8>),
    Open(Box<Response>),
    Done,
}

impl Conversation {
    fn open(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Prepared(..)) {
            return Ok(());
        }
        // Stays done if sending fails.
        let State::Prepared(request, body) = std::mem::replace(&mut self.state, State::Done) else { return Ok(()) };
        let response = self.exchange.wait(async {
            let request = if body.is_empty() { *request } else { request.body(body) };
            Ok(request.send().await?)
        })?;
        self.check(&response)?;
        for (name, value) in response.headers() {
            self.headers.extend_from_slice(name.as_str().as_bytes());
            self.headers.push(b':');
            self.headers.extend_from_slice(value.as_bytes());
            self.headers.push(b'\n');
        }
        self.state = State::Open(Box::new(response));
        Ok(())
    }

    /// The texts are go-git's.
    fn check(&self, response: &Response) -> io::Result<()> {
        let fail = |kind: ErrorKind, text: &str| Err(self.exchange.fail(Error::new(kind, text)));
        match response.status().as_u16() {
            200..=299 => {}
            401 => return fail(ErrorKind::Unauthenticated, "authentication required"),
            403 => return fail(ErrorKind::Unauthenticated, "authorization failed"),
            404 => return fail(ErrorKind::RepositoryNotFound, "repository not found"),
            status => {
                let text = format!("unexpected requesting {:?} status code: {status}", self.url);
                return fail(ErrorKind::Unreachable, &text);
            }
        }
        let actual = response.url();
        if let Some(base) = &self.base
            && actual != self.url
        {
            match actual.strip_suffix(&self.tail) {
                Some(moved) => *base.lock() = Some(moved.to_owned()),
                None => return fail(ErrorKind::Unreachable, "redirected to what is no Git repository"),
            }
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> io::Result<Bytes> {
        self.open()?;
        let State::Open(response) = &mut self.state else { return Ok(Bytes::new()) };
        let chunk = self.exchange.wait(async { Ok(response.chunk().await?) })?;
        let chunk = chunk.unwrap_or_default();
        self.exchange.received(chunk.len())?;
        Ok(chunk)
    }
}

impl Write for Request {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.0.lock().state {
            State::Prepared(_, body) => body.extend_from_slice(data),
            State::Open(_) | State::Done => return Err(io::Error::other("the request was sent already")),
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The response's headers, one `name:value` a line.
pub(crate) struct HeaderReader {
    request: Request,
    at: usize,
}

impl Read for HeaderReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut conversation = self.request.0.lock();
        conversation.open()?;
        let read = (&conversation.headers[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// The response's body.
pub(crate) struct Body {
    request: Request,
    chunk: Bytes,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() {
            self.chunk = self.request.0.lock().next_chunk()?;
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.chunk.split_to(amount);
    }
}
