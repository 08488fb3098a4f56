use super::*;

#[test]
fn a_kustomization_names_what_it_reads() {
    let text = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop, namespace: team}\n\
                spec:\n  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: vars}\n    - {kind: Secret, name: keys}\n    \
                - {kind: Pod, name: none}\n  decryption: {provider: sops, secretRef: {name: age}}\n  \
                kubeConfig: {secretRef: {name: east}}\n";
    let value = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).unwrap();
    let named = Config::named_by(&Object::new(value).unwrap());
    let config = |kind, name| Config::of(kind, Name::new("team", name)).unwrap();
    assert_eq!(
        named,
        [config("ConfigMap", "vars"), config("Secret", "keys"), config("Secret", "age"), config("Secret", "east")]
    );
}
