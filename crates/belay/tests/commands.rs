//! The binary as a person uses it: processes, arguments, output, exit status.
//!
//! `belay apiserver` and `belay run` are processes of their own here, and so is every command. What
//! the controllers do is the matter of the scenarios in `tests`; here it is what the commands print.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use belay_testkit::git_server::ServedRepo;
use regex::Regex;

const BELAY: &str = env!("CARGO_BIN_EXE_belay");
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_tour_holds() {
    let output = Command::new(BELAY).args(["demo", "--tour"]).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("27 steps, 27 held, 0 did not"), "{told}");
}

#[test]
fn a_folder_of_git_is_followed_looked_at_held_and_let_go() {
    let place = Place::new();
    let revision = place.commit("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  greeting: hello\n");
    place.says(
        "check --pre",
        0,
        "► checking prerequisites\n✔ Kubernetes VERSION >=1.33.0-0\n✔ prerequisites checks passed\n",
    );
    assert_eq!(place.belay("install --crds-only").status.code(), Some(0));
    let _controllers = place.spawn(&["run"]);

    let url = place.url();
    place.says(
        &format!("create source git shop --url={url} --branch=main --interval=1h"),
        0,
        "✚ generating GitRepository\n► applying GitRepository\n✔ GitRepository created\n\
         ◎ waiting for GitRepository reconciliation\n✔ GitRepository shop reconciliation completed\n\
         ✔ fetched revision: main@sha1:COMMIT\n",
    );
    let create =
        "create kustomization shop --source=shop --path=./deploy --prune --interval=1h --target-namespace=default";
    place.says(
        create,
        0,
        "✚ generating Kustomization\n► applying Kustomization\n✔ Kustomization created\n\
         ◎ waiting for Kustomization reconciliation\n✔ Kustomization shop reconciliation completed\n\
         ✔ applied revision main@sha1:COMMIT\n",
    );
    // What scripts read is exact.
    let short = &revision[..8];
    place.says(
        "get kustomizations --no-header",
        0,
        &format!("shop\tmain@sha1:{short}\tFalse\tTrue\tApplied revision: main@sha1:{short}\n"),
    );
    place.says("tree kustomization shop", 0, "Kustomization/flux-system/shop\n└── ConfigMap/default/shop\n");
    let export = "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: shop\n  \
                  namespace: flux-system\nspec:\n  interval: 1h0m0s\n  path: ./deploy\n  prune: true\n  \
                  sourceRef:\n    kind: GitRepository\n    name: shop\n  targetNamespace: default\n";
    place.says("export kustomization shop", 0, export);
    place.says(
        "suspend kustomization shop",
        0,
        "► suspending kustomization shop in flux-system namespace\n✔ kustomization suspended\n",
    );
    place.says(
        "resume kustomization shop",
        0,
        "► resuming kustomization shop in flux-system namespace\n✔ kustomization resumed\n\
         ◎ waiting for Kustomization reconciliation\n✔ Kustomization shop reconciliation completed\n\
         ✔ applied revision main@sha1:COMMIT\n",
    );

    // What a folder would change, before it is committed.
    let folder = place.home.path().join("deploy");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("map.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  greeting: hello\n",
    )
    .unwrap();
    place.says("diff kustomization shop --path=deploy", 0, "");
    std::fs::write(
        folder.join("map.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  greeting: bye\n",
    )
    .unwrap();
    let differing = place.belay("diff kustomization shop --path=deploy");
    assert_eq!(differing.status.code(), Some(1), "{differing:?}");
    let told = text(&differing);
    assert!(told.contains("ConfigMap/default/shop drifted") && told.contains("bye"), "{told}");

    // A mistake is told with its place, and by the exit status.
    place.commit("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [shop\n");
    let failed = place.belay("reconcile kustomization shop --with-source");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(text(&failed).contains("deploy/map.yaml:"), "{}", text(&failed));
    place.says(
        "get kustomizations nothing",
        1,
        "✗ Kustomization object 'nothing' not found in \"flux-system\" namespace\n",
    );

    place.says(
        "delete kustomization shop --silent",
        0,
        "► deleting kustomization shop in flux-system namespace\n✔ kustomization deleted\n",
    );
    place.until("what it made is gone", || text(&place.belay("trace configmap shop -n default")).contains("not found"));
    assert_eq!(place.belay("uninstall --silent").status.code(), Some(0));
}

#[test]
fn an_application_is_created_synced_drifted_and_deleted() {
    let place = Place::new();
    place.commit("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  greeting: hello\n");
    assert_eq!(place.belay("install --crds-only --systems=argocd").status.code(), Some(0));
    let _controllers = place.spawn(&["run"]);
    let url = place.url();
    place.says(
        &format!(
            "app create shop --repo {url} --path deploy --revision main --dest-name in-cluster --dest-namespace default --set-finalizer"
        ),
        0,
        "application 'shop' created\n",
    );
    place.until("it is compared", || text(&place.belay("app list")).contains("OutOfSync"));
    // What scripts read is exact.
    place.says("app list -o name", 0, "argocd/shop\n");
    place.says(
        "app diff shop",
        1,
        "\n===== /ConfigMap default/shop ======\n\
        > apiVersion: v1\n> data:\n>   greeting: hello\n> kind: ConfigMap\n> metadata:\n>   annotations:\n\
        >     argocd.argoproj.io/tracking-id: shop:/ConfigMap:default/shop\n>   name: shop\n>   namespace: default\n",
    );
    assert_eq!(place.belay("app sync shop --timeout 60").status.code(), Some(0));
    let row = text(&place.belay("app list"));
    let cells: Vec<&str> = row.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = [
        "argocd/shop",
        "in-cluster",
        "default",
        "default",
        "Synced",
        "Healthy",
        "Manual",
        "<none>",
        &url,
        "deploy",
        "main",
    ];
    assert_eq!(cells, expected);
    place.says("app diff shop", 0, "");
    place.says(
        "app resources shop",
        0,
        "GROUP  KIND       NAMESPACE  NAME  ORPHANED\n       ConfigMap  default    shop  No\n",
    );
    place.commit("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  greeting: good morning\n");
    place.says(
        "app diff shop",
        1,
        "\n===== /ConfigMap default/shop ======\n/data/greeting\n  < hello\n  > good morning\n",
    );
    place.says("app rollback shop", 20, "✗ application 'shop' should have at least two successful deployments\n");
    place.says("app get nobody", 20, "✗ application 'nobody' not found in namespace 'argocd'\n");
    place.says("app delete shop --yes --wait", 0, "application 'shop' deleted\n");
    place.says("proj list -o name", 0, "default\n");
    place.says("cluster list -o server", 0, "https://kubernetes.default.svc\n");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let mut child =
        Command::new(BELAY).args(["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // As a shell tells of a program that ended by SIGPIPE.
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn without_a_cluster_a_command_says_what_it_tried() {
    let home = tempfile::tempdir().unwrap();
    let output = command(home.path(), "get kustomizations").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).starts_with("✗ no cluster to talk to: the kubeconfig "), "{}", text(&output));
}

/// An API server, a Git server and a home folder for one test.
struct Place {
    home: tempfile::TempDir,
    git: ServedRepo,
    _server: Process,
    _runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Place {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let git = runtime.block_on(ServedRepo::start("repo.git")).unwrap();
        let kubeconfig = kubeconfig(home.path());
        let listen = ["apiserver", "--listen=127.0.0.1:0", "--kubeconfig", kubeconfig.to_str().unwrap()];
        let server = Process::start(home.path(), &listen);
        let place = Place { home, git, _server: server, _runtime: runtime };
        place.until("the API server serves", || kubeconfig.exists() && place.belay("check --pre").status.success());
        place
    }
    fn url(&self) -> String {
        self.git.url()
    }
    /// Commits `deploy/map.yaml`; gives the commit's id.
    fn commit(&self, map: &str) -> String {
        self.git.repo().commit("main", "change", &[("deploy/map.yaml", Some(map))]).unwrap()
    }
    fn spawn(&self, arguments: &[&str]) -> Process {
        Process::start(self.home.path(), arguments)
    }
    fn belay(&self, line: &str) -> Output {
        command(self.home.path(), line).output().unwrap()
    }
    /// Runs a command and compares its exit status and everything it prints, masked.
    #[track_caller]
    fn says(&self, line: &str, status: i32, expected: &str) {
        let output = self.belay(line);
        let told = masked(&text(&output));
        assert!(told == masked(expected), "belay {line}\n{told}\nexpected:\n{expected}");
        assert_eq!(output.status.code(), Some(status), "belay {line}");
    }
    #[track_caller]
    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(home: &Path, arguments: &[&str]) -> Process {
        let mut command = Command::new(BELAY);
        command.args(arguments).current_dir(home).envs(environment(home));
        Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kubeconfig(home: &Path) -> PathBuf {
    home.join("kubeconfig")
}

fn environment(home: &Path) -> [(&'static str, PathBuf); 2] {
    [("KUBECONFIG", kubeconfig(home)), ("HOME", home.to_owned())]
}

fn command(home: &Path, line: &str) -> Command {
    let mut command = Command::new(BELAY);
    command.args(line.split(' ')).current_dir(home).envs(environment(home)).stdin(Stdio::null());
    command
}

/// All that a command printed: progress goes to standard error, answers to standard output.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

/// Takes out what differs from run to run, and the blanks that align columns.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in
        [(r"[0-9a-f]{40}", "COMMIT"), (r"Kubernetes \d+\.\d+\.\d+", "Kubernetes VERSION"), (r" *\t", "\t")]
    {
        text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    }
    text
}
