//! Every form of reference, and what is said when there is no such thing.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_reference_gives_its_revision() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first\n\nbody", &[("a", Some("1"))]).unwrap();
    rig.repo.tag("v1.0.0", &first).unwrap();
    let second = rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    rig.repo.annotated_tag("v1.1.0", &second, "release").unwrap();
    rig.repo.tag("not-a-version", &second).unwrap();
    rig.repo.set_ref("refs/pull/7/head", &first).unwrap();
    let check = async |reference: Reference, revision: String, content: &str, full: &str| {
        let fetched = rig.fetch(reference.clone()).await.unwrap();
        assert_eq!(fetched.revision, revision, "{reference:?}");
        assert_eq!(read(&*fetched.tree, "a"), content, "{reference:?}");
        assert_eq!(fetched.commit.unwrap().reference, full, "{reference:?}");
        let resolved = rig.repositories.resolve(&rig.spec(reference), NOW).await.unwrap();
        assert_eq!(resolved, revision);
    };
    check(branch("main"), format!("main@sha1:{second}"), "2", "refs/heads/main").await;
    let tag = |name: &str| Reference::Tag(name.to_owned());
    check(tag("v1.0.0"), format!("v1.0.0@sha1:{first}"), "1", "refs/tags/v1.0.0").await;
    check(tag("v1.1.0"), format!("v1.1.0@sha1:{second}"), "2", "refs/tags/v1.1.0").await;
    let semver = |range: &str| Reference::SemVer(range.to_owned());
    check(semver(">=1.0.0"), format!("v1.1.0@sha1:{second}"), "2", "refs/tags/v1.1.0").await;
    check(semver("~1.0"), format!("v1.0.0@sha1:{first}"), "1", "refs/tags/v1.0.0").await;
    let name = |name: &str| Reference::Name(name.to_owned());
    check(name("refs/heads/main"), format!("refs/heads/main@sha1:{second}"), "2", "refs/heads/main").await;
    check(name("refs/pull/7/head"), format!("refs/pull/7/head@sha1:{first}"), "1", "refs/pull/7/head").await;
    check(name("refs/tags/v1.1.0"), format!("refs/tags/v1.1.0@sha1:{second}"), "2", "refs/tags/v1.1.0").await;
    let commit =
        |id: &str, branch: Option<&str>| Reference::Commit { id: id.to_owned(), branch: branch.map(str::to_owned) };
    check(commit(&first, None), format!("sha1:{first}"), "1", "").await;
    check(commit(&first, Some("main")), format!("main@sha1:{first}"), "1", "refs/heads/main").await;
    let any = |text: &str| Reference::Revision(text.to_owned());
    check(any("main"), format!("main@sha1:{second}"), "2", "refs/heads/main").await;
    check(any("HEAD"), format!("HEAD@sha1:{second}"), "2", "HEAD").await;
    check(any(""), format!("HEAD@sha1:{second}"), "2", "HEAD").await;
    check(any("v1.0.0"), format!("v1.0.0@sha1:{first}"), "1", "refs/tags/v1.0.0").await;
    check(any("refs/pull/7/head"), format!("refs/pull/7/head@sha1:{first}"), "1", "refs/pull/7/head").await;
    check(any("1.0.x"), format!("v1.0.0@sha1:{first}"), "1", "refs/tags/v1.0.0").await;
    check(any(">=1.0.0"), format!("v1.1.0@sha1:{second}"), "2", "refs/tags/v1.1.0").await;
    // Of several things in one repository each has versions of its own.
    rig.repo.tag("web/1.0.0", &first).unwrap();
    rig.repo.tag("web/1.2.0", &second).unwrap();
    rig.repo.tag("web/9-is-none", &second).unwrap();
    let of_web = |text: &str| Reference::Prefixed { prefix: "web/".to_owned(), revision: text.to_owned() };
    check(of_web("1.0.x"), format!("web/1.0.0@sha1:{first}"), "1", "refs/tags/web/1.0.0").await;
    check(of_web("1.0.0"), format!("web/1.0.0@sha1:{first}"), "1", "refs/tags/web/1.0.0").await;
    check(of_web("*"), format!("web/1.2.0@sha1:{second}"), "2", "refs/tags/web/1.2.0").await;
    check(of_web("main"), format!("main@sha1:{second}"), "2", "refs/heads/main").await;
    check(of_web(""), format!("HEAD@sha1:{second}"), "2", "HEAD").await;
    for (text, told) in [("2.x", "2.x"), ("1.1.0", "web/1.1.0")] {
        let missing = rig.fetch(of_web(text)).await.unwrap_err();
        assert_eq!(missing.to_string(), format!("unable to resolve '{told}' to a commit SHA"));
    }
    let missing = rig.fetch(any("next")).await.unwrap_err();
    assert_eq!(missing.to_string(), "unable to resolve 'next' to a commit SHA");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_tells_who_made_it_and_why() {
    let rig = Rig::new().await;
    let id = rig.repo.commit("main", "add the shop\n\nbecause", &[("a", Some(""))]).unwrap();
    let commit = rig.fetch(branch("main")).await.unwrap().commit.unwrap();
    assert_eq!((commit.subject(), commit.short_id()), ("add the shop", &id[..7]));
    assert_eq!((commit.author.name.as_str(), commit.author.email.as_str()), ("Robin", "robin@example.org"));
    assert_eq!(commit.message, "add the shop\n\nbecause\n");
    assert!(commit.committer.time_s >= 1_735_689_600);
}

#[test]
fn fields_have_flux_precedence() {
    let check = |fields: [Option<&str>; 5], expected: Reference| {
        let [branch, tag, semver, name, commit] = fields;
        assert_eq!(Reference::from_fields(branch, tag, semver, name, commit), expected);
    };
    let all = [Some("b"), Some("t"), Some("s"), Some("n"), Some("c")];
    check(all, Reference::Commit { id: "c".into(), branch: Some("b".into()) });
    check([all[0], all[1], all[2], all[3], Some("")], Reference::Name("n".into()));
    check([all[0], all[1], all[2], None, None], Reference::SemVer("s".into()));
    check([all[0], all[1], None, None, None], Reference::Tag("t".into()));
    check([all[0], None, None, None, None], Reference::Branch("b".into()));
    check([None; 5], Reference::Branch("master".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_in_words_that_users_know() {
    let rig = Rig::new().await;
    rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    rig.repo.tag("v1.0.0", "main").unwrap();
    let check = async |reference: Reference, expected: ErrorKind, text: &str| {
        let (kind, message) = kind(rig.fetch(reference).await);
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(text), "{message}");
    };
    let missing = ErrorKind::ReferenceNotFound;
    check(branch("nope"), missing, "couldn't find remote ref \"refs/heads/nope\"").await;
    // A prefix of a name that exists is another name.
    check(branch("mai"), missing, "couldn't find remote ref \"refs/heads/mai\"").await;
    check(Reference::Tag("v2".into()), missing, "couldn't find remote ref \"refs/tags/v2\"").await;
    check(Reference::SemVer(">=2".into()), missing, "no match found for semver: >=2").await;
    check(Reference::SemVer("nonsense".into()), ErrorKind::Spec, "improper constraint: \"nonsense\"").await;
    check(Reference::Name("refs/x/y".into()), missing, "unable to resolve ref 'refs/x/y' to a specific commit").await;
    check(branch("a..b"), ErrorKind::Spec, "is no name of a Git reference").await;
    check(branch("a b\nc"), ErrorKind::Spec, "is no name of a Git reference").await;
    let commit = |id: &str| Reference::Commit { id: id.to_owned(), branch: None };
    check(commit(&"1".repeat(40)), missing, "object not found").await;
    check(commit("main"), missing, "object not found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_told_from_a_missing_branch() {
    let rig = Rig::new().await;
    let (empty, message) = kind(rig.fetch(branch("main")).await);
    assert_eq!((empty, message.as_str()), (ErrorKind::EmptyRepository, "git repository is empty"));
    let spec = GitSpec { url: RemoteUrl::parse(&rig.server.url("none.git")).unwrap(), ..rig.spec(branch("main")) };
    let (kind, message) = kind(rig.repositories.fetch(&spec, NOW).await);
    assert_eq!(kind, ErrorKind::RepositoryNotFound, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_pushed_branch_just_moves() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    rig.repo.commit("main", "second", &[("a", Some("2")), ("b", Some("2"))]).unwrap();
    let before = rig.fetch(branch("main")).await.unwrap();
    rig.repo.set_ref("refs/heads/other", &first).unwrap();
    let forced = rig.repo.commit("other", "rewritten", &[("c", Some("3"))]).unwrap();
    rig.repo.set_ref("refs/heads/main", &forced).unwrap();
    let after = rig.fetch(branch("main")).await.unwrap();
    assert_eq!(after.revision, format!("main@sha1:{forced}"));
    assert_eq!((files(&*before.tree), files(&*after.tree)), ("a b".to_owned(), "a c".to_owned()));
    // The whole history is never fetched, only what a commit shows.
    let orphan = rig.repo.git(&["commit-tree", "-m", "no parent", "main^{tree}"]).unwrap();
    rig.repo.set_ref("refs/heads/main", &orphan).unwrap();
    assert_eq!(rig.fetch(branch("main")).await.unwrap().revision, format!("main@sha1:{orphan}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sha256_repositories_are_read() {
    let rig = Rig::new().await;
    let repo = TestRepo::init_sha256(rig.folder.path().join("served/new.git")).unwrap();
    let id = repo.commit("main", "first", &[("a", Some("1")), ("d/b", Some("2"))]).unwrap();
    let spec = GitSpec { url: RemoteUrl::parse(&rig.server.url("new.git")).unwrap(), ..rig.spec(branch("main")) };
    let fetched = rig.repositories.fetch(&spec, NOW).await.unwrap();
    assert_eq!(fetched.revision, format!("main@sha256:{id}"));
    assert_eq!(read(&*fetched.tree, "d/b"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_read_where_it_is() {
    let rig = Rig::new().await;
    let id = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    rig.repo.annotated_tag("v1.0.0", "main", "release").unwrap();
    let url = RemoteUrl::parse(&format!("file://{}", rig.repo.path().display())).unwrap();
    let spec = |reference| GitSpec { url: url.clone(), ..rig.spec(reference) };
    let check = async |reference: Reference, revision: String| {
        let fetched = rig.repositories.fetch(&spec(reference), NOW).await.unwrap();
        assert_eq!((fetched.revision, read(&*fetched.tree, "a")), (revision, "1".to_owned()));
    };
    check(branch("main"), format!("main@sha1:{id}")).await;
    check(Reference::SemVer("1.x".into()), format!("v1.0.0@sha1:{id}")).await;
    check(Reference::Commit { id: id.clone(), branch: None }, format!("sha1:{id}")).await;
    let (missing, message) = kind(rig.repositories.fetch(&spec(branch("x")), NOW).await);
    assert_eq!(missing, ErrorKind::ReferenceNotFound, "{message}");
    let none = GitSpec { url: RemoteUrl::parse("file:///nowhere/x").unwrap(), ..rig.spec(branch("main")) };
    assert_eq!(kind(rig.repositories.fetch(&none, NOW).await).0, ErrorKind::RepositoryNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_older_protocol_are_understood() {
    let rig = Rig::with(|server| server.old_protocol = true).await;
    assert_eq!(kind(rig.fetch(branch("main")).await).0, ErrorKind::EmptyRepository);
    let first = rig.repo.commit("main", "first", &[("a", Some("1")), ("d/b", Some("1"))]).unwrap();
    let fetched = rig.fetch(branch("main")).await.unwrap();
    assert_eq!((fetched.revision, read(&*fetched.tree, "d/b")), (format!("main@sha1:{first}"), "1".to_owned()));
    rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    let third = rig.repo.commit("main", "third", &[("a", Some("3"))]).unwrap();
    rig.repo.annotated_tag("v1.0.0", &third, "release").unwrap();
    assert_eq!(read(&*rig.fetch(branch("main")).await.unwrap().tree, "a"), "3");
    assert_eq!(rig.fetch(Reference::SemVer("1".into())).await.unwrap().revision, format!("v1.0.0@sha1:{third}"));
    // Such a server gives no commit that no ref points to; it is found in the branch's history.
    let second = rig.repo.git(&["rev-parse", "main~1"]).unwrap();
    for branch in [Some("main".to_owned()), None] {
        let rig2 = Repositories::new(RepositoriesOptions::new(rig.folder.path().join("cache2"))).unwrap();
        let spec = rig.spec(Reference::Commit { id: second.clone(), branch });
        assert_eq!(read(&*rig2.fetch(&spec, NOW).await.unwrap().tree, "a"), "2");
    }
    let spec = Reference::Commit { id: "1".repeat(40), branch: None };
    assert_eq!(kind(rig.fetch(spec).await).0, ErrorKind::ReferenceNotFound);
    assert_eq!(kind(rig.fetch(branch("nope")).await).0, ErrorKind::ReferenceNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_and_tags_are_listed_with_their_commits() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    rig.repo.annotated_tag("v1", &first, "of note").unwrap();
    rig.repo.set_ref("refs/pull/7/head", &first).unwrap();
    let shown = async |max_age| {
        let all = rig.repositories.refs(&rig.spec(Reference::Revision("HEAD".into())), max_age).await.unwrap();
        all.iter().map(|r| format!("{} {}", r.name, r.commit)).collect::<Vec<_>>().join("\n")
    };
    let before = format!("refs/heads/main {first}\nrefs/tags/v1 {first}");
    assert_eq!(shown(NOW).await, before);
    let second = rig.repo.commit("next", "second", &[("a", Some("2"))]).unwrap();
    assert_eq!(shown(Duration::from_secs(3600)).await, before, "a listing that is young enough is believed");
    assert_eq!(shown(NOW).await, format!("refs/heads/main {first}\nrefs/heads/next {second}\nrefs/tags/v1 {first}"));
}
