//! What built-in kinds mean: defaults, validation, allocation of addresses and ports.

use crate::plugin::Plugins;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let _ = plugins;
}
