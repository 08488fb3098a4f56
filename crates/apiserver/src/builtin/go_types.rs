//! The built-in kinds as Go structs, read once from a table (`go_types.txt`).
//!
//! A real server's answers carry the traces of Go's encoding: which empty fields are left out, which absent ones
//! appear as zero values, how a wrong type is reported, and the hash of a pod template (over Go's printed form). All
//! four are functions over this table. It says nothing about defaults or validity.

use std::collections::HashMap;
use std::sync::OnceLock;

use belay_object::Key;

const TABLE: &str = include_str!("go_types.txt");

/// Names one struct of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StructId(u16);

impl StructId {
    /// Its place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One struct.
#[derive(Debug)]
pub struct GoStruct {
    /// `core/v1.PodSpec`
    pub name: &'static str,
    /// The fields in the order of declaration; an inlined struct is one field.
    pub declared: Vec<GoField>,
    /// What stands in JSON, sorted by name: positions in `declared`, followed by positions in inlined structs.
    pub json: Vec<JsonField>,
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub struct GoField {
    /// `Containers`
    pub go: &'static str,
    /// `containers`, empty where inlined.
    pub json: &'static str,
    /// Left out of JSON where empty.
    pub omit_empty: bool,
    /// Left out of JSON where it is the zero value (structs included).
    pub omit_zero: bool,
    /// Its fields stand among those of the struct around it.
    pub inline: bool,
    /// Its number in protobuf; 0 where it has none.
    pub number: u16,
    /// Its type.
    pub ty: GoType,
}

/// One field as JSON has it.
#[derive(Clone, Debug)]
pub struct JsonField {
    /// The interned JSON name.
    pub key: Key,
    /// The field.
    pub field: GoField,
}

/// A Go type.
#[derive(Clone, Debug)]
pub enum GoType {
    /// A struct of the table.
    Struct(StructId),
    /// `*T`
    Ptr(Box<GoType>),
    /// `[]T`
    Slice(Box<GoType>),
    /// `map[K]T`; every key is a string.
    Map(Box<GoType>, Box<GoType>),
    /// `[]byte`, base64 in JSON.
    Bytes,
    /// A type with a name of its own (`core/v1.Protocol`).
    Named(&'static str, Box<GoType>),
    /// A plain type.
    Scalar(Scalar),
    /// A type that reads and writes itself.
    Special(Special),
}

/// Go's plain types, as far as the API uses them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar {
    /// `string`
    String,
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`, `int`
    Int64,
    /// `uint8`
    Uint8,
    /// `float64`
    Float64,
}

/// Types with their own JSON form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    /// metav1.Time
    Time,
    /// metav1.MicroTime
    MicroTime,
    /// A whole number or a text.
    IntOrString,
    /// `500m`
    Quantity,
    /// Any JSON value.
    Any,
}

impl Scalar {
    /// As Go writes it.
    pub fn name(self) -> &'static str {
        match self {
            Scalar::String => "string",
            Scalar::Bool => "bool",
            Scalar::Int32 => "int32",
            Scalar::Int64 => "int64",
            Scalar::Uint8 => "uint8",
            Scalar::Float64 => "float64",
        }
    }
}

impl GoType {
    /// The type without a name around it.
    pub fn plain(&self) -> &GoType {
        match self {
            GoType::Named(_, inner) => inner.plain(),
            other => other,
        }
    }
}

/// The whole table.
#[derive(Debug)]
pub struct GoTypes {
    structs: Vec<GoStruct>,
    names: HashMap<&'static str, StructId>,
    kinds: HashMap<(&'static str, &'static str), StructId>,
}

impl GoTypes {
    /// The one table of this process.
    pub fn get() -> &'static GoTypes {
        static TYPES: OnceLock<GoTypes> = OnceLock::new();
        TYPES.get_or_init(|| GoTypes::read(TABLE))
    }
    /// The struct of a built-in kind.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<StructId> {
        self.kinds.get(&(api_version, kind)).copied()
    }
    /// All built-in kinds: apiVersion, kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.kinds.keys().copied()
    }
    /// A struct by its name (`core/v1.PodTemplateSpec`).
    pub fn named(&self, name: &str) -> Option<StructId> {
        self.names.get(name).copied()
    }
    /// All structs, in the order of their ids.
    pub fn structs(&self) -> impl Iterator<Item = &GoStruct> {
        self.structs.iter()
    }
    /// The struct behind an id.
    pub fn of(&self, id: StructId) -> &GoStruct {
        &self.structs[usize::from(id.0)]
    }

    fn read(table: &'static str) -> GoTypes {
        let lines = || table.lines().filter(|l| !l.starts_with('#'));
        let mut names = HashMap::new();
        for line in lines().filter(|l| !l.starts_with('=')) {
            let name = line.split('|').next().unwrap_or_default();
            let id = u16::try_from(names.len()).map(StructId).expect("the table has some 500 structs");
            names.insert(name, id);
        }
        let mut structs: Vec<GoStruct> = lines()
            .filter(|l| !l.starts_with('='))
            .map(|line| {
                let mut parts = line.split('|');
                let name = parts.next().unwrap_or_default();
                let declared = parts.filter(|p| !p.is_empty()).map(|p| read_field(p, &names)).collect();
                GoStruct { name, declared, json: Vec::new() }
            })
            .collect();
        for i in 0..structs.len() {
            let mut json = Vec::new();
            flatten(&structs, i, 0, &mut json);
            json.sort_by(|a, b| a.key.cmp(&b.key));
            structs[i].json = json;
        }
        let kinds = lines()
            .filter_map(|l| l.strip_prefix("= "))
            .filter_map(|l| {
                let mut words = l.split(' ');
                let key = (words.next()?, words.next()?);
                Some((key, *names.get(words.next()?)?))
            })
            .collect();
        GoTypes { structs, names, kinds }
    }
}

fn flatten(structs: &[GoStruct], at: usize, depth: u8, out: &mut Vec<JsonField>) {
    for field in &structs[at].declared {
        match &field.ty {
            // Inlining nests two levels deep in today's API.
            GoType::Struct(id) if field.inline && depth < 4 => flatten(structs, usize::from(id.0), depth + 1, out),
            _ if field.json == "-" || field.inline => {}
            _ => out.push(JsonField { key: Key::new(field.json), field: field.clone() }),
        }
    }
}

fn read_field(text: &'static str, names: &HashMap<&'static str, StructId>) -> GoField {
    let mut words = text.splitn(5, ' ');
    let go = words.next().unwrap_or_default();
    let json = words.next().unwrap_or_default();
    let flags = words.next().unwrap_or_default();
    let number = words.next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let ty = read_type(words.next().unwrap_or_default(), names);
    GoField {
        go,
        json,
        omit_empty: flags.contains('o'),
        omit_zero: flags.contains('z'),
        inline: flags.contains('i'),
        number,
        ty,
    }
}

fn read_type(text: &'static str, names: &HashMap<&'static str, StructId>) -> GoType {
    if let Some(rest) = text.strip_prefix('*') {
        return GoType::Ptr(Box::new(read_type(rest, names)));
    }
    if let Some(rest) = text.strip_prefix("[]") {
        return GoType::Slice(Box::new(read_type(rest, names)));
    }
    if let Some(rest) = text.strip_prefix("map[") {
        let (key, value) = rest.split_once(']').expect("the table closes its brackets");
        return GoType::Map(Box::new(read_type(key, names)), Box::new(read_type(value, names)));
    }
    if let Some(name) = text.strip_prefix('!') {
        return GoType::Special(match name {
            "meta/v1.Time" => Special::Time,
            "meta/v1.MicroTime" => Special::MicroTime,
            "intstr.IntOrString" => Special::IntOrString,
            "api/resource.Quantity" => Special::Quantity,
            _ => Special::Any,
        });
    }
    if let Some((name, inner)) = text.split_once('=') {
        return GoType::Named(name, Box::new(read_type(inner, names)));
    }
    match text {
        "bytes" => GoType::Bytes,
        "string" => GoType::Scalar(Scalar::String),
        "bool" => GoType::Scalar(Scalar::Bool),
        "int32" => GoType::Scalar(Scalar::Int32),
        "int64" | "int" => GoType::Scalar(Scalar::Int64),
        "uint8" => GoType::Scalar(Scalar::Uint8),
        "float64" => GoType::Scalar(Scalar::Float64),
        name => GoType::Struct(names.get(name).copied().expect("every struct that is named stands in the table")),
    }
}
