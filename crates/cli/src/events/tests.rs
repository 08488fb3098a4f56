use super::*;

#[test]
fn ages_are_written_as_kubectl_writes_them() {
    for (seconds, expected) in [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_520, "3h12m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
    ] {
        assert_eq!(age(seconds), expected, "{seconds}");
    }
}

fn event(text: &str) -> Object {
    Object::new(belay_object::from_json_str(text).unwrap()).unwrap()
}

#[test]
fn an_event_is_one_line_whatever_its_message_holds() {
    let event = event(
        r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop"},"type":"Normal","reason":"Progressing",
        "message":"Deployment/web created\nService/web created\u001b[31m","involvedObject":{"kind":"Kustomization","name":"shop"}}"#,
    );
    let args = EventsArgs { of: None, all_namespaces: true, watch: false, types: Vec::new(), no_header: true };
    let mut table = table(&args);
    table.row(row(&event, &args));
    assert_eq!(
        table.render(false).split('\t').map(str::trim).collect::<Vec<_>>(),
        [
            "shop",
            "<unknown>",
            "Normal",
            "Progressing",
            "Kustomization/shop",
            "Deployment/web created Service/web created[31m"
        ]
    );
}

#[test]
fn the_last_time_of_an_event_is_the_newest_that_it_has() {
    let check = |fields: &str, expected: &str| {
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"Event","metadata":{{"name":"e","creationTimestamp":"c"}}{fields}}}"#
        );
        assert_eq!(last_seen(&event(&text)), expected);
    };
    check("", "c");
    check(r#","eventTime":"e""#, "e");
    check(r#","eventTime":"e","lastTimestamp":"l""#, "l");
    check(r#","eventTime":"e","lastTimestamp":"""#, "e");
}
