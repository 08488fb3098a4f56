use super::*;

const SHAPES: &str = "# a comment\nshape pair object -- Two.\n  a! string -- First.\n  b int-or-string\n\nshape pairs object\n  all []@pair -- Many.\n";

fn check(kind: &str, pointer: &str, expected: &str) {
    let shapes = Shapes::read(SHAPES).expect("shapes");
    let found = match definition(kind, &shapes) {
        Ok(object) => object.value().pointer(pointer).map_or("none".to_owned(), Value::to_json),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(found, expected, "{pointer} of {kind}");
}

const HEAD: &str = "kind Widget example.com/v1 widgets\nabout A widget.\n";
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

#[test]
fn a_kind_has_names_columns_and_a_status_unless_it_is_plain() {
    let kind = format!(
        "{HEAD}short w,ws\ncategory all,things\ncolumn Age | .metadata.creationTimestamp\ncolumn A | .spec.a | wide\ncolumn B | .spec.b | 10\nspec! object\n  a string\nstatus object\n  b string\n"
    );
    check(
        &kind,
        "/spec/names",
        r#"{"categories":["all","things"],"kind":"Widget","listKind":"WidgetList","plural":"widgets","shortNames":["w","ws"],"singular":"widget"}"#,
    );
    check(
        &kind,
        "/spec/versions/0/additionalPrinterColumns",
        r#"[{"jsonPath":".metadata.creationTimestamp","name":"Age","type":"date"},{"jsonPath":".spec.a","name":"A","priority":1,"type":"string"},{"jsonPath":".spec.b","name":"B","priority":10,"type":"string"}]"#,
    );
    check(&kind, "/spec/versions/0/subresources", r#"{"status":{}}"#);
    check(&kind, &format!("{SCHEMA}/required"), r#"["spec"]"#);
    check(&kind.replace("spec! object", "status plain\nspec object"), "/spec/versions/0/subresources", "none");
    check(HEAD, "/spec/versions/0/additionalPrinterColumns", "none");
}

#[test]
fn shapes_stand_in_fields_and_in_each_other() {
    let kind =
        format!("{HEAD}spec object\n  one @pair -- Mine.\n  many @pairs\n  free any-object\n  map {{}}[]string\n");
    let spec = format!("{SCHEMA}/properties/spec/properties");
    check(
        &kind,
        &format!("{spec}/one"),
        r#"{"description":"Mine.","properties":{"a":{"description":"First.","type":"string"},"b":{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true}},"required":["a"],"type":"object"}"#,
    );
    check(&kind, &format!("{spec}/many/properties/all/items/required"), r#"["a"]"#);
    check(&kind, &format!("{spec}/free"), r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#);
    check(
        &kind,
        &format!("{spec}/map"),
        r#"{"additionalProperties":{"items":{"type":"string"},"type":"array"},"type":"object"}"#,
    );
}

#[test]
fn what_is_written_wrong_is_refused() {
    for (line, expected) in [
        ("a strnig", "error: a: there is no type \"strnig\""),
        ("a string maxlength=3", "error: a: there is no constraint \"maxlength\""),
        ("a string def={", "error: a: {: EOF while parsing an object at line 1 column 1"),
        ("a @gone", "error: a: there is no shape \"gone\""),
        ("a", "error: a: has no type"),
        ("column A", "error: not a column: A"),
    ] {
        check(&format!("{HEAD}{line}\n"), "", expected);
    }
}
