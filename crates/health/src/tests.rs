//! Object and expected health, as text.
