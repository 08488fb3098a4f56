//! `.Files`: the files of a chart that are neither templates nor charts nor what Helm itself reads.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use belay_gotemplate as gt;
use belay_gotemplate::{Context, Elem, List, Map, Object, Param, Signature, Str, Type, Value};
use belay_object as object;

use crate::chart::File;
use crate::glob::Glob;

/// `engine.files`
const FILES: &Type = &Type::named("engine.files", Elem::Bytes);

/// Files by name; a selection of them after `Glob`.
pub(super) struct Files {
    files: Arc<[File]>,
    /// Which of them.
    chosen: Option<Vec<usize>>,
    /// Their places by name, made when first asked for: templates get files in loops over all.
    places: OnceCell<HashMap<Arc<str>, usize>>,
}

impl Files {
    pub(super) fn new(files: &Arc<[File]>) -> Files {
        Files { files: Arc::clone(files), chosen: None, places: OnceCell::new() }
    }

    fn each(&self) -> Box<dyn Iterator<Item = (usize, &File)> + '_> {
        match &self.chosen {
            None => Box::new(self.files.iter().enumerate()),
            Some(chosen) => Box::new(chosen.iter().map(|i| (*i, &self.files[*i]))),
        }
    }

    /// The content; of files of one name the last counts.
    fn get(&self, name: &[u8]) -> &[u8] {
        let places = self.places.get_or_init(|| self.each().map(|(i, file)| (Arc::clone(&file.name), i)).collect());
        let place = std::str::from_utf8(name).ok().and_then(|name| places.get(name));
        place.map_or(&[], |i| &self.files[*i].data)
    }

    fn glob(&self, pattern: &[u8]) -> Files {
        // What does not compile matches everything, as in Helm.
        let glob = std::str::from_utf8(pattern).ok().and_then(Glob::parse);
        let is_chosen = |file: &File| glob.as_ref().is_none_or(|glob| glob.matches(&file.name));
        let chosen = self.each().filter(|(_, file)| is_chosen(file)).map(|(i, _)| i).collect();
        Files { files: Arc::clone(&self.files), chosen: Some(chosen), places: OnceCell::new() }
    }

    /// The files by their base names as YAML; of equal names the last path counts.
    fn as_yaml(&self, content: impl Fn(&[u8]) -> String) -> Str {
        let mut named: Vec<&File> = self.each().map(|(_, file)| file).collect();
        named.sort_by(|a, b| a.name.cmp(&b.name));
        let map: object::Map = named.into_iter().map(|file| (file.base_name(), content(&file.data))).collect();
        let text = belay_yaml::to_yaml(&object::Value::Object(map));
        text.strip_suffix('\n').unwrap_or(&text).into()
    }

    fn lines(&self, name: &[u8]) -> Value {
        let content = self.get(name);
        if content.is_empty() {
            return Value::List(List::strings::<Str>([]));
        }
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        Value::List(List::strings(content.split(|b| *b == b'\n').map(Str::from)))
    }
}

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }
    fn underlying(&self) -> Option<Value> {
        let fields = self.each().map(|(_, file)| (&*file.name, Value::Bytes(Str::from(&*file.data))));
        Some(Value::Map(Map::from_entries(FILES, fields)))
    }
    fn method(&self, name: &str) -> Option<&Signature> {
        const ONE: Signature = Signature::fixed(&[Param::String]);
        const NONE: Signature = Signature::fixed(&[]);
        match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => Some(&ONE),
            "AsConfig" | "AsSecrets" => Some(&NONE),
            _ => None,
        }
    }
    fn call(&self, ctx: &mut Context, name: &str, args: &[Value]) -> Result<Value, gt::Error> {
        let text = args.first().and_then(Value::as_str).map_or(&[][..], |s| s.as_bytes());
        if name != "Get" && name != "GetBytes" {
            ctx.step(u32::try_from(self.files.len()).unwrap_or(u32::MAX))?;
        }
        Ok(match name {
            "Get" => Value::str(self.get(text)),
            "GetBytes" => Value::Bytes(self.get(text).into()),
            "Glob" => Value::Object(Rc::new(self.glob(text))),
            "Lines" => self.lines(text),
            "AsConfig" => Value::Str(self.as_yaml(|data| String::from_utf8_lossy(data).into_owned())),
            _ => Value::Str(self.as_yaml(|data| base64::engine::general_purpose::STANDARD.encode(data))),
        })
    }
    fn to_json(&self) -> object::Value {
        let encode = |data: &[u8]| base64::engine::general_purpose::STANDARD.encode(data);
        object::Value::Object(self.each().map(|(_, file)| (&*file.name, encode(&file.data))).collect())
    }
}
