//! The columns in which built-in kinds are printed.

use crate::plugin::Plugins;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let _ = plugins;
}
