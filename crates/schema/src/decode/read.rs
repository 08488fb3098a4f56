//! JSON text into values, with the fields that stand twice.

use std::cell::RefCell;
use std::fmt;

use belay_object::{Map, Value};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind};
use crate::prune::push_name;

/// At most this many are told of.
const MAX_DUPLICATES: usize = 100;

/// Reads JSON. Besides the value gives the paths of fields that stand twice (`data.a`), in the text's
/// order; of two the last counts. Nesting is limited to 128 levels.
pub fn read_json(text: &[u8]) -> Result<(Value, Vec<String>), Error> {
    let state = RefCell::new(State::default());
    let value = parse(text, &state)?;
    if !state.borrow().found {
        return Ok((value, Vec::new()));
    }
    // Paths are followed only where there is something to tell.
    let state = RefCell::new(State { follow: true, ..State::default() });
    let value = parse(text, &state)?;
    Ok((value, state.into_inner().duplicates))
}

fn parse(text: &[u8], state: &RefCell<State>) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let malformed = |e: serde_json::Error| Error::new(ErrorKind::Malformed, e.to_string());
    let value = Seed(state).deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(value)
}

#[derive(Default)]
struct State {
    found: bool,
    follow: bool,
    path: String,
    duplicates: Vec<String>,
}

impl State {
    fn duplicate(&mut self, name: &str) {
        self.found = true;
        if self.follow && self.duplicates.len() < MAX_DUPLICATES {
            let before = self.path.len();
            push_name(&mut self.path, name);
            if !self.duplicates.contains(&self.path) {
                self.duplicates.push(self.path.clone());
            }
            self.path.truncate(before);
        }
    }
}

struct Seed<'s>(&'s RefCell<State>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = belay_object::Key;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<belay_object::Key, D::Error> {
        d.deserialize_str(self)
    }
}
impl Visitor<'_> for Name {
    type Value = belay_object::Key;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }
    fn visit_str<E>(self, s: &str) -> Result<belay_object::Key, E> {
        Ok(belay_object::Key::new(s))
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let state = self.0;
        let before = state.borrow().path.len();
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or_default().min(64));
        loop {
            if state.borrow().follow {
                let mut state = state.borrow_mut();
                state.path.truncate(before);
                state.path.push_str(&format!("[{}]", items.len()));
            }
            match seq.next_element_seed(Seed(state))? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        state.borrow_mut().path.truncate(before);
        Ok(items.into_iter().collect())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let state = self.0;
        let before = state.borrow().path.len();
        let mut out = Map::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if state.borrow().follow {
                push_name(&mut state.borrow_mut().path, &name);
            }
            let value = map.next_value_seed(Seed(state))?;
            state.borrow_mut().path.truncate(before);
            if out.contains_key(&name) {
                state.borrow_mut().duplicate(&name);
            }
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }
}
