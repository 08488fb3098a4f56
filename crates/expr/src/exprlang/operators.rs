//! What operators do, as Go's library does at run time.

use super::syntax::Op;
use super::value::ExprValue;

/// An answer, or a sentence in the library's words.
pub(super) type Answer<'a> = Result<ExprValue<'a>, String>;

/// How deep values are compared.
const MAX_DEPTH: usize = 60;

/// Two numbers, whole where both are.
enum Numbers {
    Whole(i64, i64),
    Real(f64, f64),
}

fn numbers(a: &ExprValue<'_>, b: &ExprValue<'_>) -> Option<Numbers> {
    Some(match (a, b) {
        (ExprValue::Int(a), ExprValue::Int(b)) => Numbers::Whole(*a, *b),
        (ExprValue::Int(a), ExprValue::Float(b)) => Numbers::Real(*a as f64, *b),
        (ExprValue::Float(a), ExprValue::Int(b)) => Numbers::Real(*a, *b as f64),
        (ExprValue::Float(a), ExprValue::Float(b)) => Numbers::Real(*a, *b),
        _ => return None,
    })
}

/// Whether two values are equal: numbers by value, all else by type too.
pub(super) fn equal(a: &ExprValue<'_>, b: &ExprValue<'_>) -> bool {
    equal_within(a, b, 0)
}

fn equal_within(a: &ExprValue<'_>, b: &ExprValue<'_>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    if let Some(numbers) = numbers(a, b) {
        return match numbers {
            Numbers::Whole(a, b) => a == b,
            Numbers::Real(a, b) => a == b,
        };
    }
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return a == b;
    }
    match (a, b) {
        (ExprValue::Nil, ExprValue::Nil) => true,
        (ExprValue::Bool(a), ExprValue::Bool(b)) => a == b,
        (ExprValue::Moment(a), ExprValue::Moment(b)) => a == b,
        (ExprValue::Span(a), ExprValue::Span(b)) => a == b,
        (ExprValue::Named(a), ExprValue::Named(b)) => a == b,
        _ => match (a.items(), b.items(), a.fields(), b.fields()) {
            (Some(a), Some(b), ..) => {
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| equal_within(a, b, depth + 1))
            }
            (.., Some(a), Some(b)) => {
                a.len() == b.len()
                    && a.iter().zip(&b).all(|((ka, a), (kb, b))| ka == kb && equal_within(a, b, depth + 1))
            }
            _ => false,
        },
    }
}

/// The order of two values, where they have one. `None` within is NaN's.
pub(super) fn order(a: &ExprValue<'_>, b: &ExprValue<'_>) -> Option<Option<std::cmp::Ordering>> {
    if let Some(numbers) = numbers(a, b) {
        return Some(match numbers {
            Numbers::Whole(a, b) => Some(a.cmp(&b)),
            Numbers::Real(a, b) => a.partial_cmp(&b),
        });
    }
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return Some(Some(a.cmp(b)));
    }
    match (a, b) {
        (ExprValue::Moment(a), ExprValue::Moment(b)) => Some(Some(a.cmp(b))),
        (ExprValue::Span(a), ExprValue::Span(b)) => Some(Some(a.cmp(b))),
        _ => None,
    }
}

fn undefined(op: Op, a: &ExprValue<'_>, b: &ExprValue<'_>) -> String {
    format!("invalid operation: {} {} {}", a.type_name(), op.sign(), b.type_name())
}

/// An operator over two values. Ranges and sizes are the evaluator's.
pub(super) fn binary<'a>(op: Op, a: &ExprValue<'a>, b: &ExprValue<'a>) -> Answer<'a> {
    let is = |yes: bool| Ok(ExprValue::Bool(yes));
    match op {
        Op::Equal => is(equal(a, b)),
        Op::NotEqual => is(!equal(a, b)),
        Op::Less | Op::LessOrEqual | Op::More | Op::MoreOrEqual => {
            let order = order(a, b).ok_or_else(|| undefined(op, a, b))?;
            is(order.is_some_and(|order| match op {
                Op::Less => order.is_lt(),
                Op::LessOrEqual => order.is_le(),
                Op::More => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        Op::In => is(contains_item(b, a)?),
        Op::Contains | Op::StartsWith | Op::EndsWith => of_texts(op, a, b),
        Op::Matches => match (a.is_nil() || b.is_nil(), a.as_str(), b.as_str()) {
            (true, ..) => is(false),
            (_, Some(text), Some(pattern)) => {
                let regex = regex::RegexBuilder::new(pattern).size_limit(256 << 10).build();
                is(regex.map_err(|e| e.to_string())?.is_match(text))
            }
            _ => Err(undefined(op, a, b)),
        },
        Op::Add => add(a, b),
        Op::Subtract => subtract(a, b),
        Op::Multiply => multiply(a, b),
        Op::Divide => Ok(ExprValue::Float(real(op, a, b)?.0 / real(op, a, b)?.1)),
        Op::Power => Ok(ExprValue::Float(real(op, a, b)?.0.powf(real(op, a, b)?.1))),
        Op::Modulo => match (a, b) {
            (ExprValue::Int(_), ExprValue::Int(0)) => Err("integer divide by zero".to_owned()),
            (ExprValue::Int(a), ExprValue::Int(b)) => Ok(ExprValue::Int(a.wrapping_rem(*b))),
            _ => Err(undefined(op, a, b)),
        },
        Op::Range => Err(undefined(op, a, b)),
    }
}

fn real(op: Op, a: &ExprValue<'_>, b: &ExprValue<'_>) -> Result<(f64, f64), String> {
    match numbers(a, b) {
        Some(Numbers::Whole(a, b)) => Ok((a as f64, b as f64)),
        Some(Numbers::Real(a, b)) => Ok((a, b)),
        None => Err(undefined(op, a, b)),
    }
}

/// What is nil contains nothing and is in nothing.
fn of_texts<'a>(op: Op, a: &ExprValue<'a>, b: &ExprValue<'a>) -> Answer<'a> {
    if a.is_nil() || b.is_nil() {
        return Ok(ExprValue::Bool(false));
    }
    let (Some(text), Some(part)) = (a.as_str(), b.as_str()) else { return Err(undefined(op, a, b)) };
    Ok(ExprValue::Bool(match op {
        Op::StartsWith => text.starts_with(part),
        Op::EndsWith => text.ends_with(part),
        _ => text.contains(part),
    }))
}

/// `needle in all`: an item of a list, or a name of a map.
fn contains_item(all: &ExprValue<'_>, needle: &ExprValue<'_>) -> Result<bool, String> {
    if all.is_nil() {
        return Ok(false);
    }
    if let Some(length) = all.list_len() {
        return Ok((0..length).any(|at| all.item(at).is_some_and(|item| equal(&item, needle))));
    }
    if all.map_len().is_some() {
        let name = match needle {
            ExprValue::Nil => Some(""),
            _ => needle.as_str(),
        };
        let name = name.ok_or_else(|| format!("a {} is no name of a map", needle.type_name()))?;
        return Ok(all.field(name).flatten().is_some());
    }
    Err(format!("operator \"in\" not defined on {}", all.type_name()))
}

fn add<'a>(a: &ExprValue<'a>, b: &ExprValue<'a>) -> Answer<'a> {
    if let Some(numbers) = numbers(a, b) {
        return Ok(match numbers {
            Numbers::Whole(a, b) => ExprValue::Int(a.wrapping_add(b)),
            Numbers::Real(a, b) => ExprValue::Float(a + b),
        });
    }
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return Ok(ExprValue::str(format!("{a}{b}")));
    }
    match (a, b) {
        (ExprValue::Moment(at), ExprValue::Span(span)) | (ExprValue::Span(span), ExprValue::Moment(at)) => {
            Ok(ExprValue::Moment(at.saturating_add(i128::from(*span))))
        }
        (ExprValue::Span(a), ExprValue::Span(b)) => Ok(ExprValue::Span(a.wrapping_add(*b))),
        _ => Err(undefined(Op::Add, a, b)),
    }
}

fn subtract<'a>(a: &ExprValue<'a>, b: &ExprValue<'a>) -> Answer<'a> {
    if let Some(numbers) = numbers(a, b) {
        return Ok(match numbers {
            Numbers::Whole(a, b) => ExprValue::Int(a.wrapping_sub(b)),
            Numbers::Real(a, b) => ExprValue::Float(a - b),
        });
    }
    match (a, b) {
        (ExprValue::Moment(a), ExprValue::Moment(b)) => Ok(ExprValue::Span(super::moments::between(*a, *b))),
        (ExprValue::Moment(at), ExprValue::Span(span)) => Ok(ExprValue::Moment(at.saturating_sub(i128::from(*span)))),
        (ExprValue::Span(a), ExprValue::Span(b)) => Ok(ExprValue::Span(a.wrapping_sub(*b))),
        _ => Err(undefined(Op::Subtract, a, b)),
    }
}

fn multiply<'a>(a: &ExprValue<'a>, b: &ExprValue<'a>) -> Answer<'a> {
    match (numbers(a, b), a, b) {
        (Some(Numbers::Whole(a, b)), ..) => Ok(ExprValue::Int(a.wrapping_mul(b))),
        (Some(Numbers::Real(a, b)), ..) => Ok(ExprValue::Float(a * b)),
        (None, ExprValue::Span(span), ExprValue::Int(n)) | (None, ExprValue::Int(n), ExprValue::Span(span)) => {
            Ok(ExprValue::Span(span.wrapping_mul(*n)))
        }
        (None, ExprValue::Span(a), ExprValue::Span(b)) => Ok(ExprValue::Span(a.wrapping_mul(*b))),
        (None, ExprValue::Span(span), ExprValue::Float(f)) | (None, ExprValue::Float(f), ExprValue::Span(span)) => {
            Ok(ExprValue::Float(*span as f64 * f))
        }
        _ => Err(undefined(Op::Multiply, a, b)),
    }
}
