//! Tests of the language: what Go's `text/template` answers to the same text and data.

use std::sync::Arc;

use super::*;

mod answers;
mod errors;
mod language;
mod limits;

/// A struct behind a pointer, with methods.
struct Person {
    name: &'static str,
}

impl Object for Person {
    fn type_name(&self) -> &str {
        "*main.Person"
    }
    fn kind(&self) -> Kind {
        Kind::Ptr
    }
    fn field(&self, name: &str) -> Option<Value> {
        (name == "Name").then(|| self.name.into())
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        vec![("Name", self.name.into())]
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const GREET: Signature = Signature::fixed(&[Param::String]);
        const SUM: Signature = Signature::variadic(&[Param::Int], Param::Int);
        const FAIL: Signature = Signature::fixed(&[]);
        match name {
            "Greet" => Some(&GREET),
            "Sum" => Some(&SUM),
            "Fail" => Some(&FAIL),
            _ => None,
        }
    }
    fn call(&self, _: &mut Context, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "Greet" => Ok(format!("{} {}", fmt::to_string(&args[0]), self.name).into()),
            "Sum" => Ok(args.iter().filter_map(Value::as_int).sum::<i64>().into()),
            _ => Err(Error::new("no luck")),
        }
    }
}

fn functions() -> Functions {
    use Param::{Any, Int, String};
    let mut all = Functions::new();
    all.add(Function::new("upper", &[String], |_, args| Ok(fmt::to_string(&args[0]).to_ascii_uppercase().into())));
    all.add(Function::new("add", &[Int, Int], |_, args| Ok(args.iter().filter_map(Value::as_int).sum::<i64>().into())));
    all.add(Function::variadic("list", &[], Any, |_, args| Ok(Value::list(args.to_vec()))));
    all.add(Function::new("fail", &[String], |_, args| Err(Error::from_bytes(&fmt::to_string(&args[0])))));
    all.add(Function::new("count", &[Param::Map], |_, args| Ok(args[0].as_map().map_or(0, Map::len).into())));
    all.add(Function::new("set", &[Param::Map, String, Any], |_, args| {
        let map = args[0].as_map().expect("the signature says so");
        map.insert(fmt::to_string(&args[1]), args[2].clone());
        Ok(args[0].clone())
    }));
    all.add(Function::new("include", &[String, Any], |ctx, args| {
        Ok(ctx.execute(&fmt::to_string(&args[0]).to_string_lossy(), &args[1])?.into())
    }));
    all.add(Function::new("tpl", &[String, Any], |ctx, args| {
        Ok(ctx.execute_text("inner", &fmt::to_string(&args[0]).to_string_lossy(), &args[1])?.into())
    }));
    all
}

fn data() -> Value {
    let text = r#"{"s": "hello", "e": "", "n": null, "i": 3, "f": 1.5, "million": 1000000, "t": true,
        "l": ["c", "a", "b"], "lm": [1, "a", null, {"k": "v"}], "m": {"b": 2, "a": 1, "c": {"d": "deep"}}, "el": []}"#;
    let value = Value::from_object(&belay_object::from_json_str(text).expect("the data is JSON"));
    let map = value.as_map().expect("the data is a map");
    map.insert("person", Value::object(Person { name: "Ann" }));
    map.insert("int", Value::Int(42));
    map.insert("int64", Value::Int64(-9));
    map.insert("byte", Value::Uint8(200));
    map.insert("strings", List::strings(["x", "y"]).into());
    map.insert("labels", Map::from_entries(Type::STRING_MAP, [("a", "b".into())]).into());
    map.insert("bytes", Value::Bytes("hi".into()));
    map.insert("nothing", List::nil(Type::LIST).into());
    value
}

/// A context over one parsed text, named `t`.
fn context(text: &str, limits: Limits) -> Result<Context, Error> {
    let functions = Arc::new(functions());
    let mut set = Set::named("t");
    set.add(&parse("t", text, &functions)?);
    set.freeze();
    Ok(Context::new(set, functions, Environment::default(), limits))
}

fn run(text: &str, missing_key: MissingKey) -> Result<String, Error> {
    let out = context(text, Limits::default())?.with_missing_key(missing_key).execute("t", &data())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The output of a text, or the error.
fn check(text: &str, expected: &str) {
    let got = run(text, MissingKey::Invalid).unwrap_or_else(|e| e.to_string());
    assert_eq!(got, expected, "{text}");
}
