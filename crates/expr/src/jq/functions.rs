//! The functions that a jq program may call: the library's, without those that reach outside
//! (environment, clock, input, standard error, exit), and ours where the library's differ from
//! gojq's or belong to the value.

use std::collections::HashSet;

use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Cv, ValR, ValXs};

use super::Kind;
use super::budget::{made, spend};
use super::operations::{bounds, place, slice_of};
use super::value::Val;

type Error = jaq_core::Error<Val>;
type Native = for<'a> fn(Cv<'a, Kind>) -> ValXs<'a, Val>;

/// The library's natives that are not taken.
pub(super) const LEFT_OUT: &[&str] =
    &["env", "now", "halt", "debug_empty", "stderr_empty", "strflocaltime", "localtime", "ltrimstr", "rtrimstr"];

/// Later definitions of a name stand before earlier ones.
const DEFINITIONS: &str = r#"
def del(f): delpaths([path(f)]);
def to_entries: [keys_unsorted[] as $k | {key: $k, value: .[$k]}];
def from_entries: reduce .[] as $x ({};
    . + { ($x | if type == "object" then (if has("key") then .key elif has("k") then .k elif has("name") then .name elif has("Name") then .Name elif has("Key") then .Key else .K end) else . end
          | if type == "string" then . elif type == "null" then "null" else tojson end):
        ($x | if type == "object" then (if has("value") then .value elif has("v") then .v elif has("Value") then .Value else .V end) else null end) });
def with_entries(f): to_entries | map(f) | from_entries;
def isnan: . != .;
def toarray: if type == "array" then . else [.] end;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def ascii: [.] | implode;
def tonumber: if type == "number" then . elif type == "string" then number_of else error("tonumber cannot be applied to: " + tojson) end;
def toboolean: if type == "boolean" then . elif . == "true" then true elif . == "false" then false else error("toboolean cannot be applied to: " + tojson) end;
def transpose: if . == [] then [] else . as $in | [range([.[] | length] | max) as $i | [$in[][$i]]] end;
def in(xs): . as $x | xs | has($x);
def inside(xs): . as $x | xs | contains($x);
def index($i): indices($i)[0];
def rindex($i): indices($i)[-1:][0];
def join($s): if length == 0 then "" else reduce .[1:][] as $x (.[0] | if . == null then "" else tostring end; . + $s + ($x | if . == null then "" else tostring end)) end;
def @json: tojson;
def @csv: map(if type == "number" then tojson elif type == "boolean" then tojson elif . == null then "" else "\"" + gsub("\""; "\"\"") + "\"" end) | join(",");
def @tsv: map(if . == null then "" else tostring end) | join("\t");
"#;

/// What a program may call.
pub(super) struct Callable {
    /// By definition.
    pub(super) definitions: Vec<Def<&'static str>>,
    /// Natively.
    pub(super) natives: Vec<Fun<Kind>>,
}

/// All definitions that there are.
pub(super) fn all_definitions() -> impl Iterator<Item = Def<&'static str>> {
    let ours = jaq_core::load::parse(DEFINITIONS, |p| p.defs()).unwrap_or_default();
    jaq_core::defs().chain(jaq_std::defs()).chain(ours)
}

/// What a program of a text can come to call. All that there is would be compiled with it and stay with it, some
/// MiB for each program.
pub(super) fn callable(text: &str) -> Callable {
    let mut left: Vec<_> = all_definitions().enumerate().collect();
    let mut wanted: HashSet<String> = words(text).map(str::to_owned).collect();
    let mut taken = Vec::new();
    loop {
        let (found, others): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(_, definition)| wanted.contains(definition.name));
        if found.is_empty() {
            break;
        }
        left = others;
        // What it calls is among the words of the debug text, which derives from the syntax tree.
        for (_, definition) in &found {
            wanted.extend(words(&format!("{:?}", definition.body)).map(str::to_owned));
        }
        taken.extend(found);
    }
    // A definition sees those before it.
    taken.sort_unstable_by_key(|(place, _)| *place);
    let library = jaq_core::funs().chain(jaq_std::funs()).filter(|(name, _, _)| !LEFT_OUT.contains(name));
    let natives = library.chain(OURS.iter().map(|(name, arity, native)| run::<Kind>((name, v(*arity), *native))));
    Callable {
        definitions: taken.into_iter().map(|(_, definition)| definition).collect(),
        natives: natives.filter(|(name, _, _)| wanted.contains(*name)).collect(),
    }
}

/// The words of a text, among them every name that it calls.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '@').filter(|word| !word.is_empty())
}

const OURS: &[(&str, usize, Native)] = &[
    ("debug_empty", 0, |_| Box::new(std::iter::empty())),
    ("stderr_empty", 0, |_| Box::new(std::iter::empty())),
    ("halt", 1, |_| bome(Err(Error::str("halt is not allowed here")))),
    ("tojson", 0, |cv| bome(Ok(Val::owned_text(cv.1.to_value().to_json())))),
    ("fromjson", 0, |cv| bome(from_json(&cv.1))),
    ("number_of", 0, |cv| bome(number_of(&cv.1))),
    ("length", 0, |cv| bome(length(&cv.1))),
    ("contains", 1, |cv| unary(cv, |a, b| contains(&a, &b).map(Val::Bool))),
    ("has", 1, |cv| unary(cv, |a, b| has(&a, &b).map(Val::Bool))),
    ("indices", 1, |cv| unary(cv, |a, b| indices(&a, &b))),
    ("bsearch", 1, |cv| unary(cv, |a, b| bsearch(&a, &b))),
    ("delpaths", 1, |cv| unary(cv, delete_all)),
    ("ltrimstr", 1, |cv| unary(cv, |s, cut| Ok(trimmed(s, &cut, |s, cut| s.strip_prefix(cut))))),
    ("rtrimstr", 1, |cv| unary(cv, |s, cut| Ok(trimmed(s, &cut, |s, cut| s.strip_suffix(cut))))),
];

/// What is no string stays as it is, as gojq has it.
fn trimmed(s: Val, cut: &Val, strip: for<'s> fn(&'s str, &str) -> Option<&'s str>) -> Val {
    match (s.as_str(), cut.as_str()) {
        (Some(text), Some(cut)) => strip(text, cut).map_or_else(|| s.clone(), Val::text),
        _ => s,
    }
}

fn from_json(v: &Val) -> ValR<Val> {
    let text = v.as_str().ok_or_else(|| Error::typ(v.clone(), "string"))?;
    made(text.len());
    let value = belay_object::from_json_str(text).map_err(|e| Error::str(format_args!("fromjson: {e}")))?;
    Val::of(&value, super::budget::MAX_DEPTH).map_err(Error::str)
}

fn number_of(v: &Val) -> ValR<Val> {
    let text = v.as_str().unwrap_or_default();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && !text.is_empty();
    if plain && let Ok(number) = <Val as jaq_core::ValT>::from_num(text) {
        return Ok(number);
    }
    Err(Error::str(format_args!("tonumber cannot be applied to: {v}")))
}

fn length(v: &Val) -> ValR<Val> {
    match v {
        Val::Null => Ok(Val::Int(0)),
        Val::Int(i) => Ok(i.checked_abs().map_or(Val::Float((*i as f64).abs()), Val::Int)),
        Val::Float(f) => Ok(Val::Float(f.abs())),
        Val::Str(s) => {
            spend(s.len() / 64);
            Ok(Val::from(s.chars().count()))
        }
        Val::List(l) => Ok(Val::from(l.items.len())),
        Val::Fields(f) => Ok(Val::from(f.map.len())),
        Val::Bool(_) => Err(Error::str(format_args!("length cannot be applied to: {v}"))),
    }
}

/// The depth is that of the values.
fn contains(a: &Val, b: &Val) -> ValR<bool, Val> {
    spend(1);
    match (a, b) {
        (Val::Str(a), Val::Str(b)) => {
            spend(a.len() / 64);
            Ok(a.contains(&**b))
        }
        (Val::List(a), Val::List(b)) => Ok(b
            .items
            .iter()
            .all(|b| a.items.iter().any(|a| a.type_name() == b.type_name() && contains(a, b).unwrap_or(false)))),
        (Val::Fields(a), Val::Fields(b)) => Ok(b.map.iter().all(|(key, b)| {
            a.map.get(key).is_some_and(|a| a.type_name() == b.type_name() && contains(a, b).unwrap_or(false))
        })),
        _ if a.type_name() == b.type_name() => Ok(a == b),
        _ => Err(Error::str(format_args!("cannot check whether {a} contains {b}"))),
    }
}

fn has(v: &Val, key: &Val) -> ValR<bool, Val> {
    match (v, key) {
        (Val::Fields(f), Val::Str(key)) => Ok(f.map.contains_key(key)),
        (Val::List(l), Val::Int(_) | Val::Float(_)) => {
            Ok(key.position().is_some_and(|p| p >= 0 && (p as usize) < l.items.len()))
        }
        _ => Err(Error::str(format_args!("cannot check whether {v} has a key: {key}"))),
    }
}

fn indices(v: &Val, part: &Val) -> ValR<Val> {
    match (v, part) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Str(_), Val::Str(b)) if b.is_empty() => Ok(Val::list(Vec::new())),
        (Val::Str(a), Val::Str(b)) => {
            spend(a.len().saturating_mul(b.len()) / 64);
            let starts = a.char_indices().enumerate().filter(|(_, (at, _))| a[*at..].starts_with(&**b));
            Ok(starts.map(|(i, _)| Val::from(i)).collect())
        }
        (Val::List(a), Val::List(b)) => Ok(places_of(&a.items, &b.items)),
        (Val::List(a), item) => {
            spend(a.items.len());
            Ok(a.items.iter().enumerate().filter(|(_, x)| *x == item).map(|(i, _)| Val::from(i)).collect())
        }
        _ => Err(Error::index(v.clone(), part.clone())),
    }
}

/// Where a list stands within another.
pub(super) fn places_of(list: &[Val], part: &[Val]) -> Val {
    if part.is_empty() {
        return Val::Null;
    }
    spend(list.len().saturating_mul(part.len()));
    list.windows(part.len()).enumerate().filter(|(_, w)| *w == part).map(|(i, _)| Val::from(i)).collect()
}

fn bsearch(v: &Val, item: &Val) -> ValR<Val> {
    let items = v.as_items().ok_or_else(|| Error::typ(v.clone(), "array"))?;
    Ok(match items.binary_search(item) {
        Ok(at) => Val::from(at),
        Err(at) => Val::Int(-1 - at as i64),
    })
}

/// Deletes what stands at these paths, all of them found before anything is deleted: the last
/// first, so that no place moves before its turn.
pub(super) fn delete_all(v: Val, paths: Val) -> ValR<Val> {
    let Val::List(paths) = paths else { return Err(Error::typ(paths, "array of paths")) };
    let mut paths = Val::into_items(paths);
    paths.sort();
    paths.dedup();
    paths.into_iter().rev().try_fold(v, |v, path| match path.as_items() {
        Some(path) => delete(v, path),
        None => Err(Error::typ(path, "path (an array)")),
    })
}

/// The depth is that of the value, for each step goes into it.
fn delete(v: Val, path: &[Val]) -> ValR<Val> {
    spend(1);
    let Some((step, rest)) = path.split_first() else { return Ok(Val::Null) };
    match (v, step) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Fields(mut fields), Val::Str(key)) => {
            if !fields.map.contains_key(key) {
                return Ok(Val::Fields(fields));
            }
            let own = Val::map_to_change(&mut fields);
            if let Some(old) = own.map.remove(key)
                && !rest.is_empty()
            {
                own.map.insert(key.clone(), delete(old, rest)?);
            }
            Ok(Val::Fields(fields))
        }
        (Val::List(mut list), Val::Int(_) | Val::Float(_)) => {
            let at = step.position().and_then(|p| place(p, list.items.len())).filter(|at| *at < list.items.len());
            let Some(at) = at else { return Ok(Val::List(list)) };
            let own = Val::items_to_change(&mut list);
            if rest.is_empty() {
                own.items.remove(at);
            } else {
                let old = std::mem::replace(&mut own.items[at], Val::Null);
                own.items[at] = delete(old, rest)?;
            }
            Ok(Val::List(list))
        }
        (Val::List(list), Val::Fields(_)) => {
            let within = bounds(slice_of(step).unwrap_or(None..None), list.items.len())?;
            let mut items = Val::into_items(list);
            let part: Vec<Val> = items.splice(within.clone(), std::iter::empty()).collect();
            if !rest.is_empty()
                && let Val::List(part) = delete(Val::list(part), rest)?
            {
                items.splice(within.start..within.start, Val::into_items(part));
            }
            Ok(Val::list(items))
        }
        (v, step) => Err(Error::str(format_args!("cannot delete {step} of {v}"))),
    }
}
