//! What is told of the dry commit: in `hydrator.metadata`, in the message of the commit, in a folder's `README.md`.

use std::sync::{Arc, OnceLock};

use belay_gotemplate as gt;
use belay_object::Value;

use super::trailers::{self, Reference};

/// Who hydrates, where the settings do not say it. Compat(argo-cd 3.5)
pub const AUTHOR: (&str, &str) = ("Argo CD", "argo-cd@example.com");

/// The message of a commit, where the settings have none. Compat(argo-cd 3.5): what comes of it.
pub const COMMIT_MESSAGE: &str = "\
{{ .metadata.drySha | trunc 7 }}: {{ .metadata.subject }}
{{- with .metadata.body }}

{{ . }}
{{- end }}
{{ range .metadata.references }}
{{- if and .commit .commit.author }}
Co-authored-by: {{ .commit.author }}
{{- end }}
{{- end }}
{{- with .metadata.author }}
Co-authored-by: {{ . }}
{{- end }}
";

/// What is written beside manifests, where the settings do not say it. Compat(argo-cd 3.5): what comes of it.
pub const README: &str = "\
# Manifest Hydration

To hydrate the manifests in this repository, run the following commands:

```shell
git clone {{ .RepoURL }}
# cd into the cloned directory
git checkout {{ .DrySHA }}
{{ range .Commands -}}
{{ . }}
{{ end -}}
```
";

/// A template is a page; what it writes is a message.
const LIMITS: gt::Limits = gt::Limits { steps: 2_000_000, depth: 1000, output_bytes: 1 << 20, made_bytes: 64 << 20 };
/// The stack that the limits on depth fit into.
const STACK_BYTES: usize = 16 << 20;

/// A commit of a dry source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryCommit {
    /// The repository, as the Application names it.
    pub repo_url: String,
    /// Its id.
    pub sha: String,
    /// `Name <address>`
    pub author: String,
    /// When it was written, in seconds since 1970.
    pub time_s: i64,
    /// The whole message.
    pub message: String,
}

/// What is told of a hydration; empty fields are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The dry repository.
    pub repo_url: String,
    /// The dry commit.
    pub dry_sha: String,
    /// How people would render the same.
    pub commands: Vec<String>,
    /// Who wrote the dry commit.
    pub author: String,
    /// When.
    pub date: String,
    /// The first paragraph of its message.
    pub subject: String,
    /// The rest of it, but for the trailers that are in `references`.
    pub body: String,
    /// What it refers to.
    pub references: Vec<Reference>,
}

impl Metadata {
    /// Of a whole hydration.
    pub fn of(dry: &DryCommit) -> Metadata {
        let message = dry.message.trim();
        let (subject, body) = message.split_once("\n\n").unwrap_or((message, ""));
        let date = jiff::Timestamp::from_second(dry.time_s).map(belay_controller::conditions::time_text);
        Metadata {
            repo_url: dry.repo_url.clone(),
            dry_sha: dry.sha.clone(),
            commands: Vec::new(),
            author: dry.author.clone(),
            date: date.unwrap_or_default(),
            subject: subject.to_owned(),
            body: trailers::without(body),
            references: Reference::read(message).into_iter().collect(),
        }
    }

    /// Of one folder.
    pub fn of_folder(&self, commands: &[String]) -> Metadata {
        Metadata {
            repo_url: self.repo_url.clone(),
            dry_sha: self.dry_sha.clone(),
            commands: commands.to_vec(),
            ..Metadata::default()
        }
    }

    /// `hydrator.metadata`: JSON, indented, the fields in this order. Compat(argo-cd 3.5)
    pub fn text(&self) -> String {
        let mut fields = Vec::new();
        let mut text = |name: &'static str, value: &str| {
            if !value.is_empty() {
                fields.push((name, Value::from(value).to_json()));
            }
        };
        text("repoURL", &self.repo_url);
        text("drySha", &self.dry_sha);
        if !self.commands.is_empty() {
            let all = self.commands.iter().map(|command| format!("    {}", Value::from(command).to_json()));
            fields.push(("commands", format!("[\n{}\n  ]", all.collect::<Vec<_>>().join(",\n"))));
        }
        let mut text = |name: &'static str, value: &str| {
            if !value.is_empty() {
                fields.push((name, Value::from(value).to_json()));
            }
        };
        text("author", &self.author);
        text("date", &self.date);
        text("subject", &self.subject);
        text("body", &self.body);
        if !self.references.is_empty() {
            let all = self.references.iter().map(|reference| {
                let lines = reference.fields().map(|(name, value)| {
                    let value = Value::from(value).to_json();
                    format!("        \"{name}\": {value}")
                });
                format!("    {{\n      \"commit\": {{\n{}\n      }}\n    }}", lines.collect::<Vec<_>>().join(",\n"))
            });
            fields.push(("references", format!("[\n{}\n  ]", all.collect::<Vec<_>>().join(",\n"))));
        }
        let lines: Vec<String> = fields.iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
        if lines.is_empty() { "{}\n".to_owned() } else { format!("{{\n{}\n}}\n", lines.join(",\n")) }
    }

    /// For templates of messages: the fields as they are in JSON.
    fn as_json(&self) -> gt::Value {
        let mut fields: Vec<(&str, gt::Value)> = [
            ("repoURL", &self.repo_url),
            ("drySha", &self.dry_sha),
            ("author", &self.author),
            ("date", &self.date),
            ("subject", &self.subject),
            ("body", &self.body),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name, gt::Value::from(text.as_str())))
        .collect();
        let reference = |reference: &Reference| {
            let commit = map(reference.fields().map(|(name, text)| (name, gt::Value::from(text))));
            map([("commit", commit)])
        };
        if !self.references.is_empty() {
            fields.push(("references", gt::Value::list(self.references.iter().map(reference).collect())));
        }
        map(fields)
    }

    /// For templates of pages: all fields, by the names that Go has for them.
    fn as_fields(&self) -> gt::Value {
        let text = |text: &str| gt::Value::from(text);
        let reference = |r: &Reference| {
            let fields = [
                ("Author", text(&r.author)),
                ("Date", text(&r.date)),
                ("Subject", text(&r.subject)),
                ("Body", text(&r.body)),
                ("SHA", text(&r.sha)),
                ("RepoURL", text(&r.repo_url)),
            ];
            map([("Commit", map(fields))])
        };
        map([
            ("RepoURL", text(&self.repo_url)),
            ("DrySHA", text(&self.dry_sha)),
            ("Commands", gt::Value::list(self.commands.iter().map(|command| text(command)).collect())),
            ("Author", text(&self.author)),
            ("Date", text(&self.date)),
            ("Subject", text(&self.subject)),
            ("Body", text(&self.body)),
            ("References", gt::Value::list(self.references.iter().map(reference).collect())),
        ])
    }
}

impl Reference {
    /// The fields that are said, as they are called in JSON.
    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("author", self.author.as_str()),
            ("date", &self.date),
            ("subject", &self.subject),
            ("body", &self.body),
            ("sha", &self.sha),
            ("repoUrl", &self.repo_url),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

fn map<'a>(fields: impl IntoIterator<Item = (&'a str, gt::Value)>) -> gt::Value {
    gt::Value::Map(gt::Map::from_entries(gt::Type::MAP, fields))
}

/// The message of the commit, by a template over `metadata`.
pub fn commit_message(template: &str, metadata: &Metadata) -> Result<String, String> {
    executed("commit-template", template, || map([("metadata", metadata.as_json())]))
}

/// What is written beside the manifests of a folder.
pub fn readme(template: &str, metadata: &Metadata) -> Result<String, String> {
    executed("readme", template, || metadata.as_fields())
}

/// Compat(argo-cd 3.5): Sprig's functions but for those that tell of the machine.
fn functions() -> &'static Arc<gt::Functions> {
    static ALL: OnceLock<Arc<gt::Functions>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut functions = gt::Functions::new();
        gt::sprig::register(&mut functions);
        for name in ["env", "expandenv", "getHostByName"] {
            functions.remove(name);
        }
        Arc::new(functions)
    })
}

/// Templates see no clock and no randomness: the same commit gives the same text.
fn executed(name: &str, template: &str, dot: impl FnOnce() -> gt::Value + Send) -> Result<String, String> {
    let run = || -> Result<String, gt::Error> {
        let mut set = gt::Set::named(name);
        set.add(&gt::parse(name, template, functions())?);
        let mut context = gt::Context::new(set, functions().clone(), gt::Environment::default(), LIMITS);
        Ok(String::from_utf8_lossy(&context.execute(name, &dot())?).into_owned())
    };
    let made = gt::with_stack(STACK_BYTES, || run().map_err(|error| error.to_string()));
    made.map_err(|error| error.to_string())?
}

/// A message as `git commit -m` leaves it: no blank lines at its ends, one between paragraphs, no space behind lines.
pub fn clean_message(text: &str) -> String {
    let mut out = String::new();
    let mut is_blank = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            is_blank = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut is_blank) {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}
