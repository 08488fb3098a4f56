//! What every request goes through: size and kind of its body, who asks, how long it may take, how the
//! answer is written.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Access, Route};
use crate::answer::{Answer, Manner, plain, refused, respond};
use crate::api::Api;
use crate::call::{Call, parse_query};
use crate::fields::Fields;
use crate::identity::{Caller, set_cookie};
use crate::snapshot::Snapshot;
use crate::{Code, Error};

/// Bodies of requests: an API server takes objects of 1.5 MiB (RES-10).
const MAX_BODY: usize = 3 << 20;
/// A name and a password.
const MAX_SIGN_IN: usize = 64 << 10;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(120);
/// Answers that are worth compressing.
const COMPRESS_FROM: usize = 1400;
/// Those that are compressed on a thread of their own.
const COMPRESS_APART: usize = 256 << 10;

/// Takes one request through.
pub(super) async fn through(
    api: Arc<Api>,
    route: Arc<Route>,
    parameters: Vec<(String, String)>,
    request: Request,
) -> Response<Body> {
    let snapshot = match api.watches.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => return refused(&error),
    };
    let packs = snapshot.config.settings.parameters.gzip && accepts(request.headers(), ACCEPT_ENCODING, "gzip");
    let mut response = match is_of_known_type(&route, &snapshot, request.headers()) {
        true => answered(api, route, snapshot.clone(), parameters, request).await,
        // Compat(argo 3.5): as Go's http.Error writes it. What a form of another site can send is not
        // taken (AUTHN-7).
        false => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "text/plain; charset=utf-8", "Invalid content type\n"),
    };
    let frames = &snapshot.config.settings.parameters.frame_options;
    for (name, value) in [
        ("x-frame-options", frames.as_str()),
        ("content-security-policy", "frame-ancestors 'self';"),
        ("x-xss-protection", "1"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            response.headers_mut().entry(HeaderName::from_static(name)).or_insert(value);
        }
    }
    if packs { packed(response).await } else { response }
}

async fn answered(
    api: Arc<Api>,
    route: Arc<Route>,
    at: Arc<Snapshot>,
    parameters: Vec<(String, String)>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = parse_query(parts.uri.query().unwrap_or_default());
    let field = |name: &str| query.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let manner =
        Manner { fields: Fields::parse(field("fields")), events: accepts(&parts.headers, ACCEPT, "text/event-stream") };
    let now = Timestamp::now();
    let caller = match (route.access, api.identify(&at, &parts.headers, now)) {
        (Access::Public, _) | (Access::Either, Err(_)) => Caller::default(),
        (_, Ok(caller)) => caller,
        (Access::SignedIn, Err(error)) => return refused(&error),
    };
    let most = match route.path {
        "/api/webhook" => usize::try_from(at.config.settings.webhooks.max_payload_bytes).unwrap_or(MAX_BODY),
        "/api/v1/session" => MAX_SIGN_IN,
        _ => MAX_BODY,
    };
    let room = if caller.signed_in || caller.unrestricted { &api.members } else { &api.strangers };
    let (body, _held) = match read(body, most, parts.headers.get(CONTENT_LENGTH), room).await {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let renewed = api.renewed(&at, &caller, now);
    let (secure, path) = (api.options.secure, api.options.root_path.clone());
    let call = Call { api: api.clone(), at, caller, parameters, query, headers: parts.headers, body };
    // One request that panics is one request that fails (RES-7).
    let run = AssertUnwindSafe((route.run)(call)).catch_unwind();
    let outcome: Result<Answer, Error> = match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::internal("the request failed in a way that is a bug: see the log")),
        Err(_) => Err(Error::new(Code::DeadlineExceeded, "the request took too long")),
    };
    let mut response = respond(outcome, &manner);
    if let Some(token) = renewed
        && let Ok(value) = HeaderValue::from_str(&set_cookie(Some(token.expose()), &path, secure))
    {
        response.headers_mut().entry(SET_COOKIE).or_insert(value);
    }
    response
}

/// Whether a request that may change something bears a content type that the settings allow.
fn is_of_known_type(route: &Route, at: &Snapshot, headers: &HeaderMap) -> bool {
    let types = &at.config.settings.parameters.content_types;
    if route.method == Method::GET || !route.path.starts_with("/api/v1/") || types.is_empty() {
        return true;
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    types.iter().any(|allowed| allowed.eq_ignore_ascii_case(given))
}

fn accepts(headers: &HeaderMap, name: HeaderName, what: &str) -> bool {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|one| one.split(';').next().is_some_and(|one| one.trim() == what))
}

/// Reads a body whole. Its bytes are counted against `room` as they come, and until what is given beside
/// them is dropped.
async fn read<'a>(
    body: Body,
    most: usize,
    length: Option<&HeaderValue>,
    room: &'a Semaphore,
) -> Result<(Bytes, Option<SemaphorePermit<'a>>), Error> {
    // Compat(argo 3.5): one that is too large is a bad request.
    let large = || Error::invalid(format!("request body too large: at most {most} bytes are taken"));
    let told = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|told| told > most) {
        return Err(large());
    }
    let reading = async {
        let (mut body, mut whole) = (Limited::new(body, most), BytesMut::new());
        let mut held: Option<SemaphorePermit<'a>> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
                true => large(),
                false => Error::new(Code::Canceled, "the body did not come whole"),
            })?;
            let Ok(data) = frame.into_data() else { continue };
            let bytes = u32::try_from(data.len()).map_err(|_| large())?;
            let more = room.try_acquire_many(bytes);
            let more = more.map_err(|_| Error::unavailable("too much is being sent at once: try again"))?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), held))
    };
    let late = |_| Err(Error::new(Code::DeadlineExceeded, "the body took too long to come"));
    tokio::time::timeout(BODY_PATIENCE, reading).await.unwrap_or_else(late)
}

/// Compresses a message that is there as a whole.
async fn packed(response: Response<Body>) -> Response<Body> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let size = http_body::Body::size_hint(response.body()).exact();
    let worth = size.is_some_and(|size| size >= COMPRESS_FROM as u64);
    if kind != Some("application/json") || !worth || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(text) = body.collect().await.map(|body| body.to_bytes()) else {
        return refused(&Error::internal("the answer could not be written"));
    };
    // A list of ten thousand is a tenth of a second of work: not on a thread that others wait for.
    let packed = match text.len() {
        0..COMPRESS_APART => gzip(&text),
        _ => {
            let text = text.clone();
            tokio::task::spawn_blocking(move || gzip(&text)).await.unwrap_or(None)
        }
    };
    let Some(small) = packed else { return Response::from_parts(parts, Body::from(text)) };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(small))
}

fn gzip(text: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(text.len() / 4), flate2::Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).ok()
}
