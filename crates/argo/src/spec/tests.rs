//! Applications as people write them, and as they are written back.

use super::*;

fn value(yaml: &str) -> Value {
    belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect(yaml)
}

fn application(yaml: &str) -> Result<Application, SpecError> {
    let mut object = Object::new(value(yaml)).expect(yaml);
    object.set(&["apiVersion"], "argoproj.io/v1alpha1");
    object.set(&["kind"], "Application");
    Application::read(&object)
}

fn spec(yaml: &str) -> Spec {
    Spec::read(&value(yaml)).expect(yaml)
}

/// Every field, in the order of contract 1.1.
pub(crate) const FULL: &str = r#"
project: team
destination: {server: https://kubernetes.default.svc, namespace: prod}
source:
  repoURL: https://example.com/a.git
  path: apps/a
  targetRevision: main
  chart: c
  ref: r
  name: nm
  tagPrefix: a/
  helm:
    valueFiles: [a.yaml]
    parameters: [{name: p, value: v, forceString: true}]
    releaseName: rel
    values: 'a: b'
    valuesObject: {a: {b: [1, null]}}
    fileParameters: [{name: f, path: x}]
    version: v3
    passCredentials: true
    ignoreMissingValueFiles: true
    skipCrds: true
    skipTests: true
    skipSchemaValidation: true
    namespace: ns
    kubeVersion: 1.30.0
    apiVersions: [a/v1]
  kustomize:
    namePrefix: p-
    nameSuffix: -s
    images: ['a:1']
    commonLabels: {a: b}
    commonAnnotations: {c: d}
    commonAnnotationsEnvsubst: true
    forceCommonLabels: true
    forceCommonAnnotations: true
    labelWithoutSelector: true
    labelIncludeTemplates: true
    version: v5
    namespace: ns
    replicas: [{name: w, count: 2}, {name: x, count: '3'}]
    patches: [{path: p.yaml, patch: x, target: {group: g, version: v, kind: k, name: nm, namespace: s, annotationSelector: a, labelSelector: l}, options: {allowNameChange: true}}]
    components: [../c]
    ignoreMissingComponents: true
    kubeVersion: 1.30.0
    apiVersions: [a/v1]
  directory:
    recurse: true
    include: a
    exclude: b
    disableExtensionFilter: true
    jsonnet: {extVars: [{name: e, value: v, code: true}], tlas: [{name: t, value: v}], libs: [lib]}
  plugin:
    name: cue
    env: [{name: E, value: v}]
    parameters: [{name: a, string: s}, {name: b, array: []}, {name: c, map: {d: e}}]
sources: [{repoURL: https://example.com/b.git, path: .}]
sourceHydrator:
  drySource: {repoURL: https://example.com/dry.git, targetRevision: HEAD, path: dry, helm: {releaseName: x}}
  syncSource: {targetBranch: env/prod, path: out, repoURL: https://example.com/wet.git}
  hydrateTo: {targetBranch: env/prod-next}
syncPolicy:
  automated: {prune: true, selfHeal: false, allowEmpty: true, enabled: true}
  syncOptions: [CreateNamespace=true, PrunePropagationPolicy=background]
  retry: {limit: 5, refresh: true, backoff: {duration: 5s, factor: 2, maxDuration: 3m}}
  managedNamespaceMetadata: {labels: {a: b}, annotations: {c: d}}
ignoreDifferences:
- {group: apps, kind: Deployment, name: nm, namespace: s, jsonPointers: [/spec/replicas], jqPathExpressions: [.a], managedFieldsManagers: [m]}
info: [{name: url, value: https://example.com}]
revisionHistoryLimit: 0
"#;

#[test]
fn every_field_of_a_spec_is_read_and_written_back() {
    assert_eq!(spec(FULL).to_value().to_json(), value(FULL).to_json());
}

#[test]
fn what_is_empty_is_not_written() {
    for (yaml, expected) in [
        ("{source: {path: x}}", r#"{"destination":{},"project":"","source":{"path":"x","repoURL":""}}"#),
        (
            "{project: a, sources: [], source: {helm: {}, directory: {jsonnet: {}, recurse: false}}, syncPolicy: {automated: {}}}",
            r#"{"destination":{},"project":"a","source":{"directory":{},"helm":{},"repoURL":""},"syncPolicy":{"automated":{}}}"#,
        ),
        ("{revisionHistoryLimit: null, info: null}", r#"{"destination":{},"project":""}"#),
    ] {
        assert_eq!(spec(yaml).to_value().to_json(), expected, "{yaml}");
    }
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    for (yaml, expected) in [
        ("{metadata: {name: a}}", "spec: is required"),
        ("{spec: {source: {path: 7}}}", "spec.source.path: expected a string, found integer"),
        (
            "{spec: {sources: [{}, {helm: {parameters: {}}}]}}",
            "spec.sources[1].helm.parameters: expected a list, found object",
        ),
        (
            "{spec: {syncPolicy: {automated: {prune: 'yes'}}}}",
            "spec.syncPolicy.automated.prune: expected true or false, found string",
        ),
        ("{spec: {revisionHistoryLimit: many}}", "spec.revisionHistoryLimit: expected a whole number, found string"),
        ("{spec: {}, operation: {sync: []}}", "Application.operation.sync: expected a map, found array"),
    ] {
        assert_eq!(application(yaml).expect_err(yaml).to_string(), expected);
    }
}

#[test]
fn an_application_knows_its_metadata() {
    let app = application(
        "{metadata: {name: a, namespace: team, uid: u, resourceVersion: '7', generation: 3, deletionTimestamp: t, finalizers: [f], labels: {l: x}, annotations: {nn: z}}, spec: {}}",
    )
    .expect("it reads");
    assert_eq!((app.instance_name("argocd"), app.instance_name("team")), ("team_a".into(), "a".into()));
    assert_eq!((app.qualified_name().as_str(), app.deletion_timestamp.as_deref()), ("team/a", Some("t")));
    assert!(app.has_finalizer("f") && app.labels["l"] == "x" && app.annotations["nn"] == "z" && app.generation == 3);
}

/// Contract 10.17: absent and empty.
#[test]
fn absent_and_empty_are_told_apart_where_they_differ() {
    assert_eq!(spec("{}").history_limit(), 10);
    assert_eq!(spec("{revisionHistoryLimit: 0}").history_limit(), 0);
    assert_eq!(spec("{revisionHistoryLimit: -1}").history_limit(), 0);
    let paths = |yaml: &str| spec(yaml).sources().into_iter().map(|s| s.path).collect::<Vec<_>>().join(",");
    assert_eq!(paths("{source: {path: a}, sources: []}"), "a");
    assert_eq!(paths("{source: {path: a}, sources: [{path: b}, {path: c}]}"), "b,c");
    assert_eq!(paths("{}"), "");
    assert_eq!(paths(FULL), "out");
    assert!(!spec("{sources: []}").has_multiple_sources() && spec("{sources: [{}]}").has_multiple_sources());
    let automated = |yaml: &str| spec(yaml).automated().is_some();
    assert!(automated("{syncPolicy: {automated: {}}}") && automated("{syncPolicy: {automated: {enabled: true}}}"));
    assert!(!automated("{syncPolicy: {automated: {enabled: false}}}") && !automated("{syncPolicy: {}}"));
}

#[test]
fn a_hydrator_goes_before_all_sources() {
    let hydrator = spec(FULL).source_hydrator.expect("it is there");
    let sync = hydrator.sync_source();
    assert_eq!(
        (sync.repo_url.as_str(), sync.path.as_str(), sync.target_revision.as_str()),
        ("https://example.com/wet.git", "out", "env/prod")
    );
    assert_eq!(hydrator.dry_source().helm.expect("kept").release_name, "x");
    let bare = SourceHydrator::read(&value("{drySource: {repoURL: d}, syncSource: {}}")).expect("reads");
    assert_eq!(bare.sync_source().repo_url, "d");
}

#[test]
fn blocks_that_say_nothing_are_no_change() {
    let same = |a: &str, b: &str| {
        let read = |yaml: &str| spec(&format!("{{source: {{path: x, {yaml}}}}}")).normalized();
        read(a) == read(b)
    };
    assert!(
        same("", "helm: {}")
            && same("", "kustomize: {forceCommonLabels: true}")
            && same("", "directory: {jsonnet: {}}")
    );
    assert!(same("directory: {include: a, recurse: false}", "directory: {include: a}"));
    assert!(
        !same("", "helm: {skipCrds: true}")
            && !same("", "directory: {exclude: a}")
            && !same("", "kustomize: {namespace: a}")
    );
    assert_eq!(spec("{}").normalized().project, "default");
    assert_eq!(spec("{syncPolicy: {}}").normalized().sync_policy, None);
}

#[test]
fn a_changed_source_is_seen() {
    let one = spec("{source: {repoURL: a, path: x, helm: {valuesObject: {nn: 1}}}, destination: {name: in-cluster}}");
    let compared = one.compared_to(&one.sources());
    assert!(compared.has_sources(&one, &one.sources()));
    // As it comes back from an API server.
    let back = ComparedTo::read(&compared.to_value()).expect("reads");
    assert!(back == compared && back.has_sources(&one, &one.sources()));
    let other = spec("{source: {repoURL: a, path: x, helm: {valuesObject: {nn: 2}}}}");
    assert!(!back.has_sources(&other, &other.sources()));
    let several = spec("{sources: [{repoURL: a, path: x, helm: {valuesObject: {nn: 1}}}]}");
    assert!(!back.has_sources(&several, &several.sources()));
    let compared = several.compared_to(&several.sources());
    assert!(compared.has_sources(&several, &several.sources()) && !compared.has_sources(&one, &one.sources()));
    assert_eq!(
        spec("{sources: [{path: x}]}").compared_to(&[source("{path: x}")]).to_value().to_json(),
        r#"{"destination":{},"source":{"repoURL":""},"sources":[{"path":"x","repoURL":""}]}"#
    );
}

fn source(yaml: &str) -> Source {
    Source::read(&value(yaml)).expect(yaml)
}

#[test]
fn a_source_has_one_tool() {
    let kind = |yaml: &str| source(yaml).explicit_type();
    assert_eq!(kind("{path: a}"), Ok(None));
    assert_eq!(kind("{helm: {}}"), Ok(Some(SourceType::Helm)));
    assert_eq!(
        kind("{directory: {}, plugin: {}}").expect_err("two").to_string(),
        "multiple application sources defined: Directory,Plugin"
    );
}

#[test]
fn waits_grow_up_to_the_longest() {
    let wait = |yaml: &str, retries: i64| {
        let retry = RetryStrategy::read(&value(yaml)).expect(yaml);
        retry.wait(retries).map_or_else(|e| e.to_string(), |d| format!("{d:?}"))
    };
    assert_eq!([0, 1, 2, 5, 6, 1000].map(|n| wait("{limit: 5}", n)), ["5s", "10s", "20s", "160s", "180s", "180s"]);
    assert_eq!([0, 3].map(|n| wait("{backoff: {duration: '10', factor: 1, maxDuration: 1m}}", n)), ["10s", "10s"]);
    assert_eq!(wait("{backoff: {duration: 1h}}", 0), "180s");
    assert_eq!(wait("{backoff: {duration: 1h, maxDuration: '0'}}", 0), "3600s");
    assert_eq!(wait("{backoff: {duration: soon}}", 0), "backoff.duration: unable to parse soon as a duration");
}

pub(crate) const OPERATION: &str = "{sync: {revision: a, revisions: [b], prune: true, dryRun: true, source: {repoURL: x}, sources: [{repoURL: z}], syncStrategy: {hook: {force: true}}, resources: [{group: apps, kind: Deployment, name: nm, namespace: s}], manifests: ['{}'], syncOptions: [Replace=true], autoHealAttemptsCount: 2}, initiatedBy: {username: admin, automated: true}, info: [{name: a, value: b}], retry: {limit: -1}}";

#[test]
fn an_operation_is_read_and_written_back() {
    let yaml = OPERATION;
    let operation = Operation::read(&value(yaml)).expect("reads");
    assert_eq!(operation.to_value().to_json(), value(yaml).to_json());
    let sync = operation.sync.expect("a sync");
    assert!(sync.force() && !sync.is_apply_strategy());
    assert!(
        sync.resources[0].names("apps", "Deployment", "s", "nm")
            && !sync.resources[0].names("apps", "Deployment", "x", "nm")
    );
    // What somebody sets by hand.
    let bare = Operation::read(&value("{sync: {}}")).expect("reads").to_value().to_json();
    assert_eq!(bare, r#"{"initiatedBy":{},"retry":{},"sync":{}}"#);
}

pub(crate) const STATUS: &str = "{sync: {status: OutOfSync, comparedTo: {source: {repoURL: a, path: x}, destination: {name: in-cluster}}, revision: abc}, health: {status: Healthy, lastTransitionTime: t}, history: [{id: 0, revision: abc, deployedAt: t, deployStartedAt: t, source: {repoURL: a}, initiatedBy: {username: admin}}], resources: [{kind: Service, version: v1, namespace: nm, name: s, status: Synced, health: {status: Progressing, message: m}, syncWave: -1}, {kind: Job, name: j, hook: true, requiresPruning: true}], conditions: [{type: SyncError, message: m, lastTransitionTime: t}], operationState: {operation: {initiatedBy: {}, retry: {}, sync: {}}, phase: Running, message: m, startedAt: t, finishedAt: u, retryCount: 1, syncResult: {revision: abc, source: {repoURL: a}, resources: [{group: '', version: v1, kind: Service, namespace: nm, name: s, status: Synced, hookPhase: Running, syncPhase: Sync, images: [i]}]}}, reconciledAt: t, sourceType: Helm, sourceTypes: [Helm, Kustomize], summary: {images: [i], externalURLs: [u], isAppOfApps: true}, resourceHealthSource: appTree, controllerNamespace: argocd, sourceHydrator: {lastComparedDryRevision: x}}";

#[test]
fn a_status_is_read_and_written_back() {
    let status = Status::read(&value(STATUS)).expect("reads");
    assert_eq!(status.to_value().to_json(), value(STATUS).to_json());
    assert_eq!(status.revisions(), ["abc"]);
    assert!(HealthCode::Degraded > HealthCode::Missing && status.conditions[0].is_error());
}

#[test]
fn fields_of_a_status_that_nobody_knows_stay() {
    let mut fields = value("{mine: 1, reconciledAt: old, observedAt: old, sync: {status: Unknown}}");
    let status = Status { reconciled_at: "new".into(), ..Status::default() };
    status.write_over(fields.as_object_mut().expect("a map"));
    assert_eq!(fields.to_json(), r#"{"mine":1,"reconciledAt":"new"}"#);
}

#[test]
fn a_status_that_cannot_be_read_counts_as_absent_where_it_cannot() {
    let app =
        application("{spec: {}, status: {sync: {status: Odd}, reconciledAt: t, history: 7, health: {status: ''}}}");
    let status = app.expect("it reads").status;
    assert_eq!(status, Status { reconciled_at: "t".into(), ..Status::default() });
}

fn check_sources(yaml: &str, expected: &[&str]) {
    let permits = |source: &Source| !source.repo_url.contains("forbidden");
    let found: Vec<String> = validate::sources(&spec(yaml), &permits).into_iter().map(|c| c.message).collect();
    assert_eq!(found, expected, "{yaml}");
}

#[test]
fn what_is_wrong_with_sources_is_said_in_the_words_that_clients_know() {
    const NEITHER: &str = "spec.source.repoURL and either spec.source.path or spec.source.chart are required";
    check_sources("{source: {repoURL: a, path: x}}", &[]);
    check_sources("{}", &[NEITHER]);
    check_sources("{source: {repoURL: a}}", &[NEITHER]);
    check_sources(
        "{source: {repoURL: a, chart: c}}",
        &["spec.source.targetRevision is required if the manifest source is a helm chart"],
    );
    check_sources(
        "{source: {repoURL: forbidden, path: x}, project: p}",
        &["application repo forbidden is not permitted in project 'p'"],
    );
    check_sources(
        "{sources: [{repoURL: a, ref: r}, {repoURL: forbidden, path: x}]}",
        &["application repo forbidden is not permitted in project 'default'"],
    );
    check_sources(
        "{sources: [{repoURL: a, path: x}, {repoURL: b}]}",
        &[
            "spec.source.repoURL and either source.path, source.chart, or source.ref are required for source {\"repoURL\":\"b\"}",
        ],
    );
    check_sources(
        "{sourceHydrator: {drySource: {}, syncSource: {}, hydrateTo: {}}}",
        &[
            "spec.sourceHydrator.drySource.repoURL is required",
            "spec.sourceHydrator.syncSource.targetBranch is required",
            "when spec.sourceHydrator.hydrateTo is set, spec.sourceHydrator.hydrateTo.targetBranch is required",
        ],
    );
    check_sources(
        "{sourceHydrator: {drySource: {repoURL: a}, syncSource: {targetBranch: b, repoURL: forbidden}}}",
        &["sync source repo forbidden is not permitted in project 'default'"],
    );
}

#[test]
fn a_destination_names_one_cluster() {
    let servers = |name: &str| match name {
        "one" => vec!["https://one".to_owned()],
        "two" => vec!["https://a".to_owned(), "https://b".to_owned()],
        _ => Vec::new(),
    };
    let check = |yaml: &str, expected: &str| {
        let destination = Destination::read(&value(yaml)).expect(yaml);
        let found = validate::destination_server(&destination, &servers).unwrap_or_else(|e| format!("error: {e}"));
        assert_eq!(found, expected, "{yaml}");
    };
    check("{server: 'https://kubernetes.default.svc/'}", "https://kubernetes.default.svc");
    check("{name: one}", "https://one");
    check("{name: two}", "error: there are 2 clusters with the same name: [https://a https://b]");
    check("{name: none}", "error: there are no clusters with this name: none");
    check("{namespace: x}", "error: Destination server missing from app spec");
    check("{name: one, server: s}", "error: application destination can't have both name and server defined: one s");
}

#[test]
fn references_are_words_and_stand_once() {
    let check = |yaml: &str| validate::references(&spec(yaml).sources).map_err(|e| e.to_string());
    assert_eq!(check("{sources: [{ref: a-B_1}, {}, {}, {ref: b}]}"), Ok(()));
    assert_eq!(
        check("{sources: [{ref: a/b}]}"),
        Err("sources.ref a/b cannot contain any special characters except '_' and '-'".into())
    );
    assert_eq!(
        check("{sources: [{ref: a}, {ref: a}]}"),
        Err("invalid sources: multiple sources had the same `ref` key".into())
    );
}
