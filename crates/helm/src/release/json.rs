//! JSON with fields in a given order, as Go writes structs.

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use belay_object::Value;

use crate::go;

/// An object being written.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Writer<'a> {
        out.push(b'{');
        Writer { out, is_first: true }
    }

    /// Writes a field's name and gives where its value goes.
    pub(crate) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        go::write_json_text(name, self.out);
        self.out.push(b':');
        self.out
    }

    /// Writes a text, unless it is empty.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            go::write_json_text(text, self.field(name));
        }
    }

    /// Writes a text, be it empty.
    pub(crate) fn any_text(&mut self, name: &str, text: &str) {
        go::write_json_text(text, self.field(name));
    }

    /// Writes texts, unless there are none.
    pub(crate) fn texts<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_some() {
            list(self.field(name), texts, go::write_json_text);
        }
    }

    /// Writes a value.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        go::write_json(value, self.field(name));
    }

    /// Writes what was read as it was read.
    pub(crate) fn raw(&mut self, name: &str, raw: &str) {
        self.field(name).extend_from_slice(raw.as_bytes());
    }

    /// Writes fields that were read and mean nothing here.
    pub(crate) fn unknown(&mut self, fields: &[(String, Box<RawValue>)]) {
        fields.iter().for_each(|(name, raw)| self.raw(name, raw.get()));
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a list.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Fields that were read and mean nothing here, as they were read.
pub(crate) type Unknown = Vec<(String, Box<RawValue>)>;

/// The fields of an object being read, each as it stands.
pub(crate) struct Fields(Unknown);

impl Fields {
    /// Reads an object; of null there are none.
    pub(crate) fn read(text: &str) -> Result<Fields, String> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Unknown;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_unit<E>(self) -> Result<Unknown, E> {
                Ok(Vec::new())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unknown, A::Error> {
                let mut fields: Unknown = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, Box<RawValue>>()? {
                    fields.push((name, raw));
                }
                Ok(fields)
            }
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = reader.deserialize_any(Visit).map_err(|e| e.to_string())?;
        reader.end().map_err(|e| e.to_string())?;
        Ok(Fields(fields))
    }

    /// Takes a field out; of one name the last counts.
    pub(crate) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let mut found = None;
        self.0.retain_mut(|(own, raw)| {
            if own != name {
                return true;
            }
            found = Some(std::mem::take(raw));
            false
        });
        found.filter(|raw| raw.get() != "null")
    }

    /// Takes a field out and reads it.
    pub(crate) fn read_field<T: serde::de::DeserializeOwned + Default>(&mut self, name: &str) -> Result<T, String> {
        let Some(raw) = self.take(name) else { return Ok(T::default()) };
        serde_json::from_str(raw.get()).map_err(|e| format!("{name}: {e}"))
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Unknown {
        self.0
    }
}
