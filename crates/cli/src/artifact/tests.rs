use super::*;
use crate::args::ClusterCommand;
use belay_oci::serve::{Access, Registry};

fn parsed(line: &str) -> ClusterCommand {
    let words = std::iter::once("belay").chain(line.split(' '));
    crate::args::parse_from::<crate::args::ClusterCli, _>(words).unwrap_or_else(|e| panic!("{e}")).command
}

async fn run(line: &str) -> Result<u8> {
    match parsed(line) {
        ClusterCommand::Push(crate::args::PushCommand::Artifact(args)) => push(args).await,
        ClusterCommand::Pull(crate::args::PullCommand::Artifact(args)) => pull(args).await,
        ClusterCommand::Tag(crate::args::TagCommand::Artifact(args)) => tag(args).await,
        ClusterCommand::List(crate::args::ListCommand::Artifacts(args)) => list(args).await,
        ClusterCommand::Build(crate::args::BuildCommand::Artifact(args)) => build(&args),
        ClusterCommand::Diff(crate::args::DiffCommand::Artifact(args)) => diff(args).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_pushed_is_tagged_listed_and_pulled_again() {
    let registry = Registry::start(Access::Basic("me".into(), "good".into()), 10).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::create_dir_all(from.join("app/.git")).unwrap();
    std::fs::create_dir_all(&to).unwrap();
    for (name, text) in
        [("app/a.yaml", "a: 1\n"), ("app/.git/config", "no"), ("picture.png", "no"), ("b.yaml", "b: 2\n")]
    {
        std::fs::write(from.join(name), text).unwrap();
    }
    let url = registry.url("org/app");
    let push = format!(
        "push artifact {url}:v1 -f {} --source=git --revision=main@sha1:abc --creds me:good --reproducible -a team=shop",
        from.display()
    );
    assert_eq!(run(&push).await.unwrap(), 0);
    assert_eq!(run(&push.replace(":v1", ":v2")).await.unwrap(), 0);
    assert_eq!(run(&format!("tag artifact {url}:v1 --tag latest --creds me:good")).await.unwrap(), 0);
    assert_eq!(run(&format!("list artifacts {url} --creds me:good -o yaml")).await.unwrap(), 0);
    assert_eq!(run(&format!("pull artifact {url}:latest -o {} --creds me:good", to.display())).await.unwrap(), 0);
    assert_eq!(std::fs::read_to_string(to.join("app/a.yaml")).unwrap(), "a: 1\n");
    assert_eq!(std::fs::read_to_string(to.join("b.yaml")).unwrap(), "b: 2\n");
    assert!(!to.join("app/.git").exists() && !to.join("picture.png").exists());

    // Its archive, and what differs from it.
    let archive = folder.path().join("a.tgz");
    assert_eq!(run(&format!("build artifact -p {} -o {}", from.display(), archive.display())).await.unwrap(), 0);
    let packed = unpack(&*std::fs::read(&archive).unwrap(), &UnpackLimits::default()).unwrap();
    assert_eq!(files(&packed).unwrap().into_keys().collect::<Vec<_>>(), ["app/a.yaml", "b.yaml"]);
    let compare = format!("diff artifact {url}:v1 --path {} --creds me:good", from.display());
    assert_eq!(run(&compare).await.unwrap(), 0);
    std::fs::write(from.join("b.yaml"), "b: 3\n").unwrap();
    assert_eq!(run(&compare).await.unwrap(), 1);

    let flags = ArtifactFlags { creds: Some("me:good".into()), provider: "generic".into(), insecure_registry: false };
    let client = client(Repository::parse(&url).unwrap(), &flags).unwrap();
    let digest = async |name: &str| client.resolve(&Target::Tag(Tag::parse(name).unwrap())).await.unwrap();
    assert_eq!(digest("v1").await, digest("latest").await);
    assert_eq!(digest("v1").await, digest("v2").await, "the same content, reproducibly");
    let denied = run(&push.replace("me:good", "me:canary")).await.unwrap_err();
    assert!(
        format!("{denied:#}").contains("401 Unauthorized") && !format!("{denied:#}").contains("canary"),
        "{denied:#}"
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let why = async |line: &str| format!("{:#}", run(line).await.unwrap_err());
    let push = "--source=s --revision=r -f /nowhere";
    assert_eq!(
        why(&format!("push artifact oci://a.b/c {push}")).await,
        "the URL must have a tag: oci://<host>/<path>:<tag>"
    );
    assert!(why(&format!("push artifact oci://a.b/c:1 {push}")).await.starts_with("invalid path /nowhere"));
    assert_eq!(why("list artifacts oci://a.b/c:1").await, "the URL must have no tag");
    assert!(
        why("pull artifact oci://a.b/c:1 -o /tmp --provider aws").await.starts_with("provider \"aws\" is not served")
    );
}
