//! The log on standard error: one JSON object a line as Flux's controllers write it, or text for people.

use std::fmt::Write as _;

use belay_object::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts the log. `level` is `trace`, `debug`, `info` or `error`.
pub fn start(level: &str, json: bool) {
    let filter = EnvFilter::try_from_env("BELAY_LOG").unwrap_or_else(|_| {
        EnvFilter::new(format!(
            "warn,{}",
            ["apiserver", "argo", "cluster", "controller", "engine", "flux", "source", ""]
                .map(|c| if c.is_empty() { format!("belay={level}") } else { format!("belay_{c}={level}") })
                .join(",")
        ))
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in tests, leaves the first log in place.
    let _ = if json { builder.event_format(JsonLines).try_init() } else { builder.with_target(false).try_init() };
}

/// Compat(flux 2.9): the keys that `flux logs` reads.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN | tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        fields.0.insert("level", level);
        fields.0.insert("ts", now());
        fields.0.insert("logger", event.metadata().target());
        writeln!(writer, "{}", Value::Object(fields.0))
    }
}

fn now() -> String {
    belay_controller::conditions::time_text(jiff::Timestamp::now())
}

#[derive(Default)]
struct Fields(Map);

impl Fields {
    fn put(&mut self, field: &Field, text: String) {
        let name = if field.name() == "message" { "msg" } else { field.name() };
        self.0.insert(name, text);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.put(field, text);
    }
}
