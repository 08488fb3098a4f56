//! The `pod-template-hash` of a Deployment's ReplicaSets, equal to kube-controller-manager's.
//!
//! That hash is FNV-1a over the pod template as Go's spew prints it with `%#v`: every field of every struct, in the
//! order of declaration, with its type. The printed text is never built here: it runs through the hash.

use belay_object::Value;

use super::go_types::{GoType, GoTypes, Scalar, Special, StructId};

/// Kubernetes' letters for hashes and random suffixes: no vowels, no digits that read like letters.
pub const SAFE_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a template; `collisions` is the Deployment's `status.collisionCount` where it has one.
pub fn template_hash(template: &Value, collisions: Option<i64>) -> String {
    let mut printer = Printer { types: GoTypes::get(), hash: 0x811c_9dc5 };
    if let Some(id) = printer.types.named("core/v1.PodTemplateSpec") {
        printer.text("(v1.PodTemplateSpec)");
        printer.fields(Some(template), id, 0);
    }
    if let Some(count) = collisions {
        // The count follows as little-endian bytes, padded to eight.
        let bytes = i32::try_from(count).unwrap_or_default().to_le_bytes();
        bytes.iter().chain(&[0; 4]).for_each(|b| printer.byte(*b));
    }
    safe(&printer.hash.to_string())
}

/// Maps each byte of a text onto the safe letters.
pub fn safe(text: &str) -> String {
    text.bytes().map(|b| char::from(SAFE_LETTERS[usize::from(b) % SAFE_LETTERS.len()])).collect()
}

struct Printer {
    types: &'static GoTypes,
    hash: u32,
}

impl Printer {
    fn byte(&mut self, byte: u8) {
        self.hash = (self.hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    fn text(&mut self, text: &str) {
        text.bytes().for_each(|b| self.byte(b));
    }
    fn type_name(&mut self, ty: &GoType) {
        match ty {
            GoType::Struct(id) => {
                let name = self.types.of(*id).name;
                self.text(last(name));
            }
            GoType::Named(name, _) => self.text(last(name)),
            GoType::Ptr(t) => {
                self.text("*");
                self.type_name(t);
            }
            GoType::Slice(t) => {
                self.text("[]");
                self.type_name(t);
            }
            GoType::Map(k, v) => {
                self.text("map[");
                self.type_name(k);
                self.text("]");
                self.type_name(v);
            }
            GoType::Bytes => self.text("[]uint8"),
            GoType::Scalar(s) => self.text(s.name()),
            GoType::Special(Special::Time) => self.text("v1.Time"),
            GoType::Special(Special::MicroTime) => self.text("v1.MicroTime"),
            GoType::Special(Special::IntOrString) => self.text("intstr.IntOrString"),
            GoType::Special(Special::Quantity) => self.text("resource.Quantity"),
            // Of these a pod template has only managed fields, which it never sets.
            GoType::Special(Special::Any) => self.text("v1.FieldsV1"),
        }
    }

    fn fields(&mut self, value: Option<&Value>, id: StructId, depth: usize) {
        if depth > 60 {
            return;
        }
        self.text("{");
        for (i, field) in self.types.of(id).declared.iter().enumerate() {
            if i > 0 {
                self.text(" ");
            }
            self.text(field.go);
            self.text(":(");
            self.type_name(&field.ty);
            self.text(")");
            let inner = if field.inline { value } else { value.and_then(|v| v.get(field.json)) };
            self.value(inner, &field.ty, depth + 1);
        }
        self.text("}");
    }

    fn value(&mut self, value: Option<&Value>, ty: &GoType, depth: usize) {
        let value = value.filter(|v| !v.is_null());
        match (ty, value) {
            (GoType::Named(_, inner), _) => self.value(value, inner, depth),
            (GoType::Ptr(_) | GoType::Slice(_) | GoType::Map(..) | GoType::Bytes, None) => self.text("<nil>"),
            (GoType::Ptr(inner), Some(_)) => self.value(value, inner, depth),
            (GoType::Struct(id), _) => self.fields(value, *id, depth),
            (GoType::Slice(item), Some(list)) => {
                self.text("[");
                for (i, v) in list.items().iter().enumerate() {
                    if i > 0 {
                        self.text(" ");
                    }
                    self.value(Some(v), item, depth + 1);
                }
                self.text("]");
            }
            (GoType::Map(_, item), Some(map)) => {
                self.text("map[");
                for (i, (k, v)) in map.as_object().into_iter().flat_map(belay_object::Map::iter).enumerate() {
                    if i > 0 {
                        self.text(" ");
                    }
                    self.text(k);
                    self.text(":");
                    self.value(Some(v), item, depth + 1);
                }
                self.text("]");
            }
            (GoType::Bytes, Some(v)) => self.text(v.as_str().unwrap_or_default()),
            (GoType::Scalar(s), _) => self.scalar(value, *s),
            (GoType::Special(s), _) => self.special(value, *s),
        }
    }

    fn scalar(&mut self, value: Option<&Value>, scalar: Scalar) {
        match (scalar, value) {
            (Scalar::String, v) => self.text(v.and_then(Value::as_str).unwrap_or_default()),
            (Scalar::Bool, v) => {
                let set = v.and_then(Value::as_bool).unwrap_or_default();
                self.text(if set { "true" } else { "false" });
            }
            (_, v) => self.text(&v.and_then(Value::as_i64).unwrap_or_default().to_string()),
        }
    }

    fn special(&mut self, value: Option<&Value>, special: Special) {
        match special {
            Special::Time | Special::MicroTime => {
                self.text("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}");
            }
            Special::IntOrString => {
                let (kind, number, text) = match value {
                    Some(Value::Str(s)) => (1, 0, &**s),
                    v => (0, v.and_then(Value::as_i64).unwrap_or_default(), ""),
                };
                self.text(&format!("{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"));
            }
            Special::Quantity => self.text(&printed_quantity(value.and_then(Value::as_str).unwrap_or("0"))),
            Special::Any => self.text("<nil>"),
        }
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// The inside of Go's quantity after it has read a canonical text.
fn printed_quantity(text: &str) -> String {
    let shown = |value: i64, scale: i32, cached: &str, format: &str| {
        format!(
            "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
             d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){cached} Format:(resource.Format){format}}}"
        )
    };
    if text == "0" {
        return shown(0, 0, "0", "DecimalSI");
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let value: i64 = number.parse().unwrap_or_default();
    if let Some(power) = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|s| *s == suffix) {
        let exponent = 10 * (power as i32 + 1);
        let digits = number.trim_start_matches('-').len() as i32;
        let fits = 15 - digits - exponent * 3 / 10 > 0;
        return match value.checked_mul(1 << exponent.min(62)).filter(|_| fits) {
            Some(amount) => shown(amount, 0, if value & 7 == 0 { "" } else { text }, "BinarySI"),
            None => big_binary(i128::from(value) << exponent),
        };
    }
    let (scale, format) = match suffix.strip_prefix(['e', 'E']).filter(|s| !s.is_empty()) {
        Some(power) => (power.parse().unwrap_or_default(), "DecimalExponent"),
        None => {
            let at = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].iter().position(|s| *s == suffix);
            (3 * (at.unwrap_or(3) as i32 - 3), "DecimalSI")
        }
    };
    let cached = if scale % 3 == 0 && !number.ends_with("000") { text } else { "" };
    shown(value, scale, cached, format)
}

/// Beyond Go's fast path the amount is a big decimal in nano units, printed as 64-bit words.
fn big_binary(amount: i128) -> String {
    let nano = amount.unsigned_abs().saturating_mul(1_000_000_000);
    let (low, high) = (nano as u64, (nano >> 64) as u64);
    let words = if high == 0 { low.to_string() } else { format!("{low} {high}") };
    format!(
        "{{i:(resource.int64Amount){{value:(int64)0 scale:(resource.Scale)0}} \
         d:(resource.infDecAmount){{Dec:(*inf.Dec){{unscaled:(big.Int){{neg:(bool){} abs:(big.nat)[{words}]}} \
         scale:(inf.Scale)9}}}} s:(string) Format:(resource.Format)BinarySI}}",
        amount < 0
    )
}
