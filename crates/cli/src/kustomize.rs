//! `belay kustomize build`: kustomize's command line on our builder.

use std::ffi::OsString;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::outln;
use belay_kustomize::{BuildOptions, Built, Compatibility, HelmRenderer, LoadRestrictor, Reorder, build};
use belay_object::Object;
use belay_render::Charts;
use belay_tree::{DirTree, Limits, TreePath};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Subcommand, Debug)]
pub enum KustomizeCommand {
    /// Build a kustomization target from a directory
    Build(BuildArgs),
    /// Change a kustomization file
    #[command(subcommand)]
    Edit(EditCommand),
}

#[derive(Subcommand, Debug)]
pub enum EditCommand {
    /// Put deprecated fields into their successors: bases, imageTags, commonLabels, patchesStrategicMerge,
    /// patchesJson6902, env
    Fix {
        /// Directory with a kustomization file
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
}

/// Names the version that objects are labelled with.
const VERSION_VARIABLE: &str = "KUSTOMIZE_VERSION";
/// The version that is followed.
const VERSION: &str = "v5.8.1";
/// The program that kustomize would run; here it is only taken.
const HELM: &str = "helm";

/// Flags are kustomize's.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// Directory with a kustomization file
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Write here instead: one file, or a file for each object in a directory
    #[arg(short = 'o', long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Order of the output
    #[arg(long)]
    reorder: Option<Order>,
    /// Whether files outside of a kustomization's directory may be read
    #[arg(long, default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: Restrictor,
    /// Which kustomize to follow: 5.8.1, as Argo CD and Flux have it, or what comes behind it
    #[arg(long, default_value = "5.8.1")]
    compatibility: Follow,
    /// Label every object with app.kubernetes.io/managed-by
    #[arg(long)]
    enable_managedby_label: bool,
    /// The version in that label
    #[arg(long, env = VERSION_VARIABLE, default_value = VERSION, hide = true)]
    kustomize_version: String,
    /// Render the Helm charts that kustomizations name; they stand in the chart home, none is fetched
    #[arg(long)]
    enable_helm: bool,
    /// Taken for compatibility
    #[arg(long, default_value = HELM, hide = true)]
    helm_command: String,
    /// Plugins run programs; they are refused
    #[arg(long, hide = true)]
    enable_alpha_plugins: bool,
    /// Functions run programs; they are refused
    #[arg(long, hide = true)]
    enable_exec: bool,
    /// Functions run containers; they are refused
    #[arg(long, hide = true)]
    network: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Order {
    None,
    Legacy,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Follow {
    #[value(name = "5.8.1")]
    V5_8_1,
    Next,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Restrictor {
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    #[value(name = "LoadRestrictionsNone")]
    None,
}

impl KustomizeCommand {
    /// What most lines say, `kustomize build [DIR]` with the flags that people give, read without the grammar
    /// of all flags: making that costs as much as a small build does. `None` for any other line, which the
    /// grammar takes or refuses.
    pub fn plain(mut words: impl Iterator<Item = OsString>) -> Option<KustomizeCommand> {
        if words.next()? != "kustomize" || words.next()? != "build" || std::env::var_os(VERSION_VARIABLE).is_some() {
            return None;
        }
        let (mut dir, mut restrictor, mut order, mut enable_helm) = (None, None, None, false);
        while let Some(word) = words.next() {
            if word.is_empty() {
                return None;
            }
            if !word.as_encoded_bytes().starts_with(b"-") {
                if dir.replace(word).is_some() {
                    return None;
                }
                continue;
            }
            let word = word.to_str()?;
            let (flag, value) =
                word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value.to_owned())));
            let mut value = || value.clone().or_else(|| words.next()?.into_string().ok());
            let is_repeated = match flag {
                "--load-restrictor" => restrictor.replace(Restrictor::from_str(&value()?, false).ok()?).is_some(),
                "--reorder" => order.replace(Order::from_str(&value()?, false).ok()?).is_some(),
                "--enable-helm" if word == flag => std::mem::replace(&mut enable_helm, true),
                _ => return None,
            };
            if is_repeated {
                return None;
            }
        }
        Some(KustomizeCommand::Build(BuildArgs {
            dir: dir.unwrap_or_else(|| ".".into()).into(),
            output: None,
            reorder: order,
            load_restrictor: restrictor.unwrap_or(Restrictor::RootOnly),
            compatibility: Follow::V5_8_1,
            enable_managedby_label: false,
            kustomize_version: VERSION.into(),
            enable_helm,
            helm_command: HELM.into(),
            enable_alpha_plugins: false,
            enable_exec: false,
            network: false,
        }))
    }
}

/// Carries out a command; exit status 1 where it failed, as kustomize's.
pub fn run(command: &KustomizeCommand) -> ExitCode {
    let done = match command {
        // The process ends behind this: nothing is gained from giving the objects back one by one.
        KustomizeCommand::Build(args) => built(args).map(ManuallyDrop::new).and_then(|built| write(args, &built)),
        KustomizeCommand::Edit(EditCommand::Fix { dir }) => fix(dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Fixes a kustomization file, and says so where its build is another then.
fn fix(dir: &Path) -> Result<(), String> {
    let (tree, path) = host(dir)?;
    let options = BuildOptions { tree_is_host: true, ..BuildOptions::default() };
    let before = build(&tree, &path, &options);
    let fixed = belay_kustomize::fix(&tree, &path).map_err(|e| e.to_string())?;
    let file = Path::new("/").join(fixed.file.as_str());
    std::fs::write(&file, &fixed.text).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    outln!("Fixed fields:\n  patchesJson6902 -> patches\n  patchesStrategicMerge -> patches\n  commonLabels -> labels");
    if fixed.has_vars {
        outln!("'vars' are left as they are: replacements are to be written by hand.");
    }
    match (before, build(&tree, &path, &options)) {
        (_, Err(e)) => outln!("Warning: the kustomization does not build: {e}"),
        (Ok(before), Ok(after)) if before.objects != after.objects => {
            outln!("Warning: the kustomization builds to something else than before.");
        }
        _ => {}
    }
    Ok(())
}

/// The machine's files, and a directory among them.
fn host(dir: &Path) -> Result<(DirTree, TreePath), String> {
    let dir = std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let text = dir.to_str().ok_or_else(|| format!("{} is no text", dir.display()))?;
    let path = TreePath::clean(text.trim_start_matches('/')).map_err(|e| e.to_string())?;
    let tree = DirTree::open(Path::new("/"), Limits::default()).map_err(|e| e.to_string())?;
    Ok((tree, path))
}

fn built(args: &BuildArgs) -> Result<Built, String> {
    let options = BuildOptions {
        reorder: match args.reorder {
            Some(Order::None) => Reorder::None,
            Some(Order::Legacy) | None => Reorder::Legacy,
        },
        reorder_is_explicit: args.reorder.is_some(),
        load_restrictor: match args.load_restrictor {
            Restrictor::RootOnly => LoadRestrictor::RootOnly,
            Restrictor::None => LoadRestrictor::None,
        },
        compatibility: match args.compatibility {
            Follow::V5_8_1 => Compatibility::V5_8_1,
            Follow::Next => Compatibility::Next,
        },
        managed_by_label: args.enable_managedby_label,
        kustomize_version: Some(args.kustomize_version.clone()),
        tree_is_host: true,
        helm: args.enable_helm.then(|| -> Arc<dyn HelmRenderer> { Arc::new(Charts::new(crate::helm::outside)) }),
        ..BuildOptions::default()
    };
    let (tree, path) = host(&args.dir)?;
    let built = build(&tree, &path, &options).map_err(|e| {
        // The error itself comes last, where kustomize has it and scripts look for it.
        e.hints().iter().for_each(|hint| eprintln!("hint: {hint}"));
        e.to_string()
    })?;
    built.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    Ok(built)
}

fn write(args: &BuildArgs, built: &Built) -> Result<(), String> {
    let told = |path: &Path, e: std::io::Error| format!("{} cannot be written: {e}", path.display());
    match &args.output {
        None => {
            crate::output::wrote(print(built, &mut std::io::stdout().lock()));
            Ok(())
        }
        Some(dir) if dir.is_dir() => {
            for object in &built.objects {
                let path = dir.join(file_name(object));
                std::fs::write(&path, belay_yaml::to_yaml(object.value())).map_err(|e| told(&path, e))?;
            }
            Ok(())
        }
        Some(file) => std::fs::write(file, built.to_yaml()).map_err(|e| told(file, e)),
    }
}

/// How much text gathers before it is written: most builds are one write, and a large one takes no
/// memory for its text besides its objects.
const CHUNK_BYTES: usize = 64 << 10;

fn print(built: &Built, out: &mut impl Write) -> std::io::Result<()> {
    let mut text = String::with_capacity(CHUNK_BYTES * 2);
    for (i, object) in built.objects.iter().enumerate() {
        if i > 0 {
            text.push_str("---\n");
        }
        belay_yaml::push_yaml(&mut text, object.value());
        if text.len() >= CHUNK_BYTES {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    out.write_all(text.as_bytes())
}

/// `shop_apps_v1_deployment_cart.yaml`, as kustomize names files.
fn file_name(object: &Object) -> String {
    let kind = object.group_version_kind();
    let parts = [object.namespace(), &kind.group, &kind.version, &kind.kind, object.name()];
    let name: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).map(str::to_lowercase).collect();
    format!("{}.yaml", name.join("_").replace(['/', ':'], "-"))
}

#[cfg(test)]
mod tests;
