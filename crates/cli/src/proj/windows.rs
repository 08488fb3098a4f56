//! `belay proj windows`.

use anyhow::{Result, bail};
use belay_access::project::Project;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::{change, edit_list, get};
use crate::argocd::{Columns, print_value};
use crate::args::{Form, WindowFlags, WindowId, WindowsCommand};
use crate::plane::Plane;

const FIELD: &str = "syncWindows";

pub async fn windows(plane: &Plane, command: WindowsCommand) -> Result<u8> {
    match command {
        WindowsCommand::Add { project, kind, flags, manual_sync, sync_overrun, use_and_operator } => {
            let mut window = object! { "kind" => kind.as_str() };
            put(&flags, &mut window);
            for (on, name) in
                [(manual_sync, "manualSync"), (sync_overrun, "syncOverrun"), (use_and_operator, "andOperator")]
            {
                if on {
                    window.set(&[name], true);
                }
            }
            change(plane, &project, |p| {
                edit_list(p, FIELD, |list| {
                    list.push(window.clone());
                    Ok(())
                })?;
                check(p)
            })
            .await?;
        }
        WindowsCommand::Delete(of) => {
            let mut meant = None;
            change(plane, &of.project, |p| {
                edit_list(p, FIELD, |list| {
                    same(&mut meant, place(list, &of)?)?;
                    list.remove(of.id);
                    Ok(())
                })
            })
            .await?;
        }
        WindowsCommand::Update { of, flags } => {
            edit(plane, &of, |window| put(&flags, window)).await?;
        }
        WindowsCommand::EnableManualSync(of) => edit(plane, &of, |w| w.set(&["manualSync"], true)).await?,
        WindowsCommand::DisableManualSync(of) => edit(plane, &of, |w| w.set(&["manualSync"], false)).await?,
        WindowsCommand::EnableSyncOverrun(of) => edit(plane, &of, |w| w.set(&["syncOverrun"], true)).await?,
        WindowsCommand::DisableSyncOverrun(of) => edit(plane, &of, |w| w.set(&["syncOverrun"], false)).await?,
        WindowsCommand::List(args) => {
            let object = get(plane, &args.project).await?;
            match args.output {
                Form::Json | Form::Yaml => {
                    print_value(object.at(&["spec", FIELD]).unwrap_or(&Value::Array(Default::default())), args.output)?;
                }
                _ => table(&Project::read(&object)?).print(),
            }
        }
    }
    Ok(0)
}

async fn edit(plane: &Plane, of: &WindowId, mut with: impl FnMut(&mut Value)) -> Result<()> {
    let mut meant = None;
    change(plane, &of.project, |p| {
        edit_list(p, FIELD, |list| {
            let window = place(list, of)?;
            same(&mut meant, window)?;
            with(window);
            Ok(())
        })?;
        check(p)
    })
    .await?;
    Ok(())
}

fn place<'a>(list: &'a mut [Value], of: &WindowId) -> Result<&'a mut Value> {
    let count = list.len();
    match list.get_mut(of.id) {
        Some(window) => Ok(window),
        None => bail!("window with id '{}' not found: there are {count}, counted from 0", of.id),
    }
}

/// A number is that of the list as it was first seen: where somebody else changed the list meanwhile it is
/// another window.
fn same(meant: &mut Option<Value>, found: &Value) -> Result<()> {
    if meant.get_or_insert_with(|| found.clone()) != found {
        bail!("the sync windows were changed meanwhile: look at them again");
    }
    Ok(())
}

/// A window that cannot be read would let nothing sync.
fn check(project: &Object) -> Result<()> {
    for window in Project::read(project)?.windows() {
        window.validate()?;
    }
    Ok(())
}

fn put(flags: &WindowFlags, window: &mut Value) {
    for (name, text) in [
        ("schedule", &flags.schedule),
        ("duration", &flags.duration),
        ("timeZone", &flags.time_zone),
        ("description", &flags.description),
    ] {
        if let Some(text) = text {
            window.set(&[name], text.as_str());
        }
    }
    for (name, list) in
        [("applications", &flags.applications), ("namespaces", &flags.namespaces), ("clusters", &flags.clusters)]
    {
        if !list.is_empty() {
            window.set(&[name], list.iter().collect::<Value>());
        }
    }
}

/// Compat(argocd 3.5): the columns.
pub fn table(project: &Project) -> Columns {
    let header = [
        "ID",
        "STATUS",
        "KIND",
        "SCHEDULE",
        "DURATION",
        "APPLICATIONS",
        "NAMESPACES",
        "CLUSTERS",
        "MANUALSYNC",
        "TIMEZONE",
        "USEANDOPERATOR",
        "SYNCOVERRUN",
    ];
    let mut table = Columns::new(&header);
    let now = Timestamp::now();
    let list = |list: &[String]| if list.is_empty() { "-".to_owned() } else { list.join(",") };
    let on = |flag: bool| if flag { "Enabled" } else { "Disabled" }.to_owned();
    for (i, w) in project.windows().iter().enumerate() {
        let status = match w.is_open(now, now) {
            Ok(true) => "Active",
            Ok(false) => "Inactive",
            Err(_) => "Invalid",
        };
        table.row([
            i.to_string(),
            status.to_owned(),
            w.kind.clone(),
            w.schedule.clone(),
            w.duration.clone(),
            list(&w.applications),
            list(&w.namespaces),
            list(&w.clusters),
            on(w.manual_sync),
            if w.time_zone.is_empty() { "UTC".to_owned() } else { w.time_zone.clone() },
            on(w.and_operator),
            on(w.sync_overrun),
        ]);
    }
    table
}
