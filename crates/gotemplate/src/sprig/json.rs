//! JSON in the form of Go's encoding/json: [`encode`] and [`decode`], and the functions over them.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::{Style, encode};

use super::arg::{self, Result};
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::{Any, String as Text};

pub(super) fn register(f: &mut Functions) {
    let styles = [("Json", Style::Plain), ("PrettyJson", Style::Pretty), ("RawJson", Style::Raw)];
    for (name, style) in styles {
        let written = move |a: &[Value]| encode(arg::any(a, 0), style).map(Value::from);
        f.add(Function::new(&format!("mustTo{name}"), &[Any], move |_, a| written(a)));
        f.add(Function::new(&format!("to{name}"), &[Any], move |_, a| match written(a) {
            // Errors are swallowed, but for the raw form.
            Err(error) if style != Style::Raw && !error.is_limit() => Ok(Value::str("")),
            written => written,
        }));
    }
    let read = |a: &[Value]| -> Result { decode(arg::str(a, 0)).map_err(Error::new) };
    f.add(Function::new("mustFromJson", &[Text], move |_, a| read(a)));
    f.add(Function::new("fromJson", &[Text], move |_, a| Ok(read(a).unwrap_or_default())));
}
