//! [`Context`]: one execution: the templates, the functions, what the outside gives, and limits.
//!
//! A context is what functions get, so that they can execute templates themselves: nested
//! executions share the limits of the outermost one.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::Error;
use crate::function::Functions;
use crate::parse::{Parsed, parse};
use crate::set::Set;
use crate::stack::Stack;
use crate::value::Value;

/// What a missing key of a map gives (Go's option `missingkey`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// `default`: no value, which prints as `<no value>`.
    #[default]
    Invalid,
    /// `zero`: the zero value of the map's element type; Helm uses this.
    Zero,
    /// `error`: execution fails.
    Error,
}

type Random = dyn FnMut(&mut [u8]);
type Check = dyn FnMut() -> Result<(), String>;

/// All that templates can learn of the outside.
#[derive(Default)]
pub struct Environment {
    /// The time that `now` tells, in nanoseconds since 1970; the epoch where there is none.
    pub now_unix_ns: i128,
    /// Fills bytes with randomness; functions that need it fail where there is none.
    pub random: Option<Box<Random>>,
    /// Asked now and then; an error ends the execution (deadlines, cancellation).
    pub check: Option<Box<Check>>,
    /// What the caller's own functions need ([`Context::data`]).
    pub data: Option<Rc<dyn Any>>,
}

/// How much an execution may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Actions, commands, arguments and iterations evaluated.
    pub steps: u64,
    /// Templates within templates. The native stack is a limit besides ([`crate::with_stack`]).
    pub depth: u32,
    /// Bytes that one execution may write.
    pub output_bytes: usize,
    /// Bytes that all strings and lists made by functions may take together.
    pub made_bytes: u64,
}

impl Default for Limits {
    /// 100 million steps take about 10 s; the largest charts of the corpus take some 100,000. Depth as
    /// Go has it. The largest renders are some MiB; what their functions make, intermediate values
    /// that are freed again included, stays below a fortieth of this.
    fn default() -> Limits {
        Limits { steps: 100_000_000, depth: 100_000, output_bytes: 64 << 20, made_bytes: 256 << 20 }
    }
}

/// How often, in steps, [`Environment::check`] is asked.
const STEPS_PER_CHECK: u32 = 1024;
/// How many texts of [`Context::execute_text`] are kept parsed: `tpl` in a loop has a few.
const PARSED_TEXTS: usize = 256;
/// The longest of them: all together take some 64 MiB at most, parsed.
const PARSED_TEXT_BYTES: usize = 64 << 10;

/// One execution.
pub struct Context {
    pub(crate) set: Set,
    pub(crate) functions: Arc<Functions>,
    pub(crate) missing_key: MissingKey,
    pub(crate) depth: u32,
    pub(crate) stack: Stack,
    environment: Environment,
    limits: Limits,
    steps_left: u64,
    until_check: u32,
    made_left: u64,
    texts: HashMap<(Box<str>, Box<str>), Arc<Parsed>>,
}

impl Context {
    /// A context over a set of templates. `functions` are those that the templates were parsed with.
    pub fn new(set: Set, functions: Arc<Functions>, environment: Environment, limits: Limits) -> Context {
        Context {
            set,
            functions,
            missing_key: MissingKey::default(),
            depth: 0,
            stack: Stack::here(),
            environment,
            limits,
            steps_left: limits.steps,
            until_check: STEPS_PER_CHECK,
            made_left: limits.made_bytes,
            texts: HashMap::new(),
        }
    }
    /// Sets what missing keys give.
    pub fn with_missing_key(mut self, missing_key: MissingKey) -> Context {
        self.missing_key = missing_key;
        self
    }
    /// The templates.
    pub fn set(&self) -> &Set {
        &self.set
    }
    /// The functions.
    pub fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }
    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
    /// Executes the template of a name with `dot` and gives what it wrote.
    pub fn execute(&mut self, name: &str, dot: &Value) -> Result<Vec<u8>, Error> {
        let Some(template) = self.set.get(name) else {
            let (name, set) = (crate::fmt::quote_str(name), crate::fmt::quote_str(self.set.name()));
            return Err(Error::new(format!("template: no template {name} associated with template {set}")));
        };
        crate::exec::execute(self, &template, dot)
    }
    /// Parses a text as a template of a name in a copy of the set, and executes it there: what it
    /// defines is gone afterwards. The kind of the error tells whether it was parsed.
    pub fn execute_text(&mut self, name: &str, text: &str, dot: &Value) -> Result<Vec<u8>, Error> {
        let parsed = self.parse_text(name, text)?;
        let mut set = self.set.clone();
        set.add(&parsed);
        let outer = std::mem::replace(&mut self.set, set);
        // The text's own template is what runs, also where it is empty and the set keeps another of
        // its name: `tpl ""` within `tpl` writes nothing.
        let result = match parsed.templates().last() {
            Some(template) => crate::exec::execute(self, template, dot),
            None => Ok(Vec::new()),
        };
        self.set = outer;
        result
    }
    fn parse_text(&mut self, name: &str, text: &str) -> Result<Arc<Parsed>, Error> {
        if text.len() > PARSED_TEXT_BYTES {
            return Ok(Arc::new(parse(name, text, &self.functions)?));
        }
        let key = (name.into(), text.into());
        if let Some(parsed) = self.texts.get(&key) {
            return Ok(Arc::clone(parsed));
        }
        let parsed = Arc::new(parse(name, text, &self.functions)?);
        if self.texts.len() >= PARSED_TEXTS {
            self.texts.clear();
        }
        self.texts.insert(key, Arc::clone(&parsed));
        Ok(parsed)
    }
    /// Takes `n` steps of the limit; long loops in functions call this.
    pub fn step(&mut self, n: u32) -> Result<(), Error> {
        self.steps_left = match self.steps_left.checked_sub(n.into()) {
            Some(left) => left,
            None => {
                return Err(Error::limit(format!("execution takes more than {} steps", self.limits.steps)));
            }
        };
        match self.until_check.checked_sub(n) {
            Some(left) => self.until_check = left,
            None => {
                self.until_check = STEPS_PER_CHECK;
                if let Some(check) = &mut self.environment.check {
                    check().map_err(Error::limit)?;
                }
            }
        }
        Ok(())
    }
    /// Takes bytes of the limit. A function whose result can be much larger than its arguments
    /// (`repeat`, `indent`, `until`) calls this *before* it makes the result; the executor counts
    /// what functions return besides.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        match self.made_left.checked_sub(bytes as u64) {
            Some(left) => self.made_left = left,
            None => {
                return Err(Error::limit(format!("functions make more than {} bytes", self.limits.made_bytes)));
            }
        }
        Ok(())
    }
    /// The time, in nanoseconds since 1970.
    pub fn now_unix_ns(&self) -> i128 {
        self.environment.now_unix_ns
    }
    /// Fills bytes with randomness.
    pub fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        match &mut self.environment.random {
            Some(random) => {
                random(bytes);
                Ok(())
            }
            None => Err(Error::new("there is no randomness here")),
        }
    }
    /// What the caller put into [`Environment::data`], where it is a `T`.
    pub fn data<T: Any>(&self) -> Option<Rc<T>> {
        Rc::clone(self.environment.data.as_ref()?).downcast().ok()
    }
}
