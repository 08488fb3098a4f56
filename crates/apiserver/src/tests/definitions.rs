//! Custom resource definitions: served while they stand, their instances gone with them.

use super::*;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/test.dev/v1/namespaces/shop/widgets";

fn definition(plural: &str, kind: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{plural}.test.dev"}},"spec":{{"group":"test.dev","scope":"Namespaced",
        "names":{{"plural":"{plural}","kind":"{kind}"}},
        "versions":[
            {{"name":"v1alpha1","served":true,"storage":false,"schema":{{"openAPIV3Schema":{{"type":"object",
                "properties":{{"spec":{{"type":"object","properties":{{"size":{{"type":"integer"}}}}}}}}}}}}}},
            {{"name":"v1","served":true,"storage":true,"schema":{{"openAPIV3Schema":{{"type":"object",
                "properties":{{"spec":{{"type":"object","properties":{{"size":{{"type":"integer"}},
                    "replicas":{{"type":"integer","default":2}}}}}},
                    "status":{{"type":"object","properties":{{"replicas":{{"type":"integer"}}}}}}}}}}}},
              "subresources":{{"status":{{}},"scale":{{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas"}}}}}}
        ]}}}}"#
    )
}

const WIDGET: &str = r#"{"apiVersion":"test.dev/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":1}}"#;

#[tokio::test]
async fn inv_api_6_a_definition_is_served_at_once_and_in_all_its_versions() {
    let server = server();
    get(&server, WIDGETS).await.check(404, &[]);
    post(&server, DEFINITIONS, &definition("widgets", "Widget"))
        .await
        .check(201, &[("/spec/names/listKind", "WidgetList")]);
    post(&server, WIDGETS, WIDGET).await.check(201, &[("/spec/replicas", "2"), ("/metadata/generation", "1")]);
    let old = "/apis/test.dev/v1alpha1/namespaces/shop/widgets/w";
    get(&server, old).await.check(200, &[("/apiVersion", "test.dev/v1alpha1"), ("/spec", "{\"size\":1}")]);
    get(&server, "/apis/test.dev")
        .await
        .check(200, &[("/preferredVersion/version", "v1"), ("/versions/1/version", "v1alpha1")]);
    let bare = "/apis/test.dev/v1alpha1/namespaces/shop/widgets/w/status";
    get(&server, bare).await.check(404, &[]);
}

#[tokio::test]
async fn a_custom_resource_is_scaled_where_its_definition_says() {
    let server = server();
    post(&server, DEFINITIONS, &definition("widgets", "Widget")).await.check(201, &[]);
    post(&server, WIDGETS, WIDGET).await.check(201, &[]);
    let uri = format!("{WIDGETS}/w/scale");
    get(&server, &uri).await.check(200, &[("/kind", "Scale"), ("/spec/replicas", "2"), ("/status/replicas", "0")]);
    merge(&server, &uri, r#"{"spec":{"replicas":5}}"#).await.check(200, &[("/spec/replicas", "5")]);
    merge(&server, &uri, r#"{"spec":{"replicas":-1}}"#).await.check(422, &[]);
    get(&server, &format!("{WIDGETS}/w")).await.check(200, &[("/spec/replicas", "5"), ("/metadata/generation", "2")]);
}

#[tokio::test]
async fn instances_go_with_their_definition_and_finalizers_hold_both() {
    let server = server();
    post(&server, DEFINITIONS, &definition("widgets", "Widget")).await.check(201, &[]);
    post(&server, WIDGETS, WIDGET).await.check(201, &[]);
    let held = WIDGET.replace(r#""name":"w""#, r#""name":"held","finalizers":["x.io/hold"]"#);
    post(&server, WIDGETS, &held).await.check(201, &[]);
    let mut watch = Lines::open(&server, &format!("{WIDGETS}?watch=1")).await;
    let name = format!("{DEFINITIONS}/widgets.test.dev");
    delete(&server, &name, "").await.check(200, &[("/kind", "CustomResourceDefinition")]);
    get(&server, &name).await.check(200, &[("/metadata/finalizers/0", "customresourcecleanup.apiextensions.k8s.io")]);
    get(&server, &format!("{WIDGETS}/w")).await.check(404, &[]);
    let late = WIDGET.replace("\"w\"", "\"late\"");
    post(&server, WIDGETS, &late).await.check(405, &[]);
    merge(&server, &format!("{WIDGETS}/held"), r#"{"metadata":{"finalizers":null}}"#).await.check(200, &[]);
    get(&server, &name).await.check(404, &[]);
    assert_eq!(get(&server, WIDGETS).await.text, "404 page not found\n");
    let mut seen = Vec::new();
    while let Some(event) = watch.next().await {
        seen.push(event.str_at(&["type"]).unwrap().to_owned());
    }
    assert_eq!(seen.iter().filter(|t| *t == "DELETED").count(), 2, "{seen:?}");
}

#[tokio::test]
async fn of_two_definitions_of_one_kind_the_first_is_served_and_the_second_follows_it() {
    let server = server();
    post(&server, DEFINITIONS, &definition("widgets", "Widget")).await.check(201, &[]);
    post(&server, DEFINITIONS, &definition("others", "Widget")).await.check(201, &[]);
    let second = format!("{DEFINITIONS}/others.test.dev");
    get(&server, &second)
        .await
        .check(200, &[("/status/conditions/0/status", "False"), ("/status/conditions/0/reason", "ListKindConflict")]);
    get(&server, "/apis/test.dev/v1/others").await.check(404, &[]);
    delete(&server, &format!("{DEFINITIONS}/widgets.test.dev"), "").await.check(200, &[]);
    get(&server, &second).await.check(200, &[("/status/conditions/1/status", "True")]);
    get(&server, "/apis/test.dev/v1/others").await.check(200, &[("/kind", "WidgetList")]);
}

#[tokio::test]
async fn a_changed_definition_holds_for_the_next_request() {
    let server = server();
    post(&server, DEFINITIONS, &definition("widgets", "Widget")).await.check(201, &[]);
    let patch = r#"[{"op":"add","path":"/spec/versions/1/schema/openAPIV3Schema/properties/spec/properties/color","value":{"type":"string","default":"red"}}]"#;
    json_patch(&server, &format!("{DEFINITIONS}/widgets.test.dev"), patch)
        .await
        .check(200, &[("/metadata/generation", "2")]);
    post(&server, WIDGETS, WIDGET).await.check(201, &[("/spec/color", "red")]);
}
