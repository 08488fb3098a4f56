//! `Chart.yaml`, `requirements.yaml` and their locks, decoded and checked as Helm does.

use belay_object::Value;

use crate::go::Fields;
use crate::release::json::{Writer, list};
use crate::semver::is_version;
use crate::{Error, Result};

/// What `Chart.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The chart's name, a single part of a path; in a processed dependency its alias.
    pub name: String,
    /// Web page of the project.
    pub home: String,
    /// Where its source is.
    pub sources: Option<Vec<String>>,
    /// Its version, SemVer.
    pub version: String,
    /// One sentence about it.
    pub description: String,
    /// Words to find it by.
    pub keywords: Option<Vec<String>>,
    /// Who maintains it.
    pub maintainers: Option<Vec<Maintainer>>,
    /// Address of a picture.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// As in a dependency; of no effect here.
    pub condition: String,
    /// As in a dependency; of no effect here.
    pub tags: String,
    /// Version of what it installs.
    pub app_version: String,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Free-form annotations, in the order of their names.
    pub annotations: Option<Vec<(String, String)>>,
    /// Range of Kubernetes versions that it works with.
    pub kube_version: String,
    /// The charts that it needs.
    pub dependencies: Vec<Dependency>,
    /// Whether there is a list of dependencies, be it empty: without one, Helm takes the charts in
    /// `charts/` as they are and looks no further into them.
    pub(crate) declares_dependencies: bool,
    /// `application`, `library` or empty.
    pub chart_type: String,
}

/// Who maintains a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintainer {
    /// Name of a person or organisation.
    pub name: String,
    /// Address to write to.
    pub email: String,
    /// Web page.
    pub url: String,
}

/// A chart that another needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// Its name; in a processed chart its alias.
    pub name: String,
    /// Range of versions.
    pub version: String,
    /// Where it is fetched from.
    pub repository: String,
    /// Paths of values that switch it on or off, separated by commas.
    pub condition: String,
    /// Names under `tags` that switch it on or off.
    pub tags: Option<Vec<String>>,
    /// Whether it is switched on; set when dependencies are processed.
    pub enabled: bool,
    /// What of its values the parent gets.
    pub import_values: Option<Vec<ImportValues>>,
    /// The name that it gets in the parent.
    pub alias: String,
}

/// An entry of `import-values`.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportValues {
    /// The table `exports.NAME` to the top of the parent's values.
    Export(String),
    /// A table to a path of the parent (`.` for the top). Values that are no text are as Go prints them.
    Table {
        /// Path in the dependency's values.
        child: String,
        /// Path in the parent's values.
        parent: String,
    },
    /// Neither a text nor a map; it imports nothing.
    Other(Value),
}

/// `Chart.lock` or `requirements.lock`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// When it was written.
    pub generated: String,
    /// Digest of the dependencies as declared.
    pub digest: String,
    /// The dependencies, each with a single version.
    pub dependencies: Vec<Dependency>,
}

impl Metadata {
    /// Reads `Chart.yaml` or `requirements.yaml` over what is known: fields that the text does not
    /// have stay.
    pub(crate) fn read_over(&mut self, text: &[u8]) -> Result<(), String> {
        let value = crate::go::parse_yaml(text)?;
        let Some(fields) = Fields::of(&value, "Metadata", "v2.Metadata")? else { return Ok(()) };
        let set = |name: &str, target: &mut String| -> Result<(), String> {
            if fields.get(name).is_some() {
                *target = fields.text(name)?;
            }
            Ok(())
        };
        set("name", &mut self.name)?;
        set("home", &mut self.home)?;
        set("version", &mut self.version)?;
        set("description", &mut self.description)?;
        set("icon", &mut self.icon)?;
        set("apiVersion", &mut self.api_version)?;
        set("condition", &mut self.condition)?;
        set("tags", &mut self.tags)?;
        set("appVersion", &mut self.app_version)?;
        set("kubeVersion", &mut self.kube_version)?;
        set("type", &mut self.chart_type)?;
        self.deprecated = if fields.get("deprecated").is_some() { fields.flag("deprecated")? } else { self.deprecated };
        self.sources = fields.texts("sources")?.or(self.sources.take());
        self.keywords = fields.texts("keywords")?.or(self.keywords.take());
        self.annotations = fields.text_map("annotations")?.or(self.annotations.take());
        if let Some(items) = fields.list("maintainers", "[]*v2.Maintainer")? {
            self.maintainers = Some(items.iter().map(Maintainer::decode).collect::<Result<_, _>>()?);
        }
        if let Some(items) = fields.list("dependencies", "[]*v2.Dependency")? {
            self.dependencies = items.iter().map(Dependency::decode).collect::<Result<_, _>>()?;
            self.declares_dependencies = true;
        }
        Ok(())
    }

    /// Checks what a chart must say and takes characters out that cannot be printed.
    pub(crate) fn validate(&mut self) -> Result<()> {
        let texts = [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ];
        texts.into_iter().for_each(sanitize);
        self.sources.iter_mut().chain(&mut self.keywords).flatten().for_each(sanitize);
        let invalid = |what: String| Err(Error::chart(format!("validation: {what}")));
        if self.api_version.is_empty() {
            return invalid("chart.metadata.apiVersion is required".into());
        }
        if self.name.is_empty() {
            return invalid("chart.metadata.name is required".into());
        }
        if self.name == "." || self.name == ".." {
            return invalid(format!("chart.metadata.name {:?} is not allowed", self.name));
        }
        if self.name.contains('/') {
            return invalid(format!("chart.metadata.name {:?} is invalid", self.name));
        }
        if self.version.is_empty() {
            return invalid("chart.metadata.version is required".into());
        }
        if !is_version(&self.version) {
            return invalid(format!("chart.metadata.version {:?} is invalid", self.version));
        }
        if !["", "application", "library"].contains(&self.chart_type.as_str()) {
            return invalid("chart.metadata.type must be application or library".into());
        }
        for maintainer in self.maintainers.iter_mut().flatten() {
            maintainer.validate()?;
        }
        let mut seen: Vec<String> = Vec::new();
        for dependency in &mut self.dependencies {
            dependency.validate()?;
            let key = dependency.alias_or_name().to_owned();
            if seen.contains(&key) {
                return Err(Error::chart(format!(
                    "validation: more than one dependency with name or alias {}",
                    crate::go::quote(&key)
                )));
            }
            seen.push(key);
        }
        Ok(())
    }

    /// Writes the form of a release record.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.text("name", &self.name);
        w.text("home", &self.home);
        w.texts("sources", self.sources.iter().flatten().map(String::as_str));
        w.text("version", &self.version);
        w.text("description", &self.description);
        w.texts("keywords", self.keywords.iter().flatten().map(String::as_str));
        if let Some(maintainers) = self.maintainers.as_ref().filter(|list| !list.is_empty()) {
            list(w.field("maintainers"), maintainers, |maintainer, out| maintainer.write(out));
        }
        w.text("icon", &self.icon);
        w.text("apiVersion", &self.api_version);
        w.text("condition", &self.condition);
        w.text("tags", &self.tags);
        w.text("appVersion", &self.app_version);
        if self.deprecated {
            w.raw("deprecated", "true");
        }
        if let Some(annotations) = self.annotations.as_ref().filter(|map| !map.is_empty()) {
            let mut fields = Writer::new(w.field("annotations"));
            annotations.iter().for_each(|(key, value)| fields.any_text(key, value));
            fields.end();
        }
        w.text("kubeVersion", &self.kube_version);
        if !self.dependencies.is_empty() {
            list(w.field("dependencies"), &self.dependencies, |dependency, out| dependency.write(out));
        }
        w.text("type", &self.chart_type);
        w.end();
    }
}

impl Maintainer {
    fn decode(value: &Value) -> Result<Maintainer, String> {
        let Some(fields) = Fields::of(value, "Maintainer", "v2.Maintainer")? else {
            return Err("validation: maintainers must not contain empty or null nodes".into());
        };
        Ok(Maintainer { name: fields.text("name")?, email: fields.text("email")?, url: fields.text("url")? })
    }

    fn validate(&mut self) -> Result<()> {
        [&mut self.name, &mut self.email, &mut self.url].into_iter().for_each(sanitize);
        Ok(())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.text("name", &self.name);
        w.text("email", &self.email);
        w.text("url", &self.url);
        w.end();
    }
}

impl Dependency {
    /// The name under which the parent has it.
    pub fn alias_or_name(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }

    fn decode(value: &Value) -> Result<Dependency, String> {
        let Some(fields) = Fields::of(value, "Dependency", "v2.Dependency")? else {
            return Err("validation: dependencies must not contain empty or null nodes".into());
        };
        let import_values = fields.list("import-values", "[]interface {}")?;
        Ok(Dependency {
            name: fields.text("name")?,
            version: fields.text("version")?,
            repository: fields.text("repository")?,
            condition: fields.text("condition")?,
            tags: fields.texts("tags")?,
            enabled: fields.flag("enabled")?,
            import_values: import_values.map(|items| items.iter().map(ImportValues::decode).collect()),
            alias: fields.text("alias")?,
        })
    }

    fn validate(&mut self) -> Result<()> {
        let texts = [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition];
        texts.into_iter().for_each(sanitize);
        self.tags.iter_mut().flatten().for_each(sanitize);
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !self.alias.chars().all(is_allowed) {
            let name = crate::go::quote(&self.name);
            return Err(Error::chart(format!("validation: dependency {name} has disallowed characters in the alias")));
        }
        Ok(())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.any_text("name", &self.name);
        w.text("version", &self.version);
        w.any_text("repository", &self.repository);
        w.text("condition", &self.condition);
        w.texts("tags", self.tags.iter().flatten().map(String::as_str));
        if self.enabled {
            w.raw("enabled", "true");
        }
        if let Some(imports) = self.import_values.as_ref().filter(|imports| !imports.is_empty()) {
            list(w.field("import-values"), imports, |import, out| crate::go::write_json(&import.to_json(), out));
        }
        w.text("alias", &self.alias);
        w.end();
    }
}

impl ImportValues {
    fn decode(value: &Value) -> ImportValues {
        // Go prints what is no text with `%v`; an absent field as `<nil>`.
        let text = |name: &str| match value.get(name) {
            None | Some(Value::Null) => "<nil>".to_owned(),
            Some(value) => crate::go::scalar_text(value).unwrap_or_else(|| value.to_json()),
        };
        match value {
            Value::Str(name) => ImportValues::Export(name.to_string()),
            Value::Object(_) => ImportValues::Table { child: text("child"), parent: text("parent") },
            other => ImportValues::Other(other.clone()),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            ImportValues::Export(name) => name.as_str().into(),
            ImportValues::Table { child, parent } => {
                belay_object::object! { "child" => child.as_str(), "parent" => parent.as_str() }
            }
            ImportValues::Other(value) => value.clone(),
        }
    }
}

impl Lock {
    /// Reads a lock file.
    pub(crate) fn read(text: &[u8]) -> Result<Lock, String> {
        let value = crate::go::parse_yaml(text)?;
        let Some(fields) = Fields::of(&value, "Lock", "v2.Lock")? else { return Ok(Lock::default()) };
        let items = fields.list("dependencies", "[]*v2.Dependency")?.unwrap_or_default();
        let dependencies = items.iter().map(Dependency::decode).collect::<Result<_, _>>()?;
        Ok(Lock { generated: fields.text("generated")?, digest: fields.text("digest")?, dependencies })
    }

    /// Writes the form of a release record.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut w = Writer::new(out);
        w.any_text("generated", if self.generated.is_empty() { "0001-01-01T00:00:00Z" } else { &self.generated });
        w.any_text("digest", &self.digest);
        list(w.field("dependencies"), &self.dependencies, |dependency, out| dependency.write(out));
        w.end();
    }
}

/// Makes every white space a plain space and takes control characters out.
fn sanitize(text: &mut String) {
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return;
    }
    let keep = |c: char| match c {
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() || is_unprintable(c) => None,
        c => Some(c),
    };
    *text = text.chars().filter_map(keep).collect();
}

/// Format, private-use and unassigned characters that Go's `unicode.IsPrint` refuses, as far as
/// they occur in texts: zero-width and direction marks, the byte order mark, private use, surrogates' rest.
fn is_unprintable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{10ffff}')
}
