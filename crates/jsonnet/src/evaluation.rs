//! One evaluation, on its own thread: it asks for files by message and answers by message.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use belay_object::{Value, from_json_str};
use belay_tree::TreePath;
use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::program::{
    Callbacks, EvalError, EvalErrorKind, EvalStackTraceItem, ImportError, NativeError, Program, Thunk,
    Value as Evaluated,
};
use rsjsonnet_lang::span::SpanId;

use crate::report::{Files, describe, describe_load};
use crate::source::{STEP, Source};
use crate::{Error, ErrorKind, Given, Limits, Options};

/// Twice go-jsonnet's, since each call has our step in it.
const MAX_CALLS: usize = 1_000;
/// How many files one evaluation may import.
const MAX_FILES: usize = 4_096;

type Content = Result<Option<Arc<[u8]>>, belay_tree::Error>;

/// What an evaluation tells its caller.
pub(crate) enum Message {
    /// It wants a file.
    Read(TreePath, mpsc::Sender<Content>),
    /// It has ended.
    Done(Result<Value, Error>),
}

/// What ends an evaluation before its time.
pub(crate) struct Stop {
    steps: AtomicU64,
    end: Option<Instant>,
    is_abandoned: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Whether somebody waits for the end.
enum Waiting {
    Yes,
    /// Nobody; it is counted here until it ends.
    No(&'static AtomicUsize),
    Ended,
}

impl Stop {
    pub(crate) fn new(limits: &Limits) -> Stop {
        Stop {
            steps: AtomicU64::new(limits.steps),
            end: Instant::now().checked_add(limits.time),
            is_abandoned: AtomicBool::new(false),
            waiting: Mutex::new(Waiting::Yes),
        }
    }
    /// Says that nobody waits any more.
    pub(crate) fn abandon(&self, counter: &'static AtomicUsize) {
        self.is_abandoned.store(true, Ordering::Relaxed);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*waiting, Waiting::Yes) {
            counter.fetch_add(1, Ordering::Relaxed);
            *waiting = Waiting::No(counter);
        }
    }
    fn ended(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Waiting::No(counter) = std::mem::replace(&mut *waiting, Waiting::Ended) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }
    fn step(&self) -> Result<(), NativeError> {
        let left = self.steps.load(Ordering::Relaxed);
        let is_late = left.is_multiple_of(64) && self.end.is_some_and(|end| Instant::now() > end);
        if left == 0 || is_late || self.is_abandoned.load(Ordering::Relaxed) {
            self.steps.store(0, Ordering::Relaxed);
            return Err(NativeError);
        }
        self.steps.store(left - 1, Ordering::Relaxed);
        Ok(())
    }
}

/// What is to be evaluated, and for whom.
pub(crate) struct Job {
    pub(crate) file: TreePath,
    pub(crate) options: Options,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) output_bytes: usize,
}

impl Job {
    pub(crate) fn run(self) {
        let result = self.evaluate();
        // Nobody there: the time was up.
        let _gone = self.messages.send(Message::Done(result));
        self.stop.ended();
    }

    fn evaluate(&self) -> Result<Value, Error> {
        let arena = Arena::new();
        let mut program = Program::new(&arena);
        program.set_max_stack(MAX_CALLS);
        let step = program.intern_str(STEP);
        program.register_native_func(step, &[]);
        let mut session = Session { job: self, files: Files::default(), loaded: HashMap::new(), failure: None };
        for (name, given) in &self.options.ext_vars {
            let thunk = session.given(&mut program, "extvar", name, given)?;
            let name = program.intern_str(name);
            program.add_ext_var(name, &thunk);
        }
        let content = self
            .read(&self.file)?
            .ok_or_else(|| Error::new(ErrorKind::Import, format!("{}: no such file", self.file)))?;
        let thunk = session.load(&mut program, self.file.as_str(), Some(&self.file), &content)?;
        session.loaded.insert(self.file.clone(), thunk.clone());
        let mut value = session.eval(&mut program, |p, s| p.eval_value(&thunk, s))?;
        if value.is_function() {
            let mut arguments: BTreeMap<&str, Thunk<'_>> = BTreeMap::new();
            for (name, given) in &self.options.tlas {
                arguments.insert(name, session.given(&mut program, "top-level-arg", name, given)?);
            }
            let named: Vec<_> = arguments.into_iter().map(|(name, v)| (program.intern_str(name), v)).collect();
            value = session.eval(&mut program, |p, s| p.eval_call(&thunk, &[], &named, s))?;
        }
        let json = session.eval(&mut program, |p, _| p.manifest_json(&value, false))?;
        if json.len() > self.output_bytes {
            let message = format!("{}: gives {} bytes, more than {}", self.file, json.len(), self.output_bytes);
            return Err(Error::new(ErrorKind::Budget, message));
        }
        from_json_str(&json).map_err(|e| Error::new(ErrorKind::Output, format!("{}: result: {e}", self.file)))
    }

    fn read(&self, path: &TreePath) -> Result<Option<Arc<[u8]>>, Error> {
        let (reply, answer) = mpsc::channel();
        let gone = || Error::new(ErrorKind::Budget, "nobody waits for the result");
        self.messages.send(Message::Read(path.clone(), reply)).map_err(|_| gone())?;
        let content = answer.recv().map_err(|_| gone())?;
        content.map_err(|e| Error::new(ErrorKind::Import, format!("{path}: {e}")))
    }
}

/// The files of an evaluation; what the interpreter calls back.
struct Session<'j, 'p> {
    job: &'j Job,
    files: Files,
    loaded: HashMap<TreePath, Thunk<'p>>,
    /// Why the import that the interpreter gave up at failed.
    failure: Option<Error>,
}

impl<'p> Session<'_, 'p> {
    fn load(
        &mut self,
        program: &mut Program<'p>,
        name: &str,
        path: Option<&TreePath>,
        text: &[u8],
    ) -> Result<Thunk<'p>, Error> {
        if self.files.len() >= MAX_FILES {
            return Err(Error::new(ErrorKind::Budget, format!("{name}: more than {MAX_FILES} files are imported")));
        }
        let source = Source::new(name, text)?;
        let evaluated = source.evaluated().to_vec();
        let (context, _) = program.span_manager_mut().insert_source_context(evaluated.len());
        self.files.add(context, name, path.cloned(), source);
        program
            .load_source(context, &evaluated, true, name)
            .map_err(|e| Error::new(ErrorKind::Syntax, describe_load(&self.files, program.span_manager(), &e)))
    }

    fn given(&mut self, program: &mut Program<'p>, what: &str, name: &str, given: &Given) -> Result<Thunk<'p>, Error> {
        match given {
            Given::Text(text) => Ok(program.value_to_thunk(&Evaluated::string(text))),
            Given::Code(code) => self.load(program, &format!("<{what}:{name}>"), None, code.as_bytes()),
        }
    }

    fn eval<T>(
        &mut self,
        program: &mut Program<'p>,
        evaluate: impl FnOnce(&mut Program<'p>, &mut Session<'_, 'p>) -> Result<T, EvalError>,
    ) -> Result<T, Error> {
        let outcome = evaluate(program, self);
        outcome.map_err(|e| self.error(program, &e))
    }

    fn error(&mut self, program: &Program<'p>, error: &EvalError) -> Error {
        if self.job.stop.steps.load(Ordering::Relaxed) == 0 {
            let message = format!("{}: evaluation takes more than allowed", self.job.file);
            return Error::new(ErrorKind::Budget, message);
        }
        let imported = match error.kind {
            EvalErrorKind::ImportFailed { .. } => self.failure.take(),
            _ => None,
        };
        let kind = match error.kind {
            EvalErrorKind::StackOverflow | EvalErrorKind::InfiniteRecursion => ErrorKind::Budget,
            _ => imported.as_ref().map_or(ErrorKind::Evaluation, |e| e.kind),
        };
        Error::new(kind, describe(&self.files, program.span_manager(), error, imported.as_ref()))
    }

    /// Looks for an imported file beside the importing one, then in the folders.
    fn find(&mut self, program: &Program<'p>, from: SpanId, path: &str) -> Result<(TreePath, Arc<[u8]>), Error> {
        let beside =
            self.files.path_of(program.span_manager(), from).map(|p| p.parent().unwrap_or_else(TreePath::root));
        let mut last = None;
        for dir in beside.iter().chain(self.job.options.libs.iter().rev()) {
            // A path that leads out of the tree from one folder may be good from another.
            match dir.join(path) {
                Ok(candidate) => {
                    if let Some(content) = self.job.read(&candidate)? {
                        return Ok((candidate, content));
                    }
                }
                Err(e) => last = Some(e),
            }
        }
        let why = last.map_or_else(|| "no such file".to_owned(), |e| e.to_string());
        Err(Error::new(ErrorKind::Import, why))
    }

    fn failed<T>(&mut self, outcome: Result<T, Error>) -> Result<T, ImportError> {
        outcome.map_err(|e| {
            self.failure = Some(e);
            ImportError
        })
    }
}

impl<'p> Callbacks<'p> for Session<'_, 'p> {
    fn import(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<Thunk<'p>, ImportError> {
        let found = self.find(program, from, path);
        let (path, content) = self.failed(found)?;
        if let Some(thunk) = self.loaded.get(&path) {
            return Ok(thunk.clone());
        }
        let loaded = self.load(program, path.as_str(), Some(&path), &content);
        let thunk = self.failed(loaded)?;
        self.loaded.insert(path, thunk.clone());
        Ok(thunk)
    }

    fn import_str(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<String, ImportError> {
        let found = self.find(program, from, path);
        let (path, content) = self.failed(found)?;
        let text = String::from_utf8(content.to_vec());
        self.failed(text.map_err(|_| Error::new(ErrorKind::Import, format!("{path} is not UTF-8"))))
    }

    fn import_bin(&mut self, program: &mut Program<'p>, from: SpanId, path: &str) -> Result<Vec<u8>, ImportError> {
        let found = self.find(program, from, path);
        self.failed(found).map(|(_, content)| content.to_vec())
    }

    /// There is no place where a trace would be read.
    fn trace(&mut self, _: &mut Program<'p>, _: &str, _: &[EvalStackTraceItem]) {}

    fn native_call(
        &mut self,
        _: &mut Program<'p>,
        _: InternedStr<'p>,
        _: &[Evaluated<'p>],
    ) -> Result<Evaluated<'p>, NativeError> {
        self.job.stop.step()?;
        Ok(Evaluated::bool(true))
    }
}
