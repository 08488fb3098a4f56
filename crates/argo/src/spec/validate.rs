//! What is wrong with a spec, in Argo CD's words.
//!
//! Whether a repository answers and whether its manifests render is asked elsewhere.

use super::{AppCondition, Destination, Source, SourceHydrator, Spec, SpecError, conditions};

/// The cluster that a destination names, as the address of its API.
///
/// `servers_by_name` gives the addresses of all clusters of a name.
// Compat(argo 3.5): the sentences
pub fn destination_server(
    destination: &Destination,
    servers_by_name: &dyn Fn(&str) -> Vec<String>,
) -> Result<String, String> {
    let Destination { server, name, .. } = destination;
    match (server.as_str(), name.as_str()) {
        ("", "") => Err("Destination server missing from app spec".to_owned()),
        ("", name) => {
            let servers = servers_by_name(name);
            match servers.as_slice() {
                [] => Err(format!("there are no clusters with this name: {name}")),
                [one] => Ok(one.clone()),
                several => {
                    let all = several.join(" ");
                    Err(format!("there are {} clusters with the same name: [{all}]", several.len()))
                }
            }
        }
        (server, "") => Ok(server.trim_end_matches('/').to_owned()),
        (server, name) => {
            Err(format!("application destination can't have both name and server defined: {name} {server}"))
        }
    }
}

/// What is wrong with the sources of a spec; nothing where nothing is. `permits` tells whether the
/// project may use a source. The first source that is wrong ends it.
// Compat(argo 3.5): the sentences
pub fn sources(spec: &Spec, permits: &dyn Fn(&Source) -> bool) -> Vec<AppCondition> {
    let project = spec.project();
    let forbidden = |source: &Source| {
        invalid(format!("application repo {} is not permitted in project '{project}'", source.repo_url))
    };
    let mut found = Vec::new();
    if let Some(hydrator) = &spec.source_hydrator {
        found = of_hydrator(hydrator);
        if !found.is_empty() {
            return found;
        }
        let (dry, sync) = (hydrator.dry_source(), hydrator.sync_source());
        if !permits(&dry) {
            found.push(forbidden(&dry));
        }
        if sync.repo_url != dry.repo_url && !permits(&sync) {
            let repo = &sync.repo_url;
            found.push(invalid(format!("sync source repo {repo} is not permitted in project '{project}'")));
        }
        return found;
    }
    let several = spec.has_multiple_sources();
    let none = [Source::default()];
    let own = spec.sources();
    for source in if own.is_empty() { &none[..] } else { &own } {
        if let Some(wrong) = of_source(source, several) {
            found.push(invalid(wrong));
            return found;
        }
        if !permits(source) {
            found.push(forbidden(source));
        }
    }
    found
}

fn of_source(source: &Source, several: bool) -> Option<String> {
    let leads_nowhere = source.path.is_empty() && source.chart.is_empty();
    if several && (source.repo_url.is_empty() || leads_nowhere && source.reference.is_empty()) {
        return Some(format!(
            "spec.source.repoURL and either source.path, source.chart, or source.ref are required for source {}",
            source.to_value()
        ));
    }
    if !several && (source.repo_url.is_empty() || leads_nowhere) {
        return Some("spec.source.repoURL and either spec.source.path or spec.source.chart are required".to_owned());
    }
    if source.is_chart() && source.target_revision.is_empty() {
        return Some("spec.source.targetRevision is required if the manifest source is a helm chart".to_owned());
    }
    None
}

fn of_hydrator(hydrator: &SourceHydrator) -> Vec<AppCondition> {
    let branch_missing = hydrator.hydrate_to.as_ref().is_some_and(|to| to.target_branch.is_empty());
    [
        (hydrator.dry_source.repo_url.is_empty(), "spec.sourceHydrator.drySource.repoURL is required"),
        (hydrator.sync_source.target_branch.is_empty(), "spec.sourceHydrator.syncSource.targetBranch is required"),
        (
            branch_missing,
            "when spec.sourceHydrator.hydrateTo is set, spec.sourceHydrator.hydrateTo.targetBranch is required",
        ),
    ]
    .into_iter()
    .filter(|(is_wrong, _)| *is_wrong)
    .map(|(_, message)| invalid(message.to_owned()))
    .collect()
}

fn invalid(message: String) -> AppCondition {
    AppCondition::new(conditions::INVALID_SPEC_ERROR, message)
}

/// Refuses names of references that are none or stand twice.
// Compat(argo 3.5): the sentences
pub fn references(sources: &[Source]) -> Result<(), SpecError> {
    let mut seen = Vec::new();
    for name in sources.iter().map(|source| source.reference.as_str()).filter(|name| !name.is_empty()) {
        let wrong = if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            format!("sources.ref {name} cannot contain any special characters except '_' and '-'")
        } else if seen.contains(&name) {
            "invalid sources: multiple sources had the same `ref` key".to_owned()
        } else {
            seen.push(name);
            continue;
        };
        return Err(SpecError { field: String::new(), message: wrong });
    }
    Ok(())
}
