//! [`ExprValue`]: what expressions compute with. Documents are borrowed, not copied.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use belay_object::{Map, Value};

/// A function of the scope: its arguments to its answer, or why there is none.
pub type ExprFunction<'a> = Rc<dyn Fn(&[ExprValue<'a>]) -> Result<ExprValue<'a>, String> + 'a>;

/// One value.
#[derive(Clone)]
pub enum ExprValue<'a> {
    /// `nil`: absent
    Nil,
    /// `bool`
    Bool(bool),
    /// Any whole number.
    Int(i64),
    /// `float64`
    Float(f64),
    /// Text of a document.
    Text(&'a str),
    /// Text.
    Str(Rc<str>),
    /// A list of a document.
    Items(&'a [Value]),
    /// A list.
    List(Rc<Vec<ExprValue<'a>>>),
    /// An object of a document.
    Fields(&'a Map),
    /// A map.
    Map(Rc<BTreeMap<Box<str>, ExprValue<'a>>>),
    /// `time.Time`: nanoseconds since 1970, shown in UTC.
    Moment(i128),
    /// `time.Duration`: nanoseconds.
    Span(i64),
    /// A day of the week or a month: a number with a name.
    Named(Named),
    /// A function.
    Function(ExprFunction<'a>),
}

/// Go's `time.Weekday` and `time.Month`. They are equal to no plain number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// 0 for Sunday
    Weekday(u8),
    /// 1 for January
    Month(u8),
}

impl Named {
    pub(super) fn number(self) -> i64 {
        match self {
            Named::Weekday(n) | Named::Month(n) => n.into(),
        }
    }
    pub(super) fn name(self) -> &'static str {
        const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        match self {
            Named::Weekday(n) => DAYS.get(usize::from(n)).copied().unwrap_or_default(),
            Named::Month(n) => MONTHS.get(usize::from(n).wrapping_sub(1)).copied().unwrap_or_default(),
        }
    }
}

impl<'a> ExprValue<'a> {
    /// A document's value.
    pub fn json(value: &'a Value) -> ExprValue<'a> {
        match value {
            Value::Null => ExprValue::Nil,
            Value::Bool(b) => ExprValue::Bool(*b),
            Value::Int(i) => ExprValue::Int(*i),
            Value::UInt(u) => i64::try_from(*u).map_or(ExprValue::Float(*u as f64), ExprValue::Int),
            Value::Float(f) => ExprValue::Float(*f),
            Value::Str(s) => ExprValue::Text(s),
            Value::Array(items) => ExprValue::Items(items),
            Value::Object(fields) => ExprValue::Fields(fields),
        }
    }
    /// Text.
    pub fn str(text: impl AsRef<str>) -> ExprValue<'a> {
        ExprValue::Str(text.as_ref().into())
    }
    /// A list.
    pub fn list(items: Vec<ExprValue<'a>>) -> ExprValue<'a> {
        ExprValue::List(Rc::new(items))
    }
    /// A map.
    pub fn map(fields: impl IntoIterator<Item = (Box<str>, ExprValue<'a>)>) -> ExprValue<'a> {
        ExprValue::Map(Rc::new(fields.into_iter().collect()))
    }
    /// A function.
    pub fn function(body: impl Fn(&[ExprValue<'a>]) -> Result<ExprValue<'a>, String> + 'a) -> ExprValue<'a> {
        ExprValue::Function(Rc::new(body))
    }
    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            ExprValue::Text(text) => Some(text),
            ExprValue::Str(text) => Some(text),
            _ => None,
        }
    }
    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            ExprValue::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, ExprValue::Nil)
    }
    /// How many items a list has.
    pub(super) fn list_len(&self) -> Option<usize> {
        match self {
            ExprValue::Items(items) => Some(items.len()),
            ExprValue::List(items) => Some(items.len()),
            _ => None,
        }
    }
    pub(super) fn item(&self, at: usize) -> Option<ExprValue<'a>> {
        match self {
            ExprValue::Items(items) => items.get(at).map(ExprValue::json),
            ExprValue::List(items) => items.get(at).cloned(),
            _ => None,
        }
    }
    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<ExprValue<'a>>> {
        (0..self.list_len()?).map(|at| self.item(at)).collect()
    }
    /// How many fields a map has.
    pub(super) fn map_len(&self) -> Option<usize> {
        match self {
            ExprValue::Fields(fields) => Some(fields.len()),
            ExprValue::Map(fields) => Some(fields.len()),
            _ => None,
        }
    }
    /// A field of a map; `None` where it is none.
    pub(super) fn field(&self, name: &str) -> Option<Option<ExprValue<'a>>> {
        match self {
            ExprValue::Fields(fields) => Some(fields.get(name).map(ExprValue::json)),
            ExprValue::Map(fields) => Some(fields.get(name).cloned()),
            _ => None,
        }
    }
    /// The fields of a map, by name.
    pub(super) fn fields(&self) -> Option<Vec<(String, ExprValue<'a>)>> {
        let mut all: Vec<(String, ExprValue<'a>)> = match self {
            ExprValue::Fields(fields) => fields.iter().map(|(k, v)| (k.to_string(), ExprValue::json(v))).collect(),
            ExprValue::Map(fields) => fields.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            _ => return None,
        };
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(all)
    }
    /// Go's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            ExprValue::Nil => "<nil>",
            ExprValue::Bool(_) => "bool",
            ExprValue::Int(_) => "int",
            ExprValue::Float(_) => "float64",
            ExprValue::Text(_) | ExprValue::Str(_) => "string",
            ExprValue::Items(_) | ExprValue::List(_) => "[]interface {}",
            ExprValue::Fields(_) | ExprValue::Map(_) => "map[string]interface {}",
            ExprValue::Moment(_) => "time.Time",
            ExprValue::Span(_) => "time.Duration",
            ExprValue::Named(Named::Weekday(_)) => "time.Weekday",
            ExprValue::Named(Named::Month(_)) => "time.Month",
            ExprValue::Function(_) => "func",
        }
    }
    /// As Go's `%v` prints it; at most some nesting and length, then dots.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        print(self, &mut out, 0);
        out
    }
}

/// How deep and how long values are printed.
const MAX_PRINT: (usize, usize) = (60, 1 << 20);

fn print(value: &ExprValue<'_>, out: &mut String, depth: usize) {
    use std::fmt::Write;
    if depth > MAX_PRINT.0 || out.len() > MAX_PRINT.1 {
        out.push_str("...");
        return;
    }
    let written = match value {
        ExprValue::Nil => out.write_str("<nil>"),
        ExprValue::Bool(b) => write!(out, "{b}"),
        ExprValue::Int(i) => write!(out, "{i}"),
        ExprValue::Float(f) => out.write_str(&float_text(*f)),
        ExprValue::Text(text) => out.write_str(text),
        ExprValue::Str(text) => out.write_str(text),
        ExprValue::Moment(ns) => out.write_str(&super::moments::moment_text(*ns)),
        ExprValue::Span(ns) => out.write_str(&super::moments::span_text(*ns)),
        ExprValue::Named(named) => out.write_str(named.name()),
        ExprValue::Function(_) => out.write_str("func"),
        ExprValue::Items(_) | ExprValue::List(_) => {
            out.push('[');
            for (i, item) in value.items().unwrap_or_default().iter().enumerate() {
                out.push_str(if i == 0 { "" } else { " " });
                print(item, out, depth + 1);
            }
            out.write_str("]")
        }
        ExprValue::Fields(_) | ExprValue::Map(_) => {
            out.push_str("map[");
            for (i, (name, value)) in value.fields().unwrap_or_default().iter().enumerate() {
                out.push_str(if i == 0 { "" } else { " " });
                out.push_str(name);
                out.push(':');
                print(value, out, depth + 1);
            }
            out.write_str("]")
        }
    };
    // Writing to a String cannot fail.
    let _ = written;
}

/// Go's `%v` of a float: the shortest digits, with an exponent below -4 and from 6 on.
fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{f}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

impl fmt::Debug for ExprValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.type_name(), self.to_text())
    }
}
