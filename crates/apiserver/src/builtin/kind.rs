//! [`Kind`]: the meaning of most built-in kinds, put together from plain functions.

use belay_object::Object;

use super::faults::Faults;
use super::go_types::{GoTypes, StructId};
use super::{defaults, normal_form};
use crate::plugin::{Context, KindLogic};
use crate::status::{FieldError, Result};

type Check = fn(&mut Faults, &Object);
type CheckChange = fn(&mut Faults, &Object, &Object);
type Prepare = fn(&Context<'_>, &mut Object);
type PrepareChange = fn(&Context<'_>, &mut Object, &Object);
type Admit = fn(&Context<'_>, &mut Object, Option<&Object>) -> Result<()>;
type Convert = fn(&mut Object, &str);
type Grace = fn(&Object, Option<i64>) -> Option<i64>;

/// A kind that keeps no state of its own.
pub struct Kind {
    api_version: &'static str,
    kind: &'static str,
    struct_id: Option<StructId>,
    create: Option<Check>,
    update: Option<CheckChange>,
    update_first: bool,
    complete: Option<fn(&mut Object)>,
    prepare: Option<Prepare>,
    prepare_change: Option<PrepareChange>,
    admit: Option<Admit>,
    convert: Option<Convert>,
    name: Option<fn(&str) -> Vec<String>>,
    selectable: &'static [&'static str],
    grace: Option<Grace>,
}

impl Kind {
    /// A kind with defaults and Go's normal form and nothing else.
    pub fn of(api_version: &'static str, kind: &'static str) -> Kind {
        Kind {
            api_version,
            kind,
            struct_id: GoTypes::get().kind(api_version, kind),
            create: None,
            update: None,
            update_first: false,
            complete: None,
            prepare: None,
            prepare_change: None,
            admit: None,
            convert: None,
            name: None,
            selectable: &[],
            grace: None,
        }
    }
    /// What is wrong with any state of it.
    pub fn create(mut self, check: Check) -> Kind {
        self.create = Some(check);
        self
    }
    /// What is wrong with a change beyond [`Kind::create`].
    pub fn update(mut self, check: CheckChange) -> Kind {
        self.update = Some(check);
        self
    }
    /// The same, said before what [`Kind::create`] says.
    pub fn update_first(mut self, check: CheckChange) -> Kind {
        self.update_first = true;
        self.update(check)
    }
    /// What belongs to completing it beyond defaults; like these it looks at nothing but the object.
    pub fn complete(mut self, complete: fn(&mut Object)) -> Kind {
        self.complete = Some(complete);
        self
    }
    /// What happens to a new one before it is checked.
    pub fn prepare(mut self, prepare: Prepare) -> Kind {
        self.prepare = Some(prepare);
        self
    }
    /// What happens to a change before it is checked.
    pub fn prepare_change(mut self, prepare: PrepareChange) -> Kind {
        self.prepare_change = Some(prepare);
        self
    }
    /// What admission does.
    pub fn admission(mut self, admit: Admit) -> Kind {
        self.admit = Some(admit);
        self
    }
    /// How versions convert.
    pub fn conversion(mut self, convert: Convert) -> Kind {
        self.convert = Some(convert);
        self
    }
    /// The syntax of its name.
    pub fn name(mut self, check: fn(&str) -> Vec<String>) -> Kind {
        self.name = Some(check);
        self
    }
    /// Fields that field selectors may name.
    pub fn selectable(mut self, fields: &'static [&'static str]) -> Kind {
        self.selectable = fields;
        self
    }
    /// How long a deleted one stays.
    pub fn grace(mut self, grace: Grace) -> Kind {
        self.grace = Some(grace);
        self
    }
    /// The group of its apiVersion.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl KindLogic for Kind {
    fn decode(&self, object: &mut Object) -> Option<std::result::Result<Vec<String>, String>> {
        let struct_id = match object.api_version() {
            version if version == self.api_version => self.struct_id,
            version => GoTypes::get().kind(version, self.kind).or(self.struct_id),
        }?;
        let unknown = normal_form::normalise(object.value_mut(), struct_id);
        if unknown.is_ok() {
            defaults::apply(object.value_mut(), struct_id);
            if let Some(complete) = self.complete {
                complete(object);
            }
        }
        Some(unknown)
    }
    /// Defaults, in Go's normal form: quantities canonical, empty fields left out, Go's zero values written.
    /// What decoding would refuse is left as it is.
    fn default(&self, object: &mut Object) {
        // The request's version may be another than the stored one (autoscaling).
        let struct_id = match object.api_version() {
            version if version == self.api_version => self.struct_id,
            version => GoTypes::get().kind(version, self.kind).or(self.struct_id),
        };
        let Some(id) = struct_id else { return };
        if let Some(complete) = self.complete {
            complete(object);
        }
        if normal_form::normalise(object.value_mut(), id).is_ok() {
            defaults::apply(object.value_mut(), id);
        }
    }
    fn prepare_create(&self, cx: &Context<'_>, object: &mut Object) {
        if let Some(prepare) = self.prepare {
            prepare(cx, object);
        }
    }
    fn prepare_update(&self, cx: &Context<'_>, object: &mut Object, old: &Object) {
        if let Some(prepare) = self.prepare_change {
            prepare(cx, object, old);
        }
    }
    fn admit(&self, cx: &Context<'_>, object: &mut Object, old: Option<&Object>) -> Result<()> {
        self.admit.map_or(Ok(()), |admit| admit(cx, object, old))
    }
    fn validate_create(&self, cx: &Context<'_>, object: &Object) -> Vec<FieldError> {
        let mut faults = Faults::default();
        if let Some(check) = self.create
            && cx.subresource != "status"
        {
            check(&mut faults, object);
        }
        faults.0
    }
    fn validate_update(&self, cx: &Context<'_>, object: &Object, old: &Object) -> Vec<FieldError> {
        let mut faults = Faults::default();
        // Binding sets what nothing else may.
        if matches!(cx.subresource, "status" | "binding") {
            return faults.0;
        }
        let mut change = Faults::default();
        if let Some(check) = self.update {
            check(&mut change, object, old);
        }
        if let Some(check) = self.create {
            check(&mut faults, object);
        }
        if self.update_first {
            std::mem::swap(&mut faults, &mut change);
        }
        faults.0.extend(change.0);
        faults.0
    }
    fn convert(&self, object: &mut Object, to_version: &str) {
        if let Some(convert) = self.convert {
            convert(object, to_version);
        }
    }
    fn validate_name(&self, name: &str) -> Option<Vec<String>> {
        self.name.map(|check| check(name))
    }
    fn selectable_fields(&self) -> &'static [&'static str] {
        self.selectable
    }
    fn grace_period(&self, object: &Object, asked: Option<i64>) -> Option<i64> {
        self.grace.and_then(|grace| grace(object, asked))
    }
}
