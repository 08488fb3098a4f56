//! Requests that change something. Each is answered with the object as the server then has it.

use belay_object::{Object, Value, object};
use http::Method;

use super::{Cluster, about, defines_kinds, read_object};
use crate::resource::Query;
use crate::send::{Call, JSON, Repeat};
use crate::{ApplyOptions, DeleteOptions, Error, ErrorKind, Patch, Resource, Result, Verb, WriteOptions};

impl Cluster {
    /// Creates an object where its metadata says.
    pub async fn create(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        let uri = write_query(options).on(&namespaced_collection(resource, object)?);
        let call = Call::new(Verb::Create, Method::POST, uri);
        self.write(call, resource, object.value(), object.namespace(), object.name(), Repeat::Unsent).await
    }
    /// Posts to a subresource (`token`, `eviction`, `binding`) of one object.
    pub async fn create_subresource(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: &str,
        body: &Value,
    ) -> Result<Object> {
        let uri = resource.object_path(namespace, name, subresource)?;
        let call = Call::new(Verb::Create, Method::POST, uri);
        self.write(call, resource, body, namespace, name, Repeat::Unsent).await
    }
    /// Replaces an object; its resourceVersion, where given, must still be the newest.
    pub async fn replace(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        self.replace_at(resource, object, "", options).await
    }
    /// Replaces an object's status.
    pub async fn replace_status(&self, resource: &Resource, object: &Object, options: &WriteOptions) -> Result<Object> {
        self.replace_at(resource, object, "status", options).await
    }
    async fn replace_at(
        &self,
        resource: &Resource,
        object: &Object,
        subresource: &str,
        options: &WriteOptions,
    ) -> Result<Object> {
        let (namespace, name) = (object.namespace(), object.name());
        let uri = write_query(options).on(&resource.object_path(namespace, name, subresource)?);
        let call = Call::new(Verb::Update, Method::PUT, uri);
        self.write(call, resource, object.value(), namespace, name, Repeat::Unsent).await
    }
    /// Applies an object (server-side apply): sets the fields that it names and owns them.
    pub async fn apply(&self, resource: &Resource, object: &Object, options: &ApplyOptions) -> Result<Object> {
        self.apply_at(resource, object, "", options).await
    }
    /// Applies an object's status.
    pub async fn apply_status(&self, resource: &Resource, object: &Object, options: &ApplyOptions) -> Result<Object> {
        self.apply_at(resource, object, "status", options).await
    }
    async fn apply_at(
        &self,
        resource: &Resource,
        object: &Object,
        subresource: &str,
        options: &ApplyOptions,
    ) -> Result<Object> {
        let (namespace, name) = (object.namespace(), object.name());
        let query = Query::default()
            .add("fieldManager", &options.field_manager)
            .flag("force", options.force)
            .add("dryRun", if options.dry_run { "All" } else { "" })
            .add("fieldValidation", options.field_validation.as_str());
        let uri = query.on(&resource.object_path(namespace, name, subresource)?);
        let mut call = Call::new(Verb::Apply, Method::PATCH, uri);
        // JSON is YAML, and the media type's name is YAML's alone.
        call.content_type = "application/apply-patch+yaml";
        self.write(call, resource, object.value(), namespace, name, Repeat::Harmless).await
    }
    /// Patches one object.
    pub async fn patch(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        self.patch_subresource(resource, namespace, name, "", patch, options).await
    }
    /// Patches one object's status.
    pub async fn patch_status(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        self.patch_subresource(resource, namespace, name, "status", patch, options).await
    }
    /// Patches a subresource (`status`, `scale`) of one object; empty means the object itself.
    pub async fn patch_subresource(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Object> {
        let uri = write_query(options).on(&resource.object_path(namespace, name, subresource)?);
        let mut call = Call::new(Verb::Patch, Method::PATCH, uri);
        call.content_type = patch.content_type();
        // A JSON patch may add to a list, a merge patch twice is a merge patch once.
        let repeat = if matches!(patch, Patch::Merge(_)) { Repeat::Harmless } else { Repeat::Unsent };
        self.write(call, resource, patch.value(), namespace, name, repeat).await
    }
    /// Deletes one object. Gives what is still there (finalizers, graceful end), `None` where the
    /// object is gone at once. An object that was not there is an error of kind NotFound; one that
    /// breaks a precondition is a Conflict.
    pub async fn delete(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Option<Object>> {
        let mut body = object! { "kind" => "DeleteOptions", "apiVersion" => "v1" };
        if !options.uid.is_empty() {
            body.set(&["preconditions", "uid"], options.uid.as_str());
        }
        if !options.resource_version.is_empty() {
            body.set(&["preconditions", "resourceVersion"], options.resource_version.as_str());
        }
        if let Some(propagation) = options.propagation {
            body.set(&["propagationPolicy"], propagation.as_str());
        }
        if let Some(seconds) = options.grace_period_s {
            body.set(&["gracePeriodSeconds"], seconds);
        }
        if options.dry_run {
            body.set(&["dryRun"], Value::from(["All"]));
        }
        let guarded = !options.uid.is_empty() || !options.resource_version.is_empty();
        let uri = resource.object_path(namespace, name, "")?;
        let mut call = about(Call::new(Verb::Delete, Method::DELETE, uri), resource, namespace, name);
        call.content_type = JSON;
        call.body = body.to_json().into();
        call.repeat = if guarded { Repeat::Harmless } else { Repeat::Unsent };
        let answer = read_object(self.send(&call).await, &call, self)?;
        self.note_written(resource);
        Ok((answer.kind() != "Status").then_some(answer))
    }

    async fn write(
        &self,
        call: Call,
        resource: &Resource,
        body: &Value,
        namespace: &str,
        name: &str,
        repeat: Repeat,
    ) -> Result<Object> {
        let mut call = about(call, resource, namespace, name);
        let mut text = Vec::with_capacity(1024);
        body.write_json(&mut text);
        call.body = text.into();
        call.repeat = repeat;
        if call.content_type.is_empty() {
            call.content_type = JSON;
        }
        let written = read_object(self.send(&call).await, &call, self)?;
        self.note_written(resource);
        Ok(written)
    }
    /// A definition that was written changes what discovery says.
    fn note_written(&self, resource: &Resource) {
        if defines_kinds(resource) {
            self.invalidate_discovery();
        }
    }
}

fn write_query(options: &WriteOptions) -> Query {
    Query::default()
        .add("fieldManager", &options.field_manager)
        .add("dryRun", if options.dry_run { "All" } else { "" })
        .add("fieldValidation", options.field_validation.as_str())
}

fn namespaced_collection(resource: &Resource, object: &Object) -> Result<String> {
    if resource.namespaced && object.namespace().is_empty() {
        let message =
            format!("{} {:?} is namespaced and its metadata names no namespace", resource.kind, object.name());
        return Err(Error::new(ErrorKind::Config, message));
    }
    resource.collection_path(object.namespace())
}
