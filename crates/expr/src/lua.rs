//! Lua: [`LuaScript`], called with documents as its globals under [`LuaLimits`].
//!
//! The interpreter is Lua 5.2 (5.1 has no `goto`, which published scripts use; 5.3 prints numbers
//! differently). A script sees the base functions, `table`, `string`, `math`, and the time and date
//! of a given present: no files, no environment, no output, no bytecode, no finalizers. A new state
//! is made for every call, so that no script leaves anything behind.
//!
//! What keeps it within its limits: a hook that counts instructions and looks at the clock, a bound
//! on memory, pattern functions of our own, and a `pcall` that lets nothing go on when the limits
//! are spent.

mod budget;
mod clock;
mod pattern;
mod strings;
mod values;

use std::sync::Arc;
use std::time::Duration;

use belay_object::Value;
use mlua::chunk::ChunkMode;
use mlua::{HookTriggers, Lua, LuaOptions, MultiValue, StdLib, VmState};

use crate::{Error, ErrorKind};
use budget::Budget;

/// Sixteen times the longest published health script.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The hook runs so often: rarely enough to cost nothing beside the instructions.
const HOOK_INSTRUCTIONS: u32 = 100;
/// Errors name the place as `<string>:LINE:`, as Argo CD's interpreter does.
const CHUNK_NAME: &str = "=<string>";

/// What one call may cost.
#[derive(Clone, Copy, Debug)]
pub struct LuaLimits {
    /// Instructions of the interpreter.
    pub instructions: u64,
    /// The interpreter's memory, the documents included.
    pub memory_bytes: usize,
    /// The time that ends a call in any case.
    pub time: Duration,
}
impl Default for LuaLimits {
    /// Five million instructions are about 0.1 s; the time is Argo CD's.
    fn default() -> LuaLimits {
        LuaLimits { instructions: 5_000_000, memory_bytes: 64 << 20, time: Duration::from_secs(1) }
    }
}

/// A script that is known to be Lua.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LuaScript {
    text: Arc<str>,
}

impl LuaScript {
    /// Checks that a text is a Lua chunk.
    pub fn compile(text: &str) -> Result<LuaScript, Error> {
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the script has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let limits = LuaLimits::default();
        let lua = state(&limits).map_err(internal)?;
        chunk(&lua, text).into_function().map_err(|e| Error::new(ErrorKind::Syntax, message_of(&e)))?;
        Ok(LuaScript { text: text.into() })
    }

    /// The script as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Calls the script with these globals. `now_s` is the present in seconds since 1970. The result
    /// is the last value returned: `null` for none.
    pub fn call(&self, globals: &[(&str, &Value)], now_s: i64, limits: &LuaLimits) -> Result<Value, Error> {
        let budget = Budget::new(limits);
        let lua = state(limits).map_err(internal)?;
        libraries(&lua, &budget, now_s).map_err(internal)?;
        for (name, value) in globals {
            let set = values::document(&lua, value).and_then(|value| lua.globals().set(*name, value));
            set.map_err(|e| failure(&budget, &e))?;
        }
        let counted = budget.clone();
        let hook = move |_: &Lua, _: &mlua::debug::Debug<'_>| {
            counted.spend(HOOK_INSTRUCTIONS.into()).map_err(mlua::Error::RuntimeError)?;
            Ok(VmState::Continue)
        };
        lua.set_hook(HookTriggers::new().every_nth_instruction(HOOK_INSTRUCTIONS), hook).map_err(internal)?;
        let outcome = chunk(&lua, &self.text).call::<MultiValue>(());
        lua.remove_hook();
        let returned = outcome.map_err(|e| failure(&budget, &e))?;
        if budget.is_spent() {
            return Err(spent());
        }
        let last = returned.into_iter().next_back().unwrap_or(mlua::Value::Nil);
        values::from_lua(&last).map_err(|message| Error::new(ErrorKind::Result, message))
    }
}

fn chunk<'a>(lua: &Lua, text: &'a str) -> mlua::chunk::Chunk<'a> {
    lua.load(text).set_name(CHUNK_NAME).set_mode(ChunkMode::Text)
}

fn state(limits: &LuaLimits) -> mlua::Result<Lua> {
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
    lua.set_memory_limit(limits.memory_bytes)?;
    Ok(lua)
}

/// What runs before a script, with the native parts as its arguments.
///
/// `pcall` hands on what it caught unless the limits are spent; `xpcall` calls its handler outside
/// the error, where the hook sees it. A finalizer would run where no hook does.
const PRELUDE: &str = r#"
local check, tick, load_text = ...
local native_pcall, native_setmetatable, native_sort, native_concat = pcall, setmetatable, table.sort, table.concat
local native_insert, native_remove, native_unpack = table.insert, table.remove, table.unpack
local rawget, error, type, pack, unpack_all = rawget, error, type, table.pack, table.unpack
function pcall(...) return check(native_pcall(...)) end
function xpcall(f, handler, ...)
  local r = pack(check(native_pcall(f, ...)))
  if r[1] then return unpack_all(r, 1, r.n) end
  return false, handler(r[2])
end
function setmetatable(t, m)
  if type(m) == "table" and rawget(m, "__gc") ~= nil then error("finalizers are not allowed", 2) end
  return native_setmetatable(t, m)
end
function table.sort(t, ...) tick(t) return native_sort(t, ...) end
function table.concat(t, ...) tick(t) return native_concat(t, ...) end
function table.insert(t, ...) tick(t) return native_insert(t, ...) end
function table.remove(t, ...) tick(t) return native_remove(t, ...) end
function table.unpack(t, ...) tick(t) return native_unpack(t, ...) end
unpack = table.unpack
function table.getn(t) return #t end
function table.maxn(t)
  local most = 0
  for k in pairs(t) do if type(k) == "number" and k > most then most = k end end
  return most
end
loadstring = load_text
load = load_text
print = function() end
collectgarbage = function() return 0 end
dofile, loadfile = nil, nil
local modules = { os = os, table = table, string = string, math = math }
function require(name)
  if modules[name] == nil then error("module " .. tostring(name) .. " not found", 2) end
  return modules[name]
end
"#;

fn libraries(lua: &Lua, budget: &Budget, now_s: i64) -> mlua::Result<()> {
    let globals = lua.globals();
    strings::install(lua, &globals.get::<mlua::Table>("string")?, budget)?;
    let os = lua.create_table()?;
    clock::install(lua, &os, now_s)?;
    globals.set("os", os)?;
    let counted = budget.clone();
    let check = lua.create_function(move |_, caught: MultiValue| {
        counted.check().map_err(mlua::Error::RuntimeError)?;
        Ok(caught)
    })?;
    let counted = budget.clone();
    let tick = lua.create_function(move |_, table: mlua::Value| {
        let items = table.as_table().map_or(0, |t| t.raw_len());
        counted.spend(items as u64 / 8).map_err(mlua::Error::RuntimeError)
    })?;
    let load_text = lua.create_function(|lua, text: mlua::Value| match text {
        mlua::Value::String(text) => {
            let text = text.to_string_lossy().to_string();
            match lua.load(text).set_name(CHUNK_NAME).set_mode(ChunkMode::Text).into_function() {
                Ok(function) => Ok((mlua::Value::Function(function), None)),
                Err(e) => Ok((mlua::Value::Nil, Some(message_of(&e)))),
            }
        }
        other => Ok((mlua::Value::Nil, Some(format!("cannot load a {}", other.type_name())))),
    })?;
    lua.load(PRELUDE).set_name("=prelude").call::<()>((check, tick, load_text))
}

fn spent() -> Error {
    Error::new(ErrorKind::Budget, "the script takes more than allowed")
}

fn internal(error: mlua::Error) -> Error {
    Error::new(ErrorKind::Evaluation, message_of(&error))
}

fn failure(budget: &Budget, error: &mlua::Error) -> Error {
    if budget.is_spent() {
        return spent();
    }
    if is_memory(error) {
        return Error::new(ErrorKind::Budget, "the script takes more memory than allowed");
    }
    Error::new(ErrorKind::Evaluation, message_of(error))
}

fn is_memory(error: &mlua::Error) -> bool {
    match error {
        mlua::Error::MemoryError(_) => true,
        mlua::Error::CallbackError { cause, .. } => is_memory(cause),
        _ => false,
    }
}

/// The message without the interpreter's stack.
fn message_of(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::CallbackError { cause, .. } => return message_of(cause),
        mlua::Error::RuntimeError(text) | mlua::Error::MemoryError(text) => text.clone(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let text = text.split("\nstack traceback:").next().unwrap_or_default();
    text.chars().take(1_000).collect()
}

#[cfg(test)]
mod tests;
