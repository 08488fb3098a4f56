//! The built-in functions that take values; those with predicates are the evaluator's.

use super::evaluate::Now;
use super::operators::{Answer, equal, order};
use super::value::ExprValue;

/// How a call of a function is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    /// A list, a predicate, which may be left out, and one more argument for some.
    Predicate {
        optional: bool,
        more: bool,
    },
}

macro_rules! builtins {
    ($($variant:ident $name:literal $shape:expr),* $(,)?) => {
        /// A built-in function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Builtin { $($variant),* }

        impl Builtin {
            /// The function of a name, and how it is called.
            pub(super) fn of(name: &str) -> Option<(Builtin, Shape)> {
                match name {
                    $($name => Some((Builtin::$variant, $shape)),)*
                    _ => None,
                }
            }
            /// Its name.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Builtin::$variant => $name,)*
                }
            }
        }
    };
}

const PREDICATE: Shape = Shape::Predicate { optional: false, more: false };
const PREDICATE_OR_NONE: Shape = Shape::Predicate { optional: true, more: false };
const PREDICATE_AND_MORE: Shape = Shape::Predicate { optional: false, more: true };

builtins! {
    All "all" PREDICATE, None "none" PREDICATE, Any "any" PREDICATE, One "one" PREDICATE, Filter "filter" PREDICATE,
    Map "map" PREDICATE, Find "find" PREDICATE, FindIndex "findIndex" PREDICATE, FindLast "findLast" PREDICATE,
    FindLastIndex "findLastIndex" PREDICATE, Count "count" PREDICATE_OR_NONE, Sum "sum" PREDICATE_OR_NONE,
    GroupBy "groupBy" PREDICATE, SortBy "sortBy" PREDICATE_AND_MORE, Reduce "reduce" PREDICATE_AND_MORE,
    Len "len" Shape::Plain, Type "type" Shape::Plain, Abs "abs" Shape::Plain, Ceil "ceil" Shape::Plain,
    Floor "floor" Shape::Plain, Round "round" Shape::Plain, Int "int" Shape::Plain, Float "float" Shape::Plain,
    Text "string" Shape::Plain, Trim "trim" Shape::Plain, TrimPrefix "trimPrefix" Shape::Plain,
    TrimSuffix "trimSuffix" Shape::Plain, Upper "upper" Shape::Plain, Lower "lower" Shape::Plain,
    Split "split" Shape::Plain, Replace "replace" Shape::Plain, Repeat "repeat" Shape::Plain,
    Join "join" Shape::Plain, IndexOf "indexOf" Shape::Plain, LastIndexOf "lastIndexOf" Shape::Plain,
    HasPrefix "hasPrefix" Shape::Plain, HasSuffix "hasSuffix" Shape::Plain, Max "max" Shape::Plain,
    Min "min" Shape::Plain, Now "now" Shape::Plain, Duration "duration" Shape::Plain, Date "date" Shape::Plain,
    First "first" Shape::Plain, Last "last" Shape::Plain, Get "get" Shape::Plain, Take "take" Shape::Plain,
    Keys "keys" Shape::Plain, Values "values" Shape::Plain, Reverse "reverse" Shape::Plain,
    Uniq "uniq" Shape::Plain, Concat "concat" Shape::Plain, Sort "sort" Shape::Plain,
}

impl Builtin {
    /// Whether it looks at elements one by one, with an expression about each: the evaluator does these.
    pub(super) fn is_over_elements(self) -> bool {
        use Builtin as B;
        matches!(
            self,
            B::All
                | B::None
                | B::Any
                | B::One
                | B::Filter
                | B::Map
                | B::Find
                | B::FindIndex
                | B::FindLast
                | B::FindLastIndex
                | B::Count
                | B::Sum
                | B::GroupBy
                | B::SortBy
                | B::Reduce
        )
    }
    /// Whether the library has a function of this name that is not here.
    pub(super) fn is_missing(name: &str) -> bool {
        const MISSING: [&str; 19] = [
            "splitAfter",
            "mean",
            "median",
            "toJSON",
            "fromJSON",
            "toBase64",
            "fromBase64",
            "timezone",
            "toPairs",
            "fromPairs",
            "flatten",
            "bitand",
            "bitor",
            "bitxor",
            "bitnand",
            "bitshl",
            "bitshr",
            "bitushr",
            "bitnot",
        ];
        MISSING.contains(&name)
    }
}

fn text<'v>(args: &'v [ExprValue<'_>], at: usize) -> Result<&'v str, String> {
    let value = args.get(at).ok_or("not enough arguments")?;
    value.as_str().ok_or_else(|| format!("interface conversion: interface {{}} is {}, not string", value.type_name()))
}

fn whole(args: &[ExprValue<'_>], at: usize) -> Result<i64, String> {
    match args.get(at) {
        Some(ExprValue::Int(n)) => Ok(*n),
        Some(ExprValue::Float(f)) => Ok(*f as i64),
        Some(other) => Err(format!("invalid operation: int({})", other.type_name())),
        None => Err("not enough arguments".to_owned()),
    }
}

fn list<'a>(args: &[ExprValue<'a>], what: &str) -> Result<Vec<ExprValue<'a>>, String> {
    let value = args.first().ok_or("not enough arguments")?;
    value.items().ok_or_else(|| format!("cannot {what} {}", value.type_name()))
}

fn string<'a>(text: impl AsRef<str>) -> Answer<'a> {
    Ok(ExprValue::str(text))
}

fn number<'a>(n: usize) -> Answer<'a> {
    Ok(ExprValue::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// How many arguments a function takes.
fn arity(builtin: Builtin) -> (usize, usize) {
    use Builtin as B;
    match builtin {
        B::Now => (0, 0),
        B::Trim | B::TrimPrefix | B::TrimSuffix | B::Join | B::Sort => (1, 2),
        B::Date => (1, 3),
        B::Split => (2, 3),
        B::Replace => (3, 4),
        B::Repeat | B::IndexOf | B::LastIndexOf | B::HasPrefix | B::HasSuffix | B::Get | B::Take => (2, 2),
        B::Max | B::Min | B::Concat => (1, usize::MAX),
        _ => (1, 1),
    }
}

/// Calls a function over values.
pub(super) fn call<'a>(builtin: Builtin, args: &[ExprValue<'a>], now: &Now) -> Answer<'a> {
    use Builtin as B;
    let (least, most) = arity(builtin);
    if args.len() < least || args.len() > most {
        return Err(format!("invalid number of arguments for {} (got {})", builtin.name(), args.len()));
    }
    let is = |yes: bool| Ok(ExprValue::Bool(yes));
    match builtin {
        B::Len => length(&args[0]),
        B::Type => string(kind(&args[0])),
        B::Abs => match &args[0] {
            ExprValue::Int(n) => Ok(ExprValue::Int(n.wrapping_abs())),
            ExprValue::Float(f) => Ok(ExprValue::Float(f.abs())),
            other => Err(format!("invalid argument for abs (type {})", other.type_name())),
        },
        B::Ceil => rounded(builtin, &args[0], f64::ceil),
        B::Floor => rounded(builtin, &args[0], f64::floor),
        B::Round => rounded(builtin, &args[0], f64::round),
        B::Int => to_int(&args[0]),
        B::Float => to_float(&args[0]),
        B::Text => string(args[0].to_text()),
        B::Trim if args.len() == 2 => {
            let cut = text(args, 1)?;
            string(text(args, 0)?.trim_matches(|c| cut.contains(c)))
        }
        B::Trim => string(text(args, 0)?.trim()),
        B::TrimPrefix | B::TrimSuffix => {
            let (whole, cut) = (text(args, 0)?, if args.len() == 2 { text(args, 1)? } else { " " });
            let cut = if builtin == B::TrimPrefix { whole.strip_prefix(cut) } else { whole.strip_suffix(cut) };
            string(cut.unwrap_or(whole))
        }
        B::Upper => string(text(args, 0)?.to_uppercase()),
        B::Lower => string(text(args, 0)?.to_lowercase()),
        B::Split => split(args),
        B::Replace => replace(args),
        B::Repeat => {
            let (part, times) = (text(args, 0)?, whole(args, 1)?);
            let times = usize::try_from(times).map_err(|_| format!("invalid argument for repeat ({times})"))?;
            if part.len().saturating_mul(times) > 1_000_000 {
                return Err("memory budget exceeded".to_owned());
            }
            string(part.repeat(times))
        }
        B::Join => {
            let glue = if args.len() == 2 { text(args, 1)? } else { "" };
            let items = list(args, "join")?;
            let parts: Result<Vec<&str>, String> =
                items.iter().map(|i| i.as_str().ok_or_else(|| "an item is no text".to_owned())).collect();
            string(parts?.join(glue))
        }
        B::IndexOf => Ok(ExprValue::Int(text(args, 0)?.find(text(args, 1)?).map_or(-1, |at| at as i64))),
        B::LastIndexOf => Ok(ExprValue::Int(text(args, 0)?.rfind(text(args, 1)?).map_or(-1, |at| at as i64))),
        B::HasPrefix => is(text(args, 0)?.starts_with(text(args, 1)?)),
        B::HasSuffix => is(text(args, 0)?.ends_with(text(args, 1)?)),
        B::Max | B::Min => extreme(builtin, args),
        B::Now => Ok(ExprValue::Moment(now.unix_ns)),
        B::Duration => {
            let text = text(args, 0)?;
            let span = crate::parse_duration(text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
            Ok(ExprValue::Span(span))
        }
        B::Date => date(args),
        B::First => Ok(args[0].item(0).unwrap_or(ExprValue::Nil)),
        B::Last => {
            let length = args[0].list_len().unwrap_or_default();
            Ok(length.checked_sub(1).and_then(|at| args[0].item(at)).unwrap_or(ExprValue::Nil))
        }
        B::Get => get(args),
        B::Take => {
            let (mut items, most) = (list(args, "take from")?, whole(args, 1)?);
            items.truncate(usize::try_from(most).map_err(|_| "slice bounds out of range".to_owned())?);
            Ok(ExprValue::list(items))
        }
        B::Keys | B::Values => {
            let fields = args[0].fields().ok_or_else(|| format!("cannot get {} of no map", builtin.name()))?;
            let part = |(name, value)| if builtin == B::Keys { ExprValue::str(String::as_str(&name)) } else { value };
            Ok(ExprValue::list(fields.into_iter().map(part).collect()))
        }
        B::Reverse => {
            let mut items = list(args, "reverse")?;
            items.reverse();
            Ok(ExprValue::list(items))
        }
        B::Uniq => {
            let mut found: Vec<ExprValue<'a>> = Vec::new();
            for item in list(args, "uniq")? {
                if !found.iter().any(|f| equal(f, &item)) {
                    found.push(item);
                }
            }
            Ok(ExprValue::list(found))
        }
        B::Concat => {
            let mut all = Vec::new();
            for arg in args {
                all.extend(arg.items().ok_or_else(|| format!("cannot concat {}", arg.type_name()))?);
            }
            Ok(ExprValue::list(all))
        }
        B::Sort => {
            let descending = args.len() == 2 && is_descending(text(args, 1)?)?;
            let mut items = list(args, "sort")?;
            sort(&mut items, descending)?;
            Ok(ExprValue::list(items))
        }
        _ => Err(format!("{} takes a predicate", builtin.name())),
    }
}

/// Whether an order is `desc`.
pub(super) fn is_descending(order: &str) -> Result<bool, String> {
    match order {
        "asc" => Ok(false),
        "desc" => Ok(true),
        other => Err(format!("invalid order {other}, expected asc or desc")),
    }
}

/// Sorts values that have an order.
pub(super) fn sort(items: &mut [ExprValue<'_>], descending: bool) -> Result<(), String> {
    if let [first, rest @ ..] = &*items
        && let Some(other) = rest.iter().find(|item| order(first, item).is_none())
    {
        return Err(format!("cannot compare {} with {}", first.type_name(), other.type_name()));
    }
    items.sort_by(|a, b| {
        let order = order(a, b).flatten().unwrap_or(std::cmp::Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
    Ok(())
}

fn length<'a>(value: &ExprValue<'a>) -> Answer<'a> {
    let count = value.list_len().or_else(|| value.map_len()).or_else(|| value.as_str().map(|s| s.chars().count()));
    number(count.ok_or_else(|| format!("invalid argument for len (type {})", value.type_name()))?)
}

fn kind(value: &ExprValue<'_>) -> &'static str {
    match value {
        ExprValue::Nil => "nil",
        ExprValue::Float(_) => "float",
        ExprValue::Items(_) | ExprValue::List(_) => "array",
        ExprValue::Fields(_) | ExprValue::Map(_) => "map",
        other => other.type_name(),
    }
}

fn rounded<'a>(builtin: Builtin, value: &ExprValue<'a>, how: fn(f64) -> f64) -> Answer<'a> {
    match value {
        ExprValue::Int(n) => Ok(ExprValue::Float(*n as f64)),
        ExprValue::Float(f) => Ok(ExprValue::Float(how(*f))),
        other => Err(format!("invalid argument for {} (type {})", builtin.name(), other.type_name())),
    }
}

fn to_int<'a>(value: &ExprValue<'a>) -> Answer<'a> {
    match value {
        ExprValue::Int(n) | ExprValue::Span(n) => Ok(ExprValue::Int(*n)),
        ExprValue::Named(named) => Ok(ExprValue::Int(named.number())),
        ExprValue::Float(f) => Ok(ExprValue::Int(*f as i64)),
        other => {
            let parsed = other.as_str().map(|text| (text, text.parse()));
            match parsed {
                Some((_, Ok(n))) => Ok(ExprValue::Int(n)),
                Some((text, Err(_))) => Err(format!("invalid operation: int({text})")),
                None => Err(format!("invalid operation: int({})", other.type_name())),
            }
        }
    }
}

fn to_float<'a>(value: &ExprValue<'a>) -> Answer<'a> {
    match value {
        ExprValue::Int(n) => Ok(ExprValue::Float(*n as f64)),
        ExprValue::Float(f) => Ok(ExprValue::Float(*f)),
        other => {
            let parsed = other.as_str().and_then(|text| text.parse().ok());
            parsed.map(ExprValue::Float).ok_or_else(|| format!("invalid operation: float({})", other.type_name()))
        }
    }
}

fn split<'a>(args: &[ExprValue<'a>]) -> Answer<'a> {
    let (whole_text, by) = (text(args, 0)?, text(args, 1)?);
    let most = if args.len() == 3 { whole(args, 2)? } else { -1 };
    let part = |part: &str| ExprValue::str(part);
    Ok(ExprValue::list(match usize::try_from(most) {
        Ok(0) => Vec::new(),
        Ok(most) if by.is_empty() => {
            let mut chars: Vec<_> = whole_text.char_indices().map(|(at, _)| at).collect();
            chars.truncate(most);
            let ends = chars.iter().skip(1).copied().chain([whole_text.len()]);
            chars.iter().zip(ends).map(|(from, to)| part(&whole_text[*from..to])).collect()
        }
        Ok(most) => whole_text.splitn(most, by).map(part).collect(),
        Err(_) if by.is_empty() => whole_text.chars().map(|c| part(&c.to_string())).collect(),
        Err(_) => whole_text.split(by).map(part).collect(),
    }))
}

fn replace<'a>(args: &[ExprValue<'a>]) -> Answer<'a> {
    let (whole_text, old, new) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let most = if args.len() == 4 { whole(args, 3)? } else { -1 };
    let made =
        new.len().saturating_mul(if old.is_empty() { whole_text.len() + 1 } else { whole_text.len() / old.len() });
    if made > 1_000_000 {
        return Err("memory budget exceeded".to_owned());
    }
    match usize::try_from(most) {
        Ok(most) => string(whole_text.replacen(old, new, most)),
        Err(_) => string(whole_text.replace(old, new)),
    }
}

fn extreme<'a>(builtin: Builtin, args: &[ExprValue<'a>]) -> Answer<'a> {
    let mut best: Option<ExprValue<'a>> = None;
    let wanted = if builtin == Builtin::Max { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
    for arg in args {
        for value in arg.items().unwrap_or_else(|| vec![arg.clone()]) {
            if !matches!(value, ExprValue::Int(_) | ExprValue::Float(_)) {
                return Err(format!("invalid argument for {} (type {})", builtin.name(), value.type_name()));
            }
            if best.as_ref().is_none_or(|best| order(&value, best).flatten() == Some(wanted)) {
                best = Some(value);
            }
        }
    }
    Ok(best.unwrap_or(ExprValue::Nil))
}

/// A date in one of the forms that need no layout. Compat(expr 1.17): those of RFC 822, 850 and 1123 are not here.
fn date<'a>(args: &[ExprValue<'a>]) -> Answer<'a> {
    if args.len() > 1 {
        return Err("date with a layout is not supported; use time.Parse".to_owned());
    }
    let text = text(args, 0)?;
    let of = |text: &str| super::moments::parse(text);
    let found = of(text).or_else(|| of(&format!("{text}T00:00:00Z"))).or_else(|| {
        let (date, clock) = text.split_once(' ')?;
        of(&format!("{date}T{clock}Z"))
    });
    found.map(ExprValue::Moment).ok_or_else(|| format!("invalid date {text}"))
}

fn get<'a>(args: &[ExprValue<'a>]) -> Answer<'a> {
    let of = &args[0];
    if let Some(length) = of.list_len() {
        let at = whole(args, 1)?;
        let at = if at < 0 { at.saturating_add(length as i64) } else { at };
        return Ok(usize::try_from(at).ok().and_then(|at| of.item(at)).unwrap_or(ExprValue::Nil));
    }
    if of.map_len().is_some() {
        return Ok(of.field(text(args, 1)?).flatten().unwrap_or(ExprValue::Nil));
    }
    Ok(ExprValue::Nil)
}
