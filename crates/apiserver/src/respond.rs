//! Answers as HTTP: objects, lists, tables, metadata alone, errors; JSON or YAML; gzipped where large.

use std::collections::VecDeque;
use std::io::Write;

use belay_object::{Object, Value, object};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY, WARNING};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::negotiate::{Accepted, Shape, Text};
use crate::plugin::Column;
use crate::resource::Resource;
use crate::status::ApiError;
use crate::store::Stored;
use crate::tables::{CREATED, NAME};
use crate::verbs::Answer;
use crate::verbs::read::{Page, list_metadata};

/// Bodies from here on are gzipped where the client takes it, as the real server does.
const GZIP_FROM_BYTES: usize = 128 << 10;
/// Lists are sent in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;

/// A body of a media type.
pub(crate) fn with_type(status: StatusCode, media: &str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(media) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: &str) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", Body::full(text.to_owned()))
}

/// What a path that no handler knows is answered.
pub(crate) fn page_not_found() -> Response<Body> {
    let mut response = text(StatusCode::NOT_FOUND, "404 page not found\n");
    response.headers_mut().insert("X-Content-Type-Options", HeaderValue::from_static("nosniff"));
    response
}

/// A value as JSON, with a status.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut text = Vec::with_capacity(512);
    value.write_json(&mut text);
    with_type(status, "application/json", text)
}

/// An error's Status.
pub(crate) fn error(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &error.to_value());
    if let Some(seconds) = error.details.as_ref().map(|d| d.retry_after_seconds).filter(|s| *s > 0) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Adds warnings as RFC 7234 writes them.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for text in warnings {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// Gzips a large body where the client takes it.
pub(crate) fn compress(response: Response<Body>, gzip: bool) -> Response<Body> {
    use http_body::Body as _;
    let large = response.body().size_hint().exact().is_some_and(|n| n >= GZIP_FROM_BYTES as u64);
    if !gzip || !large {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let parts = match body.into_parts() {
        Ok(parts) => parts,
        Err(body) => return Response::from_parts(head, body),
    };
    let mut encoder = GzEncoder::new(Vec::with_capacity(GZIP_FROM_BYTES), Compression::new(1));
    let written = parts.iter().try_for_each(|part| encoder.write_all(part));
    match written.and_then(|()| encoder.finish()) {
        Ok(zipped) => {
            head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            head.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            Response::from_parts(head, Body::full(zipped))
        }
        // Writing into memory does not fail; the body as it is is right as well.
        Err(_) => Response::from_parts(head, Body::parts(parts)),
    }
}

/// One object in the shape wanted.
pub(crate) fn one(
    resource: &Resource,
    status: StatusCode,
    answer: &Answer,
    accepted: Accepted,
    include: &str,
) -> Response<Body> {
    let kept = match answer {
        Answer::Stored(stored) if stored.api_version() == resource.api_version() => Some(stored),
        _ => None,
    };
    match (accepted.shape, accepted.text, kept) {
        (Shape::Object, Text::Json, Some(stored)) => with_type(status, "application/json", Body::full(stored.json())),
        (Shape::Object, ..) => written(status, resource.present(answer.object()).value(), accepted.text),
        (Shape::Metadata, ..) => written(status, &metadata_only(&resource.present(answer.object())), accepted.text),
        (Shape::Table, ..) => {
            let object = resource.present(answer.object());
            let version = object.resource_version().to_owned();
            let metadata = object! { "resourceVersion" => version };
            let rows = [row(resource, &object, include)];
            written(status, &table(resource, metadata, rows.into_iter().collect(), true), accepted.text)
        }
    }
}

/// An object that is answered as it is: a Status, a Scale, a review.
pub(crate) fn plain(status: StatusCode, object: &Object, accepted: Accepted) -> Response<Body> {
    written(status, object.value(), accepted.text)
}

fn written(status: StatusCode, value: &Value, text: Text) -> Response<Body> {
    match text {
        Text::Json => json(status, value),
        Text::Yaml => with_type(status, "application/yaml", Body::full(belay_yaml::to_yaml(value))),
    }
}

/// A page of a collection in the shape wanted.
pub(crate) fn list(resource: &Resource, page: &Page, accepted: Accepted, include: &str) -> Response<Body> {
    let metadata = list_metadata(page);
    let present = |stored: &Stored| resource.present(stored.object()).into_owned();
    let value = match (accepted.shape, accepted.text) {
        (Shape::Object, Text::Json) => return list_json(resource, page, &metadata),
        (Shape::Object, Text::Yaml) => object! {
            "kind" => resource.list_kind.as_str(),
            "apiVersion" => resource.api_version(),
            "metadata" => metadata,
            "items" => page.items.iter().map(|s| present(s).into_value()).collect::<Value>(),
        },
        (Shape::Metadata, _) => object! {
            "kind" => "PartialObjectMetadataList",
            "apiVersion" => "meta.k8s.io/v1",
            "metadata" => metadata,
            "items" => page.items.iter().map(|s| metadata_only(s.object())).collect::<Value>(),
        },
        (Shape::Table, _) => {
            let rows = page.items.iter().map(|s| row(resource, &resource.present(s.object()), include)).collect();
            table(resource, metadata, rows, true)
        }
    };
    written(StatusCode::OK, &value, accepted.text)
}

/// Copies the objects' own JSON into pieces: nothing is serialised.
fn list_json(resource: &Resource, page: &Page, metadata: &Value) -> Response<Body> {
    let mut piece = Vec::with_capacity(PIECE_BYTES.min(256 + page.items.len() * 1024));
    let kind = Value::from(resource.list_kind.as_str()).to_json();
    let api_version = Value::from(resource.api_version()).to_json();
    piece.extend_from_slice(format!("{{\"kind\":{kind},\"apiVersion\":{api_version},\"metadata\":").as_bytes());
    metadata.write_json(&mut piece);
    piece.extend_from_slice(b",\"items\":[");
    let mut parts = VecDeque::new();
    for (i, stored) in page.items.iter().enumerate() {
        if i > 0 {
            piece.push(b',');
        }
        item_json(resource, stored, &mut piece);
        if piece.len() >= PIECE_BYTES {
            parts.push_back(Bytes::from(std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES))));
        }
    }
    piece.extend_from_slice(b"]}");
    parts.push_back(piece.into());
    with_type(StatusCode::OK, "application/json", Body::parts(parts))
}

/// Items of built-in lists do not repeat their kind.
fn item_json(resource: &Resource, stored: &Stored, out: &mut Vec<u8>) {
    if resource.custom.is_some() {
        match stored.api_version() == resource.api_version() {
            true => out.extend_from_slice(&stored.json()),
            false => resource.present(stored.object()).value().write_json(out),
        }
    } else if stored.api_version() == resource.api_version() {
        out.push(b'{');
        out.extend_from_slice(&stored.json_behind_kind());
    } else {
        let mut object = resource.present(stored.object()).into_owned();
        object.remove(&["kind"]);
        object.remove(&["apiVersion"]);
        object.value().write_json(out);
    }
}

/// `PartialObjectMetadata`
pub(crate) fn metadata_only(object: &Object) -> Value {
    object! {
        "kind" => "PartialObjectMetadata",
        "apiVersion" => "meta.k8s.io/v1",
        "metadata" => object.get("metadata").cloned().unwrap_or_else(Value::object),
    }
}

/// A Table; `columns` is false for all but the first event of a watch.
pub(crate) fn table(resource: &Resource, metadata: Value, rows: Value, columns: bool) -> Value {
    let definitions: Value = match (&resource.columns, columns) {
        (_, false) => Value::Null,
        (Some(printer), true) => printer.columns().iter().map(column).collect(),
        (None, true) => DefaultColumns::columns().iter().map(column).collect(),
    };
    object! {
        "kind" => "Table",
        "apiVersion" => "meta.k8s.io/v1",
        "metadata" => metadata,
        "columnDefinitions" => definitions,
        "rows" => rows,
    }
}

fn column(column: &Column) -> Value {
    object! {
        "name" => column.name.as_str(),
        "type" => column.kind.as_str(),
        "format" => column.format.as_str(),
        "description" => column.description.as_str(),
        "priority" => column.priority,
    }
}

/// One object's row. `include` is the query's `includeObject`.
pub(crate) fn row(resource: &Resource, object: &Object, include: &str) -> Value {
    let now_s = jiff::Timestamp::now().as_second();
    let cells: Value = match &resource.columns {
        Some(printer) => printer.cells(object, now_s).into_iter().collect(),
        None => DefaultColumns::cells(object).into_iter().collect(),
    };
    let shown = match include {
        "None" => return object! { "cells" => cells, "object" => Value::Null },
        "Object" => object.value().clone(),
        _ => metadata_only(object),
    };
    object! { "cells" => cells, "object" => shown }
}

/// Name and age, for kinds that nobody prints.
struct DefaultColumns;

impl DefaultColumns {
    fn columns() -> Vec<Column> {
        let column = |name: &str, kind: &str, format: &str, description: &str| Column {
            name: name.into(),
            kind: kind.into(),
            format: format.into(),
            description: description.into(),
            priority: 0,
        };
        vec![column("Name", "string", "name", NAME), column("Created At", "date", "", CREATED)]
    }
    fn cells(object: &Object) -> Vec<Value> {
        vec![object.name().into(), object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().into()]
    }
}
