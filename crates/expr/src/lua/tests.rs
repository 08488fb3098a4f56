//! Script, object and expected result, as text.

use belay_object::from_json_str;

use super::*;

/// 2026-11-21T11:28:10Z
const NOW_S: i64 = 1_795_260_490;

fn call(script: &str, json: &str) -> Result<Value, Error> {
    let object = from_json_str(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    LuaScript::compile(script)?.call(&[("obj", &object)], NOW_S, &LuaLimits::default())
}

fn answer(script: &str, json: &str) -> String {
    call(script, json).map_or_else(|e| format!("{:?}: {e}", e.kind), |v| v.to_json())
}

fn check(script: &str, json: &str, expected: &str) {
    assert_eq!(answer(script, json), expected, "{script} of {json}");
}

fn check_of(expression: &str, expected: &str) {
    check(&format!("return {expression}"), "{}", expected);
}

#[test]
fn documents_go_in_and_results_come_out() {
    check(
        "obj.spec.replicas = obj.spec.replicas + 1 return obj",
        r#"{"spec":{"replicas":2}}"#,
        r#"{"spec":{"replicas":3}}"#,
    );
    check(
        "return {status = 'Healthy', message = obj.a[1] .. #obj.a}",
        r#"{"a":["x","y"]}"#,
        r#"{"message":"x2","status":"Healthy"}"#,
    );
    check("return obj", r#"{"a":{},"b":[],"c":null,"d":[1,null,2],"e":1.5}"#, r#"{"a":[],"b":[],"d":[1,2],"e":1.5}"#);
    check("return obj.a == nil", r#"{"a":null}"#, "true");
    check("local a = 1", "{}", "null");
    check("return 1, 'two'", "{}", r#""two""#);
    check("return {1, 2, nil}", "{}", "[1,2]");
    check("return {1, nil, 3}", "{}", "Result: cannot encode sparse array");
    check("return {1, a = 2}", "{}", "Result: cannot encode mixed or invalid key types");
    check("local t = {} t.t = t return t", "{}", "Result: cannot encode recursively nested tables to JSON");
    check("return {f = print}", "{}", "Result: cannot encode function to JSON");
    check("return tostring(3) .. tostring(3.5) .. 10 / 2", "{}", r#""33.55""#);
}

#[test]
fn what_scripts_of_lua_5_1_call_is_there() {
    check_of("table.getn({1, 2})", "2");
    check_of("unpack({1, 2})", "2");
    check_of("select('#', unpack({1, 2}))", "2");
    check_of("loadstring('return 7')()", "7");
    check("for i = 1, 3 do if i == 2 then goto next end ::next:: end return 1", "{}", "1");
    check(
        "local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')",
        "{}",
        r#""3,2,1""#,
    );
    check("local t = {} table.insert(t, 'a') table.insert(t, 1, 'b') table.remove(t) return t", "{}", r#"["b"]"#);
    check("local ok, e = pcall(error, {code = 5}) return e.code", "{}", "5");
    check("return xpcall(function() error('x', 0) end, function(e) return e .. '!' end)", "{}", r#""x!""#);
    check("local os = require('os') return os.time()", "{}", "1795260490");
}

#[test]
fn patterns_match_as_lua_has_them() {
    for (expression, expected) in [
        (r#"("hello world"):find("o w")"#, "7"),
        (r#"select(2, ("key = value"):match("^(%w+)%s*=%s*(%w+)$"))"#, r#""value""#),
        (r#"("a.b"):find(".", 1, true)"#, "2"),
        (r#"("abc"):find("b", -1) == nil"#, "true"),
        (r#"("x=1, y=2"):gsub("(%w)=(%w)", "%2=%1")"#, "2"),
        (r#"(("x=1, y=2"):gsub("(%w)=(%w)", "%2=%1"))"#, r#""1=x, 2=y""#),
        (r#"(("abc"):gsub("", "-"))"#, r#""-a-b-c-""#),
        (r#"(("hello"):gsub("l", {l = "L"}))"#, r#""heLLo""#),
        (r#"(("hello"):gsub("l", function(c) return nil end))"#, r#""hello""#),
        (r#"(("hello"):gsub("l+", string.upper, 1))"#, r#""heLLo""#),
        (r#"("THE (quick) fox"):find("%((%a+)%)")"#, r#""quick""#),
        (r#"("f(a(b)c)d"):match("%b()")"#, r#""(a(b)c)""#),
        (r#"("THE (quick) fox"):match("%f[%a]%a+", 5)"#, r#""quick""#),
        (r#"("aXXa"):match("(a)X-%1")"#, r#""a""#),
        (r#"("2026-11-21"):match("(%d+)-(%d+)")"#, r#""11""#),
        (r#"("abc"):match("()b")"#, "2"),
        (r#"("[x]"):match("[]]")"#, r#""]""#),
        (r#"("a-z"):match("[a%-]+")"#, r#""a-""#),
        (r#"("v1.2.3"):match("^v?(%d+)%.")"#, r#""1""#),
        (r#"("ab"):rep(3, ",")"#, r#""ab,ab,ab""#),
        (r#"("%d"):format(3)"#, r#""3""#),
        (r#"string.format("%s is %5.2f %q", "x", 1.5, "y")"#, r#""x is  1.50 \"y\"""#),
        (r#"("x"):match("(")"#, "Evaluation: unfinished capture"),
        (r#"("x"):match("%")"#, "Evaluation: malformed pattern (ends with '%')"),
    ] {
        let answer = answer(&format!("return {expression}"), "{}");
        assert_eq!(answer, expected, "{expression}");
    }
    check(
        "local t = {} for k, v in ('a=1,b=2'):gmatch('(%w)=(%w)') do t[#t + 1] = k .. v end return t",
        "{}",
        r#"["a1","b2"]"#,
    );
    check("local n = 0 for w in ('a b  c'):gmatch('%a*') do n = n + 1 end return n", "{}", "7");
}

#[test]
fn the_present_is_given() {
    check_of(r#"os.date("!%Y-%m-%dT%XZ")"#, r#""2026-11-21T11:28:10Z""#);
    check_of(r#"os.date("!%Y-%m-%dT%TZ", 0)"#, r#""1970-01-01T%TZ""#);
    check_of(r#"os.date("*t").hour"#, "11");
    check_of(r#"os.time({year = 2026, month = 11, day = 21, hour = 11, min = 28, sec = 10})"#, "1795260490");
    check_of(r#"os.time({year = 2025, month = 13, day = 1, hour = 0})"#, "1767225600");
    check_of(r#"os.date("%a %b %d %I %p")"#, r#""Sat Nov 21 11 AM""#);
}

#[test]
fn errors_tell_the_line() {
    check("return obj.a.b", "{}", "Evaluation: <string>:1: attempt to index field 'a' (a nil value)");
    check("\nerror('no')", "{}", "Evaluation: <string>:2: no");
    check("return (", "{}", "Syntax: <string>:1: unexpected symbol near <eof>");
}

/// SEC: what Argo CD's scripts cannot reach, and what Lua 5.2 would add to it.
#[test]
fn a_script_reaches_nothing_outside() {
    for name in [
        "io",
        "debug",
        "package",
        "coroutine",
        "dofile",
        "loadfile",
        "os.getenv",
        "os.execute",
        "os.exit",
        "string.dump",
    ] {
        check_of(&format!("{name} == nil"), "true");
    }
    check("local io = require('io')", "{}", "Evaluation: <string>:1: module io not found");
    check("return load('\\27Lua')", "{}", r#""attempt to load a binary chunk (mode is 't')""#);
    check(
        "local t = setmetatable({}, {__gc = function() while true do end end})",
        "{}",
        "Evaluation: <string>:1: finalizers are not allowed",
    );
    check("x = 1 return x", "{}", "1");
    check("return x", "{}", "null");
}

/// INV-RES: a script that would run or grow for ever ends with an error, and cannot catch it.
#[test]
fn a_script_without_end_ends() {
    for script in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() pcall(f) while true do end end f()",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local s = ('a?'):rep(30) .. ('a'):rep(30) return ('a'):rep(30):find(s)",
        "return ('a'):rep(20000):find(('.-'):rep(20) .. 'b')",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "return ('x'):rep(1e12)",
        "local t = {} for i = 1, 1e6 do t[i] = i end while true do table.sort(t) end",
        "local function f() return ('x'):gsub('x', f) end return f()",
        "local function f() return f() end return f()",
        "local function f() return 1 + f() end return f()",
        "return (('x'):rep(100000):gsub('x', ('y'):rep(100000)))",
        "local s = ('x'):rep(1e6) for i in s:gmatch('.-y') do end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]",
        "while true do loadstring('return 1')() end",
        "local t = {} for i = 1, 1e6 do t[i] = i end for i = 1, 1e6 do t[i] = nil end while true do next(t) end",
    ] {
        let limits = LuaLimits { memory_bytes: 32 << 20, ..LuaLimits::default() };
        let object = Value::object();
        let result = LuaScript::compile(script).and_then(|s| s.call(&[("obj", &object)], NOW_S, &limits));
        let error = result.map(|v| v.to_json()).expect_err(script);
        assert!(matches!(error.kind, ErrorKind::Budget | ErrorKind::Evaluation), "{script}: {error}");
    }
}

#[test]
fn text_that_nests_without_end_is_no_crash() {
    for script in
        [format!("return {}", "(".repeat(100_000)), format!("return {}", "{".repeat(100_000)), "do ".repeat(80_000)]
    {
        assert!(LuaScript::compile(&script).is_err());
    }
    check("local t = {} for i = 1, 1000 do t = {t} end return t", "{}", "Result: the result nests too deep");
}
