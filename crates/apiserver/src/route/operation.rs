//! One verb on one resource.

use std::sync::Arc;

use belay_object::{Object, Value};
use bytes::Bytes;
use http::{Response, StatusCode};

use super::{Call, body_text, default_manager, made, write_options};
use crate::body::Body;
use crate::negotiate::{self, Accepted};
use crate::plugin::VirtualCall;
use crate::request::ResourcePath;
use crate::resource::Resource;
use crate::status::{ApiError, Details, Reason, Result};
use crate::verbs::decode;
use crate::verbs::delete::{DeleteOptions, delete};
use crate::verbs::patch::{PatchKind, apply_body, patch, read as read_patch};
use crate::verbs::read::{Selection, list};
use crate::verbs::update::replace;
use crate::verbs::{Answer, WriteOptions, Written, create, now_text, scale};
use crate::{pods, respond, verbs, watch};

struct Operation<'a> {
    call: &'a Call<'a>,
    resource: &'a Arc<Resource>,
    path: &'a ResourcePath,
    accepted: Accepted,
    body: Bytes,
}

/// Runs it.
pub(super) fn run(
    call: &Call<'_>,
    resource: &Arc<Resource>,
    path: &ResourcePath,
    verb: &str,
    body: Bytes,
) -> Result<Response<Body>> {
    let plain = matches!(path.subresource.as_str(), "log");
    let accepted = match negotiate::accepted(&call.parts.headers) {
        Some(accepted) => accepted,
        None if plain => Accepted::default(),
        None => return Err(not_acceptable(resource, verb)),
    };
    let operation = Operation { call, resource, path, accepted, body };
    if !path.subresource.is_empty() {
        return operation.subresource(verb);
    }
    // A verb that the resource has, on a path where it makes no sense, is refused as one it has not.
    let collection = path.name.is_empty();
    let fits = match verb {
        "list" | "create" | "deletecollection" => collection,
        "get" | "update" | "patch" | "delete" => !collection,
        "watch" => true,
        _ => false,
    };
    if !fits || !resource.serves(verb) {
        return Err(ApiError::method_not_allowed());
    }
    match verb {
        "get" => operation.get(),
        "list" => operation.list(),
        "watch" => operation.watch(),
        "create" => operation.create(),
        "update" => operation.update(),
        "patch" => operation.patch(),
        "delete" => operation.delete(),
        "deletecollection" => operation.delete_collection(),
        _ => Err(ApiError::method_not_allowed()),
    }
}

fn not_acceptable(resource: &Resource, verb: &str) -> ApiError {
    let mut error = match resource.custom {
        Some(_) => ApiError::new(
            Reason::NotAcceptable,
            "only the following media types are accepted: application/json, application/yaml",
        ),
        None => {
            let mut list = "application/json, application/yaml, application/vnd.kubernetes.protobuf".to_owned();
            if matches!(verb, "list" | "watch") {
                list.push_str(", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch");
            }
            let message = format!("406: Not Acceptable\n\nAvailable representations: {list}");
            ApiError::new(Reason::NotAcceptable, message)
        }
    };
    if resource.custom.is_none() {
        error.details = Some(Box::<Details>::default());
    }
    error
}

impl<'a> Operation<'a> {
    fn verb_call(&self, options: WriteOptions) -> verbs::Call<'a> {
        verbs::Call {
            inner: self.call.inner,
            resource: self.resource,
            namespace: &self.path.namespace,
            name: &self.path.name,
            subresource: &self.path.subresource,
            user: &self.call.user,
            options,
            now: now_text(),
        }
    }
    /// A call that writes; `apply` has no default manager.
    fn write_call(&self, kind: Option<PatchKind>) -> Result<verbs::Call<'a>> {
        let mut options = write_options(self.call, kind.is_some(), self.body.len())?;
        if options.manager.is_empty() && kind != Some(PatchKind::Apply) {
            options.manager = default_manager(self.call);
        }
        Ok(self.verb_call(options))
    }
    fn include(&self) -> &str {
        self.call.query.get("includeObject")
    }
    fn written(&self, written: &Written) -> Response<Body> {
        let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = respond::one(self.resource, status, &written.answer, self.accepted, self.include());
        respond::warn(&mut response, &written.warnings);
        response
    }

    fn get(&self) -> Result<Response<Body>> {
        let call = self.verb_call(WriteOptions::default());
        let live = call.live().ok_or_else(|| call.not_found())?;
        let wanted = self.call.query.get("resourceVersion");
        if !wanted.is_empty() {
            let (wanted, current) = (verbs::read::parse_version(wanted)?, self.resource.table.current_version());
            if wanted > current {
                return Err(verbs::read::too_large(wanted, current));
            }
        }
        Ok(respond::one(self.resource, StatusCode::OK, &Answer::Stored(live), self.accepted, self.include()))
    }
    fn selection(&self) -> Result<Selection> {
        Selection::read(self.resource, &self.call.query)
    }
    fn list(&self) -> Result<Response<Body>> {
        let selection = self.selection()?;
        let page = list(self.resource, &self.path.namespace, &self.call.query, &selection)?;
        Ok(respond::list(self.resource, &page, self.accepted, self.include()))
    }
    fn watch(&self) -> Result<Response<Body>> {
        let mut selection = self.selection()?;
        if !self.path.name.is_empty() {
            selection.fields.0.push(("metadata.name".into(), true, self.path.name.clone()));
        }
        let every = self.call.inner.bookmark_every;
        watch::watch(self.resource, &self.path.namespace, &self.call.query, selection, self.accepted, every)
    }
    fn decode(&self, options: &WriteOptions) -> Result<decode::Decoded> {
        let text = body_text(&self.call.parts.headers, self.resource.custom.is_some())?;
        decode::object(&self.call.registry, self.resource, &self.body, text, options.validation)
    }
    fn create(&self) -> Result<Response<Body>> {
        let call = self.write_call(None)?;
        let decoded = self.decode(&call.options)?;
        if let Some(of) = self.call.inner.plugins.virtual_of(&self.resource.group, &self.resource.plural, "") {
            let object = decoded.object;
            let cx = call.context();
            let made_object = of.create(VirtualCall { cx: &cx, namespace: call.namespace, name: "", object })?;
            return Ok(made(StatusCode::CREATED, &made_object, &self.call.parts.headers));
        }
        if let Some(definition) = self.resource.custom.as_ref().map(|c| &c.definition).filter(|d| d.is_deleting()) {
            let _ = definition;
            let message = "create not allowed while custom resource definition is terminating";
            return Err(ApiError::new(Reason::MethodNotAllowed, message));
        }
        let mut written = create::create(&call, decoded.object, false)?;
        written.warnings = decoded.warnings;
        Ok(self.written(&written))
    }
    fn update(&self) -> Result<Response<Body>> {
        let call = self.write_call(None)?;
        let decoded = self.decode(&call.options)?;
        let mut written = replace(&call, decoded.object)?;
        written.warnings = decoded.warnings;
        Ok(self.written(&written))
    }
    fn patch_kind(&self) -> Result<PatchKind> {
        let kind = PatchKind::of(negotiate::content_type(&self.call.parts.headers));
        match (kind, &self.resource.custom) {
            (Some(PatchKind::Strategic) | None, Some(_)) => {
                let accepted =
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
                Err(ApiError::new(
                    Reason::UnsupportedMediaType,
                    format!(
                        "the body of the request was in an unknown format - accepted media types include: {accepted}"
                    ),
                ))
            }
            (None, None) => {
                let mut error = ApiError::new(Reason::UnsupportedMediaType, "415: Unsupported Media Type");
                error.details = Some(Box::<Details>::default());
                Err(error)
            }
            (Some(kind), _) => Ok(kind),
        }
    }
    fn patch(&self) -> Result<Response<Body>> {
        let kind = self.patch_kind()?;
        let call = self.write_call(Some(kind))?;
        let written = match kind {
            PatchKind::Apply => apply_body(&call, &self.body)?,
            kind => patch(&call, &read_patch(kind, &self.body)?)?,
        };
        Ok(self.written(&written))
    }
    fn delete_options(&self) -> Result<DeleteOptions> {
        if self.body.is_empty() {
            return DeleteOptions::read(None, &self.call.query);
        }
        let text = body_text(&self.call.parts.headers, self.resource.custom.is_some())?;
        let (body, _) = decode::parse(&self.body, text).map_err(|e| {
            let what = "the object provided is unrecognized (must be of type DeleteOptions)";
            ApiError::bad_request(format!("{what}: couldn't get version/kind; json parse error: {e}"))
        })?;
        DeleteOptions::read(Some(&body), &self.call.query)
    }
    fn delete(&self) -> Result<Response<Body>> {
        let options = self.delete_options()?;
        let call = self.verb_call(WriteOptions { dry_run: options.dry_run, ..WriteOptions::default() });
        let deleted = delete(&call, &options)?;
        let object = deleted.answer(&call);
        if object.kind() == "Status" && object.api_version() == "v1" {
            return Ok(respond::plain(StatusCode::OK, &object, self.accepted));
        }
        Ok(respond::one(self.resource, StatusCode::OK, &Answer::Object(object), self.accepted, self.include()))
    }
    fn delete_collection(&self) -> Result<Response<Body>> {
        let options = self.delete_options()?;
        let selection = self.selection()?;
        let page = list(self.resource, &self.path.namespace, &self.call.query, &selection)?;
        for stored in &page.items {
            let call = verbs::Call {
                name: stored.name(),
                ..self.verb_call(WriteOptions { dry_run: options.dry_run, ..WriteOptions::default() })
            };
            match delete(&call, &options) {
                Ok(_) => {}
                // Somebody else deleted it: it is gone as wanted.
                Err(e) if e.reason == Reason::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(respond::list(self.resource, &page, self.accepted, self.include()))
    }

    fn subresource(&self, verb: &str) -> Result<Response<Body>> {
        let name = self.path.subresource.as_str();
        let Some(subresource) = self.resource.subresource(name) else { return Err(ApiError::no_such_resource()) };
        if !subresource.verbs.iter().any(|v| v == verb) {
            return Err(ApiError::method_not_allowed());
        }
        let headers = &self.call.parts.headers;
        match (name, verb) {
            ("log", "get") => pods::log(&self.verb_call(WriteOptions::default()), &self.call.query),
            ("scale", "get") => {
                let scale = scale::get(&self.verb_call(WriteOptions::default()))?;
                Ok(respond::plain(StatusCode::OK, &scale, self.accepted))
            }
            ("scale", "update") => self.scaled(scale::replace(&self.write_call(None)?, &self.value()?)?),
            ("scale", "patch") => {
                let kind = self.patch_kind()?;
                if kind == PatchKind::Apply {
                    return self.scaled(scale::replace(&self.write_call(Some(kind))?, &self.value()?)?);
                }
                let patch = read_patch(kind, &self.body)?;
                self.scaled(scale::patch(&self.write_call(Some(kind))?, &patch)?)
            }
            ("binding", "create") => {
                let status = pods::bind(&self.write_call(None)?, &self.value()?)?;
                Ok(made(StatusCode::CREATED, &status, headers))
            }
            ("eviction", "create") => {
                let status = pods::evict(&self.write_call(None)?, &self.value()?)?;
                Ok(made(StatusCode::CREATED, &status, headers))
            }
            (_, "create") => self.virtual_subresource(name),
            ("exec" | "attach" | "portforward" | "proxy", _) => Err(unserved(name)),
            (_, "get") => self.get(),
            (_, "update") => self.update(),
            (_, "patch") => self.patch(),
            _ => Err(ApiError::method_not_allowed()),
        }
    }
    /// The body as a value of whatever kind.
    fn value(&self) -> Result<Value> {
        let text = match negotiate::content_type(&self.call.parts.headers) {
            "application/apply-patch+yaml" => negotiate::Text::Yaml,
            _ => body_text(&self.call.parts.headers, self.resource.custom.is_some())?,
        };
        let (value, _) = decode::parse(&self.body, text).map_err(ApiError::bad_request)?;
        Ok(value)
    }
    fn scaled(&self, written: Written) -> Result<Response<Body>> {
        Ok(respond::plain(StatusCode::OK, written.answer.object(), self.accepted))
    }
    fn virtual_subresource(&self, name: &str) -> Result<Response<Body>> {
        let of = self.call.inner.plugins.virtual_of(&self.resource.group, &self.resource.plural, name);
        let of = of.ok_or_else(|| unserved(name))?;
        let call = self.write_call(None)?;
        let object = Object::new(self.value()?).map_err(|_| ApiError::bad_request("the body is no object"))?;
        let cx = call.context();
        let call = VirtualCall { cx: &cx, namespace: &self.path.namespace, name: &self.path.name, object };
        Ok(made(StatusCode::CREATED, &of.create(call)?, &self.call.parts.headers))
    }
}

/// What needs a running container.
fn unserved(name: &str) -> ApiError {
    ApiError::new(Reason::MethodNotAllowed, format!("{name} is not served: no container runs behind a simulated pod"))
}
