//! [`due`]: which messages an object's values call for.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_gotemplate::with_stack;
use belay_object::Value;

use crate::functions::{Outside, expr_scope};
use crate::sent::key;
use crate::template::render;
use crate::{Config, Destination, Destinations, Error, ErrorKind, Notification, Sent};

/// What messages are about: the values that conditions and templates see.
#[derive(Clone)]
pub struct Subject {
    /// Values by name.
    pub values: Vec<(&'static str, Arc<Value>)>,
    /// What functions look up.
    pub outside: Arc<dyn Outside>,
    /// The time, in nanoseconds since 1970.
    pub now_unix_ns: i128,
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is remembered by once it is sent.
    pub key: String,
    /// What called for it.
    pub trigger: String,
    /// Where it goes.
    pub to: Destination,
    /// What makes its text.
    pub templates: Vec<String>,
}

/// What came of all conditions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Messages that were not sent.
    pub messages: Vec<Message>,
    /// Keys of conditions that are not met: once they are again, they are told again.
    pub over: Vec<String>,
    /// How often conditions of a trigger were met and not met.
    pub evaluated: BTreeMap<String, (u32, u32)>,
    /// What could not be evaluated.
    pub problems: Vec<Error>,
}

/// Evaluates the triggers that somebody wants to hear of.
pub fn due(config: &Config, destinations: &Destinations, sent: &Sent, subject: &Subject) -> Due {
    let mut found = Due::default();
    let scope = expr_scope(subject, config);
    for (trigger, all) in destinations.iter() {
        let conditions = match config.triggers.get(trigger) {
            Some(conditions) => conditions,
            None => {
                let message = format!("trigger '{trigger}' is not configured");
                found.problems.push(Error::new(ErrorKind::Missing, message));
                continue;
            }
        };
        for condition in conditions {
            let (met, problem) = condition.evaluate(&scope);
            found.problems.extend(problem.map(|e| Error::new(e.kind, format!("trigger '{trigger}': {e}"))));
            let counts = found.evaluated.entry(trigger.to_owned()).or_default();
            *(if met.is_met { &mut counts.0 } else { &mut counts.1 }) += 1;
            for to in all {
                let key = key(&met.once_for, trigger, &condition.key, to);
                match (met.is_met, sent.has(&key)) {
                    (true, false) => found.messages.push(Message {
                        key,
                        trigger: trigger.to_owned(),
                        to: to.clone(),
                        templates: condition.send.clone(),
                    }),
                    (false, true) => found.over.push(key),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }
    for problem in &mut found.problems {
        problem.message = config.scrub(&problem.message);
    }
    found
}

/// The stack that templates may use.
const STACK_BYTES: usize = 8 << 20;

impl Message {
    /// Its text, for the service that it goes to.
    pub fn render(&self, config: &Config, subject: &Subject) -> Result<Notification, Error> {
        let rendered = with_stack(STACK_BYTES, || render(config, subject, &self.templates, &self.to));
        let rendered = rendered.unwrap_or_else(|e| Err(Error::new(ErrorKind::Template, e.to_string())));
        rendered.map_err(|e| Error::new(e.kind, config.scrub(&e.message)))
    }
}
