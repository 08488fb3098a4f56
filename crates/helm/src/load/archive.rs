//! The files of a chart in a `.tgz`.
//!
//! Nothing is written anywhere: a name that would leave the chart is refused, not followed. What
//! unpacks to more than the limits is refused before it is held.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::chart::File;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Unpacks all files; gives their size in bytes too. `most` is what they may have together.
pub(super) fn files(bytes: &[u8], limits: &Limits, most: u64) -> Result<(Vec<File>, u64)> {
    let corrupt = |e: std::io::Error| Error::chart(format!("the chart archive is corrupt: {e}"));
    let too_large = || Error::limit(format!("decompressed chart is larger than the maximum size {most}"));
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(Error::chart("the chart archive is corrupt: gzip: invalid header"));
    }
    // Headers and padding are not counted by Helm; 1 KiB a file and twice the content bound them.
    let stream = MultiGzDecoder::new(bytes).take(2 * most + (limits.files as u64 + 2) * 1024);
    let mut archive = tar::Archive::new(stream);
    let (mut files, mut size) = (Vec::new(), 0u64);
    for entry in archive.entries().map_err(corrupt)? {
        let mut entry = entry.map_err(corrupt)?;
        let header = entry.header();
        if header.entry_type().is_dir() || header.entry_type().is_pax_global_extensions() {
            continue;
        }
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if raw.ends_with('/') {
            continue;
        }
        let name = inner_name(&raw)?;
        let left = most.saturating_sub(size);
        if entry.size() > left {
            return Err(too_large());
        }
        if entry.size() > limits.file_bytes {
            let most = limits.file_bytes;
            let message = format!("decompressed chart file {raw:?} is larger than the maximum file size {most}");
            return Err(Error::limit(message));
        }
        if files.len() >= limits.files {
            return Err(Error::limit(format!("chart has more than {} files", limits.files)));
        }
        let mod_time = header.mtime().ok().filter(|seconds| *seconds > 0).and_then(rfc3339);
        let mut data = Vec::with_capacity(entry.size() as usize);
        entry.by_ref().take(left).read_to_end(&mut data).map_err(corrupt)?;
        if (data.len() as u64) < entry.size() {
            return Err(Error::chart("the chart archive is corrupt: unexpected EOF"));
        }
        size += data.len() as u64;
        if size >= most {
            return Err(too_large());
        }
        files.push(File { mod_time, ..File::new(name, super::without_bom(&data)) });
    }
    if files.is_empty() {
        return Err(Error::chart("no files in chart archive"));
    }
    Ok((files, size))
}

/// The name of an entry within the chart: its first part, the chart's directory, is dropped.
fn inner_name(raw: &str) -> Result<String> {
    let delimiter = if raw.contains('\\') { '\\' } else { '/' };
    let (first, rest) = raw.split_once(delimiter).unwrap_or((raw, ""));
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return Err(Error::chart(format!("chart illegally contains absolute paths: {raw:?}")));
    }
    let name = clean(&rest);
    if name == "." {
        let message = format!("chart illegally contains content outside the base directory: {raw:?}");
        return Err(Error::chart(message));
    }
    if name.starts_with("..") {
        return Err(Error::chart(format!("chart illegally references parent directory: {raw:?}")));
    }
    let mut chars = name.chars();
    let has_drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.as_str().starts_with(":/");
    if has_drive || name.contains('\0') {
        return Err(Error::chart("chart contains illegally named files"));
    }
    if first == "Chart.yaml" {
        return Err(Error::chart("chart yaml not in base directory"));
    }
    Ok(name)
}

/// Go's `path.Clean` of a relative path.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn rfc3339(seconds: u64) -> Option<std::sync::Arc<str>> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.to_string().into())
}
