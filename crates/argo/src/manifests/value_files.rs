//! Values files.
