//! 198 charts, 498 renders: documents equal as data and in order, and most of them to the letter.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use belay_helm::{
    Capabilities, KubeVersion, Limits, Outside, Printed, ReleaseInfo, RenderOptions, TemplateCache, load, render,
    template, values,
};
use belay_object::{Map, Value};
use belay_tree::{DirTree, TreePath};

/// What is known to fail, each with its reason.
const KNOWN: [(&str, &str); 4] = [
    (
        "VictoriaMetrics+helm-charts__charts__victoria-metrics-common default",
        "a library chart, which `helm template` refuses",
    ),
    ("bitnami+charts__bitnami__common default", "a library chart, which `helm template` refuses"),
    ("projectcalico+calico__charts__calico default", "the corpus has lost the broken symlink that is refused"),
    ("projectcalico+calico__charts__crd.projectcalico.org.v1 default", "the corpus has lost the broken symlink"),
];

/// What came of one case.
enum Outcome {
    /// Equal to the letter.
    Letter,
    /// Equal as data.
    Data,
    /// Failed as Helm did; whether with its last line.
    Refused(bool),
    Wrong(String),
}

fn render_case(
    chart: Result<&belay_helm::Chart, &String>,
    folder: &Path,
    case: &Value,
    cache: &TemplateCache,
) -> Result<String, String> {
    let chart = chart.map_err(Clone::clone)?;
    let values = match case.str_at(&["values"]) {
        None => Map::new(),
        Some(file) => {
            values::read(&fs::read(folder.join(file)).map_err(|e| e.to_string())?).map_err(|e| e.to_string())?
        }
    };
    chart.check_installable(&values).map_err(|e| e.to_string())?;
    let text = |name: &str| case.str_at(&[name]).unwrap_or_default().to_owned();
    let version = KubeVersion::parse(&text("kubeVersion")).map_err(|e| e.to_string())?;
    let release = ReleaseInfo { name: text("release"), namespace: text("namespace"), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: &release,
        capabilities: &Capabilities::offline().with_kube_version(version),
        limits: &Limits::default(),
        cache: Some(cache),
        skip_schema: false,
        sub_notes: false,
    };
    let mut next = 1u64;
    let random = move |bytes: &mut [u8]| {
        for byte in bytes {
            // Any bytes will do, if they are not all the same.
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (next >> 33) as u8;
        }
    };
    let outside =
        Outside { now_unix_ns: 1_770_000_000_000_000_000, random: Some(Box::new(random)), ..Outside::default() };
    let rendered = render(chart, &values, &options, outside).map_err(|e| e.to_string())?;
    let include_crds = case.get("includeCrds").and_then(Value::as_bool) == Some(true);
    template(&rendered, &Printed { include_crds, ..Printed::default() }).map_err(|e| e.to_string())
}

fn judge(chart: Result<&belay_helm::Chart, &String>, folder: &Path, case: &Value, cache: &TemplateCache) -> Outcome {
    let result = render_case(chart, folder, case, cache);
    if let Some(error) = case.str_at(&["error"]) {
        let last = error.trim().lines().last().unwrap_or_default().trim();
        return match result {
            Ok(_) => Outcome::Wrong(format!("Helm refuses this: {error:.200}")),
            Err(text) => Outcome::Refused(format!("Error: {text}").contains(last)),
        };
    }
    let wanted = case.str_at(&["output"]).expect("a case has an output");
    let wanted = String::from_utf8_lossy(&fs::read(folder.join(wanted)).expect("the output is there")).into_owned();
    match result {
        Err(why) => Outcome::Wrong(format!("failed: {why}")),
        Ok(found) if found == wanted => Outcome::Letter,
        Ok(found) => match difference(&wanted, &found, case) {
            None => Outcome::Data,
            Some(why) => Outcome::Wrong(why),
        },
    }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    belay_yaml::parse_documents(text, &belay_yaml::Options::v2()).map_err(|e| format!("not YAML: {e}"))
}

fn difference(wanted: &str, found: &str, case: &Value) -> Option<String> {
    let (wanted, found) = match (documents(wanted), documents(found)) {
        (Ok(wanted), Ok(found)) => (wanted, found),
        (Err(why), _) | (_, Err(why)) => return Some(why),
    };
    let random = case.get("random").map_or(&[][..], Value::items);
    for (i, (a, b)) in wanted.iter().zip(&found).enumerate() {
        let skip: HashSet<&str> =
            random.iter().filter(|r| r[0].as_i64() == Some(i as i64)).filter_map(|r| r[1].as_str()).collect();
        if let Some(why) = differing(a, b, &skip, "") {
            let name = a.str_at(&["metadata", "name"]).unwrap_or_default();
            return Some(format!("document {i} ({} {name}) {why}", a.str_at(&["kind"]).unwrap_or_default()));
        }
    }
    (wanted.len() != found.len()).then(|| format!("{} documents wanted, {} rendered", wanted.len(), found.len()))
}

fn differing(a: &Value, b: &Value, skip: &HashSet<&str>, at: &str) -> Option<String> {
    if skip.contains(at) {
        return None;
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(key)));
            keys.map(|key| (key, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")))).find_map(
                |(key, here)| match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differing(a, b, skip, &here),
                    (Some(_), None) => Some(format!("{here} is missing")),
                    _ => Some(format!("{here} is too much")),
                },
            )
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| differing(a, b, skip, &format!("{at}/{i}")))
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{at}: want {:.200} got {:.200}", a.to_json(), b.to_json())),
    }
}

/// All cases of a chart: their names and what came of them.
fn judge_chart(folder: &Path, cache: &TemplateCache) -> Vec<(String, Outcome)> {
    let cases = super::json(&folder.join("case.json"));
    let tree = DirTree::open(folder, belay_tree::Limits::default()).expect("the chart is there");
    let chart = load(&tree, &TreePath::new("chart").expect("it is a path"), &Limits::default());
    let chart = chart.map_err(|e| e.to_string());
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let judge_one = |case: &Value| {
        let case_name = format!("{name} {}", case.str_at(&["name"]).unwrap_or_default());
        (case_name, judge(chart.as_ref(), folder, case, cache))
    };
    cases.get("cases").map_or(&[][..], Value::items).iter().map(judge_one).collect()
}

/// Judges all charts in a folder on two threads; prints the counts and gives what is wrong.
pub fn judge_all(root: &Path) -> Vec<String> {
    let mut folders: Vec<_> =
        fs::read_dir(root).expect("the folder is there").filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("case.json").exists());
    folders.sort();
    let cache = TemplateCache::default();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while let Some(folder) = folders.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            results.extend(judge_chart(folder, &cache));
        }
        results
    };
    let results: Vec<(String, Outcome)> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().expect("no render panics")).collect()
    });
    let count = |is: fn(&Outcome) -> bool| results.iter().filter(|(_, outcome)| is(outcome)).count();
    eprintln!(
        "{} cases: {} to the letter, {} as data, {} refused as Helm does, {} of them in its words",
        results.len(),
        count(|o| matches!(o, Outcome::Letter)),
        count(|o| matches!(o, Outcome::Data)),
        count(|o| matches!(o, Outcome::Refused(_))),
        count(|o| matches!(o, Outcome::Refused(true))),
    );
    let letter = count(|o| matches!(o, Outcome::Letter));
    assert!(results.len() > 490, "the corpus has cases");
    let mut wrong: Vec<String> = results
        .into_iter()
        .filter_map(|(name, outcome)| match outcome {
            Outcome::Wrong(why) if !KNOWN.iter().any(|(known, _)| *known == name) => Some(format!("{name}: {why}")),
            _ => None,
        })
        .collect();
    if wrong.is_empty() && letter * 100 < 60 * 498 {
        wrong.push(format!("only {letter} cases are equal to the letter"));
    }
    wrong.sort();
    wrong
}

#[test]
fn real_charts_render_as_helm_renders_them() {
    let Some(archive) = super::corpus("charts.tar.zst") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unpacked = Command::new("tar")
        .args(["--use-compress-program", "zstd -d --long=27", "-xf"])
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        eprintln!("skipped: the charts cannot be unpacked without tar and zstd");
        return;
    }
    let wrong = judge_all(folder.path());
    assert!(wrong.is_empty(), "{} of 498:\n{}", wrong.len(), wrong.join("\n"));
}
