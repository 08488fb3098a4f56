//! What the interpreter asks of a value: arithmetic, indexing, iterating, updating.

use std::collections::BTreeMap;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::sync::Arc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Exn, ValR, ValX};

use super::budget::{made, made_items, spend};
use super::value::Val;

type Error = jaq_core::Error<Val>;

impl From<bool> for Val {
    fn from(b: bool) -> Val {
        Val::Bool(b)
    }
}
impl From<isize> for Val {
    fn from(i: isize) -> Val {
        Val::Int(i as i64)
    }
}
impl From<usize> for Val {
    fn from(i: usize) -> Val {
        i64::try_from(i).map_or(Val::Float(i as f64), Val::Int)
    }
}
impl From<f64> for Val {
    fn from(f: f64) -> Val {
        Val::Float(f)
    }
}
impl From<String> for Val {
    fn from(s: String) -> Val {
        Val::owned_text(s)
    }
}
impl From<Range<Val>> for Val {
    /// The form of a slice in a path.
    fn from(range: Range<Val>) -> Val {
        let field = |name: &str, v: Option<Val>| (Arc::from(name), v.unwrap_or(Val::Null));
        Val::fields([field("start", range.start), field("end", range.end)].into_iter().collect())
    }
}
impl FromIterator<Val> for Val {
    fn from_iter<I: IntoIterator<Item = Val>>(items: I) -> Val {
        // Counted one by one: the iterator may never end.
        Val::list(items.into_iter().inspect(|_| made_items(1)).collect())
    }
}

fn numbers(a: &Val, b: &Val, int: fn(i64, i64) -> Option<i64>, float: fn(f64, f64) -> f64) -> Option<Val> {
    // `range` does nothing else in its rounds.
    spend(1);
    if let (Val::Int(a), Val::Int(b)) = (a, b)
        && let Some(whole) = int(*a, *b)
    {
        return Some(Val::Int(whole));
    }
    Some(Val::Float(float(a.number()?, b.number()?)))
}

impl Add for Val {
    type Output = ValR<Val>;
    fn add(self, other: Val) -> ValR<Val> {
        if let Some(sum) = numbers(&self, &other, i64::checked_add, |a, b| a + b) {
            return Ok(sum);
        }
        match (self, other) {
            (Val::Null, x) | (x, Val::Null) => Ok(x),
            (Val::Str(a), Val::Str(b)) => {
                made(a.len() + b.len());
                Ok(Val::Str([&*a, &*b].concat().into()))
            }
            (Val::List(a), Val::List(b)) => {
                let mut items = Val::into_items(a);
                items.extend(Val::into_items(b));
                Ok(Val::list(items))
            }
            (Val::Fields(a), Val::Fields(b)) => {
                let mut map = Val::into_map(a);
                map.extend(Val::into_map(b));
                Ok(Val::fields(map))
            }
            (a, b) => Err(Error::math(a, Math::Add, b)),
        }
    }
}
impl Sub for Val {
    type Output = ValR<Val>;
    fn sub(self, other: Val) -> ValR<Val> {
        if let Some(difference) = numbers(&self, &other, i64::checked_sub, |a, b| a - b) {
            return Ok(difference);
        }
        match (self, other) {
            (Val::List(a), Val::List(b)) => {
                spend(a.items.len().saturating_mul(b.items.len()));
                Ok(Val::list(Val::into_items(a).into_iter().filter(|x| !b.items.contains(x)).collect()))
            }
            (a, b) => Err(Error::math(a, Math::Sub, b)),
        }
    }
}
impl Mul for Val {
    type Output = ValR<Val>;
    fn mul(self, other: Val) -> ValR<Val> {
        if let Some(product) = numbers(&self, &other, i64::checked_mul, |a, b| a * b) {
            return Ok(product);
        }
        match (self, other) {
            (Val::Str(s), n) | (n, Val::Str(s)) if n.number().is_some() => {
                let times = n.number().unwrap_or(0.0);
                if times.is_nan() || times <= 0.0 {
                    return Ok(Val::Null);
                }
                let times = if times < 1.0 { 1 } else { times as usize };
                made(s.len().saturating_mul(times));
                Ok(Val::Str(s.repeat(times).into()))
            }
            (Val::Fields(a), Val::Fields(b)) => merged(a, b),
            (a, b) => Err(Error::math(a, Math::Mul, b)),
        }
    }
}
/// Objects are merged all the way down; the depth is that of the values.
fn merged(a: Arc<super::value::Fields>, b: Arc<super::value::Fields>) -> ValR<Val> {
    let mut map = Val::into_map(a);
    for (key, value) in Val::into_map(b) {
        spend(1);
        let value = match (map.remove(&key), value) {
            (Some(Val::Fields(a)), Val::Fields(b)) => merged(a, b)?,
            (_, value) => value,
        };
        map.insert(key, value);
    }
    Ok(Val::fields(map))
}
impl Div for Val {
    type Output = ValR<Val>;
    fn div(self, other: Val) -> ValR<Val> {
        let whole = |a: i64, b: i64| if b != 0 && a.checked_rem(b) == Some(0) { a.checked_div(b) } else { None };
        if let Some(quotient) = numbers(&self, &other, whole, |a, b| a / b) {
            return Ok(quotient);
        }
        match (self, other) {
            (Val::Str(a), Val::Str(b)) if a.is_empty() || b.is_empty() => {
                let parts = a.chars().map(|c| Val::owned_text(c.to_string())).collect();
                Ok(Val::list(if b.is_empty() { parts } else { Vec::new() }))
            }
            (Val::Str(a), Val::Str(b)) => Ok(Val::list(a.split(&*b).map(Val::text).collect())),
            (a, b) => Err(Error::math(a, Math::Div, b)),
        }
    }
}
impl Rem for Val {
    type Output = ValR<Val>;
    fn rem(self, other: Val) -> ValR<Val> {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) if a.is_nan() || b.is_nan() => Ok(Val::Float(f64::NAN)),
            (Some(a), Some(b)) => match (a as i64).checked_rem(b as i64) {
                Some(rest) => Ok(Val::Int(rest)),
                None if b as i64 == -1 => Ok(Val::Int(0)),
                None => Err(Error::math(self, Math::Rem, other)),
            },
            _ => Err(Error::math(self, Math::Rem, other)),
        }
    }
}
impl Neg for Val {
    type Output = ValR<Val>;
    fn neg(self) -> ValR<Val> {
        match self {
            Val::Int(i) => Ok(i.checked_neg().map_or(Val::Float(-(i as f64)), Val::Int)),
            Val::Float(f) => Ok(Val::Float(-f)),
            other => Err(Error::typ(other, "number")),
        }
    }
}

/// Where a slice begins and ends in something of this length.
pub(super) fn bounds(range: Range<&Val>, len: usize) -> ValR<std::ops::Range<usize>, Val> {
    let at = |v: Option<&Val>, default: usize, up: bool| match v {
        None | Some(Val::Null) => Ok(default),
        Some(v) => {
            let n = v.number().ok_or_else(|| Error::typ(v.clone(), "number"))?;
            let n = if up { n.ceil() } else { n.floor() };
            let n = if n < 0.0 { n + len as f64 } else { n };
            Ok(n.clamp(0.0, len as f64) as usize)
        }
    };
    let (start, end) = (at(range.start, 0, false)?, at(range.end, len, true)?);
    Ok(start..end.max(start))
}

/// The place of a list's item, counted from the end where negative.
pub(super) fn place(position: i64, len: usize) -> Option<usize> {
    let at = if position < 0 { position + len as i64 } else { position };
    usize::try_from(at).ok()
}

/// The slice that an object in a path stands for.
pub(super) fn slice_of(index: &Val) -> Option<Range<&Val>> {
    let Val::Fields(f) = index else { return None };
    Some(f.map.get("start")..f.map.get("end"))
}

impl jaq_core::ValT for Val {
    fn from_num(n: &str) -> ValR<Val> {
        if let Ok(whole) = n.parse() {
            return Ok(Val::Int(whole));
        }
        n.parse().map(Val::Float).map_err(|_| Error::str(format_args!("cannot read {n} as a number")))
    }

    fn from_map<I: IntoIterator<Item = (Val, Val)>>(fields: I) -> ValR<Val> {
        let mut map = BTreeMap::new();
        for (key, value) in fields {
            let Val::Str(key) = key else { return Err(Error::typ(key, "object key (a string)")) };
            map.insert(key, value);
        }
        Ok(Val::fields(map))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Val, Val), Val>> {
        match self {
            Val::List(l) => {
                spend(l.items.len());
                Box::new(Val::into_items(l).into_iter().enumerate().map(|(i, v)| Ok((Val::from(i), v))))
            }
            Val::Fields(f) => {
                spend(f.map.len());
                Box::new(Val::into_map(f).into_iter().map(|(k, v)| Ok((Val::Str(k), v))))
            }
            other => box_once(Err(Error::str(format_args!("cannot iterate over: {other}")))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Val>>> {
        Box::new(self.key_values().map(|pair| pair.map(|(_, value)| value)))
    }

    fn index(self, index: &Val) -> ValR<Val> {
        match (&self, index) {
            (Val::Null, Val::Str(_) | Val::Int(_) | Val::Float(_) | Val::Null) => Ok(Val::Null),
            (Val::Fields(f), Val::Str(key)) => Ok(f.map.get(key).cloned().unwrap_or(Val::Null)),
            (Val::List(l), Val::Int(_) | Val::Float(_)) => {
                let at = index.position().and_then(|p| place(p, l.items.len()));
                Ok(at.and_then(|at| l.items.get(at)).cloned().unwrap_or(Val::Null))
            }
            (Val::List(l), Val::List(part)) => Ok(super::functions::places_of(&l.items, &part.items)),
            (Val::Null | Val::List(_) | Val::Str(_), Val::Fields(_)) => {
                let range = slice_of(index).unwrap_or(None..None);
                self.range(range)
            }
            _ => Err(Error::index(self, index.clone())),
        }
    }

    fn range(self, range: Range<&Val>) -> ValR<Val> {
        match self {
            Val::Null => Ok(Val::Null),
            Val::List(l) => Ok(Val::list(l.items[bounds(range, l.items.len())?].to_vec())),
            Val::Str(s) => {
                spend(s.len() / 64);
                let within = bounds(range, s.chars().count())?;
                Ok(Val::owned_text(s.chars().skip(within.start).take(within.len()).collect()))
            }
            other => Err(Error::typ(other, "array or string")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Val>>>(self, opt: Opt, f: impl Fn(Val) -> I) -> ValX<'a, Val> {
        match self {
            Val::List(l) => {
                let items = Val::into_items(l).into_iter().flat_map(f).collect::<Result<_, _>>()?;
                Ok(Val::list(items))
            }
            Val::Fields(fields) => {
                let mut map = BTreeMap::new();
                for (key, value) in Val::into_map(fields) {
                    if let Some(value) = f(value).next() {
                        map.insert(key, value?);
                    }
                }
                Ok(Val::fields(map))
            }
            other => opt.fail(other, |v| Exn::from(Error::str(format_args!("cannot iterate over: {v}")))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Val>>>(
        self,
        index: &Val,
        opt: Opt,
        f: impl Fn(Val) -> I,
    ) -> ValX<'a, Val> {
        match (self, index) {
            (Val::Null, Val::Str(key)) => match f(Val::Null).next().transpose()? {
                Some(value) => Ok(Val::fields([(key.clone(), value)].into_iter().collect())),
                None => Ok(Val::Null),
            },
            (Val::Fields(mut fields), Val::Str(key)) => {
                let own = Val::map_to_change(&mut fields);
                let old = own.map.remove(key).unwrap_or(Val::Null);
                if let Some(value) = f(old).next().transpose()? {
                    own.changed(&value);
                    own.map.insert(key.clone(), value);
                }
                Ok(Val::Fields(fields))
            }
            (list @ (Val::Null | Val::List(_)), Val::Int(_) | Val::Float(_)) => {
                let mut list = match list {
                    Val::List(l) => l,
                    _ => match Val::list(Vec::new()) {
                        Val::List(l) => l,
                        other => return Ok(other),
                    },
                };
                let Some(at) = index.position().and_then(|p| place(p, list.items.len())) else {
                    return opt.fail(Val::List(list), |_| Exn::from(Error::str("out of bounds negative array index")));
                };
                let own = Val::items_to_change(&mut list);
                let old = own.items.get_mut(at).map(|v| std::mem::replace(v, Val::Null));
                match f(old.clone().unwrap_or(Val::Null)).next().transpose()? {
                    Some(value) => {
                        own.changed(&value);
                        if old.is_none() {
                            made_items(at.saturating_sub(own.items.len()));
                            own.items.resize(at + 1, Val::Null);
                        }
                        own.items[at] = value;
                    }
                    None if old.is_some() => drop(own.items.remove(at)),
                    None => {}
                }
                Ok(Val::List(list))
            }
            (list @ Val::List(_), Val::Fields(_)) => list.map_range(slice_of(index).unwrap_or(None..None), opt, f),
            (other, _) => opt.fail(other, |v| Exn::from(Error::index(v, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Val>>>(
        self,
        range: Range<&Val>,
        opt: Opt,
        f: impl Fn(Val) -> I,
    ) -> ValX<'a, Val> {
        match self {
            Val::List(l) => {
                let within = bounds(range, l.items.len())?;
                let replacement = match f(Val::list(l.items[within.clone()].to_vec())).next().transpose()? {
                    None => Vec::new(),
                    Some(Val::List(new)) => Val::into_items(new),
                    Some(other) => return Err(Exn::from(Error::typ(other, "array"))),
                };
                let mut items = Val::into_items(l);
                items.splice(within, replacement);
                Ok(Val::list(items))
            }
            other => opt.fail(other, |v| Exn::from(Error::typ(v, "array"))),
        }
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Val::Null | Val::Bool(false))
    }

    fn into_string(self) -> Val {
        match self {
            text @ Val::Str(_) => text,
            other => Val::owned_text(other.to_value().to_json()),
        }
    }
}

impl jaq_std::ValT for Val {
    fn into_seq<S: FromIterator<Val>>(self) -> Result<S, Val> {
        match self {
            Val::List(l) => Ok(Val::into_items(l).into_iter().collect()),
            other => Err(other),
        }
    }
    fn is_int(&self) -> bool {
        matches!(self, Val::Int(_))
    }
    fn as_isize(&self) -> Option<isize> {
        match self {
            Val::Int(i) => isize::try_from(*i).ok(),
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9.0e15 => Some(*f as isize),
            _ => None,
        }
    }
    fn as_f64(&self) -> Option<f64> {
        self.number()
    }
    fn is_utf8_str(&self) -> bool {
        matches!(self, Val::Str(_))
    }
    fn as_bytes(&self) -> Option<&[u8]> {
        let text = self.as_str()?;
        // Whatever asks will look at all of it.
        spend(text.len() / 64);
        Some(text.as_bytes())
    }
    fn as_sub_str(&self, sub: &[u8]) -> Val {
        Val::owned_text(String::from_utf8_lossy(sub).into_owned())
    }
    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Val {
        Val::owned_text(String::from_utf8_lossy(bytes.as_ref()).into_owned())
    }
}
