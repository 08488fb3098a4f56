//! What a person reads: Flux's marks, tables and truncations.
//!
//! Progress goes to standard error, answers to standard output, so that both can be piped apart.
//! Colours only on a terminal, and never with `NO_COLOR`.

use std::io::{IsTerminal, Write};

use owo_colors::OwoColorize;

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

/// Takes out control characters: what a cluster says must not steer the reader's terminal (INV-UI).
pub fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect()
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
