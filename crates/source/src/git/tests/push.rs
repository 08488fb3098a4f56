//! Commits made here and pushed, read by real Git afterwards.

use super::ssh::{Server, new_key};
use super::*;
use crate::{Base, Change, NewCommit, NewNote, Prepared, Signature};
use russh::keys::ssh_key::LineEnding;
use std::collections::BTreeMap;

fn robin() -> Signature {
    Signature { name: "Argo <CD>".to_owned(), email: "argo-cd@example.com".to_owned(), time_s: 1_735_700_000 }
}

fn changes(files: &[(&str, Option<&str>)]) -> BTreeMap<TreePath, Change> {
    let change = |content: &Option<&str>| match content {
        Some(content) => Change::Write(content.as_bytes().to_vec()),
        None => Change::Remove,
    };
    files.iter().map(|(path, content)| (TreePath::new(path).unwrap(), change(content))).collect()
}

fn commit(reference: &str, base: Base, files: &[(&str, Option<&str>)]) -> NewCommit {
    NewCommit {
        reference: reference.to_owned(),
        base,
        changes: changes(files),
        message: "changed by a program\n\nbecause".to_owned(),
        author: robin(),
        committer: robin(),
    }
}

/// Has the remote ask a script before refs move.
fn hook(rig: &Rig, script: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let hook = rig.repo.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    hook
}

impl Rig {
    fn remote(&self) -> GitSpec {
        self.spec(branch("main"))
    }

    async fn made(&self, spec: &GitSpec, new: NewCommit) -> Prepared {
        self.repositories.prepare(spec, new).await.unwrap()
    }

    async fn pushed(&self, spec: &GitSpec, new: NewCommit) -> Result<String, Error> {
        let made = self.repositories.prepare(spec, new).await?;
        self.repositories.push(spec, std::slice::from_ref(&made), &[]).await.map(|()| made.id())
    }

    /// What real Git says of a ref's files: mode and path.
    fn listed(&self, reference: &str) -> String {
        let lines = self.repo.git(&["ls-tree", "-r", reference]).unwrap();
        lines
            .lines()
            .map(|line| format!("{} {}", &line[..6], line.split_once('\t').unwrap().1))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn is_sound(&self) {
        assert_eq!(self.repo.git(&["fsck", "--strict", "--full", "--no-dangling"]).unwrap(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_changes_its_files_and_keeps_the_others() {
    let rig = Rig::new().await;
    let blob = rig.repo.blob(b"#!/bin/sh\n").unwrap();
    rig.repo.commit_entries("main", "tool", &format!("100755 {blob}\tbin/run\n120000 {blob}\tlink\n")).unwrap();
    let files = [("a-b", Some("1")), ("a/deep/x", Some("1")), ("a.b", Some("1")), ("gone/only", Some("1"))];
    let first = rig.repo.commit("main", "first", &files).unwrap();
    let new = commit(
        "refs/heads/main",
        Base::Tip(first.clone()),
        &[
            ("a/deep/y", Some("new")),
            ("a-b", Some("2")),
            ("gone/only", None),
            ("never/was", None),
            ("bin/run", Some("#!/bin/sh -e\n")),
            ("link", Some("a file")),
            ("z", Some("")),
        ],
    );
    let id = rig.pushed(&rig.remote(), new).await.unwrap();
    rig.is_sound();
    assert_eq!(rig.repo.git(&["rev-parse", "main", "main^"]).unwrap(), format!("{id}\n{first}"));
    assert_eq!(
        rig.listed("main"),
        "100644 a-b; 100644 a.b; 100644 a/deep/x; 100644 a/deep/y; 100755 bin/run; 100644 link; 100644 z"
    );
    let told = rig.repo.git(&["log", "-1", "--format=%an|%ae|%at|%cn|%B", "main"]).unwrap();
    assert_eq!(told, "Argo CD|argo-cd@example.com|1735700000|Argo CD|changed by a program\n\nbecause");
    assert_eq!(read(&*rig.fetch(branch("main")).await.unwrap().tree, "a/deep/y"), "new");
    let tip = rig.repositories.tip(&rig.remote(), "refs/heads/main").await.unwrap().unwrap();
    assert_eq!((tip.commit.id, read(&*tip.tree, "a/deep/y")), (id, "new".to_owned()));
    assert!(rig.repositories.tip(&rig.remote(), "refs/heads/none").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_missing_is_begun() {
    let rig = Rig::new().await;
    let orphan = commit("refs/heads/env/dev", Base::Orphan, &[("app/m.yaml", Some("a: 1"))]);
    let id = rig.pushed(&rig.remote(), orphan.clone()).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-list", "--parents", "env/dev"]).unwrap(), id);
    let fork = commit("refs/heads/env/next", Base::Fork(id.clone()), &[("app/m.yaml", Some("a: 2"))]);
    let next = rig.pushed(&rig.remote(), fork).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-list", "env/next"]).unwrap(), format!("{next}\n{id}"));
    rig.is_sound();
    // The same again is the same commit, there already; another of the same kind is too late.
    assert_eq!(rig.pushed(&rig.remote(), orphan).await.unwrap(), id);
    let other = commit("refs/heads/env/dev", Base::Orphan, &[("app/m.yaml", Some("a: 3"))]);
    let (kind, text) = kind(rig.pushed(&rig.remote(), other).await);
    assert_eq!(kind, ErrorKind::Moved, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_late_is_told_so_and_may_replace() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let late = rig.made(&rig.remote(), commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))])).await;
    let second = rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    let (kind, text) = kind(rig.repositories.push(&rig.remote(), &[late], &[]).await);
    assert_eq!(kind, ErrorKind::Moved);
    assert!(text.contains(&format!("refs/heads/main is at {second}, and was at {first}")), "{text}");
    let new = commit("refs/heads/main", Base::Tip(second.clone()), &[("b", Some("1"))]);
    rig.pushed(&rig.remote(), new).await.unwrap();
    let replace = commit("refs/heads/main", Base::Replace(first.clone()), &[("c", Some("1"))]);
    let forced = rig.pushed(&rig.remote(), replace).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-list", "main"]).unwrap(), format!("{forced}\n{first}"));
    assert_eq!(rig.listed("main"), "100644 a; 100644 c");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_refs_move_together_or_not_at_all() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let main = rig.made(&rig.remote(), commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))])).await;
    let note = NewNote {
        name: "hydrator.metadata".to_owned(),
        tip: None,
        object: main.id(),
        content: br#"{"drySha":"abc"}"#.to_vec(),
        author: robin(),
    };
    let note = rig.repositories.prepare_note(&rig.remote(), note).await.unwrap();
    rig.repo.set_ref("refs/notes/hydrator.metadata", &first).unwrap();
    let (kind, _) = kind(rig.repositories.push(&rig.remote(), &[main.clone(), note.clone()], &[]).await);
    assert_eq!(kind, ErrorKind::Moved);
    assert_eq!(rig.repo.git(&["rev-parse", "main"]).unwrap(), first, "neither has moved");
    rig.repo.git(&["update-ref", "-d", "refs/notes/hydrator.metadata"]).unwrap();
    rig.repositories.push(&rig.remote(), &[main.clone(), note.clone()], &[]).await.unwrap();
    rig.repositories.push(&rig.remote(), &[main.clone(), note], &[]).await.unwrap();
    rig.is_sound();
    let shown = rig.repo.git(&["notes", "--ref=hydrator.metadata", "show", &main.id()]).unwrap();
    assert_eq!(shown, r#"{"drySha":"abc"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_that_moves_while_it_is_pushed_to_has_moved() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let second = rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    rig.repo.set_ref("refs/heads/main", &first).unwrap();
    let script = format!(
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
         git update-ref refs/heads/main {second}\n"
    );
    hook(&rig, &script);
    let main = rig.made(&rig.remote(), commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))])).await;
    let other = rig.made(&rig.remote(), commit("refs/heads/other", Base::Orphan, &[("b", Some("1"))])).await;
    for commits in [&[main.clone(), other][..], &[main]] {
        rig.repo.set_ref("refs/heads/main", &first).unwrap();
        let (outcome, text) = kind(rig.repositories.push(&rig.remote(), commits, &[]).await);
        assert_eq!(outcome, ErrorKind::Moved, "{text}");
        assert_eq!(rig.repo.git(&["rev-parse", "main"]).unwrap(), second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_found_and_written_as_git_has_them() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let second = rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    assert_eq!(rig.repositories.note(&rig.remote(), "x", &first).await.unwrap(), crate::Notes::default());
    let write = async |object: &str, content: &str| {
        let tip = rig.repositories.note(&rig.remote(), "x", object).await.unwrap().tip;
        let note = NewNote {
            name: "x".to_owned(),
            tip,
            object: object.to_owned(),
            content: content.as_bytes().to_vec(),
            author: robin(),
        };
        let made = rig.repositories.prepare_note(&rig.remote(), note).await.unwrap();
        rig.repositories.push(&rig.remote(), &[made], &[]).await.unwrap();
    };
    rig.repo.git(&["notes", "--ref=x", "add", "-m", "by git", &first]).unwrap();
    write(&second, "by us").await;
    let show = |object: &str| rig.repo.git(&["notes", "--ref=x", "show", object]).unwrap();
    assert_eq!((show(&first), show(&second)), ("by git".to_owned(), "by us".to_owned()));
    write(&first, "in its place").await;
    assert_eq!(show(&first), "in its place");
    // Git spreads many notes over directories: those are found where they are, and new ones do not crowd the root.
    let objects: Vec<String> = (0..400).map(|n| rig.repo.blob(format!("{n}").as_bytes()).unwrap()).collect();
    for object in &objects[..300] {
        rig.repo.git(&["notes", "--ref=x", "add", "-m", "many", object]).unwrap();
    }
    for object in [&objects[7], &objects[301]] {
        write(object, "one of many").await;
        assert_eq!(show(object), "one of many");
        let found = rig.repositories.note(&rig.remote(), "x", object).await.unwrap();
        assert_eq!(found.content.as_deref(), Some(&b"one of many"[..]));
    }
    assert_eq!(show(&objects[8]), "many");
    let all = rig.repo.git(&["notes", "--ref=x", "list"]).unwrap();
    assert_eq!(all.lines().count(), 303, "each has one note");
    rig.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_does_not_want_it_says_why() {
    let rig = Rig::with(|options| options.push = false).await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let new = || commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))]);
    let (refused, text) = kind(rig.pushed(&rig.remote(), new()).await);
    assert_eq!(refused, ErrorKind::Unauthenticated, "{text}");
    assert!(text.starts_with("unable to push to 'http://") && text.ends_with("authorization failed"), "{text}");

    let rig = Rig::with(|options| options.basic = Some(("robin".to_owned(), "s3cr3t-canary".to_owned()))).await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let new = || commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))]);
    let hook = hook(&rig, "#!/bin/sh\necho main is protected >&2\nexit 1\n");
    let credentials =
        Credentials { basic: Some(("robin".to_owned(), secret("s3cr3t-canary"))), ..Credentials::default() };
    let spec = GitSpec { credentials, ..rig.remote() };
    let (refused, text) = kind(rig.pushed(&spec, new()).await);
    assert_eq!(refused, ErrorKind::Rejected, "{text}");
    assert!(text.contains("refs/heads/main was refused: pre-receive hook declined (main is protected)"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    std::fs::remove_file(hook).unwrap();
    rig.pushed(&spec, new()).await.unwrap();
    let (refused, _) = kind(rig.pushed(&rig.remote(), new()).await);
    assert_eq!(refused, ErrorKind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_fs_4_what_git_would_not_take_is_not_made() {
    let rig = Rig::new().await;
    let check = async |reference: &str, files: &[(&str, Option<&str>)], told: &str| {
        let (refused, text) =
            kind(rig.repositories.prepare(&rig.remote(), commit(reference, Base::Orphan, files)).await);
        assert_eq!(refused, ErrorKind::Spec);
        assert!(text.contains(told), "{text}");
    };
    let file = Some("1");
    check("refs/heads/main", &[("a/.GIT/config", file)], "is no path of a file in a repository").await;
    check("refs/heads/main", &[("a/git~1/config", file)], "is no path of a file in a repository").await;
    check("refs/heads/main", &[(".g\u{200c}it/config", file)], "is no path of a file in a repository").await;
    check("refs/heads/main", &[("", file)], "is no path of a file in a repository").await;
    check("refs/heads/main", &[("a", file), ("a/b", file)], "is to be a file and a directory").await;
    check("main", &[("a", file)], "is no name of a ref").await;
    check("refs/heads/a..b", &[("a", file)], "is no name of a ref").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sha256_repository_gets_its_own_ids() {
    let rig = Rig::new().await;
    let repo = TestRepo::init_sha256(rig.folder.path().join("served/long.git")).unwrap();
    let spec = GitSpec { url: RemoteUrl::parse(&rig.server.url("long.git")).unwrap(), ..rig.remote() };
    let id = rig.pushed(&spec, commit("refs/heads/main", Base::Orphan, &[("a/b", Some("1"))])).await.unwrap();
    assert_eq!((id.len(), repo.git(&["rev-parse", "main"]).unwrap()), (64, id.clone()));
    let next = rig.pushed(&spec, commit("refs/heads/main", Base::Tip(id), &[("a/c", Some("1"))])).await.unwrap();
    assert_eq!(repo.git(&["rev-parse", "main"]).unwrap(), next);
    assert_eq!(repo.git(&["fsck", "--strict"]).unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_this_machine_is_written_to() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let url = |path: &std::path::Path| RemoteUrl::parse(&format!("file://{}", path.display())).unwrap();
    let spec = GitSpec { url: url(rig.repo.path()), ..rig.remote() };
    let new = commit("refs/heads/main", Base::Tip(first.clone()), &[("b/c", Some("1"))]);
    let id = rig.pushed(&spec, new.clone()).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-list", "main"]).unwrap(), format!("{id}\n{first}"));
    let orphan = commit("refs/heads/env", Base::Orphan, &[("m", Some("1"))]);
    let env = rig.pushed(&spec, orphan).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-parse", "env"]).unwrap(), env);
    rig.is_sound();
    let late = commit("refs/heads/main", Base::Tip(first), &[("d", Some("1"))]);
    assert_eq!(kind(rig.pushed(&spec, late).await).0, ErrorKind::Moved);
    // A checkout's own branch is not moved under it.
    let checkout = rig.folder.path().join("checkout");
    rig.repo.git(&["clone", "--quiet", ".", &checkout.display().to_string()]).unwrap();
    let spec = GitSpec { url: url(&checkout), ..rig.remote() };
    let new = commit("refs/heads/main", Base::Tip(id.clone()), &[("e", Some("1"))]);
    let (refused, text) = kind(rig.pushed(&spec, new).await);
    assert_eq!(refused, ErrorKind::Rejected, "{text}");
    rig.pushed(&spec, commit("refs/heads/other", Base::Fork(id), &[("e", Some("1"))])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_pushed_over_ssh() {
    let rig = Rig::new().await;
    let first = rig.repo.commit("main", "first", &[("a", Some("1"))]).unwrap();
    let key = new_key();
    let server = Server::start(rig.folder.path().join("served"), key.public_key().clone()).await;
    let spec = |name: &str| GitSpec {
        url: RemoteUrl::parse(&format!("ssh://git@{}/{name}", server.address)).unwrap(),
        credentials: Credentials {
            ssh: Some(crate::SshCredentials {
                identity: Secret::new(key.to_openssh(LineEnding::LF).unwrap().as_bytes().to_vec()),
                passphrase: None,
                known_hosts: server.known_hosts(),
            }),
            ..Credentials::default()
        },
        ..rig.remote()
    };
    let new = commit("refs/heads/main", Base::Tip(first.clone()), &[("b", Some("1"))]);
    let id = rig.pushed(&spec("shop.git"), new.clone()).await.unwrap();
    assert_eq!(rig.repo.git(&["rev-list", "main"]).unwrap(), format!("{id}\n{first}"));
    assert_eq!(rig.pushed(&spec("shop.git"), new).await.unwrap(), id, "there is nothing left to do");
    rig.is_sound();
    let made = rig.made(&spec("shop.git"), commit("refs/heads/x", Base::Orphan, &[("b", Some("1"))])).await;
    let (refused, text) = kind(rig.repositories.push(&spec("none.git"), &[made], &[]).await);
    assert_eq!(refused, ErrorKind::RepositoryNotFound, "{text}");
}
