//! PEM blocks by encoding/pem.

use crate::sprig::encoding::{decode_base64, encode_base64};

/// A block's label and contents.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) bytes: Vec<u8>,
}

/// Lines of 64 characters between the label's two lines.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encode_base64(bytes).as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first block that is one; what is between blocks, and headers, are ignored.
pub(super) fn decode(text: &str) -> Option<Block> {
    let mut rest = text;
    loop {
        let start = rest.find("-----BEGIN ")?;
        let at_line_start = start == 0 || rest[..start].ends_with('\n');
        rest = &rest[start + "-----BEGIN ".len()..];
        if !at_line_start {
            continue;
        }
        let Some((label, body)) = rest.split_once("-----") else { continue };
        let Some((body, _)) = body.split_once(&format!("-----END {label}-----")) else { continue };
        if label.contains('\n') {
            continue;
        }
        // Headers are lines with colons, before the first that has none.
        let body: String = body.lines().filter(|line| !line.contains(':')).flat_map(|l| l.split_whitespace()).collect();
        if let Ok(bytes) = decode_base64(body.as_bytes()) {
            return Some(Block { label: label.to_owned(), bytes });
        }
    }
}
