//! `belay kustomize build` beside kustomize 5.8.1: real trees where the corpus is present, and
//! synthetic ones that grow.
//!
//! Where a `kustomize` program is found it runs here; else its figures are those recorded in
//! `performance.csv`, from another machine of the same sort.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::measure::{Figures, measure};
use crate::process::belay;
use crate::table::{Table, memory, time};

/// Builds of each tree, of which the least figures count: all else is the machine's other work.
const ROUNDS: u32 = 5;
/// When no more builds of a tree are made.
const ENOUGH: Duration = Duration::from_secs(3);
/// Some trees read files beside their folder, as those who recorded them let them.
const ANYWHERE: &str = "--load-restrictor=LoadRestrictionsNone";
const SYNTHETIC: [usize; 4] = [200, 400, 800, 1_600];

/// Runs the bench.
pub fn run(table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir()?;
    table.group("kustomize build, synthetic trees: wall time / processor time / peak memory");
    let mut ratios = Ratios::default();
    let mut growth = Vec::new();
    for n in SYNTHETIC {
        let tree = folder.path().join(format!("synthetic-{n}"));
        write_synthetic(&tree, n)?;
        if let Some(ours) = compare(table, &mut ratios, &format!("{n} x 3 resources"), &tree, None)? {
            growth.push(ours.cpu.as_secs_f64() / n as f64);
        }
    }
    if let (Some(first), Some(last)) = (growth.first(), growth.last()) {
        table.row("processor time a resource, largest to smallest", format!("{:.2}x", last / first), "< 1.5x");
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/kustomize");
    let Ok(recorded) = std::fs::read_to_string(corpus.join("performance.csv")) else {
        table.group("kustomize build, real trees: skipped, ../shared/corpus is not there");
        ratios.tell(table);
        return Ok(());
    };
    table.group("kustomize build, real trees (figures of kustomize are recorded ones where there is no kustomize)");
    let trees = folder.path().join("trees");
    std::fs::create_dir(&trees)?;
    let unpacked = Command::new("tar")
        .args(["--zstd", "-xf"])
        .arg(corpus.join("trees.tar.zst"))
        .arg("-C")
        .arg(&trees)
        .status()
        .context("tar cannot be started")?;
    anyhow::ensure!(unpacked.success(), "trees.tar.zst cannot be unpacked");
    for row in recorded.lines().skip(1) {
        let columns: Vec<&str> = row.split(',').collect();
        let [repository, dir, wall_ms, _, cpu_ms, rss_mb, ..] = columns[..] else { continue };
        let tree = trees.join(repository.replace('/', "+")).join(dir);
        if !tree.is_dir() {
            continue;
        }
        let millis = |text: &str| Duration::from_millis(text.parse().unwrap_or_default());
        let kib = rss_mb.parse::<u64>().unwrap_or_default() * 1024;
        let theirs = Figures { wall: millis(wall_ms), cpu: millis(cpu_ms), peak_kib: kib };
        compare(table, &mut ratios, &format!("{repository} {dir}"), &tree, Some(theirs))?;
    }
    table.group("kustomize build, beside kustomize");
    ratios.tell(table);
    Ok(())
}

/// How much more kustomize took than we, of each tree.
#[derive(Default)]
struct Ratios {
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

impl Ratios {
    fn tell(mut self, table: &mut Table) {
        if self.cpu.is_empty() {
            return;
        }
        for (what, list, median, worst) in
            [("processor time", &mut self.cpu, "20x", "10x"), ("memory", &mut self.memory, "4x", "4x")]
        {
            list.sort_by(f64::total_cmp);
            table.row(&format!("{what}: median"), format!("{:.1}x less", list[list.len() / 2]), &format!("> {median}"));
            table.row(&format!("{what}: worst"), format!("{:.1}x less", list[0]), &format!("> {worst}"));
        }
    }
}

/// Both programs on one tree.
fn compare(
    table: &mut Table,
    ratios: &mut Ratios,
    what: &str,
    tree: &Path,
    recorded: Option<Figures>,
) -> Result<Option<Figures>> {
    let tree = tree.to_str().context("the folder's name is no text")?;
    let shown: String = what.chars().rev().take(52).collect::<Vec<_>>().into_iter().rev().collect();
    let Some(ours) = best(&belay()?, &["kustomize", "build", ANYWHERE, tree])? else {
        table.row(&shown, "not built", "");
        return Ok(None);
    };
    let theirs = match kustomize() {
        Some(program) => best(&program, &["build", ANYWHERE, tree])?,
        None => recorded,
    };
    let show = |f: &Figures| format!("{} / {} / {}", time(f.wall), time(f.cpu), memory(f.peak_kib));
    let theirs = theirs.map_or_else(String::new, |theirs| {
        let cpu = theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64().max(1e-6);
        let kept = theirs.peak_kib as f64 / (ours.peak_kib as f64).max(1.0);
        ratios.cpu.push(cpu);
        ratios.memory.push(kept);
        format!("kustomize: {}, {cpu:.1}x and {kept:.1}x", show(&theirs))
    });
    table.row(&shown, show(&ours), &theirs);
    Ok(Some(ours))
}

/// kustomize 5.8.1 where there is one: the program that `KUSTOMIZE` names, or the one of that name.
fn kustomize() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("KUSTOMIZE") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("kustomize")).find(|program| program.is_file())
}

/// The least of each figure over some runs; `None` where the program fails. What takes seconds is
/// run once.
fn best(program: &Path, arguments: &[&str]) -> Result<Option<Figures>> {
    let mut best: Option<Figures> = None;
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let Some(run) = measure(program, arguments)? else { return Ok(None) };
        spent += run.wall;
        best = Some(match best {
            None => run,
            Some(old) => Figures {
                wall: old.wall.min(run.wall),
                cpu: old.cpu.min(run.cpu),
                peak_kib: old.peak_kib.min(run.peak_kib),
            },
        });
        if spent > ENOUGH {
            break;
        }
    }
    Ok(best)
}

/// A tree of N Deployments, Services and generated ConfigMaps under a prefix, a namespace, labels, an
/// image and a patch.
fn write_synthetic(folder: &Path, n: usize) -> Result<()> {
    let mut resources = String::new();
    let mut base = String::from("resources: [r.yaml]\nconfigMapGenerator:\n");
    for i in 0..n {
        write!(
            resources,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{i}, labels: {{app: app-{i}}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: app-{i}}}}}
  template:
    metadata: {{labels: {{app: app-{i}}}}}
    spec:
      serviceAccountName: app-{i}
      containers:
      - name: main
        image: registry.example.com/app:{i}
        envFrom: [{{configMapRef: {{name: cfg-{i}}}}}]
        ports: [{{containerPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: app-{i}}}
spec: {{selector: {{app: app-{i}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"
        )?;
        writeln!(base, "- {{name: cfg-{i}, literals: [k=v{i}]}}")?;
    }
    std::fs::create_dir_all(folder.join("base"))?;
    std::fs::write(folder.join("base/r.yaml"), resources)?;
    std::fs::write(folder.join("base/kustomization.yaml"), base)?;
    let top = r#"resources: [base]
namePrefix: prod-
namespace: prod
labels: [{pairs: {env: prod}, includeSelectors: true}]
images: [{name: registry.example.com/app, newTag: v2}]
patches:
- target: {kind: Deployment}
  patch: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: main, resources: {limits: {memory: 64Mi}}}]}}}"
"#;
    std::fs::write(folder.join("kustomization.yaml"), top)?;
    Ok(())
}
