//! What a definition itself means: its defaults and what is wrong with it.

use belay_object::{Object, Value, object};

use crate::metadata;
use crate::plugin::{Context, Generation, KindLogic};
use crate::status::FieldError;

/// `CustomResourceDefinition`
pub(crate) struct DefinitionLogic;

impl KindLogic for DefinitionLogic {
    fn default(&self, object: &mut Object) {
        let kind = object.str_at(&["spec", "names", "kind"]).unwrap_or_default().to_owned();
        for (field, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
            if !kind.is_empty() && object.str_at(&["spec", "names", field]).unwrap_or_default().is_empty() {
                object.set(&["spec", "names", field], value);
            }
        }
        if object.at(&["spec", "conversion"]).is_none_or(Value::is_null) {
            object.set(&["spec", "conversion", "strategy"], "None");
        }
        if object.at(&["spec", "preserveUnknownFields"]).and_then(Value::as_bool) == Some(false) {
            object.remove(&["spec", "preserveUnknownFields"]);
        }
    }
    fn prepare_create(&self, _: &Context<'_>, object: &mut Object) {
        let stored: Value = storage_version(object).into_iter().collect();
        let status = object! {
            "conditions" => Value::Array(Default::default()),
            "acceptedNames" => object! { "plural" => "", "kind" => "" },
            "storedVersions" => stored,
        };
        object.set(&["status"], status);
    }
    fn prepare_update(&self, _: &Context<'_>, object: &mut Object, _: &Object) {
        let Some(storage) = storage_version(object) else { return };
        let mut stored = crate::resource::texts(object.at(&["status", "storedVersions"]).unwrap_or(&Value::Null));
        if !stored.contains(&storage) {
            stored.push(storage);
            object.set(&["status", "storedVersions"], stored);
        }
    }
    fn validate_create(&self, _: &Context<'_>, object: &Object) -> Vec<FieldError> {
        validate(object)
    }
    fn validate_update(&self, _: &Context<'_>, object: &Object, old: &Object) -> Vec<FieldError> {
        let mut errors = validate(object);
        for path in [&["group"][..], &["names", "plural"], &["scope"], &["names", "kind"]] {
            let path: Vec<&str> = ["spec"].iter().chain(path).copied().collect();
            let (new, old) = (object.at(&path), old.at(&path));
            if new != old && path.last() != Some(&"kind") {
                let value = new.cloned().unwrap_or_default();
                errors.push(FieldError::invalid(path.join("."), &value, "field is immutable"));
            }
        }
        let versions = object.at(&["spec", "versions"]).map_or(&[][..], Value::items);
        for (i, stored) in object.at(&["status", "storedVersions"]).map_or(&[][..], Value::items).iter().enumerate() {
            if !versions.iter().any(|v| v.get("name") == Some(stored)) {
                let why = "missing from spec.versions; ".to_owned()
                    + "v1beta1 was previously a storage version, and must remain in spec.versions until a storage migration \
                       ensures no data remains persisted in it and removes it from status.storedVersions";
                let why = why.replace("v1beta1", stored.as_str().unwrap_or_default());
                errors.push(FieldError::invalid(format!("status.storedVersions[{i}]"), stored, why));
            }
        }
        errors
    }
    fn generation(&self) -> Generation {
        Generation::Counted
    }
}

fn storage_version(object: &Object) -> Option<String> {
    let versions = object.at(&["spec", "versions"])?.items();
    let storage = versions.iter().find(|v| v["storage"].as_bool() == Some(true))?;
    storage.str_at(&["name"]).map(str::to_owned)
}

fn validate(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |path: &[&str]| object.str_at(path).unwrap_or_default();
    let (group, plural) = (text(&["spec", "group"]), text(&["spec", "names", "plural"]));
    if object.name() != format!("{plural}.{group}") {
        let name = Value::from(object.name());
        errors.push(FieldError::invalid("metadata.name", &name, "must be spec.names.plural+\".\"+spec.group"));
    }
    let protected = [".k8s.io", ".kubernetes.io"].iter().any(|suffix| group.ends_with(suffix));
    if protected && object.annotation("api-approved.kubernetes.io").unwrap_or_default().is_empty() {
        let field = "metadata.annotations[api-approved.kubernetes.io]";
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see \
                   https://github.com/kubernetes/enhancements/pull/1111";
        errors.push(FieldError::required(field, why));
    }
    match group {
        "" => errors.push(FieldError::required("spec.group", "")),
        group => {
            let wrong = metadata::dns_subdomain(group).into_iter();
            errors.extend(wrong.map(|w| FieldError::invalid("spec.group", &Value::from(group), w)));
            if !group.contains('.') {
                let why = "should be a domain with at least one dot";
                errors.push(FieldError::invalid("spec.group", &Value::from(group), why));
            }
        }
    }
    match text(&["spec", "scope"]) {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => {
            let supported = ["Cluster", "Namespaced"];
            errors.push(FieldError::not_supported("spec.scope", &Value::from(other), &supported));
        }
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        if text(&["spec", "names", field]).is_empty() {
            errors.push(FieldError::required(format!("spec.names.{field}"), ""));
        }
    }
    errors.extend(validate_versions(object));
    errors
}

fn validate_versions(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let versions = object.at(&["spec", "versions"]).map_or(&[][..], Value::items);
    let stored = versions.iter().filter(|v| v["storage"].as_bool() == Some(true)).count();
    if versions.is_empty() || stored != 1 {
        let list = object.at(&["spec", "versions"]).cloned().unwrap_or_default();
        let why = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", &list, why));
    }
    // Versions that share one schema are checked as one: it stands above them in the internal form.
    let schema_of = |v: &Value| v.at(&["schema", "openAPIV3Schema"]).cloned();
    let shared = versions.first().and_then(schema_of);
    let shared = shared.filter(|first| versions.iter().all(|v| schema_of(v).as_ref() == Some(first)));
    if let Some(schema) = &shared {
        let found = belay_schema::crd::compile(schema, "spec.validation.openAPIV3Schema");
        errors.extend(found.err().into_iter().flatten().map(FieldError::from));
    }
    for (i, version) in versions.iter().enumerate() {
        let name = version.str_at(&["name"]).unwrap_or_default();
        let wrong = metadata::dns_label(name).into_iter();
        errors.extend(wrong.map(|w| FieldError::invalid(format!("spec.versions[{i}].name"), &Value::from(name), w)));
        if versions[..i].iter().any(|v| v.str_at(&["name"]) == Some(name)) {
            errors.push(FieldError::duplicate(format!("spec.versions[{i}].name"), &Value::from(name)));
        }
        let path = format!("spec.versions[{i}].schema.openAPIV3Schema");
        match schema_of(version) {
            None => errors.push(FieldError::required(path, "schemas are required")),
            Some(_) if shared.is_some() => {}
            Some(schema) => {
                let found = belay_schema::crd::compile(&schema, &path);
                errors.extend(found.err().into_iter().flatten().map(FieldError::from));
            }
        }
    }
    errors
}
