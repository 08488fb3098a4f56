//! COMPATIBILITY.md is held to what there is: every field of the definitions and every command.

use std::collections::BTreeSet;

use belay_object::Value;
use clap::CommandFactory;

use crate::args::ClusterCli;

const PAGE: &str = include_str!("../../../COMPATIBILITY.md");

/// The words in which a row may answer.
const ANSWERS: [&str; 4] = ["works", "refused", "not yet", "taken"];

/// The first cells of the rows under a heading, and their answers.
fn rows(heading: &str) -> Vec<(String, String)> {
    let section = PAGE.split("\n## ").find(|s| s.lines().next() == Some(heading));
    let lines = section.unwrap_or_else(|| panic!("no section {heading:?}")).lines();
    lines
        .filter_map(|l| l.strip_prefix("| `"))
        .filter_map(|l| l.split_once("` | "))
        .map(|(name, rest)| (name.to_owned(), rest.split(" |").next().unwrap_or_default().to_owned()))
        .collect()
}

/// The paths of everything in a schema that holds no further fields.
fn leaves(schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    let inner = schema.get("items").unwrap_or(schema);
    let suffix = if schema.get("items").is_some() { "[]" } else { "" };
    match inner.get("properties").and_then(Value::as_object) {
        None => {
            all.insert(path.to_owned());
        }
        Some(properties) => {
            properties.iter().for_each(|(name, schema)| leaves(schema, &format!("{path}{suffix}.{name}"), all));
        }
    }
}

fn check_fields(kind: &str) {
    let definitions = belay_flux::crds::crds("flux-system", "v0");
    let definition = definitions.iter().find(|d| d.str_at(&["spec", "names", "kind"]) == Some(kind)).unwrap();
    let version = &definition.at(&["spec", "versions"]).unwrap().items()[0];
    let properties = version.at(&["schema", "openAPIV3Schema", "properties"]).unwrap();
    let mut fields = BTreeSet::new();
    for part in ["spec", "status"] {
        leaves(properties.get(part).unwrap(), part, &mut fields);
    }
    let rows = rows(kind);
    let covers = |row: &str, field: &str| match row.strip_suffix(".*") {
        Some(parent) => field.strip_prefix(parent).is_some_and(|rest| rest.starts_with(['.', '['])),
        None => row == field,
    };
    let missing: Vec<&String> = fields.iter().filter(|f| !rows.iter().any(|(r, _)| covers(r, f))).collect();
    let unknown: Vec<&String> = rows.iter().map(|(r, _)| r).filter(|r| !fields.iter().any(|f| covers(r, f))).collect();
    let odd: Vec<&(String, String)> = rows.iter().filter(|(_, a)| !ANSWERS.contains(&a.as_str())).collect();
    assert!(
        missing.is_empty() && unknown.is_empty() && odd.is_empty(),
        "{kind}: fields without a row {missing:#?}, rows without a field {unknown:#?}, answers that are none of {ANSWERS:?}: {odd:?}"
    );
}

#[test]
fn every_field_of_a_git_repository_has_a_row() {
    check_fields("GitRepository");
}

#[test]
fn every_field_of_a_kustomization_has_a_row() {
    check_fields("Kustomization");
}

#[test]
fn every_field_of_the_other_sources_has_a_row() {
    ["OCIRepository", "Bucket", "HelmRepository", "HelmChart", "ExternalArtifact"].into_iter().for_each(check_fields);
}

#[test]
fn every_field_of_a_helm_release_has_a_row() {
    check_fields("HelmRelease");
}

#[test]
fn every_command_has_a_row() {
    let rows = rows("The command line");
    let missing: Vec<String> = ClusterCli::command()
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .filter(|name| !rows.iter().any(|(row, _)| row.split(' ').next() == Some(name)))
        .collect();
    assert!(missing.is_empty(), "commands without a row: {missing:?}");
}
