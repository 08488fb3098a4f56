//! One check for all rules: a source as YAML over files; what comes out, a line each.

mod details;
mod directories;
mod helm;
mod kustomize;
mod sources;

use belay_tree::{MemoryTree, TreePath};

use super::*;

pub(super) fn tree(files: &[(&str, &str)]) -> Arc<dyn Tree> {
    let mut builder = MemoryTree::builder();
    for (name, content) in files {
        let path = TreePath::new(name).expect(name);
        match content.strip_prefix("-> ") {
            Some(target) => builder.symlink(&path, target).expect(name),
            None => builder.text(&path, content).expect(name),
        };
    }
    Arc::new(builder.build())
}

pub(super) fn files(files: &[(&str, &str)]) -> SourceFiles {
    SourceFiles {
        tree: tree(files),
        revision: "0123456789abcdef0123456789abcdef01234567".into(),
        repo_url: "https://example.com/repo.git".into(),
    }
}

pub(super) fn source(yaml: &str) -> Source {
    let value = belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect(yaml);
    Source::read(&value).expect(yaml)
}

pub(super) fn app() -> AppContext {
    AppContext {
        name: "shop".into(),
        instance_name: "team_shop".into(),
        project: "default".into(),
        destination_namespace: "prod".into(),
        cluster: Arc::new(ClusterFacts::new(
            "v1.33.2-gke.1",
            ["apps/v1".to_owned(), "example.com/v1/Widget".to_owned()],
        )),
        settings: Arc::default(),
        remote_files: Arc::default(),
    }
}

pub(super) fn renderer() -> Renderer {
    Renderer::new(Memo::default(), Outside::default)
}

pub(super) fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

/// The type, then a line an object: its key, its data if any, where it came from; then warnings; or
/// the error.
pub(super) fn shown(result: &Result<Manifests, Error>) -> String {
    let manifests = match result {
        Err(error) => return format!("{:?}: {error}", error.kind()),
        Ok(manifests) => manifests,
    };
    let mut lines = vec![manifests.source_type().to_string()];
    for RenderedObject { object, origin } in manifests.objects() {
        let mut line = object.key().to_string();
        if let Some(data) = object.get("data").filter(|data| !data.is_null()) {
            line = format!("{line} {data}");
        }
        if let Some(origin) = origin {
            line = format!("{line} {origin}");
        }
        lines.push(line);
    }
    lines.extend(manifests.warnings().iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}

pub(super) fn check_for(app: &AppContext, yaml: &str, given: &[(&str, &str)], expected: &[&str]) {
    let result = renderer().render(&source(yaml), &files(given), &References::new(), app);
    assert_eq!(shown(&result), expected.join("\n"), "{yaml}");
}

pub(super) fn check(yaml: &str, given: &[(&str, &str)], expected: &[&str]) {
    check_for(&app(), yaml, given, expected);
}
