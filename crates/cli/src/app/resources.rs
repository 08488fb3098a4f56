//! `belay app resources`.

use anyhow::{Result, bail};
use belay_object::Value;

use super::tree;
use crate::argocd::{Argocd, Columns, print_value};
use crate::args::{AppResourcesArgs, Form};

pub async fn resources(argo: &Argocd, args: &AppResourcesArgs) -> Result<u8> {
    let app = argo.application(&argo.id(&args.name)).await?;
    if args.orphaned {
        bail!(
            "orphaned objects are known only to who watches the whole cluster: ask the server's API for the resource tree"
        );
    }
    match args.output {
        Form::Tree | Form::TreeDetailed => tree::print(argo, &app, args.output).await?,
        Form::Json | Form::Yaml => {
            let all: Value = app.status.resources.iter().map(|r| r.to_value()).collect();
            print_value(&all, args.output)?;
        }
        _ => {
            let mut table = Columns::new(&["GROUP", "KIND", "NAMESPACE", "NAME", "ORPHANED"]);
            app.status.resources.iter().for_each(|r| table.row([&r.group, &r.kind, &r.namespace, &r.name, "No"]));
            table.print();
        }
    }
    Ok(0)
}
