//! The conversation with `git-receive-pack`, over HTTP or SSH.

use super::wire::{Command, Greeting, Line, line, put_flush, report, request};
use super::{Expected, Prepared, pack};
use crate::git::exchange::Exchange;
use crate::git::http::HttpTransport;
use crate::git::job::Job;
use crate::git::remote::{LISTING_BYTES, authorization};
use crate::git::ssh;
use crate::{Error, ErrorKind};
use belay_net::{Bound, Scheme};
use gix::hash::ObjectId;
use gix::protocol::transport::client::blocking_io::http::{Http, PostBodyDataKind};
use std::io::{self, Read, Write};

const SERVICE: &str = "git-receive-pack";
/// Most bytes of a report, with what hooks say.
const REPORT_BYTES: u64 = 16 << 20;

/// Pushes; blocking.
pub(super) fn push(job: &Job, commits: &[Prepared], options: &[String]) -> Result<(), Error> {
    let exchange = Exchange::new(job.runtime.clone(), job.deadline);
    let outcome = match (job.spec.url.scheme(), &job.client) {
        (Scheme::Http | Scheme::Https, Some(_)) => over_http(job, &exchange, commits, options),
        (Scheme::Ssh, _) => over_ssh(job, &exchange, commits, options),
        (Scheme::Http | Scheme::Https | Scheme::File, _) => {
            Err(Error::new(ErrorKind::Spec, format!("{} cannot be connected to", job.spec.url)))
        }
    };
    // What failed below is told better there than by what came of it here.
    outcome.map_err(|error| exchange.first_failure().unwrap_or(error))
}

fn over_http(job: &Job, exchange: &Exchange, commits: &[Prepared], options: &[String]) -> Result<(), Error> {
    let client = job.client.clone().ok_or_else(|| Error::new(ErrorKind::Spec, "there is no HTTP client"))?;
    let url = &job.spec.url;
    let authorization = authorization(&job.spec.credentials).map(|value| Bound::new(url, value));
    let mut http = HttpTransport::new(client, exchange.clone(), authorization);
    let mut base = url.as_str().trim_end_matches('/').to_owned();
    exchange.allow(LISTING_BYTES);
    exchange.begin(job.spec.listing_timeout);
    let address = format!("{base}/info/refs?service={SERVICE}");
    let mut answer = http.get(&address, &base, Vec::<String>::new()).map_err(|error| exchange.told(&error))?.body;
    // A server of files alone gives a list of refs without this line.
    match line(&mut answer).map_err(|error| lost(&error))? {
        Line::Data(data) if data.trim_ascii_end() == b"# service=git-receive-pack" => {}
        Line::Data(_) | Line::Flush | Line::End => {
            return Err(Error::new(ErrorKind::Unreachable, "the remote cannot be pushed to over HTTP"));
        }
    }
    line(&mut answer).map_err(|error| lost(&error))?;
    let (mut body, bands) = match prepare(job, &mut answer, commits, options)? {
        Some(ready) => ready,
        None => return Ok(()),
    };
    if let Some(moved) = http.redirected_base_url() {
        base = moved.trim_end_matches('/').to_owned();
    }
    exchange.allow(REPORT_BYTES);
    exchange.begin(None);
    let headers =
        [format!("Content-Type: application/x-{SERVICE}-request"), format!("Accept: application/x-{SERVICE}-result")];
    let address = format!("{base}/{SERVICE}");
    let mut sent = http
        .post(&address, &base, headers, PostBodyDataKind::BoundedAndFitsIntoMemory)
        .map_err(|error| exchange.told(&error))?;
    sent.post_body.write_all(&body).map_err(|error| lost(&error))?;
    body.clear();
    report(&mut sent.body, bands)
}

fn over_ssh(job: &Job, exchange: &Exchange, commits: &[Prepared], options: &[String]) -> Result<(), Error> {
    exchange.allow(LISTING_BYTES);
    let (mut reader, mut writer) =
        ssh::channel(&job.spec.url, job.spec.credentials.ssh.as_ref(), &job.egress, exchange, SERVICE)?;
    let Some((body, bands)) = prepare(job, &mut reader, commits, options)? else {
        // Nothing is asked for: the remote ends when it is told so.
        let mut end = Vec::new();
        put_flush(&mut end);
        writer.write_all(&end).and_then(|()| writer.flush()).ok();
        return Ok(());
    };
    exchange.allow(REPORT_BYTES);
    writer.write_all(&body).and_then(|()| writer.flush()).map_err(|error| lost(&error))?;
    report(&mut reader, bands)
}

/// The request with its pack, and whether the answer comes in bands; nothing if all refs are where they are to be.
fn prepare(
    job: &Job,
    stream: &mut dyn Read,
    commits: &[Prepared],
    options: &[String],
) -> Result<Option<(Vec<u8>, bool)>, Error> {
    let wanted: Vec<&str> = commits.iter().map(|commit| commit.reference.as_str()).collect();
    let greeting = Greeting::read(stream, &wanted, job.refs)?;
    let mut commands = Vec::new();
    let mut objects = Vec::new();
    for commit in commits {
        let there = greeting.refs.get(&commit.reference).copied();
        let Some(old) = old(commit, there)? else { continue };
        let old = old.unwrap_or_else(|| ObjectId::null(greeting.hash()));
        if old.kind() != commit.id.kind() {
            return Err(Error::new(ErrorKind::Spec, "the remote names its objects by another hash"));
        }
        commands.push(Command { old, new: commit.id, name: commit.reference.clone() });
        objects.extend(commit.objects.iter());
    }
    if commands.is_empty() {
        return Ok(None);
    }
    let mut body = request(&commands, &greeting, options)?;
    body.extend_from_slice(&pack::pack(objects.into_iter(), greeting.hash())?);
    Ok(Some((body, greeting.has("side-band-64k"))))
}

/// Where the ref is said to be: `Some(None)` if it is not there, `None` if it is at the commit already.
pub(super) fn old(commit: &Prepared, there: Option<ObjectId>) -> Result<Option<Option<ObjectId>>, Error> {
    if there == Some(commit.id) {
        return Ok(None);
    }
    let is_good = match commit.expected {
        Expected::At(id) => there == Some(id),
        Expected::Absent => there.is_none(),
        Expected::Anywhere => true,
    };
    if is_good {
        return Ok(Some(there));
    }
    let told = |id: Option<ObjectId>| id.map_or_else(|| "not there".to_owned(), |id| format!("at {id}"));
    let expected = match commit.expected {
        Expected::At(id) => Some(id),
        Expected::Absent | Expected::Anywhere => None,
    };
    let text = format!("non-fast-forward: {} is {}, and was {}", commit.reference, told(there), told(expected));
    Err(Error::new(ErrorKind::Moved, text))
}

fn lost(error: &io::Error) -> Error {
    Error::new(ErrorKind::Unreachable, error.to_string())
}
