//! What repositories hold, for who makes an Application of one: and who may ask for it.

use belay_net::Secret;
use belay_oci::serve::{Access, Registry};
use belay_oci::{Artifact, Credentials, Keychain, Tag};
use belay_testkit::git_server::ServedRepo;
use bytes::Bytes;

use super::world::World;
use crate::flux::charts::{Files, index};
use crate::flux::shelf::{chart, client, push_chart};

const ACCOUNTS: &str = "accounts.reader: apiKey, accounts.maker: apiKey, accounts.none: apiKey";
/// A reader sees repositories and Applications; a maker may also make Applications of the project `blue`.
const POLICY: &str = "\
p, reader, repositories, get, *, allow
p, reader, applications, get, */*, allow
g, maker, role:maker
p, role:maker, repositories, get, *, allow
p, role:maker, repositories, create, *, allow
p, role:maker, applications, *, blue/*, allow
";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A control plane whose sources are known, with the projects `blue` and `narrow`; the folder is kept for it.
async fn world() -> (World, tempfile::TempDir) {
    let mut world = World::with(ACCOUNTS, POLICY).await;
    let storage = tempfile::tempdir().unwrap();
    world.render(storage.path()).await;
    world.project("blue", "");
    world.apply(
        "{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: narrow, namespace: argocd}, \
         spec: {sourceRepos: ['https://elsewhere.example/*'], destinations: [{server: '*', namespace: '*'}]}}",
    );
    world.seen(&world.admin(), "/api/v1/projects/narrow", |answer| answer.status == 200).await;
    world.seen(&world.admin(), "/api/v1/projects/blue", |answer| answer.status == 200).await;
    (world, storage)
}

const CHART: &[(&str, Option<&str>)] = &[
    ("chart/Chart.yaml", Some("apiVersion: v2\nname: web\nversion: 1.0.0\n")),
    ("chart/values.yaml", Some("port: 8080\nbig: 1000000\nname: web\nempty: {}\nlist: [a, {b: true}]\nnone: null\n")),
    ("chart/values-prod.yaml", Some("name: prod\nextra: {deep: x}\n")),
    ("chart/ci/other-Values.YML", Some("a: b\n")),
    ("chart/ci/values.yml", Some("a: b\n")),
    ("kust/kustomization.yaml", Some("resources: [a.yaml]\nimages: [{name: nginx, newTag: '2'}]\n")),
    (
        "kust/a.yaml",
        Some(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1'}], initContainers: [{name: i, image: busybox}]}\n",
        ),
    ),
    ("plain/a.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")),
];

#[tokio::test(flavor = "multi_thread")]
async fn branches_tags_and_folders_of_a_repository_are_told() {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = git.repo().commit("main", "first", CHART).unwrap();
    git.repo().commit("release/1", "second", &[("plain/a.yaml", None)]).unwrap();
    git.repo().tag("v1.0.0", &commit).unwrap();
    git.repo().annotated_tag("v1.1.0", &commit, "of note").unwrap();
    let (world, _storage) = world().await;
    let (reader, maker) = (world.account("reader").await, world.account("maker").await);
    let at = format!("/api/v1/repositories/{}", encoded(&git.url()));
    let refs = reader.get(&format!("{at}/refs")).await;
    assert_eq!(refs.text, r#"{"branches":["main","release/1"],"tags":["v1.0.0","v1.1.0"]}"#);
    assert_eq!(world.account("none").await.get(&format!("{at}/refs")).await.status, 403);
    let apps = format!("{at}/apps?revision=main&appName=new&appProject=blue");
    let told = maker.get(&apps).await;
    assert_eq!(
        told.text, r#"{"items":[{"path":"chart","type":"Helm"},{"path":"kust","type":"Kustomize"}]}"#,
        "a folder of plain manifests is none that is found"
    );
    // Looking into files is for who may make, or change, the Application; in a project that permits the repository.
    assert_eq!(reader.get(&apps).await.told(), "403 7 permission denied");
    assert_eq!(maker.get(&apps.replace("appProject=blue", "appProject=default")).await.status, 403);
    assert_eq!(maker.get(&apps.replace("appProject=blue", "appProject=none")).await.status, 403);
    let narrow = world.admin().get(&apps.replace("appProject=blue", "appProject=narrow")).await.told();
    assert_eq!(narrow, format!("403 7 repository '{}' not permitted in project 'narrow'", git.url()));
    // A folder of the server's own is no repository.
    let folder = git.repo().path().to_str().unwrap().to_owned();
    for path in ["refs", "apps?appProject=default&appName=x", "helmcharts"] {
        let told =
            world.admin().get(&format!("/api/v1/repositories/{}/{path}", encoded(&format!("file://{folder}")))).await;
        assert_eq!(told.status, 400, "{path}: {}", told.text);
        assert!(!told.text.contains("release"), "{}", told.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_is_is_told_to_who_may_make_an_application_of_it() {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    git.repo().commit("main", "first", CHART).unwrap();
    let (world, _storage) = world().await;
    let (reader, maker) = (world.account("reader").await, world.account("maker").await);
    let path = format!("/api/v1/repositories/{}/appdetails", encoded(&git.url()));
    let body = |app: &str, project: &str, source: &str| {
        format!(
            "{{\"appName\":\"{app}\",\"appProject\":\"{project}\",\"source\":{{\"targetRevision\":\"main\",{source}}}}}"
        )
    };
    let chart =
        maker.post(&path, &body("new", "blue", r#""path":"chart","helm":{"valueFiles":["values-prod.yaml"]}"#)).await;
    assert_eq!(chart.status, 200, "{}", chart.text);
    let chart = chart.value();
    assert_eq!(chart.str_at(&["type"]), Some("Helm"));
    let helm = chart.get("helm").unwrap();
    assert_eq!(helm.get("valueFiles").unwrap().to_json(), r#"["ci/values.yml","values-prod.yaml","values.yaml"]"#);
    assert!(helm.str_at(&["values"]).unwrap().starts_with("port: 8080\n"));
    let parameters: Vec<String> = helm
        .get("parameters")
        .unwrap()
        .items()
        .iter()
        .map(|p| format!("{}={}", p.str_at(&["name"]).unwrap(), p.str_at(&["value"]).unwrap_or_default()))
        .collect();
    assert_eq!(
        parameters,
        ["big=1e+06", "extra.deep=x", "list[0]=a", "list[1].b=true", "name=prod", "none=<nil>", "port=8080"]
    );
    let kustomize = maker.post(&path, &body("new", "blue", r#""path":"kust""#)).await;
    assert_eq!(kustomize.text, r#"{"kustomize":{"images":["busybox","nginx:2"]},"type":"Kustomize"}"#);
    let plain = maker.post(&path, &body("new", "blue", r#""path":"plain""#)).await;
    assert_eq!(plain.text, r#"{"directory":{},"type":"Directory"}"#);
    for outside in ["../x", "/etc", "none"] {
        let told = maker.post(&path, &body("new", "blue", &format!("\"path\":\"{outside}\""))).await;
        assert_eq!(told.status, 400, "{outside}: {}", told.text);
    }
    // Who may see an Application may see what its own sources are, not what others would be.
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd}}, spec: {{project: blue, \
         source: {{repoURL: '{}', path: plain, targetRevision: main}}, destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}, \
         status: {{history: [{{id: 3, revision: abc, deployedAt: '2026-01-01T00:00:00Z', source: {{repoURL: '{}', path: old, targetRevision: main}}}}]}}}}",
        git.url(), git.url()
    ));
    world.seen(&reader, "/api/v1/applications/one", |answer| answer.status == 200).await;
    assert_eq!(reader.post(&path, &body("one", "blue", r#""path":"plain""#)).await.status, 200);
    assert_eq!(reader.post(&path, &body("one", "blue", r#""path":"chart""#)).await.told(), "403 7 permission denied");
    let had = body("one", "blue", r#""path":"old""#);
    assert_eq!(reader.post(&path, &had).await.status, 403, "the history is of a commit");
    assert_ne!(reader.post(&path, &had.replace("\"main\"", "\"abc\"")).await.status, 403);
    assert_eq!(reader.post(&path, &body("new", "blue", r#""path":"plain""#)).await.status, 403);
    assert_eq!(maker.post(&path, &body("one", "default", r#""path":"plain""#)).await.status, 403);
    assert_eq!(
        world.admin().post(&path, &body("one", "default", r#""path":"plain""#)).await.status,
        403,
        "another project"
    );
    assert_eq!(world.admin().post(&path, &body("new", "narrow", r#""path":"plain""#)).await.status, 403);
    assert_eq!(maker.post(&path, "{}").await.told(), "400 3 missing payload in request");
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_and_what_they_say_of_themselves_are_told() {
    let files = Files::start("Basic bWU6Z29vZA==").await;
    files.put("/index.yaml", index(&[("db", "0.1.0", ""), ("web", "1.0.0", ""), ("web", "1.1.0", "")]));
    let about = "apiVersion: v2\nname: web\nversion: 1.1.0\ndescription: A shop\nhome: https://shop.example\n\
                 maintainers: [{name: Ann, email: ann@shop.example}, {name: Bob}]\n";
    files.put("/charts/web-1.1.0.tgz", chart("web", "1.1.0", &[("Chart.yaml", about)]));
    let (world, _storage) = world().await;
    let (admin, reader) = (world.admin(), world.account("reader").await);
    world.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: repo, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: repository}}}}, \
         stringData: {{type: helm, url: '{}', username: me, password: good}}}}",
        files.url
    ));
    let at = format!("/api/v1/repositories/{}", encoded(&files.url));
    let known = world.seen(&admin, &at, |answer| answer.status == 200).await;
    assert_eq!(known.str_at(&["connectionState", "status"]), "Successful", "{}", known.text);
    let charts = reader.get(&format!("{at}/helmcharts")).await;
    assert_eq!(
        charts.text,
        r#"{"items":[{"name":"db","versions":["0.1.0"]},{"name":"web","versions":["1.0.0","1.1.0"]}]}"#
    );
    assert_eq!(world.account("none").await.get(&format!("{at}/helmcharts")).await.status, 403);
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd}}, spec: {{project: blue, \
         source: {{repoURL: '{}', chart: web, targetRevision: 1.x}}, destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}}}",
        files.url
    ));
    world.seen(&reader, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let path = "/api/v1/applications/one/revisions/1.1.0/chartdetails";
    let told = reader.get(path).await;
    assert_eq!(
        told.text,
        r#"{"description":"A shop","home":"https://shop.example","maintainers":["Ann <ann@shop.example>","Bob"]}"#
    );
    assert_eq!(world.account("none").await.get(path).await.told(), "403 7 permission denied");
    let missing = reader.get(&path.replace("1.1.0", "9.9.9")).await;
    assert!(missing.status == 400 && missing.text.contains("9.9.9"), "{}", missing.text);
    assert_eq!(reader.get(&path.replace("chartdetails", "ocimetadata")).await.status, 400, "it is no artifact");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_annotations_of_artifacts_are_told() {
    let registry = Registry::start(Access::Bearer("me".into(), "good".into()), 2).await.expect("it serves");
    let me = Credentials::Basic("me".into(), Secret::new("good".into()));
    let to = client(&registry, "org/app", Keychain::single(&registry.host(), me));
    let first = push_chart(&to, "1.0.0", chart("app", "1.0.0", &[])).await;
    for tag in ["1.1.0", "latest"] {
        push_chart(&to, tag, chart("app", "1.1.0", &[])).await;
    }
    let mut artifact = Artifact::of_chart(Bytes::from(chart("app", "2.0.0", &[])), Bytes::from_static(b"{}"));
    let about = [
        ("title", "app"),
        ("description", "All of it"),
        ("authors", "Ann"),
        ("version", "2"),
        ("created", "2026-01-01T00:00:00Z"),
    ];
    artifact.annotations =
        about.into_iter().map(|(name, text)| (format!("org.opencontainers.image.{name}"), text.to_owned())).collect();
    let digest = artifact.push(&to, &Tag::parse("2.0.0").unwrap()).await.unwrap();
    let (world, _storage) = world().await;
    let (admin, reader) = (world.admin(), world.account("reader").await);
    let url = registry.url("org/app");
    world.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: repo, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: repository}}}}, \
         stringData: {{type: oci, url: '{url}', username: me, password: good, insecureOCIForceHttp: 'true'}}}}"
    ));
    let at = format!("/api/v1/repositories/{}", encoded(&url));
    let known = world.seen(&admin, &at, |answer| answer.status == 200).await;
    assert_eq!(known.str_at(&["connectionState", "status"]), "Successful", "{}", known.text);
    let tags = reader.get(&format!("{at}/oci-tags")).await;
    assert_eq!(tags.text, r#"{"tags":["1.0.0","1.1.0","2.0.0","latest"]}"#);
    assert_eq!(world.account("none").await.get(&format!("{at}/oci-tags")).await.status, 403);
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd}}, spec: {{project: blue, \
         source: {{repoURL: '{url}', path: ., targetRevision: latest}}, destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}}}"
    ));
    world.seen(&reader, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let path = format!("/api/v1/applications/one/revisions/{}/ocimetadata", encoded(digest.as_str()));
    let told = reader.get(&path).await;
    assert_eq!(
        told.text,
        r#"{"authors":"Ann","createdAt":"2026-01-01T00:00:00Z","description":"All of it","version":"2"}"#
    );
    assert_eq!(world.account("none").await.get(&path).await.status, 403);
    let plain = reader.get(&path.replace(&encoded(digest.as_str()), &encoded(first.as_str()))).await;
    assert_eq!(plain.text, "{}", "an artifact may say nothing of itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_tried_before_they_are_written_down() {
    let files = Files::start("Basic bWU6Z29vZA==").await;
    files.put("/index.yaml", index(&[("web", "1.0.0", "")]));
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    git.repo().commit("main", "first", CHART).unwrap();
    let (world, _storage) = world().await;
    let (admin, reader, maker) = (world.admin(), world.account("reader").await, world.account("maker").await);
    let secrets = || world.user.list("", "secrets", "argocd").len();
    let before = secrets();
    let at = |url: &str| format!("/api/v1/repositories/{}/validate", encoded(url));
    assert_eq!(maker.post(&at(&git.url()), "\"\"").await.text, "{}");
    assert_eq!(reader.post(&at(&git.url()), "\"\"").await.status, 403);
    let helm = at(&files.url);
    let good = format!("{helm}?type=helm&username=me&password=good");
    assert_eq!(maker.post(&good, "\"\"").await.text, "{}");
    for (query, body) in [
        ("?type=helm&username=me&password=canary-bad", "\"\""),
        ("", r#"{"type":"helm","username":"me","password":"canary-bad"}"#),
    ] {
        let refused = maker.post(&format!("{helm}{query}"), body).await;
        assert!(refused.status == 400 && refused.text.contains("401"), "{}", refused.text);
        assert!(!refused.text.contains("canary"), "{}", refused.text);
    }
    assert_eq!(maker.post(&helm, r#"{"type":"helm","username":"me","password":"good"}"#).await.text, "{}");
    assert_eq!(maker.post(&format!("{helm}?insecure=perhaps"), "\"\"").await.status, 400);
    // To write is another right.
    let write = helm.replace("/repositories/", "/write-repositories/");
    assert_eq!(maker.post(&write, "\"\"").await.status, 403);
    assert_eq!(admin.post(&format!("{write}?type=helm&username=me&password=good"), "\"\"").await.text, "{}");
    assert_eq!(secrets(), before, "nothing was written");
    // What a template gives is tried where the query gives none; never for those that are written to.
    let creds = format!("{{\"url\":\"{}\",\"username\":\"me\",\"password\":\"good\"}}", files.url);
    assert_eq!(admin.post("/api/v1/repocreds", &creds).await.status, 200);
    assert_eq!(maker.post(&format!("{helm}?type=helm"), "\"\"").await.text, "{}");
    assert_eq!(admin.post(&format!("{write}?type=helm"), "\"\"").await.status, 400);
    // A repository that does not let us in is not written down; one of a project is not tried.
    let repository = |password: &str, project: &str| {
        format!(
            "{{\"repo\":\"{}\",\"type\":\"helm\",\"username\":\"me\",\"password\":\"{password}\",\"project\":\"{project}\"}}",
            files.url
        )
    };
    assert_eq!(maker.post("/api/v1/repositories", &repository("bad", "")).await.status, 400);
    assert_eq!(maker.post("/api/v1/repositories", &repository("good", "")).await.status, 200);
    assert_eq!(maker.post("/api/v1/repositories", &repository("bad", "blue")).await.status, 200);
    let at = format!("/api/v1/repositories/{}", encoded(&files.url));
    let own = admin.get(&format!("{at}?appProject=blue")).await;
    assert_eq!(own.str_at(&["connectionState", "status"]), "Failed", "{}", own.text);
    // What was found is remembered for a while, unless somebody wants to know.
    assert_eq!(admin.get(&at).await.str_at(&["connectionState", "status"]), "Successful");
    files.put("/index.yaml", "");
    assert_eq!(admin.get(&at).await.str_at(&["connectionState", "status"]), "Successful");
    assert_eq!(admin.get(&format!("{at}?forceRefresh=true")).await.str_at(&["connectionState", "status"]), "Failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_of_a_repository_that_the_project_does_not_permit_are_not_shown() {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = git.repo().commit("main", "first", CHART).unwrap();
    git.repo().tag("v1", &commit).unwrap();
    let (world, _storage) = world().await;
    let reader = world.account("reader").await;
    let app = |name: &str, project: &str, namespace: &str| {
        format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd}}, spec: {{project: {project}, \
             source: {{repoURL: '{}', path: plain, targetRevision: main}}, destination: {{server: 'https://kubernetes.default.svc', namespace: {namespace}}}}}}}",
            git.url()
        )
    };
    world.apply(
        "{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: near, namespace: argocd}, \
         spec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: 'shop'}]}}",
    );
    // Written past this API, as anybody may who can write Applications with kubectl.
    for (name, project, namespace) in [("good", "blue", "shop"), ("bad", "narrow", "shop"), ("far", "near", "other")] {
        world.apply(&app(name, project, namespace));
        world.seen(&reader, &format!("/api/v1/applications/{name}"), |answer| answer.status == 200).await;
    }
    assert_eq!(reader.get("/api/v1/applications/good/manifests").await.status, 200);
    let told = reader.get("/api/v1/applications/bad/manifests").await.told();
    assert_eq!(told, format!("403 7 application repo {} is not permitted in project 'narrow'", git.url()));
    let far = reader.get("/api/v1/applications/far/manifests").await;
    assert!(far.status == 403 && far.text.contains("do not match any of the allowed destinations"), "{}", far.text);
    // A commit, with the tags that it has; a revision that is none is not looked for.
    let metadata = reader.get(&format!("/api/v1/applications/good/revisions/{commit}/metadata")).await;
    assert_eq!(metadata.value().get("tags").unwrap().to_json(), r#"["v1"]"#, "{}", metadata.text);
    assert_eq!(reader.get(&format!("/api/v1/applications/bad/revisions/{commit}/metadata")).await.status, 403);
    let told = reader.get("/api/v1/applications/good/revisions/main/metadata").await.told();
    assert_eq!(told, "400 3 revision main must be resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_made_of_what_can_be_rendered() {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    git.repo().commit("main", "first", CHART).unwrap();
    let (world, _storage) = world().await;
    let maker = world.account("maker").await;
    let application = |name: &str, url: &str, path: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"project":"blue","source":{{"repoURL":"{url}","path":"{path}"}},"destination":{{"server":"https://kubernetes.default.svc","namespace":"x"}}}}}}"#
        )
    };
    let create = "/api/v1/applications";
    let lost = application("lost", &git.url(), "nowhere");
    let refused = maker.post(create, &lost).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let words = "application spec for lost is invalid: InvalidSpecError: Unable to generate manifests in nowhere: ";
    assert!(refused.told().contains(words), "{}", refused.told());
    assert!(world.get("argoproj.io", "applications", "argocd", "lost").is_none());
    let dead = maker.post(create, &application("dead", "http://127.0.0.1:9/none.git", "plain")).await;
    assert_eq!(dead.status, 400, "{}", dead.text);
    assert_eq!(maker.post(&format!("{create}?validate=false"), &lost).await.status, 200);
    assert_eq!(maker.post(create, &application("good", &git.url(), "plain")).await.status, 200);
    // What it says already is changed to what can be rendered alone.
    let put = format!("{create}/good");
    assert_eq!(maker.put(&put, &application("good", &git.url(), "nowhere")).await.status, 400);
    assert_eq!(maker.put(&put, &application("good", &git.url(), "kust")).await.status, 200);
    assert_eq!(world.app("good").value().str_at(&["spec", "source", "path"]), Some("kust"));
}
