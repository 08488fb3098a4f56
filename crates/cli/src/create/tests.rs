use super::*;
use crate::args::{ClusterCli, ClusterCommand};

fn made(line: &str) -> String {
    let arguments = std::iter::once("belay").chain(line.split(' '));
    let cli = crate::args::parse_from::<ClusterCli, _>(arguments).unwrap();
    let ClusterCommand::Create(command) = cli.command else { panic!("{line} creates nothing") };
    let object = match command {
        CreateCommand::Source(CreateSourceCommand::Git(args)) => git(&cli.global, &args).map(|(object, _)| object),
        CreateCommand::Source(CreateSourceCommand::Oci(args)) => sources::oci(&cli.global, &args),
        CreateCommand::Source(CreateSourceCommand::Helm(args)) => {
            sources::helm(&cli.global, &args).map(|(object, _)| object)
        }
        CreateCommand::Source(CreateSourceCommand::Bucket(args)) => {
            sources::bucket(&cli.global, &args).map(|(object, _)| object)
        }
        CreateCommand::Source(CreateSourceCommand::Chart(args)) => sources::chart(&cli.global, &args),
        CreateCommand::Kustomization(args) => kustomization(&cli.global, &args),
        CreateCommand::Helmrelease(args) => helm_release(&cli.global, &args),
    };
    match object {
        Ok(object) => object.get("spec").unwrap().to_json(),
        Err(e) => format!("{e:#}"),
    }
}

fn check(line: &str, expected: &str) {
    assert_eq!(made(line), expected, "{line}");
}

#[test]
fn a_source_is_kind_name_and_namespace() {
    for (text, expected) in [
        ("shop", r#"{"kind":"GitRepository","name":"shop"}"#),
        ("gitrepository/shop", r#"{"kind":"GitRepository","name":"shop"}"#),
        ("GitRepository/shop.team", r#"{"kind":"GitRepository","name":"shop","namespace":"team"}"#),
        ("OCIRepository/shop", r#"{"kind":"OCIRepository","name":"shop"}"#),
        ("GitRepository/", "no name given for source of kind 'GitRepository'"),
        (
            "HelmChart/shop",
            "source kind 'HelmChart' is not supported, must be one of: OCIRepository, GitRepository, Bucket, ExternalArtifact",
        ),
    ] {
        let got = source(text).map(|v| v.to_json()).unwrap_or_else(|e| e.to_string());
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn a_health_check_is_kind_name_and_namespace() {
    for (text, expected) in [
        ("deployment/web.shop", r#"{"apiVersion":"apps/v1","kind":"Deployment","name":"web","namespace":"shop"}"#),
        ("web", "invalid health check 'web' must be in the format 'kind/name.namespace'"),
        ("Deployment/web", "invalid health check 'Deployment/web' must be in the format 'kind/name.namespace'"),
        ("Pod/a.b", "invalid health check kind 'Pod' can be HelmRelease, Deployment, DaemonSet or StatefulSet"),
    ] {
        let got = health_check(text).map(|v| v.to_json()).unwrap_or_else(|e| e.to_string());
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn flags_become_the_fields_of_a_git_repository() {
    check(
        "create source git a --url=https://x/y.git --branch=main --interval=30s",
        r#"{"interval":"30s","ref":{"branch":"main"},"url":"https://x/y.git"}"#,
    );
    check(
        "create source git a --url=ssh://git@x/y --tag-semver=>=1.0.0 --secret-ref=s --recurse-submodules --ignore-paths=/a",
        r#"{"ignore":"/a","interval":"1m0s","recurseSubmodules":true,"ref":{"semver":">=1.0.0"},"secretRef":{"name":"s"},"url":"ssh://git@x/y"}"#,
    );
    check(
        "create source git a --url=git@x:y --branch=b",
        "git URL scheme 'git@x:y' not supported, can be: ssh, http and https",
    );
    check(
        "create source git a --url=https://x",
        "specify a Git ref with one of the following: --branch, --tag, --commit, --ref-name or --tag-semver",
    );
    check("create source git a --url=https://x --branch=b --username=u", "--username and --password go together");
}

#[test]
fn flags_become_the_fields_of_a_kustomization() {
    check(
        "create ks a --source=shop --path=deploy --prune=true --depends-on=x,team/y --timeout=1m",
        r#"{"dependsOn":[{"name":"x"},{"name":"y","namespace":"team"}],"interval":"1m0s","path":"./deploy","prune":true,"sourceRef":{"kind":"GitRepository","name":"shop"}}"#,
    );
    check(
        "create kustomization a --source=shop --wait --force --target-namespace=t --service-account=s --retry-interval=2m",
        r#"{"force":true,"interval":"1m0s","path":"./","prune":false,"retryInterval":"2m0s","serviceAccountName":"s","sourceRef":{"kind":"GitRepository","name":"shop"},"targetNamespace":"t","wait":true}"#,
    );
    check("create ks a --source=shop --label=x", "invalid label \"x\": it is key=value");
}

#[test]
fn other_sources_are_what_their_flags_say() {
    check(
        "create source oci shop --url oci://a.b/c --tag-semver 1.x --secret-ref s --insecure",
        r#"{"insecure":true,"interval":"1m0s","ref":{"semver":"1.x"},"secretRef":{"name":"s"},"url":"oci://a.b/c"}"#,
    );
    check("create source oci shop --url oci://a.b/c", "--tag, --tag-semver or --digest is required");
    check("create source helm shop --url oci://a.b/c", r#"{"interval":"1m0s","type":"oci","url":"oci://a.b/c"}"#);
    check(
        "create source helm shop --url https://a.b -u me -p x --pass-credentials",
        r#"{"interval":"1m0s","passCredentials":true,"secretRef":{"name":"shop"},"url":"https://a.b"}"#,
    );
    check("create source helm shop --url https://a.b -u me", "--username and --password go together");
    check(
        "create source bucket shop --bucket-name b --endpoint e:9000 --access-key a --secret-key s --region r",
        r#"{"bucketName":"b","endpoint":"e:9000","interval":"1m0s","provider":"generic","region":"r","secretRef":{"name":"shop"}}"#,
    );
}

#[test]
fn a_helm_release_names_its_chart_and_its_source() {
    check(
        "create helmrelease shop --chart=shop --source=GitRepository/repo.team --interval=5m",
        r#"{"chart":{"spec":{"chart":"shop","sourceRef":{"kind":"GitRepository","name":"repo","namespace":"team"}}},"interval":"5m0s"}"#,
    );
}

#[test]
fn a_chart_names_its_source() {
    let chart = "create source chart shop --source helmrepository/charts --chart shop";
    check(
        &format!("{chart} --chart-version 1.x --verify-provider cosign --verify-secret-ref keys"),
        r#"{"chart":"shop","interval":"1m0s","reconcileStrategy":"ChartVersion","sourceRef":{"kind":"HelmRepository","name":"charts"},"verify":{"provider":"cosign","secretRef":{"name":"keys"}},"version":"1.x"}"#,
    );
    check(
        "create source chart shop --source charts --chart shop",
        "source 'charts' is not KIND/NAME with a kind of: HelmRepository, GitRepository, Bucket",
    );
    check(&format!("{chart} --reconcile-strategy x"), "reconcile strategy 'x' is not one of ChartVersion, Revision");
}
