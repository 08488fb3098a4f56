//! JSON values into structs as Go's encoding/json does it: field names in any case, `null` for the
//! zero value, and Go's error texts, the first in the order of the (sorted) fields.

use std::collections::BTreeMap;

use belay_object::Value;

use crate::suggest::nearest;

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
    error: Option<Failure>,
}

/// What went wrong first.
pub(crate) struct Failure {
    /// Go's text, from `json: ` on.
    pub(crate) message: String,
    /// The JSON pointer of the field; completed on the way out, so that a value without mistakes
    /// costs nothing.
    pub(crate) pointer: String,
    /// What to do, where that can be told.
    pub(crate) hint: Option<String>,
}

/// Decodes a value; the error text is Go's, from `json: ` on.
pub(crate) fn decode<T: Decode>(value: &Value, rules: Rules) -> Result<T, String> {
    decode_located(value, rules).map_err(|failure| failure.message)
}

/// As [`decode`]; the error says where in the value it is.
pub(crate) fn decode_located<T: Decode>(value: &Value, rules: Rules) -> Result<T, Failure> {
    let mut decoder = Decoder { rules, owner: "", path: Vec::new(), error: None };
    let decoded = T::decode(value, &mut decoder);
    match decoder.error {
        Some(failure) => Err(failure),
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
    fn save(&mut self, message: String, hint: impl FnOnce() -> Option<String>) {
        self.error.get_or_insert_with(|| Failure { message, pointer: String::new(), hint: hint() });
    }

    /// Decodes what stands below a name or position; an error that is found there is placed below it.
    fn below<T>(&mut self, token: impl std::fmt::Display, decode: impl FnOnce(&mut Decoder) -> T) -> T {
        let had_failed = self.error.is_some();
        let decoded = decode(self);
        if let Some(failure) = self.error.as_mut().filter(|_| !had_failed) {
            let token = token.to_string().replace('~', "~0").replace('/', "~1");
            failure.pointer.insert_str(0, &format!("/{token}"));
        }
        decoded
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
            let message = match self.path.is_empty() {
                true => format!("json: cannot unmarshal {found} into Go value of type {wanted}"),
                false => format!(
                    "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
                    self.owner,
                    self.path.join(".")
                ),
            };
            self.save(message, || mistaken(value, &wanted));
        }
        T::default()
    }

    /// Decodes one field of a struct.
    pub(crate) fn field<T: Decode>(&mut self, owner: &'static str, path: &'static str, name: &str, value: &Value) -> T {
        let before = std::mem::replace(&mut self.owner, owner);
        self.path.push(path);
        let decoded = self.below(name, |decoder| T::decode(value, decoder));
        self.path.pop();
        self.owner = before;
        decoded
    }

    /// Notes a field that the struct has not.
    pub(crate) fn unknown(&mut self, name: &str, known: &[&'static str]) {
        if self.rules != Rules::Yaml {
            let meant = || nearest(name, known.iter().copied()).map(|known| format!("did you mean '{known}'?"));
            self.below(name, |decoder| decoder.save(format!("json: unknown field {name:?}"), meant));
        }
    }
}

/// What to write in the place of a value of the wrong type.
fn mistaken(value: &Value, wanted: &str) -> Option<String> {
    match (value, wanted) {
        (Value::Int(_) | Value::UInt(_) | Value::Float(_), "string") => {
            Some("put it in quotes: without, YAML reads a number".into())
        }
        (Value::Bool(_), "string") => {
            Some("put it in quotes: without, YAML reads y, n, yes, no, on, off, true and false as booleans".into())
        }
        (Value::Str(_), "bool") => Some("write true or false, without quotes".into()),
        (Value::Str(_), "int64") => Some("write a number, without quotes".into()),
        (Value::Array(_) | Value::Object(_) | Value::Null, _) => None,
        (_, list) if list.starts_with("[]") => Some("write a list: each entry on its own line behind '- '".into()),
        _ => None,
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
            Value::Array(items) => {
                let decode = |(i, item)| decoder.below(i, |decoder| T::decode(item, decoder));
                items.iter().enumerate().map(decode).collect()
            }
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
            Value::Object(map) => {
                map.iter().map(|(k, v)| (k.to_string(), decoder.below(k, |decoder| T::decode(v, decoder)))).collect()
            }
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
                            decoded.$field = decoder.field($owner, path, name, value);
                        }
                        continue;
                    })*
                    decoder.unknown(name, &[$($name),*]);
                }
                decoded
            }
        }
    };
}
pub(crate) use decode_struct;
