//! `belay app delete`.

use std::time::Duration;

use anyhow::{Result, bail};

use super::wait;
use crate::args::AppDeleteArgs;
use crate::delete::confirmed;
use crate::outln;
use crate::plane::Plane;

pub async fn delete(plane: &Plane, args: &AppDeleteArgs) -> Result<u8> {
    let policy = args.propagation_policy.as_str();
    if args.cascade && !matches!(policy, "foreground" | "background") {
        // Compat(argo 3.5): the words.
        bail!("invalid propagation policy: {policy}. Valid values: 'foreground', 'background'");
    }
    for id in plane.chosen(&args.chosen, &[]).await? {
        let app = plane.application(&id).await?;
        let what = if args.cascade { " and all its resources" } else { "" };
        if !args.yes && !confirmed(&format!("Are you sure you want to delete '{id}'{what}"), "--yes")? {
            outln!("The command to delete '{id}' was cancelled.");
            continue;
        }
        plane.delete(&id, args.cascade, policy).await?;
        if args.wait {
            wait::gone(plane, &id, &app, Duration::ZERO).await?;
        }
        outln!("application '{}' deleted", id.name);
    }
    Ok(0)
}
