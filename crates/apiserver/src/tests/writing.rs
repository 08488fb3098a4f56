//! Creating and changing: versions, names, ownership, shapes of answers.

use super::*;

#[tokio::test]
async fn inv_api_2_of_two_replaces_with_one_version_one_wins() {
    let server = server();
    let created = post(&server, CONFIG_MAPS, &config_map("a", "1")).await;
    let body = |value: &str| {
        let mut body = created.body.clone();
        body.set(&["data", "k"], value);
        body.to_json()
    };
    let uri = format!("{CONFIG_MAPS}/a");
    put(&server, &uri, &body("2")).await.check(200, &[("/data/k", "2")]);
    put(&server, &uri, &body("3")).await.check(409, &[("/reason", "Conflict")]);
    get(&server, &uri).await.check(200, &[("/data/k", "2")]);
}

#[tokio::test]
async fn inv_api_2_no_increment_of_many_is_lost() {
    let server = server();
    post(&server, CONFIG_MAPS, &config_map("n", "0")).await.check(201, &[]);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let handle = server.handle("counter");
            tokio::task::spawn_blocking(move || {
                for _ in 0..25 {
                    let what = belay_object::Object::of("v1", "ConfigMap", "shop", "n");
                    let change = &mut |o: &mut belay_object::Object| {
                        let n: u64 = o.str_at(&["data", "k"]).unwrap().parse().unwrap();
                        o.set(&["data", "k"], (n + 1).to_string());
                        true
                    };
                    handle.modify(&what, "", change).unwrap().unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    get(&server, &format!("{CONFIG_MAPS}/n")).await.check(200, &[("/data/k", "200")]);
}

#[tokio::test]
async fn generated_names_are_distinct() {
    let server = server();
    let body = r#"{"metadata":{"generateName":"job-"}}"#;
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let name = post(&server, CONFIG_MAPS, body).await.at("/metadata/name");
        assert!(name.starts_with("job-") && name.len() == 9, "{name}");
        names.insert(name);
    }
    assert_eq!(names.len(), 20);
}

#[tokio::test]
async fn a_client_cannot_choose_what_the_server_decides() {
    let server = server();
    let body = r#"{"metadata":{"name":"a","uid":"mine","generation":7,"creationTimestamp":"2001-01-01T00:00:00Z",
        "deletionTimestamp":"2001-01-01T00:00:00Z","selfLink":"/x"}}"#;
    let created = post(&server, CONFIG_MAPS, body).await;
    created.check(
        201,
        &[
            ("/metadata/deletionTimestamp", "absent"),
            ("/metadata/selfLink", "absent"),
            ("/metadata/generation", "absent"),
        ],
    );
    assert_ne!(created.at("/metadata/uid"), "mine");
    assert_ne!(created.at("/metadata/creationTimestamp"), "2001-01-01T00:00:00Z");
    let versioned = r#"{"metadata":{"name":"b","resourceVersion":"5"}}"#;
    post(&server, CONFIG_MAPS, versioned).await.check(500, &[]);
}

#[tokio::test]
async fn managed_fields_are_edited_and_cleared_by_patches() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}/a");
    apply(&server, &uri, &config_map("a", "1")).await.check(201, &[("/metadata/managedFields/0/manager", "test")]);
    let rename = r#"[{"op":"replace","path":"/metadata/managedFields/0/manager","value":"other"}]"#;
    json_patch(&server, &uri, rename).await.check(200, &[("/metadata/managedFields/0/manager", "other")]);
    let clear = r#"[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]"#;
    json_patch(&server, &uri, clear).await.check(200, &[("/metadata/managedFields", "absent")]);
}

#[tokio::test]
async fn an_apply_that_changes_nothing_stores_nothing() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}/a");
    let first = apply(&server, &uri, &config_map("a", "1")).await;
    let before = get(&server, CONFIG_MAPS).await.at("/metadata/resourceVersion");
    let again = apply(&server, &uri, &config_map("a", "1")).await;
    assert_eq!(again.at("/metadata/resourceVersion"), first.at("/metadata/resourceVersion"));
    assert_eq!(get(&server, CONFIG_MAPS).await.at("/metadata/resourceVersion"), before);
}

#[tokio::test]
async fn a_dry_run_fails_as_the_real_run_would() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}?dryRun=All");
    post(&server, &uri, &config_map("a", "1")).await.check(201, &[("/metadata/resourceVersion", "absent")]);
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    post(&server, &uri, &config_map("a", "1")).await.check(409, &[("/reason", "AlreadyExists")]);
    let named = format!("{CONFIG_MAPS}/a?dryRun=All");
    merge(&server, &named, r#"{"data":{"k":"2"}}"#).await.check(200, &[("/data/k", "2")]);
    get(&server, &format!("{CONFIG_MAPS}/a")).await.check(200, &[("/data/k", "1")]);
    post(&server, &format!("{CONFIG_MAPS}?dryRun=Some"), &config_map("b", "1")).await.check(422, &[]);
}

#[tokio::test]
async fn pages_of_a_list_add_up_to_the_list_of_the_first_page() {
    let server = server();
    for i in 0..7 {
        post(&server, CONFIG_MAPS, &config_map(&format!("c{i}"), "1")).await.check(201, &[]);
    }
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let page = get(&server, &format!("{CONFIG_MAPS}?limit=3&continue={token}")).await;
        names.extend(page.body["items"].items().iter().map(|i| i.str_at(&["metadata", "name"]).unwrap().to_owned()));
        if token.is_empty() {
            delete(&server, &format!("{CONFIG_MAPS}/c5"), "").await;
            post(&server, CONFIG_MAPS, &config_map("c9", "1")).await;
        }
        match page.body.str_at(&["metadata", "continue"]) {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
    get(&server, &format!("{CONFIG_MAPS}?limit=3&continue=nonsense")).await.check(400, &[]);
}

#[tokio::test]
async fn inv_api_2_a_page_whose_snapshot_is_gone_expires() {
    let server = server_with(short_history(3));
    for i in 0..3 {
        post(&server, CONFIG_MAPS, &config_map(&format!("c{i}"), "1")).await;
    }
    let token = get(&server, &format!("{CONFIG_MAPS}?limit=1")).await.at("/metadata/continue");
    for i in 3..9 {
        post(&server, CONFIG_MAPS, &config_map(&format!("c{i}"), "1")).await;
    }
    let rest = get(&server, &format!("{CONFIG_MAPS}?limit=1&continue={token}")).await;
    rest.check(410, &[("/reason", "Expired")]);
}

#[tokio::test]
async fn answers_come_as_yaml_and_gzipped_where_asked() {
    let server = server();
    post(&server, CONFIG_MAPS, &config_map("a", &"x".repeat(200_000))).await.check(201, &[]);
    let uri = format!("{CONFIG_MAPS}/a");
    let yaml = call(&server, "GET", &uri, &[("accept", "application/yaml")], "").await;
    assert!(yaml.text.starts_with("apiVersion: v1\ndata:\n"), "{}", &yaml.text[..40]);
    let zipped = call(&server, "GET", &uri, &[("accept-encoding", "gzip")], "").await;
    assert_eq!(zipped.headers.get("content-encoding").unwrap(), "gzip");
    assert!(zipped.text.len() < 10_000);
}

#[tokio::test]
async fn a_yaml_body_is_created_and_replaced() {
    let server = server();
    let body = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: yaml}\ndata: {k: v}\n";
    let yaml = [("content-type", "application/yaml")];
    call(&server, "POST", CONFIG_MAPS, &yaml, body).await.check(201, &[("/data/k", "v")]);
    let uri = format!("{CONFIG_MAPS}/yaml");
    call(&server, "PUT", &uri, &yaml, &body.replace("k: v", "k: w")).await.check(200, &[("/data/k", "w")]);
}
