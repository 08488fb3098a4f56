use std::collections::BTreeMap;
use std::time::Duration;

use belay_access::project::Project;
use belay_object::{Object, Value};
use belay_source::Change;
use belay_tree::{MemoryTree, TreePath};

use super::*;
use crate::spec::{Application, HydratorStatus, Source, SourceHydrator, SourceType};

fn value(text: &str) -> Value {
    belay_yaml::parse_value(text, &belay_yaml::Options::v2()).expect("YAML")
}

fn hydrator(text: &str) -> SourceHydrator {
    SourceHydrator::read(&value(text)).expect("it reads")
}

const DEV: &str = "{drySource: {repoURL: 'https://git/x', targetRevision: main, path: app}, syncSource: {targetBranch: env/dev, path: dev}}";

fn tree(files: &[(&str, &str)]) -> MemoryTree {
    MemoryTree::from_files(files.iter().copied()).expect("files")
}

#[test]
fn what_is_due_is_decided_in_this_order() {
    let check = |status: &str, request: Option<Request>, since_s: Option<u64>, expected: Due| {
        let status = status.replace("SAME", DEV);
        let status = HydratorStatus::read_lossy(&value(&status));
        assert_eq!(due(&hydrator(DEV), &status, request, since_s.map(Duration::from_secs)), expected, "{status:?}");
    };
    let (normal, hard) = (Some(Request::Normal), Some(Request::Hard));
    check("{}", None, None, Due::Now("no previous hydrate operation"));
    check("{currentOperation: {phase: Hydrating, sourceHydrator: SAME}}", hard, None, Due::Running);
    let hydrated = "{currentOperation: {phase: Hydrated, sourceHydrator: SAME}, lastComparedDryRevision: abc}";
    check(hydrated, None, Some(1), Due::IfChanged);
    check(hydrated, normal, Some(1), Due::IfChanged);
    check(hydrated, hard, Some(1), Due::Now("hard hydrate requested"));
    let other = "{currentOperation: {phase: Hydrated, sourceHydrator: {drySource: {repoURL: a}, syncSource: {}}}}";
    check(other, None, Some(1), Due::Now("spec.sourceHydrator differs"));
    let failed =
        "{currentOperation: {phase: Failed, message: it broke, sourceHydrator: SAME}, lastComparedDryRevision: abc}";
    check(failed, normal, Some(1), Due::Now("retrying previous failed hydration"));
    check(failed, None, Some(121), Due::Now("previous hydrate operation failed more than 2 minutes ago"));
    check(failed, None, Some(120), Due::IfChanged);
    check(failed, None, None, Due::IfChanged);
    let unknown = "{currentOperation: {phase: Failed, message: it broke, sourceHydrator: SAME}}";
    check(unknown, None, Some(1), Due::Not("previous hydrate operation failed"));
    // What cannot be read counts as absent; an empty block of a tool is no change.
    check("{currentOperation: {phase: Lost}}", None, None, Due::Now("no previous hydrate operation"));
    let with_block = DEV.replace("path: app", "path: app, directory: {}");
    let status = HydratorStatus::read_lossy(&value(&hydrated.replace("SAME", &with_block)));
    assert_eq!(due(&hydrator(DEV), &status, None, None), Due::IfChanged);
}

#[test]
fn an_annotation_says_which_paths_matter() {
    let before = tree(&[("app/a", "1"), ("lib/b", "1"), ("other/c", "1")]);
    let check = |paths: Option<&str>, after: &[(&str, &str)], expected: bool| {
        let mut app = Application::default();
        if let Some(paths) = paths {
            app.annotations.insert(PATHS.to_owned(), paths.to_owned());
        }
        assert_eq!(may_differ(&app, "app", &before, &tree(after)), expected, "{paths:?} {after:?}");
    };
    let elsewhere = [("app/a", "1"), ("lib/b", "1"), ("other/c", "2")];
    check(None, &elsewhere, true);
    check(Some(".;/lib/b"), &elsewhere, false);
    check(Some("."), &[("app/a", "2"), ("lib/b", "1"), ("other/c", "1")], true);
    check(Some("../lib/b"), &[("app/a", "1"), ("lib/b", "2"), ("other/c", "1")], true);
    check(Some("/lib/b"), &[("app/a", "1"), ("other/c", "1")], true);
    check(Some("/oth*"), &elsewhere, true);
    check(Some("../../out"), &elsewhere, true);
}

fn project(text: &str) -> Project {
    let object = Object::new(value(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: team}}, spec: {{sourceRepos: [{text}]}}}}"
    )));
    Project::read(&object.expect("an object")).expect("a project")
}

#[test]
fn a_group_is_hydrated_whole_or_not_at_all() {
    let check = |permitted: &str, hydrators: &[&str], expected: &[&str]| {
        let project = project(permitted);
        let hydrators: Vec<SourceHydrator> = hydrators.iter().map(|text| hydrator(text)).collect();
        let member = |(i, hydrator)| Member {
            name: format!("argocd/app{i}"),
            hydrator,
            project_name: "team",
            project: if permitted.is_empty() { Err("it is gone".to_owned()) } else { Ok(&project) },
        };
        let members: Vec<Member<'_>> = hydrators.iter().enumerate().map(member).collect();
        let found = refusals(&members);
        let told: Vec<String> = found.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        assert_eq!(told, expected);
    };
    let prod = DEV.replace("path: dev", "path: prod");
    check("'*'", &[DEV, &prod], &[]);
    check("", &[DEV], &["argocd/app0: failed to get project \"team\": it is gone"]);
    let other = DEV.replace("path: dev", "path: dev, repoURL: 'https://git/y'");
    check(
        "'https://git/y'",
        &[DEV],
        &["argocd/app0: application repo https://git/x is not permitted in project 'team'"],
    );
    check(
        "'https://git/x'",
        &[&other],
        &["argocd/app0: destination repo https://git/y is not permitted in project 'team'"],
    );
    let root =
        "app is configured to hydrate to the repository root (branch \"env/dev\", path \"./\") which is not allowed";
    check("'*'", &[&DEV.replace("path: dev", "path: ./")], &[&format!("argocd/app0: {root}")]);
    let outside = DEV.replace("path: dev", "path: ../x");
    check(
        "'*'",
        &[&outside],
        &["argocd/app0: path \"../x\" cannot be hydrated to: path \"../x\" leads out of the source"],
    );
    let same = DEV.replace("path: dev", "path: ./dev/");
    check(
        "'*'",
        &[DEV, &prod, &same],
        &[
            "argocd/app0: app argocd/app2 hydrator uses the same destination: repo=https://git/x, path=./dev/",
            "argocd/app2: app argocd/app0 hydrator uses the same destination: repo=https://git/x, path=./dev/",
        ],
    );
    let told = |errors: &[&str]| {
        let errors: BTreeMap<String, String> = errors.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        generic(&errors)
    };
    assert_eq!(told(&["argocd/b"]), "cannot hydrate because application argocd/b has an error");
    assert_eq!(told(&["b", "a", "c"]), "cannot hydrate because application a and 2 more have errors");
}

#[test]
fn those_of_one_dry_revision_and_one_branch_are_a_group() {
    let key = |text: &str| GroupKey::of(&hydrator(text));
    assert_eq!(key(DEV), key(&DEV.replace("https://git/x", "https://git/x.git").replace("path: dev", "path: other")));
    assert_ne!(key(DEV), key(&DEV.replace("targetRevision: main", "targetRevision: next")));
    let next = DEV.replace("path: dev}", "path: dev}, hydrateTo: {targetBranch: env/dev-next}");
    assert_eq!((key(DEV).branch.as_str(), key(&next).branch.as_str()), ("env/dev", "env/dev-next"));
}

fn commit(message: &str) -> Metadata {
    Metadata::of(&DryCommit {
        repo_url: "https://git/x".to_owned(),
        sha: "abcdef0123456789abcdef0123456789abcdef01".to_owned(),
        author: "Robin <robin@example.org>".to_owned(),
        time_s: 1_735_689_600,
        message: message.to_owned(),
    })
}

const TRAILERS: &str = "raise the limit\n\nIt was low.\nArgocd-reference-commit-sha: nonsense\n\n\
Argocd-reference-commit-author: Kim <kim@example.org>\nArgocd-reference-commit-sha: 0123abc\n\
Argocd-reference-commit-sha: 4567def\nArgocd-reference-commit-subject: shop: new image\n\
Argocd-reference-commit-body: \"one\\ntwo\"\nArgocd-reference-commit-date: 2025-01-02T03:04:05.678+02:00\n\
Argocd-reference-commit-repourl: https://git/shop\nSigned-off-by: Robin <robin@example.org>\n";

#[test]
fn trailers_of_a_dry_commit_name_what_it_was_made_for() {
    let found = commit(TRAILERS);
    let [reference] = &found.references[..] else { panic!("one reference: {found:?}") };
    let expected = Reference {
        author: "\"Kim\" <kim@example.org>".to_owned(),
        date: "2025-01-02T03:04:05+02:00".to_owned(),
        subject: "shop: new image".to_owned(),
        body: "one\ntwo".to_owned(),
        sha: "4567def".to_owned(),
        repo_url: "https://git/shop".to_owned(),
    };
    assert_eq!(*reference, expected);
    assert_eq!((found.subject.as_str(), found.date.as_str()), ("raise the limit", "2025-01-01T00:00:00Z"));
    let body = "It was low.\nArgocd-reference-commit-sha: nonsense\n\nSigned-off-by: Robin <robin@example.org>\n";
    assert_eq!(found.body, body);
}

#[test]
fn what_is_no_trailer_refers_to_nothing() {
    let check = |message: &str, expected: &str| {
        let found = commit(message);
        let told: Vec<String> =
            found.references.iter().map(|r| format!("{}|{}|{}|{}", r.author, r.sha, r.date, r.repo_url)).collect();
        assert_eq!(told.join(" "), expected, "{message}");
    };
    check("Argocd-reference-commit-sha: 0123abc", "");
    check("a\n\nArgocd-reference-commit-sha: 0123abc\nand a sentence", "");
    check("a\n\nArgocd-reference-commit-sha: 0123abc\n\nthe end", "");
    check("a\n\nArgocd-reference-commit-sha: 0123abc", "|0123abc||");
    check("a\n\nArgocd-reference-commit-sha: 0123ABC", "");
    check("a\n\nArgocd-reference-commit-author: nobody", "");
    check("a\n\nArgocd-reference-commit-author: <kim@example.org>", "<kim@example.org>|||");
    check("a\n\nArgocd-reference-commit-author: Jörg <j@example.org>", "=?utf-8?q?J=C3=B6rg?= <j@example.org>|||");
    check("a\n\nArgocd-reference-commit-date: yesterday", "");
    check("a\n\nArgocd-reference-commit-date: 2025-01-02T03:04:05+00:00", "||2025-01-02T03:04:05Z|");
    check("a\n\nArgocd-reference-commit-repourl: git@host:x/y", "");
    check("a\n\nArgocd-reference-commit-unknown: x", "");
}

#[test]
fn the_message_tells_the_dry_commit_and_who_wrote_it() {
    let check = |template: &str, metadata: &Metadata, expected: &str| {
        let text = commit_message(template, metadata).unwrap_or_else(|why| format!("error: {why}"));
        assert_eq!(clean_message(&text), expected);
    };
    let plain = "abcdef0: first\n\nCo-authored-by: Robin <robin@example.org>\n";
    check(COMMIT_MESSAGE, &commit("first\n"), plain);
    let whole = "abcdef0: raise the limit\n\nIt was low.\nArgocd-reference-commit-sha: nonsense\n\n\
Signed-off-by: Robin <robin@example.org>\n\nCo-authored-by: \"Kim\" <kim@example.org>\n\
Co-authored-by: Robin <robin@example.org>\n";
    check(COMMIT_MESSAGE, &commit(TRAILERS), whole);
    let own = "{{ .metadata.drySha }} of {{ .metadata.repoURL }} ({{ .metadata.date }}): {{ upper .metadata.subject }}";
    check(own, &commit("a"), "abcdef0123456789abcdef0123456789abcdef01 of https://git/x (2025-01-01T00:00:00Z): A\n");
    check("{{ env \"HOME\" }}", &commit("a"), "error: template: commit-template:1: function \"env\" not defined\n");
}

#[test]
fn metadata_is_json_in_the_order_of_its_fields() {
    let expected = "{\n  \"repoURL\": \"https://git/x\",\n  \"drySha\": \"abcdef0123456789abcdef0123456789abcdef01\",\n  \
\"author\": \"Robin <robin@example.org>\",\n  \"date\": \"2025-01-01T00:00:00Z\",\n  \"subject\": \"a & b\",\n  \
\"body\": \"c\\n\\n\",\n  \"references\": [\n    {\n      \"commit\": {\n        \"sha\": \"0123abc\"\n      }\n    }\n  ]\n}\n";
    assert_eq!(commit("a & b\n\nc\n\nArgocd-reference-commit-sha: 0123abc\n").text(), expected);
    let of_folder = commit("a").of_folder(&["kustomize build ./app".to_owned()]);
    let expected = "{\n  \"repoURL\": \"https://git/x\",\n  \"drySha\": \"abcdef0123456789abcdef0123456789abcdef01\",\n  \
\"commands\": [\n    \"kustomize build ./app\"\n  ]\n}\n";
    assert_eq!(of_folder.text(), expected);
    assert_eq!(Metadata::default().text(), "{}\n");
}

fn told(changes: &BTreeMap<TreePath, Change>) -> String {
    let told = changes.iter().map(|(path, change)| match change {
        Change::Write(text) => format!("== {path}\n{}\n", String::from_utf8_lossy(text)),
        Change::Remove => format!("== {path} goes\n"),
    });
    told.collect()
}

#[test]
fn only_folders_whose_manifests_change_are_written() {
    let objects = [
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {z: 'yes', a: \"x\\ty\\n\"}}",
        "{apiVersion: v1, kind: List, metadata: {name: a}, items: [1]}",
    ];
    let objects: Vec<Object> = objects.iter().map(|text| Object::new(value(text)).expect("an object")).collect();
    let text = manifest(&objects);
    assert_eq!(
        text,
        "apiVersion: v1\ndata:\n  a: |\n    x\ty\n  z: \"yes\"\nkind: ConfigMap\nmetadata:\n  name: b\n---\n\
apiVersion: v1\nitems:\n  - 1\nkind: List\nmetadata:\n  name: a\n"
    );
    assert_eq!(manifest(&[]), "");
    let hydrated = |path: &str, manifest: &str| Hydrated {
        path: TreePath::new(path).expect("a path"),
        manifest: manifest.to_owned(),
        commands: vec!["helm template .".to_owned()],
    };
    let before = tree(&[("dev/manifest.yaml", "a: 1\n"), ("dev/kept", "x"), ("hydrator.metadata", "old")]);
    let all = |dev: &str, prod: &str| [hydrated("dev", dev), hydrated("prod", prod)];
    let found = changes(&all("a: 1\n", "a: 2\n"), &commit("first"), README, &before).expect("changes");
    let sha = "abcdef0123456789abcdef0123456789abcdef01";
    let expected = format!(
        "== .gitattributes\n**/README.md linguist-generated=true\n**/hydrator.metadata linguist-generated=true\n\
== hydrator.metadata\n{}\n\
== prod/README.md\n# Manifest Hydration\n\nTo hydrate the manifests in this repository, run the following commands:\n\n\
```shell\ngit clone https://git/x\n# cd into the cloned directory\ngit checkout {sha}\nhelm template .\n```\n\n\
== prod/hydrator.metadata\n{{\n  \"repoURL\": \"https://git/x\",\n  \"drySha\": \"{sha}\",\n  \"commands\": [\n    \
\"helm template .\"\n  ]\n}}\n\n== prod/manifest.yaml\na: 2\n\n",
        commit("first").text()
    );
    assert_eq!(told(&found), expected);
    let same = changes(&[hydrated("dev", "a: 1\n")], &commit("first"), README, &before).expect("changes");
    assert!(same.is_empty(), "where no manifest changes nothing is written: {same:?}");
    let own = changes(&[hydrated("new", "")], &commit("first"), "{{ .DrySHA | trunc 3 }}{{ .Nope }}", &before);
    assert!(told(&own.expect("changes")).contains("== new/README.md\nabc<no value>\n"), "an empty manifest is one");
    let wrong = changes(&[hydrated("new", "x")], &commit("first"), "{{ fail \"no\" }}", &before);
    assert!(wrong.is_err_and(|why| why.starts_with("failed to write readme: ")));
}

#[test]
fn behaviour_34_the_note_is_of_the_namespace_hydrator_metadata() {
    assert_eq!(NOTES, "hydrator.metadata");
    assert_eq!(note("abc"), b"{\"drySha\":\"abc\"}\n");
    assert_eq!(noted(&note("abc")).as_deref(), Some("abc"));
    for text in ["", "abc", "{}", "{\"drySha\":1}"] {
        assert_eq!(noted(text.as_bytes()), None);
    }
}

#[test]
fn people_are_told_how_to_render_the_same() {
    let check = |source: &str, kind: SourceType, expected: &[&str]| {
        let source = Source::read(&value(source)).expect("it reads");
        assert_eq!(commands(&source, kind, "shop", "web", "v1.33.2"), expected);
    };
    check("{repoURL: a, path: app}", SourceType::Directory, &[]);
    check("{repoURL: a, path: ./app/}", SourceType::Kustomize, &["kustomize build ./app"]);
    let options = "{repoURL: a, path: app, kustomize: {namePrefix: x-, images: ['a=b:1', c], replicas: [{name: w, count: 2}], \
                   commonLabels: {k: v w}, labelWithoutSelector: true, namespace: ns, patches: [{path: p}]}}";
    check(
        options,
        SourceType::Kustomize,
        &[
            "kustomize edit set nameprefix -- x-",
            "kustomize edit set image a=b:1 c",
            "kustomize edit set replicas w=2",
            "kustomize edit add label --without-selector \"k:v w\"",
            "kustomize edit set namespace -- ns",
            "# patches of the Application are added to kustomization.yaml by hand",
            "kustomize build ./app",
        ],
    );
    let plain = "helm template . --name-template shop --namespace web --kube-version 1.33.2 --include-crds";
    check("{repoURL: a, path: app}", SourceType::Helm, &[plain]);
    let options = "{repoURL: a, path: app, helm: {releaseName: r, namespace: ns, skipCrds: true, valueFiles: [prod.yaml], values: 'a: 1', \
                   parameters: [{name: a, value: 'x y'}, {name: b, value: '1', forceString: true}]}}";
    check(
        options,
        SourceType::Helm,
        &["helm template . --name-template r --namespace ns --kube-version 1.33.2 --set \"a=x y\" --set-string b=1 \
         --values prod.yaml --values <temp file with values from source.helm.values/valuesObject>"],
    );
}
