//! JSON values into structs as Go's encoding/json does it: field names in any case, `null` for the
//! zero value, and Go's error texts, the first in the order of the (sorted) fields.

use std::collections::BTreeMap;

use belay_object::Value;

/// Whose rules a decoding follows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rules {
    /// Go's encoding/json; a field that the struct has not is an error.
    Json,
    /// `sigs.k8s.io/yaml`: where a text is wanted, a number or boolean is taken as one.
    Yaml,
    /// The same, a field that the struct has not being an error.
    StrictYaml,
}

/// The state of one decoding: where it is and what went wrong first.
pub(crate) struct Decoder {
    rules: Rules,
    /// The struct at hand, as the error text names it.
    owner: &'static str,
    path: Vec<&'static str>,
    error: Option<String>,
}

/// Decodes a value; the error text is Go's, from `json: ` on.
pub(crate) fn decode<T: Decode>(value: &Value, rules: Rules) -> Result<T, String> {
    let mut decoder = Decoder { rules, owner: "", path: Vec::new(), error: None };
    let decoded = T::decode(value, &mut decoder);
    match decoder.error {
        Some(error) => Err(error),
        None => Ok(decoded),
    }
}

/// A type that can be decoded; a value of another type gives the zero value and notes the error.
pub(crate) trait Decode: Default {
    /// Go's name of the type.
    fn type_name() -> String;
    fn decode(value: &Value, decoder: &mut Decoder) -> Self;
}

impl Decoder {
    fn save(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// Notes that a value of another type was found.
    pub(crate) fn mismatch<T: Decode>(&mut self, value: &Value) -> T {
        if !value.is_null() {
            let found = match value {
                Value::Bool(_) => "bool".to_owned(),
                Value::Str(_) => "string".to_owned(),
                Value::Array(_) => "array".to_owned(),
                Value::Object(_) => "object".to_owned(),
                number if T::type_name().starts_with("int") => format!("number {number}"),
                _ => "number".to_owned(),
            };
            let wanted = T::type_name();
            self.save(match self.path.is_empty() {
                true => format!("json: cannot unmarshal {found} into Go value of type {wanted}"),
                false => format!(
                    "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
                    self.owner,
                    self.path.join(".")
                ),
            });
        }
        T::default()
    }

    /// Decodes one field of a struct.
    pub(crate) fn field<T: Decode>(&mut self, owner: &'static str, name: &'static str, value: &Value) -> T {
        let before = std::mem::replace(&mut self.owner, owner);
        self.path.push(name);
        let decoded = T::decode(value, self);
        self.path.pop();
        self.owner = before;
        decoded
    }

    /// Notes a field that the struct has not.
    pub(crate) fn unknown(&mut self, name: &str) {
        if self.rules != Rules::Yaml {
            self.save(format!("json: unknown field {name:?}"));
        }
    }
}

impl Decode for String {
    fn type_name() -> String {
        "string".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> String {
        match value {
            Value::Str(text) => text.to_string(),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Bool(_) if decoder.rules != Rules::Json => {
                value.to_json()
            }
            other => decoder.mismatch(other),
        }
    }
}

impl Decode for bool {
    fn type_name() -> String {
        "bool".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> bool {
        value.as_bool().unwrap_or_else(|| decoder.mismatch(value))
    }
}

impl Decode for i64 {
    fn type_name() -> String {
        "int64".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> i64 {
        match value {
            Value::Int(number) => *number,
            other => decoder.mismatch(other),
        }
    }
}

/// Any value, kept as it is: Go's `map[string]interface{}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FreeMap(pub(crate) belay_object::Map);

impl Decode for FreeMap {
    fn type_name() -> String {
        "map[string]interface {}".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> FreeMap {
        match value {
            Value::Object(map) => FreeMap(map.clone()),
            other => decoder.mismatch(other),
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn type_name() -> String {
        format!("[]{}", T::type_name())
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> Vec<T> {
        match value {
            Value::Array(items) => items.iter().map(|item| T::decode(item, decoder)).collect(),
            other => decoder.mismatch(other),
        }
    }
}

/// `null` and absent are `None`: Go's pointers, and the difference between nil and empty.
impl<T: Decode> Decode for Option<T> {
    fn type_name() -> String {
        T::type_name()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> Option<T> {
        (!value.is_null()).then(|| T::decode(value, decoder))
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn type_name() -> String {
        format!("map[string]{}", T::type_name())
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> BTreeMap<String, T> {
        match value {
            Value::Object(map) => map.iter().map(|(k, v)| (k.to_string(), T::decode(v, decoder))).collect(),
            other => decoder.mismatch(other),
        }
    }
}

/// Implements [`Decode`] for a struct: its Go type and, per field, the name in JSON and the path
/// that Go's error text gives (with the names of embedded structs).
macro_rules! decode_struct {
    ($type:ty, $go:literal, $owner:literal, { $($field:ident: $name:literal $(in $path:literal)?),* $(,)? }) => {
        impl $crate::decode::Decode for $type {
            fn type_name() -> String {
                $go.into()
            }
            fn decode(value: &belay_object::Value, decoder: &mut $crate::decode::Decoder) -> $type {
                let belay_object::Value::Object(map) = value else { return decoder.mismatch(value) };
                let mut decoded = <$type>::default();
                for (name, value) in map.iter() {
                    $(if name.eq_ignore_ascii_case($name) {
                        #[allow(unused_mut, unused_assignments)]
                        let mut path = $name;
                        $(path = concat!($path, ".", $name);)?
                        if !value.is_null() {
                            decoded.$field = decoder.field($owner, path, value);
                        }
                        continue;
                    })*
                    decoder.unknown(name);
                }
                decoded
            }
        }
    };
}
pub(crate) use decode_struct;
