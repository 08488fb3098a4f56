use super::*;

fn object(spec: &str, status: &str) -> Object {
    let text = format!(
        r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{{"name":"shop","namespace":"team","generation":2}},"spec":{{{spec}}},"status":{{{status}}}}}"#
    );
    Object::new(belay_object::from_json_str(&text).unwrap()).unwrap()
}

fn condition(status: &str, generation: i64) -> String {
    format!(
        r#""conditions":[{{"type":"Ready","status":"{status}","reason":"r","message":"m","observedGeneration":{generation},"lastTransitionTime":"2026-01-01T00:00:00Z"}}]"#
    )
}

#[test]
fn a_row_shows_what_flux_shows() {
    let spec = r#""sourceRef":{"kind":"GitRepository","name":"shop"}"#;
    let status = r#""lastAppliedRevision":"main@sha1:5d41402abc4b2a76b9719d911017c592aabbccdd""#;
    let check = |shown: Shown, object: &Object, expected: &str| {
        assert_eq!(row(&KUSTOMIZATION, object, shown).join("|"), expected);
        assert_eq!(shown.header().len(), expected.split('|').count(), "as many columns as names");
    };
    let new = object(spec, "");
    check(Shown::default(), &new, "shop||False|False|waiting to be reconciled");
    let applied = object(spec, &format!("{status},{}", condition("True", 2)));
    check(Shown::default(), &applied, "shop|main@sha1:5d41402a|False|True|m");
    let all = Shown { namespace: true, qualified: true, source: true };
    check(all, &applied, "team|kustomization/shop|GitRepository/team/shop|main@sha1:5d41402a|False|True|m");
}

#[test]
fn only_the_newest_generation_counts_as_finished() {
    let check = |status: &str, expected: Option<Result<&str, &str>>| {
        let got = finished(&object("", status));
        let got = got.as_ref().map(|r| r.as_ref().map(String::as_str).map_err(String::as_str));
        assert_eq!(got, expected, "{status}");
    };
    check("", None);
    check(&format!(r#""observedGeneration":2,{}"#, condition("True", 2)), Some(Ok("m")));
    check(&format!(r#""observedGeneration":1,{}"#, condition("True", 1)), None);
    check(&format!(r#""observedGeneration":-1,{}"#, condition("True", 2)), None);
    check(&format!(r#""observedGeneration":1,{}"#, condition("False", 2)), Some(Err("m")));
    check(&format!(r#""observedGeneration":1,{}"#, condition("False", 1)), None);
    check(&format!(r#""observedGeneration":1,{}"#, condition("Unknown", 2)), None);
}
