//! Checks of access control.
