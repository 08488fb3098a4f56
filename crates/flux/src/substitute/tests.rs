//! Text in, text out; and whole objects.
