//! `belay helm template`: Helm's command line on our renderer. No cluster is asked.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use belay_helm::{
    Capabilities, Chart, Document, KubeVersion, Limits, Outside, Printed, ReleaseInfo, RenderOptions, Rendered, load,
    printed_hooks, release, render, template, values::UserValues,
};
use belay_tree::{DirTree, TreePath};
use clap::{Args, Subcommand};

/// Helm's commands that need no cluster.
#[derive(Subcommand, Debug)]
pub enum HelmCommand {
    /// Render a chart and print it
    Template(Box<TemplateArgs>),
}

/// Flags are Helm's.
#[derive(Args, Debug)]
pub struct TemplateArgs {
    /// Name of the release, and the chart: a directory or a .tgz; only the chart for a release called release-name
    #[arg(required = true, num_args = 1..=2, value_names = ["NAME", "CHART"])]
    name_and_chart: Vec<String>,
    /// The release's namespace
    #[arg(short = 'n', long, default_value = "default")]
    namespace: String,
    /// Values file, - for standard input; may be repeated, later ones win
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    values: Vec<String>,
    /// Values on the command line: key1=val1,key2=val2; may be repeated
    #[arg(long, value_name = "VALUES")]
    set: Vec<String>,
    /// The same, always text
    #[arg(long, value_name = "VALUES")]
    set_string: Vec<String>,
    /// The same in JSON: key1=jsonval1, or one whole object
    #[arg(long, value_name = "JSON")]
    set_json: Vec<String>,
    /// Values from files: key1=path1,key2=path2
    #[arg(long, value_name = "VALUES")]
    set_file: Vec<String>,
    /// One value as it is: key=text
    #[arg(long, value_name = "VALUE")]
    set_literal: Vec<String>,
    /// Version of Kubernetes that the chart may assume
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// API versions that the chart may assume besides; may be repeated or separated by commas
    #[arg(short = 'a', long, value_name = "VERSIONS", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Print the chart's CRDs too
    #[arg(long)]
    include_crds: bool,
    /// Leave CRDs out
    #[arg(long)]
    skip_crds: bool,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Leave tests out
    #[arg(long)]
    skip_tests: bool,
    /// Only what these templates wrote: paths within the chart, * allowed; may be repeated
    #[arg(short = 's', long, value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// Render as an upgrade, not an install
    #[arg(long)]
    is_upgrade: bool,
    /// Do not hold values against the chart's schemas
    #[arg(long)]
    skip_schema_validation: bool,
    /// Write files below this directory instead
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Call the release after the chart and the time, where no name is given
    #[arg(short = 'g', long)]
    generate_name: bool,
    /// Put the release's name into the path below the output directory
    #[arg(long)]
    release_name: bool,
}

/// How long one render may take: charts take milliseconds.
const MAX_TIME: Duration = Duration::from_secs(60);

/// Carries out a command; exit status 1 where it failed, as Helm's.
pub fn run(command: &HelmCommand) -> ExitCode {
    let HelmCommand::Template(args) = command;
    let ended = belay_helm::on_large_stack(|| -> ExitCode {
        let code = match templated(args) {
            Ok(()) => 0,
            Err(message) => {
                eprintln!("Error: {message}");
                1
            }
        };
        // From here, so that memory is not given back piece by piece.
        std::process::exit(code)
    });
    match ended {
        Ok(code) => code,
        Err(e) => {
            eprintln!("Error: {}", told(e));
            ExitCode::FAILURE
        }
    }
}

fn told(e: belay_helm::Error) -> String {
    let hints: String = e.hints().iter().map(|hint| format!("\nhint: {hint}")).collect();
    format!("{e}{hints}")
}

fn templated(args: &TemplateArgs) -> Result<(), String> {
    let (name, chart) = match args.name_and_chart.as_slice() {
        [_, _] if args.generate_name => return Err("cannot set --generate-name and also specify a name".into()),
        [name, chart] => (name.clone(), chart),
        [chart, ..] if args.generate_name => (generated_name(chart, jiff::Timestamp::now().as_second()), chart),
        [chart, ..] => ("release-name".to_owned(), chart),
        [] => return Err("a chart is needed".into()),
    };
    release::check_name(&name).map_err(|e| format!("release name check failed: release name {name:?}: {e}"))?;
    let limits = Limits::default();
    // Neither is given back piece by piece: the process ends behind this.
    let chart = ManuallyDrop::new(load_chart(chart, &limits)?);
    let values = user_values(args)?;
    chart.check_installable(&values).map_err(told)?;
    let mut capabilities = Capabilities::offline().with_api_versions(args.api_versions.iter().cloned());
    if let Some(version) = &args.kube_version {
        let version = KubeVersion::parse(version).map_err(|e| format!("invalid kube version '{version}': {e}"))?;
        capabilities = capabilities.with_kube_version(version);
    }
    let info =
        ReleaseInfo { name: name.clone(), namespace: args.namespace.clone(), revision: 1, is_upgrade: args.is_upgrade };
    let options = RenderOptions {
        release: &info,
        capabilities: &capabilities,
        limits: &limits,
        cache: None,
        skip_schema: args.skip_schema_validation,
        sub_notes: false,
    };
    let rendered = ManuallyDrop::new(render(&chart, &values, &options, outside()).map_err(told)?);
    let printed = Printed {
        include_crds: args.include_crds && !args.skip_crds,
        no_hooks: args.no_hooks,
        skip_tests: args.skip_tests,
        show_only: &args.show_only,
    };
    let text = match &args.output_dir {
        None => template(&rendered, &printed).map_err(told)?,
        Some(dir) => {
            let dir = if args.release_name { dir.join(&name) } else { dir.clone() };
            write_files(&dir, &rendered, &printed)?
        }
    };
    crate::output::wrote(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// `CHART-SECONDS`, the chart's name up to its first dot.
fn generated_name(chart: &str, unix_s: i64) -> String {
    let base = chart.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let base = if matches!(base, "" | ".") { "chart" } else { base.split('.').next().unwrap_or_default() };
    format!("{base}-{unix_s}")
}

/// Time and randomness for the templates.
pub fn outside() -> Outside {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    Outside {
        now_unix_ns: i128::try_from(now.as_nanos()).unwrap_or_default(),
        random: Some(Box::new(|bytes| {
            // Where the system has none, zeros are seen in the output at once.
            let _ = getrandom::fill(bytes);
        })),
        check: Some(Box::new(move || match start.elapsed() > MAX_TIME {
            true => Err(format!("rendering takes more than {} s", MAX_TIME.as_secs())),
            false => Ok(()),
        })),
        lookup: None,
    }
}

pub(crate) fn load_chart(path: &str, limits: &Limits) -> Result<Chart, String> {
    let absolute = std::path::absolute(path).map_err(|e| format!("{path}: {e}"))?;
    let text = absolute.to_str().ok_or_else(|| format!("{} is no text", absolute.display()))?;
    let inner = TreePath::clean(text.trim_start_matches('/')).map_err(|e| e.to_string())?;
    let tree_limits = belay_tree::Limits { file_bytes: limits.chart_bytes, ..belay_tree::Limits::default() };
    let tree = DirTree::open(Path::new("/"), tree_limits).map_err(|e| e.to_string())?;
    // Told by the path that was given, not by the one within the tree.
    load(&tree, &inner, limits).map_err(|e| told(e).replacen(&format!("{inner:?}"), &format!("{path:?}"), 1))
}

fn user_values(args: &TemplateArgs) -> Result<belay_object::Map, String> {
    let files = args.values.iter().map(|name| Ok((name.clone(), read(name)?))).collect::<Result<_, String>>()?;
    let given = UserValues {
        files,
        json: &args.set_json,
        set: &args.set,
        strings: &args.set_string,
        from_files: &args.set_file,
        literals: &args.set_literal,
    };
    let read_text = |name: &str| read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    given.merged(&read_text).map_err(told)
}

fn read(name: &str) -> Result<Vec<u8>, String> {
    if name.trim() == "-" {
        let mut text = Vec::new();
        let read = std::io::stdin().read_to_end(&mut text);
        return read.map(|_| text).map_err(|e| format!("standard input cannot be read: {e}"));
    }
    fs::read(name).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("open {name}: no such file or directory"),
        _ => format!("open {name}: {e}"),
    })
}

/// Writes each document to the file of its template, several to one after the other.
fn write_files(dir: &Path, rendered: &Rendered, printed: &Printed<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut seen = HashSet::new();
    let crds = rendered.crds.iter().filter(|_| printed.include_crds);
    let crds = crds.map(|crd| (crd.path.as_str(), String::from_utf8_lossy(&crd.file.data)));
    let manifests = rendered.manifests.iter().map(|m| (m.path.as_str(), m.content.as_str().into()));
    let hooks = printed_hooks(rendered, printed).map(|hook| (hook.path.as_str(), hook.manifest.as_str().into()));
    for (path, text) in crds.chain(manifests).chain(hooks) {
        let file = dir.join(path);
        let failed = |e: std::io::Error| format!("{} cannot be written: {e}", file.display());
        fs::create_dir_all(file.parent().unwrap_or(dir)).map_err(failed)?;
        let is_first = seen.insert(path.to_owned());
        let mut options = fs::OpenOptions::new();
        let options = options.create(true).write(true).truncate(is_first).append(!is_first);
        let mut opened = options.open(&file).map_err(failed)?;
        opened.write_all(Document { path, text: &text }.to_string().as_bytes()).map_err(failed)?;
        out.push_str(&format!("wrote {}\n", file.display()));
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests;
