use clap::CommandFactory;

use super::*;

#[test]
fn the_grammar_is_sound() {
    with_go_flags(ClusterCli::command()).debug_assert();
}

#[test]
fn flags_that_are_on_or_off_are_taken_as_gos_commands_take_them() {
    let verbose = |line: &str| parse_from(line.split(' ')).map(|cli: ClusterCli| cli.global.verbose).ok();
    assert_eq!(verbose("belay check --verbose"), Some(true));
    assert_eq!(verbose("belay check --verbose=true"), Some(true));
    assert_eq!(verbose("belay check --verbose=false"), Some(false));
    assert_eq!(verbose("belay check"), Some(false));
    assert_eq!(verbose("belay check --verbose=maybe"), None);
}

#[test]
fn help_shows_no_values_of_flags_that_are_on_or_off() {
    let mut command = with_go_flags(ClusterCli::command());
    let get = command.find_subcommand_mut("get").unwrap().find_subcommand_mut("kustomizations").unwrap();
    let help = get.render_help().to_string();
    assert!(help.contains("--no-header[=<BOOL>]"), "{help}");
    assert!(!help.contains("possible values: true"), "{help}");
}

#[test]
fn words_of_flux_name_the_same_commands() {
    for line in [
        "belay get ks",
        "belay get kustomization shop",
        "belay get sources git -A",
        "belay get source git",
        "belay get sources all",
        "belay reconcile ks shop --with-source",
        "belay suspend source git --all",
        "belay resume ks a b --wait",
        "belay delete ks shop -s",
        "belay tree ks shop --compact -o json",
        "belay trace deployment web",
        "belay trace web --kind Deployment --api-version apps/v1",
        "belay events --for Kustomization/shop -A -w",
        "belay diff ks shop --path=./deploy",
        "belay build ks shop --path=./deploy --dry-run --kustomization-file=./ks.yaml",
        "belay logs --kind=Kustomization --level=error --since=1m -f",
        "belay version --client -o yaml",
    ] {
        if let Err(e) = parse_from::<ClusterCli, _>(line.split(' ')) {
            panic!("{line}: {e}");
        }
    }
}

#[test]
fn wrong_arguments_of_what_compares_are_no_difference() {
    let status = |line: &str| status_of_misuse(line.split(' ').map(OsString::from));
    assert_eq!(status("app diff --no-such-flag"), 2);
    assert_eq!(status("--kubeconfig file app diff"), 2);
    assert_eq!(status("diff ks"), 2);
    assert_eq!(status("app get"), 1);
    assert_eq!(status("app sync diff"), 1);
}
