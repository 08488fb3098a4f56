//! `belay app`: Applications, with argocd's commands and on the cluster's own API.
//!
//! What a command shows of objects it reads from the Application's status, and from the objects where health is
//! asked for: the controllers keep that in no resource.

mod actions;
mod create;
mod delete;
mod diff;
mod history;
mod list;
mod logs;
mod look;
mod manifests;
mod objects;
mod patch;
mod resources;
mod selector;
mod set;
mod sources;
mod spec;
mod sync;
mod tree;
mod unset;
mod view;
mod wait;

use anyhow::Result;

use crate::argocd::Argocd;
use crate::args::{AppArgs, AppCommand, Global};

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
    let argo = Argocd::connect(&global, &args.argocd, args.app_namespace.as_deref()).await?;
    match args.command {
        AppCommand::Create(args) => create::create(&argo, *args).await,
        AppCommand::Get(args) => view::get(&argo, &args).await,
        AppCommand::List(list_args) => list::list(&argo, &list_args, args.app_namespace.is_none()).await,
        AppCommand::Diff(args) => diff::diff(&argo, &args).await,
        AppCommand::Sync(args) => sync::sync(&argo, &args).await,
        AppCommand::Wait(args) => wait::wait(&argo, &args).await,
        AppCommand::History(args) => history::history(&argo, &args).await,
        AppCommand::Rollback(args) => history::rollback(&argo, &args).await,
        AppCommand::Set(args) => set::set(&argo, &args).await,
        AppCommand::Unset(args) => unset::unset(&argo, &args).await,
        AppCommand::Delete(args) => delete::delete(&argo, &args).await,
        AppCommand::Resources(args) => resources::resources(&argo, &args).await,
        AppCommand::Manifests(args) => manifests::manifests(&argo, &args).await,
        AppCommand::Logs(args) => logs::logs(&argo, &args).await,
        AppCommand::Actions(command) => actions::actions(&argo, command).await,
        AppCommand::TerminateOp(name) => patch::terminate(&argo, &name.name).await,
        AppCommand::Patch(args) => patch::patch(&argo, &args).await,
        AppCommand::AddSource(args) => sources::add(&argo, &args).await,
        AppCommand::RemoveSource(args) => sources::remove(&argo, &args).await,
        AppCommand::GetResource(args) => objects::get(&argo, &args).await,
        AppCommand::PatchResource(args) => objects::patch(&argo, &args).await,
        AppCommand::DeleteResource(args) => objects::delete(&argo, &args).await,
        AppCommand::ConfirmDeletion(name) => patch::confirm_deletion(&argo, &name.name).await,
    }
}

#[cfg(test)]
mod tests;
