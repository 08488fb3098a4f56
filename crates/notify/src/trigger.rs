//! Triggers: conditions, and what is sent when one is met.

use base64::Engine;
use belay_expr::{ExprLimits, ExprProgram, ExprScope};
use belay_object::Value;
use sha1::Digest;

use crate::destinations::texts;
use crate::{Error, ErrorKind};

/// The most conditions of a trigger.
const MOST: usize = 100;

/// One condition of a trigger.
#[derive(Debug)]
pub(crate) struct Condition {
    /// `[INDEX].HASH`: what its messages are known by.
    pub key: String,
    /// The templates of its message.
    pub send: Vec<String>,
    when: ExprProgram,
    once_per: Option<ExprProgram>,
}

/// What came of a condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Met {
    pub is_met: bool,
    /// What it is told once for; empty where it is told each time that it is met anew.
    pub once_for: String,
}

/// Reads a trigger: a list of `{when, oncePer, send}`.
pub(crate) fn read(text: &str) -> Result<Vec<Condition>, String> {
    let list = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| e.to_string())?;
    if !matches!(list, Value::Array(_) | Value::Null) {
        return Err("expected a list of conditions".to_owned());
    }
    if list.items().len() > MOST {
        return Err(format!("more than {MOST} conditions"));
    }
    list.items().iter().enumerate().map(|(index, condition)| read_condition(index, condition)).collect()
}

fn read_condition(index: usize, condition: &Value) -> Result<Condition, String> {
    let text = |field: &str| match condition.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(value) => value.as_str().ok_or_else(|| format!("[{index}].{field}: expected text")),
    };
    let compile = |field: &str, text: &str| ExprProgram::compile(text).map_err(|e| format!("[{index}].{field}: {e}"));
    let (when, once_per) = (text("when")?, text("oncePer")?);
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(when.as_bytes()));
    Ok(Condition {
        key: format!("[{index}].{hash}"),
        send: texts(condition.get("send")),
        when: compile("when", if when.is_empty() { "false" } else { when })?,
        once_per: if once_per.is_empty() { None } else { Some(compile("oncePer", once_per)?) },
    })
}

impl Condition {
    /// Evaluates it. What fails is not met, and told; what is no truth is not met.
    pub(crate) fn evaluate(&self, scope: &ExprScope<'_>) -> (Met, Option<Error>) {
        let failed = |what: &str, e: belay_expr::Error| Error::new(ErrorKind::Template, format!("{what}: {e}"));
        let not_met = Met { is_met: false, once_for: String::new() };
        match self.when.evaluate(scope, ExprLimits::default()).map(|value| value.as_bool()) {
            Err(e) => return (not_met, Some(failed("when", e))),
            Ok(Some(true)) => {}
            Ok(_) => return (not_met, None),
        }
        match self.once_per.as_ref().map(|program| program.evaluate(scope, ExprLimits::default())) {
            None => (Met { is_met: true, once_for: String::new() }, None),
            Some(Ok(value)) => (Met { is_met: true, once_for: value.to_text() }, None),
            Some(Err(e)) => (Met { is_met: true, once_for: String::new() }, Some(failed("oncePer", e))),
        }
    }
}
