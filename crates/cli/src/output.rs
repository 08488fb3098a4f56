//! What a person reads: Flux's marks, tables and truncations.
//!
//! Progress goes to standard error, answers to standard output, so that both can be piped apart.
//! Colours only on a terminal, and never with `NO_COLOR`.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use owo_colors::OwoColorize;

/// Exit status of a program whose reader went away: 128 and the number of SIGPIPE, as a shell tells it of kubectl.
const READER_GONE: i32 = 141;

/// Writes an answer to standard output. A reader that went away (`| head`) ends the process quietly.
pub fn answer(text: std::fmt::Arguments<'_>) {
    wrote(std::io::stdout().lock().write_fmt(text));
}

/// The same with the end of a line.
pub fn answer_line(text: std::fmt::Arguments<'_>) {
    let mut to = std::io::stdout().lock();
    wrote(to.write_fmt(text).and_then(|()| to.write_all(b"\n")));
}

/// Ends the process where standard output cannot be written.
pub fn wrote(result: std::io::Result<()>) {
    let Err(e) = result else { return };
    if e.kind() != std::io::ErrorKind::BrokenPipe {
        failure(&format!("the answer cannot be written: {e}"));
        std::process::exit(1);
    }
    std::process::exit(READER_GONE);
}

/// `print!` for answers; see [`answer`].
#[macro_export]
macro_rules! out {
    ($($text:tt)*) => { $crate::output::answer(format_args!($($text)*)) };
}

/// `println!` for answers; see [`answer`].
#[macro_export]
macro_rules! outln {
    () => { $crate::output::answer(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::answer_line(format_args!($($text)*)) };
}

fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `► text`: something begins.
pub fn action(text: &str) {
    mark("►", text, |m| m.cyan().to_string());
}

/// `◎ text`: something is waited for.
pub fn waiting(text: &str) {
    mark("◎", text, |m| m.yellow().to_string());
}

/// `✚ text`: something is generated.
pub fn generate(text: &str) {
    mark("✚", text, |m| m.cyan().to_string());
}

/// `✔ text`: something went well.
pub fn success(text: &str) {
    mark("✔", text, |m| m.green().to_string());
}

/// `⚠️ text`: something wants attention.
pub fn warning(text: &str) {
    mark("⚠️", text, |m| m.yellow().to_string());
}

/// `✗ text`: something failed.
pub fn failure(text: &str) {
    mark("✗", text, |m| m.red().to_string());
}

fn mark(sign: &str, text: &str, colour: impl Fn(&str) -> String) {
    let sign = if coloured() { colour(sign) } else { sign.to_owned() };
    // Compat(flux 2.9): a mark, a space, the text.
    let _ = writeln!(std::io::stderr(), "{sign} {}", clean(text));
}

/// What a long wait shows: a spinner on a terminal, elsewhere a line when there is news, and now and
/// then when there is none, so that a log shows what a command hangs on.
pub struct Progress {
    what: String,
    begun: Instant,
    told: Instant,
    last: String,
    spinner: Option<ProgressBar>,
}

/// The first line comes after this: what ends sooner needs none.
const FIRST_LINE: Duration = Duration::from_secs(3);
/// The same news are told again after this.
const AGAIN: Duration = Duration::from_secs(10);

impl Progress {
    /// Begins to wait for something.
    pub fn begin(what: String) -> Progress {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        let now = Instant::now();
        Progress { what, begun: now, told: now, last: String::new(), spinner }
    }

    /// Shows what is waited for.
    pub fn tell(&mut self, news: &str) {
        let now = Instant::now();
        let waited = now.duration_since(self.begun);
        let news = clean(news).replace('\n', " ");
        if let Some(spinner) = &self.spinner {
            spinner.set_message(format!("{} ({}s): {news}", self.what, waited.as_secs()));
        } else if is_due(waited, now.duration_since(self.told), news != self.last) {
            waiting(&format!("still waiting for {} after {}s: {news}", self.what, waited.as_secs()));
            self.told = now;
            self.last = news;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Whether a line is due: the time waited, that since the last line, whether there is news.
fn is_due(waited: Duration, since_last: Duration, is_new: bool) -> bool {
    waited >= FIRST_LINE && since_last >= if is_new { FIRST_LINE } else { AGAIN }
}

/// Takes out control characters, and those that turn the direction of what follows: what a cluster says must not
/// steer the reader's terminal, nor look like something else (INV-UI).
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| (!c.is_control() && !turns(*c)) || *c == '\n' || *c == '\t').collect()
}

/// A value as JSON that steers no terminal: control characters stand there as escapes, which mean the same.
pub fn json(value: &belay_object::Value) -> String {
    let text = value.to_json_pretty();
    if !text.chars().any(|c| c.is_control() && c != '\n') {
        return text;
    }
    // Those below a blank are escapes already; what is left stands within texts.
    let escaped = |c: char| match c.is_control() && c != '\n' {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A table in the form of `flux get`: columns padded to their width and closed by a tab.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names; they are shown in capitals.
    pub fn new(header: &[&str]) -> Table {
        Table { header: header.iter().map(|h| h.to_uppercase()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|c| clean(c).replace(['\n', '\t'], " ")).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text; `header: false` leaves the column names out.
    pub fn render(&self, header: bool) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|h| h.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in header.then_some(&self.header).into_iter().chain(&self.rows) {
            for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
                out.push_str(cell);
                if i + 1 < row.len() {
                    out.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
                    out.push('\t');
                }
            }
            out.push('\n');
        }
        out
    }
}

/// Shortens every run of 40 or more hex digits to 8, as Flux's tables do.
pub fn short_hex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        out.push_str(if run.len() >= 40 { &run[..8] } else { run });
        run.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() || ('a'..='f').contains(&c) {
            run.push(c);
        } else {
            flush(&mut run, &mut out);
            out.push(c);
        }
    }
    flush(&mut run, &mut out);
    out
}

/// `True` or `False`, as Flux's tables write booleans.
pub fn yes(value: bool) -> String {
    if value { "True".into() } else { "False".into() }
}

#[cfg(test)]
mod tests;
