//! Checks of the built-in kinds: normal form, defaults, faults, quantities, schedules, hashes.

use belay_object::{Object, Value, from_json_str};

use super::faults::Faults;
use super::schedule::Schedule;
use super::template_hash::template_hash;
use super::validate::{config, network, pod, rbac, service, storage, workload};
use super::{defaults, go_types::GoTypes, normal_form};
use belay_schema::quantity::Quantity;

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).expect("test JSON")).expect("an object")
}

/// Decodes and defaults as a write does.
fn complete(json: &str) -> Object {
    let mut object = object(json);
    let id = GoTypes::get().kind(object.api_version(), object.kind()).expect("a built-in kind");
    normal_form::normalise(object.value_mut(), id).expect("well-typed");
    defaults::apply(object.value_mut(), id);
    object
}

fn check_completed(json: &str, pointer: &str, expected: &str) {
    let object = complete(json);
    let found = object.value().pointer(pointer).map(Value::to_json).unwrap_or_else(|| "<absent>".into());
    let expected = from_json_str(expected).map(|v| v.to_json()).unwrap_or_else(|_| expected.into());
    assert_eq!(found, expected, "{pointer} of {json}");
    let mut again = object.clone();
    let id = GoTypes::get().kind(object.api_version(), object.kind()).expect("a built-in kind");
    normal_form::normalise(again.value_mut(), id).expect("well-typed");
    defaults::apply(again.value_mut(), id);
    assert_eq!(again, object, "completing twice changes nothing more");
}

fn check_decoding(json: &str, expected: &str) {
    let mut object = object(json);
    let id = GoTypes::get().kind(object.api_version(), object.kind()).expect("a built-in kind");
    let found = match normal_form::normalise(object.value_mut(), id) {
        Ok(unknown) => unknown.join(", "),
        Err(message) => message,
    };
    assert_eq!(found, expected, "{json}");
}

fn check_faults(check: fn(&mut Faults, &Object), json: &str, expected: &[&str]) {
    let mut faults = Faults::default();
    check(&mut faults, &complete(json));
    let found: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{json}");
}

fn check_change(check: fn(&mut Faults, &Object, &Object), old: &str, new: &str, expected: &[&str]) {
    let mut faults = Faults::default();
    check(&mut faults, &complete(new), &complete(old));
    let found: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{new}");
}

#[test]
fn quantities_are_written_as_kubernetes_writes_them() {
    for (text, expected) in [
        ("1", "1"),
        ("0", "0"),
        ("0.5", "500m"),
        ("1500m", "1500m"),
        ("1000m", "1"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1024", "1024"),
        ("1000k", "1M"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("12e6", "12e6"),
        ("100Mi", "100Mi"),
        ("-1", "-1"),
        ("+2Gi", "2Gi"),
        (".5", "500m"),
        ("0.1Ki", "102400m"),
        ("1Ei", "1Ei"),
        ("0.0000000001", "1n"),
    ] {
        assert_eq!(belay_schema::quantity::canonical(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", "abc", "1.2.3", "1Qi", "1 Gi", "Gi", "1e"] {
        assert!(Quantity::parse(text).is_err() || text == "1e", "{text}");
    }
    assert!(Quantity::parse("1500m").unwrap() < Quantity::parse("2").unwrap());
    assert_eq!(Quantity::parse("1500m").unwrap().value(), 2);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_in_gos_words() {
    check_decoding(
        r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":"three"}}"#,
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check_decoding(
        r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"k":5}}"#,
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    );
    check_decoding(
        r#"{"apiVersion":"v1","kind":"Secret","data":{"l":"not base64!"}}"#,
        "illegal base64 data at input byte 3",
    );
    check_decoding(
        r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"bogus":1,"template":{"spec":{"containers":[{"x":1}]}}}}"#,
        "spec.bogus, spec.template.spec.containers[0].x",
    );
}

#[test]
fn an_event_shows_the_zero_values_that_go_always_writes() {
    let event = complete(r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{},"count":1}"#);
    let expected = r#"{"apiVersion":"v1","count":1,"eventTime":null,"firstTimestamp":null,"involvedObject":{},"kind":"Event","lastTimestamp":null,"metadata":{"name":"e"},"reportingComponent":"","reportingInstance":"","source":{}}"#;
    assert_eq!(event.value().to_json(), expected);
}

#[test]
fn empty_fields_are_left_out_and_null_becomes_absent() {
    check_completed(
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{},"creationTimestamp":null},"data":{}}"#,
        "",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#,
    );
    check_completed(r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[]}"#, "/rules", "null");
}

const CONTAINER: &str = r#"{"image":"x","imagePullPolicy":"Always","name":"c","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}"#;

#[test]
fn a_cron_job_template_gets_pod_defaults_but_no_job_defaults() {
    check_completed(
        r#"{"apiVersion":"batch/v1","kind":"CronJob","spec":{"schedule":"* * * * *","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"x"}]}}}}}}"#,
        "/spec/jobTemplate",
        &format!(
            r#"{{"metadata":{{}},"spec":{{"template":{{"metadata":{{}},"spec":{{"containers":[{CONTAINER}],"restartPolicy":"Never","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{{}},"schedulerName":"default-scheduler"}}}}}}}}"#
        ),
    );
}

#[test]
fn a_job_counts_one_completion_by_default() {
    check_completed(
        r#"{"apiVersion":"batch/v1","kind":"Job","spec":{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[]}}}}"#,
        "/spec/completions",
        "1",
    );
    check_completed(
        r#"{"apiVersion":"batch/v1","kind":"Job","spec":{"parallelism":3,"template":{}}}"#,
        "/spec/completions",
        "<absent>",
    );
}

#[test]
fn probes_volumes_and_claim_templates_are_completed_wherever_they_stand() {
    check_completed(
        r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"a:1","livenessProbe":{"httpGet":{"port":80}}}]}}"#,
        "/spec/containers/0/livenessProbe",
        r#"{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1}"#,
    );
    check_completed(
        r#"{"apiVersion":"v1","kind":"Pod","spec":{"volumes":[{"name":"v"},{"name":"h","hostPath":{"path":"/"}}]}}"#,
        "/spec/volumes",
        r#"[{"emptyDir":{},"name":"v"},{"hostPath":{"path":"/","type":""},"name":"h"}]"#,
    );
    check_completed(
        r#"{"apiVersion":"apps/v1","kind":"StatefulSet","spec":{"volumeClaimTemplates":[{"metadata":{"name":"d"},"spec":{"resources":{"requests":{"storage":"1024Mi"}}}}]}}"#,
        "/spec/volumeClaimTemplates/0",
        r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"d"},"spec":{"resources":{"requests":{"storage":"1Gi"}},"volumeMode":"Filesystem"},"status":{"phase":"Pending"}}"#,
    );
}

#[test]
fn only_images_meant_as_latest_are_always_pulled() {
    for (image, latest) in [
        ("nginx", true),
        ("nginx:latest", true),
        ("nginx:1", false),
        ("r.io:5000/nginx", true),
        ("r.io:5000/nginx:1", false),
        ("nginx@sha256:00", false),
        ("nginx:latest@sha256:00", true),
    ] {
        assert_eq!(defaults::has_latest_tag(image), latest, "{image}");
    }
}

#[test]
fn an_autoscaler_aims_at_cpu_unless_told_otherwise() {
    check_completed(
        r#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"D","name":"a"}}}"#,
        "/spec",
        r#"{"maxReplicas":3,"metrics":[{"resource":{"name":"cpu","target":{"averageUtilization":80,"type":"Utilization"}},"type":"Resource"}],"minReplicas":1,"scaleTargetRef":{"kind":"D","name":"a"}}"#,
    );
}

#[test]
fn pod_template_hashes_are_those_of_kube_controller_manager() {
    // The first is recorded; the others were printed by a Go program over the same templates.
    for (template, hash) in [
        (
            r#"{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"nginx:1","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}}"#,
            "5b885996ff",
        ),
        (
            r#"{"metadata":{"labels":{"app":"a","b":"c\"d"},"annotations":{"x":"é\n"}},"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"s","secret":{"secretName":"q","defaultMode":420,"items":[{"key":"k","path":"p"}]}}],"hostNetwork":true,"containers":[{"name":"c","image":"nginx:1","env":[{"name":"A","value":"1"},{"name":"B","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"m"}}}],"ports":[{"containerPort":80,"protocol":"TCP"}],"command":["a","b"],"livenessProbe":{"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"timeoutSeconds":1},"readinessProbe":{"tcpSocket":{"port":"http"}},"resources":{"limits":{"cpu":"500m","memory":"128Mi"},"requests":{"cpu":"1","memory":"1536Mi"}},"securityContext":{"runAsUser":5,"privileged":false}}],"nodeSelector":{"a":"b","c":"d"},"tolerations":[{"key":"x","operator":"Exists","tolerationSeconds":5}]}}"#,
            "6c6cfd646f",
        ),
    ] {
        assert_eq!(template_hash(&from_json_str(template).unwrap(), None), hash);
    }
}

#[test]
fn a_deployment_without_anything_lacks_three_things() {
    check_faults(
        workload::deployment,
        r#"{"apiVersion":"apps/v1","kind":"Deployment","spec":{}}"#,
        &[
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value",
        ],
    );
}

const TEMPLATE: &str = r#"{"metadata":{"labels":{"a":"c"}},"spec":{"containers":[{"name":"c","image":"x"}]}}"#;

#[test]
fn a_selector_must_match_the_template_and_stay() {
    let deployment = |selector: &str| {
        format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","spec":{{"selector":{selector},"template":{TEMPLATE}}}}}"#
        )
    };
    check_faults(
        workload::deployment,
        &deployment(r#"{"matchLabels":{"a":"b"}}"#),
        &[r#"spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`"#],
    );
    check_faults(
        workload::deployment,
        &deployment("{}"),
        &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    );
    check_change(
        workload::same_selector,
        &deployment(r#"{"matchLabels":{"a":"c"}}"#),
        &deployment(r#"{"matchLabels":{"app":"other"}}"#),
        &[r#"spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable"#],
    );
}

#[test]
fn a_pods_containers_volumes_and_ports_are_checked() {
    check_faults(
        pod::create,
        r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[
            {"name":"Bad_","image":"x","ports":[{"containerPort":0},{"containerPort":99999}],
             "volumeMounts":[{"name":"gone","mountPath":"/a"}],"env":[{"value":"1"}],
             "resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}}],"restartPolicy":"Sometimes"}}"#,
        &[
            "spec.containers[0].name: Invalid value: \"Bad_\": a lowercase RFC 1123 label must consist of lower case \
             alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "spec.containers[0].ports[0].containerPort: Required value",
            "spec.containers[0].ports[1].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
            "spec.containers[0].env[0].name: Required value",
            "spec.containers[0].volumeMounts[0].name: Not found: \"gone\"",
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
        ],
    );
}

#[test]
fn a_service_needs_ports_in_range() {
    check_faults(
        service::service,
        r#"{"apiVersion":"v1","kind":"Service","spec":{"ports":[]}}"#,
        &["spec.ports: Required value"],
    );
    check_faults(
        service::service,
        r#"{"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":99999}]}}"#,
        &[
            "spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
        ],
    );
}

#[test]
fn secrets_and_config_maps_keep_what_they_promise() {
    check_faults(
        config::secret,
        r#"{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/tls"}"#,
        &["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    );
    check_change(
        config::secret_update,
        r#"{"apiVersion":"v1","kind":"Secret"}"#,
        r#"{"apiVersion":"v1","kind":"Secret","type":"other"}"#,
        &["type: Invalid value: \"other\": field is immutable"],
    );
    check_change(
        config::config_map_update,
        r#"{"apiVersion":"v1","kind":"ConfigMap","immutable":true,"data":{"k":"v"}}"#,
        r#"{"apiVersion":"v1","kind":"ConfigMap","immutable":true,"data":{"k":"w"}}"#,
        &["data: Forbidden: field is immutable when `immutable` is set"],
    );
}

#[test]
fn ingresses_claims_and_bindings_are_checked() {
    check_faults(
        network::ingress,
        r#"{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","spec":{"rules":[{"http":{"paths":[{"path":"a","pathType":"Prefix","backend":{"service":{"name":"s","port":{}}}}]}}]}}"#,
        &[
            "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path",
            "spec.rules[0].http.paths[0].backend: Required value: port name or number is required",
        ],
    );
    check_faults(
        storage::claim,
        r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","spec":{}}"#,
        &[
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    );
    check_change(
        rbac::binding_update,
        r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","roleRef":{"kind":"Role","name":"a"}}"#,
        r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","roleRef":{"kind":"Role","name":"b"}}"#,
        &[
            r#"roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: cannot change roleRef"#,
        ],
    );
}

#[test]
fn a_schedule_gives_the_next_time() {
    let next = |schedule: &str, now: &str| {
        Schedule::parse(schedule).unwrap().next(now.parse().unwrap()).map(|t| t.to_string()).unwrap_or_default()
    };
    assert_eq!(next("* * * * *", "2026-01-01T00:00:30"), "2026-01-01T00:01:00");
    assert_eq!(next("*/15 * * * *", "2026-01-01T00:46:00"), "2026-01-01T01:00:00");
    assert_eq!(next("30 4 1,15 * *", "2026-01-02T00:00:00"), "2026-01-15T04:30:00");
    assert_eq!(next("0 9 * * mon-fri", "2026-01-02T10:00:00"), "2026-01-05T09:00:00");
    assert_eq!(next("@hourly", "2026-01-01T00:00:00"), "2026-01-01T01:00:00");
    assert_eq!(next("0 0 30 2 *", "2026-01-01T00:00:00"), "");
    for broken in ["", "* * * *", "61 * * * *", "a * * * *", "5-1 * * * *", "*/0 * * * *"] {
        assert!(Schedule::parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_protobuf_body_reads_as_its_json() {
    // What kubectl auth can-i sends: k8s\0, Unknown { typeMeta, raw }, SelfSubjectAccessReview { spec }.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }
    let attributes = [field(1, b"shop"), field(2, b"create"), field(5, b"pods")].concat();
    let review = [field(1, b""), field(2, &field(1, &attributes))].concat();
    let meta = [field(1, b"authorization.k8s.io/v1"), field(2, b"SelfSubjectAccessReview")].concat();
    let body = [b"k8s\0".to_vec(), field(1, &meta), field(2, &review)].concat();
    let expected = r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","metadata":{},"spec":{"resourceAttributes":{"namespace":"shop","resource":"pods","verb":"create"}}}"#;
    assert_eq!(super::protobuf::decode(&body).unwrap().to_json(), expected);
    for broken in [&b"k8s\0\x0a\xff"[..], b"k8s", b"k8s\0"] {
        assert!(super::protobuf::decode(broken).is_err());
    }
}
