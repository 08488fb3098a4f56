//! Fault sweeps: the N-th request of a run fails or is the last of its process, for N = 1, 2, ... until the
//! run ends without. Whatever happens, the end is that of an undisturbed run.
//!
//! Three runs are swept: a first apply in stages, a change with a prune, and the deletion of a
//! Kustomization. Beside them stand a bystander and an object that only carries copied labels (ACT-1, ACT-4,
//! ACT-5, ACT-6).

use belay_object::Object;
use belay_testkit::wire::Trouble;
use futures::StreamExt;

use super::world::*;

/// More requests than any run of this size sends: the sweep must end by itself.
const MOST: usize = 120;
/// Worlds at a time: each mostly waits.
const AT_ONCE: usize = 8;

/// What is swept.
trait Run {
    /// The least number of requests of a run that does what it should.
    const LEAST: usize;
    /// A world in which the run can begin, with controllers that have nothing to do.
    async fn world() -> World;
    /// Begins it; gives what [`Run::over`] needs.
    fn begin(w: &World) -> String;
    /// Waits for its end.
    async fn over(w: &World, revision: &str);
    /// ACT-5: what carries our labels is tracked, the copy aside.
    fn is_tracked(w: &World, when: &str);
    /// Whether its end is that of an undisturbed run.
    async fn is_right(w: &World, when: &str);
}

async fn sweep<R: Run>(trouble: Trouble) {
    swept(R::LEAST, one::<R>(trouble)).await;
}

/// Makes a run with trouble at its first request, its second, ..., until one meets none; `least` is the
/// number of requests of a run that does what it should.
pub async fn swept<F: Future<Output = bool>>(least: usize, run: impl Fn(usize) -> F) {
    let mut runs = std::pin::pin!(futures::stream::iter(1..MOST).map(run).buffered(AT_ONCE));
    let mut nth = 0;
    while let Some(struck) = runs.next().await {
        nth += 1;
        if !struck {
            assert!(nth > least, "the run sent {nth} requests: it did nothing");
            println!("{} requests swept", nth - 1);
            return;
        }
    }
    panic!("the run did not end within {MOST} requests");
}

/// A run with trouble at one request; gives whether it came to that.
fn one<R: Run>(trouble: Trouble) -> impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = bool>>> {
    move |nth| {
        Box::pin(async move {
            let when = format!("{trouble:?} at {nth}");
            let mut w = R::world().await;
            w.apply(&map("bystander", "mine"));
            w.apply(&map("copy", "mine"));
            for label in ["name: apps", "namespace: apps"] {
                w.patch(MAPS, "copy", &format!("{{metadata: {{labels: {{kustomize.toolkit.fluxcd.io/{label}}}}}}}"));
            }
            w.quiet().await;
            let uid = |o: Object| o.uid().to_owned();
            let others = [uid(w.the(MAPS, "bystander")), uid(w.the(MAPS, "copy"))];
            w.wire.arm(nth, trouble);
            let revision = R::begin(&w);
            tokio::select! {
                () = w.wire.struck() => {}
                () = R::over(&w, &revision) => {}
            }
            let struck = w.wire.has_struck();
            if struck && matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter) {
                w.crash();
                R::is_tracked(&w, &when);
                w.start().await;
            }
            R::over(&w, &revision).await;
            R::is_tracked(&w, &when);
            R::is_right(&w, &when).await;
            assert_eq!(others, [uid(w.the(MAPS, "bystander")), uid(w.the(MAPS, "copy"))], "{when}");
            w.stop().await;
            struck
        })
    }
}

fn head(w: &World) -> String {
    format!("main@sha1:{}", w.git.repo().git(&["rev-parse", "main"]).unwrap())
}

/// A commit that changes `a`, removes `b` and adds `c`.
struct Change;

impl Run for Change {
    const LEAST: usize = 8;
    async fn world() -> World {
        let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
        w.apply(&kustomization("apps", "app", "retryInterval: 1s"));
        w.ready("apps", &head(&w)).await;
        w
    }
    fn begin(w: &World) -> String {
        let (a, c) = (map("a", "two"), map("c", "one"));
        let revision = w.commit_changes(&[("app/a.yaml", Some(&a)), ("app/b.yaml", None), ("app/c.yaml", Some(&c))]);
        w.ask(REPOSITORY, "repo");
        revision
    }
    async fn over(w: &World, revision: &str) {
        w.ready("apps", revision).await;
    }
    fn is_tracked(w: &World, when: &str) {
        let inventory = w.inventory("apps");
        for name in ["a", "b", "c"].into_iter().filter(|name| w.has(MAPS, name)) {
            let id = format!("apps_{name}__ConfigMap");
            assert!(inventory.contains(&id), "{when}: {name} is applied and untracked\n{}", w.story());
        }
        // ACT-1: what is deleted was recorded before.
        let record = w.the(KUSTOMIZATION, "apps");
        let record = record.annotation("belay.dev/deletions").unwrap_or_default();
        assert!(w.has(MAPS, "b") || record.contains("apps_b__ConfigMap"), "{when}: {record:?}\n{}", w.story());
    }
    async fn is_right(w: &World, when: &str) {
        w.until(&format!("{when}: b is pruned"), || (!w.has(MAPS, "b")).then_some(())).await;
        assert_eq!(w.data("a", "key").as_deref(), Some("two"), "{when}");
        assert_eq!(w.data("c", "key").as_deref(), Some("one"), "{when}");
        assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap", "apps_c__ConfigMap"], "{when}");
    }
}

/// The first apply of a namespace, a definition, and objects that need both.
struct FirstApply;

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"#;
const DEFINITIONS: Kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
const WIDGETS: Kind = ("example.com/v1", "Widget");
/// Kind, namespace, name and id of what is applied.
const STAGED: [(Kind, &str, &str, &str); 4] = [
    (NAMESPACES, "", "shop", "_shop__Namespace"),
    (DEFINITIONS, "", "widgets.example.com", "_widgets.example.com_apiextensions.k8s.io_CustomResourceDefinition"),
    (MAPS, "shop", "a", "shop_a__ConfigMap"),
    (WIDGETS, "shop", "w", "shop_w_example.com_Widget"),
];

impl Run for FirstApply {
    const LEAST: usize = 15;
    async fn world() -> World {
        let w = World::with_files(&[
            ("app/a.yaml", &map("a", "one").replace("namespace: apps", "namespace: shop")),
            ("app/definition.yaml", DEFINITION),
            ("app/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"),
            ("app/w.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nsize: 1\n"),
        ])
        .await;
        w.fetched(&head(&w)).await;
        w
    }
    fn begin(w: &World) -> String {
        w.apply(&kustomization("apps", "app", "retryInterval: 1s"));
        head(w)
    }
    async fn over(w: &World, revision: &str) {
        w.ready("apps", revision).await;
    }
    fn is_tracked(w: &World, when: &str) {
        let inventory = w.inventory("apps");
        for (kind, namespace, name, id) in STAGED {
            let is_there = w.get(kind, namespace, name).is_some();
            assert!(!is_there || inventory.iter().any(|i| i == id), "{when}: {id} is untracked\n{}", w.story());
        }
    }
    async fn is_right(w: &World, when: &str) {
        for (kind, namespace, name, id) in STAGED {
            assert!(w.get(kind, namespace, name).is_some(), "{when}: {id} is not there");
        }
        let mut ids = STAGED.map(|(.., id)| id.to_owned());
        ids.sort();
        assert_eq!(w.inventory("apps"), ids, "{when}");
    }
}

/// The deletion of a Kustomization of two objects.
struct Deletion;

impl Run for Deletion {
    const LEAST: usize = 6;
    async fn world() -> World {
        Change::world().await
    }
    fn begin(w: &World) -> String {
        w.delete(KUSTOMIZATION, "apps");
        String::new()
    }
    async fn over(w: &World, _: &str) {
        w.until("the Kustomization is gone", || (!w.has(KUSTOMIZATION, "apps")).then_some(())).await;
    }
    fn is_tracked(w: &World, when: &str) {
        let inventory = w.inventory("apps");
        for name in ["a", "b"].into_iter().filter(|name| w.has(MAPS, name)) {
            let id = format!("apps_{name}__ConfigMap");
            assert!(inventory.contains(&id), "{when}: {name} outlived its Kustomization\n{}", w.story());
        }
    }
    async fn is_right(w: &World, when: &str) {
        assert!(!w.has(MAPS, "a") && !w.has(MAPS, "b"), "{when}");
    }
}

/// One test for each trouble of each run.
macro_rules! sweeps {
    ($run:ident: $($name:ident $trouble:expr,)*) => {$(
        #[tokio::test]
        async fn $name() {
            sweep::<$run>($trouble).await;
        }
    )*};
}

sweeps! { Change:
    a_process_that_dies_before_any_request_leaves_nothing_untracked Trouble::CrashBefore,
    a_process_that_dies_after_any_request_leaves_nothing_untracked Trouble::CrashAfter,
    a_run_outlives_any_request_that_is_refused_for_now Trouble::Status(429),
    a_run_outlives_any_request_that_fails_in_the_server Trouble::Status(500),
    a_run_outlives_any_connection_that_breaks_before_the_request Trouble::DropBefore,
    a_run_outlives_any_connection_that_breaks_after_the_request Trouble::DropAfter,
    a_run_outlives_any_request_without_an_answer Trouble::Hang,
}

sweeps! { FirstApply:
    a_first_apply_whose_process_dies_before_any_request_leaves_nothing_untracked Trouble::CrashBefore,
    a_first_apply_whose_process_dies_after_any_request_leaves_nothing_untracked Trouble::CrashAfter,
    a_first_apply_outlives_any_request_that_is_refused_for_now Trouble::Status(429),
    a_first_apply_outlives_any_request_that_fails_in_the_server Trouble::Status(500),
    a_first_apply_outlives_any_connection_that_breaks_before_the_request Trouble::DropBefore,
    a_first_apply_outlives_any_connection_that_breaks_after_the_request Trouble::DropAfter,
    a_first_apply_outlives_any_request_without_an_answer Trouble::Hang,
}

sweeps! { Deletion:
    a_deletion_whose_process_dies_before_any_request_leaves_nothing_behind Trouble::CrashBefore,
    a_deletion_whose_process_dies_after_any_request_leaves_nothing_behind Trouble::CrashAfter,
    a_deletion_outlives_any_request_that_is_refused_for_now Trouble::Status(429),
    a_deletion_outlives_any_request_that_fails_in_the_server Trouble::Status(500),
    a_deletion_outlives_any_connection_that_breaks_before_the_request Trouble::DropBefore,
    a_deletion_outlives_any_connection_that_breaks_after_the_request Trouble::DropAfter,
    a_deletion_outlives_any_request_without_an_answer Trouble::Hang,
}
