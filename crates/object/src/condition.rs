//! `status.conditions` of any kind.

use crate::{Object, Value, object};

/// The status of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ConditionStatus {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`, or any other text.
    Unknown,
}

impl ConditionStatus {
    /// As it stands in an object.
    pub fn as_str(self) -> &'static str {
        match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        }
    }
    /// Reads one.
    pub fn parse(text: &str) -> ConditionStatus {
        match text {
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        }
    }
}

/// One condition of an object, in metav1.Condition's form.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// `Ready`
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// A word for machines.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The generation that was looked at; 0 where not said.
    pub observed_generation: i64,
    /// RFC 3339, to the second; empty where not said.
    pub last_transition_time: String,
}

impl Condition {
    /// Reads one; fields of the wrong type read as empty.
    pub fn read(value: &Value) -> Condition {
        let text = |k: &str| value.str_at(&[k]).unwrap_or_default().to_owned();
        Condition {
            kind: text("type"),
            status: ConditionStatus::parse(value.str_at(&["status"]).unwrap_or_default()),
            reason: text("reason"),
            message: text("message"),
            observed_generation: value.get("observedGeneration").and_then(Value::as_i64).unwrap_or_default(),
            last_transition_time: text("lastTransitionTime"),
        }
    }
    /// All conditions of an object's status, in order.
    pub fn all(of: &Object) -> Vec<Condition> {
        of.at(&["status", "conditions"]).map_or(&[][..], Value::items).iter().map(Condition::read).collect()
    }
    /// One condition of an object's status.
    pub fn find(of: &Object, kind: &str) -> Option<Condition> {
        let all = of.at(&["status", "conditions"])?.items();
        all.iter().find(|c| c.str_at(&["type"]) == Some(kind)).map(Condition::read)
    }
    /// Writes it in the field order-free form that the API takes.
    pub fn to_value(&self) -> Value {
        let mut value = object! {
            "type" => self.kind.as_str(),
            "status" => self.status.as_str(),
            "reason" => self.reason.as_str(),
            "message" => self.message.as_str(),
            "lastTransitionTime" => self.last_transition_time.as_str(),
        };
        if self.observed_generation != 0 {
            value.set(&["observedGeneration"], self.observed_generation);
        }
        value
    }
}
