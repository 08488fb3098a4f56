//! Renders of the corpus of charts: all in one process, one process each, and beside Helm where a
//! program of it is given.

mod renders;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::measure::{Figures, measure};
use crate::process::belay;
use crate::table::{Table, memory, time};

pub use renders::{CALL_ALL, CALL_EACH, run_all, run_each};

/// Runs the bench.
pub fn run(table: &mut Table, helm: Option<&Path>) -> Result<()> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/helm/charts.tar.zst");
    if !archive.is_file() {
        table.group("helm template: skipped, ../shared/corpus is not there");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let unpack = ["--use-compress-program", "zstd -d --long=27", "-xf"];
    let unpacked = Command::new("tar").args(unpack).arg(archive).arg("-C").arg(folder.path()).status();
    ensure!(unpacked.context("tar cannot be started")?.success(), "charts.tar.zst cannot be unpacked");
    let root = folder.path().to_str().context("the folder's name is no text")?;
    let cases = renders::cases(folder.path())?;
    table.group(&format!(
        "helm template, {} renders of real charts: processor time / wall time / peak memory",
        cases.len()
    ));

    let own = std::env::current_exe().context("where this program is")?;
    let all = measure(&own, &[CALL_ALL, root])?.context("the renders in one process failed")?;
    table.row("all in one process", show(&all), "");
    let belay = belay()?;
    let each = each(&own, root, &belay)?;
    table.row("one process each", show(&each), "");
    let (largest, figures) = largest(&cases, &belay)?;
    table.row("the largest chart", show(&figures), "");
    table.row(&format!("    {largest}"), "", "");

    let Some(helm) = helm else { return Ok(()) };
    let theirs = self::each(&own, root, helm)?;
    table.row("Helm, one process each", show(&theirs), "");
    let times = |ours: &Figures| theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-6);
    table.row("processor time less than Helm's, one process each", format!("{:.1}x", times(&each)), "> 10x");
    table.row("processor time less than Helm's, in one process", format!("{:.1}x", times(&all)), "> 10x");
    let case = cases.iter().find(|c| c.title == largest).context("the largest chart")?;
    if let Some(theirs) = measure(helm, &arguments(&case.arguments))? {
        table.row("Helm, the largest chart", show(&theirs), "");
    }
    Ok(())
}

fn show(figures: &Figures) -> String {
    format!("{} / {} / {}", time(figures.cpu), time(figures.wall), memory(figures.peak_kib))
}

fn arguments(of_case: &[String]) -> Vec<&str> {
    of_case.iter().map(String::as_str).collect()
}

/// All cases, a process of `program` each.
fn each(own: &Path, root: &str, program: &Path) -> Result<Figures> {
    let program: PathBuf = program.canonicalize().with_context(|| program.display().to_string())?;
    let program = program.to_str().context("the program's name is no text")?;
    measure(own, &[CALL_EACH, root, program])?.context("the renders, a process each, failed")
}

/// The chart whose render takes the most memory.
fn largest(cases: &[renders::Case], belay: &Path) -> Result<(String, Figures)> {
    let mut largest: Option<(String, Figures)> = None;
    for case in cases {
        let mut line = vec!["helm"];
        line.extend(arguments(&case.arguments));
        let Some(figures) = measure(belay, &line)? else { continue };
        if largest.as_ref().is_none_or(|(_, most)| figures.peak_kib > most.peak_kib) {
            largest = Some((case.title.clone(), figures));
        }
    }
    largest.context("nothing was rendered")
}
