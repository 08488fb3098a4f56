//! One program run to its end: wall time, processor time of all its threads, the most it had in memory.
//!
//! The kernel tells processor time and memory of a process's children only together. So each run is
//! made by a process of its own, this program called with [`CALL`], which has one child.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// The argument that asks for a run: `belay-bench CALL PROGRAM ARGUMENT...`.
pub const CALL: &str = "measure-one-run";

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_kib: u64,
}

/// Runs a program; `None` where it fails.
pub fn measure(program: &Path, arguments: &[&str]) -> Result<Option<Figures>> {
    let own = std::env::current_exe().context("where this program is")?;
    let output = Command::new(own)
        .arg(CALL)
        .arg(program)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .context("a run cannot be started")?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    let mut next = || numbers.next().context("a run gave no figures");
    Ok(Some(Figures { wall: Duration::from_micros(next()?), cpu: Duration::from_micros(next()?), peak_kib: next()? }))
}

/// The run itself, in the process that was called for it: prints its figures.
pub fn run_one(arguments: &[String]) -> ExitCode {
    let Some((program, arguments)) = arguments.split_first() else { return ExitCode::FAILURE };
    let began = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    let wall = began.elapsed();
    let (Ok(status), Ok(usage)) = (status, getrusage(UsageWho::RUSAGE_CHILDREN)) else { return ExitCode::FAILURE };
    let cpu_us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{} {cpu_us} {}", wall.as_micros(), usage.max_rss());
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
