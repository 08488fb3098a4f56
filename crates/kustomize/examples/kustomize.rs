//! `kustomize build`, without Helm and remote bases: for the corpora and for a look at one tree.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belay_kustomize::{BuildOptions, Compatibility, LoadRestrictor, Reorder, build};
use belay_tree::{DirTree, Limits, TreePath};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut options = BuildOptions { reorder: Reorder::Legacy, tree_is_host: true, ..BuildOptions::default() };
    options.kustomize_version = std::env::var("KUSTOMIZE_VERSION").ok();
    let mut dir = PathBuf::from(".");
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--reorder=none" => (options.reorder, options.reorder_is_explicit) = (Reorder::None, true),
            "--reorder=legacy" => (options.reorder, options.reorder_is_explicit) = (Reorder::Legacy, true),
            "--load-restrictor=LoadRestrictionsNone" => options.load_restrictor = LoadRestrictor::None,
            "--compatibility=next" => options.compatibility = Compatibility::Next,
            "--enable-managedby-label" => options.managed_by_label = true,
            flag if flag.starts_with("--") => {}
            path => dir = PathBuf::from(path),
        }
    }
    let dir = std::path::absolute(&dir).map_err(|error| error.to_string())?;
    let path = TreePath::clean(dir.to_string_lossy().trim_start_matches('/')).map_err(|error| error.to_string())?;
    let tree = DirTree::open(Path::new("/"), Limits::default()).map_err(|error| error.to_string())?;
    let built = build(&tree, &path, &options).map_err(|error| {
        error.hints().iter().for_each(|hint| eprintln!("hint: {hint}"));
        error.to_string()
    })?;
    built.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    print!("{}", built.to_yaml());
    Ok(())
}
