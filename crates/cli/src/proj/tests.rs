use belay_access::project::Project;
use belay_object::Object;
use belay_yaml::{Options, parse_value};

use super::{show, spec, windows};
use crate::args::{ClusterCli, ClusterCommand, ProjCommand, parse_from};

fn project(spec: &str) -> Object {
    let text = format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: p, namespace: argocd}}, spec: {spec}}}"
    );
    Object::new(parse_value(&text, &Options::v2()).unwrap()).unwrap()
}

#[test]
fn flags_say_what_a_project_permits() {
    let line = "belay proj set p -d https://k,shop -s https://git.example/* --allow-cluster-resource /Namespace --description text --orphaned-resources-warn";
    let cli: ClusterCli = parse_from(line.split(' ')).unwrap();
    let ClusterCommand::Proj(args) = cli.command else { panic!("{line}") };
    let ProjCommand::Set(args) = args.command else { panic!("{line}") };
    let mut found = project("{sourceRepos: [gone]}");
    spec::apply(&args.spec, &mut found).unwrap();
    assert_eq!(
        found.get("spec").unwrap().to_json(),
        r#"{"clusterResourceWhitelist":[{"group":"","kind":"Namespace"}],"description":"text","destinations":[{"namespace":"shop","server":"https://k"}],"orphanedResources":{"warn":true},"sourceRepos":["https://git.example/*"]}"#
    );
}

#[test]
fn what_is_said_of_orphaned_objects_is_on_off_or_as_it_was() {
    let check = |before: &str, flags: &str, expected: Option<&str>| {
        let line = format!("belay proj set p {flags}");
        let cli: ClusterCli = parse_from(line.split(' ')).unwrap();
        let ClusterCommand::Proj(args) = cli.command else { panic!("{line}") };
        let ProjCommand::Set(args) = args.command else { panic!("{line}") };
        let mut found = project(before);
        spec::apply(&args.spec, &mut found).unwrap();
        assert_eq!(found.at(&["spec", "orphanedResources"]).map(|v| v.to_json()).as_deref(), expected, "{flags}");
    };
    let warned = "{orphanedResources: {warn: true}}";
    check("{}", "--orphaned-resources", Some("{}"));
    check("{}", "--orphaned-resources-warn=false", Some(r#"{"warn":false}"#));
    check(warned, "--orphaned-resources", Some(r#"{"warn":true}"#));
    check(warned, "--orphaned-resources=false", None);
    check(warned, "--description d", Some(r#"{"warn":true}"#));
}

#[test]
fn a_list_of_projects_counts_what_there_are_several_of() {
    let one = project(
        "{description: d, sourceRepos: ['*'], destinations: [{server: a, namespace: b}, {name: c, namespace: d}], orphanedResources: {}}",
    );
    assert_eq!(
        show::row(&one).join(" | "),
        "p | d | 2 destinations | * | <none> | <none> | <none> | enabled (warn=true) | <none>"
    );
}

#[test]
fn windows_are_listed_with_their_numbers() {
    let one = project(
        "{syncWindows: [{kind: allow, schedule: '* * * * *', duration: 1h, applications: [a, b], manualSync: true}]}",
    );
    let text = windows::table(&Project::read(&one).unwrap()).text();
    let last = text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(last, "0 Active allow * * * * * 1h a,b - - Enabled UTC Disabled Disabled");
}

#[test]
fn argocds_words_name_the_same_commands() {
    for line in [
        "proj create p -d s,n -s r --upsert",
        "proj list -o name",
        "proj get p -o yaml",
        "proj delete p q",
        "proj add-destination p https://k shop",
        "proj add-destination p prod shop --name",
        "proj remove-destination p https://k shop",
        "proj add-source p r",
        "proj remove-source p r",
        "proj allow-cluster-resource p apps Deployment -l deny",
        "proj deny-namespace-resource p apps Deployment",
        "proj role create p dev --description d",
        "proj role add-policy p dev -a sync -o * -p allow",
        "proj role add-group p dev team",
        "proj role create-token p dev -e 24h -i one -t",
        "proj role delete-token p dev 123",
        "proj windows add p -k allow --schedule x --duration 1h --applications a,b --manual-sync",
        "proj windows update p 0 --duration 2h",
        "proj windows enable-manual-sync p 0",
        "proj windows list p -o json",
    ] {
        let words = std::iter::once("belay").chain(line.split(' '));
        if let Err(e) = parse_from::<ClusterCli, _>(words) {
            panic!("{line}: {e}");
        }
    }
}
