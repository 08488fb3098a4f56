//! Objects, configurations and expected answers, as text.

use belay_object::{Object, from_json_str};

use super::*;

/// 2026-11-21T11:28:10Z
const NOW_S: i64 = 1_795_260_490;

/// `head` is `apiVersion Kind`; `body` the other fields as JSON.
fn of(head: &str, body: &str) -> Object {
    let json = format!("{{{body}}}");
    let mut object = Object::new(from_json_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap();
    let (api_version, kind) = head.split_once(' ').unwrap();
    object.set(&["apiVersion"], api_version);
    object.set(&["kind"], kind);
    object
}

/// By pattern: a script of health, actions.
fn config(entries: &[(&str, &str, &str)]) -> Customizations {
    let (compiled, wrong) = Customizations::compile(entries.iter().copied());
    assert_eq!(wrong, []);
    compiled
}

fn answer(customizations: &Customizations, object: &Object) -> String {
    customizations.health(object, NOW_S).map_or("none".to_owned(), |h| h.to_string())
}

fn check(head: &str, body: &str, expected: &str) {
    assert_eq!(answer(&Customizations::default(), &of(head, body)), expected, "{head} {body}");
}

#[test]
fn statuses_are_ordered_from_best_to_worst() {
    assert!(Status::ALL.is_sorted());
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
    assert_eq!(Status::parse("healthy"), None);
}

#[test]
fn deployments() {
    let check = |rest: &str, expected| {
        let body = format!(r#""metadata":{{"name":"cart","generation":2}},{rest}"#);
        super::tests::check("apps/v1 Deployment", &body, expected);
    };
    check(r#""spec":{"paused":true}"#, "Suspended: Deployment is paused");
    check(
        r#""status":{"observedGeneration":1}"#,
        "Progressing: Waiting for rollout to finish: observed deployment generation less than desired generation",
    );
    check(
        r#""status":{"observedGeneration":2,"conditions":[{"type":"Progressing","reason":"ProgressDeadlineExceeded"}]}"#,
        r#"Degraded: Deployment "cart" exceeded its progress deadline"#,
    );
    check(
        r#""spec":{"replicas":3},"status":{"observedGeneration":2,"updatedReplicas":1}"#,
        "Progressing: Waiting for rollout to finish: 1 out of 3 new replicas have been updated...",
    );
    check(
        r#""spec":{"replicas":1},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":1}"#,
        "Progressing: Waiting for rollout to finish: 2 old replicas are pending termination...",
    );
    check(
        r#""spec":{"replicas":1},"status":{"observedGeneration":2,"replicas":1,"updatedReplicas":1}"#,
        "Progressing: Waiting for rollout to finish: 0 of 1 updated replicas are available...",
    );
    check(
        r#""spec":{"replicas":1},"status":{"observedGeneration":2,"replicas":1,"updatedReplicas":1,"availableReplicas":1}"#,
        "Healthy",
    );
    super::tests::check(
        "apps/v1beta1 Deployment",
        "",
        "Unknown: unsupported Deployment GVK: apps/v1beta1, Kind=Deployment",
    );
}

#[test]
fn other_workloads() {
    check(
        "apps/v1 StatefulSet",
        r#""metadata":{"generation":1}"#,
        "Progressing: Waiting for statefulset spec update to be observed...",
    );
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"replicas":3},"status":{"observedGeneration":1,"readyReplicas":1}"#,
        "Progressing: Waiting for 2 pods to be ready...",
    );
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":1}}},"status":{"observedGeneration":1,"readyReplicas":3,"updatedReplicas":1}"#,
        "Progressing: Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
    );
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{}}},"status":{"observedGeneration":1,"updatedReplicas":2}"#,
        "Healthy: partitioned roll out complete: 2 new pods have been updated...",
    );
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"updateStrategy":{"type":"OnDelete"}},"status":{"observedGeneration":1,"readyReplicas":2}"#,
        "Healthy: statefulset has 2 ready pods",
    );
    check(
        "apps/v1 StatefulSet",
        r#""status":{"observedGeneration":1,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}"#,
        "Progressing: waiting for statefulset rolling update to complete 1 pods at revision b...",
    );
    check(
        "apps/v1 StatefulSet",
        r#""status":{"observedGeneration":1,"currentReplicas":1,"currentRevision":"a","updateRevision":"a"}"#,
        "Healthy: statefulset rolling update complete 1 pods at revision a...",
    );
    check(
        "apps/v1 DaemonSet",
        r#""metadata":{"name":"log"},"status":{"desiredNumberScheduled":2,"updatedNumberScheduled":1}"#,
        r#"Progressing: Waiting for daemon set "log" rollout to finish: 1 out of 2 new pods have been updated..."#,
    );
    check(
        "apps/v1 DaemonSet",
        r#""metadata":{"name":"log"},"status":{"desiredNumberScheduled":2,"updatedNumberScheduled":2,"numberAvailable":1}"#,
        r#"Progressing: Waiting for daemon set "log" rollout to finish: 1 of 2 updated pods are available..."#,
    );
    check(
        "apps/v1 ReplicaSet",
        r#""spec":{"replicas":2},"status":{"availableReplicas":1}"#,
        "Progressing: Waiting for rollout to finish: 1 out of 2 new replicas are available...",
    );
    check(
        "apps/v1 ReplicaSet",
        r#""status":{"conditions":[{"type":"ReplicaFailure","status":"True","message":"quota"}]}"#,
        "Degraded: quota",
    );
    check("batch/v1 Job", "", "Progressing");
    check("batch/v1 Job", r#""status":{"conditions":[{"type":"Failed","message":"no"}]}"#, "Degraded: no");
    check("batch/v1 Job", r#""status":{"conditions":[{"type":"Suspended","status":"True"}]}"#, "Suspended");
    check("batch/v1 Job", r#""status":{"conditions":[{"type":"Complete"}]}"#, "Healthy");
}

#[test]
fn a_pod_that_runs_to_an_end_is_not_degraded_while_it_runs() {
    let waiting =
        r#""containerStatuses":[{"name":"a","state":{"waiting":{"reason":"ImagePullBackOff","message":"no image"}}}]"#;
    let pod = |policy: &str, status: &str| format!(r#""spec":{{"restartPolicy":"{policy}"}},"status":{{{status}}}"#);
    check("v1 Pod", &pod("Always", waiting), "Degraded: no image");
    check("v1 Pod", &pod("Never", &format!(r#""phase":"Pending",{waiting}"#)), "Progressing");
    check("v1 Pod", &pod("Never", r#""phase":"Running""#), "Progressing");
    check("v1 Pod", &pod("Always", r#""phase":"Running","conditions":[{"type":"Ready","status":"True"}]"#), "Healthy");
    check(
        "v1 Pod",
        &pod("Always", r#""phase":"Running","containerStatuses":[{"lastState":{"terminated":{"exitCode":1}}}]"#),
        "Degraded",
    );
    check(
        "v1 Pod",
        &pod("Never", r#""phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":3}}}]"#),
        r#"Degraded: container "a" failed with exit code 3"#,
    );
    let marked = |more: &str| {
        format!(
            r#""metadata":{{"annotations":{{"argocd.argoproj.io/ignore-restart-policy":"true"{more}}}}},{}"#,
            pod("Never", r#""phase":"Running","conditions":[{"type":"Ready","status":"True"}]"#)
        )
    };
    check("v1 Pod", &marked(""), "Healthy");
    check("v1 Pod", &marked(r#","argocd.argoproj.io/hook":"PreSync""#), "Progressing");
    check("v1 Pod", &marked(r#","argocd.argoproj.io/hook":"Skip""#), "Healthy");
}

#[test]
fn services_claims_autoscalers_and_the_rest() {
    check("v1 Service", "", "Healthy");
    check("v1 Service", r#""spec":{"type":"LoadBalancer"}"#, "Progressing");
    check("networking.k8s.io/v1 Ingress", r#""status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}"#, "Healthy");
    check("networking.k8s.io/v1 Ingress", "", "Progressing");
    check("v1 PersistentVolumeClaim", r#""status":{"phase":"Bound"}"#, "Healthy");
    check("v1 PersistentVolumeClaim", r#""status":{"phase":"Lost"}"#, "Degraded");
    check("v1 PersistentVolumeClaim", "", "Unknown");
    check("autoscaling/v2 HorizontalPodAutoscaler", "", "Progressing: Waiting to Autoscale");
    check(
        "autoscaling/v2 HorizontalPodAutoscaler",
        r#""status":{"conditions":[{"type":"AbleToScale","status":"True","message":"ok"},{"type":"ScalingActive","status":"False","reason":"FailedGetResourceMetric","message":"no metrics"}]}"#,
        "Degraded: no metrics",
    );
    check(
        "autoscaling/v1 HorizontalPodAutoscaler",
        r#""metadata":{"annotations":{"autoscaling.alpha.kubernetes.io/conditions":"[{\"type\":\"AbleToScale\",\"status\":\"True\",\"message\":\"ok\"}]"}}"#,
        "Healthy: ok",
    );
    check("apiregistration.k8s.io/v1 APIService", "", "Progressing: Waiting to be processed");
    check(
        "apiregistration.k8s.io/v1 APIService",
        r#""status":{"conditions":[{"type":"Available","status":"False","reason":"R","message":"m"}]}"#,
        "Progressing: R: m",
    );
    check("argoproj.io/v1alpha1 Workflow", r#""status":{"phase":"Error","message":"m"}"#, "Degraded: m");
    for head in
        ["v1 ConfigMap", "v1 Namespace", "rbac.authorization.k8s.io/v1 Role", "argoproj.io/v1alpha1 Application"]
    {
        check(head, r#""status":{"conditions":[{"type":"Ready","status":"False"}]}"#, "none");
    }
}

#[test]
fn what_is_being_deleted_is_progressing_unless_it_is_a_held_hook() {
    let deleting = |more: &str| format!(r#""metadata":{{"deletionTimestamp":"2026-01-01T00:00:00Z"{more}}}"#);
    check("v1 ConfigMap", &deleting(""), "Progressing: Pending deletion");
    check("v1 ConfigMap", &deleting(r#","finalizers":["argocd.argoproj.io/hook-finalizer"]"#), "none");
}

#[test]
fn families_of_custom_resources() {
    let ready = |status: &str| {
        format!(r#""status":{{"conditions":[{{"type":"Ready","status":"{status}","reason":"R","message":"m"}}]}}"#)
    };
    check("cert-manager.io/v1 Issuer", &ready("True"), "Healthy: m");
    check("cert-manager.io/v1 Issuer", &ready("False"), "Degraded: m");
    check("cert-manager.io/v1 Issuer", "", "Progressing: Initializing issuer");
    check("external-secrets.io/v1 ExternalSecret", &ready("Unknown"), "Progressing: Waiting for ExternalSecret");
    check("kustomize.toolkit.fluxcd.io/v1 Kustomization", &ready("True"), "Healthy: R");
    check("kustomize.toolkit.fluxcd.io/v1 Kustomization", &ready("False"), "Degraded: R");
    check(
        "kustomize.toolkit.fluxcd.io/v1 Kustomization",
        r#""spec":{"suspend":true}"#,
        "Suspended: Kustomization is suspended",
    );
    check("source.toolkit.fluxcd.io/v1 GitRepository", &ready("True"), "Degraded: R");
    check("source.toolkit.fluxcd.io/v1 GitRepository", "", "Progressing: Status unknown");
    check(
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        r#""status":{"conditions":[{"type":"Established","status":"True"}]}"#,
        "Healthy: CRD is healthy",
    );
    check("batch/v1 CronJob", r#""spec":{"suspend":true}"#, "Healthy: CronJob is Suspended");
    check(
        "policy/v1 PodDisruptionBudget",
        r#""status":{"conditions":[{"status":"False","reason":"InsufficientPods"}]}"#,
        "Healthy: PodDisruptionBudget has InsufficientPods",
    );
    check(
        "argoproj.io/v1alpha1 Rollout",
        r#""metadata":{"generation":1},"status":{"observedGeneration":"1","phase":"Paused","message":"CanaryPauseStep"}"#,
        "Suspended: CanaryPauseStep",
    );
    check("s3.upbound.io/v1 Bucket", &ready("True"), "Healthy: Resource is up-to-date.");
    check("rds.aws.crossplane.io/v1 DBInstance", "", "Progressing: Waiting for DBInstance to be created");
    check("example.com/v1 Thing", &ready("False"), "none");
}

#[test]
fn scripts_of_the_configuration_come_first() {
    let customizations = config(&[
        ("example.com/Thing", "return {status = obj.status.phase, message = obj.kind}", ""),
        ("*.crossplane.io/*", "return {status = 'Healthy', message = 'wild'}", ""),
        ("Pod", "return nil", ""),
        ("Service", "return {}", ""),
        ("Secret", "return 1", ""),
        ("ConfigMap", "return obj.a.b", ""),
        ("Node", "return (", ""),
        ("apps/Deployment", "return {status = 'Degraded'}\n", ""),
        ("batch/Job", "", ""),
    ]);
    let check = |head: &str, body: &str, expected: &str| {
        assert_eq!(answer(&customizations, &of(head, body)), expected, "{head}")
    };
    check("example.com/v1 Thing", r#""status":{"phase":"Suspended"}"#, "Suspended: Thing");
    check("example.com/v1 Thing", r#""status":{"phase":"Fine"}"#, "Unknown: Lua returned an invalid health status");
    check("ec2.crossplane.io/v1 Instance", "", "Healthy: wild");
    check("apps/v1 Deployment", "", "Degraded");
    check("v1 Pod", "", "none");
    check("v1 Service", "", "none");
    check("v1 Secret", "", "Unknown: expect table output from Lua script, not number");
    check("v1 ConfigMap", "", "Unknown: <string>:1: attempt to index field 'a' (a nil value)");
    check("v1 Node", "", "Unknown: <string>:1: unexpected symbol near <eof>");
    check("batch/v1 Job", "", "Progressing");
}

#[test]
fn what_cannot_be_used_is_told_and_takes_nothing_with_it() {
    let health = "return {status = 'Degraded'}";
    let (compiled, wrong) = Customizations::compile([("Pod", health, "{"), ("Service", health, "")]);
    let told: Vec<String> = wrong.iter().map(|e| format!("{:?} {e}", e.kind())).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("Form actions of Pod: "), "{told:?}");
    assert_eq!(answer(&compiled, &of("v1 Pod", "")), "Degraded");
    assert_eq!(answer(&compiled, &of("v1 Service", "")), "Degraded");
}

fn names(customizations: &Customizations, object: &Object) -> String {
    let show = |a: &Action| format!("{}{}", if a.disabled { "-" } else { "" }, a.name);
    customizations.actions(object, NOW_S).unwrap().iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn built_in_actions() {
    let none = Customizations::default();
    let check = |head: &str, body: &str, expected: &str| assert_eq!(names(&none, &of(head, body)), expected, "{head}");
    check("apps/v1 Deployment", "", "pause restart -resume scale");
    check("apps/v1 Deployment", r#""spec":{"paused":true}"#, "-pause restart resume scale");
    check("batch/v1 CronJob", "", "create-job suspend");
    check("batch/v1 Job", r#""status":{}"#, "suspend terminate");
    check("batch/v1 Job", r#""status":{"conditions":[{"type":"Complete","status":"True"}]}"#, "");
    check("helm.toolkit.fluxcd.io/v2 HelmRelease", "", "reconcile -resume suspend");
    check("notification.toolkit.fluxcd.io/v1 Provider", r#""spec":{"suspend":true}"#, "resume -suspend");
    check("external-secrets.io/v1 ExternalSecret", r#""spec":{"refreshInterval":"0s"}"#, "-refresh");
    check("argoproj.io/v1alpha1 Application", "", "toggle-auto-sync");
    check("v1 ConfigMap", "", "");
}

fn run(customizations: &Customizations, object: &Object, name: &str, params: &[(&str, &str)]) -> String {
    let params: Vec<(String, String)> = params.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    match customizations.run_action(object, name, &params, NOW_S) {
        Ok(effects) => {
            let show = |e: &Effect| format!("{:?} {}", e.operation, e.object.value().to_json());
            effects.iter().map(show).collect::<Vec<_>>().join("\n")
        }
        Err(e) => format!("{:?}: {e}", e.kind()),
    }
}

#[test]
fn built_in_actions_give_what_is_to_be_written() {
    let none = Customizations::default();
    let deployment = of("apps/v1 Deployment", r#""spec":{"replicas":1,"paused":true}"#);
    for (name, params, expected) in [
        (
            "restart",
            &[][..],
            r#"Patch {"apiVersion":"apps/v1","kind":"Deployment","spec":{"paused":true,"replicas":1,"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-21T11:28:10Z"}}}}}"#,
        ),
        ("resume", &[], r#"Patch {"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":1}}"#),
        (
            "scale",
            &[("replicas", "3")],
            r#"Patch {"apiVersion":"apps/v1","kind":"Deployment","spec":{"paused":true,"replicas":3}}"#,
        ),
        ("scale", &[("replicas", "x")], "Script: invalid number: x"),
        ("scale", &[], "Script: the parameter replicas is required"),
        ("explode", &[], r#"NoAction: Deployment.apps has no action "explode""#),
    ] {
        assert_eq!(run(&none, &deployment, name, params), expected, "{name}");
    }
    let cron = of(
        "batch/v1 CronJob",
        r#""metadata":{"name":"tidy","namespace":"shop","uid":"u"},"spec":{"jobTemplate":{"metadata":{"labels":{"a":"b"}},"spec":{"template":{"spec":{"securityContext":{},"restartPolicy":"Never"}}}}}"#,
    );
    assert_eq!(
        run(&none, &cron, "create-job", &[]),
        r#"Create {"apiVersion":"batch/v1","kind":"Job","metadata":{"annotations":{"cronjob.kubernetes.io/instantiate":"manual"},"labels":{"a":"b"},"name":"tidy-2611211128","namespace":"shop","ownerReferences":[{"apiVersion":"batch/v1","blockOwnerDeletion":true,"controller":true,"kind":"CronJob","name":"tidy","uid":"u"}]},"spec":{"template":{"spec":{"restartPolicy":"Never"}}}}"#
    );
    let release = of("helm.toolkit.fluxcd.io/v2 HelmRelease", "");
    assert_eq!(
        run(&none, &release, "reconcile", &[]),
        r#"Patch {"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"By Argo CD at: 2026-11-21T11:28:10"}}}"#
    );
}

#[test]
fn actions_of_the_configuration() {
    let actions = r#"
mergeBuiltinActions: MERGE
discovery.lua: |
  return {grow = {iconClass = "fa", params = {{name = "by"}}}, restart = {disabled = true}, plain = {}}
definitions:
- name: grow
  action.lua: |
    obj.spec.replicas = obj.spec.replicas + tonumber(actionParams["by"])
    return obj
- name: copy
  action.lua: |
    return {{operation = "create", resource = {apiVersion = "v1", kind = "ConfigMap", metadata = {name = obj.metadata.name}}},
            {operation = "patch", resource = obj}}
- name: odd
  action.lua: return {{operation = "delete", resource = obj}}
- name: nothing
  action.lua: return nil
"#;
    let key = "apps/DaemonSet";
    let alone = config(&[(key, "", &actions.replace("MERGE", "false"))]);
    let merged = config(&[(key, "", &actions.replace("MERGE", "true"))]);
    let object =
        of("apps/v1 DaemonSet", r#""metadata":{"name":"d","labels":{}},"spec":{"replicas":1,"list":[{"e":{}}]}"#);
    assert_eq!(names(&alone, &object), "grow plain -restart");
    assert_eq!(names(&merged, &object), "grow plain -restart");
    assert_eq!(alone.actions(&object, NOW_S).unwrap()[0].params, ["by"]);
    let all = config(&[(key, "", "mergeBuiltinActions: true\ndiscovery.lua: return {x = {}}")]);
    assert_eq!(names(&all, &object), "restart x");
    assert_eq!(
        run(&alone, &object, "grow", &[("by", "2")]),
        r#"Patch {"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"labels":{},"name":"d"},"spec":{"list":[{"e":{}}],"replicas":3}}"#
    );
    assert_eq!(
        run(&alone, &object, "copy", &[]).lines().next().unwrap(),
        r#"Create {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}"#
    );
    assert_eq!(run(&alone, &object, "odd", &[]), r#"Script: unsupported operation: "delete""#);
    assert_eq!(run(&alone, &object, "nothing", &[]), "Script: expect table output from Lua script, not nil");
    assert!(run(&alone, &object, "restart", &[]).starts_with("Patch "));
}

#[test]
fn the_sum_of_an_application() {
    let health = |status: Status| Health::new(status, "");
    let sum = |items: &[(Option<Status>, bool, bool)]| {
        let mut sum = Sum::new();
        for (i, (status, is_live, is_application)) in items.iter().enumerate() {
            sum.add(status.map(health).as_ref(), *is_live, *is_application, &format!("o{i}"));
        }
        (sum.status(), sum.causes())
    };
    let said = |status: Status, causes: &str| (status, causes.to_owned());
    use Status::*;
    assert_eq!(sum(&[]), said(Healthy, ""));
    assert_eq!(sum(&[(None, true, false)]), said(Healthy, ""));
    assert_eq!(sum(&[(Some(Missing), false, false), (Some(Missing), false, false)]), said(Missing, ""));
    assert_eq!(sum(&[(Some(Missing), false, false), (Some(Healthy), true, false)]), said(Healthy, ""));
    assert_eq!(
        sum(&[(Some(Suspended), true, false), (Some(Degraded), true, false), (Some(Progressing), true, false)]),
        said(Degraded, "Caused by o1")
    );
    assert_eq!(sum(&[(Some(Unknown), true, true), (Some(Missing), true, true)]), said(Healthy, ""));
    assert_eq!(sum(&[(Some(Degraded), true, true)]), said(Degraded, "Caused by o0"));
    let five = [(Some(Progressing), true, false); 5];
    assert_eq!(sum(&five), said(Progressing, "Caused by o0, o1, o2 and 2 more"));
    let mut skipped = Sum::new();
    skipped.skip(true);
    skipped.add(Some(&Health::missing()), false, false, "x");
    assert_eq!(skipped.status(), Healthy);
}

#[test]
fn objects_of_any_shape_have_an_answer() {
    let odd =
        ["null", "1", "\"x\"", "[]", "[1]", "{}", "[null]", "{\"conditions\":1}", "{\"conditions\":[1,{\"type\":2}]}"];
    for head in [
        "apps/v1 Deployment",
        "apps/v1 StatefulSet",
        "apps/v1 DaemonSet",
        "v1 Pod",
        "batch/v1 Job",
        "batch/v1 CronJob",
        "autoscaling/v2 HorizontalPodAutoscaler",
        "argoproj.io/v1alpha1 Rollout",
        "gateway.networking.k8s.io/v1 HTTPRoute",
        "x.crossplane.io/v1 Thing",
        "postgresql.cnpg.io/v1 Cluster",
        "serving.knative.dev/v1 Service",
        "kafka.strimzi.io/v1 Kafka",
    ] {
        for body in odd {
            for field in ["spec", "status", "metadata"] {
                let object = of(head, &format!(r#""{field}":{body}"#));
                let none = Customizations::default();
                let _any = (none.health(&object, NOW_S), none.actions(&object, NOW_S));
                for name in ["restart", "scale", "terminate", "create-job", "promote-full", "skip-current-step"] {
                    let _any = none.run_action(&object, name, &[("replicas".into(), "1".into())], NOW_S);
                }
            }
        }
    }
}
