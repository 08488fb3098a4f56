//! What Go templates of ApplicationSets may call: Sprig's functions without those that look outside, and a few more.

use std::sync::{Arc, OnceLock};

use belay_gotemplate::{self as gt, Error, Function, Functions, Param, Value};

/// All of them.
pub(super) fn all() -> &'static Arc<Functions> {
    static ALL: OnceLock<Arc<Functions>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut functions = Functions::new();
        gt::sprig::register(&mut functions);
        // Compat(argo-cd 3.5)
        for name in ["env", "expandenv", "getHostByName"] {
            functions.remove(name);
        }
        own().into_iter().for_each(|function| functions.add(function));
        Arc::new(functions)
    })
}

fn own() -> Vec<Function> {
    use Param::{Any, String as Text};
    vec![
        Function::new("normalize", &[Text], |_, args| Ok(Value::str(normalized(&text(&args[0]))))),
        Function::variadic("slugify", &[], Any, |_, args| slugify(args)),
        Function::new("toYaml", &[Any], |_, args| {
            let yaml = belay_yaml::to_yaml(&args[0].to_object()?);
            Ok(Value::str(yaml.strip_suffix('\n').map(str::to_owned).unwrap_or(yaml)))
        }),
        Function::new("fromYaml", &[Text], |_, args| from_yaml(&text(&args[0]), false)),
        Function::new("fromYamlArray", &[Text], |_, args| from_yaml(&text(&args[0]), true)),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

fn from_yaml(text: &str, is_list: bool) -> Result<Value, Error> {
    let read = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| Error::new(e.to_string()))?;
    let expected = if is_list { "a list" } else { "a map" };
    match (&read, is_list) {
        (belay_object::Value::Null, true) => Ok(Value::list(Vec::new())),
        (belay_object::Value::Null, false) => Ok(Value::Map(gt::Map::new())),
        (belay_object::Value::Array(_), true) | (belay_object::Value::Object(_), false) => {
            Ok(Value::from_object(&read))
        }
        _ => Err(Error::new(format!("expected {expected}, found {}", read.type_name()))),
    }
}

/// Longest name that Kubernetes takes.
const MAX_NAME: usize = 253;

/// A name that Kubernetes takes. Compat(argo-cd 3.5): what is neither letter, digit, `-` nor `.` is `-` each.
pub fn normalized(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.' { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(allowed).take(MAX_NAME).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// `slugify [max] [whole words] name`
fn slugify(args: &[Value]) -> Result<Value, Error> {
    let Some((name, options)) = args.split_last() else { return Ok(Value::str("")) };
    let wrong = |what: &str| Error::new(format!("slugify: expected [a number] [true or false] a text; {what}"));
    let name = name.as_str().ok_or_else(|| wrong("the last is no text"))?.to_string_lossy().into_owned();
    let max = match options.first() {
        None => 50,
        Some(Value::Int(max)) => usize::try_from(*max).unwrap_or(0),
        Some(_) => return Err(wrong("the first is no number")),
    };
    let whole_words = match options.get(1) {
        None => true,
        Some(Value::Bool(whole)) => *whole,
        Some(_) => return Err(wrong("the second is neither true nor false")),
    };
    Ok(Value::str(slug(&normalized(&name), max, whole_words)))
}

/// Letters, digits, `-` and `_`, no two `-` beside one another, of at most `max` bytes; zero is without end.
fn slug(name: &str, max: usize, whole_words: bool) -> String {
    let name = if !whole_words && max > 0 { &name[..max.min(name.len())] } else { name };
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c == '.' { '-' } else { c };
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    let out = out.trim_matches(['-', '_']);
    if !whole_words || max == 0 || out.len() <= max {
        return out.to_owned();
    }
    // The word that does not fit goes, unless it is the only one.
    let end = out[..=max].rfind('-').unwrap_or(max);
    out[..end].to_owned()
}
