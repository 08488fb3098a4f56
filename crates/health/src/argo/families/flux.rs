//! Flux's kinds.

use belay_object::{Object, Value};

use super::super::{Health, Status, conditions, flag};

use Status::{Degraded, Healthy, Progressing, Suspended};

pub(super) fn flux_suspended(object: &Object) -> Option<Health> {
    flag(object, &["spec", "suspend"]).then(|| Health::new(Suspended, format!("{} is suspended", object.kind())))
}

/// Flux's objects: reconciling and not decided is progress; `Ready` and one of `also` (where there
/// are such) is success; all else is failure. The message is the reason of `Ready`.
pub(super) fn flux(object: &Object, also: &[&str], undecided: &str, progress_reasons: Option<&[&str]>) -> Health {
    if let Some(suspended) = flux_suspended(object) {
        return suspended;
    }
    if object.at(&["status", "conditions"]).is_none_or(Value::is_null) {
        return Health::new(Progressing, "Status unknown");
    }
    let (mut progressing, mut succeeded, mut message) = (0, 0, String::new());
    for c in conditions(object) {
        let is_true = c.status == "True";
        match c.kind {
            "Ready" => {
                succeeded += usize::from(is_true);
                progressing += usize::from(c.status == undecided);
                message = c.reason.to_owned();
            }
            "Reconciling" if is_true => {
                progressing += usize::from(progress_reasons.is_none_or(|reasons| reasons.contains(&c.reason)));
            }
            "ArtifactOutdated" if is_true && also.contains(&"ArtifactInStorage") => {
                message = format!("{message} {}", c.reason);
            }
            kind if also.contains(&kind) => succeeded += usize::from(is_true),
            _ => {}
        }
    }
    let needed = 1 + usize::from(!also.is_empty());
    let status = if progressing == 2 {
        Progressing
    } else if succeeded == needed {
        Healthy
    } else {
        Degraded
    };
    Health::new(status, message)
}

pub(super) fn flux_receiver(object: &Object) -> Health {
    match flux(object, &[], "False", None) {
        Health { status: Progressing, message } if message != "Status unknown" => Health::new(Degraded, message),
        health => health,
    }
}
