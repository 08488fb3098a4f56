use super::{Capabilities, KubeVersion};

fn check(text: &str, expected: Result<[&str; 4], &str>) {
    let found = KubeVersion::parse(text).map_err(|e| e.to_string());
    let found = found.as_ref().map(|v| [v.version.as_str(), &v.normalized, &v.major, &v.minor]);
    assert_eq!(found.map_err(String::as_str), expected, "{text}");
}

#[test]
fn versions_of_kubernetes_are_normalised_for_ranges() {
    check("1.29", Ok(["v1.29", "v1.29", "1", "29"]));
    check("v1.33.4-gke.1245000", Ok(["v1.33.4-gke.1245000", "v1.33.4", "1", "33"]));
    check("v1.30.02+k3s1", Ok(["v1.30.02+k3s1", "v1.30.2", "1", "30"]));
    check("1", Err("illegal version string \"1\""));
    check("x", Err("could not parse \"x\" as version"));
    check("01.2", Err("illegal zero-prefixed version component \"01\" in \"01.2\""));
}

#[test]
fn a_chart_of_another_kubernetes_is_refused() {
    let capabilities =
        Capabilities::offline().with_kube_version(KubeVersion::parse("v1.30.2-gke.1").expect("it parses"));
    assert!(capabilities.check("").is_ok());
    assert!(capabilities.check(">=1.30").is_ok());
    assert_eq!(
        capabilities.check(">=1.31").expect_err("it is older").to_string(),
        "chart requires kubeVersion: >=1.31 which is incompatible with Kubernetes v1.30.2-gke.1"
    );
}
