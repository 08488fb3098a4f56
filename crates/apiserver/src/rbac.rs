//! Role-based access control over the stored roles and bindings.

use crate::plugin::Plugins;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let _ = plugins;
}
