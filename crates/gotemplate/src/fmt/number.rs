//! Floats and integers as Go's `strconv` writes them.

use std::fmt::Write as _;

/// No `float64` has more significant digits than 767, nor more after the point than 1074; what comes
/// after is zeros. `std` takes no larger precision than 65,535.
const MAX_DIGITS: usize = 800;
const MAX_PLACES: usize = 1100;

/// Go's `strconv.FormatFloat(f, 'g', -1, 64)`, as `%v` prints a `float64`.
pub fn float(f: f64) -> String {
    let mut out = Vec::new();
    write_shortest(&mut out, f);
    String::from_utf8(out).unwrap_or_default()
}

/// Go's `strconv.FormatFloat(f, verb, precision, 64)`; no precision is Go's -1: as many digits as
/// it takes to read the same number. Verbs: `e E f g G b x X`.
pub fn format_float(f: f64, verb: char, precision: Option<usize>) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let mut out = String::new();
    if f.is_sign_negative() {
        out.push('-');
    }
    let f = f.abs();
    match verb {
        'b' => write_binary(&mut out, f),
        'x' | 'X' => write_hex(&mut out, f, verb, precision),
        'f' | 'F' => write_plain(&mut out, &digits_of_plain(f, precision), precision),
        'e' | 'E' => {
            let digits = Digits::of(f, precision.map(|p| p + 1));
            let places = precision.unwrap_or(digits.digits.len().max(1) - 1);
            write_exponent(&mut out, &digits, places, verb);
        }
        _ => write_general(&mut out, f, verb, precision),
    }
    out
}

/// Decimal digits without zeros at the end, and where the point is: 0.DIGITS * 10^point.
struct Digits {
    digits: String,
    point: i32,
}

impl Digits {
    /// The shortest digits; of two equally near the even one, as Go has it and `std` has not.
    fn shortest(f: f64) -> Digits {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(f);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let leading = all.len() - all.trim_start_matches('0').len();
        let exponent = exponent.parse::<i32>().unwrap_or_default();
        let point = whole.len() as i32 - leading as i32 + exponent;
        Digits { digits: all.trim_matches('0').to_owned(), point }
    }
    /// The shortest digits that read as the same number, or the number rounded to so many digits.
    fn of(f: f64, count: Option<usize>) -> Digits {
        if f == 0.0 {
            return Digits { digits: String::new(), point: 0 };
        }
        let Some(count) = count else { return Digits::shortest(f) };
        let text = format!("{f:.*e}", count.clamp(1, MAX_DIGITS) - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.replace('.', "").trim_end_matches('0').to_owned();
        Digits { digits, point: exponent.parse::<i32>().unwrap_or_default() + 1 }
    }
}

/// For `%f`: rounded to places after the point.
fn digits_of_plain(f: f64, precision: Option<usize>) -> Digits {
    let Some(precision) = precision else { return Digits::of(f, None) };
    let text = format!("{f:.*}", precision.min(MAX_PLACES));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all[leading..].trim_end_matches('0').to_owned();
    Digits { point: if digits.is_empty() { 0 } else { whole.len() as i32 - leading as i32 }, digits }
}

fn write_plain(out: &mut String, d: &Digits, precision: Option<usize>) {
    let point = d.point.max(0) as usize;
    if d.point > 0 {
        let whole = point.min(d.digits.len());
        out.push_str(&d.digits[..whole]);
        out.extend(std::iter::repeat_n('0', point - whole));
    } else {
        out.push('0');
    }
    let places = precision.unwrap_or((d.digits.len() as i32 - d.point).max(0) as usize);
    if places > 0 {
        out.push('.');
        for i in 0..places as i32 {
            let at = d.point + i;
            out.push(usize::try_from(at).ok().and_then(|at| d.digits.as_bytes().get(at)).map_or('0', |b| *b as char));
        }
    }
}

fn write_exponent(out: &mut String, d: &Digits, places: usize, verb: char) {
    let bytes = d.digits.as_bytes();
    out.push(bytes.first().map_or('0', |b| *b as char));
    if places > 0 {
        out.push('.');
        out.extend((1..=places).map(|i| bytes.get(i).map_or('0', |b| *b as char)));
    }
    let exponent = if bytes.is_empty() { 0 } else { d.point - 1 };
    out.push(verb);
    write_signed(out, exponent, 2);
}

fn write_signed(out: &mut String, exponent: i32, digits: usize) {
    let _ = write!(out, "{}{:0digits$}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
}

fn write_general(out: &mut String, f: f64, verb: char, precision: Option<usize>) {
    let precision = precision.map(|p| p.max(1));
    let d = Digits::of(f, precision);
    let count = d.digits.len() as i32;
    // Where the exponent form begins.
    let mut limit = precision.map_or(6, |p| p as i32);
    if precision.is_some() && limit > count && count >= d.point {
        limit = count;
    }
    let exponent = d.point - 1;
    if exponent < -4 || exponent >= limit {
        let places = precision.map_or(count, |p| count.min(p as i32));
        write_exponent(out, &d, (places - 1).max(0) as usize, if verb == 'g' { 'e' } else { 'E' });
    } else {
        write_plain(out, &d, Some((count - d.point).max(0) as usize));
    }
}

/// `%b`: mantissa and exponent of two, `4503599627370496p-52`.
fn write_binary(out: &mut String, f: f64) {
    let (mantissa, exponent) = parts(f);
    let _ = write!(out, "{mantissa}p");
    write_signed(out, exponent, 1);
}

/// The mantissa as a whole number and its exponent of two.
fn parts(f: f64) -> (u64, i32) {
    let bits = f.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// `%x`: `0x1.8p+01`.
fn write_hex(out: &mut String, f: f64, verb: char, precision: Option<usize>) {
    let (mut mantissa, exponent) = parts(f);
    let mut exponent = if mantissa == 0 { 0 } else { exponent + 52 };
    // One bit before the point at bit 60, so that rounding cannot overflow.
    if mantissa != 0 {
        while mantissa & (1 << 52) == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
    }
    mantissa <<= 8;
    if let Some(places) = precision.filter(|p| *p < 15) {
        let shift = 4 * places as u32;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        let mut kept = mantissa >> (60 - shift);
        let half = 1 << 59;
        if extra > half || extra == half && kept & 1 == 1 {
            kept += 1;
        }
        mantissa = kept << (60 - shift);
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digit = |d: u64| {
        let c = char::from_digit((d & 15) as u32, 16).unwrap_or('0');
        if verb == 'X' { c.to_ascii_uppercase() } else { c }
    };
    out.push('0');
    out.push(verb);
    out.push(digit(mantissa >> 60));
    let mut rest = mantissa << 4;
    if precision.map_or(rest != 0, |p| p > 0) {
        out.push('.');
        let mut places = 0;
        while precision.map_or(rest != 0, |p| places < p) {
            out.push(digit(rest >> 60));
            rest <<= 4;
            places += 1;
        }
    }
    out.push(if verb == 'X' { 'P' } else { 'p' });
    write_signed(out, exponent, 2);
}

/// Writes an integer.
pub(super) fn write_int(out: &mut Vec<u8>, i: i64) {
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(i).as_bytes());
}

/// Writes a float as `%v` does: the shortest digits.
pub(super) fn write_shortest(out: &mut Vec<u8>, f: f64) {
    if f.fract() == 0.0 && f.abs() < 1e6 && (f != 0.0 || f.is_sign_positive()) {
        return write_int(out, f as i64);
    }
    out.extend_from_slice(format_float(f, 'g', None).as_bytes());
}
