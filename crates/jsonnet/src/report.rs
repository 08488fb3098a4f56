//! Errors of the interpreter as text: the place, what is wrong, and the stack.

use belay_tree::TreePath;
use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::ParseError;
use rsjsonnet_lang::program::{AnalyzeError, EvalError, EvalErrorKind, EvalStackTraceItem, LoadError};
use rsjsonnet_lang::span::{SpanContextId, SpanId, SpanManager};

use crate::source::Source;

/// How many lines of a stack are told.
const MAX_STACK_LINES: usize = 12;

/// The texts of an evaluation, to tell places in them.
#[derive(Default)]
pub(crate) struct Files(Vec<(SpanContextId, File)>);

struct File {
    name: String,
    path: Option<TreePath>,
    source: Source,
}

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    pub(crate) fn add(&mut self, context: SpanContextId, name: &str, path: Option<TreePath>, source: Source) {
        self.0.push((context, File { name: name.into(), path, source }));
    }
    fn file(&self, context: SpanContextId) -> Option<&File> {
        self.0.iter().find(|(c, _)| *c == context).map(|(_, file)| file)
    }
    /// The path of the file in which a span lies.
    pub(crate) fn path_of(&self, spans: &SpanManager, span: SpanId) -> Option<TreePath> {
        self.file(spans.get_span(span).0)?.path.clone()
    }
    /// `file:line:column`; `None` for a place in no file of the program's.
    fn place(&self, spans: &SpanManager, span: SpanId) -> Option<String> {
        let (context, start, _) = spans.get_span(span);
        let file = self.file(context)?;
        let (line, column) = file.source.place(start)?;
        Some(format!("{}:{line}:{column}", file.name))
    }
}

pub(crate) fn describe_load(files: &Files, spans: &SpanManager, error: &LoadError) -> String {
    let (span, message) = match error {
        LoadError::Lex(e) => lex(e),
        LoadError::Parse(ParseError::Expected { span, expected, instead }) => {
            let expected: Vec<String> = expected.iter().take(6).map(|e| format!("{e:?}")).collect();
            (*span, format!("unexpected {instead:?}, expected {}", expected.join(" or ")))
        }
        LoadError::Analyze(e) => analyze(e),
    };
    match files.place(spans, span) {
        Some(place) => format!("{place}: {message}"),
        None => message,
    }
}

fn lex(error: &LexError) -> (SpanId, String) {
    match error {
        LexError::InvalidChar { span, chr } => (*span, format!("unexpected character {chr:?}")),
        LexError::InvalidUtf8 { span, .. } => (*span, "the text is not UTF-8".into()),
        LexError::UnfinishedMultilineComment { span } => (*span, "the comment has no end".into()),
        LexError::LeadingZeroInNumber { span } => (*span, "a number begins with 0".into()),
        LexError::MissingFracDigits { span } => (*span, "no digit follows the point of a number".into()),
        LexError::MissingExpDigits { span } => (*span, "no digit follows the e of a number".into()),
        LexError::MissingDigitAfterUnderscore { span } => (*span, "no digit follows _ in a number".into()),
        LexError::ExpOverflow { span } => (*span, "the exponent is too large".into()),
        LexError::InvalidEscapeInString { span, chr } => (*span, format!("unknown escape \\{chr} in a string")),
        LexError::IncompleteUnicodeEscape { span } => (*span, "a \\u escape needs four hexadecimal digits".into()),
        LexError::InvalidUtf16EscapeSequence { span, .. } => (*span, "a \\u escape is no character".into()),
        LexError::UnfinishedString { span } => (*span, "the string has no end".into()),
        LexError::MissingLineBreakAfterTextBlockStart { span } => (*span, "||| must end its line".into()),
        LexError::MissingWhitespaceTextBlockStart { span } => {
            (*span, "the first line of a text block must be indented".into())
        }
        LexError::InvalidTextBlockTermination { span } => (*span, "the text block does not end with |||".into()),
    }
}

fn analyze(error: &AnalyzeError) -> (SpanId, String) {
    match error {
        AnalyzeError::UnknownVariable { span, name } => (*span, format!("unknown variable: {name}")),
        AnalyzeError::SelfOutsideObject { self_span } => (*self_span, "self outside of an object".into()),
        AnalyzeError::SuperOutsideObject { super_span } => (*super_span, "super outside of an object".into()),
        AnalyzeError::DollarOutsideObject { dollar_span } => (*dollar_span, "$ outside of an object".into()),
        AnalyzeError::RepeatedLocalName { repeated_span, name, .. } => {
            (*repeated_span, format!("local {name} is there twice"))
        }
        AnalyzeError::RepeatedFieldName { repeated_span, name, .. } => {
            (*repeated_span, format!("field {name} is there twice"))
        }
        AnalyzeError::RepeatedParamName { repeated_span, name, .. } => {
            (*repeated_span, format!("parameter {name} is there twice"))
        }
        AnalyzeError::PositionalArgAfterNamed { arg_span } => {
            (*arg_span, "an argument without a name follows one with a name".into())
        }
        AnalyzeError::TextBlockAsImportPath { span } => (*span, "a text block is no path to import".into()),
        AnalyzeError::ComputedImportPath { span } => (*span, "the path to import must be a literal".into()),
    }
}

pub(crate) fn describe(
    files: &Files,
    spans: &SpanManager,
    error: &EvalError,
    imported: Option<&crate::Error>,
) -> String {
    let (span, message) = what(&error.kind);
    let message = match imported {
        Some(e) => format!("{message}: {e}"),
        None => message,
    };
    let stack: Vec<(Option<String>, String)> =
        error.stack_trace.iter().rev().map(|item| stack_item(files, spans, item)).collect();
    let own = span.and_then(|s| files.place(spans, s));
    let place = own.or_else(|| stack.iter().find_map(|(place, _)| place.clone()));
    let mut text = match place {
        Some(place) => format!("{place}: {message}"),
        None => message,
    };
    let told = stack.iter().filter_map(|(place, what)| Some((place.as_ref()?, what)));
    for (place, what) in told.take(MAX_STACK_LINES) {
        text.push_str(&format!("\n  {place}: {what}"));
    }
    text
}

fn stack_item(files: &Files, spans: &SpanManager, item: &EvalStackTraceItem) -> (Option<String>, String) {
    let at = |span: &Option<SpanId>| span.and_then(|s| files.place(spans, s));
    match item {
        EvalStackTraceItem::Expr { span } => (at(&Some(*span)), "in this expression".into()),
        EvalStackTraceItem::Call { span, name } => {
            (at(span), format!("in the call of {}", name.as_deref().unwrap_or("a function")))
        }
        EvalStackTraceItem::Variable { span, name } => (at(&Some(*span)), format!("in the variable {name}")),
        EvalStackTraceItem::ArrayItem { span, index } => (at(span), format!("in item {index}")),
        EvalStackTraceItem::ObjectField { span, name } => (at(span), format!("in the field {name}")),
        EvalStackTraceItem::CompareArrayItem { index } => (None, format!("comparing item {index}")),
        EvalStackTraceItem::CompareObjectField { name } => (None, format!("comparing the field {name}")),
        EvalStackTraceItem::ManifestArrayItem { index } => (None, format!("in item {index} of the result")),
        EvalStackTraceItem::ManifestObjectField { name } => (None, format!("in the field {name} of the result")),
        EvalStackTraceItem::Import { span } => (at(&Some(*span)), "in this import".into()),
    }
}

fn what(kind: &EvalErrorKind) -> (Option<SpanId>, String) {
    use EvalErrorKind as K;
    let of = |t: &dyn std::fmt::Debug| format!("{t:?}").to_lowercase();
    match kind {
        K::StackOverflow => (None, "more calls within each other than allowed".into()),
        K::InfiniteRecursion => (None, "a value needs itself to be computed".into()),
        K::InvalidIndexedType { span, got_type } => (Some(*span), format!("a {} cannot be indexed", of(got_type))),
        K::InvalidSlicedType { span, got_type } => (Some(*span), format!("a {} cannot be sliced", of(got_type))),
        K::SliceIndexOrStepIsNotNumber { span, got_type } => {
            (Some(*span), format!("a slice's bounds must be numbers, not {}", of(got_type)))
        }
        K::StringIndexIsNotNumber { span, got_type } | K::ArrayIndexIsNotNumber { span, got_type } => {
            (Some(*span), format!("the index must be a number, not {}", of(got_type)))
        }
        K::NumericIndexIsNotValid { span, index } => (Some(*span), format!("{index} is no index")),
        K::NumericIndexOutOfRange { span, index, length } => {
            (Some(*span), format!("index {index} is out of bounds, there are {length} items"))
        }
        K::ObjectIndexIsNotString { span, got_type } => {
            (Some(*span), format!("an object is indexed by a string, not {}", of(got_type)))
        }
        K::RepeatedFieldName { span, name } => (Some(*span), format!("field {name} is there twice")),
        K::FieldNameIsNotString { span, got_type } => {
            (Some(*span), format!("a field's name must be a string, not {}", of(got_type)))
        }
        K::UnknownObjectField { span, field_name } => (Some(*span), format!("field does not exist: {field_name}")),
        K::FieldOfNonObject { span } => (Some(*span), "what is not an object has no fields".into()),
        K::SuperWithoutSuperObject { span } => (Some(*span), "there is no super object".into()),
        K::ForSpecValueIsNotArray { span, got_type } => {
            (Some(*span), format!("for loops over an array, not {}", of(got_type)))
        }
        K::CondIsNotBool { span, got_type } => {
            (Some(*span), format!("a condition must be a boolean, not {}", of(got_type)))
        }
        K::CalleeIsNotFunction { span, got_type } => (*span, format!("a {} cannot be called", of(got_type))),
        K::TooManyCallArgs { span, num_params } => {
            (*span, format!("too many arguments, there are {num_params} parameters"))
        }
        K::UnknownCallParam { span, param_name } => (*span, format!("there is no parameter {param_name}")),
        K::RepeatedCallParam { span, param_name } => (*span, format!("parameter {param_name} is given twice")),
        K::CallParamNotBound { span, param_name } => (*span, format!("missing argument: {param_name}")),
        K::NativeCallFailed => (None, "evaluation takes more than allowed".into()),
        K::InvalidUnaryOpType { span, op, rhs_type } => {
            (Some(*span), format!("{op:?} cannot be applied to {}", of(rhs_type)))
        }
        K::InvalidBinaryOpTypes { span, op, lhs_type, rhs_type } => {
            (*span, format!("{op:?} cannot be applied to {} and {}", of(lhs_type), of(rhs_type)))
        }
        K::NumberNotBitwiseSafe { span } => (*span, "the number is too large for operations on bits".into()),
        K::NumberOverflow { span } => (*span, "the number is too large".into()),
        K::NumberNan { span } => (*span, "the result is not a number".into()),
        K::DivByZero { span } => (*span, "division by zero".into()),
        K::ShiftByNegative { span } => (*span, "a shift by a negative number".into()),
        K::InvalidStdFuncArgType { func_name, arg_index, got_type, .. } => {
            (None, format!("argument {} of std.{func_name} cannot be a {}", arg_index + 1, of(got_type)))
        }
        K::AssertFailed { span, message } => {
            (Some(*span), message.clone().unwrap_or_else(|| "an assertion failed".into()))
        }
        K::AssertEqualFailed { lhs, rhs } => (None, format!("{lhs} is not equal to {rhs}")),
        K::ExplicitError { span, message } => (Some(*span), message.clone()),
        K::ImportFailed { span, path } => (Some(*span), format!("cannot import {path:?}")),
        K::UnknownExtVar { name } => (None, format!("external variable not given: {name}")),
        K::ManifestFunction => (None, "a function is no part of a result".into()),
        K::CompareNullInequality | K::CompareBooleanInequality | K::CompareObjectInequality => {
            (None, "null, booleans and objects have no order".into())
        }
        K::CompareFunctions => (None, "functions cannot be compared".into()),
        K::CompareDifferentTypesInequality { lhs_type, rhs_type } => {
            (None, format!("{} and {} have no order", of(lhs_type), of(rhs_type)))
        }
        K::PrimitiveEqualsNonPrimitive { got_type } => (None, format!("a {} is no primitive value", of(got_type))),
        K::Other { span, message } => (*span, message.clone()),
    }
}
