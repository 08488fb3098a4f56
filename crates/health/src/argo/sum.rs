//! The health of an application from that of its objects.

use super::{Health, Status};

/// Adds up objects one by one. The caller leaves out hooks, what is not to be counted (an
/// annotation says so), and the application itself where it manages itself; those are neither
/// `add`ed nor `skip`ped unless said.
///
/// Compat(argo 3.5): an object that is missing does not count, the difference tells it already;
/// only where not one of the objects is there is the application missing.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    worst: Option<Status>,
    has_objects: bool,
    has_live_objects: bool,
    causes: Vec<String>,
}

impl Sum {
    /// Nothing added yet.
    pub fn new() -> Sum {
        Sum::default()
    }
    /// Adds an object: its health, `None` for a kind without; `name` is what a cause is told by.
    /// `is_application` is for an application within the application, whose absence or uncertainty
    /// is its own matter.
    pub fn add(&mut self, health: Option<&Health>, is_live: bool, is_application: bool, name: &str) {
        self.has_objects = true;
        self.has_live_objects |= is_live;
        let Some(health) = health else { return };
        if health.status == Status::Missing && (!is_live || is_application) {
            return;
        }
        if health.status == Status::Unknown && is_application {
            return;
        }
        let worst = self.worst.unwrap_or(Status::Healthy);
        if health.status > worst {
            self.worst = Some(health.status);
            self.causes = vec![name.to_owned()];
        } else if health.status == worst && worst != Status::Healthy {
            self.causes.push(name.to_owned());
        }
    }
    /// Counts an object's presence without asking for its health: one whose health is to be ignored.
    pub fn skip(&mut self, is_live: bool) {
        self.has_objects = true;
        self.has_live_objects |= is_live;
    }
    /// The status of all.
    pub fn status(&self) -> Status {
        let worst = self.worst.unwrap_or(Status::Healthy);
        if self.is_missing(worst) { Status::Missing } else { worst }
    }
    /// What made it so: `Caused by apps/Deployment:shop/cart, ... and 2 more`; empty where nothing is
    /// wrong.
    pub fn causes(&self) -> String {
        const SHOWN: usize = 3;
        if self.causes.is_empty() || self.is_missing(self.worst.unwrap_or(Status::Healthy)) {
            return String::new();
        }
        let shown = self.causes[..self.causes.len().min(SHOWN)].join(", ");
        match self.causes.len().checked_sub(SHOWN) {
            Some(more @ 1..) => format!("Caused by {shown} and {more} more"),
            _ => format!("Caused by {shown}"),
        }
    }
    fn is_missing(&self, worst: Status) -> bool {
        self.has_objects && !self.has_live_objects && Status::Missing > worst
    }
}
