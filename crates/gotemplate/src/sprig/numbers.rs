//! Numbers: conversion, arithmetic, rounding, sequences.

use super::arg::{self, Result};
use super::cast::{to_float64, to_int64, truncate};
use super::decimal::Decimal;
use crate::context::Context;
use crate::error::Error;
use crate::fmt;
use crate::function::{Function, Functions, Param};
use crate::value::{List, Type, Value};
use Param::{Any, Float64, Int, String as Text};

/// Bytes that one number of a sequence takes.
const ITEM_BYTES: usize = size_of::<Value>();

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("int", &[Any], |_, a| Ok(Value::Int(to_int64(arg::any(a, 0))))));
    f.add(Function::new("int64", &[Any], |_, a| Ok(Value::Int64(to_int64(arg::any(a, 0))))));
    f.add(Function::new("float64", &[Any], |_, a| Ok(Value::Float(to_float64(arg::any(a, 0))))));
    f.add(Function::new("atoi", &[Text], |_, a| Ok(Value::Int(leading_int(&arg::text(a, 0))))));
    f.add(Function::new("toDecimal", &[Any], |_, a| {
        let text = String::from_utf8_lossy(&fmt::sprint(&a[..1.min(a.len())])).into_owned();
        Ok(Value::Int64(i64::from_str_radix(&text, 8).unwrap_or(0)))
    }));
    integers(f);
    decimals(f);
    rounding(f);
    f.add(Function::new("until", &[Int], |ctx, a| {
        let count = arg::int(a, 0);
        until_step(ctx, 0, count, if count < 0 { -1 } else { 1 })
    }));
    f.add(Function::new("untilStep", &[Int, Int, Int], |ctx, a| {
        until_step(ctx, arg::int(a, 0), arg::int(a, 1), arg::int(a, 2))
    }));
    f.add(Function::variadic("seq", &[], Int, sequence));
}

/// Go's `strconv.ParseInt(text, 10, 64)` where the error is dropped: what is too large is the
/// limit, what is no number 0. What follows the digit with which 64 bits are exceeded is not read.
pub(super) fn leading_int(text: &str) -> i64 {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let limit = if negative { i64::MIN } else { i64::MAX };
    let mut number = 0u64;
    for digit in digits.chars().map(|c| c.to_digit(10)) {
        let Some(digit) = digit else { return 0 };
        match number.checked_mul(10).and_then(|n| n.checked_add(digit.into())) {
            Some(next) => number = next,
            None => return limit,
        }
    }
    match i64::try_from(number) {
        Ok(number) if negative => -number,
        Ok(number) => number,
        Err(_) => limit,
    }
}

fn integers(f: &mut Functions) {
    let number = |a: &[Value], i: usize| to_int64(arg::any(a, i));
    f.add(Function::new("add1", &[Any], move |_, a| Ok(Value::Int64(number(a, 0).wrapping_add(1)))));
    f.add(Function::variadic("add", &[], Any, |_, a| {
        Ok(Value::Int64(a.iter().fold(0i64, |sum, v| sum.wrapping_add(to_int64(v)))))
    }));
    f.add(Function::new("sub", &[Any, Any], move |_, a| Ok(Value::Int64(number(a, 0).wrapping_sub(number(a, 1))))));
    f.add(Function::variadic("mul", &[Any], Any, |_, a| {
        Ok(Value::Int64(a.iter().fold(1i64, |product, v| product.wrapping_mul(to_int64(v)))))
    }));
    let divide = |name, operation: fn(i64, i64) -> i64| {
        Function::new(name, &[Any, Any], move |_, a| match number(a, 1) {
            0 => Err(Error::new("runtime error: integer divide by zero")),
            by => Ok(Value::Int64(operation(number(a, 0), by))),
        })
    };
    f.add(divide("div", i64::wrapping_div));
    f.add(divide("mod", i64::wrapping_rem));
    let chosen = |name, choose: fn(i64, i64) -> i64| {
        Function::variadic(name, &[Any], Any, move |_, a| {
            Ok(Value::Int64(a.iter().map(to_int64).reduce(choose).unwrap_or(0)))
        })
    };
    f.add(chosen("max", i64::max));
    f.add(chosen("biggest", i64::max));
    f.add(chosen("min", i64::min));
}

fn decimals(f: &mut Functions) {
    type Operation = fn(&Decimal, &Decimal) -> Result<Decimal>;
    fn fold(ctx: &mut Context, first: f64, rest: &[Value], operation: Operation) -> Result {
        let mut result = Decimal::from_float(first)?;
        for value in rest {
            result = operation(&result, &Decimal::from_float(to_float64(value))?)?;
            ctx.step(1)?;
        }
        Ok(Value::Float(result.to_float()))
    }
    f.add(Function::new("add1f", &[Any], |ctx, a| {
        fold(ctx, to_float64(arg::any(a, 0)), &[Value::Int(1)], |a, b| Ok(a.add(b)))
    }));
    f.add(Function::variadic("addf", &[], Any, |ctx, a| fold(ctx, 0.0, a, |a, b| Ok(a.add(b)))));
    let operation = |name, operation: Operation| {
        Function::variadic(name, &[Any], Any, move |ctx, a| match a {
            [first, rest @ ..] => fold(ctx, to_float64(first), rest, operation),
            [] => Ok(Value::Float(0.0)),
        })
    };
    f.add(operation("subf", |a, b| Ok(a.sub(b))));
    f.add(operation("mulf", |a, b| Ok(a.mul(b))));
    f.add(operation("divf", |a, b| a.div(b)));
    let chosen = |name, choose: fn(f64, f64) -> f64| {
        Function::variadic(name, &[Any], Any, move |_, a| {
            Ok(Value::Float(a.iter().map(to_float64).reduce(choose).unwrap_or(0.0)))
        })
    };
    f.add(chosen("maxf", |a, b| if a == f64::INFINITY || b == f64::INFINITY { f64::INFINITY } else { greater(a, b) }));
    f.add(chosen("minf", |a, b| {
        if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY { f64::NEG_INFINITY } else { -greater(-a, -b) }
    }));
}

/// Go's `math.Max` of what is not infinite: NaN if either is, and 0 before -0.
fn greater(a: f64, b: f64) -> f64 {
    match () {
        () if a.is_nan() || b.is_nan() => f64::NAN,
        () if a == 0.0 && b == 0.0 => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
        () => a.max(b),
    }
}

fn rounding(f: &mut Functions) {
    f.add(Function::new("ceil", &[Any], |_, a| Ok(Value::Float(to_float64(arg::any(a, 0)).ceil()))));
    f.add(Function::new("floor", &[Any], |_, a| Ok(Value::Float(to_float64(arg::any(a, 0)).floor()))));
    f.add(Function::variadic("round", &[Any, Int], Float64, |_, a| {
        let round_on = if a.len() > 2 { arg::float(a, 2) } else { 0.5 };
        let power = power_of_ten(arg::int(a, 1) as f64);
        let digit = power * to_float64(arg::any(a, 0));
        // Go's Modf gives NaN for an infinite number's fraction.
        let fraction = if digit.is_infinite() { f64::NAN } else { digit.fract() };
        Ok(Value::Float(if fraction >= round_on { digit.ceil() } else { digit.floor() } / power))
    }));
}

/// Go's `math.Pow(10, y)` for a whole `y`, with its own roundings: squares of a mantissa and its
/// exponent, turned over for a negative `y`.
fn power_of_ten(y: f64) -> f64 {
    if y.abs() > 400.0 {
        return if y > 0.0 { f64::INFINITY } else { 0.0 };
    }
    // 10 = 0.625 * 2^4.
    let (mut base, mut base_exponent) = (0.625f64, 4i64);
    let (mut result, mut exponent, mut left) = (1.0f64, 0i64, y.abs() as u64);
    while left != 0 {
        if left & 1 == 1 {
            result *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent <<= 1;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        exponent = -exponent;
    }
    // At most 400 * 4 bits either way: two steps keep each power within range.
    let half = exponent / 2;
    result * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32)
}

/// How many numbers there are from `start` to `stop` exclusive.
fn count(start: i64, stop: i64, step: i64) -> u64 {
    let distance = stop.abs_diff(start);
    if (stop < start) == (step < 0) && step != 0 && distance != 0 { distance.div_ceil(step.unsigned_abs()) } else { 0 }
}

/// The numbers from `start` to `stop` exclusive; none where `step` leads away.
fn numbers(
    ctx: &mut Context,
    start: i64,
    stop: i64,
    step: i64,
    item_bytes: usize,
) -> Result<impl Iterator<Item = i64>> {
    let count = count(start, stop, step);
    arg::reserve(ctx, usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(item_bytes))?;
    Ok((0..count as i64).map(move |i| start.wrapping_add(i.wrapping_mul(step))))
}

fn until_step(ctx: &mut Context, start: i64, stop: i64, step: i64) -> Result {
    let items = numbers(ctx, start, stop, step, ITEM_BYTES)?.map(Value::Int).collect();
    Ok(List::of(Type::INTS, items).into())
}

/// As `seq` of the shell: numbers with spaces between.
fn sequence(ctx: &mut Context, args: &[Value]) -> Result {
    let n = |i: usize| arg::int(args, i);
    let (start, stop, step) = match args.len() {
        1 => (1, n(0), if n(0) < 1 { -1 } else { 1 }),
        2 => (n(0), n(1), if n(1) < n(0) { -1 } else { 1 }),
        3 if n(2) < n(0) && n(1) > 0 => return Ok(Value::str("")),
        3 => (n(0), n(2), n(1)),
        _ => return Ok(Value::str("")),
    };
    // Up to the end inclusive, whatever the step.
    let beyond = if stop < start { stop.wrapping_sub(1) } else { stop.wrapping_add(1) };
    // A number is at most 20 characters and a space.
    let parts: Vec<String> = numbers(ctx, start, beyond, step, 21)?.map(|i| i.to_string()).collect();
    Ok(parts.join(" ").into())
}

/// A whole number from a float, for functions that compute sizes with floats.
pub(super) fn whole(f: f64) -> i64 {
    truncate(f)
}
