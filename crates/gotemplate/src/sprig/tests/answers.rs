//! What Sprig 3.3 answered: `answers.jsonl` holds calls with the result's type, text and JSON, or
//! what the error says (Go 1.26.8, TZ=UTC).

use super::*;
use crate::value::Map;

fn text(row: &Map, key: &str) -> Option<String> {
    row.get(key.as_bytes()).map(|value| crate::fmt::to_string(&value).to_string_lossy().into_owned())
}

#[test]
fn every_answer_is_sprig_s() {
    let functions = functions();
    let mut wrong = Vec::new();
    let lines: Vec<&str> = include_str!("answers.jsonl").lines().collect();
    for line in &lines {
        let Ok(Value::Map(row)) = sprig::json::decode(line.as_bytes()) else { panic!("{line} is no case") };
        let call = text(&row, "call").unwrap_or_default();
        let template = format!(r#"{{{{ $r := {call} }}}}{{{{ printf "%T %v" $r $r }}}}|{{{{ toJson $r }}}}"#);
        let got = execute(&functions, &template, Limits::default());
        let (got, expected) = match &got {
            Ok(out) => (out.clone(), text(&row, "out")),
            Err(error) => (error.root().to_string(), text(&row, "err")),
        };
        if expected.as_deref() != Some(&got) {
            wrong.push(format!("{line}\n  got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
