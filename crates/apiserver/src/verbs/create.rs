//! Creating.

use belay_object::{Object, Value};
use belay_schema::ssa;

use super::{Answer, Call, Written};
use crate::metadata;
use crate::random;
use crate::resource::Resource;
use crate::status::{ApiError, FieldError, Reason, Result};
use crate::store::InsertError;

/// How many names are tried for one `generateName`.
const NAME_TRIES: usize = 8;

/// Stores a new object, decoded and defaulted. `tracked` says that its managedFields are made already
/// (by an apply).
pub(crate) fn create(call: &Call<'_>, mut object: Object, tracked: bool) -> Result<Written> {
    check_request(call, &mut object)?;
    fill_metadata(call, &mut object);
    check_namespace(call, &object)?;
    if let Some(logic) = call.logic() {
        logic.admit(&call.context(), &mut object, None)?;
    }
    if !tracked {
        object = call.with_target(|target| ssa::update(target, None, object, &call.manager()));
    }
    if call.resource.has_status() {
        reset_status(call.resource, &mut object);
    }
    if call.resource.counts_generation {
        object.set(&["metadata", "generation"], 1);
    }
    let generate = object.name().is_empty();
    if generate {
        generate_name(&mut object);
    }
    if let Some(logic) = call.logic() {
        logic.prepare_create(&call.context(), &mut object);
    }
    for tries in 1.. {
        if generate && tries > 1 {
            generate_name(&mut object);
        }
        validate(call, &object)?;
        match insert(call, object.clone()) {
            Err(e)
                if e.reason == Reason::AlreadyExists && generate && !object.name().is_empty() && tries < NAME_TRIES => {
            }
            result => return Ok(Written::new(result?, true)),
        }
    }
    Err(call.not_found())
}

/// A new object has the status that its type begins with, whatever was sent.
fn reset_status(resource: &Resource, object: &mut Object) {
    object.remove(&["status"]);
    let Some(field) = resource.schema.field("status") else { return };
    if let Some(default) = &field.node.default {
        let mut status = default.clone();
        belay_schema::default_values(&mut status, &field.node);
        object.set(&["status"], status);
    }
}

/// Holds what the body says against what the path says.
fn check_request(call: &Call<'_>, object: &mut Object) -> Result<()> {
    if call.resource.namespaced {
        match object.namespace() {
            "" => object.set(&["metadata", "namespace"], call.namespace),
            same if same == call.namespace => {}
            _ => {
                let message = "the namespace of the provided object does not match the namespace sent on the request";
                return Err(ApiError::bad_request(message));
            }
        }
    }
    if !object.resource_version().is_empty() {
        return Err(ApiError::internal("resourceVersion should not be set on objects to be created"));
    }
    Ok(())
}

/// Sets what the system decides and clears what it alone may set.
fn fill_metadata(call: &Call<'_>, object: &mut Object) {
    object.set(&["metadata", "uid"], random::uid());
    object.set(&["metadata", "creationTimestamp"], call.now.as_str());
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "generation"] {
        object.remove(&["metadata", field]);
    }
    tidy_metadata(object);
}

/// Drops what is empty, as Go's encoder leaves it out.
pub(crate) fn tidy_metadata(object: &mut Object) {
    let Some(Value::Object(metadata)) = object.value_mut().get_mut("metadata") else { return };
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Str(text) => !text.is_empty(),
        _ => true,
    });
}

fn check_namespace(call: &Call<'_>, object: &Object) -> Result<()> {
    let Some(namespaces) = call.namespace_guard() else { return Ok(()) };
    let namespace =
        namespaces.get(call.namespace).ok_or_else(|| ApiError::not_found("", "namespaces", call.namespace))?;
    if namespace.is_deleting() {
        return Err(namespace_ends(call, object.name()));
    }
    Ok(())
}

fn namespace_ends(call: &Call<'_>, name: &str) -> ApiError {
    let Call { namespace, resource, .. } = call;
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    ApiError::forbidden(&resource.group, &resource.plural, name, why).with_cause(
        "NamespaceTerminating",
        format!("namespace {namespace} is being terminated"),
        "metadata.namespace",
    )
}

fn generate_name(object: &mut Object) {
    /// What is left of the 63 characters of a label once the suffix is added.
    const MAX_BASE: usize = 58;
    let Some(base) = object.str_at(&["metadata", "generateName"]).filter(|b| !b.is_empty()) else { return };
    let cut = base.char_indices().nth(MAX_BASE).map_or(base.len(), |(i, _)| i);
    let name = format!("{}{}", &base[..cut], random::suffix());
    object.set(&["metadata", "name"], name);
}

/// The rule for names of a resource.
pub(crate) fn name_rule(resource: &Resource) -> impl Fn(&str) -> Vec<String> + '_ {
    move |name| match resource.logic.as_ref().and_then(|logic| logic.validate_name(name)) {
        Some(wrong) => wrong,
        None => metadata::dns_subdomain(name),
    }
}

fn validate(call: &Call<'_>, object: &Object) -> Result<()> {
    let mut errors = metadata::validate_create(object, call.resource.namespaced, &name_rule(call.resource));
    if let Some(logic) = call.logic() {
        errors.extend(logic.validate_create(&call.context(), object));
    }
    if call.resource.custom.is_some() {
        let found = belay_schema::validate(object.value(), None, &call.resource.schema);
        errors.extend(found.into_iter().map(FieldError::from));
    }
    invalid(call, object.name(), errors)
}

/// Fails where there is an error.
pub(crate) fn invalid(call: &Call<'_>, name: &str, errors: Vec<FieldError>) -> Result<()> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid(&call.resource.group, &call.resource.kind, name, errors)),
    }
}

fn insert(call: &Call<'_>, mut object: Object) -> Result<Answer> {
    let name = object.name().to_owned();
    let reservation = match call.logic() {
        Some(logic) => logic
            .allocate(&call.context(), &mut object, None)
            .or_else(|errors| invalid(call, &name, errors).map(|()| None))?,
        None => None,
    };
    call.check_size(&object, 0)?;
    let exists = || ApiError::already_exists(&call.resource.group, &call.resource.plural, &name);
    let key = crate::store::key_of(call.namespace, &name);
    if call.options.dry_run {
        return match call.resource.table.get(&key) {
            Some(_) => Err(exists()),
            None => Ok(Answer::Object(object)),
        };
    }
    let object = call.resource.store_form(object);
    let stored = call.resource.table.insert(&key, object, call.namespace_guard()).map_err(|e| match e {
        InsertError::Exists(_) => exists(),
        InsertError::NoNamespace => ApiError::not_found("", "namespaces", call.namespace),
        InsertError::NamespaceEnds => namespace_ends(call, &name),
    })?;
    if let Some(reservation) = reservation {
        reservation.commit();
    }
    call.inner.after_write(call.resource, None, Some(&stored));
    Ok(Answer::Stored(stored))
}
