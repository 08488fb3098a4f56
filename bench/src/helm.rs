//! Renders of the corpus of charts: all in one process, one process each, and beside Helm where a
//! program of it is given.

mod renders;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::measure::{Figures, measure};
use crate::process::belay;
use crate::table::{Table, memory, quantile, time};

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
    let ours = cases.iter().map(|case| by_itself(&belay, &["helm"], case)).collect::<Result<Vec<_>>>()?;
    let (largest, figures) = largest(&cases, &ours)?;
    table.row("the largest chart", show(&figures), "");
    table.row(&format!("    {}", largest.title), "", "");

    let Some(helm) = helm else { return Ok(()) };
    let theirs = self::each(&own, root, helm)?;
    table.row("Helm, one process each", show(&theirs), "");
    let times = |ours: &Figures| theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-6);
    table.row("processor time less than Helm's, one process each", format!("{:.1}x", times(&each)), "> 10x");
    table.row("processor time less than Helm's, in one process", format!("{:.1}x", times(&all)), "> 10x");
    let theirs = cases.iter().map(|case| by_itself(helm, &[], case)).collect::<Result<Vec<_>>>()?;
    // Thousandths, so that they can be sorted.
    let pairs = ours.iter().zip(&theirs).filter_map(|(ours, theirs)| Some(((*ours)?, (*theirs)?)));
    let mut less: Vec<u128> = pairs.map(|(o, t)| t.cpu.as_micros() * 1000 / o.cpu.as_micros().max(1)).collect();
    let times = |thousandths: u128| format!("{:.1}x", thousandths as f64 / 1000.0);
    table.row("the same, in the median of the renders", times(quantile(&mut less, 0.5)), "> 10x");
    table.row("the same, in nine of ten", times(quantile(&mut less, 0.1)), "");
    if let Some(theirs) = measure(helm, &arguments(&largest.arguments))? {
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

/// One case by a program, called with words before Helm's own; nothing where it is refused.
fn by_itself(program: &Path, before: &[&str], case: &renders::Case) -> Result<Option<Figures>> {
    let line: Vec<&str> = before.iter().copied().chain(arguments(&case.arguments)).collect();
    measure(program, &line)
}

/// The chart whose render takes the most memory.
fn largest<'a>(cases: &'a [renders::Case], ours: &[Option<Figures>]) -> Result<(&'a renders::Case, Figures)> {
    let measured = cases.iter().zip(ours).filter_map(|(case, figures)| Some((case, (*figures)?)));
    measured.max_by_key(|(_, figures)| figures.peak_kib).context("nothing was rendered")
}
