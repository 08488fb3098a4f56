//! Tokens and access reviews: resources that are answered and never stored.

use crate::plugin::Plugins;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let _ = plugins;
}
