use belay_helm::index::{self as helm_index, ChartVersion, choose, versions};

use super::helm_repository::human_size;
use super::oci_repository::highest;
use super::package;

#[track_caller]
fn check(tags: &[&str], range: &str, filter: Option<&str>, of_chart: bool, expected: &str) {
    let tags: Vec<String> = tags.iter().map(|t| (*t).to_owned()).collect();
    let found = highest(&tags, range, filter, of_chart).unwrap_or_else(|e| e);
    assert_eq!(found, expected, "{tags:?} {range}");
}

#[test]
fn the_highest_tag_in_a_range_is_chosen() {
    let tags = ["latest", "6.1.4", "6.1.5-rc.1", "6.1.5", "6.1.6-rc.1", "6.2.0", "v6.3.0", "sha256-abc.sig", "6"];
    check(&tags, ">= 6.1.0", None, false, "v6.3.0");
    check(&tags, "6.1.x", None, false, "6.1.5");
    check(&tags, "<= 6.1.6-z", None, false, "6.1.6-rc.1");
    check(&tags, ">= 6.1.0-0", Some(".*-rc.*"), false, "6.1.6-rc.1");
    check(&tags, "> 7", None, false, "no match found for semver: > 7");
    check(&["1.0.0_1", "0.9.0"], "*", None, true, "1.0.0_1");
    check(&["1.0.0_1", "0.9.0"], "*", None, false, "0.9.0");
    check(
        &tags,
        "*",
        Some("[a-"),
        false,
        "semverFilter cannot be read: regex parse error:\n    [a-\n    ^\nerror: unclosed character class",
    );
}

#[track_caller]
fn check_index(index: &str, chart: &str, expected: &str) {
    let found = match versions(index.as_bytes(), chart) {
        Err(e) => format!("error: {e}"),
        Ok(None) => "none".to_owned(),
        Ok(Some(all)) => {
            let one = |v: &ChartVersion| format!("{} {} {}", v.name, v.version, v.urls.join(","));
            all.iter().map(one).collect::<Vec<_>>().join("; ")
        }
    };
    assert_eq!(found, expected, "{chart} of {index}");
}

#[test]
fn an_index_is_cut_at_its_charts() {
    let index = "apiVersion: v1\n# a comment\nentries:\n  alpine:\n  - name: alpine\n    description: |\n      entries:\n        shop:\n\n    version: 1.0.0\n    urls: [a.tgz]\n  \"shop\":\n    - name: shop\n      version: 2.0.0\n      urls:\n        - b.tgz\n    - version: 1.0.0\n    - name: broken\n  zoo: []\ngenerated: now\n";
    check_index(index, "alpine", "alpine 1.0.0 a.tgz");
    check_index(index, "shop", "shop 2.0.0 b.tgz; shop 1.0.0 ");
    check_index(index, "zoo", "");
    check_index(index, "generated", "none");
    assert_eq!(helm_index::check(index.as_bytes()), Ok(3));
    let at_the_margin = "entries:\n  a:\n  - {name: a, version: 1.0.0}\napiVersion: v1\n";
    check_index(at_the_margin, "a", "a 1.0.0 ");
    check_index("apiVersion: v1\nentries: {}\n", "a", "none");
    check_index("apiVersion: v1\nentries: {a: [{name: a, version: 1.0.0, urls: [x]}]}\n", "a", "a 1.0.0 x");
    check_index("{\"apiVersion\": \"v1\", \"entries\": {\"a\": [{\"version\": \"1.0.0\"}]}}", "a", "a 1.0.0 ");
    check_index("entries: {}\n", "a", "error: no API version specified");
    check_index("", "a", "error: no API version specified");
    check_index("apiVersion: v1\nentries:\n  a:\n  - {\n  b:\n", "b", "");
    assert!(helm_index::check("apiVersion: v1\nentries:\n  a:\n  - {\n  b: []\n".as_bytes()).is_err());
    check_index(
        "apiVersion: v1\nentries:\n    a: []\n  b: []\n",
        "b",
        "error: line 4: a chart stands less deep than the first",
    );
}

#[test]
fn inv_net_7_an_index_without_end_is_refused_while_it_is_read() {
    let line = std::io::repeat(b'x');
    let error = helm_index::check(std::io::BufReader::new(line)).unwrap_err();
    assert_eq!(error, "line 1 is longer than 4194304 bytes");
    let head = "apiVersion: v1\nentries:\n  a:\n".as_bytes();
    struct Endless;
    impl std::io::Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            const LINE: &[u8] = b"  - version: 1.0.0\n";
            let n = buffer.len() / LINE.len() * LINE.len();
            buffer[..n].chunks_mut(LINE.len()).for_each(|c| c.copy_from_slice(LINE));
            Ok(n)
        }
    }
    let endless = std::io::BufReader::with_capacity(1900, std::io::Read::chain(head, Endless));
    let error = helm_index::check(endless).unwrap_err();
    assert!(error.ends_with("an entry is larger than 33554432 bytes"), "{error}");
}

#[test]
fn a_version_is_chosen_exactly_or_as_the_highest_of_a_range() {
    let of = |version: &str, created: &str| ChartVersion {
        name: "a".into(),
        version: version.into(),
        urls: Vec::new(),
        digest: String::new(),
        created: created.into(),
    };
    let all =
        || Some(vec![of("1.0.0", ""), of("not one", ""), of("2.0.0-rc.1", ""), of("1.5.0+b", "1"), of("1.5.0+a", "2")]);
    let chosen = |range: &str| choose(all(), "a", range).map_or_else(|e| e, |v| v.version);
    assert_eq!(chosen("*"), "1.5.0+a", "the younger of equals");
    assert_eq!(chosen(""), "1.5.0+a");
    assert_eq!(chosen("2.0.0-rc.1"), "2.0.0-rc.1");
    assert_eq!(chosen(">= 1.0.0-0"), "2.0.0-rc.1");
    assert_eq!(chosen("not one"), "not one");
    assert_eq!(chosen("~1.0"), "1.0.0");
    assert_eq!(chosen("3"), "no 'a' chart with version matching '3' found");
    assert_eq!(choose(None, "a", "*").unwrap_err(), "no chart name found");
    assert_eq!(choose(Some(Vec::new()), "a", "*").unwrap_err(), "no chart version found");
}

#[test]
fn values_are_merged_by_maps_and_a_package_depends_on_its_files_alone() {
    let read = |text: &str| package::read_values("v.yaml", text.as_bytes()).unwrap();
    let mut values = read("a: {b: 1, c: [1, 2]}\nd: x\n");
    package::merge(&mut values, read("a: {c: [3], e: null}\nf: {}\n"));
    let text = belay_object::Value::Object(values).to_json();
    assert_eq!(text, r#"{"a":{"b":1,"c":[3],"e":null},"d":"x","f":{}}"#);
    assert_eq!(
        package::read_values("v.yaml", b"- a\n").unwrap_err(),
        "unmarshaling values from 'v.yaml' failed: it is of type array, not an object"
    );
    let chart = "apiVersion: v2\nname: a\nversion: 1.0.0\nannotations: {x: y}\n";
    let mut files = vec![
        belay_helm::File::new("templates/t.yaml", &b"a: {{ .Values.a }}\n"[..]),
        belay_helm::File::new("Chart.yaml", chart.as_bytes()),
    ];
    let first = package::pack("a", &files).unwrap();
    files.reverse();
    assert_eq!(first, package::pack("a", &files).unwrap(), "in whatever order they come");
    package::set_version(&mut files, "1.0.0+5").unwrap();
    let loaded = belay_helm::load_archive(&package::pack("a", &files).unwrap(), &Default::default()).unwrap();
    assert_eq!((loaded.name(), loaded.metadata.version.as_str()), ("a", "1.0.0+5"));
    assert!(loaded.metadata.annotations.is_some());
}

#[test]
fn sizes_are_written_as_go_writes_them() {
    for (bytes, expected) in [(0, "0B"), (999, "999B"), (1000, "1kB"), (1234, "1.234kB"), (12_345_678, "12.35MB")] {
        assert_eq!(human_size(bytes), expected);
    }
}
