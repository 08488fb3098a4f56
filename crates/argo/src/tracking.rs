//! Whose an object is: written on what is applied, read from what lives.
//!
//! By the annotation method an object says of itself what it is; a copy of it under another name or
//! kind is nobody's. By the label method the label alone counts. CRDs carry nothing, so that nothing
//! ever deletes one.

use belay_object::{Object, Value};

use crate::manifests::is_crd;

/// `<app>:<group>/<kind>:<namespace>/<name>`
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
/// Which of several installations an object belongs to.
pub const INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
/// The label where the settings name no other.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// Longest value of a label.
const MAX_LABEL: usize = 63;

/// How objects are tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By the annotation.
    #[default]
    Annotation,
    /// By the annotation, with a label for people.
    AnnotationAndLabel,
    /// By the label.
    Label,
}

impl Method {
    /// Reads `application.resourceTrackingMethod`; what is none of them is the default, as in Argo CD.
    pub fn parse(text: &str) -> Method {
        match text {
            "label" => Method::Label,
            "annotation+label" => Method::AnnotationAndLabel,
            _ => Method::Annotation,
        }
    }
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Annotation => "annotation",
            Method::AnnotationAndLabel => "annotation+label",
            Method::Label => "label",
        }
    }
}

/// How an installation tracks objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// How.
    pub method: Method,
    /// The label.
    pub label_key: String,
    /// Which installation this is; empty where there is but one.
    pub installation_id: String,
}

impl Default for Tracking {
    fn default() -> Tracking {
        Tracking { method: Method::default(), label_key: INSTANCE_LABEL.into(), installation_id: String::new() }
    }
}

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRef {
    /// The Application, by the name that it is tracked by.
    pub app: String,
    /// Whether the object is what its tracking says it is. One that is not is managed by nobody.
    pub matches_self: bool,
}

/// A tracking id, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackingId {
    /// The Application, by the name that it is tracked by.
    pub app: String,
    /// The group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; of cluster-scoped objects that of the destination.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl TrackingId {
    /// Reads one; `None` where it is none.
    pub fn parse(text: &str) -> Option<TrackingId> {
        let mut parts = text.splitn(3, ':');
        let (app, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
        let pair = |text: &str| {
            let (first, second) = text.split_once('/')?;
            (!second.contains('/')).then(|| (first.to_owned(), second.to_owned()))
        };
        let ((group, kind), (namespace, name)) = (pair(kind)?, pair(name)?);
        Some(TrackingId { app: app.to_owned(), group, kind, namespace, name })
    }
    /// Whether an object is what it says. Cluster-scoped objects have whatever namespace; a hook that had no
    /// name yet when it was marked has any.
    pub fn is_of(&self, object: &Object) -> bool {
        let kind = object.group_kind();
        (object.namespace() == self.namespace || object.namespace().is_empty())
            && (object.name() == self.name || (self.name.is_empty() && crate::marks::is_hook(object)))
            && kind.group == self.group.as_str()
            && kind.kind == self.kind.as_str()
    }
}

impl std::fmt::Display for TrackingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}/{}:{}/{}", self.app, self.group, self.kind, self.namespace, self.name)
    }
}

impl Tracking {
    /// Writes on an object whose it is. `app` is the name that the Application is tracked by,
    /// `namespace` its destination's. CRDs are left as they are.
    pub fn stamp(&self, object: &mut Object, app: &str, namespace: &str) {
        if is_crd(object) {
            return;
        }
        if self.method == Method::Label {
            // One that is too long is left to the server to refuse: cut, it would not be found again.
            self.set_label(object, app);
            return;
        }
        settle(object, "annotations");
        if self.installation_id.is_empty() {
            object.remove(&["metadata", "annotations", INSTALLATION_ID]);
        } else {
            object.set_annotation(INSTALLATION_ID, &self.installation_id);
        }
        let id = self.id(object, app, namespace).to_string();
        object.set_annotation(TRACKING_ID, &id);
        if self.method == Method::AnnotationAndLabel {
            self.set_label(object, &shortened(app));
        }
    }

    /// The tracking id of an object.
    pub fn id(&self, object: &Object, app: &str, namespace: &str) -> TrackingId {
        let kind = object.group_kind();
        let own = object.namespace();
        TrackingId {
            app: app.to_owned(),
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            namespace: if own.is_empty() { namespace } else { own }.to_owned(),
            name: object.name().to_owned(),
        }
    }

    /// Whose an object is; `None` where nobody's tracking is on it, or that of another installation.
    pub fn owner_of(&self, object: &Object) -> Option<OwnerRef> {
        if self.method == Method::Label {
            let app = object.label(&self.label_key).filter(|app| !app.is_empty())?;
            return Some(OwnerRef { app: app.to_owned(), matches_self: true });
        }
        if !self.installation_id.is_empty() && object.annotation(INSTALLATION_ID) != Some(&self.installation_id) {
            return None;
        }
        let id = TrackingId::parse(object.annotation(TRACKING_ID)?)?;
        Some(OwnerRef { matches_self: id.is_of(object), app: id.app })
    }

    /// Whether a live object is the one that `desired` means to manage: what its tracking says it is,
    /// held against the desired object where there is one (its group may be about to change).
    pub fn is_self_referenced(&self, live: &Object, desired: Option<&Object>) -> bool {
        if self.method == Method::Label {
            return true;
        }
        match desired {
            Some(desired) => self.id(desired, "", "").is_of(live),
            None => self.owner_of(live).is_none_or(|owner| owner.matches_self),
        }
    }

    /// Makes a live object comparable that was last applied under another method: one that carries
    /// the label alone gets the annotation that is desired, and loses a label that is not.
    pub fn normalize_live(&self, live: &mut Object, desired: &Object) {
        if self.method == Method::Label || is_crd(live) || live.label(&self.label_key).is_none_or(str::is_empty) {
            return;
        }
        if live.annotation(TRACKING_ID).is_none_or(str::is_empty)
            && let Some(id) = desired.annotation(TRACKING_ID)
        {
            live.set_annotation(TRACKING_ID, id);
        }
        if desired.label(&self.label_key).is_none_or(str::is_empty) {
            live.remove(&["metadata", "labels", &self.label_key]);
        }
    }

    /// Takes off what [`Tracking::stamp`] writes.
    pub fn unstamp(&self, object: &mut Object) {
        if self.method != Method::Annotation {
            object.remove(&["metadata", "labels", &self.label_key]);
        }
        if self.method != Method::Label {
            object.remove(&["metadata", "annotations", TRACKING_ID]);
            object.remove(&["metadata", "annotations", INSTALLATION_ID]);
        }
    }

    fn set_label(&self, object: &mut Object, value: &str) {
        settle(object, "labels");
        object.set_label(&self.label_key, value);
    }
}

/// `labels: null` reads as none.
fn settle(object: &mut Object, field: &str) {
    let field = object.value_mut().at_or_insert(&["metadata", field]);
    if !matches!(field, Value::Object(_)) {
        *field = Value::object();
    }
}

/// As much of a name as a label holds, ending in a letter or digit.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_LABEL {
        return name.to_owned();
    }
    let cut: String = name.chars().take(MAX_LABEL).filter(char::is_ascii).collect();
    cut.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests;
