//! `belay cert`: the host keys and certificates that repositories are believed by.

use std::path::Path;

use anyhow::{Context, Result, bail};
use belay_argo::names::{KNOWN_HOSTS, TLS_CERTIFICATES};
use belay_argo::repositories::hosts::{self, HTTPS, HostEntry, HostSelector, SSH};
use belay_object::{Object, Value, object};
use http::Method;

use crate::argocd::{Argocd, Columns, form_of, print_value};
use crate::args::{CertArgs, CertCommand, CertListArgs, Global};
use crate::outln;
use crate::output::clean;
use crate::plane::{Plane, items};

const PATH: &str = "/api/v1/certificates";
/// Largest file that is read: a config map holds 1 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// Carries one out.
pub async fn cert(global: &Global, args: CertArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    match args.command {
        CertCommand::List(args) => list(&plane, &args).await?,
        CertCommand::AddSsh { from, upsert, .. } => {
            let text = given(from.as_deref(), "lines of known_hosts")?;
            let entries = lines(&text)?;
            let added = add(&plane, SSH, &entries, upsert).await?;
            outln!("Successfully created {added} SSH known host entries");
        }
        CertCommand::AddTls { host, from, upsert } => {
            let pem = given(from.as_deref(), "certificates in PEM")?;
            let entry = HostEntry::https(&host, &pem).map_err(anyhow::Error::msg)?;
            let added = add(&plane, HTTPS, &[entry], upsert).await?;
            outln!(
                "Created entry with {} PEM certificates for repository server {host}",
                if added == 0 { 0 } else { count(&pem) }
            );
        }
        CertCommand::Rm(args) => {
            if args.host == "*" {
                // Compat(argocd 3.5): a slip of the hand should not take everything.
                bail!("A single wildcard is not allowed as REPOSERVER name.");
            }
            let selector = HostSelector { host: args.host.clone(), kind: args.cert_type, subtype: args.cert_sub_type };
            kind(&selector.kind)?;
            let removed = rm(&plane, &selector).await?;
            if removed.is_empty() {
                bail!("no certificates of {} are there to be removed", args.host);
            }
            for entry in removed {
                let text = |field: &str| clean(entry.str_at(&[field]).unwrap_or_default());
                outln!(
                    "Removed cert for '{}' of type '{}' (subtype '{}')",
                    text("serverName"),
                    text("certType"),
                    text("certSubType")
                );
            }
        }
    }
    Ok(0)
}

/// A type of entries, where one is named.
fn kind(text: &str) -> Result<()> {
    match text {
        "" | SSH | HTTPS => Ok(()),
        // Compat(argocd 3.5): the words.
        _ => bail!("cert-type must be either ssh or https"),
    }
}

fn count(pem: &str) -> usize {
    pem.matches("-----BEGIN CERTIFICATE-----").count()
}

/// What a file holds, or standard input.
fn given(from: Option<&Path>, what: &str) -> Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let name = from.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let cannot = || format!("{name} cannot be read");
    let read = match from {
        Some(path) => std::fs::File::open(path).with_context(cannot)?.take(MAX_BYTES + 1).read_to_string(&mut text),
        None => {
            crate::output::waiting(&format!("reading {what} from standard input"));
            std::io::stdin().take(MAX_BYTES + 1).read_to_string(&mut text)
        }
    };
    match read.with_context(cannot)? as u64 > MAX_BYTES {
        true => bail!("{name} is larger than 1 MiB"),
        false => Ok(text),
    }
}

/// The entries of a text; one that cannot be read is an error.
fn lines(text: &str) -> Result<Vec<HostEntry>> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.trim().starts_with('#')) {
        let entry = HostEntry::of_line(line).context("it is no HOST TYPE KEY");
        let entry = entry.and_then(|e| HostEntry::ssh(&e.server, &e.subtype, &e.data).map_err(anyhow::Error::msg));
        found.push(entry.with_context(|| format!("line {}", i + 1))?);
    }
    if found.is_empty() {
        // Compat(argocd 3.5): the words.
        bail!("No valid SSH known hosts data found.");
    }
    Ok(found)
}

async fn maps(argo: &Argocd) -> Result<[Option<Object>; 2]> {
    Ok([argo.find_map(KNOWN_HOSTS).await?, argo.find_map(TLS_CERTIFICATES).await?])
}

fn map_of(kind: &str) -> &'static str {
    if kind == SSH { KNOWN_HOSTS } else { TLS_CERTIFICATES }
}

/// The entries of one config map.
fn entries_of(map: &Object, kind: &str) -> Vec<HostEntry> {
    if kind == SSH { hosts::entries(Some(map), None) } else { hosts::entries(None, Some(map)) }
}

async fn list(plane: &Plane, args: &CertListArgs) -> Result<()> {
    kind(&args.cert_type)?;
    let form = form_of(&args.output, &["wide"])?;
    let selector =
        HostSelector { host: args.hostname_pattern.clone(), kind: args.cert_type.clone(), subtype: String::new() };
    let mut all: Vec<Value> = match plane {
        Plane::Cluster(argo) => {
            let [ssh, tls] = maps(argo).await?;
            let all = hosts::entries(ssh.as_ref(), tls.as_ref());
            all.iter().filter(|entry| selector.fits(entry)).map(HostEntry::to_value).collect()
        }
        Plane::Server(through) => {
            let query = [("hostNamePattern", selector.host.as_str()), ("certType", &selector.kind)];
            items(&through.server.get(PATH, &query).await?).to_vec()
        }
    };
    let key = |entry: &Value| {
        let text = |field: &str| entry.str_at(&[field]).unwrap_or_default().to_owned();
        match args.sort.as_str() {
            "type" => (text("certType"), text("serverName"), text("certSubType")),
            _ => (text("serverName"), text("certType"), text("certSubType")),
        }
    };
    all.sort_by_key(key);
    match form {
        Some(form) => print_value(&all.into_iter().collect::<Value>(), form)?,
        None => table(&all).print(),
    }
    Ok(())
}

/// Compat(argocd 3.5): the columns.
fn table(all: &[Value]) -> Columns {
    let mut table = Columns::new(&["HOSTNAME", "TYPE", "SUBTYPE", "INFO"]);
    for entry in all {
        let text = |field: &str| entry.str_at(&[field]).unwrap_or_default();
        table.row([text("serverName"), text("certType"), text("certSubType"), text("certInfo")]);
    }
    table
}

async fn add(plane: &Plane, kind: &str, given: &[HostEntry], upsert: bool) -> Result<usize> {
    match plane {
        Plane::Cluster(argo) => {
            let mut added = 0;
            argo.change_map(map_of(kind), |map| {
                let mut all = entries_of(map, kind);
                added = hosts::add(&mut all, given, upsert).map_err(anyhow::Error::msg)?.len();
                if all.len() > hosts::MAX_ENTRIES {
                    bail!("at most {} entries are kept", hosts::MAX_ENTRIES);
                }
                if added > 0 {
                    hosts::write(map, kind, &all);
                }
                Ok(())
            })
            .await?;
            Ok(added)
        }
        Plane::Server(through) => {
            let message = object! { "items" => given.iter().map(HostEntry::to_message).collect::<Value>() };
            let query = [("upsert", if upsert { "true" } else { "" })];
            Ok(items(&through.server.send(Method::POST, PATH, &query, Some(&message)).await?).len())
        }
    }
}

async fn rm(plane: &Plane, selector: &HostSelector) -> Result<Vec<Value>> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => {
            let query = [
                ("hostNamePattern", selector.host.as_str()),
                ("certType", &selector.kind),
                ("certSubType", &selector.subtype),
            ];
            return Ok(items(&through.server.delete(PATH, &query).await?).to_vec());
        }
    };
    let mut removed = Vec::new();
    for kind in [SSH, HTTPS] {
        let Some(map) = argo.find_map(map_of(kind)).await? else { continue };
        if hosts::take(&mut entries_of(&map, kind), selector).is_empty() {
            continue;
        }
        let mut gone = Vec::new();
        argo.change_map(map_of(kind), |map| {
            let mut all = entries_of(map, kind);
            gone = hosts::take(&mut all, selector);
            hosts::write(map, kind, &all);
            Ok(())
        })
        .await?;
        removed.extend(gone.iter().map(HostEntry::to_value));
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_known_hosts_are_read_or_told() {
        let told = |text: &str| match lines(text) {
            Ok(all) => all.iter().map(|e| e.server.clone()).collect::<Vec<_>>().join(" "),
            Err(e) => format!("{e:#}"),
        };
        assert_eq!(
            told("# hosts\na.example ssh-rsa QUFB\n\n[b.example]:22 ssh-ed25519 QkJC me\n"),
            "a.example [b.example]:22"
        );
        assert_eq!(told("a.example ssh-rsa QUFB\nnonsense\n"), "line 2: it is no HOST TYPE KEY");
        assert_eq!(told("a.example ssh-rsa ???\n"), "line 1: the key of 'a.example' cannot be read");
        assert_eq!(told("# nothing\n"), "No valid SSH known hosts data found.");
    }
}
