//! What Go answered: `answers.jsonl` holds texts of every construct and verb with the output (in
//! quotes, as `%q` prints it) or error of Go 1.26.8's `text/template`, over this data and these
//! functions.

use std::sync::Arc;

use belay_object::from_json_str;

use crate::*;

/// Go: `struct{ Name string; N int; M map[string]any }`, by pointer.
struct Thing {
    name: &'static str,
    number: i64,
    map: Map,
}

impl Object for Thing {
    fn type_name(&self) -> &str {
        "*main.Obj"
    }
    fn kind(&self) -> Kind {
        Kind::Ptr
    }
    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        vec![("Name", self.name.into()), ("N", self.number.into()), ("M", self.map.clone().into())]
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const HELLO: Signature = Signature::fixed(&[Param::String]);
        const FAIL: Signature = Signature::fixed(&[]);
        const SUM: Signature = Signature::variadic(&[Param::Int], Param::Int);
        match name {
            "Hello" => Some(&HELLO),
            "Fail" => Some(&FAIL),
            "Sum" => Some(&SUM),
            _ => None,
        }
    }
    fn call(&self, _: &mut Context, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "Hello" => Ok(format!("hello {}", fmt::to_string(&args[0])).into()),
            "Sum" => Ok(sum(args)),
            _ => Err(Error::new("method failed")),
        }
    }
}

fn sum(args: &[Value]) -> Value {
    args.iter().filter_map(Value::as_int).sum::<i64>().into()
}

fn functions() -> Functions {
    use Param::{Any, Bool, Float64, Int, Int64, String, Strings, Uint32};
    let identity = |_: &mut Context, args: &[Value]| Ok(args[0].clone());
    let length = |_: &mut Context, args: &[Value]| Ok(args[0].as_list().map_or(0, |l| l.len()).into());
    let mut all = Functions::new();
    for function in [
        Function::new("upper", &[String], |_, a| Ok(fmt::to_string(&a[0]).to_string_lossy().to_uppercase().into())),
        Function::variadic("list", &[], Any, |_, a| Ok(Value::list(a.to_vec()))),
        Function::variadic("dict", &[], Any, |_, a| {
            let pairs = a.chunks_exact(2).map(|pair| (fmt::to_string(&pair[0]), pair[1].clone()));
            Ok(Map::from_entries(Type::MAP, pairs).into())
        }),
        Function::new("fail", &[String], |_, a| Err(Error::from_bytes(&fmt::to_string(&a[0])))),
        Function::new("add", &[Int, Int], |_, a| Ok(sum(a))),
        Function::new("addf", &[Float64, Float64], |_, a| match a {
            [Value::Float(a), Value::Float(b)] => Ok((a + b).into()),
            _ => Err(Error::new("the signature says floats")),
        }),
        Function::new("i64", &[Int64], identity),
        Function::new("u32", &[Uint32], identity),
        Function::new("b", &[Bool], identity),
        Function::new("keys", &[Param::Map], |_, a| {
            Ok(List::strings(a[0].as_map().map(Map::keys).unwrap_or_default()).into())
        }),
        Function::new("strs", &[Strings], length),
        Function::new("lst", &[Param::List], length),
        Function::new("nilf", &[], |_, _| Ok(Value::Nil)),
        Function::variadic("v", &[String], String, |_, a| {
            let texts: Vec<_> = a.iter().map(|v| fmt::to_string(v).to_string()).collect();
            Ok(format!("{}{}", texts[0], texts[1..].join("+")).into())
        }),
        Function::new("obj", &[], |_, _| Ok(Value::object(Thing { name: "f", number: 1, map: Map::nil(Type::MAP) }))),
    ] {
        all.add(function);
    }
    all
}

fn data(functions: &Functions) -> Value {
    let text = r#"{"s": "hello", "e": "", "n": null, "i": 3, "f": 1.5, "big": 12345678901234567890, "mil": 1000000,
        "t": true, "fa": false, "l": ["c", "a", "b"], "lm": [1, "a", null, true, {"k": "v"}, ["x"], 2.5],
        "m": {"b": 2, "a": 1, "c": {"d": "deep", "e": [1, 2]}, "z": null}, "el": [], "em": {}, "uni": "héllo 漢字",
        "html": "<a href='x'>&\"q\"</a>", "dotted.key": "dv", "small": 0.00001234, "neg": -7.25,
        "deep": {"a": {"b": {"c": {"d": 1}}}}}"#;
    let value = Value::from_object(&from_json_str(text).expect("the data is JSON"));
    let map = value.as_map().expect("the data is a map");
    let entries = Map::from_entries(Type::MAP, [("k", "v".into())]);
    map.insert("obj", Value::object(Thing { name: "n", number: 7, map: entries }));
    map.insert("int", Value::Int(42));
    map.insert("i64", Value::Int64(-9));
    map.insert("u8", Value::Uint8(200));
    map.insert("u64", Value::Uint64(1 << 63));
    map.insert("strs", List::strings(["x", "y"]).into());
    map.insert("ints", List::of(Type::INTS, vec![Value::Int(1), Value::Int(2)]).into());
    map.insert("smap", Map::from_entries(Type::STRING_MAP, [("a", "b".into())]).into());
    map.insert("bytes", Value::Bytes(b"hi\xff"[..].into()));
    map.insert("bad", Value::str(&b"a\xffb"[..]));
    map.insert("nillist", List::nil(Type::LIST).into());
    map.insert("nilmap", Map::nil(Type::MAP).into());
    map.insert("fn", Value::Func(functions.get("upper").expect("it is there").clone()));
    value
}

fn run(text: &str, missing_key: &str) -> Result<Vec<u8>, Error> {
    let functions = Arc::new(functions());
    let mut set = Set::named("t");
    set.add(&parse("t", text, &functions)?);
    let dot = data(&functions);
    let missing_key = match missing_key {
        "zero" => MissingKey::Zero,
        "error" => MissingKey::Error,
        _ => MissingKey::Invalid,
    };
    let context = Context::new(set, functions, Environment::default(), Limits::default());
    context.with_missing_key(missing_key).execute("t", &dot)
}

#[test]
fn every_answer_is_go_s() {
    let mut wrong = Vec::new();
    let lines: Vec<&str> = include_str!("answers.jsonl").lines().collect();
    for line in &lines {
        let case = from_json_str(line).expect("a case is JSON");
        let text = case["t"].as_str().expect("a case has a text");
        let got = run(text, case["missingkey"].as_str().unwrap_or_default());
        let (got, expected) = match &got {
            Ok(out) => (fmt::quote(out), case["out"].as_str()),
            Err(error) => (error.to_string(), case["err"].as_str()),
        };
        if expected != Some(&got) {
            wrong.push(format!("{line}\n  got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
