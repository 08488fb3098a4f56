//! Events of simulated work, as `kubectl describe` shows them. A bounded number: the oldest go.

use std::collections::VecDeque;

use belay_object::{Object, object};
use jiff::Timestamp;

use super::world::{World, now_text};
use crate::handle::Delete;

/// How many are kept: enough to describe what happened lately, at 1.5 KiB each some 3 MiB.
const MAX_EVENTS: usize = 2_000;

/// The events written so far, and those to be written once there is nothing more urgent.
#[derive(Default)]
pub(super) struct Events {
    written: VecDeque<Object>,
    waiting: Vec<Object>,
}

impl World {
    /// Tells what happened to an object, a little later.
    pub(super) fn tell(&mut self, about: &Object, component: &str, kind: &str, reason: &str, message: &str) {
        let namespace = if about.namespace().is_empty() { "default" } else { about.namespace() };
        let name = format!("{}.{:016x}", about.name(), Timestamp::now().as_nanosecond());
        let mut event = Object::of("v1", "Event", namespace, &name);
        let now = now_text();
        let fields = object! {
            "involvedObject" => object! {
                "apiVersion" => about.api_version(), "kind" => about.kind(), "name" => about.name(),
                "namespace" => about.namespace(), "uid" => about.uid(), "resourceVersion" => about.resource_version(),
            },
            "reason" => reason, "message" => message, "type" => kind, "count" => 1,
            "firstTimestamp" => now.as_str(), "lastTimestamp" => now.as_str(),
            "source" => object! { "component" => component }, "reportingComponent" => component,
        };
        for (key, value) in fields.as_object().into_iter().flat_map(belay_object::Map::iter) {
            event.set(&[key.as_str()], value.clone());
        }
        // Beyond what is kept there is no use in waiting.
        if self.events.waiting.len() < MAX_EVENTS {
            self.events.waiting.push(event);
        }
    }

    /// Writes what has been told. A failure to write it is no failure of what it tells.
    pub(super) fn write_events(&mut self) {
        for event in std::mem::take(&mut self.events.waiting) {
            let place = Object::of("v1", "Event", event.namespace(), event.name());
            if self.handle.create(event).is_err() {
                continue;
            }
            self.events.written.push_back(place);
            if self.events.written.len() > MAX_EVENTS
                && let Some(oldest) = self.events.written.pop_front()
            {
                let _ = self.handle.delete(&oldest, &Delete::default());
            }
        }
    }
}
