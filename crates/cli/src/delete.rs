//! `belay delete`: removes a source, a kustomization or a release, after a question.

use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};
use belay_cluster::DeleteOptions;

use crate::args::{DeleteCommand, DeleteFlags, Global};
use crate::connect::connect;
use crate::kinds::{HELM_RELEASE, KUSTOMIZATION, of_source, suspended};
use crate::output::{action, success};

pub async fn delete(global: &Global, command: DeleteCommand) -> Result<u8> {
    let (kind, name, silent) = match command {
        DeleteCommand::Source(source) => {
            let (kind, DeleteFlags { name, silent }) = of_source(source);
            (kind, name, silent)
        }
        DeleteCommand::Kustomization { name, silent } => (&KUSTOMIZATION, name, silent),
        DeleteCommand::Helmrelease { name, silent } => (&HELM_RELEASE, name, silent),
    };
    let session = connect(global).await?;
    let object = session.object(kind, &name).await?;
    if !silent && !confirmed(&format!("Are you sure you want to delete this {}", kind.human), "--silent")? {
        bail!("aborting");
    }
    if !kind.source && suspended(&object) {
        action(&format!("the {} is suspended: what it applied stays", kind.human));
    }
    action(&format!("deleting {} {name} in {} namespace", kind.human, session.namespace));
    let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
    session.cluster.delete(&session.resource(kind), &session.namespace, &name, &options).await?;
    success(&format!("{} deleted", kind.human));
    Ok(0)
}

/// Asks a person. Where nobody can answer it is an error that names the flag which answers.
pub fn confirmed(question: &str, flag: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("no terminal to ask on: give {flag} to go ahead without a question");
    }
    eprint!("? {} [y/N] ", crate::output::clean(question));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
