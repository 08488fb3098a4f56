//! `belay app delete`.

use std::time::Duration;

use anyhow::{Result, bail};
use belay_argo::names;
use belay_cluster::DeleteOptions;
use belay_object::Value;

use super::create::CASCADE;
use super::wait::{self, Until};
use crate::argocd::Argocd;
use crate::args::{AppDeleteArgs, Form};
use crate::delete::confirmed;
use crate::outln;

pub async fn delete(argo: &Argocd, args: &AppDeleteArgs) -> Result<u8> {
    let finalizer = match (args.cascade, args.propagation_policy.as_str()) {
        (false, _) => None,
        (true, "foreground") => Some(CASCADE.to_owned()),
        (true, "background") => Some(format!("{CASCADE}/background")),
        // Compat(argo 3.5): the words.
        (true, other) => bail!("invalid propagation policy: {other}. Valid values: 'foreground', 'background'"),
    };
    let ids = argo.chosen(&args.chosen, &[]).await?;
    for id in ids {
        argo.object(&id).await?;
        let what = if args.cascade { " and all its resources" } else { "" };
        if !args.yes && !confirmed(&format!("Are you sure you want to delete '{id}'{what}"), "--yes")? {
            outln!("The command to delete '{id}' was cancelled.");
            continue;
        }
        let object = argo
            .change_app(&id, |object| {
                let is_cascade = |f: &str| f == CASCADE || f.strip_prefix(CASCADE).is_some_and(|r| r.starts_with('/'));
                let mut all: Vec<String> = object.finalizers().filter(|f| !is_cascade(f)).map(str::to_owned).collect();
                all.extend(finalizer.clone());
                object.set(&["metadata", "finalizers"], all.iter().collect::<Value>());
                Ok(())
            })
            .await?;
        let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&names::applications(), &id.namespace, &id.name, &options).await?;
        if args.wait {
            let until = Until { delete: true, ..Until::default() };
            wait::wait_for(argo, &id, until, &[], Duration::ZERO, Form::Json).await?;
        }
        outln!("application '{}' deleted", id.name);
    }
    Ok(0)
}
