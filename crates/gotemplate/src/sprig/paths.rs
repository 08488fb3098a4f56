//! Paths with slashes, by Go's `path`; `path/filepath` is the same on a system with slashes.

use super::arg;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::String as Text;

pub(super) fn register(f: &mut Functions) {
    let change = |name: &'static str, change: fn(&[u8]) -> Vec<u8>| {
        Function::new(name, &[Text], move |_, a| Ok(change(arg::str(a, 0)).into()))
    };
    for (plain, of_system, body) in [
        ("base", "osBase", base as fn(&[u8]) -> Vec<u8>),
        ("dir", "osDir", dir),
        ("clean", "osClean", clean),
        ("ext", "osExt", extension),
    ] {
        f.add(change(plain, body));
        f.add(change(of_system, body));
    }
    for name in ["isAbs", "osIsAbs"] {
        f.add(Function::new(name, &[Text], |_, a| Ok(Value::Bool(arg::str(a, 0).starts_with(b"/")))));
    }
}

fn base(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return b".".to_vec();
    }
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |i| i + 1);
    let name = path[..end].rsplit(|b| *b == b'/').next().unwrap_or_default();
    if name.is_empty() { b"/".to_vec() } else { name.to_vec() }
}

fn dir(path: &[u8]) -> Vec<u8> {
    clean(&path[..memchr::memrchr(b'/', path).map_or(0, |i| i + 1)])
}

fn extension(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    memchr::memrchr(b'.', name).map_or(Vec::new(), |i| name[i..].to_vec())
}

/// The shortest path of the same meaning.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
