//! Prints how long one server-side apply of a Deployment takes: unchanged, changed, with a field given
//! up; and what else a request costs (reading, fitting, tracking an update, digest, first look at types).

use std::hint::black_box;
use std::time::{Duration, Instant};

use belay_object::{GroupVersionKind, Object, from_json_str};
use belay_schema::ssa::{self, Manager, Target};
use belay_schema::{Types, decode, default_values};

const DEPLOYMENT: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"front-end","namespace":"sock-shop","labels":{"name":"front-end","app":"shop","kustomize.toolkit.fluxcd.io/name":"sock-shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}},"spec":{"replicas":1,"selector":{"matchLabels":{"name":"front-end"}},"template":{"metadata":{"labels":{"name":"front-end"}},"spec":{"containers":[{"name":"front-end","image":"weaveworksdemos/front-end:0.3.12","resources":{"limits":{"cpu":"300m","memory":"1000Mi"},"requests":{"cpu":"100m","memory":"300Mi"}},"ports":[{"containerPort":8079}],"env":[{"name":"SESSION_REDIS","value":"true"},{"name":"OTHER","value":"1"}],"securityContext":{"runAsNonRoot":true,"runAsUser":10001,"capabilities":{"drop":["all"]},"readOnlyRootFilesystem":true},"livenessProbe":{"httpGet":{"path":"/","port":8079},"initialDelaySeconds":300,"periodSeconds":3},"readinessProbe":{"httpGet":{"path":"/","port":8079},"initialDelaySeconds":30,"periodSeconds":3},"volumeMounts":[{"mountPath":"/tmp","name":"tmp"}]}],"volumes":[{"name":"tmp","emptyDir":{}}],"nodeSelector":{"beta.kubernetes.io/os":"linux"}}}}}"#;

fn time(what: &str, rounds: u32, mut run: impl FnMut()) {
    for _ in 0..rounds / 10 {
        run();
    }
    let began = Instant::now();
    for _ in 0..rounds {
        run();
    }
    let each: Duration = began.elapsed() / rounds;
    println!("{what:<40} {:>8.2} us", each.as_nanos() as f64 / 1000.0);
}

fn main() {
    let began = Instant::now();
    let types = Types::builtin();
    let schema = types.get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("a built-in kind");
    println!("{:<40} {:>8.2} us", "first look at the table", began.elapsed().as_nanos() as f64 / 1000.0);
    let reset = ssa::reset_fields(&schema, "");
    let target = Target { schema: &schema, api_version: "apps/v1", kind: "Deployment", subresource: "", reset: &reset };
    let read = |text: &str| Object::new(from_json_str(text).expect("JSON")).expect("an object");
    let applied = read(DEPLOYMENT);
    let flux = Manager { name: "kustomize-controller", time: "2026-01-01T00:00:00Z" };
    let began = Instant::now();
    let mut live = ssa::apply(&target, None, &applied, &flux, false).expect("created");
    println!("{:<40} {:>8.2} us", "first apply (compiles the types)", began.elapsed().as_nanos() as f64 / 1000.0);
    default_values(live.value_mut(), &schema);
    live.set(&["status", "replicas"], 1);
    let controller = Manager { name: "kube-controller-manager", time: "2026-01-01T00:00:00Z" };
    let mut updated = live.clone();
    updated.set_annotation("deployment.kubernetes.io/revision", "1");
    let live = ssa::update(&target, Some(&live), updated, &controller);
    let changed = read(&DEPLOYMENT.replace("0.3.12", "0.3.13"));
    let fewer = read(&DEPLOYMENT.replace(
        r#""livenessProbe":{"httpGet":{"path":"/","port":8079},"initialDelaySeconds":300,"periodSeconds":3},"#,
        "",
    ));

    let rounds = 20_000;
    time("create", rounds, || drop(black_box(ssa::apply(&target, None, &applied, &flux, false))));
    time("apply, nothing changed", rounds, || drop(black_box(ssa::apply(&target, Some(&live), &applied, &flux, true))));
    time("apply, an image changed", rounds, || {
        drop(black_box(ssa::apply(&target, Some(&live), &changed, &flux, true)))
    });
    time("apply, a probe given up", rounds, || drop(black_box(ssa::apply(&target, Some(&live), &fewer, &flux, true))));
    time("update, an annotation changed", rounds, || {
        let mut new = live.clone();
        new.set_annotation("deployment.kubernetes.io/revision", "2");
        drop(black_box(ssa::update(&target, Some(&live), new, &controller)));
    });
    time("keep_times of an equal object", rounds, || {
        let mut new = live.clone();
        black_box(ssa::keep_times(&live, &mut new));
    });
    time("read JSON", rounds, || drop(black_box(decode::read_json(DEPLOYMENT.as_bytes()))));
    time("fit", rounds, || drop(black_box(decode::fit(&mut applied.value().clone(), &schema))));
    time("clone", rounds, || drop(black_box(live.clone())));
    time("owned digest", rounds, || {
        black_box(ssa::owned_digest(&live, "kustomize-controller"));
    });
}
