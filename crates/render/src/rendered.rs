//! What came of a render.

use std::fmt;
use std::sync::Arc;

use belay_object::Object;
use belay_tree::{Digest, DigestBuilder, ReadLog, TreePath};

/// Rendered objects in the renderer's order.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The objects.
    pub objects: Vec<RenderedObject>,
    /// Digest of the objects' text.
    pub digest: Digest,
    /// What the renderer wants to be known, a sentence each.
    pub warnings: Vec<String>,
    /// Which renderer made them, in the words of who asked; empty where there is but one.
    pub renderer: &'static str,
    /// All that was read, of each tree.
    pub reads: Arc<[Arc<ReadLog>]>,
}

/// What a renderer made, for [`Memo::render_by`](crate::Memo::render_by).
#[derive(Clone, Debug)]
pub struct Made {
    /// The objects in order.
    pub objects: Vec<RenderedObject>,
    /// What is to be known, a sentence each.
    pub warnings: Vec<String>,
    /// Which renderer it was.
    pub renderer: &'static str,
    /// Whether it holds for as long as all reads give the same. One that used anything else that its
    /// key does not name is not remembered.
    pub lasts: bool,
}

/// The digest of objects, and how many bytes of JSON they are.
pub(crate) struct Digested {
    pub(crate) digest: Digest,
    pub(crate) json_bytes: usize,
}

impl Made {
    pub(crate) fn digested(&self) -> Digested {
        let mut digest = DigestBuilder::new("belay rendered 1");
        let (mut json, mut json_bytes) = (Vec::new(), 0);
        for rendered in &self.objects {
            json.clear();
            rendered.object.value().write_json(&mut json);
            digest.part(&json);
            json_bytes += json.len();
        }
        Digested { digest: digest.finish(), json_bytes }
    }
}

/// One object and where it came from.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    /// The object.
    pub object: Object,
    /// Where it came from.
    pub origin: Option<Origin>,
}

/// A place in the tree. Written `apps/shop.yaml:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: TreePath,
    /// Which document of the file, from 0.
    pub document: usize,
    /// The line on which the document starts, from 1; 0 where it is not known.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        Ok(())
    }
}
