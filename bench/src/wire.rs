//! The least HTTP/1.1 client: clients and server share the cores of this machine, so what a client
//! takes is taken from the figure.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::TOKEN;

/// One connection, kept open.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(16 << 10) })
    }
    async fn write(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nuser-agent: belay-bench\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }
    /// Reads up to the end of the head and gives its length.
    async fn read_head(&mut self) -> Result<usize> {
        self.buffer.clear();
        loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }
    /// Sends a request and reads its answer, which must be a good one of known length.
    pub async fn send(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Result<()> {
        self.write(method, path, content_type, body).await?;
        let head_size = self.read_head().await?;
        let head = String::from_utf8_lossy(&self.buffer[..head_size]).to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")).context("no content-length")?;
        let size = head_size + length.trim().parse::<usize>()?;
        while self.buffer.len() < size {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
        if !head.starts_with("http/1.1 2") {
            bail!("{method} {path}: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(())
    }
    /// Applies an object.
    pub async fn apply(&mut self, path: &str, body: &str) -> Result<()> {
        let path = format!("{path}?fieldManager=bench&force=true");
        self.send("PATCH", &path, "application/apply-patch+yaml", body).await
    }
    /// Opens a watch and gives the connection back when its head has come.
    pub async fn watch(mut self, path: &str) -> Result<Watch> {
        self.write("GET", path, "application/json", "").await?;
        let head_size = self.read_head().await?;
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            bail!("GET {path}: {}", String::from_utf8_lossy(&self.buffer));
        }
        let first = count_lines(0, &self.buffer[head_size..]);
        let last = self.buffer.last().copied().unwrap_or_default();
        Ok(Watch { stream: self.stream, buffer: vec![0; 16 << 10], last, pending: first })
    }
}

/// An open watch of which the events are counted.
pub struct Watch {
    stream: TcpStream,
    buffer: Vec<u8>,
    last: u8,
    pending: usize,
}

impl Watch {
    /// Waits for events and gives how many came.
    pub async fn next(&mut self) -> Result<usize> {
        loop {
            match std::mem::take(&mut self.pending) {
                0 => {}
                n => return Ok(n),
            }
            let n = self.stream.read(&mut self.buffer).await?;
            let Some(last) = self.buffer[..n].last().copied() else { bail!("the watch ended") };
            self.pending = count_lines(self.last, &self.buffer[..n]);
            self.last = last;
        }
    }
}

/// Ends of events: `}` and a line feed, which the framing of chunks (it ends in `\r\n`) never is.
fn count_lines(before: u8, bytes: &[u8]) -> usize {
    let mut last = before;
    let mut lines = 0;
    for byte in bytes {
        lines += usize::from(*byte == b'\n' && last == b'}');
        last = *byte;
    }
    lines
}
