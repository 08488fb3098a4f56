//! jq: [`JqProgram`], compiled once and run on documents under [`JqLimits`].
//!
//! Parsing and interpreting are the `jaq` crates'; values are ours, because what they take is
//! counted. There is no environment, clock to read, input, module or file for a program to reach. A step
//! is a term evaluated; the size is that of everything made, freed or not.

mod budget;
mod functions;
mod operations;
mod plain;
mod value;

use std::time::Duration;

use belay_object::Value;
use jaq_core::compile::Undefined;
use jaq_core::data::HasLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, DataT, Filter, Lut, Vars};

use crate::{Error, ErrorKind};
use value::Val;

/// Far above the longest path expression that anyone writes for a field to ignore.
const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Addresses, not memory: a page is only used when it is reached. A term of the longest text that
/// nests in every second byte has 64 KiB to be parsed in.
const PARSER_STACK_BYTES: usize = 256 << 20;
/// The stack for programs that may recurse, of which half may be used; the rest is for what
/// happens between two looks at it (a drop, a comparison of values that nest).
const RUN_STACK_BYTES: usize = 64 << 20;
/// What a plain program may use of its caller's stack: a quarter of a runtime thread's.
const PLAIN_STACK_BYTES: usize = 512 << 10;

/// What one evaluation of a jq program may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JqLimits {
    /// Terms evaluated, counted again in every round of a loop.
    pub steps: u64,
    /// Bytes of everything made, freed or not.
    pub size: u64,
    /// By the clock.
    pub time: Duration,
}

/// A million steps are about 0.1 s.
const STEPS_PER_SECOND: u64 = 10_000_000;
/// What one evaluation may make, however long it may take.
const MAX_SIZE_BYTES: u64 = 256 << 20;

impl JqLimits {
    /// What fits into a time: as many steps as a program takes in it on a machine that does nothing else, and
    /// 16 MiB a second, 256 MiB at most. Steps end a program at the same place everywhere; the clock ends one whose
    /// steps are long.
    pub fn within(time: Duration) -> JqLimits {
        let times = |per_second: u64| {
            let all = u128::from(per_second).saturating_mul(time.as_millis()) / 1000;
            u64::try_from(all).unwrap_or(u64::MAX)
        };
        JqLimits { steps: times(STEPS_PER_SECOND), size: times(16 << 20).clamp(1 << 20, MAX_SIZE_BYTES), time }
    }
}

impl Default for JqLimits {
    /// A second.
    fn default() -> JqLimits {
        JqLimits::within(Duration::from_secs(1))
    }
}

/// The types that filters are compiled for.
struct Kind;
impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Counted<'a>;
}

/// The table of terms; looking at it is a step, and every term is looked up there.
#[derive(Clone)]
struct Counted<'a>(&'a Lut<Kind>);
impl<'a> HasLut<'a, Kind> for Counted<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        budget::step();
        self.0
    }
}

/// A compiled jq program.
pub struct JqProgram {
    text: Box<str>,
    filter: Filter<Kind>,
    /// The same program as `[path(...)]`; absent where that cannot be compiled.
    paths: Filter<Kind>,
    is_plain: bool,
}

impl JqProgram {
    /// Compiles a program.
    pub fn compile(text: &str) -> Result<JqProgram, Error> {
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the jq expression has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        on_own_stack("jq-parser", PARSER_STACK_BYTES, || {
            // In this order, so that an error tells the place in what was written.
            let filter = filter(text)?;
            let paths = filter_of_paths(text)?;
            Ok(JqProgram { text: text.into(), filter, paths, is_plain: plain::is_plain(text) })
        })
    }

    /// The program as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Everything that the program gives for a document.
    pub fn run(&self, document: &Value, limits: &JqLimits) -> Result<Vec<Value>, Error> {
        self.evaluate(document, limits, |document| {
            outputs(&self.filter, document).map(|v| v.map(|v| v.to_value())).collect()
        })
    }

    /// The document without what stands at the program's paths: `del(program)`.
    ///
    /// All paths are found before anything is deleted. A path that leads through `null` or to
    /// nothing deletes nothing. Where the program fails (it iterates over `null`, say) there is no
    /// result: who ignores differences leaves the document as it is then, as Argo CD does.
    pub fn delete_paths(&self, document: &Value, limits: &JqLimits) -> Result<Value, Error> {
        self.evaluate(document, limits, |document| {
            let paths = outputs(&self.paths, document.clone()).next().unwrap_or_else(|| Ok(Val::list(Vec::new())))?;
            functions::delete_all(document, paths).map(|v| v.to_value()).map_err(|e| evaluation(&e))
        })
    }

    fn evaluate<T: Send>(
        &self,
        document: &Value,
        limits: &JqLimits,
        run: impl FnOnce(Val) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let all = |stack_bytes| budget::within(limits, stack_bytes, || run(Val::of(document, budget::MAX_DEPTH)?));
        if self.is_plain && plain::is_shallow(document) {
            return all(PLAIN_STACK_BYTES);
        }
        on_own_stack("jq", RUN_STACK_BYTES, || all(RUN_STACK_BYTES / 2))
    }
}
impl std::fmt::Debug for JqProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JqProgram").field(&self.text).finish()
    }
}

fn outputs(filter: &Filter<Kind>, document: Val) -> impl Iterator<Item = Result<Val, Error>> + '_ {
    let context = Ctx::<Kind>::new(Counted(&filter.lut), Vars::new([]));
    filter.id.run((context, document)).map(|output| {
        output.map_err(|thrown| match thrown.get_err() {
            Ok(error) => evaluation(&error),
            Err(_) => Error::new(ErrorKind::Evaluation, "the jq expression leaves a loop that it is not in"),
        })
    })
}

fn evaluation(error: &jaq_core::Error<Val>) -> Error {
    Error::new(ErrorKind::Evaluation, error.to_string())
}

fn filter_of_paths(text: &str) -> Result<Filter<Kind>, Error> {
    // A comment at the end of the text must not reach the bracket.
    filter(&format!("[path({text}\n)]"))
}

fn filter(text: &str) -> Result<Filter<Kind>, Error> {
    let syntax = |message: String| Error::new(ErrorKind::Syntax, message);
    let arena = Arena::default();
    let callable = functions::callable(text);
    let modules = Loader::new(callable.definitions)
        .load(&arena, File { code: text, path: () })
        .map_err(|errors| syntax(load_message(text, errors)))?;
    Compiler::default().with_funs(callable.natives).compile(modules).map_err(|errors| {
        let undefined = errors.into_iter().flat_map(|(_, of_file)| of_file).next();
        syntax(undefined.map_or_else(
            || "the jq expression cannot be compiled".to_owned(),
            |(name, kind)| match kind {
                Undefined::Filter(arity) => format!("function not defined: {name}/{arity}"),
                Undefined::Var => format!("variable not defined: {name}"),
                other => format!("{} not defined: {name}", other.as_str()),
            },
        ))
    })
}

fn load_message(text: &str, errors: jaq_core::load::Errors<&str, ()>) -> String {
    use jaq_core::load::Error as Load;
    let place = |rest: &str| match (rest.as_ptr().addr()).checked_sub(text.as_ptr().addr()) {
        Some(at) if at < text.len() => format!("at byte {}", at + 1),
        _ => "at its end".to_owned(),
    };
    let first = errors.into_iter().next().map(|(_, error)| error);
    let (expected, rest) = match &first {
        Some(Load::Lex(list)) => list.first().map(|(e, rest)| (e.as_str(), *rest)),
        Some(Load::Parse(list)) => list.first().map(|(e, rest)| (e.as_str(), *rest)),
        Some(Load::Io(list)) => return list.first().map(|(_, e)| e.clone()).unwrap_or_default(),
        None => None,
    }
    .unwrap_or(("a jq expression", ""));
    format!("the jq expression is not well formed {}: expected {expected}", place(rest))
}

/// Runs on a thread with a large stack, since depth of recursion is not the caller's to bear.
fn on_own_stack<T: Send>(
    name: &str,
    stack_bytes: usize,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let joined = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name(name.into()).stack_size(stack_bytes);
        builder.spawn_scoped(scope, work).map(|thread| thread.join())
    });
    match joined {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Syntax, "the jq interpreter failed on the expression")),
        Err(e) => Err(Error::new(ErrorKind::Budget, format!("no thread to evaluate the jq expression on: {e}"))),
    }
}

#[cfg(test)]
mod tests;
