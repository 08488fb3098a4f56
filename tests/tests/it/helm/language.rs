//! Helm 4.2.4's answers to 295 template expressions, --set strings and YAML documents.

use belay_helm::values::{SetKind, set};
use belay_helm::{Capabilities, Chart, Limits, Outside, ReleaseInfo, RenderOptions, load, render_files, values};
use belay_object::{Map, Value};
use belay_tree::{MemoryTree, TreePath};

use super::{corpus, json_lines};

const HELPERS: &str = "{{- define \"h.name\" -}}\nname-{{ .Release.Name }}\n{{- end -}}\n\
{{- define \"h.echo\" -}}\n[{{ . }}]\n{{- end -}}\n\
{{- define \"h.multi\" }}a: 1\nb: 2\n{{- end -}}\n";

fn chart(template: &str, values: &[u8]) -> Result<Chart, String> {
    let files: [(&str, &[u8]); 7] = [
        ("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.2.3\nappVersion: v9\n"),
        ("values.yaml", values),
        ("templates/_h.tpl", HELPERS.as_bytes()),
        ("templates/t", template.as_bytes()),
        ("conf/a.txt", b"line1\nline2\n"),
        ("conf/b.yaml", b"k: v\n"),
        ("x/y/z.bin", &[0xff, 0, 1]),
    ];
    let tree = MemoryTree::from_files(files).map_err(|e| e.to_string())?;
    load(&tree, &TreePath::root(), &Limits::default()).map_err(|e| e.to_string())
}

fn render_one(template: &str, values: &[u8]) -> Result<String, String> {
    let chart = chart(template, values)?;
    let release = ReleaseInfo { name: "rel".into(), namespace: "ns".into(), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: &release,
        capabilities: &Capabilities::offline(),
        limits: &Limits::default(),
        cache: None,
        skip_schema: false,
        sub_notes: false,
    };
    let mut next = 7u64;
    let random = move |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (next >> 33) as u8;
        }
    };
    let outside =
        Outside { now_unix_ns: 1_770_000_000_000_000_000, random: Some(Box::new(random)), ..Outside::default() };
    let mut files = render_files(&chart, &Map::new(), &options, outside).map_err(|e| e.to_string())?;
    files.remove("c/templates/t").ok_or_else(|| "nothing was written".into())
}

/// What is known to fail, each with its reason.
const KNOWN: [(&str, &str); 0] = [];

pub fn judge_expressions(values: &[u8], lines: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in lines {
        let text = |name: &str| line.str_at(&[name]).unwrap_or_default();
        let wanted = match text("err") {
            "" => Ok(text("out").to_owned()),
            error => Err(error.to_owned()),
        };
        let found = render_one(&text("expr").replace('⏎', "\n"), values);
        if found != wanted && !KNOWN.iter().any(|(known, _)| *known == text("expr")) {
            wrong.push(format!("{}\n    wanted {wanted:?}\n    found  {found:?}", text("expr")));
        }
    }
    wrong
}

#[test]
fn expressions_give_what_helm_gives() {
    let (Some(values), Some(lines)) = (corpus("language/values.yaml"), corpus("language/exprs.jsonl")) else { return };
    let values = std::fs::read(values).expect("the file is there");
    let lines = json_lines(&lines);
    let wrong = judge_expressions(&values, &lines);
    assert!(lines.len() > 290, "the corpus has expressions");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

fn judge_set(file: &str, kind: &SetKind<'_>) {
    let Some(lines) = corpus(&format!("language/{file}.jsonl")) else { return };
    let lines = json_lines(&lines);
    assert!(lines.len() >= 10, "the corpus has strings");
    let mut wrong = Vec::new();
    for line in &lines {
        let text = |name: &str| line.str_at(&[name]).unwrap_or_default();
        let mut values = Map::new();
        let error = set(text("expr"), &mut values, kind).err().unwrap_or_default();
        let found = Value::Object(values).to_json();
        if (found.as_str(), error.as_str()) != (text("out"), text("err")) {
            wrong.push(format!("{}: wanted {} {:?}, found {found} {error:?}", text("expr"), text("out"), text("err")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

#[test]
fn set_strings_give_what_helm_gives() {
    judge_set("set", &SetKind::Typed);
    judge_set("set-string", &SetKind::Strings);
    judge_set("set-json", &SetKind::Json);
    judge_set("set-literal", &SetKind::Literal);
}

#[test]
fn yaml_documents_read_and_write_as_helm_reads_and_writes() {
    let Some(lines) = corpus("language/yaml.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in json_lines(&lines) {
        let text = |name: &str| line.str_at(&[name]).unwrap_or_default();
        let read = belay_yaml::parse_value(text("expr"), &belay_yaml::Options::v2());
        let found = match read {
            Err(e) => (String::new(), format!("error converting YAML to JSON: {}", e.go_text)),
            Ok(value) => {
                // What passed through JSON is a float, whose text is written.
                let mut wrapped = Map::new();
                wrapped.insert("v", value.clone());
                let yaml = belay_yaml::to_yaml(&Value::Object(wrapped));
                let float = values::read(yaml.as_bytes()).ok().and_then(|mut map| map.remove("v"));
                let value = float.unwrap_or(value);
                (format!("{}\u{1e}{}", value.to_json(), belay_yaml::to_yaml(&value)), String::new())
            }
        };
        if (found.0.as_str(), found.1.as_str()) != (text("out"), text("err")) {
            wrong.push(format!("{:?}: wanted {:?} {:?}\n    found {found:?}", text("expr"), text("out"), text("err")));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
