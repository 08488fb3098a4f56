//! Programs that print the figures of this machine.
