//! One object in one phase of an operation.

use std::fmt;
use std::sync::Arc;

use belay_object::{Object, ObjectKey};

/// The phases of an operation, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum SyncPhase {
    /// Before anything is applied.
    PreSync,
    /// The objects themselves.
    Sync,
    /// After all of them are healthy.
    PostSync,
    /// Only after a failure.
    SyncFail,
}

impl SyncPhase {
    /// All phases, in order.
    pub const ALL: [SyncPhase; 4] = [SyncPhase::PreSync, SyncPhase::Sync, SyncPhase::PostSync, SyncPhase::SyncFail];

    /// `PreSync`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            SyncPhase::PreSync => "PreSync",
            SyncPhase::Sync => "Sync",
            SyncPhase::PostSync => "PostSync",
            SyncPhase::SyncFail => "SyncFail",
        }
    }
    /// Reads [`SyncPhase::as_str`].
    pub fn parse(text: &str) -> Option<SyncPhase> {
        SyncPhase::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}
impl fmt::Display for SyncPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an operation, or one task of it, has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum OperationPhase {
    /// It has begun.
    Running,
    /// It is to end as soon as it can.
    Terminating,
    /// It ended, and not well.
    Failed,
    /// It could not be carried out.
    Error,
    /// It ended well.
    Succeeded,
}

impl OperationPhase {
    /// `Running`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            OperationPhase::Running => "Running",
            OperationPhase::Terminating => "Terminating",
            OperationPhase::Failed => "Failed",
            OperationPhase::Error => "Error",
            OperationPhase::Succeeded => "Succeeded",
        }
    }
    /// Reads [`OperationPhase::as_str`].
    pub fn parse(text: &str) -> Option<OperationPhase> {
        use OperationPhase::{Error, Failed, Running, Succeeded, Terminating};
        [Running, Terminating, Failed, Error, Succeeded].into_iter().find(|phase| phase.as_str() == text)
    }
    /// Whether it has ended.
    pub fn is_completed(self) -> bool {
        matches!(self, OperationPhase::Failed | OperationPhase::Error | OperationPhase::Succeeded)
    }
}
impl fmt::Display for OperationPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was done about an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Outcome {
    /// It was applied.
    Synced,
    /// It was refused.
    SyncFailed,
    /// It was deleted.
    Pruned,
    /// It should have been deleted, and was left.
    PruneSkipped,
}

impl Outcome {
    /// `Synced`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Synced => "Synced",
            Outcome::SyncFailed => "SyncFailed",
            Outcome::Pruned => "Pruned",
            Outcome::PruneSkipped => "PruneSkipped",
        }
    }
    /// Reads [`Outcome::as_str`].
    pub fn parse(text: &str) -> Option<Outcome> {
        use Outcome::{PruneSkipped, Pruned, SyncFailed, Synced};
        [Synced, SyncFailed, Pruned, PruneSkipped].into_iter().find(|outcome| outcome.as_str() == text)
    }
    /// What it means for the task: applied is not yet well.
    pub fn phase(self) -> OperationPhase {
        match self {
            Outcome::Synced => OperationPhase::Running,
            Outcome::SyncFailed => OperationPhase::Failed,
            Outcome::Pruned | Outcome::PruneSkipped => OperationPhase::Succeeded,
        }
    }
}
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the object of a hook is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HookPolicy {
    /// Before it is created again.
    pub before_creation: bool,
    /// When the operation has succeeded.
    pub succeeded: bool,
    /// When the operation has failed.
    pub failed: bool,
}

impl Default for HookPolicy {
    /// Where nothing is said: before it is created again.
    fn default() -> HookPolicy {
        HookPolicy { before_creation: true, succeeded: false, failed: false }
    }
}

/// Whether an object may be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Consent {
    /// Yes.
    #[default]
    Given,
    /// No.
    Refused,
    /// Once somebody has confirmed it.
    OnceConfirmed,
}

/// What an object asks for, its own wishes and those of the operation taken together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags {
    /// Whether it may be pruned.
    pub prune: Consent,
    /// Prune it in a wave of its own behind all others.
    pub prune_last: bool,
    /// Replace it as a whole instead of merging.
    pub replace: bool,
    /// Delete it and make it anew where it cannot be changed.
    pub force: bool,
    /// Let the server refuse unknown fields.
    pub validate: bool,
    /// Its kind may be unknown before the operation has run: nothing is checked beforehand.
    pub skip_check: bool,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags {
            prune: Consent::Given,
            prune_last: false,
            replace: false,
            force: false,
            validate: true,
            skip_check: false,
        }
    }
}

/// What has become of a task. Kept from run to run.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskResult {
    /// Which object.
    pub key: ObjectKey,
    /// The version that was applied.
    pub version: String,
    /// In which phase.
    pub phase: SyncPhase,
    /// Whether it is a hook.
    pub hook: bool,
    /// What was done; `None` where that is not known yet.
    pub outcome: Option<Outcome>,
    /// How far it has come; `None` before it is well or not.
    pub state: Option<OperationPhase>,
    /// For people.
    pub message: String,
    /// The images of its containers.
    pub images: Vec<String>,
}

/// One object in one phase.
#[derive(Clone, Debug)]
pub struct Task {
    /// When.
    pub phase: SyncPhase,
    /// In which wave of the phase.
    pub wave: i64,
    /// The rules of a hook; `None` for a plain object.
    pub hook: Option<HookPolicy>,
    /// As it should be; `None` where it is to be pruned.
    pub target: Option<Arc<Object>>,
    /// As it is.
    pub live: Option<Arc<Object>>,
    /// What it asks for.
    pub flags: Flags,
    /// Whether it is known to differ from what is live; only those are touched where the operation says so.
    pub differs: bool,
    /// What was done.
    pub outcome: Option<Outcome>,
    /// How far it has come.
    pub state: Option<OperationPhase>,
    /// For people.
    pub message: String,
    /// The object as it was when the task was made: names it when nothing is left of it.
    first: Arc<Object>,
}

impl Task {
    /// A task about which nothing is known yet. One of the two objects must be there.
    pub fn new(phase: SyncPhase, wave: i64, target: Option<Arc<Object>>, live: Option<Arc<Object>>) -> Task {
        let first = target.clone().or_else(|| live.clone()).expect("a task is about an object");
        Task {
            first,
            phase,
            wave,
            hook: None,
            target,
            live,
            flags: Flags::default(),
            differs: true,
            outcome: None,
            state: None,
            message: String::new(),
        }
    }
    /// The object that it is about.
    pub fn object(&self) -> &Object {
        self.target.as_ref().or(self.live.as_ref()).unwrap_or(&self.first)
    }
    /// Its key, with the namespace that the live object has: a cluster-scoped one has none.
    pub fn key(&self) -> ObjectKey {
        let mut key = self.object().key();
        if let Some(live) = &self.live {
            key.namespace = live.namespace().into();
        }
        key
    }
    /// Whether its object is to be deleted.
    pub fn is_prune(&self) -> bool {
        self.target.is_none()
    }
    /// Whether nothing has been done about it.
    pub fn is_pending(&self) -> bool {
        self.state.is_none()
    }
    /// Whether it has begun.
    pub fn is_running(&self) -> bool {
        self.state == Some(OperationPhase::Running)
    }
    /// Whether it has ended.
    pub fn is_completed(&self) -> bool {
        self.state.is_some_and(OperationPhase::is_completed)
    }
    /// Whether it has ended well.
    pub fn is_successful(&self) -> bool {
        self.state == Some(OperationPhase::Succeeded)
    }
    /// Whether an older object of the hook stands in the way.
    pub fn deletes_before_creation(&self) -> bool {
        self.live.is_some() && self.is_pending() && self.hook.is_some_and(|h| h.before_creation)
    }
    /// `apps/Deployment/web`, as messages name it.
    pub fn told(&self) -> String {
        let object = self.object();
        let kind = object.group_kind();
        format!("{}/{}/{}", kind.group, kind.kind, object.name())
    }
    /// What is to be kept of it.
    pub fn result(&self) -> TaskResult {
        TaskResult {
            key: self.key(),
            version: self.object().group_version_kind().version.to_string(),
            phase: self.phase,
            hook: self.hook.is_some(),
            outcome: self.outcome,
            state: self.state,
            message: self.message.clone(),
            images: images(self.object()),
        }
    }
}

/// The images of an object's containers, each once, in order.
pub fn images(object: &Object) -> Vec<String> {
    let specs: [&[&str]; 3] =
        [&["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"], &["spec"]];
    let mut found: Vec<String> = Vec::new();
    for spec in specs {
        for list in ["initContainers", "containers"] {
            let path: Vec<&str> = spec.iter().copied().chain([list]).collect();
            for container in object.at(&path).map_or(&[][..], |v| v.items()) {
                if let Some(image) = container.str_at(&["image"])
                    && !image.is_empty()
                    && !found.iter().any(|known| known == image)
                {
                    found.push(image.to_owned());
                }
            }
        }
    }
    found
}
