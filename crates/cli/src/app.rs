//! `belay app`: Applications, with argocd's commands, on the cluster's own API or through a server.
//!
//! What a command shows of objects it reads from the Application's status, and from the objects where health is
//! asked for: the controllers keep that in no resource.

mod actions;
pub mod create;
mod delete;
mod diff;
mod edit;
mod history;
pub mod list;
mod logs;
mod look;
mod manifests;
mod objects;
mod orphans;
mod patch;
mod resources;
mod selector;
mod set;
mod sources;
mod spec;
mod sync;
mod tree;
mod unset;
pub mod view;
mod wait;

use anyhow::Result;

use crate::args::{AppArgs, AppCommand, Global};
use crate::plane::Plane;

/// Carries one out.
pub async fn app(global: &Global, args: AppArgs) -> Result<u8> {
    let mut global = global.clone();
    match &args.command {
        // Its --cluster is that of Applications.
        AppCommand::List(_) => global.cluster = None,
        // Their --namespace is that of objects.
        AppCommand::Logs(_)
        | AppCommand::Actions(_)
        | AppCommand::GetResource(_)
        | AppCommand::PatchResource(_)
        | AppCommand::DeleteResource(_) => "flux-system".clone_into(&mut global.namespace),
        _ => {}
    }
    let plane = Plane::open(&global, &args.argocd, args.app_namespace.as_deref()).await?;
    match args.command {
        AppCommand::Create(args) => create::create(&plane, *args).await,
        AppCommand::Get(args) => view::get(&plane, &args).await,
        AppCommand::List(list_args) => list::list(&plane, &list_args, args.app_namespace.is_none()).await,
        AppCommand::Diff(args) => diff::diff(&plane, &args).await,
        AppCommand::Sync(args) => sync::sync(&plane, &args).await,
        AppCommand::Wait(args) => wait::wait(&plane, &args).await,
        AppCommand::History(args) => history::history(&plane, &args).await,
        AppCommand::Rollback(args) => history::rollback(&plane, &args).await,
        AppCommand::Set(args) => set::set(&plane, &args).await,
        AppCommand::Unset(args) => unset::unset(&plane, &args).await,
        AppCommand::Delete(args) => delete::delete(&plane, &args).await,
        AppCommand::Resources(args) => resources::resources(&plane, &args).await,
        AppCommand::Manifests(args) => manifests::manifests(&plane, &args).await,
        AppCommand::Logs(args) => logs::logs(&plane, &args).await,
        AppCommand::Actions(command) => actions::actions(&plane, command).await,
        AppCommand::TerminateOp(name) => patch::terminate(&plane, &name.name).await,
        AppCommand::Edit(name) => edit::edit(&plane, &name.name).await,
        AppCommand::Patch(args) => patch::patch(&plane, &args).await,
        AppCommand::AddSource(args) => sources::add(&plane, &args).await,
        AppCommand::RemoveSource(args) => sources::remove(&plane, &args).await,
        AppCommand::GetResource(args) => objects::get(&plane, &args).await,
        AppCommand::PatchResource(args) => objects::patch(&plane, &args).await,
        AppCommand::DeleteResource(args) => objects::delete(&plane, &args).await,
        AppCommand::ConfirmDeletion(name) => patch::confirm_deletion(&plane, &name.name).await,
    }
}

#[cfg(test)]
mod tests;
