//! Sprig's own test tables, each row run over our functions.
//!
//! A table is a map of templates and what they give, or a list of calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_gotemplate::{Context, Environment, Functions, Limits, Set, parse, sprig};
use belay_object::{Value, from_json};

/// How many rows the corpus holds.
const ROWS: usize = 232;

/// What a template gives, or the error.
fn run(functions: &Arc<Functions>, text: &str) -> String {
    let execute = || {
        let mut set = Set::named("t");
        set.add(&parse("t", text, functions)?);
        let random = |bytes: &mut [u8]| bytes.fill(7);
        let environment = Environment { random: Some(Box::new(random)), ..Environment::default() };
        let mut context = Context::new(set, Arc::clone(functions), environment, Limits::default());
        context.execute("t", &belay_gotemplate::Value::Nil)
    };
    match execute() {
        Ok(out) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => format!("error: {error}"),
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// A call of `function` with texts.
fn call(function: &str, args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| serde_json::to_string(arg).expect("a text is JSON")).collect();
    format!("{{{{ {function} {} }}}}", args.join(" "))
}

/// The template of a row of a list and what is wrong with what it gave.
type Row<'a> = (String, Box<dyn Fn(&str) -> bool + 'a>);

fn row<'a>(table: &str, row: &'a Value) -> Row<'a> {
    if table == "TestHtpasswd" {
        let (user, password) = (text(row, "Username"), text(row, "Password"));
        let is_valid = row["Valid"].as_bool() == Some(true);
        let holds = move |got: &str| match is_valid {
            true => got.strip_prefix(user).is_some_and(|hash| hash.starts_with(":$2a$10$") && hash.len() == 61),
            false => got == format!("invalid username: {user}"),
        };
        return (call("htpasswd", &[user, password]), Box::new(holds));
    }
    let function = match table {
        "TestMustRegexFindl" => "mustRegexFind",
        "TestMustRegexReplaceAll" => "mustRegexReplaceAll",
        "TestMustRegexReplaceAllLiteral" => "mustRegexReplaceAllLiteral",
        other => panic!("{other} is a table that is not known"),
    };
    let args = &row["args"];
    let args: Vec<&str> = ["_0", "_1", "_2"].iter().filter_map(|key| args[*key].as_str()).collect();
    (call(function, &args), Box::new(|got: &str| got == text(row, "expected")))
}

fn tables(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for group in fs::read_dir(root).expect("the corpus is readable").flatten() {
        files.extend(fs::read_dir(group.path()).into_iter().flatten().flatten().map(|file| file.path()));
    }
    files.sort();
    files
}

#[test]
fn every_row_of_sprig_s_tables_holds() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/sprig/tables");
    let Ok(root) = fs::canonicalize(root) else {
        eprintln!("skipped: corpus/sprig/tables is not beside the repository");
        return;
    };
    let mut functions = Functions::new();
    sprig::register(&mut functions);
    let functions = Arc::new(functions);
    let (mut rows, mut wrong) = (0, Vec::new());
    let mut check = |table: &str, template: &str, holds: &dyn Fn(&str) -> bool| {
        rows += 1;
        let got = run(&functions, template);
        if !holds(&got) {
            wrong.push(format!("{table}: {template} gives {got:?}"));
        }
    };
    for file in tables(&root) {
        let table = from_json(&fs::read(&file).expect("a table is readable")).expect("a table is JSON");
        let name = text(&table, "func");
        match &table["rows"] {
            Value::Object(templates) => {
                for (template, expected) in templates.iter() {
                    check(name, template.as_str(), &|got| Some(got) == expected.as_str());
                }
            }
            Value::Array(calls) => {
                for one in calls.iter() {
                    let (template, holds) = row(name, one);
                    check(name, &template, &*holds);
                }
            }
            other => panic!("{name} has no rows but {other:?}"),
        }
    }
    assert!(wrong.is_empty(), "{} of {rows} rows differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(rows, ROWS);
}
