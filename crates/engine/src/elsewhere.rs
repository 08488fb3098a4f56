//! Objects that somebody else keeps are left to them: whoever applies asks first, and refuses what is kept
//! elsewhere, so that two that want one object never fight over it.

use std::fmt;
use std::sync::Arc;

use belay_object::Object;

/// Says who else keeps a live object, in words (`Release shop/web`); `None` where nobody does.
pub type Keeper = Arc<dyn Fn(&Object) -> Option<String> + Send + Sync>;

/// Who else keeps objects of a cluster; by default nobody.
#[derive(Clone, Default)]
pub struct Elsewhere(Option<Keeper>);

impl Elsewhere {
    /// Asks this one.
    pub fn new(keeper: Keeper) -> Elsewhere {
        Elsewhere(Some(keeper))
    }
    /// Why a live object is not applied; `None` where it may be.
    pub fn refuse(&self, live: &Object) -> Option<String> {
        let who = (self.0.as_ref()?)(live)?;
        Some(format!(
            "{} is kept by {who}: it is not applied, so that the two never fight over it; take it out of one of them",
            live.key()
        ))
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Elsewhere(..)" } else { "Elsewhere" })
    }
}
