//! A repository's `index.yaml`, read chart by chart: an index of a hundred megabytes takes no more
//! memory than its longest entry (INV-NET-7).
//!
//! What Helm writes is a block mapping: `entries:` at the margin, charts below it, their versions below
//! them. The text is cut at the charts by indentation alone, and each piece is parsed by itself. JSON,
//! and YAML in another layout, is parsed as a whole up to a limit.
//!
//! [`choose`] and [`highest`] are what a version or range means among what an index, or a registry, has.

use std::io::{BufRead, Read};

use belay_object::{Value, from_json_str};
use belay_semver::{Constraints, Version};
use belay_yaml::{Options, parse_value};

/// Longest line: a chart's icon may stand in one.
const MOST_LINE_BYTES: u64 = 4 << 20;
/// Largest entry: 10,000 versions of 3 KiB.
const MOST_ENTRY_BYTES: usize = 32 << 20;
/// Largest index in another layout.
const MOST_WHOLE_BYTES: u64 = 32 << 20;
/// Most charts of an index.
const MOST_CHARTS: usize = 100_000;
/// Most versions of all charts together, where all are told: 50 MiB.
const MOST_VERSIONS: usize = 1_000_000;

/// One version of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartVersion {
    /// The chart's name.
    pub name: String,
    /// The version, as it is written.
    pub version: String,
    /// Where its archive is, relative to the repository's URL or in full.
    pub urls: Vec<String>,
    /// SHA-256 of the archive, hex; empty where it is not told.
    pub digest: String,
    /// RFC 3339.
    pub created: String,
}

/// The versions of one chart; `None` where the index has no such chart.
pub fn versions(index: impl BufRead, chart: &str) -> Result<Option<Vec<ChartVersion>>, String> {
    let mut found = None;
    each(index, Some(chart), &mut |name, entry| {
        if name == chart {
            found = Some(read_versions(name, entry));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The names of all charts of an index, each with its versions in the order in which they stand there.
pub fn charts(index: impl BufRead) -> Result<Vec<(String, Vec<String>)>, String> {
    let (mut all, mut count) = (Vec::new(), 0);
    each(index, None, &mut |name, entry| {
        let versions: Vec<String> = read_versions(name, entry).into_iter().map(|v| v.version).collect();
        count += versions.len();
        all.push((name.to_owned(), versions));
        match all.len() > MOST_CHARTS || count > MOST_VERSIONS {
            true => Err(format!("more than {MOST_CHARTS} charts or {MOST_VERSIONS} versions")),
            false => Ok(()),
        }
    })?;
    Ok(all)
}

/// Reads all of an index; gives how many charts it has.
pub fn check(index: impl BufRead) -> Result<usize, String> {
    let mut count = 0;
    each(index, None, &mut |_, _| {
        count += 1;
        match count {
            n if n > MOST_CHARTS => Err(format!("more than {MOST_CHARTS} charts")),
            _ => Ok(()),
        }
    })?;
    Ok(count)
}

/// The version of an index that a range asks for: itself, if it is one, or the highest.
pub fn choose(versions: Option<Vec<ChartVersion>>, chart: &str, range: &str) -> Result<ChartVersion, String> {
    let all = versions.ok_or("no chart name found")?;
    if all.is_empty() {
        return Err("no chart version found".to_owned());
    }
    if let Some(exact) = all.iter().find(|v| v.version == range) {
        return Ok(exact.clone());
    }
    let constraints = Constraints::parse(if range.is_empty() { "*" } else { range }).map_err(|e| e.to_string())?;
    let parsed = all.iter().filter_map(|v| Some((Version::tag(&v.version).ok()?, v)));
    let best = parsed
        .filter(|(version, _)| constraints.check(version))
        .max_by(|(a, left), (b, right)| a.compare(b).then_with(|| left.created.cmp(&right.created)));
    best.map(|(_, v)| v.clone()).ok_or_else(|| format!("no '{chart}' chart with version matching '{range}' found"))
}

/// The highest of a registry's versions in a range.
pub fn highest(versions: &[String], range: &str) -> Result<String, String> {
    let constraints = Constraints::parse(if range.is_empty() { "*" } else { range }).map_err(|e| e.to_string())?;
    let parsed = versions.iter().filter_map(|v| Version::tag(v).ok());
    let best = constraints.highest(parsed, |version| version.original().to_owned());
    best.map(|version| version.original().to_owned())
        .ok_or_else(|| format!("could not locate a version matching provided version string {range}"))
}

/// Versions without a name or a version are passed over, as Helm does.
fn read_versions(chart: &str, entry: &Value) -> Vec<ChartVersion> {
    let read = |item: &Value| {
        let text = |name: &str| item.str_at(&[name]).unwrap_or_default().to_owned();
        let urls = item.get("urls").map_or(&[][..], Value::items).iter();
        Some(ChartVersion {
            name: Some(text("name")).filter(|n| !n.is_empty()).unwrap_or_else(|| chart.to_owned()),
            version: Some(text("version")).filter(|v| !v.is_empty())?,
            urls: urls.filter_map(Value::as_str).map(str::to_owned).collect(),
            digest: text("digest"),
            created: text("created"),
        })
    };
    entry.items().iter().filter_map(read).collect()
}

type Visit<'a> = dyn FnMut(&str, &Value) -> Result<(), String> + 'a;

/// Gives every chart's entry, or that of `wanted` alone.
fn each(mut index: impl BufRead, wanted: Option<&str>, visit: &mut Visit<'_>) -> Result<(), String> {
    let mut cutter = Cutter { wanted, visit, place: Place::Outside, entry: String::new(), has_version: false };
    let mut line = String::new();
    let mut number = 0;
    loop {
        line.clear();
        number += 1;
        let read = index.by_ref().take(MOST_LINE_BYTES).read_line(&mut line);
        let read = read.map_err(|e| format!("line {number}: {e}"))?;
        if read as u64 == MOST_LINE_BYTES && !line.ends_with('\n') {
            return Err(format!("line {number} is longer than {MOST_LINE_BYTES} bytes"));
        }
        if read == 0 {
            break;
        }
        if number == 1 && line.trim_start().starts_with('{') {
            return whole(line, index, cutter.wanted, cutter.visit);
        }
        if cutter.line(&line).map_err(|e| format!("line {number}: {e}"))? == Then::Otherwise {
            let text = std::mem::take(&mut line);
            return whole(format!("apiVersion: v1\n{text}"), index, cutter.wanted, cutter.visit);
        }
    }
    cutter.flush()?;
    // Compat(helm): its words.
    if cutter.has_version { Ok(()) } else { Err("no API version specified".to_owned()) }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// At the margin, or in something that is not `entries`.
    Outside,
    /// Below `entries:`, before its first chart.
    Begun,
    /// In a chart whose name is indented so far.
    Inside(usize),
}

#[derive(PartialEq)]
enum Then {
    GoOn,
    /// The layout is another.
    Otherwise,
}

struct Cutter<'a> {
    wanted: Option<&'a str>,
    visit: &'a mut Visit<'a>,
    place: Place,
    entry: String,
    has_version: bool,
}

impl Cutter<'_> {
    fn line(&mut self, line: &str) -> Result<Then, String> {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(Then::GoOn);
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_item = text == "-" || text.starts_with("- ");
        if indent == 0 && !(is_item && self.place != Place::Outside) {
            self.flush()?;
            self.place = Place::Outside;
            if let Some(version) = text.strip_prefix("apiVersion:") {
                self.has_version |= !version.trim().is_empty();
            }
            match text.strip_prefix("entries:").map(str::trim) {
                Some("" | "{}") => self.place = Place::Begun,
                Some(rest) if rest.starts_with('#') => self.place = Place::Begun,
                Some(_) => return Ok(Then::Otherwise),
                None => {}
            }
            return Ok(Then::GoOn);
        }
        match self.place {
            Place::Outside => return Ok(Then::GoOn),
            Place::Inside(at) if indent > at || (indent == at && is_item) => {}
            Place::Inside(at) if indent < at => return Err("a chart stands less deep than the first".to_owned()),
            Place::Begun | Place::Inside(_) => {
                self.flush()?;
                self.place = Place::Inside(indent);
            }
        }
        if self.entry.len() + line.len() > MOST_ENTRY_BYTES {
            return Err(format!("an entry is larger than {MOST_ENTRY_BYTES} bytes"));
        }
        // Only the key of an entry that nobody wants is kept.
        if self.entry.is_empty() || self.is_wanted() {
            self.entry.push_str(line);
        }
        Ok(Then::GoOn)
    }
    fn is_wanted(&self) -> bool {
        let Some(wanted) = self.wanted else { return true };
        let key = self.entry.lines().next().unwrap_or_default().trim();
        let key = key.split_once(':').map_or(key, |(key, _)| key).trim();
        key.trim_matches(['"', '\'']) == wanted
    }
    fn flush(&mut self) -> Result<(), String> {
        let entry = std::mem::take(&mut self.entry);
        if entry.is_empty() || (self.wanted.is_some() && !key_is(&entry, self.wanted)) {
            return Ok(());
        }
        let value = parse_value(&entry, &Options::v2()).map_err(|e| e.to_string())?;
        let fields = value.as_object().ok_or("an entry is no mapping")?;
        for (name, versions) in fields.iter() {
            (self.visit)(name, versions)?;
        }
        Ok(())
    }
}

fn key_is(entry: &str, wanted: Option<&str>) -> bool {
    let key = entry.lines().next().unwrap_or_default().trim();
    let key = key.split_once(':').map_or(key, |(key, _)| key).trim();
    wanted == Some(key.trim_matches(['"', '\'']))
}

/// An index in another layout.
fn whole(mut begun: String, rest: impl Read, wanted: Option<&str>, visit: &mut Visit<'_>) -> Result<(), String> {
    rest.take(MOST_WHOLE_BYTES + 1).read_to_string(&mut begun).map_err(|e| e.to_string())?;
    if begun.len() as u64 > MOST_WHOLE_BYTES {
        return Err(format!("larger than {MOST_WHOLE_BYTES} bytes, and not in the layout that Helm writes"));
    }
    let value = match begun.trim_start().starts_with('{') {
        true => from_json_str(&begun).map_err(|e| e.to_string())?,
        false => parse_value(&begun, &Options::v2()).map_err(|e| e.to_string())?,
    };
    if value.str_at(&["apiVersion"]).unwrap_or_default().is_empty() {
        return Err("no API version specified".to_owned());
    }
    let entries = value.get("entries").and_then(Value::as_object);
    for (name, versions) in entries.into_iter().flat_map(|e| e.iter()) {
        if wanted.is_none_or(|w| &**name == w) {
            visit(name, versions)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
