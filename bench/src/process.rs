//! Child processes: started, looked at through `/proc`, ended when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The administrator's token of benched servers.
pub const TOKEN: &str = "bench";
/// Ticks of a second in `/proc/PID/stat`: USER_HZ, fixed on every platform of Linux that we run on.
const TICKS_PER_S: u64 = 100;

/// A process that ends when this is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Result<Process> {
        let child =
            command.spawn().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        Ok(Process(child))
    }
    fn proc_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap_or_default()
    }
    fn status_kib(&self, field: &str) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find_map(|l| l.strip_prefix(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
    }
    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS")
    }
    /// The most that was ever resident, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.status_kib("VmHWM")
    }
    /// Processor time used so far, of all threads; in steps of 10 ms.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc_file("stat");
        // The name in parentheses may hold anything; user and system time are the 12th and 13th behind it.
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        let ticks: u64 = behind.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_S)
    }
    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The binary that stands beside this one.
pub fn belay() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let belay = own.with_file_name("belay");
    if !belay.is_file() {
        bail!("{} is not there: build it with the same profile (cargo build --release -p belay)", belay.display());
    }
    Ok(belay)
}

/// `belay apiserver` in a process of its own.
pub struct ApiServer {
    pub process: Process,
    pub address: SocketAddr,
}

impl ApiServer {
    /// Starts one: with TLS and a kubeconfig where one is asked for, else in plain text. Returns when
    /// it says where it listens.
    pub fn start(controllers: bool, kubeconfig: Option<&Path>) -> Result<ApiServer> {
        let mut command = Command::new(belay()?);
        command.args(["apiserver", "--listen", "127.0.0.1:0", "--token", TOKEN]);
        command.arg(format!("--controllers={controllers}"));
        match kubeconfig {
            Some(path) => command.arg("--kubeconfig").arg(path),
            None => command.arg("--plain"),
        };
        let mut process = Process::start(command.stdout(Stdio::piped()))?;
        let stdout = process.child().stdout.take().context("the server's output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line.context("the server's output")?;
            if let Some(url) = line.strip_prefix("serving ") {
                let address = url.rsplit('/').next().unwrap_or_default().parse()?;
                return Ok(ApiServer { process, address });
            }
        }
        bail!("the server ended before it listened")
    }
}
