//! `git http-backend` as CGI (RFC 3875).

use super::{Answer, GitServerOptions, plain};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use std::io;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Most bytes of a CGI header.
const HEADER_BYTES: usize = 64 << 10;

pub(super) async fn run(request: Request<Incoming>, options: &GitServerOptions) -> Answer {
    match serve(request, options).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(%error, "git http-backend failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "git http-backend failed")
        }
    }
}

async fn serve(request: Request<Incoming>, options: &GitServerOptions) -> io::Result<Answer> {
    let mut child = command(&request, options).spawn()?;
    let (Some(input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("git http-backend has no pipes"));
    };
    // The backend may answer before it has read all, so both directions run at once.
    tokio::spawn(feed(request.into_body(), input));
    let mut head = BytesMut::new();
    let end = loop {
        if let Some(end) = header_end(&head) {
            break end;
        }
        if head.len() > HEADER_BYTES || output.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("git http-backend gave no header"));
        }
    };
    let rest = head.split_off(end).freeze();
    let mut answer = Response::new(body(rest, output, child));
    for line in String::from_utf8_lossy(&head).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *answer.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    Ok(answer)
}

fn command(request: &Request<Incoming>, options: &GitServerOptions) -> Command {
    let text = |name: header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let receive = if options.push { "http.receivepack=true" } else { "http.receivepack=false" };
    let mut command = Command::new("git");
    command
        .args(["-c", receive, "-c", "safe.directory=*", "http-backend"])
        .env_remove("GIT_DIR")
        .env("GIT_PROJECT_ROOT", &options.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("REQUEST_METHOD", request.method().as_str())
        .env("PATH_INFO", request.uri().path())
        .env("QUERY_STRING", request.uri().query().unwrap_or_default())
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
        .env("REMOTE_USER", "belay")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let protocol = request.headers().get("git-protocol").filter(|_| !options.old_protocol);
    if let Some(protocol) = protocol.and_then(|value| value.to_str().ok()) {
        command.env("GIT_PROTOCOL", protocol);
    }
    if let Some(length) = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()) {
        command.env("CONTENT_LENGTH", length);
    }
    command
}

async fn feed(mut body: Incoming, mut input: ChildStdin) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data()
            && input.write_all(&data).await.is_err()
        {
            return;
        }
    }
    input.shutdown().await.ok();
}

fn header_end(head: &[u8]) -> Option<usize> {
    let crlf = head.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    crlf.or_else(|| head.windows(2).position(|w| w == b"\n\n").map(|at| at + 2))
}

/// What was read already, then what the child writes; the child lives as long as the body.
fn body(rest: Bytes, output: ChildStdout, child: Child) -> http_body_util::combinators::BoxBody<Bytes, io::Error> {
    let (send, receive) = tokio::sync::mpsc::channel::<io::Result<Frame<Bytes>>>(4);
    tokio::spawn(async move {
        let (mut output, mut child) = (output, child);
        if !rest.is_empty() && send.send(Ok(Frame::data(rest))).await.is_err() {
            return;
        }
        loop {
            let mut chunk = BytesMut::with_capacity(64 << 10);
            match output.read_buf(&mut chunk).await {
                Ok(0) => break,
                Ok(_) if send.send(Ok(Frame::data(chunk.freeze()))).await.is_err() => return,
                Ok(_) => {}
                Err(error) => {
                    send.send(Err(error)).await.ok();
                    return;
                }
            }
        }
        child.wait().await.ok();
    });
    BodyExt::boxed(StreamBody::new(Receiver(receive)))
}

struct Receiver(tokio::sync::mpsc::Receiver<io::Result<Frame<Bytes>>>);

impl futures::Stream for Receiver {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
