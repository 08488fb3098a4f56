//! Applications on the embedded API server, with a real Git server on loopback.

mod application_sets;
mod behaviours;
mod beside;
mod charts;
mod commands;
mod dependencies;
mod example_apps;
mod guards;
mod hooks;
mod hydrator;
mod impersonation;
mod mends;
mod notifications;
mod refusals;
mod screens;
mod settings;
mod signed;
mod story;
pub mod sweep;
mod terminal;
mod through;
pub mod world;
