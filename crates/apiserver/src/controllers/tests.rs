//! Checks of the simulated controllers.
