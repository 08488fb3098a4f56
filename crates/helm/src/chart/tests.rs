use super::Metadata;

fn check(yaml: &str, expected: &str) {
    let mut metadata = Metadata::default();
    let read = metadata.read_over(yaml.as_bytes()).and_then(|()| metadata.validate().map_err(|e| e.to_string()));
    let found = match read {
        Err(why) => why,
        Ok(()) => {
            let mut out = Vec::new();
            metadata.write(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    };
    assert_eq!(found, expected, "{yaml}");
}

const HEAD: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

#[test]
fn numbers_become_texts_and_fields_keep_gos_order() {
    check(
        &format!("{HEAD}appVersion: 1.10\nkeywords: [1, a]\nannotations: {{b: 2, a: true}}\nKUBEVERSION: \">=1\"\n"),
        r#"{"name":"c","version":"1.0.0","keywords":["1","a"],"apiVersion":"v2","appVersion":"1.1","annotations":{"a":"true","b":"2"},"kubeVersion":"\u003e=1"}"#,
    );
}

#[test]
fn dependencies_are_read_and_written() {
    check(
        &format!(
            "{HEAD}dependencies:\n- {{name: a, version: 1.x, repository: r, condition: a.on, tags: [t], alias: b, import-values: [x, {{child: c, parent: p}}]}}\n"
        ),
        r#"{"name":"c","version":"1.0.0","apiVersion":"v2","dependencies":[{"name":"a","version":"1.x","repository":"r","condition":"a.on","tags":["t"],"import-values":["x",{"child":"c","parent":"p"}],"alias":"b"}]}"#,
    );
}

#[test]
fn what_a_chart_must_say_is_checked() {
    check("name: c\n", "validation: chart.metadata.apiVersion is required");
    check("apiVersion: v2\n", "validation: chart.metadata.name is required");
    check("apiVersion: v2\nname: ..\n", "validation: chart.metadata.name \"..\" is not allowed");
    check("apiVersion: v2\nname: a/b\n", "validation: chart.metadata.name \"a/b\" is invalid");
    check("apiVersion: v2\nname: a\n", "validation: chart.metadata.version is required");
    check("apiVersion: v2\nname: a\nversion: x\n", "validation: chart.metadata.version \"x\" is invalid");
    check(&format!("{HEAD}type: app\n"), "validation: chart.metadata.type must be application or library");
    check(
        &format!("{HEAD}dependencies: [{{name: a}}, {{name: b, alias: a}}]\n"),
        "validation: more than one dependency with name or alias \"a\"",
    );
    check(
        &format!("{HEAD}dependencies: [{{name: a, alias: a.b}}]\n"),
        "validation: dependency \"a\" has disallowed characters in the alias",
    );
    check(
        &format!("{HEAD}name: [x]\n"),
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field Metadata.name of type string",
    );
}

#[test]
fn what_cannot_be_printed_is_taken_out() {
    check(
        &format!("{HEAD}description: \"a\\tb\\u200bc\\e\"\n"),
        r#"{"name":"c","version":"1.0.0","description":"a bc","apiVersion":"v2"}"#,
    );
}
