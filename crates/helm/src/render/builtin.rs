//! What templates find at the top: `.Values`, `.Chart`, `.Release`, `.Capabilities`, `.Files`,
//! `.Template`, `.Subcharts`.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use belay_gotemplate as gt;
use belay_gotemplate::{Context, Elem, Kind, List, Map, MapMethod, Object, Param, Signature, Type, Value};
use belay_object as object;

use super::RenderOptions;
use super::files::Files;
use crate::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Dependency, ImportValues, Maintainer, Metadata};
use crate::dependencies::Node;
use crate::values::coalesce;

/// `common.Values`
pub(super) const VALUES: &Type = &Type::with_methods(
    "common.Values",
    Elem::Any,
    &[
        MapMethod { name: "AsMap", signature: NONE, call: |_, map, _| Ok(Value::Map(map.with_type(Type::MAP))) },
        MapMethod { name: "Table", signature: ONE_TEXT, call: |_, map, args| table(map, &args[0]) },
        MapMethod { name: "PathValue", signature: ONE_TEXT, call: |_, map, args| path_value(map, &args[0]) },
        MapMethod { name: "YAML", signature: NONE, call: |_, map, _| yaml(map) },
    ],
);

fn path_of(value: &Value) -> String {
    value.as_str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

fn table(map: &Map, path: &Value) -> Result<Value, gt::Error> {
    let path = path_of(path);
    let found = coalesce::table(map, &path).map(|table| Value::Map(table.with_type(VALUES)));
    found.ok_or_else(|| gt::Error::new(format!("{} is not a table", crate::go::quote(&path))))
}

fn path_value(map: &Map, path: &Value) -> Result<Value, gt::Error> {
    let path = path_of(path);
    if path.is_empty() {
        return Err(gt::Error::new("YAML path cannot be empty"));
    }
    let last = path.rsplit('.').next().unwrap_or_default();
    let found = coalesce::path_value(map, &path);
    found.ok_or_else(|| gt::Error::new(format!("{} is not a value", crate::go::quote(last))))
}

fn yaml(map: &Map) -> Result<Value, gt::Error> {
    Ok(Value::from(belay_yaml::to_yaml(&Value::Map(map.clone()).to_object()?)))
}
/// `common.VersionSet`
const VERSION_SET: &Type = &Type::named("common.VersionSet", Elem::String);

/// A template file and what it is executed over.
pub(super) struct Template {
    /// `shop/charts/db/templates/service.yaml`
    pub(super) path: String,
    /// How many `/` are in the path.
    pub(super) depth: usize,
    pub(super) text: Arc<[u8]>,
    pub(super) dot: Map,
    /// `shop/charts/db/templates`
    pub(super) base_path: Arc<str>,
}

impl Template {
    pub(super) fn base_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// All templates of a chart and its dependencies, each with its chart's top map.
pub(super) fn templates(node: &Node<'_>, values: &Map, options: &RenderOptions<'_>) -> Vec<Template> {
    let release = options.release;
    let release = Map::from_entries(
        Type::MAP,
        [
            ("Name", Value::str(release.name.as_str())),
            ("Namespace", Value::str(release.namespace.as_str())),
            ("IsUpgrade", Value::Bool(release.is_upgrade)),
            ("IsInstall", Value::Bool(!release.is_upgrade)),
            ("Revision", Value::Int(release.revision.into())),
            ("Service", Value::str("Helm")),
        ],
    );
    let shared =
        Shared { release, capabilities: Value::Object(Rc::new(CapabilitiesObject::new(options.capabilities))) };
    let mut found = Vec::new();
    shared.chart(node, None, node.name(), Value::Map(values.with_type(VALUES)), &mut found);
    found
}

struct Shared {
    release: Map,
    capabilities: Value,
}

impl Shared {
    /// Recursion is bounded by `Limits::chart_depth`.
    fn chart(&self, node: &Node<'_>, parent: Option<&Map>, path: &str, own: Value, found: &mut Vec<Template>) -> Map {
        let top = Map::new();
        let about = metadata(&node.metadata);
        about.insert("IsRoot", Value::Bool(parent.is_none()));
        top.insert("Chart", Value::Map(about));
        top.insert("Files", Value::Object(Rc::new(Files::new(&node.chart.files))));
        top.insert("Release", Value::Map(self.release.clone()));
        top.insert("Capabilities", self.capabilities.clone());
        let values = match parent {
            None => own,
            Some(parent) => {
                let section = coalesce_table(parent, node.name());
                Value::Map(section.unwrap_or_default().with_type(VALUES))
            }
        };
        top.insert("Values", values);
        let charts = Map::new();
        top.insert("Subcharts", Value::Map(charts.clone()));
        for child in &node.dependencies {
            let path = format!("{path}/charts/{}", child.name());
            let inner = self.chart(child, Some(&top), &path, Value::Nil, found);
            charts.insert(child.name(), Value::Map(inner));
        }
        let base_path: Arc<str> = format!("{path}/templates").into();
        for file in node.chart.templates.iter() {
            // Of a library chart only what it defines is used.
            if node.chart.is_library() && !file.base_name().starts_with('_') {
                continue;
            }
            let path = format!("{path}/{}", file.name);
            let depth = path.bytes().filter(|b| *b == b'/').count();
            let (text, dot, base_path) = (Arc::clone(&file.data), top.clone(), Arc::clone(&base_path));
            found.push(Template { path, depth, text, dot, base_path });
        }
        top
    }
}

/// The section of a chart in its parent's values; a name with dots is a path.
fn coalesce_table(parent: &Map, name: &str) -> Option<Map> {
    match parent.get(b"Values") {
        Some(Value::Map(values)) => coalesce::table(&values, name),
        _ => None,
    }
}

fn text(text: &str) -> Value {
    Value::str(text)
}

fn list(items: &Option<Vec<String>>) -> Value {
    Value::list(items.iter().flatten().map(|item| text(item)).collect())
}

/// A chart's metadata under the names of Helm's Go fields.
fn metadata(m: &Metadata) -> Map {
    let annotations = match &m.annotations {
        None => Map::nil(Type::STRING_MAP),
        Some(fields) => Map::from_entries(Type::STRING_MAP, fields.iter().map(|(k, v)| (k.as_str(), text(v)))),
    };
    Map::from_entries(
        Type::MAP,
        [
            ("Name", text(&m.name)),
            ("Home", text(&m.home)),
            ("Sources", list(&m.sources)),
            ("Version", text(&m.version)),
            ("Description", text(&m.description)),
            ("Keywords", list(&m.keywords)),
            ("Maintainers", Value::list(m.maintainers.iter().flatten().map(maintainer).collect())),
            ("Icon", text(&m.icon)),
            ("APIVersion", text(&m.api_version)),
            ("Condition", text(&m.condition)),
            ("Tags", text(&m.tags)),
            ("AppVersion", text(&m.app_version)),
            ("Deprecated", Value::Bool(m.deprecated)),
            ("Annotations", Value::Map(annotations)),
            ("KubeVersion", text(&m.kube_version)),
            ("Dependencies", Value::list(m.dependencies.iter().map(dependency).collect())),
            ("Type", text(&m.chart_type)),
        ],
    )
}

fn maintainer(m: &Maintainer) -> Value {
    let fields = [("Name", text(&m.name)), ("Email", text(&m.email)), ("URL", text(&m.url))];
    Value::Map(Map::from_entries(Type::MAP, fields))
}

fn dependency(d: &Dependency) -> Value {
    let import = |import: &ImportValues| match import {
        ImportValues::Export(name) => text(name),
        ImportValues::Table { child, parent } => {
            Value::Map(Map::from_entries(Type::STRING_MAP, [("child", text(child)), ("parent", text(parent))]))
        }
        ImportValues::Other(value) => Value::from_object(value),
    };
    let imports = d.import_values.iter().flatten().map(import).collect();
    Value::Map(Map::from_entries(
        Type::MAP,
        [
            ("Name", text(&d.name)),
            ("Version", text(&d.version)),
            ("Repository", text(&d.repository)),
            ("Condition", text(&d.condition)),
            ("Tags", list(&d.tags)),
            ("Enabled", Value::Bool(d.enabled)),
            ("ImportValues", Value::list(imports)),
            ("Alias", text(&d.alias)),
        ],
    ))
}

/// `*common.Capabilities`
struct CapabilitiesObject {
    kube_version: Rc<KubeVersionObject>,
    api_versions: Rc<VersionSet>,
    helm_version: Rc<BuildInfo>,
}

impl CapabilitiesObject {
    fn new(capabilities: &Capabilities) -> CapabilitiesObject {
        let versions = &capabilities.api_versions;
        let api_versions = VersionSet {
            list: List::strings(versions.iter().map(String::as_str)).with_type(VERSION_SET),
            set: versions.iter().map(|v| v.as_bytes().into()).collect(),
        };
        CapabilitiesObject {
            kube_version: Rc::new(KubeVersionObject(capabilities.kube_version.clone())),
            api_versions: Rc::new(api_versions),
            helm_version: Rc::new(BuildInfo { version: capabilities.helm_version.clone() }),
        }
    }
}

impl Object for CapabilitiesObject {
    fn type_name(&self) -> &str {
        "*common.Capabilities"
    }
    fn kind(&self) -> Kind {
        Kind::Ptr
    }
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "KubeVersion" => Value::Object(self.kube_version.clone()),
            "APIVersions" => Value::Object(self.api_versions.clone()),
            "HelmVersion" => Value::Object(self.helm_version.clone()),
            _ => return None,
        })
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        ["KubeVersion", "APIVersions", "HelmVersion"].into_iter().filter_map(|n| Some((n, self.field(n)?))).collect()
    }
    fn to_json(&self) -> object::Value {
        object::object! {
            "KubeVersion" => self.kube_version.to_json(),
            "APIVersions" => self.api_versions.to_json(),
            "HelmVersion" => self.helm_version.to_json(),
        }
    }
}

/// `common.KubeVersion`
struct KubeVersionObject(KubeVersion);

const NONE: Signature = Signature::fixed(&[]);
const ONE_TEXT: Signature = Signature::fixed(&[Param::String]);

impl Object for KubeVersionObject {
    fn type_name(&self) -> &str {
        "common.KubeVersion"
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(text(&self.0.version)),
            "Major" => Some(text(&self.0.major)),
            "Minor" => Some(text(&self.0.minor)),
            _ => None,
        }
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        ["Version", "Major", "Minor"].into_iter().filter_map(|n| Some((n, self.field(n)?))).collect()
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        ["GitVersion", "String"].contains(&name).then_some(&NONE)
    }
    fn call(&self, _: &mut Context, name: &str, _: &[Value]) -> Result<Value, gt::Error> {
        Ok(text(if name == "GitVersion" { &self.0.version } else { self.0.for_ranges() }))
    }
    fn text(&self) -> Option<String> {
        Some(self.0.for_ranges().to_owned())
    }
    fn to_json(&self) -> object::Value {
        object::object! {
            "Version" => self.0.version.as_str(), "Major" => self.0.major.as_str(), "Minor" => self.0.minor.as_str(),
        }
    }
}

/// `common.VersionSet`
struct VersionSet {
    list: List,
    set: HashSet<Box<[u8]>>,
}

impl Object for VersionSet {
    fn type_name(&self) -> &str {
        "common.VersionSet"
    }
    fn underlying(&self) -> Option<Value> {
        Some(Value::List(self.list.clone()))
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const HAS: Signature = Signature::fixed(&[Param::String]);
        (name == "Has").then_some(&HAS)
    }
    fn call(&self, _: &mut Context, _: &str, args: &[Value]) -> Result<Value, gt::Error> {
        let wanted = args.first().and_then(Value::as_str).map(|s| s.as_bytes());
        Ok(Value::Bool(wanted.is_some_and(|wanted| self.set.contains(wanted))))
    }
    fn to_json(&self) -> object::Value {
        self.list.iter().filter_map(|v| Some(v.as_str()?.to_string())).collect()
    }
}

/// `version.BuildInfo`
struct BuildInfo {
    version: String,
}

/// The Go that Helm 4.2.4 was built with, and its client library.
const GO_VERSION: &str = "go1.26.8";
const CLIENT_VERSION: &str = "v1.36";

impl Object for BuildInfo {
    fn type_name(&self) -> &str {
        "version.BuildInfo"
    }
    fn field(&self, name: &str) -> Option<Value> {
        Some(text(match name {
            "Version" => &self.version,
            "GitCommit" | "GitTreeState" => "",
            "GoVersion" => GO_VERSION,
            "KubeClientVersion" => CLIENT_VERSION,
            _ => return None,
        }))
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        let names = ["Version", "GitCommit", "GitTreeState", "GoVersion", "KubeClientVersion"];
        names.into_iter().filter_map(|n| Some((n, self.field(n)?))).collect()
    }
    fn to_json(&self) -> object::Value {
        object::object! {
            "version" => self.version.as_str(),
            "go_version" => GO_VERSION,
            "kube_client_version" => CLIENT_VERSION,
        }
    }
}
