//! How large a chart and its render may be.

use std::time::Duration;

/// Limits on one chart and one render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All files of an archive, unpacked. Helm's own 100 MiB.
    pub chart_bytes: u64,
    /// One file of a chart. Helm's own 5 MiB.
    pub file_bytes: u64,
    /// Files of a chart, those of its sub-charts included. 50,000: the largest public umbrella
    /// charts have about 3,000.
    pub files: usize,
    /// Charts within charts. 32: Helm has no limit, real umbrellas reach 4; bounds every recursion
    /// over dependencies.
    pub chart_depth: usize,
    /// Steps that the templates of one render may take. 200 million: the largest charts of the
    /// corpus take about a million.
    pub template_steps: u64,
    /// What all templates of one render may write, and the largest value that a function may make.
    /// 64 MiB: the largest charts of the corpus write 5.
    pub output_bytes: u64,
    /// What the functions of one render may make together, whether it is used or not: the memory
    /// that templates can take. 256 MiB: the largest charts of the corpus make 5.
    pub made_bytes: u64,
    /// How long one render may take. Helm has no limit; Flux gives an operation 5 minutes.
    pub render_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            chart_bytes: 100 << 20,
            file_bytes: 5 << 20,
            files: 50_000,
            chart_depth: 32,
            template_steps: 200_000_000,
            output_bytes: 64 << 20,
            made_bytes: 256 << 20,
            render_time: Duration::from_secs(60),
        }
    }
}
