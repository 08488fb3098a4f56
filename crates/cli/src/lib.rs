//! The commands of belay against a cluster: Flux's verbs and output habits.
//!
//! [`ClusterCommand`] is the grammar, [`run`] carries one out. Answers go to standard output,
//! progress to standard error. A command's exit status is 0 when it did what it says, 1 when it
//! failed; `diff` answers 1 for differences and 2 for failures.
//!
//! What this crate deliberately does not know: the insides of controllers, the embedded API server.

mod account;
mod app;
mod appset;
mod argocd;
pub mod args;
mod artifact;
mod build;
mod cert;
mod check;
mod cluster;
mod connect;
mod create;
mod delete;
mod diff;
mod editor;
mod events;
mod export;
mod get;
mod gpg;
pub mod helm;
mod install;
mod kinds;
pub mod kustomize;
mod login;
mod logs;
pub mod output;
mod plane;
mod proj;
mod reconcile;
mod repo;
mod stats;
mod suspend;
mod trace;
mod tree;
mod version;
mod wait;

use std::process::ExitCode;

use anyhow::Result;

pub use args::{ClusterCommand, Global};
pub use connect::reach as connect;

/// Carries out one command. A failure is printed here, with its chain.
pub async fn run(global: Global, command: ClusterCommand) -> ExitCode {
    let failed = status_of_failure(&command);
    match carry_out(&global, command).await {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            output::failure(&format!("{e:#}"));
            ExitCode::from(failed)
        }
    }
}

/// What a failure ends with: Flux's commands with 1, Argo CD's with 20, and those that compare with 2.
fn status_of_failure(command: &ClusterCommand) -> u8 {
    use args::AppCommand;
    match command {
        ClusterCommand::Diff(_) => 2,
        ClusterCommand::App(args) if matches!(args.command, AppCommand::Diff(_)) => 2,
        ClusterCommand::App(_)
        | ClusterCommand::Proj(_)
        | ClusterCommand::Repo(_)
        | ClusterCommand::Repocreds(_)
        | ClusterCommand::Cluster(_)
        | ClusterCommand::Account(_)
        | ClusterCommand::Appset(_)
        | ClusterCommand::Cert(_)
        | ClusterCommand::Gpg(_)
        | ClusterCommand::Login(_)
        | ClusterCommand::Logout(_)
        | ClusterCommand::Relogin(_)
        | ClusterCommand::Context(_) => argocd::FAILED,
        _ => 1,
    }
}

/// A command on the heap: the largest of them would otherwise take its room on the stack of every other.
fn boxed<F: Future>(command: impl FnOnce() -> F) -> std::pin::Pin<Box<F>> {
    Box::pin(command())
}

async fn carry_out(global: &Global, command: ClusterCommand) -> Result<u8> {
    match command {
        ClusterCommand::App(args) => boxed(|| app::app(global, args)).await,
        ClusterCommand::Appset(args) => boxed(|| appset::appset(global, args)).await,
        ClusterCommand::Proj(args) => boxed(|| proj::proj(global, args)).await,
        ClusterCommand::Repo(args) => repo::repo(global, args).await,
        ClusterCommand::Repocreds(args) => repo::repocreds(global, args).await,
        ClusterCommand::Cluster(args) => cluster::cluster(global, args).await,
        ClusterCommand::Account(args) => account::account(global, args).await,
        ClusterCommand::Cert(args) => cert::cert(global, args).await,
        ClusterCommand::Gpg(args) => gpg::gpg(global, args).await,
        ClusterCommand::Login(args) => login::login(global, args).await,
        ClusterCommand::Logout(args) => login::logout(args).await,
        ClusterCommand::Relogin(args) => login::relogin(args).await,
        ClusterCommand::Context(args) => login::context(&args),
        ClusterCommand::Check(args) => check::check(global, &args).await,
        ClusterCommand::Install(args) => install::install(global, &args).await,
        ClusterCommand::Uninstall(args) => install::uninstall(global, &args).await,
        ClusterCommand::Create(command) => create::create(global, command).await,
        ClusterCommand::Get(command) => get::get(global, command).await,
        ClusterCommand::Export(command) => export::export(global, command).await,
        ClusterCommand::Reconcile(command) => reconcile::reconcile(global, command).await,
        ClusterCommand::Suspend(command) => suspend::suspend(global, command).await,
        ClusterCommand::Resume(command) => suspend::resume(global, command).await,
        ClusterCommand::Delete(command) => delete::delete(global, command).await,
        ClusterCommand::Tree(command) => tree::tree(global, command).await,
        ClusterCommand::Trace(args) => trace::trace(global, &args).await,
        ClusterCommand::Events(args) => events::events(global, &args).await,
        ClusterCommand::Logs(args) => logs::logs(global, &args).await,
        ClusterCommand::Build(command) => build::build(global, command).await,
        ClusterCommand::Diff(command) => diff::diff(global, command).await,
        ClusterCommand::Stats(args) => stats::stats(global, &args).await,
        ClusterCommand::Push(args::PushCommand::Artifact(args)) => artifact::push(args).await,
        ClusterCommand::Pull(args::PullCommand::Artifact(args)) => artifact::pull(args).await,
        ClusterCommand::Tag(args::TagCommand::Artifact(args)) => artifact::tag(args).await,
        ClusterCommand::List(args::ListCommand::Artifacts(args)) => artifact::list(args).await,
        ClusterCommand::Version(args) => version::version(global, &args).await,
        ClusterCommand::Completion { .. } => {
            anyhow::bail!("completion is answered by the binary, which knows all commands")
        }
    }
}

#[cfg(test)]
mod tests;
