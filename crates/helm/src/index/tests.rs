use super::charts;

#[track_caller]
fn check(index: &str, expected: &str) {
    let found = charts(index.as_bytes());
    let shown = found.map(|all| all.iter().map(|(name, v)| format!("{name}={}", v.join(","))).collect::<Vec<_>>());
    assert_eq!(shown.map_or_else(|e| e, |all| all.join(" ")), expected);
}

#[test]
fn all_charts_of_an_index_are_told_in_any_layout() {
    let block = "apiVersion: v1\nentries:\n  db:\n  - {name: db, version: 0.1.0}\n  web:\n  - name: web\n    version: 1.1.0\n  - name: web\n    version: 1.0.0\n  none: []\n";
    check(block, "db=0.1.0 web=1.1.0,1.0.0 none=");
    let flow = "{\"apiVersion\": \"v1\", \"entries\": {\"web\": [{\"version\": \"1.0.0\"}, {\"name\": \"x\"}]}}";
    check(flow, "web=1.0.0");
    check("entries: {}\n", "no API version specified");
}
