//! In which form an answer is wanted and a body is sent.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};

/// How an object or a list is to be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// As it is.
    #[default]
    Object,
    /// `as=Table`
    Table,
    /// `as=PartialObjectMetadata` or `as=PartialObjectMetadataList`
    Metadata,
}

/// The text an answer is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Text {
    /// `application/json`
    #[default]
    Json,
    /// `application/yaml`
    Yaml,
}

/// What an `Accept` header settles on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accepted {
    /// The shape.
    pub shape: Shape,
    /// The text.
    pub text: Text,
}

/// One range of an `Accept` header.
struct Range<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Range<'_> {
    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(k, _)| *k == name).map_or("", |(_, v)| v)
    }
}

/// Ranges by falling preference; those of one preference in the order written.
fn ranges(header: &str) -> Vec<Range<'_>> {
    let mut all: Vec<Range<'_>> = header
        .split(',')
        .filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let media = pieces.next().filter(|m| !m.is_empty())?;
            let parameters: Vec<_> =
                pieces.filter_map(|p| p.split_once('=')).map(|(k, v)| (k.trim(), v.trim())).collect();
            let quality = parameters.iter().find(|(k, _)| *k == "q").and_then(|(_, v)| v.parse().ok()).unwrap_or(1.0);
            Some(Range { media, parameters, quality })
        })
        .collect();
    all.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    all
}

fn text_of(media: &str) -> Option<Text> {
    match media {
        "application/json" | "*/*" | "application/*" => Some(Text::Json),
        "application/yaml" => Some(Text::Yaml),
        _ => None,
    }
}

/// Settles an `Accept` header for a resource; `None` where nothing in it can be served.
pub fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let Some(header) = headers.get(ACCEPT) else { return Some(Accepted::default()) };
    let header = header.to_str().ok()?;
    if header.is_empty() {
        return Some(Accepted::default());
    }
    ranges(header).into_iter().find_map(|range| {
        let text = text_of(range.media)?;
        let shape = match (range.parameter("as"), range.parameter("g"), range.parameter("v")) {
            ("", _, _) => Shape::Object,
            ("Table", "meta.k8s.io", "v1") => Shape::Table,
            ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::Metadata,
            _ => return None,
        };
        Some(Accepted { shape, text })
    })
}

/// Whether aggregated discovery is asked for before anything else that can be served, and in which version.
pub fn aggregated_discovery(headers: &HeaderMap) -> Option<&'static str> {
    let header = headers.get(ACCEPT)?.to_str().ok()?;
    for range in ranges(header) {
        match (range.media, range.parameter("as"), range.parameter("g"), range.parameter("v")) {
            ("application/json", "APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => return Some("v2"),
            ("application/json", "", _, _) | ("*/*", ..) => return None,
            _ => {}
        }
    }
    None
}

/// Whether a large body may be sent gzipped.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let header = headers.get(ACCEPT_ENCODING).and_then(|h| h.to_str().ok()).unwrap_or_default();
    header.split(',').any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        pieces.next() == Some("gzip") && !pieces.any(|p| p == "q=0")
    })
}

/// The media type of the body without its parameters; empty where not said.
pub fn content_type(headers: &HeaderMap) -> &str {
    let header = headers.get(CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<(Shape, Text)>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        assert_eq!(accepted(&headers).map(|a| (a.shape, a.text)), expected, "{accept}");
    }

    #[test]
    fn the_first_range_that_can_be_served_wins() {
        check("*/*", Some((Shape::Object, Text::Json)));
        check("application/json", Some((Shape::Object, Text::Json)));
        check("application/yaml", Some((Shape::Object, Text::Yaml)));
        check("application/vnd.kubernetes.protobuf,application/json", Some((Shape::Object, Text::Json)));
        check("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some((Shape::Table, Text::Json)));
        check("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some((Shape::Object, Text::Json)));
        check("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some((Shape::Metadata, Text::Json)));
        check("application/json;q=0.5,application/yaml;q=0.9", Some((Shape::Object, Text::Yaml)));
        check("text/html", None);
    }
}
