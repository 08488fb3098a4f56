//! Expectations are what goyaml.v2 (through sigs.k8s.io/yaml) and yaml.v3 gave.

use super::*;

fn shown(found: Result<Value, YamlError>) -> String {
    found.map_or_else(|error| error.go_text, |value| value.to_json())
}

fn check(text: &str, v2: &str, v3: &str) {
    assert_eq!(shown(parse_value(text, &Options::v2())), v2, "v2 {text:?}");
    assert_eq!(shown(parse_value(text, &Options::v3())), v3, "v3 {text:?}");
    for name in ["a", "B", "c"] {
        outline_agrees(text, name);
    }
}

/// What an outline gives of a field, and its errors, are those of the whole value.
fn outline_agrees(text: &str, name: &str) {
    let field = |value: Value| match &value {
        Value::Object(map) => {
            map.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, field)| field.clone()).collect()
        }
        _ => vec![value],
    };
    let whole = parse_value(text, &Options::v2()).map(field);
    let outline = parse_outline(text, &[name], &Options::v2()).map(field);
    assert_eq!(outline, whole, "{name} of {text:?}");
}

#[test]
fn outlines_leave_out_what_nobody_asked_for_and_read_it_all() {
    let text = "kind: K\nspec:\n  a: [1, \"x\"]\n  b: |\n    text\n  c:\n  - d: 'e'\nMetadata:\n  name: x\n";
    let outline = |text: &str| shown(parse_outline(text, &["kind", "metadata"], &Options::v2()));
    assert_eq!(outline(text), r#"{"Metadata":{"name":"x"},"kind":"K"}"#);
    assert_eq!(outline("spec:\n  a: [1\nkind: K\n"), "yaml: line 2: did not find expected ',' or ']'");
    assert_eq!(outline("spec:\n  a: .inf\nkind: K\n"), shown(parse_value("spec:\n  a: .inf\n", &Options::v2())));
    assert_eq!(outline("- a\n- kind: K\n"), r#"["a",{"kind":"K"}]"#);
}

fn check_both(text: &str, expected: &str) {
    check(text, expected, expected);
}

#[test]
fn block_collections() {
    check_both(
        "a:\n- 1\n- - x\n  - z\n-\nb:\n  c: d # e\n\n  f:\ng: []\n",
        r#"{"a":[1,["x","z"],null],"b":{"c":"d","f":null},"g":[]}"#,
    );
    check_both("- a: 1\n  b: 2\n-\n  c: 3\n", r#"[{"a":1,"b":2},{"c":3}]"#);
    check_both("? k\n: v\n? w\n", r#"{"k":"v","w":null}"#);
}

#[test]
fn scalars_over_lines() {
    check_both("a: b\n  c\n\n  d # e\nf: 'g\n\n  h''i '\n", r#"{"a":"b c\nd","f":"g\nh'i "}"#);
    check_both("a: \"b\\\n  c\\n\n  d\\ \n  e\"\n", r#"{"a":"bc\n d  e"}"#);
    check_both("a: |\n  x\n   y\n\n  z\nb: |-\n  x\nc: |+\n  x\n\n", r#"{"a":"x\n y\n\nz\n","b":"x","c":"x\n\n"}"#);
    check_both("a: >\n  x\n  y\n\n  z\n   w\n  v\nb: >-\n\n  x\n", r#"{"a":"x y\nz\n w\nv\n","b":"\nx"}"#);
    check_both("a: |2\n    x\n  y\n", r#"{"a":"  x\ny\n"}"#);
}

#[test]
fn a_block_scalar_at_the_end_gets_its_break_from_kubernetes_reader_only() {
    assert_eq!(shown(parse_value("a: |\n  x", &Options::v2())), r#"{"a":"x"}"#);
    assert_eq!(parse_documents("a: |\n  x", &Options::v2()).map(|d| d[0].to_json()), Ok(r#"{"a":"x\n"}"#.into()));
    assert_eq!(parse_documents("a: |\n  x", &Options::v3()).map(|d| d[0].to_json()), Ok(r#"{"a":"x"}"#.into()));
}

#[test]
fn flow_collections() {
    check_both(
        "a: [1, [2, \"x,\"], {b: c, d}, e: f,]\ng: {}\n",
        r#"{"a":[1,[2,"x,"],{"b":"c","d":null},{"e":"f"}],"g":{}}"#,
    );
    check_both("{a: 1,\n b: [c,\n d]}", r#"{"a":1,"b":["c","d"]}"#);
}

#[test]
fn merges_differ() {
    check("b: &b {a: 1}\nc:\n  a: 2\n  <<: *b\n", r#"{"b":{"a":1},"c":{"a":1}}"#, r#"{"b":{"a":1},"c":{"a":2}}"#);
    check_both("b: &b {a: 1}\nc:\n  <<: [*b, {a: 3, d: 4}]\n  e: 5\n", r#"{"b":{"a":1},"c":{"a":1,"d":4,"e":5}}"#);
    check_both("\"<<\": 1\n", r#"{"<<":1}"#);
    check_both("<<: 1\n", "yaml: map merge requires map or sequence of maps as the value");
}

#[test]
fn keys_become_strings_or_errors() {
    let not_text = "json: unsupported type: map[interface {}]interface {}";
    check("yes: 1\n1: 2\n1.5: 3\n", r#"{"1":2,"1.5":3,"true":1}"#, not_text);
    check("~: d\n", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"d\"", not_text);
    check(
        "a: {{ .x }}\n",
        "yaml: invalid map key: map[interface {}]interface {}{\".x\":interface {}(nil)}",
        "yaml: invalid map key: map[string]interface {}{\".x\":interface {}(nil)}",
    );
}

#[test]
fn tags() {
    check_both(
        "a: !!str 1\nb: !!int \"2\"\nc: !!float 3\nd: !!binary aGk=\ne: !foo x\n",
        r#"{"a":"1","b":2,"c":3,"d":"hi","e":"x"}"#,
    );
    check_both("a: !!int x\n", "yaml: cannot decode !!str `x` as a !!int");
    check_both("a: !!binary x\n", "yaml: !!binary value contains invalid base64 data");
    check("a: ! 1\n", r#"{"a":"1"}"#, r#"{"a":1}"#);
    check_both("%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1\n", r#"{"a":"1"}"#);
    check_both("a: !e!str 1\n", "yaml: found undefined tag handle");
}

#[test]
fn what_json_has_not() {
    check_both("a: .inf\n", "json: unsupported value: +Inf");
    check("a: 2020-01-01\n", r#"{"a":"2020-01-01"}"#, r#"{"a":"2020-01-01T00:00:00Z"}"#);
    check_both("a: 12345678901234567890123\n", r#"{"a":1.2345678901234568e+22}"#);
    check_both("a: 1e18\n", r#"{"a":1000000000000000000}"#);
}

#[test]
fn errors_are_in_gos_words() {
    for (text, v2, v3, line, column) in [
        ("a: b: c", "yaml: mapping values are not allowed in this context", "", 1, 5),
        ("a: \n  - b\n - c", "yaml: line 2: did not find expected key", "", 3, 2),
        ("\ta: b", "yaml: found character that cannot start any token", "", 1, 1),
        ("a:\n  b: @x", "yaml: line 2: found character that cannot start any token", "", 2, 6),
        ("a: *x", "yaml: unknown anchor 'x' referenced", "", 1, 4),
        ("a: &a [*a]", "yaml: anchor 'a' value contains itself", "", 1, 8),
        ("a: -\nb: - x", "yaml: block sequence entries are not allowed in this context", "", 1, 4),
        (
            "a: [b\nc: d",
            "yaml: line 1: did not find expected ',' or ']'",
            "yaml: line 1: did not find expected ',' or ']'",
            2,
            2,
        ),
        ("a: \"b\n", "yaml: line 2: found unexpected end of stream", "", 2, 1),
        ("a:\n  b\n  c: d", "yaml: line 3: mapping values are not allowed in this context", "", 3, 4),
        (
            "a: 1\nb\nc: 2\n",
            "yaml: line 3: could not find expected ':'",
            "yaml: line 2: could not find expected ':'",
            3,
            1,
        ),
        ("a: \"\\ud83d\\ude00\"", "yaml: found invalid Unicode character escape code", "", 1, 7),
        ("a: \u{7}", "yaml: control characters are not allowed", "", 1, 4),
    ] {
        let error = parse_value(text, &Options::v2()).expect_err(text);
        assert_eq!((error.go_text.as_str(), error.line, error.column), (v2, line, column), "{text:?}");
        let wanted = if v3.is_empty() { v2 } else { v3 };
        assert_eq!(parse_value(text, &Options::v3()).expect_err(text).go_text, wanted, "{text:?}");
    }
}

#[test]
fn equal_keys_are_refused_where_asked() {
    let strict = |text| shown(parse_value(text, &Options::v2_strict()));
    assert_eq!(shown(parse_value("a: 1\na: 2\n", &Options::v2())), r#"{"a":2}"#);
    assert_eq!(strict("a: 1\nb:\n  c: 1\n  c: 2\n"), "yaml: unmarshal errors:\n  line 4: key \"c\" already set in map");
    assert_eq!(
        strict("b: &b {a: 1}\nc:\n  <<: *b\n  a: 2\n"),
        "yaml: unmarshal errors:\n  line 3: key \"<<\" already set in map"
    );
    let error = parse_value("a: 1\n\na: 2\n", &Options::v3()).expect_err("equal keys");
    assert_eq!(error.go_text, "yaml: unmarshal errors:\n  line 3: mapping key \"a\" already defined at line 1");
    assert_eq!((error.kind, error.line), (ErrorKind::Duplicate, 3));
}

fn documents(text: &str, options: &Options) -> String {
    match parse_located(text, options) {
        Ok(found) => found.iter().map(|d| format!("{}@{}#{} ", d.value, d.line, d.index)).collect(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn streams_are_split_at_separators() {
    for (text, v2, v3) in [
        ("", "", ""),
        ("---\na: 1\n---\n# only\n---\n\nb: 2\n--- # c\nc: 3\n", r#"{"a":1}@2#0 {"b":2}@7#2 {"c":3}@9#3 "#, ""),
        ("a: 1\n---\n---\nb: 2\n", r#"{"a":1}@1#0 {"b":2}@4#1 "#, ""),
        ("a: 1\n---", r#"{"a":1}@1#0 "#, ""),
        ("a: |\n  x\n---\nb: 1\n", r#"{"a":"x\n"}@1#0 {"b":1}@4#1 "#, ""),
        (
            "a: 1\n--- x\nb: 2\n",
            "yaml: line 2: invalid Yaml document separator: x",
            "yaml: line 2: invalid document separator: --- x",
        ),
        ("a: 1\n...\nb: 2\n", r#"{"a":1}@1#0 "#, ""),
        ("a: 1\n---\nb: [\n", "yaml: line 4: did not find expected node content", ""),
    ] {
        assert_eq!(documents(text, &Options::v2()), v2, "v2 {text:?}");
        assert_eq!(documents(text, &Options::v3()), if v3.is_empty() { v2 } else { v3 }, "v3 {text:?}");
    }
}

/// INV-RES-2: what a text grows to is bounded, by Go's own rule and by depth.
#[test]
fn bombs_are_refused() {
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..9 {
        let before = format!("*a{}", i - 1);
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![before; 10].join(","));
    }
    let merges =
        (0..30).map(|i| format!("m{i}: &m{i}\n  <<: [{}]\n", vec![format!("*m{}", i.max(1) - 1); 9].join(",")));
    let merges = merges.collect::<String>().replacen("<<: [*m0,*m0,*m0,*m0,*m0,*m0,*m0,*m0,*m0]", "k: v", 1);
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 20].join(","));
    for (text, wanted) in [
        (laughs.as_str(), "document contains excessive aliasing"),
        (&merges, "document contains excessive aliasing"),
        (&long, "document contains excessive aliasing"),
        (&"[".repeat(100_000), "exceeded max depth of 100"),
        (&"{a: ".repeat(100_000), "exceeded max depth of 100"),
        (&"- ".repeat(100_000), "exceeded max depth of 100"),
        (&(0..200).map(|i| " ".repeat(i) + "a:\n").collect::<String>(), "exceeded max depth of 100"),
    ] {
        for options in [Options::v2(), Options::v3()] {
            let error = parse_value(text, &options).expect_err(wanted);
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Limit, wanted));
        }
    }
}

#[test]
fn sizes_are_bounded() {
    let options = |max_bytes, max_documents| Options {
        limits: crate::Limits { max_bytes, max_documents, ..Default::default() },
        ..Options::v2()
    };
    assert_eq!(documents("a: 1\n", &options(4, 9)), "yaml: line 1: the text has 5 bytes, of which 4 are allowed");
    assert_eq!(
        documents("a\n---\nb\n---\n", &options(99, 1)),
        "yaml: line 3: the text has 2 documents, of which 1 are allowed"
    );
}

#[test]
fn nodes_say_where_they_stand() {
    let text = "# head\na: 1\n---\nb: # why\n  - é: \"x\"\n  - &n |\n    y\n  - *n\n";
    let trees = parse_nodes(text, &Options::v3()).expect(text);
    let tree = &trees[1];
    let slice = |pointer: &str| tree.at(pointer).map(|id| &text[tree.node(id).span.clone()]);
    assert_eq!(slice("/b/0/é"), Some("\"x\""));
    assert_eq!(slice("/b/1"), Some("|\n    y\n"));
    assert_eq!(slice("/b/2"), Some("*n"));
    assert_eq!(slice("/b/3"), None);
    assert_eq!(tree.line_at("/b/0/é"), Some(5));
    assert_eq!(tree.line_at("/b/1/none"), Some(6));
    let comments: Vec<&str> = trees.iter().flat_map(NodeTree::comments).map(|c| &text[c.span.clone()]).collect();
    assert_eq!(comments, ["# head", "# why"]);
    let found = parse_located(text, &Options::v3()).expect(text);
    assert_eq!((found[1].line, found[1].line_of(text, "/b/0/é")), (4, 5));
}

/// Deterministic noise: nothing may panic, and where both readers give something it is the same.
#[test]
fn the_fast_reader_and_the_full_one_agree() {
    const PIECES: [&str; 44] = [
        "a",
        "b-c",
        "key",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "\n\n",
        " ",
        "  ",
        "#",
        " # c",
        "'",
        "\"",
        "\\n",
        "\\",
        "|\n",
        ">-\n",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&x ",
        "*x",
        "!!str ",
        "<<: ",
        "? ",
        "é",
        "1",
        "0x1f",
        "yes",
        "null",
        "~",
        "---\n",
        "...\n",
        "\t",
        "2020-01-01",
        "''",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let seeds =
        ["a: b\nc:\n- d\n- e: f\n  g: |\n    h\n", "- a\n- - b\n  - c: 'd'\n", "a: {b: [1, 2]}\nc: \"d\\n\"\n", ""];
    let (mut fast_ones, mut full_ones) = (0, 0);
    for _ in 0..30_000 {
        let mut text = String::from(seeds[random(seeds.len())]);
        for _ in 0..random(6) + 1 {
            let mut at = random(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, PIECES[random(PIECES.len())]);
        }
        for options in [Options::v2(), Options::v3()] {
            let tree = parse::first_document(&text, Base::default(), &Settings::new(&options));
            let full = tree.ok().and_then(|tree| build::value(&tree, text.len(), 0, &options).ok());
            full_ones += usize::from(full.is_some());
            if let Some((value, _)) = fast::value(&text, &options) {
                fast_ones += 1;
                assert_eq!(Some(value.to_json()), full.map(|v| v.to_json()), "{text:?}");
            }
        }
        let _ = parse_nodes(&text, &Options::v3());
    }
    // The test says something only where both read something.
    assert!(fast_ones > 5_000 && full_ones > fast_ones, "{fast_ones} {full_ones}");
}

/// INV-RES-3: what is as deep as allowed needs little stack, to read, to write and to drop: a quarter
/// of a megabyte, or a thread's two where nothing is optimised.
#[test]
fn depth_fits_a_small_stack() {
    let nested = |open: &str, close: &str| format!("{}x{}", open.repeat(99), close.repeat(99));
    let block: String = (0..99).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
    let texts =
        [nested("[", "]"), nested("{a: ", "}"), nested("- ", ""), block, "[".repeat(100_000), "- ".repeat(100_000)];
    let stack_bytes = if cfg!(debug_assertions) { 2 << 20 } else { 256 << 10 };
    let small = std::thread::Builder::new().stack_size(stack_bytes).spawn(move || {
        for text in &texts {
            for options in [Options::v2(), Options::v3()] {
                if let Ok(value) = parse_value(text, &options) {
                    let written = crate::to_yaml(&value);
                    assert_eq!(parse_value(&written, &options).as_ref(), Ok(&value));
                }
                let _ = parse_nodes(text, &options);
            }
        }
    });
    small.expect("a thread").join().expect("no overflow");
}
