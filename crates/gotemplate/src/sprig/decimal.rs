//! Decimal arithmetic of `addf`, `subf`, `mulf` and `divf`, as shopspring's decimal does it:
//! exact but for division, which keeps 16 digits after the point.

use num_bigint::{BigInt, Sign};

use super::arg::Result;
use crate::error::Error;

/// Digits after the point that a quotient keeps.
const DIVISION_DIGITS: i64 = 16;

/// `value * 10^exponent`.
#[derive(Clone)]
pub(super) struct Decimal {
    value: BigInt,
    exponent: i64,
}

/// `10^n`.
fn power(n: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(n.max(0)).unwrap_or(u32::MAX))
}

impl Decimal {
    /// The shortest decimal that reads as `f`.
    pub(super) fn from_float(f: f64) -> Result<Decimal> {
        if !f.is_finite() {
            let text = if f.is_nan() {
                "NaN"
            } else if f > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(Error::new(format!("Cannot create a Decimal from {text}")));
        }
        let text = format!("{f:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i64);
        let value = digits.replace('.', "").parse().unwrap_or_default();
        Ok(Decimal { value, exponent: exponent.parse().unwrap_or(0) - fraction })
    }

    /// The nearest `f64`.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(f64::NAN)
    }

    pub(super) fn add(&self, other: &Decimal) -> Decimal {
        let (a, b, exponent) = aligned(self, other);
        Decimal { value: a + b, exponent }
    }

    pub(super) fn sub(&self, other: &Decimal) -> Decimal {
        let (a, b, exponent) = aligned(self, other);
        Decimal { value: a - b, exponent }
    }

    pub(super) fn mul(&self, other: &Decimal) -> Decimal {
        Decimal { value: &self.value * &other.value, exponent: self.exponent + other.exponent }
    }

    /// Rounded half away from zero.
    pub(super) fn div(&self, other: &Decimal) -> Result<Decimal> {
        if other.value.sign() == Sign::NoSign {
            return Err(Error::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_DIGITS;
        let (a, b) = if shift < 0 {
            (self.value.clone(), &other.value * power(-shift))
        } else {
            (&self.value * power(shift), other.value.clone())
        };
        let (mut quotient, rest) = (&a / &b, &a % &b);
        let twice = BigInt::from_biguint(Sign::Plus, rest.magnitude() * 2u32);
        if twice.magnitude() >= b.magnitude() {
            let away = if (self.value.sign() == Sign::Minus) == (other.value.sign() == Sign::Minus) { 1 } else { -1 };
            quotient += away;
        }
        Ok(Decimal { value: quotient, exponent: -DIVISION_DIGITS })
    }
}

/// Both with the lesser exponent.
fn aligned(a: &Decimal, b: &Decimal) -> (BigInt, BigInt, i64) {
    let exponent = a.exponent.min(b.exponent);
    let scaled = |d: &Decimal| &d.value * power(d.exponent - exponent);
    (scaled(a), scaled(b), exponent)
}
