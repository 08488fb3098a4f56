//! Texts as Go templates, executed with Sprig's functions over values of every type.

use std::sync::{Arc, LazyLock};

use belay_gotemplate::{
    Context, Environment, ErrorKind, Function, Functions, Limits, MissingKey, Param, Set, Value, fmt, parse, sprig,
};
use belay_object::{Value as Object, from_json_str};

/// Far below those of a real render, so that libFuzzer's own limits mean something.
const LIMITS: Limits = Limits { steps: 100_000, depth: 100, output_bytes: 4 << 20, made_bytes: 16 << 20 };

/// What takes long by design: keys and passwords.
const SLOW: [&str; 9] = [
    "bcrypt",
    "derivePassword",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
];

static FUNCTIONS: LazyLock<Arc<Functions>> = LazyLock::new(|| {
    let mut functions = Functions::new();
    sprig::register(&mut functions);
    SLOW.iter().for_each(|name| functions.remove(name));
    functions.remove("htpasswd");
    functions.add(Function::new("include", &[Param::String, Param::Any], |ctx, args| {
        Ok(ctx.execute(&fmt::to_string(&args[0]).to_string_lossy(), &args[1])?.into())
    }));
    functions.add(Function::new("tpl", &[Param::String, Param::Any], |ctx, args| {
        Ok(ctx.execute_text("tpl", &fmt::to_string(&args[0]).to_string_lossy(), &args[1])?.into())
    }));
    Arc::new(functions)
});

static DATA: LazyLock<Object> = LazyLock::new(|| {
    let text = r#"{"s": "hello", "e": "", "n": null, "i": 3, "f": 1.5, "t": true, "l": ["c", "a", "b"], "el": [],
        "lm": [1, "a", null, true, {"k": "v"}, ["x"]], "m": {"b": 2, "a": 1, "c": {"d": "deep"}}, "u": "h\u00e9llo"}"#;
    from_json_str(text).expect("the data is JSON")
});

/// Parses a text and executes it; errors have a place and can be read.
pub fn template(text: &[u8]) {
    let parsed = match parse("t", text, &FUNCTIONS) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Parse);
            assert!(error.to_string().starts_with("template: t:"), "{error}");
            return;
        }
    };
    let mut set = Set::named("t");
    set.add(&parsed);
    for missing_key in [MissingKey::Invalid, MissingKey::Zero] {
        let environment = Environment { random: Some(Box::new(|bytes| bytes.fill(42))), ..Environment::default() };
        let context = Context::new(set.clone(), Arc::clone(&FUNCTIONS), environment, LIMITS);
        let dot = Value::from_object(&DATA);
        if let Err(error) = context.with_missing_key(missing_key).execute("t", &dot) {
            let place = error.place().expect("executing fails somewhere");
            assert!(place.location.starts_with("t"), "{error}");
        }
    }
}
