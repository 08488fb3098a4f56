//! The operations, as functions from (live object, request) to what is stored.
//!
//! A write never holds a lock while it thinks: it reads the live object, computes the new one, and
//! swaps it in if the live one is still the same; where it is not and the client named no version,
//! it thinks again.

use std::borrow::Cow;
use std::sync::Arc;

use belay_object::Object;
use belay_schema::ssa;

use crate::identity::UserInfo;
use crate::plugin::{Context, KindLogic};
use crate::resource::Resource;
use crate::server::Inner;
use crate::status::{ApiError, Result};
use crate::store::Stored;

pub(crate) mod create;
pub(crate) mod decode;
pub(crate) mod delete;
mod go_json;
pub(crate) mod patch;
pub(crate) mod read;
pub(crate) mod scale;
pub(crate) mod update;

/// How often a write thinks again because somebody was faster. Each round means another write went
/// through, so that this is reached by a hundred writers of one object only.
const MAX_ROUNDS: usize = 100;

/// Objects above this are not stored, as etcd refuses them.
const MAX_STORED_BYTES: usize = 3 << 19;

/// What is said about fields that no schema declares and fields that stand twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum FieldValidation {
    /// Refused.
    Strict,
    /// A warning each.
    #[default]
    Warn,
    /// Nothing.
    Ignore,
}

/// How a write is to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    pub dry_run: bool,
    /// Who owns what is written: `fieldManager`, or the first word of the user agent.
    pub manager: String,
    /// Take over what others own.
    pub force: bool,
    pub validation: FieldValidation,
    /// The size of the request's body, for the size limit.
    pub body_bytes: usize,
}

/// One operation on one resource by one user.
pub(crate) struct Call<'a> {
    pub inner: &'a Inner,
    pub resource: &'a Resource,
    pub namespace: &'a str,
    pub name: &'a str,
    pub subresource: &'a str,
    pub user: &'a UserInfo,
    pub options: WriteOptions,
    /// `metav1.Time`'s text.
    pub now: String,
}

/// What an operation gives back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What is stored.
    Stored(Arc<Stored>),
    /// What would be, or something made for the answer.
    Object(Object),
}

impl Answer {
    pub(crate) fn object(&self) -> &Object {
        match self {
            Answer::Stored(stored) => stored.object(),
            Answer::Object(object) => object,
        }
    }
}

/// The answer to a write, with whether the object is new.
#[derive(Debug)]
pub(crate) struct Written {
    pub answer: Answer,
    pub created: bool,
    pub warnings: Vec<String>,
}

impl Written {
    pub(crate) fn new(answer: Answer, created: bool) -> Written {
        Written { answer, created, warnings: Vec::new() }
    }
}

impl Call<'_> {
    pub(crate) fn key(&self) -> String {
        crate::store::key_of(self.namespace, self.name)
    }
    pub(crate) fn live(&self) -> Option<Arc<Stored>> {
        self.resource.table.get(&self.key())
    }
    pub(crate) fn logic(&self) -> Option<&dyn KindLogic> {
        self.resource.logic.as_deref()
    }
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            store: &self.inner.store,
            user: self.user,
            authorizer: &*self.inner.plugins.authorizer,
            subresource: self.subresource,
            version: &self.resource.version,
            now: &self.now,
            dry_run: self.options.dry_run,
        }
    }
    pub(crate) fn not_found(&self) -> ApiError {
        ApiError::not_found(&self.resource.group, &self.resource.plural, self.name)
    }
    pub(crate) fn modified(&self) -> ApiError {
        ApiError::modified(&self.resource.group, &self.resource.plural, self.name)
    }
    pub(crate) fn manager(&self) -> ssa::Manager<'_> {
        ssa::Manager { name: &self.options.manager, time: &self.now }
    }
    /// Runs `with` on what a tracked write to this (sub)resource is measured against.
    pub(crate) fn with_target<T>(&self, with: impl FnOnce(&ssa::Target<'_>) -> T) -> T {
        with(&ssa::Target {
            schema: &self.resource.schema,
            api_version: self.resource.api_version(),
            kind: &self.resource.kind,
            subresource: self.subresource,
            reset: self.resource.reset(self.subresource),
        })
    }
    /// The live object in the version the request speaks.
    pub(crate) fn in_request_version<'s>(&self, stored: &'s Object) -> Cow<'s, Object> {
        self.resource.present(stored)
    }
    /// The namespaces' table where the object's namespace must be there.
    pub(crate) fn namespace_guard(&self) -> Option<&crate::store::Table> {
        self.resource.namespaced.then_some(&*self.inner.namespaces)
    }
    /// Refuses what etcd would refuse. The exact size is only made where it may be near.
    pub(crate) fn check_size(&self, object: &Object, live_bytes: usize) -> Result<()> {
        if self.options.body_bytes + live_bytes < MAX_STORED_BYTES / 2
            || object.value().to_json().len() <= MAX_STORED_BYTES
        {
            return Ok(());
        }
        Err(ApiError::unclassified("etcdserver: request is too large"))
    }
}

/// The time as `metav1.Time` writes it: to the second, UTC.
pub(crate) fn now_text() -> String {
    time_text(jiff::Timestamp::now())
}

pub(crate) fn time_text(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
