//! What flags mean, what is chosen and what is told: functions over values.

use belay_argo::spec::{Application, Source, Spec};
use belay_object::{Object, Value};
use belay_yaml::{Options, parse_value};

use super::selector::{self, Selector};
use super::{diff, list, logs, look, patch, spec, tree, unset, view, wait};
use crate::args::{AppCommand, ClusterCli, ClusterCommand, parse_from};

fn yaml(text: &str) -> Value {
    parse_value(text, &Options::v2()).unwrap()
}

fn app(spec: &str, rest: &str) -> Application {
    let text = format!(
        "{{metadata: {{name: one, namespace: argocd}}, apiVersion: a/v1, kind: Application, spec: {spec}{rest}}}"
    );
    Application::read(&Object::new(yaml(&text)).unwrap()).unwrap()
}

/// Flags of `app create` put into a spec.
fn check(spec_before: &str, flags: &str, expected: &str) {
    let line = format!("belay app set one {flags}");
    let cli: ClusterCli = parse_from(line.split_whitespace()).unwrap();
    let ClusterCommand::App(args) = cli.command else { panic!("{line}") };
    let AppCommand::Set(args) = args.command else { panic!("{line}") };
    let mut found = Spec::read(&yaml(spec_before)).unwrap();
    let told = match spec::apply(&args.spec, &mut found, args.source_position) {
        Ok(()) => found.to_value().to_json(),
        Err(e) => format!("{e:#}"),
    };
    let wanted = if expected.starts_with('{') {
        Spec::read(&yaml(expected)).unwrap().to_value().to_json()
    } else {
        expected.into()
    };
    assert_eq!(told, wanted, "{flags}");
}

#[test]
fn flags_say_what_an_application_is() {
    check(
        "{}",
        "--repo https://git.example/a.git --path web --revision main --dest-server https://k --dest-namespace shop --project p",
        "{project: p, source: {repoURL: 'https://git.example/a.git', path: web, targetRevision: main}, destination: {server: 'https://k', namespace: shop}}",
    );
    check(
        "{destination: {server: a}, source: {repoURL: r}}",
        "--dest-name prod",
        "{destination: {name: prod}, source: {repoURL: r}}",
    );
    let helm = "{repoURL: r, helm: {parameters: [{name: a, value: '1'}], valueFiles: [x.yaml]}}";
    check(
        &format!("{{source: {helm}}}"),
        "-p a=2 -p b=3 --helm-set-string c=4 --values y.yaml --release-name web",
        "{source: {repoURL: r, helm: {parameters: [{name: a, value: '2'}, {name: b, value: '3'}, {name: c, value: '4', forceString: true}], valueFiles: [y.yaml], releaseName: web}}}",
    );
    check(
        "{source: {repoURL: r, kustomize: {images: ['web:1', 'db:1']}}}",
        "--kustomize-image web:2 --nameprefix a- --kustomize-replica web=3",
        "{source: {repoURL: r, kustomize: {images: ['db:1', 'web:2'], namePrefix: a-, replicas: [{name: web, count: 3}]}}}",
    );
    check(
        "{source: {repoURL: r}}",
        "--directory-recurse --jsonnet-tla-code replicas=2 --jsonnet-ext-var-str a=b",
        "{source: {repoURL: r, directory: {recurse: true, jsonnet: {tlas: [{name: replicas, value: '2', code: true}], extVars: [{name: a, value: b}]}}}}",
    );
}

#[test]
fn flags_say_when_an_application_is_synced() {
    let one = "{source: {repoURL: r}";
    check(
        &format!("{one}}}"),
        "--sync-policy automated --auto-prune --self-heal --sync-option CreateNamespace=true",
        &format!(
            "{one}, syncPolicy: {{automated: {{prune: true, selfHeal: true}}, syncOptions: [CreateNamespace=true]}}}}"
        ),
    );
    check(&format!("{one}, syncPolicy: {{automated: {{}}}}}}"), "--sync-policy none", &format!("{one}}}"));
    check(
        &format!("{one}, syncPolicy: {{syncOptions: [A=1, B=2]}}}}"),
        "--sync-option !A=1",
        &format!("{one}, syncPolicy: {{syncOptions: [B=2]}}}}"),
    );
    check(
        &format!("{one}}}"),
        "--sync-retry-limit 3 --sync-retry-backoff-duration 10s",
        &format!(
            "{one}, syncPolicy: {{retry: {{limit: 3, backoff: {{duration: 10s, factor: 2, maxDuration: 3m0s}}}}}}}}"
        ),
    );
    // Alone they turn nothing on.
    check(
        &format!("{one}}}"),
        "--auto-prune",
        &format!("{one}, syncPolicy: {{automated: {{enabled: false, prune: true}}}}}}"),
    );
}

#[test]
fn a_flag_that_is_off_is_taken_as_off() {
    check(
        "{source: {repoURL: r, directory: {recurse: true}}, syncPolicy: {automated: {prune: true, selfHeal: true}}}",
        "--auto-prune=false --directory-recurse=false",
        "{source: {repoURL: r}, syncPolicy: {automated: {prune: false, selfHeal: true}}}",
    );
    check(
        "{source: {repoURL: r, helm: {skipCrds: true, passCredentials: true}}}",
        "--helm-skip-crds=false",
        "{source: {repoURL: r, helm: {passCredentials: true}}}",
    );
}

#[test]
fn flags_about_a_source_are_refused_where_a_hydrator_makes_it() {
    let hydrator = "{sourceHydrator: {drySource: {repoURL: r, targetRevision: main, path: a}, syncSource: {targetBranch: e, path: b}}}";
    check(
        hydrator,
        "--helm-set a=b",
        "the application has a sourceHydrator, which these flags are not about: give --dry-source-repo, --dry-source-revision, --dry-source-path, or change it by `belay app edit`",
    );
    let moved = hydrator.replace("path: a", "path: c");
    check(hydrator, "--dry-source-path c", &moved);
    check(
        "{source: {repoURL: r}}",
        "--source-position 2 --path a",
        "the application has one source, and none at position 2",
    );
}

#[test]
fn fields_that_are_not_known_stay_when_others_change() {
    let text = "{apiVersion: a/v1, kind: Application, metadata: {name: one, namespace: argocd}, spec: {project: p, \
        destination: {server: s, newer: 1}, source: {repoURL: r, path: a, newer: {of: it}, helm: {releaseName: x, newer: true}}, newer: [1, 2]}}";
    let mut object = Object::new(yaml(text)).unwrap();
    spec::rewrite(&mut object, |spec| {
        let source = spec.source.as_mut().unwrap();
        source.path = "b".into();
        source.helm.as_mut().unwrap().release_name.clear();
        spec.destination.namespace = "shop".into();
        Ok(())
    })
    .unwrap();
    assert_eq!(
        object.get("spec").unwrap().to_json(),
        r#"{"destination":{"namespace":"shop","newer":1,"server":"s"},"newer":[1,2],"project":"p","source":{"helm":{"newer":true},"newer":{"of":"it"},"path":"b","repoURL":"r"}}"#
    );
}

#[test]
fn a_patch_changes_what_people_write_and_nothing_else() {
    let object = Object::new(yaml(
        "{apiVersion: a/v1, kind: Application, metadata: {name: one, namespace: argocd, uid: u}, spec: {project: p, source: {repoURL: r}}, status: {sync: {status: Synced}}}",
    ))
    .unwrap();
    let check = |kind: &str, patch: &str, expected: &str| {
        let told = match patch::patched(&object, &yaml(patch), kind) {
            Ok(after) => format!(
                "{} {}",
                after.get("spec").unwrap().to_json(),
                after.str_at(&["status", "sync", "status"]).unwrap()
            ),
            Err(e) => format!("{e:#}"),
        };
        assert!(told.starts_with(expected), "{told}");
    };
    check(
        "merge",
        "{spec: {project: q}, status: {sync: {status: OutOfSync}}}",
        r#"{"project":"q","source":{"repoURL":"r"}} Synced"#,
    );
    check(
        "json",
        "[{op: replace, path: /spec/project, value: q}]",
        r#"{"project":"q","source":{"repoURL":"r"}} Synced"#,
    );
    check("merge", "{status: {sync: {status: OutOfSync}}}", "the patch changes nothing that people write");
    check("merge", "{spec: {source: {path: 5}}}", "application 'one' cannot be read");
    check("strategic", "{}", "Patch type 'strategic' is not supported");
}

#[test]
fn objects_of_others_in_the_same_namespace_do_not_belong_to_an_application() {
    let object = |kind: &str, name: &str, owner: &str| {
        let owners = if owner.is_empty() { String::new() } else { format!(", ownerReferences: [{{uid: {owner}}}]") };
        Object::new(yaml(&format!(
            "{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}, namespace: shop, uid: {name}{owners}}}}}"
        )))
        .unwrap()
    };
    let roots = vec![object("Deployment", "web", "")];
    let others = vec![
        object("Pod", "theirs-1", "theirs"),
        object("Pod", "web-1-a", "web-1"),
        object("ReplicaSet", "theirs", "their-deployment"),
        object("ReplicaSet", "web-1", "web"),
    ];
    let found: Vec<String> = tree::with_owned(roots, others).iter().map(|o| o.name().to_owned()).collect();
    assert_eq!(found, ["web", "web-1", "web-1-a"]);
}

#[test]
fn inv_sec_3_values_of_a_secret_are_shown_in_no_difference() {
    let check = |pointer: &str, expected: bool| {
        let difference = belay_schema::ssa::Difference {
            pointer: pointer.to_owned(),
            live: Some(Value::from("canary-live")),
            desired: Some(Value::from("canary-desired")),
            manager: None,
        };
        let lines = diff::field(&difference, &diff::secret_paths(&["example.com/token".to_owned()])).join("\n");
        assert_eq!(!lines.contains("canary"), expected, "{pointer}: {lines}");
    };
    for pointer in [
        "/data",
        "/data/password",
        "/stringData/password",
        "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
        "/metadata/annotations/example.com~1token",
        "/metadata/annotations",
        "/metadata",
        "",
    ] {
        check(pointer, true);
    }
    for pointer in ["/metadata/labels/a", "/metadata/annotations/other", "/dataset", "/type"] {
        check(pointer, false);
    }
}

#[test]
fn containers_that_run_first_have_logs_too_when_they_are_named() {
    let pod = Object::new(yaml(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {initContainers: [{name: first}], containers: [{name: web}, {name: proxy}]}}",
    ))
    .unwrap();
    assert_eq!(logs::containers(&pod, None), ["web", "proxy"]);
    assert_eq!(logs::containers(&pod, Some("first")), ["first"]);
}

#[test]
fn revisions_are_named_by_position_or_by_name() {
    let app = app("{sources: [{repoURL: a, name: first}, {repoURL: b, name: second}]}", "");
    let check = |flags: &str, expected: &str| {
        let line = format!("belay app diff one {flags}");
        let cli: ClusterCli = parse_from(line.split_whitespace()).unwrap();
        let ClusterCommand::App(args) = cli.command else { panic!("{line}") };
        let AppCommand::Diff(args) = args.command else { panic!("{line}") };
        let told = look::revisions(&args.revisions, &app).map_or_else(|e| format!("{e:#}"), |all| all.join(","));
        assert_eq!(told, expected, "{flags}");
    };
    check("", ",");
    check("--revisions v1", "v1,");
    check("--revisions v1 --source-positions 2", ",v1");
    check("--revisions v1 --source-names second", ",v1");
    check("--revisions v1 --source-names third", "application 'one' has no source called \"third\"");
    check("--revisions v1 --source-positions 3", "source-position cannot be less than 1 or more than 2: 3");
    check(
        "--revisions v1 --source-names second --source-positions 2",
        "Only one of source-positions and source-names can be specified.",
    );
}

#[test]
fn of_several_sources_one_is_named() {
    let several = "{sources: [{repoURL: a}, {repoURL: b}]}";
    check(several, "--source-position 2 --revision v1", "{sources: [{repoURL: a}, {repoURL: b, targetRevision: v1}]}");
    check(several, "--revision v1", "the application has 2 sources: say which by --source-position, from 1");
    check(several, "--source-position 3 --revision v1", "source-position cannot be less than 1 or more than 2: 3");
}

#[test]
fn what_is_unset_is_gone_and_the_rest_stays() {
    let line = "belay app unset one -p a --values x.yaml --kustomize-image web --nameprefix";
    let cli: ClusterCli = parse_from(line.split(' ')).unwrap();
    let ClusterCommand::App(args) = cli.command else { panic!("{line}") };
    let AppCommand::Unset(args) = args.command else { panic!("{line}") };
    let mut source = Source::read(&yaml(
        "{repoURL: r, helm: {parameters: [{name: a, value: '1'}], valueFiles: [x.yaml]}, kustomize: {images: ['web:1', 'db:1'], namePrefix: p-}}",
    ))
    .unwrap();
    unset::take(&args, &mut source);
    assert_eq!(source.to_value().to_json(), r#"{"kustomize":{"images":["db:1"]},"repoURL":"r"}"#);
}

#[test]
fn selectors_choose_objects_and_leave_some_out() {
    for (texts, expected) in [
        (&["apps:Deployment:web"][..], "apps/Deployment/shop/web"),
        (&[":Service:shop/web"], "/Service/shop/web"),
        (&["*:*:web"], "apps/Deployment/shop/web /Service/shop/web"),
        (&["!*:Service:*"], "apps/Deployment/shop/web"),
        (&["*:*:*", "!apps:Deployment:*"], "/Service/shop/web"),
        (&[":Service:other/web"], ""),
    ] {
        let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        let selectors = selector::read(&texts).unwrap();
        let all = [("apps", "Deployment", "shop", "web"), ("", "Service", "shop", "web")];
        let found = all.iter().filter(|(g, k, ns, n)| selector::selects(&selectors, g, k, ns, n));
        let found: Vec<String> = found.map(|(g, k, ns, n)| format!("{g}/{k}/{ns}/{n}")).collect();
        assert_eq!(found.join(" "), expected, "{texts:?}");
    }
    assert!(Selector::read("Service:web").is_err());
    assert!(Selector::read(":Service:a/b/c").is_err());
}

#[test]
fn a_list_tells_each_application_in_a_row() {
    let spec = "{project: default, source: {repoURL: r, path: web, targetRevision: HEAD}, destination: {server: s, namespace: shop}, syncPolicy: {automated: {prune: true}}}";
    let status = ", status: {sync: {status: Synced}, health: {status: Healthy}, conditions: [{type: SyncError, message: a}, {type: SyncError, message: b}, {type: ComparisonError, message: c}]}";
    let row = list::row(&app(spec, status)).join(" ");
    assert_eq!(row, "argocd/one s shop default Synced Healthy Auto-Prune SyncError(2),ComparisonError r web HEAD");
}

#[test]
fn an_operation_is_over_when_what_it_did_was_looked_at() {
    let check = |rest: &str, expected: bool| assert_eq!(wait::is_busy(&app("{}", rest)), expected, "{rest}");
    check("", false);
    check(", operation: {sync: {}}", true);
    let state = |phase: &str, finished: &str| {
        format!(
            "operationState: {{phase: {phase}, startedAt: '2026-01-01T00:00:00Z', operation: {{sync: {{}}}}, finishedAt: {finished}}}"
        )
    };
    let running = state("Running", "''");
    check(&format!(", status: {{{running}}}"), true);
    let ended = state("Succeeded", "'2026-01-01T00:00:10Z'");
    check(&format!(", status: {{reconciledAt: '2026-01-01T00:00:09Z', {ended}}}"), true);
    check(&format!(", status: {{reconciledAt: '2026-01-01T00:00:10Z', {ended}}}"), false);
}

#[test]
fn what_the_last_operation_did_stands_before_the_rest() {
    let status = ", status: {resources: [{kind: Service, namespace: shop, name: web, status: Synced}, {kind: ConfigMap, namespace: shop, name: a, status: OutOfSync}], \
        operationState: {phase: Succeeded, startedAt: x, operation: {}, syncResult: {revision: r, source: {repoURL: r}, resources: [\
        {group: batch, version: v1, kind: Job, namespace: shop, name: before, hookType: PreSync, hookPhase: Succeeded, message: done}, \
        {group: '', version: v1, kind: Service, namespace: shop, name: web, status: Synced, message: service/web created}]}}}";
    let rows = view::rows(&app("{}", status), &view::Healths::new());
    let told: Vec<String> = rows.iter().map(|row| row.cells().join(" ")).collect();
    assert_eq!(
        told,
        [
            "batch Job shop before Succeeded  PreSync done",
            " Service shop web Synced   service/web created",
            " ConfigMap shop a OutOfSync   "
        ]
    );
}

#[test]
fn a_namespace_of_objects_is_not_that_of_the_command() {
    let namespace = |line: &str| {
        let cli: ClusterCli = parse_from(line.split(' ')).unwrap();
        let ClusterCommand::App(args) = cli.command else { panic!("{line}") };
        let AppCommand::Logs(args) = args.command else { panic!("{line}") };
        crate::args::of_objects(&args.namespace)
    };
    assert_eq!(namespace("belay app logs one"), None);
    assert_eq!(namespace("belay app logs one --namespace shop"), Some("shop".to_owned()));
    assert_eq!(namespace("belay -n elsewhere app logs one --namespace shop"), Some("shop".to_owned()));
}

#[test]
fn argocds_words_name_the_same_commands() {
    for line in [
        "app create one --repo r --path p --dest-server s --dest-namespace n --sync-policy automated -l a=b --upsert",
        "app create -f app.yaml --validate=false",
        "app list -o name -l a=b -p default -r repo -c https://k -P web",
        "app get argocd/one --refresh -o tree=detailed",
        "app diff one --local . --exit-code=false",
        "app sync one two --prune --force --resource apps:Deployment:web --async --timeout 60",
        "app sync -l a=b --strategy apply --retry-limit 3 --server-side",
        "app wait one --health --timeout 60 --resource :Service:web",
        "app history one -o id",
        "app rollback one 3 --prune",
        "app unset one -p a",
        "app delete one two --cascade=false -y",
        "app resources one --output tree",
        "app manifests one --source live",
        "app logs one --kind Deployment --tail 5 -f --namespace shop",
        "app actions list one --kind Deployment",
        "app actions run one restart --kind Deployment --resource-name web",
        "app terminate-op one",
        "app patch one --patch {} --type merge",
        "app list -N team-a",
        "app add-source one --repo r --path p",
        "app remove-source one --source-position 2",
        "app get-resource one --kind Deployment --resource-name web --filter-fields metadata.name,spec",
        "app patch-resource one --kind Deployment --patch {} --all",
        "app delete-resource one --kind Pod --resource-name web --force",
    ] {
        let words = std::iter::once("belay").chain(line.split(' '));
        if let Err(e) = parse_from::<ClusterCli, _>(words) {
            panic!("{line}: {e}");
        }
    }
}

#[test]
fn differences_that_a_server_tells_are_lines() {
    let item = |rest: &str| yaml(&format!("{{kind: ConfigMap, namespace: shop, name: a{rest}}}"));
    let map = |key: &str| {
        format!(
            r#"'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","resourceVersion":"{key}"}},"data":{{"key":"{key}"}}}}'"#
        )
    };
    let check = |rest: String, expected: &[&str]| {
        let lines = diff::compared(&item(&rest)).unwrap();
        let found: Vec<&str> = lines.iter().map(|l| l.trim()).filter(|l| l.contains("key")).collect();
        assert_eq!(found, expected, "{rest}");
    };
    let states = |live: &str, then: &str| {
        format!(
            ", targetState: {0}, liveState: {1}, normalizedLiveState: {1}, predictedLiveState: {0}",
            map(then),
            map(live)
        )
    };
    check(states("1", "2"), &["-  key: \"1\"", "+  key: \"2\""]);
    check(states("1", "1"), &[]);
    check(format!(", targetState: {}, liveState: 'null', predictedLiveState: 'null'", map("1")), &[">   key: \"1\""]);
    check(format!(", targetState: 'null', liveState: {}", map("1")), &["<   key: \"1\""]);
    check(format!("{}, hook: true", states("1", "2")), &[]);
}

#[test]
fn a_tree_that_a_server_tells_is_drawn() {
    let told = yaml(
        "{nodes: [{group: apps, version: v1, kind: Deployment, namespace: shop, name: web, uid: '1', health: {status: Progressing, message: waits}}, \
        {group: apps, version: v1, kind: ReplicaSet, namespace: shop, name: web-1, uid: '2', parentRefs: [{uid: '1'}]}, \
        {version: v1, kind: Service, namespace: shop, name: gone}]}",
    );
    let nodes = tree::listed(&told, "nodes");
    let status = ", status: {resources: [{group: apps, kind: Deployment, namespace: shop, name: web, status: OutOfSync}, {kind: Service, namespace: shop, name: gone, status: OutOfSync}]}";
    let text = tree::drawn(&app("{}", status), &nodes, &view::Healths::new(), false).text();
    let lines: Vec<String> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "KIND/NAME STATUS HEALTH MESSAGE",
            "Deployment/web OutOfSync Progressing",
            "└─ReplicaSet/web-1",
            "Service/gone OutOfSync Missing"
        ]
    );
}
