//! Response bodies: whole, in parts, or a stream that goes on.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http_body::{Frame, SizeHint};

/// The connection is to be dropped here: the fault injector wants it so.
#[derive(Debug)]
pub struct BodyError;

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was dropped by a fault rule")
    }
}
impl std::error::Error for BodyError {}

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// The body of a response.
pub struct Body(Inner);

enum Inner {
    Parts { parts: VecDeque<Bytes>, left: u64 },
    Stream(Chunks),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Body {
        Body::parts(VecDeque::new())
    }
    /// One piece.
    pub fn full(bytes: impl Into<Bytes>) -> Body {
        Body::parts(VecDeque::from([bytes.into()]))
    }
    /// Several pieces, sent as one body of known length.
    pub fn parts(parts: VecDeque<Bytes>) -> Body {
        let left = parts.iter().map(|p| p.len() as u64).sum();
        Body(Inner::Parts { parts, left })
    }
    /// Pieces as they come.
    pub fn stream(chunks: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Body {
        Body(Inner::Stream(Box::pin(chunks)))
    }
    /// The pieces, where the body is no stream.
    pub(crate) fn into_parts(self) -> Result<VecDeque<Bytes>, Body> {
        match self.0 {
            Inner::Parts { parts, .. } => Ok(parts),
            stream => Err(Body(stream)),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Inner::Parts { parts, left } => {
                let part = parts.pop_front();
                *left -= part.as_ref().map_or(0, |p| p.len() as u64);
                Poll::Ready(part.map(|p| Ok(Frame::data(p))))
            }
            Inner::Stream(chunks) => chunks.as_mut().poll_next(cx).map(|next| next.map(|chunk| chunk.map(Frame::data))),
        }
    }
    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Parts { parts, .. } if parts.is_empty())
    }
    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Parts { left, .. } => SizeHint::with_exact(*left),
            Inner::Stream(_) => SizeHint::default(),
        }
    }
}
