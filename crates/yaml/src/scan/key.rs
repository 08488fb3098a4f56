//! Keys that are found late, and the block and flow collections that open and close around them.

use super::token::{Mark, Spanned, Token};
use super::{Scanned, Scanner};

/// A token that may turn out to be a key, per flow level.
#[derive(Clone, Copy, Default)]
pub(super) struct SimpleKey {
    pub(super) possible: bool,
    required: bool,
    pub(super) number: usize,
    mark: Mark,
}

impl<'a> Scanner<'a> {
    /// Whether the key noted at a level may still become one; an error where one must stand and cannot.
    pub(super) fn key_is_valid(&mut self, level: usize) -> Scanned<bool> {
        const MAX_KEY_CHARS: usize = 1024;
        let key = self.simple_keys[level];
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line == self.mark.line && self.mark.column <= key.mark.column + MAX_KEY_CHARS {
            return Ok(true);
        }
        if key.required {
            return Err(self.fault(key.mark, "could not find expected ':'"));
        }
        self.simple_keys[level].possible = false;
        Ok(false)
    }

    /// Notes that what comes may be a key.
    pub(super) fn save_simple_key(&mut self) -> Scanned<()> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = !self.in_flow() && self.indent == self.mark.column as isize;
        let number = self.taken + self.tokens.len();
        self.remove_simple_key()?;
        if let Some(last) = self.simple_keys.last_mut() {
            *last = SimpleKey { possible: true, required, number, mark: self.mark };
        }
        Ok(())
    }

    /// Gives up the key noted at this level.
    pub(super) fn remove_simple_key(&mut self) -> Scanned<()> {
        let key = self.simple_keys.last().copied().unwrap_or_default();
        if key.possible && key.required {
            return Err(self.fault(key.mark, "could not find expected ':'"));
        }
        if let Some(last) = self.simple_keys.last_mut() {
            last.possible = false;
        }
        Ok(())
    }

    pub(super) fn flow_start(&mut self, token: Token<'a>) -> Scanned<()> {
        self.save_simple_key()?;
        if self.simple_keys.len() > self.max_depth {
            return Err(self.too_deep());
        }
        self.simple_keys.push(SimpleKey::default());
        self.simple_key_allowed = true;
        self.indicator(token)
    }

    pub(super) fn flow_end(&mut self, token: Token<'a>) -> Scanned<()> {
        self.remove_simple_key()?;
        if self.in_flow() {
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.indicator(token)
    }

    pub(super) fn block_entry(&mut self) -> Scanned<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, Token::BlockSequenceStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(Token::BlockEntry)
    }

    pub(super) fn key(&mut self) -> Scanned<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, Token::BlockMappingStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = !self.in_flow();
        self.indicator(Token::Key)
    }

    pub(super) fn value(&mut self) -> Scanned<()> {
        let level = self.simple_keys.len() - 1;
        if self.key_is_valid(level)? {
            let key = self.simple_keys[level];
            let at = key.number - self.taken;
            self.tokens.insert(at, Spanned { token: Token::Key, start: key.mark, end: key.mark });
            self.roll_indent(key.mark, Some(at), Token::BlockMappingStart)?;
            self.simple_keys[level].possible = false;
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(self.fault(self.mark, "mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark, None, Token::BlockMappingStart)?;
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.indicator(Token::Value)
    }

    /// Opens a block collection where the column is beyond the last one's.
    pub(super) fn roll_indent(&mut self, mark: Mark, at: Option<usize>, token: Token<'a>) -> Scanned<()> {
        let column = mark.column as isize;
        if self.in_flow() || self.indent >= column {
            return Ok(());
        }
        if self.indents.len() >= self.max_depth {
            return Err(self.too_deep());
        }
        self.indents.push(self.indent);
        self.indent = column;
        let at = at.unwrap_or(self.tokens.len());
        self.tokens.insert(at, Spanned { token, start: mark, end: mark });
        Ok(())
    }

    /// Closes the block collections that stand further right than `column`.
    pub(super) fn unroll_indent(&mut self, column: isize) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            self.push(Token::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}
