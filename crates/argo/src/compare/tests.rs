//! Pairs and verdicts, a line an object.

use super::*;

/// `ConfigMap/a wave=1 hook=PreSync`: the words set annotations; `live` bears the tracking of `one`, unless
/// `tracked=` names another or nobody (`-`).
fn object(text: &str, is_live: bool) -> Object {
    let mut words = text.split(' ');
    let (kind, name) = words.next().unwrap().split_once('/').unwrap();
    let (version, group) = match kind {
        "Deployment" => ("apps/v1", "apps"),
        "Application" => ("argoproj.io/v1alpha1", "argoproj.io"),
        _ => ("v1", ""),
    };
    let is_global = kind == "Namespace";
    let mut object = Object::of(version, kind, if is_global { "" } else { "shop" }, name);
    let mut owner = "one".to_owned();
    for word in words {
        let (what, value) = word.split_once('=').unwrap();
        match what {
            "tracked" => owner = value.to_owned(),
            "hook" => object.set_annotation(marks::HOOK, value),
            "wave" => object.set_annotation(marks::SYNC_WAVE, value),
            "compare" => object.set_annotation(marks::COMPARE_OPTIONS, value),
            "ignore" => object.set_annotation(marks::IGNORE_HEALTH, value),
            "options" => object.set_annotation(marks::SYNC_OPTIONS, &format!("{value}=false")),
            "health" => object.set(&["status", "health"], value),
            "id" => object.set_annotation(crate::tracking::TRACKING_ID, value),
            "owned" => object.set(
                &["metadata", "ownerReferences"],
                vec![belay_object::object! { "kind" => "Deployment", "name" => value, "uid" => "u" }],
            ),
            other => panic!("{other}"),
        }
    }
    if is_live && owner != "-" && object.annotation(crate::tracking::TRACKING_ID).is_none() {
        let id = format!("{owner}:{group}/{kind}:shop/{name}");
        object.set_annotation(crate::tracking::TRACKING_ID, &id);
    }
    object
}

fn pairs(targets: &[&str], live: &[&str]) -> Pairs {
    let live = live.iter().map(|text| Arc::new(object(text, true))).map(|o| (o.key(), o));
    pair(targets.iter().map(|text| object(text, false)).collect(), live.collect())
}

struct Case {
    targets: &'static [&'static str],
    live: &'static [&'static str],
    /// Names of objects that differ.
    differ: &'static [&'static str],
    failed: bool,
}

/// The verdict: the Application, a line an object, a line a condition.
fn judged(case: &Case) -> Vec<String> {
    let pairs = pairs(case.targets, case.live);
    let difference = Difference { pointer: "/data".into(), live: None, desired: None, manager: None };
    let of = |pair: &Pair| {
        let differs = pair.object().is_some_and(|o| case.differ.contains(&o.name()));
        if differs { vec![difference.clone()].into() } else { Arc::from([]) }
    };
    let differences = pairs.managed.iter().map(of).collect();
    let app = Application { name: "one".into(), namespace: "argocd".into(), ..Application::default() };
    let rules = Rules {
        app: &app,
        instance: "one",
        tracking: &Tracking::default(),
        permits: &|_, kind, _, _| kind != "Secret",
        scope: &|kind| Some(kind.kind != "Namespace"),
        health: &|object| {
            let status = Status::parse(object.str_at(&["status", "health"])?)?;
            Some(Health::new(status, ""))
        },
        failed: case.failed,
        namespace_differs: false,
    };
    let found = judge(pairs, differences, &rules);
    let health = found.health.status.map_or("-", HealthCode::as_str);
    let mut lines = vec![format!("{} {health} {}", found.sync, found.causes).trim_end().to_owned()];
    lines.extend(found.resources.iter().map(|judged| {
        let status = &judged.status;
        let mut line = format!("{} {}", status.name, status.status.map_or("-", SyncCode::as_str));
        for (is, word) in [
            (status.requires_pruning, " prune"),
            (status.hook, " hook"),
            (status.requires_deletion_confirmation, " confirm"),
        ] {
            line.push_str(if is { word } else { "" });
        }
        if status.sync_wave != 0 {
            line.push_str(&format!(" wave {}", status.sync_wave));
        }
        line
    }));
    lines.extend(found.conditions.iter().map(|c| format!("{}: {}", c.kind, c.message)));
    lines
}

fn check(
    targets: &'static [&'static str],
    live: &'static [&'static str],
    differ: &'static [&'static str],
    expected: &[&str],
) {
    assert_eq!(judged(&Case { targets, live, differ, failed: false }), expected, "{targets:?} {live:?}");
}

#[test]
fn what_is_desired_and_live_is_brought_together() {
    let found = pairs(
        &[
            "ConfigMap/a",
            "ConfigMap/b",
            "Job/h hook=PreSync",
            "Job/p hook=PreDelete",
            "Job/q hook=Sync,PostDelete",
            "Job/n hook=Other",
        ],
        &["ConfigMap/a", "ConfigMap/old", "Pod/child owned=web"],
    );
    let line = |p: &Pair| {
        let name = |o: &Option<Arc<Object>>| o.as_ref().map_or("-".to_owned(), |o| o.name().to_owned());
        format!("{}:{}", name(&p.target), name(&p.live))
    };
    let names = |all: &[Arc<Object>]| all.iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(found.managed.iter().map(line).collect::<Vec<_>>(), ["a:a", "b:-", "-:old"]);
    // A hook of no known type is nobody's: neither applied nor compared (contract 1.4).
    assert_eq!(names(&found.hooks), ["h", "q"]);
    assert_eq!((names(&found.pre_delete), names(&found.post_delete)), (vec!["p".to_owned()], vec!["q".to_owned()]));
}

#[test]
fn an_application_is_out_of_sync_when_an_object_is() {
    check(&["ConfigMap/a"], &["ConfigMap/a"], &[], &["Synced Healthy", "a Synced"]);
    check(&["ConfigMap/a"], &["ConfigMap/a"], &["a"], &["OutOfSync Healthy", "a OutOfSync"]);
    check(&["ConfigMap/a"], &[], &[], &["OutOfSync Missing", "a OutOfSync"]);
    check(&[], &["ConfigMap/a"], &[], &["OutOfSync Healthy", "a OutOfSync prune"]);
    check(&["ConfigMap/a wave=2"], &["ConfigMap/a"], &[], &["Synced Healthy", "a Synced wave 2"]);
    // argo.md 10.6
    check(&[], &["ConfigMap/a compare=IgnoreExtraneous"], &[], &["Synced Healthy", "a OutOfSync prune"]);
    check(&[], &["ConfigMap/a options=Prune"], &[], &["OutOfSync Healthy", "a OutOfSync prune"]);
    check(&["ConfigMap/a hook=Skip"], &[], &[], &["Synced Healthy", "a -"]);
}

/// argo.md 10.2
#[test]
fn a_copied_tracking_id_makes_nobody_an_owner() {
    let copy = "ConfigMap/copy id=one:/ConfigMap:shop/a";
    check(&["ConfigMap/a"], &["ConfigMap/a"], &[], &["Synced Healthy", "a Synced"]);
    let lines = judged(&Case {
        targets: &["ConfigMap/a"],
        live: &["ConfigMap/a", "ConfigMap/copy id=one:/ConfigMap:shop/a"],
        differ: &[],
        failed: false,
    });
    assert_eq!(lines, ["Synced Healthy", "a Synced", "copy -"], "{copy}");
}

#[test]
fn an_object_of_two_applications_is_told() {
    let warning = "SharedResourceWarning: ConfigMap/a is part of applications argocd/one and two";
    check(&["ConfigMap/a"], &["ConfigMap/a tracked=two"], &[], &["Synced Healthy", "a Synced", warning]);
    let warning = "SharedResourceWarning: ConfigMap/a is part of applications argocd/one and team/two";
    check(&["ConfigMap/a"], &["ConfigMap/a tracked=team_two"], &[], &["Synced Healthy", "a Synced", warning]);
    check(&["ConfigMap/a"], &["ConfigMap/a tracked=-"], &["a"], &["OutOfSync Healthy", "a OutOfSync"]);
}

#[test]
fn what_a_project_does_not_permit_is_unknown() {
    check(&["Secret/s"], &["Secret/s"], &[], &["Synced Healthy", "s Unknown"]);
}

/// argo.md 10.12
#[test]
fn health_is_the_worst_of_what_is_live_and_missing_where_nothing_is() {
    let web = "Deployment/web health=Progressing";
    check(&["Deployment/web"], &["Deployment/web health=Healthy"], &[], &["Synced Healthy", "web Synced"]);
    check(&["Deployment/web", "ConfigMap/a"], &[], &[], &["OutOfSync Missing", "a OutOfSync", "web OutOfSync"]);
    let lines = judged(&Case {
        targets: &["Deployment/web", "Deployment/gone"],
        live: &["Deployment/web health=Progressing"],
        differ: &[],
        failed: false,
    });
    assert_eq!(
        lines,
        ["OutOfSync Progressing Caused by apps/Deployment:shop/web", "gone OutOfSync", "web Synced"],
        "one that is missing does not count: {web}"
    );
    let both = &["Deployment/a health=Degraded", "Deployment/b health=Unknown ignore=true"];
    check(
        &["Deployment/a", "Deployment/b"],
        both,
        &[],
        &["Synced Degraded Caused by apps/Deployment:shop/a", "a Synced", "b Synced"],
    );
    // What an Application within the Application is not sure of is its own matter.
    check(&["Application/child"], &["Application/child health=Unknown"], &[], &["Synced Healthy", "child Synced"]);
    check(
        &["Application/child"],
        &["Application/child health=Degraded"],
        &[],
        &["Synced Degraded Caused by argoproj.io/Application:shop/child", "child Synced"],
    );
}

#[test]
fn where_something_is_not_known_nothing_is() {
    let lines = judged(&Case { targets: &["ConfigMap/a"], live: &["ConfigMap/a"], differ: &[], failed: true });
    assert_eq!(lines, ["Unknown Unknown", "a Unknown"]);
}
