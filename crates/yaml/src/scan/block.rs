//! Block scalars: `|` and `>` with their indentation and chomping indicators.

use super::{Mark, Scanned, Scanner, Style, Token};

impl<'a> Scanner<'a> {
    /// Gives the token and where its last line ends.
    pub(super) fn block_scalar(&mut self, literal: bool) -> Scanned<(Token<'a>, Mark)> {
        let start = self.mark;
        self.skip();
        let (keep, increment) = self.block_header(start)?;
        let mut indent = match increment {
            0 => 0,
            n => usize::try_from(self.indent).unwrap_or(0) + n,
        };
        let mut text = String::new();
        let mut leading_break = "";
        let mut trailing_breaks = String::new();
        let mut leading_blank = false;
        let mut end = self.block_breaks(&mut indent, &mut trailing_breaks, start)?;
        while self.mark.column == indent && !self.is_end() {
            let blank = self.is_blank();
            if !literal && !leading_blank && !blank && leading_break == "\n" {
                if trailing_breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(leading_break);
            }
            text.push_str(&trailing_breaks);
            trailing_breaks.clear();
            leading_blank = blank;
            self.block_line(&mut text);
            leading_break = self.skip_line();
            end = self.block_breaks(&mut indent, &mut trailing_breaks, start)?;
        }
        if keep != Some(false) {
            text.push_str(leading_break);
        }
        if keep == Some(true) {
            text.push_str(&trailing_breaks);
        }
        let style = if literal { Style::Literal } else { Style::Folded };
        Ok((Token::Scalar { text: text.into(), style }, end))
    }

    /// Reads up to the line break.
    fn block_line(&mut self, text: &mut String) {
        let from = self.mark.pos;
        while !self.is_break_or_end() {
            self.skip();
        }
        text.push_str(&self.text[from..self.mark.pos]);
    }

    /// What stands behind `|`: whether breaks at the end are kept (`+`), dropped (`-`) or are one,
    /// and the indentation, 0 where it is to be found out.
    fn block_header(&mut self, start: Mark) -> Scanned<(Option<bool>, usize)> {
        let mut keep = self.chomping();
        let mut increment = 0;
        if self.at(0).is_ascii_digit() {
            if self.at(0) == b'0' {
                return Err(self.fault(start, "found an indentation indicator equal to 0"));
            }
            increment = usize::from(self.at(0) - b'0');
            self.skip();
            if keep.is_none() {
                keep = self.chomping();
            }
        }
        self.skip_blanks();
        if self.at(0) == b'#' {
            self.comment();
        }
        if !self.is_break_or_end() {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_line();
        Ok((keep, increment))
    }

    fn chomping(&mut self) -> Option<bool> {
        let keep = match self.at(0) {
            b'+' => true,
            b'-' => false,
            _ => return None,
        };
        self.skip();
        Some(keep)
    }

    /// Moves over indentation and empty lines; finds the indentation out where it is 0.
    fn block_breaks(&mut self, indent: &mut usize, breaks: &mut String, start: Mark) -> Scanned<Mark> {
        let mut end = self.mark;
        let mut widest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.at(0) == b' ' {
                self.skip();
            }
            widest = widest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.at(0) == b'\t' {
                return Err(self.fault(start, "found a tab character where an indentation space is expected"));
            }
            if !self.is_break(0) {
                break;
            }
            breaks.push_str(self.skip_line());
            end = self.mark;
        }
        if *indent == 0 {
            *indent = widest.max((self.indent + 1).max(1) as usize);
        }
        Ok(end)
    }
}
