//! `semver` and `semverCompare`, and the version as an object.

use belay_semver::{Constraints, Version};

use super::arg::{self, Result};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param, Signature};
use crate::value::{Kind, Object, Value};
use Param::String as Text;

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("semver", &[Text], |_, a| read(&arg::text(a, 0)).map(|v| Value::object(Semver::pointer(v)))));
    f.add(Function::new("semverCompare", &[Text, Text], |_, a| {
        let constraints = Constraints::parse(&arg::text(a, 0)).map_err(|error| Error::new(error.to_string()))?;
        Ok(Value::Bool(constraints.check(&read(&arg::text(a, 1))?)))
    }));
}

fn read(text: &str) -> Result<Version> {
    Version::coerced(text).map_err(|error| Error::new(error.to_string()))
}

/// A `*semver.Version`, or what its methods give: a `semver.Version`.
struct Semver {
    version: Version,
    pointer: bool,
}

const POINTER: &str = "*semver.Version";

impl Semver {
    fn pointer(version: Version) -> Semver {
        Semver { version, pointer: true }
    }
}

impl Object for Semver {
    fn type_name(&self) -> &str {
        if self.pointer { POINTER } else { &POINTER[1..] }
    }
    fn kind(&self) -> Kind {
        if self.pointer { Kind::Ptr } else { Kind::Struct }
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const NONE: &Signature = &Signature::fixed(&[]);
        const TEXT: &Signature = &Signature::fixed(&[Text]);
        const OTHER: &Signature = &Signature::fixed(&[Param::Object(POINTER)]);
        match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "String" => Some(NONE),
            "IncMajor" | "IncMinor" | "IncPatch" => Some(NONE),
            "SetPrerelease" | "SetMetadata" => Some(TEXT),
            // These have a pointer's receiver.
            "Original" if self.pointer => Some(NONE),
            "Compare" | "Equal" | "LessThan" | "LessThanEqual" | "GreaterThan" | "GreaterThanEqual" if self.pointer => {
                Some(OTHER)
            }
            _ => None,
        }
    }
    fn call(&self, _ctx: &mut Context, name: &str, args: &[Value]) -> Result {
        let version = &self.version;
        let number = |n: u64| Ok(Value::Uint64(n));
        let made = |version: Version| Ok(Value::object(Semver { version, pointer: false }));
        let next = |version: Option<Version>, part: &str| match version {
            Some(version) => made(version),
            None => Err(Error::new(format!("{part} version increment would overflow uint64"))),
        };
        let set = |version: std::result::Result<Version, belay_semver::VersionError>| {
            version.map_err(|error| Error::new(error.to_string())).and_then(made)
        };
        match name {
            "Major" => number(version.major()),
            "Minor" => number(version.minor()),
            "Patch" => number(version.patch()),
            "Prerelease" => Ok(version.prerelease().into()),
            "Metadata" => Ok(version.metadata().into()),
            "Original" => Ok(version.original().into()),
            "String" => Ok(version.to_string().into()),
            "IncMajor" => next(version.increment_major(), "major"),
            "IncMinor" => next(version.increment_minor(), "minor"),
            "IncPatch" => next(version.increment_patch(), "patch"),
            "SetPrerelease" => set(version.with_prerelease(&arg::text(args, 0))),
            "SetMetadata" => set(version.with_metadata(&arg::text(args, 0))),
            _ => self.compared(name, arg::any(args, 0)),
        }
    }
    fn text(&self) -> Option<String> {
        Some(self.version.to_string())
    }
    fn equals(&self, other: &dyn Object) -> bool {
        let other = (other as &dyn std::any::Any).downcast_ref::<Semver>();
        other.is_some_and(|other| other.version == self.version && other.pointer == self.pointer)
    }
}

impl Semver {
    fn compared(&self, name: &str, other: &Value) -> Result {
        let other = other.downcast::<Semver>().ok_or_else(arg::nil_dereference)?;
        let order = self.version.compare(&other.version);
        Ok(match name {
            "Compare" => Value::Int(order as i64),
            "Equal" => order.is_eq().into(),
            "LessThan" => order.is_lt().into(),
            "LessThanEqual" => order.is_le().into(),
            "GreaterThan" => order.is_gt().into(),
            "GreaterThanEqual" => order.is_ge().into(),
            _ => return Err(Error::new(format!("no method {name}"))),
        })
    }
}
