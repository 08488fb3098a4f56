//! The cases of the corpus, and both ways to render all of them. Those that Helm refuses are rendered too.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow};
use belay_helm::{
    Capabilities, Chart, KubeVersion, Limits, Outside, Printed, ReleaseInfo, RenderOptions, TemplateCache, load,
    render, template, values,
};
use belay_object::{Map, Value, from_json};
use belay_tree::{DirTree, TreePath};

/// `belay-bench CALL_ALL FOLDER` renders all cases in its process.
pub const CALL_ALL: &str = "render-all-charts";
/// `belay-bench CALL_EACH FOLDER PROGRAM` has a program render each.
pub const CALL_EACH: &str = "render-each-chart";

/// One render.
pub struct Case {
    /// The chart's folder and the case's name.
    pub title: String,
    /// `template NAME CHART ...`
    pub arguments: Vec<String>,
    folder: PathBuf,
    text: Value,
}

impl Case {
    fn read(folder: &Path, text: &Value) -> Result<Case> {
        let field = |name: &str| text.str_at(&[name]).unwrap_or_default().to_owned();
        let path = |inner: &str| Ok::<_, anyhow::Error>(folder.join(inner).to_str().context("a path")?.to_owned());
        let mut arguments = vec!["template".to_owned(), field("release"), path("chart")?];
        arguments.extend([
            "--namespace".to_owned(),
            field("namespace"),
            "--kube-version".to_owned(),
            field("kubeVersion"),
        ]);
        if text["includeCrds"].as_bool() == Some(true) {
            arguments.push("--include-crds".to_owned());
        }
        if let Some(file) = text.str_at(&["values"]) {
            arguments.extend(["-f".to_owned(), path(file)?]);
        }
        let chart = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let title = format!("{chart} {}", field("name"));
        Ok(Case { title, arguments, folder: folder.to_owned(), text: text.clone() })
    }

    fn render(&self, chart: &Chart, cache: &TemplateCache) -> Result<String> {
        let field = |name: &str| self.text.str_at(&[name]).unwrap_or_default().to_owned();
        let values = match self.text.str_at(&["values"]) {
            None => Map::new(),
            Some(file) => values::read(&std::fs::read(self.folder.join(file))?).map_err(|e| anyhow!("{e}"))?,
        };
        chart.check_installable(&values)?;
        let release =
            ReleaseInfo { name: field("release"), namespace: field("namespace"), revision: 1, is_upgrade: false };
        let version = KubeVersion::parse(&field("kubeVersion"))?;
        let options = RenderOptions {
            release: &release,
            capabilities: &Capabilities::offline().with_kube_version(version),
            limits: &Limits::default(),
            cache: Some(cache),
            skip_schema: false,
            sub_notes: false,
        };
        let random = |bytes: &mut [u8]| bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
        let outside =
            Outside { now_unix_ns: 1_770_000_000_000_000_000, random: Some(Box::new(random)), ..Outside::default() };
        let rendered = render(chart, &values, &options, outside)?;
        let include_crds = self.text["includeCrds"].as_bool() == Some(true);
        Ok(template(&rendered, &Printed { include_crds, ..Printed::default() })?)
    }
}

/// The cases of a folder, chart by chart.
pub fn cases(root: &Path) -> Result<Vec<Case>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
    folders.retain(|folder| folder.join("case.json").is_file());
    folders.sort();
    let mut cases = Vec::new();
    for folder in folders {
        let of_chart = from_json(&std::fs::read(folder.join("case.json"))?)?;
        for text in of_chart["cases"].items() {
            cases.push(Case::read(&folder, text)?);
        }
    }
    Ok(cases)
}

fn all(root: &Path) -> Result<()> {
    let cache = TemplateCache::default();
    let mut loaded: Option<(PathBuf, Option<Chart>)> = None;
    for case in cases(root)? {
        let chart = match loaded.take() {
            Some((folder, chart)) if folder == case.folder => chart,
            _ => {
                let tree = DirTree::open(&case.folder, belay_tree::Limits::default())?;
                load(&tree, &TreePath::new("chart")?, &Limits::default()).ok()
            }
        };
        if let Some(chart) = &chart {
            // Some are to be refused; whether rightly is the tests' matter.
            let _ = case.render(chart, &cache);
        }
        loaded = Some((case.folder.clone(), chart));
    }
    Ok(())
}

/// The process of [`CALL_ALL`].
pub fn run_all(arguments: &[String]) -> ExitCode {
    match arguments.first().map(|root| all(Path::new(root))) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The process of [`CALL_EACH`].
pub fn run_each(arguments: &[String]) -> ExitCode {
    let [root, program] = arguments else { return ExitCode::FAILURE };
    let Ok(cases) = cases(Path::new(root)) else { return ExitCode::FAILURE };
    let is_belay = Path::new(program).file_stem().is_some_and(|name| name == "belay");
    for case in cases {
        let mut command = Command::new(program);
        if is_belay {
            command.arg("helm");
        }
        command.args(&case.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
