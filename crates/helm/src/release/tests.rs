use std::collections::BTreeMap;

use belay_object::{Map, Object, Value, from_json_str, object};
use belay_tree::{MemoryTree, TreePath};

use super::change::{change, objects, removal};
use super::hooks::{self, HookRun, HookStep};
use super::{
    ApplyMethod, RecordedChart, Release, Status, Stored, check_labels, check_name, encode_data, history, ownership,
    read_secret, secret,
};
use crate::manifest::{Hook, HookEvent, sort};
use crate::{Chart, Limits, load};

fn chart() -> Chart {
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\ndescription: a <b>\n"),
        ("values.yaml", "a: 1\nb: {c: 2}\n"),
        ("templates/t.yaml", "x"),
    ];
    let tree = MemoryTree::from_files(files).expect("the paths are clean");
    load(&tree, &TreePath::root(), &Limits::default()).expect("it loads")
}

fn release(version: u32, status: Status) -> Release {
    let mut release = Release::new("r", "n", version, &chart());
    release.info.first_deployed = "2026-01-01T00:00:00Z".into();
    release.info.last_deployed = format!("2026-01-{version:02}T00:00:00Z");
    release.set_status(status, "words");
    release
}

#[test]
fn a_record_has_gos_fields_in_gos_order() {
    let mut release = release(2, Status::Deployed);
    release.config = from_json_str(r#"{"x":"<"}"#).expect("it is JSON").as_object().cloned().unwrap_or_default();
    release.manifest = "---\n".into();
    release.apply_method = Some(ApplyMethod::ServerSide);
    assert_eq!(
        String::from_utf8_lossy(&release.to_json()),
        concat!(
            r#"{"name":"r","info":{"first_deployed":"2026-01-01T00:00:00Z","last_deployed":"2026-01-02T00:00:00Z","#,
            r#""description":"words","status":"deployed"},"chart":{"metadata":{"name":"c","version":"1.0.0","#,
            r#""description":"a \u003cb\u003e","apiVersion":"v2"},"lock":null,"templates":[{"name":"templates/t.yaml","#,
            r#""data":"eA=="}],"values":{"a":1,"b":{"c":2}},"schema":null,"schemamodtime":"0001-01-01T00:00:00Z","#,
            r#""files":null},"config":{"x":"\u003c"},"manifest":"---\n","version":2,"namespace":"n","apply_method":"ssa"}"#,
        )
    );
}

#[test]
fn fields_that_mean_nothing_here_are_kept() {
    let json = r#"{"name":"r","info":{"status":"failed","resources":{"v1":[1]}},"hooks":[{"name":"h","last_run":{"phase":""},"new":{"a":[1.50]}}],"version":1,"newer":"x"}"#;
    let release = Release::from_json(json.as_bytes()).expect("it parses");
    assert_eq!(String::from_utf8_lossy(&release.to_json()), json);
}

#[test]
fn a_record_goes_into_a_secret_and_comes_back() {
    let mut release = release(3, Status::PendingUpgrade);
    release.labels = BTreeMap::from([("team".into(), "a".into()), ("owner".into(), "me".into())]);
    let stored = secret(&release, "store", Stored::Created(1_700_000_000));
    assert_eq!((stored.name(), stored.namespace()), ("sh.helm.release.v1.r.v3", "store"));
    assert_eq!(stored.str_at(&["type"]), Some("helm.sh/release.v1"));
    let labels = stored.labels().map(|labels| Value::Object(labels.clone()).to_json()).unwrap_or_default();
    assert_eq!(
        labels,
        r#"{"createdAt":"1700000000","name":"r","owner":"helm","status":"pending-upgrade","team":"a","version":"3"}"#
    );
    let read = read_secret(&stored).expect("it decodes").expect("it is a record");
    assert_eq!(read.to_json(), release.to_json());
    assert_eq!(read.labels, BTreeMap::from([("team".into(), "a".into())]));
    assert_eq!(Status::of_secret(&stored), Status::PendingUpgrade);
    let foreign = Object::of("v1", "Secret", "n", "x");
    assert!(read_secret(&foreign).expect("it is no error").is_none());
}

#[test]
fn records_that_are_not_packed_are_read_and_broken_ones_refused() {
    use base64::Engine as _;
    let plain = base64::engine::general_purpose::STANDARD.encode(br#"{"name":"old"}"#);
    assert_eq!(Release::decode(&plain).expect("it decodes").name, "old");
    assert_eq!(Release::decode(&encode_data(&release(1, Status::Failed))).expect("it decodes").version, 1);
    for broken in ["%", "H4sIAAAA", "bm8ganNvbg=="] {
        assert!(Release::decode(broken).is_err(), "{broken}");
    }
}

#[test]
fn the_chart_of_a_record_can_be_used_again() {
    let recorded = RecordedChart::of(&chart());
    assert_eq!(recorded.metadata().expect("it parses").version, "1.0.0");
    let again = recorded.chart().expect("it parses");
    assert_eq!((again.values.clone(), again.templates.clone()), (chart().values, chart().templates));
    assert_eq!(RecordedChart::of(&again).as_json(), recorded.as_json());
}

#[test]
fn names_and_labels_are_checked() {
    for (name, is_fine) in [("a", true), ("a-b.c1", true), ("", false), ("A", false), ("a.", false), ("-a", false)] {
        assert_eq!(check_name(name).is_ok(), is_fine, "{name}");
    }
    assert!(check_name(&"a".repeat(53)).is_ok() && check_name(&"a".repeat(54)).is_err());
    let labels = |key: &str| BTreeMap::from([(key.to_owned(), "x".to_owned())]);
    assert!(check_labels(&labels("team")).is_ok() && check_labels(&labels("status")).is_err());
}

#[test]
fn an_upgrade_starts_from_what_is_deployed() {
    use Status::{Deployed, Failed, PendingInstall, Superseded, Uninstalled};
    let check = |states: &[Status], expected: Result<(u32, u32), &str>| {
        let list: Vec<Release> = (1u32..).zip(states).map(|(version, status)| release(version, *status)).collect();
        let found = history::upgrade_base("r", &list).map(|base| (base.current.version, base.next_version()));
        assert_eq!(found.map_err(|e| e.to_string()), expected.map_err(str::to_owned), "{states:?}");
    };
    check(&[Superseded, Deployed], Ok((2, 3)));
    check(&[Deployed, Failed], Ok((1, 3)));
    check(&[Failed], Ok((1, 2)));
    check(&[Deployed, PendingInstall], Err("another operation (install/upgrade/rollback) is in progress"));
    check(&[Uninstalled], Err("\"r\" has no deployed releases"));
    check(&[], Err("\"r\" has no deployed releases"));
}

#[test]
fn a_name_in_use_is_refused_unless_it_may_be_replaced() {
    let list = |status| vec![release(1, status)];
    assert!(history::check_available(&[], false).is_ok());
    assert!(history::check_available(&list(Status::Uninstalled), true).is_ok());
    assert!(history::check_available(&list(Status::Uninstalled), false).is_err());
    assert!(history::check_available(&list(Status::Deployed), true).is_err());
}

#[test]
fn history_is_cut_but_never_the_deployed_revision() {
    use Status::{Deployed, Failed, Superseded};
    let check = |states: &[Status], max: u32, expected: &[u32]| {
        let list: Vec<Release> = (1u32..).zip(states).map(|(version, status)| release(version, *status)).collect();
        assert_eq!(history::to_forget(&list, max), expected, "{states:?} {max}");
    };
    check(&[Superseded, Superseded, Deployed], 3, &[1]);
    check(&[Deployed, Failed, Failed], 2, &[2, 3]);
    check(&[Superseded, Deployed], 0, &[]);
    check(&[Superseded, Deployed], 10, &[]);
    check(&[Deployed], 1, &[]);
}

#[test]
fn a_rollback_is_a_new_revision_of_the_old() {
    let list = [release(1, Status::Superseded), release(2, Status::Deployed)];
    let target = history::rollback_target(&list, 0).expect("there is one");
    let record =
        history::rollback_record(&list, target, ApplyMethod::ServerSide, "2026-02-01T00:00:00Z").expect("it is made");
    assert_eq!((record.version, record.info.description.as_str()), (3, "Rollback to 1"));
    assert_eq!(
        (record.info.status, record.info.last_deployed.as_str()),
        (Status::PendingRollback, "2026-02-01T00:00:00Z")
    );
    assert_eq!(history::rollback_target(&list, 7).expect_err("there is none").to_string(), "release has no 7 version");
    assert_eq!(history::last_successful(&list).map(|release| release.version), Some(2));
}

#[test]
fn values_of_before_are_used_as_asked() {
    use history::ReuseValues::{IfNone, Reset, ResetThenReuse, Reuse};
    let map = |json: &str| from_json_str(json).expect("it is JSON").as_object().cloned().unwrap_or_default();
    let mut current = release(1, Status::Deployed);
    current.config = map(r#"{"old": 1, "b": {"c": 9}}"#);
    let check = |reuse, new: &str, expected: &str, defaults: &str| {
        let (chart, values) = history::reuse_values(chart(), &current, map(new), reuse).expect("it merges");
        assert_eq!(Value::Object(values).to_json(), expected, "{reuse:?}");
        assert_eq!(Value::Object((*chart.values).clone()).to_json(), defaults, "{reuse:?}");
    };
    let own = r#"{"a":1,"b":{"c":2}}"#;
    check(IfNone, "{}", r#"{"b":{"c":9},"old":1}"#, own);
    check(IfNone, r#"{"new":1}"#, r#"{"new":1}"#, own);
    check(Reset, "{}", "{}", own);
    check(ResetThenReuse, r#"{"b":{"d":1}}"#, r#"{"b":{"c":9,"d":1},"old":1}"#, own);
    check(Reuse, r#"{"new":1}"#, r#"{"b":{"c":9},"new":1,"old":1}"#, r#"{"a":1,"b":{"c":9},"old":1}"#);
}

#[test]
fn labels_and_methods_follow_the_last_revision() {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    };
    assert_eq!(
        history::merge_labels(&map(&[("a", "1"), ("b", "2")]), &map(&[("a", "null"), ("c", "3")])),
        map(&[("b", "2"), ("c", "3")])
    );
    assert_eq!(history::apply_method("auto", None).expect("it is known"), ApplyMethod::ClientSide);
    assert_eq!(
        history::apply_method("auto", Some(ApplyMethod::ServerSide)).expect("it is known"),
        ApplyMethod::ServerSide
    );
    assert!(history::apply_method("maybe", None).is_err());
}

#[test]
fn foreign_objects_are_refused_in_helms_words() {
    let mut live = Object::of("v1", "Service", "n", "s");
    let check = |live: &Object, expected: &str| {
        let found = ownership::check_adoption(live, "r", "n", "install").err().map(|e| e.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    };
    let head = "unable to continue with install: Service \"s\" in namespace \"n\" exists and cannot be imported into the current release: invalid ownership metadata; ";
    let annotation = |name: &str, value: &str| {
        format!("annotation validation error: missing key \"meta.helm.sh/release-{name}\": must be set to \"{value}\"")
    };
    let both = format!("{}; {}", annotation("name", "r"), annotation("namespace", "n"));
    check(
        &live,
        &format!(
            "{head}label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; {both}"
        ),
    );
    ownership::stamp(&mut live, "r", "n");
    check(&live, "");
    live.set_annotation(ownership::RELEASE_NAME, "other");
    check(
        &live,
        &format!(
            "{head}annotation validation error: key \"meta.helm.sh/release-name\" must equal \"r\": current value is \"other\""
        ),
    );
}

#[test]
fn an_upgrade_applies_the_new_and_deletes_the_rest() {
    let old = objects("---\nkind: Service\nmetadata: {name: a}\n---\nkind: ConfigMap\nmetadata: {name: gone}\n")
        .expect("it parses");
    let list = "kind: List\nitems:\n- {kind: Service, metadata: {name: a, namespace: n}}\n- {kind: Secret, metadata: {name: new}}\n---\n# nothing\n";
    let change = change("r", "n", old, objects(list).expect("it parses"));
    let names = |objects: &[Object]| objects.iter().map(|o| o.name().to_owned()).collect::<Vec<_>>().join(" ");
    assert_eq!((names(&change.apply), names(&change.delete)), ("a new".into(), "gone".into()));
    assert_eq!(change.new_objects().map(Object::name).collect::<Vec<_>>(), ["new"]);
    assert_eq!(change.apply[0].label(ownership::MANAGED_BY), Some("Helm"));
    assert_eq!(change.before[0].as_ref().and_then(|o| o.label(ownership::MANAGED_BY)), None);
    assert!(objects("[1]").is_err());
}

#[test]
fn an_uninstall_goes_in_its_own_order_and_keeps_what_is_to_be_kept() {
    let removal = removal(
        "---\nkind: Service\nmetadata: {name: s}\n---\nkind: Ingress\nmetadata: {name: i}\n---\nkind: Secret\nmetadata: \
         {name: k, annotations: {helm.sh/resource-policy: keep}}\n",
    )
    .expect("it parses");
    assert_eq!(removal.delete.iter().map(Object::name).collect::<Vec<_>>(), ["i", "s"]);
    assert_eq!(removal.kept, ["[Secret] k"]);
}

fn hook_list() -> Vec<Hook> {
    let hook = |name: &str, weight: i32, more: &str| {
        format!(
            "kind: Job\nmetadata:\n  name: {name}\n  annotations: {{helm.sh/hook: \"pre-install,post-install\", helm.sh/hook-weight: {weight}{more}}}\n---\n"
        )
    };
    let text = [
        hook("b", 0, ""),
        hook("a", 0, ", helm.sh/hook-delete-policy: \"hook-succeeded,hook-failed\""),
        hook("first", -1, ""),
    ];
    let files = BTreeMap::from([("c/t.yaml".to_owned(), text.concat())]);
    sort(files).expect("it parses").0
}

const SINCE: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-01-01T00:00:09.5+01:00";
const LATER: &str = "2026-01-01T12:00:00.5Z";

/// Runs an event as an executor would, dying before the `death`th act; gives what was done.
fn run(
    hooks: &mut [Hook],
    event: HookEvent,
    fails: &str,
    death: usize,
    log: &mut Vec<String>,
) -> Option<Result<(), usize>> {
    let mut run = HookRun::new(hooks, event, SINCE);
    for _ in 0..death {
        let name = |i: usize, hooks: &[Hook]| hooks[i].name.clone();
        match run.next(hooks) {
            HookStep::DeleteOld(i) => {
                log.push(format!("delete-old {}", name(i, hooks)));
                run.cleared(i);
            }
            HookStep::Start(i) => {
                hooks::start(&mut hooks[i], event, LATER);
                log.push(format!("create {}", name(i, hooks)));
            }
            HookStep::Await(i) if hooks[i].name == fails => hooks::fail(&mut hooks[i], LATER),
            HookStep::Await(i) => hooks::succeed(&mut hooks[i], LATER),
            HookStep::CleanUp(i) => {
                log.push(format!("delete {}", name(i, hooks)));
                run.cleaned();
            }
            HookStep::Done(result) => return Some(result),
        }
    }
    None
}

#[test]
fn hooks_run_by_weight_then_name_and_are_cleaned_up() {
    let (mut hooks, mut log) = (hook_list(), Vec::new());
    assert_eq!(run(&mut hooks, HookEvent::PreInstall, "", 99, &mut log), Some(Ok(())));
    assert_eq!(log, ["delete-old first", "create first", "create a", "delete-old b", "create b", "delete a"]);
    // The other event of the same hooks is another run.
    log.clear();
    assert_eq!(run(&mut hooks, HookEvent::PostInstall, "", 99, &mut log), Some(Ok(())));
    assert_eq!(log.iter().filter(|act| act.starts_with("create")).count(), 3);
    assert_eq!(run(&mut hooks, HookEvent::Test, "", 99, &mut log), Some(Ok(())));
}

#[test]
fn a_failed_hook_ends_the_run() {
    let (mut hooks, mut log) = (hook_list(), Vec::new());
    let result = run(&mut hooks, HookEvent::PreInstall, "a", 99, &mut log);
    assert_eq!(result.and_then(Result::err).map(|i| hooks[i].name.clone()).as_deref(), Some("a"));
    assert_eq!(log, ["delete-old first", "create first", "create a", "delete a"]);
}

#[test]
fn wherever_a_run_is_cut_off_each_hook_is_made_once_and_in_order() {
    for death in 0..20 {
        let (mut hooks, mut log) = (hook_list(), Vec::new());
        if run(&mut hooks, HookEvent::PreInstall, "", death, &mut log).is_none() {
            // Another process goes on from the record.
            assert_eq!(run(&mut hooks, HookEvent::PreInstall, "", 99, &mut log), Some(Ok(())));
        }
        let created: Vec<&str> = log.iter().filter_map(|act| act.strip_prefix("create ")).collect();
        assert_eq!(created, ["first", "a", "b"], "cut off before act {death}");
    }
}

#[test]
fn runs_of_before_do_not_count() {
    let mut hooks = hook_list();
    for hook in &mut hooks {
        hooks::start(hook, HookEvent::PreInstall, NOW);
        hooks::succeed(hook, NOW);
    }
    // NOW is before SINCE, seen in one zone.
    let run = HookRun::new(&hooks, HookEvent::PreInstall, SINCE);
    assert!(matches!(run.next(&hooks), HookStep::DeleteOld(_)));
}

#[test]
fn a_lookup_of_values_needs_no_chart() {
    let release = Release::from_json(br#"{"name":"r","config":{"a":1}}"#).expect("it parses");
    assert_eq!(release.config.get("a"), Some(&Value::Float(1.0)));
    let (_, values) =
        history::reuse_values(chart(), &release, Map::new(), history::ReuseValues::Reuse).expect("it merges");
    assert_eq!(Value::Object(values), object! { "a" => 1 });
}

#[test]
fn the_identity_of_a_revision_has_only_helms_own_fields() {
    let json = r#"{"name":"r","info":{"status":"failed","resources":{"v1":[1]}},"chart":{"metadata":{"name":"c","new":1}},"hooks":[{"name":"h","events":["test"],"last_run":{"phase":""}},{"name":"i","last_run":{"phase":"Running","event":"pre-install"},"new":1}],"version":1,"newer":"x"}"#;
    let release = Release::from_json(json.as_bytes()).expect("it parses");
    assert_eq!(
        String::from_utf8_lossy(&release.identity_json("sha256:1").expect("it is written")),
        "{\"name\":\"r\",\"version\":1,\"info\":{\"status\":\"failed\"},\"chartMetadata\":{\"name\":\"c\"},\"config\":null,\
         \"manifest\":\"\",\"hooks\":[{\"name\":\"i\",\"last_run\":{\"phase\":\"Running\"}}],\"namespace\":\"\",\
         \"ociDigest\":\"sha256:1\"}\n"
    );
}
