//! Tests of Sprig's functions: what Sprig 3.3 answers to the same template.

use std::sync::Arc;

use super::unicode::runes;
use crate::{Context, Environment, Error, Functions, Limits, MissingKey, Set, Value, parse, sprig};

mod answers;
mod effects;
mod limits;
mod names;
mod secrets;

/// A fixed instant: 2023-11-14T22:13:20Z.
const NOW_NS: i128 = 1_700_000_000_000_000_000;

/// A source of bytes that gives the same each time.
fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 7u64;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 33) as u8;
        }
    }
}

fn functions() -> Arc<Functions> {
    let mut functions = Functions::new();
    sprig::register(&mut functions);
    Arc::new(functions)
}

/// Executes a text over a few values, as Helm does.
fn execute(functions: &Arc<Functions>, text: &str, limits: Limits) -> Result<String, Error> {
    let values = r#"{"Values": {"f": 3, "s": "hello", "l": ["c", "a", "b"], "m": {"a": 1, "c": {"d": "deep"}}}}"#;
    let dot = sprig::json::decode(values.as_bytes()).map_or(Value::Nil, |dot| dot);
    let mut set = Set::named("t");
    set.add(&parse("t", text, functions)?);
    let environment = Environment { now_unix_ns: NOW_NS, random: Some(Box::new(random())), ..Environment::default() };
    let mut context = Context::new(set, Arc::clone(functions), environment, limits).with_missing_key(MissingKey::Zero);
    let out = context.execute("t", &dot)?;
    Ok(runes(&out).map(|(c, _)| c).collect())
}

/// What a text gives, or the error.
fn run(text: &str) -> String {
    execute(&functions(), text, Limits::default()).unwrap_or_else(|error| format!("error: {}", error.root()))
}

fn check(text: &str, expected: &str) {
    assert_eq!(run(text), expected, "{text}");
}
