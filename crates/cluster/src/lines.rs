//! A body as lines, with a limit on the length of one.

use bytes::Bytes;
use http_body_util::BodyExt;

use crate::send::describe;
use crate::{Body, Error, ErrorKind, Result};

/// The longest line: a watch event carries one object, which etcd limits to 1.5 MiB unless set
/// otherwise; log lines are shorter.
const MAX_LINE: usize = 32 << 20;

/// Reads lines from a body. Dropping a pending [`Lines::next`] loses nothing.
pub(crate) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Where the first line not yet given starts.
    start: usize,
    /// Up to where no line feed stands.
    searched: usize,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(body: Body) -> Lines {
        Lines { body, buffer: Vec::new(), start: 0, searched: 0, ended: false }
    }

    /// The next line without its line feed; `None` at the end. A last line without a line feed is
    /// given where it is not empty.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let line = Bytes::copy_from_slice(&self.buffer[self.start..end]);
                self.start = end + 1;
                self.searched = self.start;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.searched = self.buffer.len();
            if self.ended {
                let rest = std::mem::take(&mut self.buffer);
                self.searched = 0;
                return Ok((!rest.is_empty()).then(|| rest.into()));
            }
            if self.buffer.len() > MAX_LINE {
                let message = format!("a line is longer than {} MiB", MAX_LINE >> 20);
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            match self.body.frame().await {
                None => self.ended = true,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Err(Error::new(ErrorKind::Network, describe(&error).0));
                }
            }
            // A burst's buffer is not kept for the hours of silence behind it.
            if self.buffer.is_empty() && self.buffer.capacity() > 64 << 10 {
                self.buffer = Vec::new();
            }
        }
    }
}
