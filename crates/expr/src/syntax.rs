//! What is checked of an expression before it is kept: its size, its depth, the functions it calls.

use std::collections::BTreeSet;

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};

use crate::{Error, ErrorKind, foreign, functions};

/// The evaluator goes as deep as the expression: in a debug build a level takes three kilobytes.
const MAX_DEPTH: usize = 160;
/// The parser goes as deep as a chain of operators is long, as brackets nest and as conditions follow on
/// each other; it runs on a stack of its own that holds this many levels.
const MAX_CHAIN: usize = 250;
const MAX_NESTING: usize = 90;
const MAX_CONDITIONS: usize = 100;

/// Refuses text that would take the parser too deep.
pub(crate) fn check_text(text: &str) -> Result<(), Error> {
    let (mut chain, mut nesting, mut conditions) = (0_usize, 0_usize, 0_usize);
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                chain += 1;
                nesting += 1;
            }
            (None, ')' | ']' | '}') => nesting = nesting.saturating_sub(1),
            (None, '?') => {
                chain += 1;
                conditions += 1;
            }
            (None, '+' | '-' | '*' | '/' | '%' | '.' | '<' | '>' | '=' | '!') => chain += 1,
            (None, '&' | '|' | ',') => chain = 0,
            (None, _) => {}
        }
        if chain > MAX_CHAIN || nesting > MAX_NESTING || conditions > MAX_CONDITIONS {
            return Err(Error::new(ErrorKind::TooLarge, "the expression chains or nests too many operators"));
        }
    }
    Ok(())
}

/// What an expression refers to.
#[derive(Default, Debug)]
pub(crate) struct References {
    /// Names that are bound outside.
    pub(crate) variables: BTreeSet<Box<str>>,
    /// Chains of plain selections from such a name: `self.spec.a` is `[self, spec, a]`.
    pub(crate) selections: Vec<Box<[Box<str>]>>,
}

/// Checks an expression and gathers what it refers to. The walk keeps its own stack.
pub(crate) fn check(root: &IdedExpr) -> Result<References, Error> {
    let mut found = References::default();
    let mut stack: Vec<(&IdedExpr, usize, Vec<&str>)> = vec![(root, 0, Vec::new())];
    while let Some((expression, depth, bound)) = stack.pop() {
        if depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the expression nests deeper than {MAX_DEPTH} levels"),
            ));
        }
        let mut push = |e, bound: &Vec<_>| stack.push((e, depth + 1, bound.clone()));
        match &expression.expr {
            Expr::Ident(name) => {
                if !bound.contains(&name.as_str()) && functions::type_named(name).is_none() {
                    found.variables.insert(name.as_str().into());
                }
            }
            Expr::Select(select) => {
                if let Some(chain) = chain(expression)
                    && !bound.contains(&&*chain[0])
                {
                    found.selections.push(chain);
                }
                push(&select.operand, &bound);
            }
            Expr::Call(call) => {
                let library = call.target.as_ref().and_then(|t| match &t.expr {
                    Expr::Ident(library) if !bound.contains(&library.as_str()) => {
                        Some(format!("{library}.{}", call.func_name))
                    }
                    _ => None,
                });
                let known = |name: &str| functions::OWN.contains(&name) || foreign::KNOWN.contains(&name);
                let is_library = library.as_deref().is_some_and(known);
                let operator = call.func_name.contains(['_', '@', '!']);
                if !is_library && !operator && !known(&call.func_name) {
                    let message = format!("undeclared reference to '{}' (in container '')", call.func_name);
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                let mut inner = bound.clone();
                let binds = is_library && call.func_name == "bind"
                    || matches!(call.func_name.as_str(), "optMap" | "optFlatMap");
                if binds && let Some(Expr::Ident(name)) = call.args.first().map(|a| &a.expr) {
                    inner.push(name);
                }
                call.args.iter().for_each(|arg| push(arg, &inner));
                if let Some(target) = call.target.as_ref().filter(|_| !is_library) {
                    push(target, &bound);
                }
            }
            Expr::List(list) => list.elements.iter().for_each(|e| push(e, &bound)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        push(&entry.key, &bound);
                        push(&entry.value, &bound);
                    }
                }
            }
            Expr::Comprehension(c) => {
                push(&c.iter_range, &bound);
                push(&c.accu_init, &bound);
                let mut inner = bound.clone();
                inner.extend([c.iter_var.as_str(), c.accu_var.as_str()]);
                inner.extend(c.iter_var2.as_deref());
                [&c.loop_cond, &c.loop_step, &c.result].into_iter().for_each(|e| push(e, &inner));
            }
            Expr::Literal(_) => {}
            Expr::Struct(_) | Expr::Unspecified => {
                return Err(Error::new(ErrorKind::Unsupported, "messages cannot be made in expressions"));
            }
        }
    }
    Ok(found)
}

fn chain(expression: &IdedExpr) -> Option<Box<[Box<str>]>> {
    let (mut names, mut at) = (Vec::new(), expression);
    loop {
        match &at.expr {
            Expr::Select(select) => {
                names.push(Box::from(select.field.as_str()));
                at = &select.operand;
            }
            Expr::Ident(name) => {
                names.push(Box::from(name.as_str()));
                names.reverse();
                return Some(names.into());
            }
            _ => return None,
        }
    }
}

/// Whether the result can be seen to be something else than a boolean.
pub(crate) fn is_never_boolean(expression: &IdedExpr) -> bool {
    use kube_cel::cel::common::ast::LiteralValue;
    match &expression.expr {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) => true,
        Expr::Call(call) => matches!(
            call.func_name.as_str(),
            "_+_"
                | "_-_"
                | "_*_"
                | "_/_"
                | "_%_"
                | "-_"
                | "size"
                | "string"
                | "int"
                | "double"
                | "uint"
                | "duration"
                | "timestamp"
        ),
        Expr::Ident(_) | Expr::Select(_) | Expr::Comprehension(_) | Expr::Struct(_) | Expr::Unspecified => false,
    }
}
