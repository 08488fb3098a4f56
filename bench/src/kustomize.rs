//! `belay kustomize build` beside kustomize 5.8.1: real trees where the corpus is present, and
//! synthetic ones that grow.
//!
//! Where a `kustomize` program is found it runs here; else its figures are those recorded in
//! `performance.csv`, from another machine of the same sort.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process::{Process, belay};
use crate::table::{Table, memory, time};

/// Builds of each tree of which the figures are the mean; processor time comes in steps of 10 ms.
const ROUNDS: u32 = 5;
const SYNTHETIC: [usize; 4] = [200, 400, 800, 1_600];

/// Runs the bench.
pub fn run(table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir()?;
    table.group("kustomize build, synthetic trees (Deployment, Service, ConfigMap each)");
    for n in SYNTHETIC {
        let tree = folder.path().join(format!("synthetic-{n}"));
        write_synthetic(&tree, n)?;
        compare(table, &format!("{n} x 3 resources"), &tree, None)?;
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/kustomize");
    let Ok(recorded) = std::fs::read_to_string(corpus.join("performance.csv")) else {
        table.group("kustomize build, real trees: skipped, ../shared/corpus is not there");
        return Ok(());
    };
    table.group("kustomize build, real trees (recorded figures are from the corpus)");
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
        compare(table, &format!("{repository} {dir}"), &tree, Some(theirs))?;
    }
    Ok(())
}

struct Figures {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

fn compare(table: &mut Table, what: &str, tree: &Path, recorded: Option<Figures>) -> Result<()> {
    let Some(ours) = measure(&belay()?, &["kustomize", "build"], tree)? else {
        table.row(what, "not built", "");
        return Ok(());
    };
    let theirs = match kustomize() {
        Some(program) => measure(&program, &["build"], tree)?,
        None => recorded,
    };
    let show = |f: &Figures| format!("{} / {} / {}", time(f.wall), time(f.cpu), memory(f.peak_kib));
    let theirs = theirs.as_ref().map_or_else(String::new, |f| format!("kustomize: {}", show(f)));
    let shown: String = what.chars().rev().take(52).collect::<Vec<_>>().into_iter().rev().collect();
    table.row(&shown, show(&ours), &theirs);
    Ok(())
}

fn kustomize() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("kustomize")).find(|program| program.is_file())
}

/// Wall and processor time of a build (means) and the largest peak memory; `None` where it fails.
fn measure(program: &Path, arguments: &[&str], tree: &Path) -> Result<Option<Figures>> {
    let mut sum = Figures { wall: Duration::ZERO, cpu: Duration::ZERO, peak_kib: 0 };
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut command = Command::new(program);
        command.args(arguments).arg(tree).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(&mut command)?;
        let mut stdout = process.child().stdout.take().context("the output")?;
        let mut buffer = vec![0; 64 << 10];
        // The peak is read at each piece of output: a process that has ended tells none.
        while stdout.read(&mut buffer)? > 0 {
            sum.peak_kib = sum.peak_kib.max(process.peak_kib());
        }
        sum.wall += began.elapsed();
        while !process.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        sum.cpu += process.cpu();
        if !process.child().wait()?.success() {
            return Ok(None);
        }
    }
    Ok(Some(Figures { wall: sum.wall / ROUNDS, cpu: sum.cpu / ROUNDS, peak_kib: sum.peak_kib }))
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
