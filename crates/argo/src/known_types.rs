//! Fields of custom resources that are of a type of Kubernetes' own: before two objects are compared such fields
//! are written as the type's own code writes them (`1000m` is `1`, fields that it does not declare go), so that a
//! controller that passes them through that code makes no difference.
//!
//! Which fields those are the settings say (`resource.customizations.knownTypeFields.*`); nothing is defaulted, and
//! built-in kinds need none of it.

use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{GoDuration, GroupKind, Object, Value};
use belay_schema::{Types, decode, quantity};

/// What the types of `k8s.io/api/core/v1` begin with in the schemas.
const CORE: &str = "io.k8s.api.core.v1.";

/// The fields, by the kind that has them.
#[derive(Clone, Default)]
pub struct KnownTypes(Arc<HashMap<GroupKind, Vec<KnownField>>>);

struct KnownField {
    path: Vec<String>,
    form: Form,
}

enum Form {
    /// A struct of `k8s.io/api/core/v1`, by its name in the schemas, which are megabytes: they are read when an
    /// object has such a field, not before.
    Struct(String),
    Quantity,
    Duration,
}

impl KnownTypes {
    /// Reads fields: of which kind, where, and of which type (`core/v1/PodSpec`, `core/Quantity`,
    /// `meta/v1/Duration`). What is no known type is a sentence.
    pub fn read<'a>(fields: impl IntoIterator<Item = (GroupKind, &'a str, &'a str)>) -> (KnownTypes, Vec<String>) {
        let mut all: HashMap<GroupKind, Vec<KnownField>> = HashMap::new();
        let mut wrong = Vec::new();
        for (kind, path, name) in fields {
            let path = path.split('.').map(str::to_owned).collect();
            match Form::of(name) {
                Some(form) => all.entry(kind).or_default().push(KnownField { path, form }),
                // Compat(argo-cd 3.5): the words.
                None => wrong
                    .push(format!("knownTypeFields of {}/{}: type '{name}' is not supported", kind.group, kind.kind)),
            }
        }
        // Compat(argo-cd 3.5): known without being said, as long as nothing is said of the kind.
        all.entry(GroupKind::new("argoproj.io", "Rollout")).or_insert_with(|| {
            let form = Form::Struct(format!("{CORE}PodSpec"));
            vec![KnownField { path: ["spec", "template", "spec"].map(str::to_owned).to_vec(), form }]
        });
        (KnownTypes(Arc::new(all)), wrong)
    }
    /// Writes the fields of an object as their types do. What does not fit its type is left as it is.
    pub fn normalize(&self, object: &mut Object) {
        let Some(fields) = self.0.get(&object.group_kind()) else { return };
        for field in fields {
            normalize(object.value_mut(), &field.path, &field.form);
        }
    }
    /// Whether a kind has such fields.
    pub fn concern(&self, kind: &GroupKind) -> bool {
        self.0.contains_key(kind)
    }
}

impl Form {
    fn of(name: &str) -> Option<Form> {
        match name {
            "core/Quantity" => Some(Form::Quantity),
            "meta/v1/Duration" => Some(Form::Duration),
            _ => {
                let name = format!("{CORE}{}", name.strip_prefix("core/v1/")?);
                Types::builtin().named(&name).map(|_| Form::Struct(name))
            }
        }
    }
    fn write(&self, value: &mut Value) {
        match self {
            Form::Struct(name) => {
                let mut fitted = value.clone();
                if Types::builtin().named(name).is_some_and(|schema| decode::fit(&mut fitted, &schema).is_ok()) {
                    *value = fitted;
                }
            }
            Form::Quantity => {
                let text = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
                if let Ok(canonical) = quantity::canonical(text.trim()) {
                    *value = canonical.into();
                }
            }
            Form::Duration => {
                if let Some(duration) = value.as_str().and_then(GoDuration::parse) {
                    *value = duration.to_string().into();
                }
            }
        }
    }
}

/// Writes what stands at a path. Lists on the way are gone through, and of one at its end each item that is a map.
fn normalize(at: &mut Value, path: &[String], form: &Form) {
    let Some((first, rest)) = path.split_first() else { return form.write(at) };
    let Some(next) = at.as_object_mut().and_then(|fields| fields.get_mut(first)) else { return };
    match next {
        Value::Array(items) => {
            for item in items.iter_mut().filter(|item| item.as_object().is_some()) {
                normalize(item, rest, form);
            }
        }
        next => normalize(next, rest, form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, kind: &str, spec: &str, expected: &str) {
        let (known, wrong) = KnownTypes::read([(GroupKind::new("some.io", "Canary"), field, kind)]);
        assert_eq!(wrong, Vec::<String>::new());
        let text = format!("{{apiVersion: some.io/v1, kind: Canary, metadata: {{name: a}}, spec: {spec}}}");
        let mut object = Object::new(belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).unwrap()).unwrap();
        known.normalize(&mut object);
        assert_eq!(object.get("spec").unwrap().to_json(), expected, "{field} {kind}");
    }

    /// argo.md 2.7
    #[test]
    fn fields_are_written_as_their_types_write_them() {
        let container = "{name: c, ports: [], resources: {requests: {cpu: 2000m, memory: 1024Mi}}, other: 1}";
        let written = r#"{"name":"c","resources":{"requests":{"cpu":"2","memory":"1Gi"}}}"#;
        let pod = format!("{{template: {{spec: {{containers: [{container}]}}}}}}");
        let of_pod = format!(r#"{{"template":{{"spec":{{"containers":[{written}]}}}}}}"#);
        check("spec.template.spec", "core/v1/PodSpec", &pod, &of_pod);
        check("spec.template.spec.containers", "core/v1/Container", &pod, &of_pod);
        let several = format!("{{templates: [{{spec: {{containers: [{container}]}}}}]}}");
        let of_several = format!(r#"{{"templates":[{{"spec":{{"containers":[{written}]}}}}]}}"#);
        check("spec.templates.spec.containers", "core/v1/Container", &several, &of_several);
        check("spec.ram", "core/Quantity", "{ram: 1.25G}", r#"{"ram":"1250M"}"#);
        check("spec.ram", "core/Quantity", "{ram: 5}", r#"{"ram":"5"}"#);
        check("spec.duration", "meta/v1/Duration", "{duration: 8760h}", r#"{"duration":"8760h0m0s"}"#);
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_is_left_as_it_is() {
        check("spec.nothing.here", "core/v1/PodSpec", "{cpu: 1000m}", r#"{"cpu":"1000m"}"#);
        check("spec.ram", "core/Quantity", "{ram: lots}", r#"{"ram":"lots"}"#);
        check("spec.ram", "core/Quantity", "{ram: [{a: 1}]}", r#"{"ram":[{"a":1}]}"#);
        check("spec.pod", "core/v1/PodSpec", "{pod: text}", r#"{"pod":"text"}"#);
        check("spec.duration", "meta/v1/Duration", "{duration: soon}", r#"{"duration":"soon"}"#);
    }

    #[test]
    fn types_that_nobody_knows_are_told_and_rollouts_are_known() {
        let kind = GroupKind::new("some.io", "Canary");
        let (known, wrong) = KnownTypes::read([(kind.clone(), "spec", "apps/v1/DeploymentSpec")]);
        assert_eq!(wrong, ["knownTypeFields of some.io/Canary: type 'apps/v1/DeploymentSpec' is not supported"]);
        assert!(!known.concern(&kind) && known.concern(&GroupKind::new("argoproj.io", "Rollout")));
    }
}
