//! What is recorded of an operation's tasks, as the engine has it and as the status keeps it.

use belay_object::ObjectKey;
use belay_plan::sync::{self as plan, SyncPhase, TaskResult};

use crate::spec::{HookType, OperationPhase, ResourceResult, ResultCode};

/// What the status keeps of an operation's tasks, as the engine wants it.
pub(super) fn results(resources: &[ResourceResult]) -> Vec<TaskResult> {
    let one = |r: &ResourceResult| {
        let phase = SyncPhase::parse(r.sync_phase?.as_str())?;
        Some(TaskResult {
            key: ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name),
            version: r.version.clone(),
            phase,
            hook: r.hook_type.is_some(),
            outcome: r.status.and_then(|s| plan::Outcome::parse(s.as_str())),
            state: r.hook_phase.and_then(|p| plan::OperationPhase::parse(p.as_str())),
            message: r.message.clone(),
            images: r.images.clone(),
        })
    };
    resources.iter().filter_map(one).collect()
}

pub(in crate::controller) fn told(result: &TaskResult) -> ResourceResult {
    ResourceResult {
        group: result.key.kind.group.to_string(),
        version: result.version.clone(),
        kind: result.key.kind.kind.to_string(),
        namespace: result.key.namespace.to_string(),
        name: result.key.name.to_string(),
        status: result.outcome.and_then(|o| ResultCode::parse(o.as_str())),
        message: result.message.clone(),
        hook_type: result.hook.then(|| HookType::parse(result.phase.as_str())).flatten(),
        hook_phase: result.state.and_then(|s| OperationPhase::parse(s.as_str())),
        sync_phase: crate::spec::SyncPhase::parse(result.phase.as_str()),
        images: result.images.clone(),
    }
}
