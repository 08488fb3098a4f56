//! Walks a tree over a scope, counting what it does.

use std::collections::BTreeMap;

use super::builtins::{self, Builtin};
use super::operators::{self, equal};
use super::syntax::{Node, Op, Pointer};
use super::value::ExprValue;
use super::{ExprLimits, ExprScope, moments};
use crate::{Error, ErrorKind};

/// The time, and how it is written.
pub(super) struct Now {
    pub unix_ns: i128,
    pub format: Option<fn(i128, &str) -> String>,
}

/// Why evaluation went no further.
enum Stop {
    /// A `?.` met nil: the chain that it is in is nil.
    Nil,
    Failed(Error),
}

impl From<String> for Stop {
    fn from(message: String) -> Stop {
        Stop::Failed(Error::new(ErrorKind::Evaluation, message))
    }
}

type Found<'a> = Result<ExprValue<'a>, Stop>;

/// What predicates see.
#[derive(Clone)]
struct Element<'a> {
    element: ExprValue<'a>,
    index: usize,
    accumulated: ExprValue<'a>,
}

struct Walk<'s, 'a> {
    scope: &'s ExprScope<'a>,
    now: Now,
    work: u64,
    limit: u64,
    locals: Vec<(Box<str>, ExprValue<'a>)>,
    elements: Vec<Element<'a>>,
}

/// Evaluates a tree.
pub(super) fn evaluate<'a>(node: &Node, scope: &ExprScope<'a>, limits: ExprLimits) -> Result<ExprValue<'a>, Error> {
    let now = Now { unix_ns: scope.now_unix_ns, format: scope.format };
    let (work, limit) = (limits.work, limits.work);
    let mut walk = Walk { scope, now, work, limit, locals: Vec::new(), elements: Vec::new() };
    match walk.value(node) {
        Ok(value) => Ok(value),
        Err(Stop::Nil) => Ok(ExprValue::Nil),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl<'a> Walk<'_, 'a> {
    fn spend(&mut self, work: usize) -> Result<(), Stop> {
        match self.work.checked_sub(work as u64) {
            Some(left) => self.work = left,
            None => {
                let message = format!("the expression takes more than {} steps", self.limit);
                return Err(Stop::Failed(Error::new(ErrorKind::Budget, message)));
            }
        }
        Ok(())
    }

    /// Pays for what was made.
    fn made(&mut self, value: ExprValue<'a>) -> Found<'a> {
        let size = match &value {
            ExprValue::Str(text) => text.len() / 16,
            ExprValue::List(items) => items.len(),
            ExprValue::Map(fields) => fields.len(),
            _ => 0,
        };
        self.spend(size)?;
        Ok(value)
    }

    fn value(&mut self, node: &Node) -> Found<'a> {
        self.spend(1)?;
        Ok(match node {
            Node::Nil => ExprValue::Nil,
            Node::Bool(b) => ExprValue::Bool(*b),
            Node::Int(n) => ExprValue::Int(*n),
            Node::Float(f) => ExprValue::Float(*f),
            Node::Str(text) => self.made(ExprValue::str(text))?,
            Node::Name(name) => self.variable(name),
            Node::Not(of) => ExprValue::Bool(!self.condition(of)?),
            Node::Negative(of) => match self.value(of)? {
                ExprValue::Int(n) => ExprValue::Int(n.wrapping_neg()),
                ExprValue::Float(f) => ExprValue::Float(-f),
                other => return Err(format!("invalid operation: - {}", other.type_name()).into()),
            },
            Node::Positive(of) => self.value(of)?,
            // The right side is what the answer is, of whatever type.
            Node::And(a, b) => {
                if self.condition(a)? {
                    self.value(b)?
                } else {
                    ExprValue::Bool(false)
                }
            }
            Node::Or(a, b) => {
                if self.condition(a)? {
                    ExprValue::Bool(true)
                } else {
                    self.value(b)?
                }
            }
            Node::Coalesce(a, b) => match self.value(a)? {
                ExprValue::Nil => self.value(b)?,
                value => value,
            },
            Node::Binary(Op::Range, a, b) => self.range(a, b)?,
            Node::Binary(op, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.spend(b.list_len().unwrap_or_default())?;
                let answer = operators::binary(*op, &a, &b)?;
                self.made(answer)?
            }
            Node::InTexts(of, texts) => {
                let value = self.value(of)?;
                let text = if value.is_nil() { Some("") } else { value.as_str() };
                let text = text.ok_or_else(|| format!("a {} is looked for among texts", value.type_name()))?;
                ExprValue::Bool(texts.iter().any(|t| **t == *text))
            }
            Node::Matches(of, regex) => match self.value(of)? {
                ExprValue::Nil => ExprValue::Bool(false),
                value => {
                    let text = value.as_str().ok_or_else(|| format!("{} matches string", value.type_name()))?;
                    self.spend(text.len() / 16)?;
                    ExprValue::Bool(regex.is_match(text))
                }
            },
            Node::Chain(inner) => match self.value(inner) {
                Err(Stop::Nil) => ExprValue::Nil,
                other => other?,
            },
            Node::Member { of, key, optional } => {
                let of = self.value(of)?;
                if *optional && of.is_nil() {
                    return Err(Stop::Nil);
                }
                let key = self.value(key)?;
                fetch(&of, &key)?
            }
            Node::Slice { of, from, to } => self.slice(of, from.as_deref(), to.as_deref())?,
            Node::Call(callee, args) => self.call(callee, args)?,
            Node::Builtin(builtin, args) => self.builtin(*builtin, args)?,
            Node::Pointer(pointer) => {
                let element = self.elements.last().ok_or_else(|| "# outside of a predicate".to_owned())?;
                match pointer {
                    Pointer::Element => element.element.clone(),
                    Pointer::Index => ExprValue::Int(element.index as i64),
                    Pointer::Accumulated => element.accumulated.clone(),
                }
            }
            Node::If(condition, yes, no) => {
                if self.condition(condition)? {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Node::Let(name, value, body) => {
                let value = self.value(value)?;
                self.locals.push((name.clone(), value));
                let found = self.value(body);
                self.locals.pop();
                found?
            }
            Node::Sequence(all) => {
                let mut last = ExprValue::Nil;
                for node in all {
                    last = self.value(node)?;
                }
                last
            }
            Node::Array(items) => {
                let items: Result<Vec<_>, Stop> = items.iter().map(|item| self.value(item)).collect();
                ExprValue::list(items?)
            }
            Node::Map(pairs) => self.map(pairs)?,
        })
    }

    fn variable(&self, name: &str) -> ExprValue<'a> {
        let local = self.locals.iter().rev().find(|(n, _)| **n == *name);
        let global = || self.scope.variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        local.map(|(_, v)| v.clone()).or_else(global).unwrap_or(ExprValue::Nil)
    }

    fn condition(&mut self, node: &Node) -> Result<bool, Stop> {
        let value = self.value(node)?;
        let is_type = || format!("interface conversion: interface {{}} is {}, not bool", value.type_name());
        Ok(value.as_bool().ok_or_else(is_type)?)
    }

    fn range(&mut self, from: &Node, to: &Node) -> Found<'a> {
        let (ExprValue::Int(from), ExprValue::Int(to)) = (self.value(from)?, self.value(to)?) else {
            return Err("a range needs whole numbers".to_owned().into());
        };
        let length = usize::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0);
        self.spend(length)?;
        Ok(ExprValue::list((from..=to).map(ExprValue::Int).collect()))
    }

    fn map(&mut self, pairs: &[(Node, Node)]) -> Found<'a> {
        let mut fields = BTreeMap::new();
        for (key, value) in pairs {
            let key = self.value(key)?;
            let name = key.as_str().ok_or_else(|| format!("a {} is no name of a map", key.type_name()))?;
            fields.insert(name.into(), self.value(value)?);
        }
        Ok(ExprValue::Map(fields.into()))
    }

    fn slice(&mut self, of: &Node, from: Option<&Node>, to: Option<&Node>) -> Found<'a> {
        let of = self.value(of)?;
        let length = of.list_len().or_else(|| of.as_str().map(str::len));
        let length = length.ok_or_else(|| format!("cannot slice {}", of.to_text()))? as i64;
        let mut bound = |node: Option<&Node>, otherwise: i64| -> Result<i64, Stop> {
            let Some(node) = node else { return Ok(otherwise) };
            match self.value(node)? {
                ExprValue::Int(at) => Ok(at),
                other => Err(format!("invalid operation: int({})", other.type_name()).into()),
            }
        };
        let (from, to) = (bound(from, 0)?, bound(to, length)?);
        let within = |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length);
        let (from, to) = (within(from), within(to));
        let (from, to) = (from.min(to) as usize, to as usize);
        match (of.as_str(), of.items()) {
            // Bytes that are no text on their own are no text here.
            (Some(text), _) => self.made(ExprValue::str(String::from_utf8_lossy(&text.as_bytes()[from..to]))),
            (_, Some(items)) => self.made(ExprValue::list(items[from..to].to_vec())),
            _ => Ok(ExprValue::Nil),
        }
    }

    fn call(&mut self, callee: &Node, args: &[Node]) -> Found<'a> {
        // A method is called on a value that has methods; all else is a function in a field or variable.
        let (function, of) = match callee {
            Node::Member { of, key, optional } => {
                let of = self.value(of)?;
                if *optional && of.is_nil() {
                    return Err(Stop::Nil);
                }
                let key = self.value(key)?;
                match key.as_str() {
                    Some(name) if moments::has_methods(&of) => (Err(name.to_owned()), of),
                    _ => (Ok(fetch(&of, &key)?), of),
                }
            }
            other => (Ok(self.value(other)?), ExprValue::Nil),
        };
        let args: Result<Vec<_>, Stop> = args.iter().map(|arg| self.value(arg)).collect();
        let args = args?;
        let answer = match function {
            Err(name) => moments::method(&of, &name, &args, &self.now).unwrap_or(Err(format!("no method {name}")))?,
            Ok(ExprValue::Function(function)) => function(&args)?,
            Ok(other) => return Err(format!("a {} is no function", other.type_name()).into()),
        };
        self.made(answer)
    }

    fn builtin(&mut self, builtin: Builtin, args: &[Node]) -> Found<'a> {
        if builtin.is_over_elements() {
            return self.over_elements(builtin, args);
        }
        let values: Result<Vec<_>, Stop> = args.iter().map(|arg| self.value(arg)).collect();
        let values = values?;
        let mut size = 0;
        for value in &values {
            let length = value.list_len().or_else(|| value.map_len()).unwrap_or_default();
            size += length + value.as_str().map_or(0, |s| s.len() / 16);
            if builtin == Builtin::Uniq {
                // Each is compared with those before it.
                size += length.saturating_mul(length) / 2;
            }
        }
        self.spend(size)?;
        let answer = builtins::call(builtin, &values, &self.now)?;
        self.made(answer)
    }

    fn over_elements(&mut self, builtin: Builtin, args: &[Node]) -> Found<'a> {
        use Builtin as B;
        let Some(over) = args.first() else { return Err(format!("{} takes a list", builtin.name()).into()) };
        let over = self.value(over)?;
        let items = over.items();
        let items = items.ok_or_else(|| format!("{} takes a list, not {}", builtin.name(), over.type_name()))?;
        self.spend(items.len())?;
        let mut each = Each { items, predicate: args.get(1) };
        match builtin {
            B::All | B::Any | B::None => {
                // The first answer that is not as all must be decides.
                let wanted = builtin == B::All;
                let decides = each.position(self, false, |yes| yes != wanted)?;
                Ok(ExprValue::Bool(decides.is_none() == (builtin != B::Any)))
            }
            B::One | B::Count => {
                let count = each.positions(self)?.len();
                Ok(if builtin == B::One { ExprValue::Bool(count == 1) } else { ExprValue::Int(count as i64) })
            }
            B::Filter => {
                let found = each.positions(self)?;
                Ok(ExprValue::list(found.iter().map(|at| each.items[*at].clone()).collect()))
            }
            B::Map => Ok(ExprValue::list(each.answers(self)?)),
            B::Find | B::FindLast => {
                let at = each.position(self, builtin == B::FindLast, |yes| yes)?;
                Ok(at.map_or(ExprValue::Nil, |at| each.items[at].clone()))
            }
            B::FindIndex | B::FindLastIndex => {
                let at = each.position(self, builtin == B::FindLastIndex, |yes| yes)?;
                Ok(at.map_or(ExprValue::Nil, |at| ExprValue::Int(at as i64)))
            }
            B::Sum => {
                let mut sum = ExprValue::Int(0);
                for value in each.answers(self)? {
                    sum = operators::binary(Op::Add, &sum, &value)?;
                }
                Ok(sum)
            }
            B::GroupBy => {
                let mut groups: BTreeMap<Box<str>, Vec<ExprValue<'a>>> = BTreeMap::new();
                for (at, key) in each.answers(self)?.into_iter().enumerate() {
                    let name = key.as_str().ok_or_else(|| "groupBy is supported by texts alone".to_owned())?;
                    groups.entry(name.into()).or_default().push(each.items[at].clone());
                }
                Ok(ExprValue::map(groups.into_iter().map(|(name, items)| (name, ExprValue::list(items)))))
            }
            B::SortBy => self.sorted_by(&mut each, args.get(2)),
            B::Reduce => self.reduced(each, args.get(2)),
            _ => Err(format!("{} takes no predicate", builtin.name()).into()),
        }
    }

    fn sorted_by(&mut self, each: &mut Each<'_, 'a>, order: Option<&Node>) -> Found<'a> {
        let descending = match order {
            Some(node) => {
                let order = self.value(node)?;
                builtins::is_descending(order.as_str().unwrap_or_default())?
            }
            None => false,
        };
        let keys = each.answers(self)?;
        let mut sorted = keys.clone();
        builtins::sort(&mut sorted, descending)?;
        self.spend(keys.len().saturating_mul(keys.len()))?;
        let mut taken = vec![false; keys.len()];
        let mut out = Vec::with_capacity(keys.len());
        for key in &sorted {
            let at = (0..keys.len()).find(|at| !taken[*at] && equal(&keys[*at], key));
            if let Some(at) = at {
                taken[at] = true;
                out.push(each.items[at].clone());
            }
        }
        Ok(ExprValue::list(out))
    }

    fn reduced(&mut self, each: Each<'_, 'a>, first: Option<&Node>) -> Found<'a> {
        let mut items = each.items.into_iter().enumerate();
        let mut accumulated = match first {
            Some(node) => self.value(node)?,
            None => items.next().ok_or_else(|| "reduce of empty array with no initial value".to_owned())?.1,
        };
        let Some(predicate) = each.predicate else { return Ok(accumulated) };
        for (index, element) in items {
            accumulated = self.within(Element { element, index, accumulated }, predicate)?;
        }
        Ok(accumulated)
    }

    fn within(&mut self, element: Element<'a>, predicate: &Node) -> Found<'a> {
        self.elements.push(element);
        let found = self.value(predicate);
        self.elements.pop();
        found
    }
}

/// A list and what is asked of each of its items.
struct Each<'n, 'a> {
    items: Vec<ExprValue<'a>>,
    predicate: Option<&'n Node>,
}

impl<'a> Each<'_, 'a> {
    fn answer(&self, walk: &mut Walk<'_, 'a>, index: usize) -> Found<'a> {
        let element = self.items[index].clone();
        match self.predicate {
            Some(predicate) => walk.within(Element { element, index, accumulated: ExprValue::Nil }, predicate),
            None => Ok(element),
        }
    }
    fn is_so(&self, walk: &mut Walk<'_, 'a>, index: usize) -> Result<bool, Stop> {
        let answer = self.answer(walk, index)?;
        Ok(answer.as_bool().ok_or_else(|| format!("a predicate answers {}, not bool", answer.type_name()))?)
    }
    fn answers(&mut self, walk: &mut Walk<'_, 'a>) -> Result<Vec<ExprValue<'a>>, Stop> {
        (0..self.items.len()).map(|index| self.answer(walk, index)).collect()
    }
    fn positions(&mut self, walk: &mut Walk<'_, 'a>) -> Result<Vec<usize>, Stop> {
        let mut found = Vec::new();
        for index in 0..self.items.len() {
            if self.is_so(walk, index)? {
                found.push(index);
            }
        }
        Ok(found)
    }
    fn position(
        &mut self,
        walk: &mut Walk<'_, 'a>,
        backwards: bool,
        wanted: impl Fn(bool) -> bool,
    ) -> Result<Option<usize>, Stop> {
        let length = self.items.len();
        for at in 0..length {
            let index = if backwards { length - 1 - at } else { at };
            if wanted(self.is_so(walk, index)?) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

/// A field of a map, or an item of a list. A field that is not there is nil; of nil there are no fields.
fn fetch<'a>(of: &ExprValue<'a>, key: &ExprValue<'a>) -> Result<ExprValue<'a>, String> {
    let cannot = || format!("cannot fetch {} from {}", key.to_text(), of.type_name());
    if let Some(length) = of.list_len().or_else(|| of.as_str().map(str::len)) {
        let at = match key {
            ExprValue::Int(at) => *at,
            ExprValue::Float(f) => *f as i64,
            _ => return Err(format!("invalid operation: int({})", key.type_name())),
        };
        let from_start = if at < 0 { at.saturating_add(length as i64) } else { at };
        let at = usize::try_from(from_start).ok().filter(|at| *at < length);
        let at = at.ok_or_else(|| format!("index out of range: {from_start} (array length is {length})"))?;
        // A text's item is a byte.
        let byte = || of.as_str().and_then(|text| text.as_bytes().get(at)).map(|b| ExprValue::Int((*b).into()));
        return of.item(at).or_else(byte).ok_or_else(cannot);
    }
    if of.map_len().is_some() {
        let name = if key.is_nil() { Some("") } else { key.as_str() };
        return Ok(of.field(name.ok_or_else(cannot)?).flatten().unwrap_or(ExprValue::Nil));
    }
    Err(cannot())
}
