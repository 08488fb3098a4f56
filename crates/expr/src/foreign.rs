//! Kubernetes' extension functions, called in the `kube-cel` crate.

use std::collections::HashMap;
use std::sync::Arc;

use kube_cel::KubeCelExt;
use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr};
use kube_cel::cel::objects::{Key, Map as CelMap, OptionalValue};
use kube_cel::cel::{Context, Value as Cel};

use crate::evaluate::{Evaluation, Fault, Outcome, fault};
use crate::operators::no_overload;
use crate::value::{Repr, Val};

/// The functions that the crate registers.
pub(crate) const KNOWN: &[&str] = &[
    // strings
    "charAt",
    "indexOf",
    "lastIndexOf",
    "lowerAscii",
    "upperAscii",
    "replace",
    "split",
    "substring",
    "trim",
    "join",
    "reverse",
    "strings.quote",
    "format",
    "string",
    "find",
    "findAll",
    // lists and sets
    "isSorted",
    "sum",
    "min",
    "max",
    "slice",
    "sort",
    "flatten",
    "distinct",
    "first",
    "last",
    "lists.range",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    // quantities and versions
    "quantity",
    "isQuantity",
    "isInteger",
    "asInteger",
    "asApproximateFloat",
    "sign",
    "add",
    "sub",
    "isGreaterThan",
    "isLessThan",
    "compareTo",
    "semver",
    "isSemver",
    "major",
    "minor",
    "patch",
    // URLs and addresses
    "url",
    "isURL",
    "getScheme",
    "getHost",
    "getHostname",
    "getPort",
    "getEscapedPath",
    "getQuery",
    "ip",
    "isIP",
    "ip.isCanonical",
    "family",
    "isLoopback",
    "isUnspecified",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isGlobalUnicast",
    "isIPv4",
    "isIPv6",
    "cidr",
    "isCIDR",
    "isCIDRv4",
    "isCIDRv6",
    "containsIP",
    "containsCIDR",
    "prefixLength",
    "masked",
    // formats
    "format.dns1123Label",
    "format.dns1123Subdomain",
    "format.dns1035Label",
    "format.dns1035LabelPrefix",
    "format.dns1123LabelPrefix",
    "format.dns1123SubdomainPrefix",
    "format.qualifiedName",
    "format.labelValue",
    "format.uri",
    "format.uuid",
    "format.byte",
    "format.date",
    "format.datetime",
    "format.named",
    "validate",
    // mathematics and encodings
    "math.ceil",
    "math.floor",
    "math.round",
    "math.trunc",
    "math.abs",
    "math.sign",
    "math.isInf",
    "math.isNaN",
    "math.isFinite",
    "math.bitAnd",
    "math.bitOr",
    "math.bitXor",
    "math.bitNot",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.sqrt",
    "math.greatest",
    "math.least",
    "base64.encode",
    "base64.decode",
    "jsonpatch.escapeKey",
    // what loops are made of, in case they are written as plain calls
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "has",
    "existsOne",
];

/// Texts given to such a function may be this long together: none of them counts its own steps.
const MAX_ARGUMENT_BYTES: usize = 1 << 20;
const NAMES: [&str; 9] = ["@t", "@0", "@1", "@2", "@3", "@4", "@5", "@6", "@7"];

pub(crate) fn call<'a>(
    run: &mut Evaluation<'a>,
    name: &str,
    target: Option<Val<'a>>,
    args: Vec<Val<'a>>,
) -> Outcome<'a> {
    thread_local! {
        static FUNCTIONS: Context<'static> = Context::default().with_all();
    }
    if !KNOWN.contains(&name) || args.len() >= NAMES.len() {
        return Err(no_overload());
    }
    let mut size = 0;
    let mut values = Vec::with_capacity(args.len());
    let target = target.map(|t| to_cel(&t, &mut size)).transpose()?;
    for arg in &args {
        values.push(to_cel(arg, &mut size)?);
    }
    if size > MAX_ARGUMENT_BYTES {
        return Err(Fault::Budget("works on"));
    }
    run.spend(1 + size / 16)?;
    let result = FUNCTIONS.with(|functions| {
        let mut context = functions.new_inner_scope();
        let ident = |name: &str| IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) };
        let mut idents = Vec::with_capacity(values.len());
        for (value, variable) in values.into_iter().zip(&NAMES[1..]) {
            context.add_variable_from_value(*variable, value);
            idents.push(ident(variable));
        }
        let (receiver, function) = match (target, name.split_once('.')) {
            (Some(target), _) => {
                context.add_variable_from_value(NAMES[0], target);
                (Some(Box::new(ident(NAMES[0]))), name)
            }
            (None, Some((library, function))) => (Some(Box::new(ident(library))), function),
            (None, None) => (None, name),
        };
        let call = CallExpr { func_name: function.to_owned(), target: receiver, args: idents };
        context.resolve(&IdedExpr { id: 0, expr: Expr::Call(call) })
    });
    match result {
        Ok(value) => {
            let value = from_cel(value);
            run.made(value)
        }
        Err(e) => Err(fault(words(e))),
    }
}

/// The crate's errors name its own types; those that people meet are said as the API server says them.
fn words(error: kube_cel::cel::ExecutionError) -> String {
    use kube_cel::cel::ExecutionError as E;
    match error {
        E::FunctionError { message, .. } => message,
        E::InvalidArgumentCount { .. }
        | E::UnsupportedTargetType { .. }
        | E::NotSupportedAsMethod { .. }
        | E::NoSuchOverload => "no such overload".into(),
        E::UnexpectedType { .. } | E::MissingArgumentOrTarget => "no such overload".into(),
        other => other.to_string(),
    }
}

fn to_cel(value: &Val, size: &mut usize) -> Result<Cel, Fault> {
    *size += 8;
    if let Some(text) = value.as_str() {
        *size += text.len();
        return Ok(Cel::String(Arc::new(text.to_owned())));
    }
    if *size > MAX_ARGUMENT_BYTES {
        return Err(Fault::Budget("works on"));
    }
    Ok(match &value.0 {
        Repr::Null => Cel::Null,
        Repr::Bool(b) => Cel::Bool(*b),
        Repr::Int(i) => Cel::Int(*i),
        Repr::UInt(u) => Cel::UInt(*u),
        Repr::Double(d) => Cel::Float(*d),
        Repr::Bytes(b) => Cel::Bytes(Arc::new(b.to_vec())),
        Repr::Foreign(value) => value.clone(),
        Repr::List(_) | Repr::Items(_) => {
            let items = value.elements().unwrap_or_default();
            Cel::List(Arc::new(items.iter().map(|v| to_cel(v, size)).collect::<Result<_, _>>()?))
        }
        Repr::Map(_) | Repr::Fields(_) => {
            let mut map = HashMap::new();
            for key in value.elements().unwrap_or_default() {
                let entry = value.map_get(&key).flatten().unwrap_or_else(Val::null);
                map.insert(Key::String(Arc::new(crate::functions::to_text(&key)?)), to_cel(&entry, size)?);
            }
            Cel::Map(CelMap { map: Arc::new(map) })
        }
        Repr::Duration(d) => Cel::String(Arc::new(d.to_text())),
        Repr::Timestamp(t) => Cel::String(Arc::new(t.to_text())),
        Repr::Str(_) | Repr::Text(_) | Repr::Type(_) | Repr::Optional(_) => return Err(no_overload()),
    })
}

fn from_cel<'a>(value: Cel) -> Val<'a> {
    if let Ok(optional) = <&OptionalValue>::try_from(&value) {
        return Val::optional(optional.value().cloned().map(from_cel));
    }
    Val(match value {
        Cel::Null => Repr::Null,
        Cel::Bool(b) => Repr::Bool(b),
        Cel::Int(i) => Repr::Int(i),
        Cel::UInt(u) => Repr::UInt(u),
        Cel::Float(f) => Repr::Double(f),
        Cel::String(s) => Repr::Str(s.as_str().into()),
        Cel::Bytes(b) => Repr::Bytes(b.as_slice().into()),
        Cel::List(items) => Repr::List(Arc::new(items.iter().cloned().map(from_cel).collect())),
        Cel::Map(map) => {
            let mut entries: Vec<(Val, Val)> = map
                .map
                .iter()
                .map(|(k, v)| {
                    let key = match k {
                        Key::String(s) => Repr::Str(s.as_str().into()),
                        Key::Int(i) => Repr::Int(*i),
                        Key::Uint(u) => Repr::UInt(*u),
                        Key::Bool(b) => Repr::Bool(*b),
                    };
                    (Val(key), from_cel(v.clone()))
                })
                .collect();
            entries.sort_by_cached_key(|(k, _)| crate::functions::to_text(k).unwrap_or_default());
            Repr::Map(Arc::new(entries))
        }
        other => Repr::Foreign(other),
    })
}
