//! Records: structs that are read from values and written as Go's `encoding/json` writes them.
//!
//! A record names each field once, with its place in JSON. Reading takes `null` for absent, skips
//! what it does not know, and refuses a field of the wrong type by its path. Writing leaves out what
//! is empty (`omitempty`), but for fields marked `always`; a record in a record is always written
//! unless it is marked `if_set` (Go omits no structs).

use std::collections::BTreeMap;

use belay_object::{Map, Value};

use super::SpecError;

/// Where in an object a value stands.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root(&'a str),
    Field(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    fn text(&self) -> String {
        match self {
            At::Root(name) => (*name).to_owned(),
            At::Field(of, name) => format!("{}.{name}", of.text()),
            At::Item(of, i) => format!("{}[{i}]", of.text()),
        }
    }
    /// The error that something else was expected here.
    pub(crate) fn expected(&self, what: &str, found: &Value) -> SpecError {
        SpecError { field: self.text(), message: format!("expected {what}, found {}", found.type_name()) }
    }
    /// An error of the value that stands here.
    pub(crate) fn error(&self, message: impl Into<String>) -> SpecError {
        SpecError { field: self.text(), message: message.into() }
    }
}

/// A type that a field can have.
pub(crate) trait Field: Sized + Default {
    /// Reads a value that is not `null`.
    fn read(value: &Value, at: &At<'_>) -> Result<Self, SpecError>;
    /// Writes it.
    fn write(&self) -> Value;
    /// Whether `omitempty` leaves it out.
    fn is_empty(&self) -> bool;
    /// Whether a value means that there is none.
    fn means_none(value: &Value) -> bool {
        value.is_null()
    }
}

impl Field for String {
    fn read(value: &Value, at: &At<'_>) -> Result<String, SpecError> {
        value.as_str().map(str::to_owned).ok_or_else(|| at.expected("a string", value))
    }
    fn write(&self) -> Value {
        Value::from(self)
    }
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}
impl Field for bool {
    fn read(value: &Value, at: &At<'_>) -> Result<bool, SpecError> {
        value.as_bool().ok_or_else(|| at.expected("true or false", value))
    }
    fn write(&self) -> Value {
        Value::from(*self)
    }
    fn is_empty(&self) -> bool {
        !*self
    }
}
impl Field for i64 {
    fn read(value: &Value, at: &At<'_>) -> Result<i64, SpecError> {
        value.as_i64().ok_or_else(|| at.expected("a whole number", value))
    }
    fn write(&self) -> Value {
        Value::from(*self)
    }
    fn is_empty(&self) -> bool {
        *self == 0
    }
}
/// Anything at all, kept as it is.
impl Field for Value {
    fn read(value: &Value, _: &At<'_>) -> Result<Value, SpecError> {
        Ok(value.clone())
    }
    fn write(&self) -> Value {
        self.clone()
    }
    fn is_empty(&self) -> bool {
        self.is_null()
    }
}
/// A pointer in Go: written whenever it is there.
impl<T: Field> Field for Option<T> {
    fn read(value: &Value, at: &At<'_>) -> Result<Option<T>, SpecError> {
        if T::means_none(value) { Ok(None) } else { T::read(value, at).map(Some) }
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}
impl<T: Field> Field for Box<T> {
    fn read(value: &Value, at: &At<'_>) -> Result<Box<T>, SpecError> {
        T::read(value, at).map(Box::new)
    }
    fn write(&self) -> Value {
        T::write(self)
    }
    fn is_empty(&self) -> bool {
        T::is_empty(self)
    }
}
/// Go tells an absent list from an empty one only through a pointer: `Option<Vec<T>>` here.
impl<T: Field> Field for Vec<T> {
    fn read(value: &Value, at: &At<'_>) -> Result<Vec<T>, SpecError> {
        let items = value.as_array().ok_or_else(|| at.expected("a list", value))?;
        let read = |(i, item): (usize, &Value)| {
            if item.is_null() { Ok(T::default()) } else { T::read(item, &At::Item(at, i)) }
        };
        items.iter().enumerate().map(read).collect()
    }
    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }
    fn is_empty(&self) -> bool {
        <[T]>::is_empty(self)
    }
}
impl<T: Field> Field for BTreeMap<String, T> {
    fn read(value: &Value, at: &At<'_>) -> Result<BTreeMap<String, T>, SpecError> {
        let fields = value.as_object().ok_or_else(|| at.expected("a map", value))?;
        let read = |(name, value): (&belay_object::Key, &Value)| {
            let read = if value.is_null() { T::default() } else { T::read(value, &At::Field(at, name))? };
            Ok((name.as_str().to_owned(), read))
        };
        fields.iter().map(read).collect()
    }
    fn write(&self) -> Value {
        Value::Object(self.iter().map(|(name, value)| (name.as_str(), value.write())).collect())
    }
    fn is_empty(&self) -> bool {
        BTreeMap::is_empty(self)
    }
}

/// Reads one field of a record.
pub(crate) fn read_field<T: Field>(of: &Map, name: &str, at: &At<'_>) -> Result<T, SpecError> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::read(value, &At::Field(at, name)),
    }
}

/// When a field is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    NotEmpty,
    Always,
    IfSet,
}

/// Sets or removes one field of a record.
pub(crate) fn put<T: Field + PartialEq>(into: &mut Map, name: &str, field: &T, when: When) {
    let is_out = match when {
        When::NotEmpty => field.is_empty(),
        When::Always => false,
        When::IfSet => *field == T::default(),
    };
    let value = if is_out { Value::Null } else { field.write() };
    // Servers refuse `null` where a schema has a type.
    if value.is_null() {
        into.remove(name);
    } else {
        into.insert(name, value);
    }
}

/// Declares a record: `field: Type = "jsonName"`, behind it `always` or `if_set`.
macro_rules! record {
    (
        $(#[$about:meta])*
        $name:ident {
            $( $(#[$field_about:meta])* $field:ident : $type:ty = $json:literal $($when:ident)? ),* $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $( $(#[$field_about])* pub $field: $type ),*
        }
        impl $crate::spec::record::Field for $name {
            fn read(
                value: &belay_object::Value,
                at: &$crate::spec::record::At<'_>,
            ) -> Result<$name, $crate::spec::SpecError> {
                let fields = value.as_object().ok_or_else(|| at.expected("a map", value))?;
                Ok($name { $( $field: $crate::spec::record::read_field(fields, $json, at)? ),* })
            }
            fn write(&self) -> belay_object::Value {
                let mut fields = belay_object::Map::new();
                self.write_over(&mut fields);
                belay_object::Value::Object(fields)
            }
            fn is_empty(&self) -> bool {
                false
            }
        }
        impl $name {
            /// Reads one; a field of the wrong type is an error that names it.
            pub fn read(value: &belay_object::Value) -> Result<$name, $crate::spec::SpecError> {
                let at = $crate::spec::record::At::Root(stringify!($name));
                <$name as $crate::spec::record::Field>::read(value, &at)
            }
            /// Reads what can be read: a field of the wrong type counts as absent.
            pub fn read_lossy(value: &belay_object::Value) -> $name {
                let at = $crate::spec::record::At::Root(stringify!($name));
                let none = belay_object::Map::new();
                let fields = value.as_object().unwrap_or(&none);
                $name { $( $field: $crate::spec::record::read_field(fields, $json, &at).unwrap_or_default() ),* }
            }
            /// Writes it as Go does.
            pub fn to_value(&self) -> belay_object::Value {
                $crate::spec::record::Field::write(self)
            }
            /// Sets its fields in a map and leaves all others as they are.
            pub fn write_over(&self, fields: &mut belay_object::Map) {
                $( $crate::spec::record::put(fields, $json, &self.$field, $crate::spec::record::when!($($when)?)); )*
            }
        }
    };
}

macro_rules! when {
    () => {
        $crate::spec::record::When::NotEmpty
    };
    (always) => {
        $crate::spec::record::When::Always
    };
    (if_set) => {
        $crate::spec::record::When::IfSet
    };
}

/// Declares a closed set of words; the first is the default.
macro_rules! words {
    (
        $(#[$about:meta])*
        $name:ident { $( $(#[$word_about:meta])* $word:ident ),* $(,)? }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$word_about])* $word ),* }
        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$word),*];
            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$word => stringify!($word)),* }
            }
            /// Reads one.
            pub fn parse(text: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
        impl Default for $name {
            fn default() -> $name {
                $name::ALL[0]
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl $crate::spec::record::Field for $name {
            fn read(
                value: &belay_object::Value,
                at: &$crate::spec::record::At<'_>,
            ) -> Result<$name, $crate::spec::SpecError> {
                let text = value.as_str().ok_or_else(|| at.expected("a string", value))?;
                $name::parse(text).ok_or_else(|| {
                    let all: Vec<&str> = $name::ALL.iter().map(|word| word.as_str()).collect();
                    at.error(format!("{text:?} is none of {}", all.join(", ")))
                })
            }
            fn write(&self) -> belay_object::Value {
                belay_object::Value::from(self.as_str())
            }
            fn is_empty(&self) -> bool {
                false
            }
            fn means_none(value: &belay_object::Value) -> bool {
                value.is_null() || value.as_str() == Some("")
            }
        }
    };
}

pub(crate) use {record, when, words};
