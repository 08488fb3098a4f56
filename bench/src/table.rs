//! The printed table: what was measured, the figure, the target where there is one.

use std::time::Duration;

/// Prints rows as they come: a bench that takes long shows what it has.
pub struct Table(());

impl Table {
    /// Prints the head.
    pub fn begin() -> Table {
        println!("{:<58} {:>18}  target", "what", "figure");
        Table(())
    }
    /// Begins a group of rows.
    pub fn group(&mut self, title: &str) {
        println!("\n{title}");
    }
    /// One figure with its target; empty where there is none.
    pub fn row(&mut self, what: &str, figure: impl Into<String>, target: &str) {
        println!("  {what:<56} {:>18}  {target}", figure.into());
    }
}

/// `12.3 ms`, `1.23 s`
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 0.001 => format!("{:.0} us", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// `12.3 MiB` of KiB.
pub fn memory(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// The value that a part (0 to 1) of the sorted values does not exceed.
pub fn quantile<T: Copy + Ord + Default>(values: &mut [T], part: f64) -> T {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}
