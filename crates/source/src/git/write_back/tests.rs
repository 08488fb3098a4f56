//! What remotes say, and what is said to them, as text.

use super::wire::{Command, Greeting, put, put_flush, report, request};
use crate::ErrorKind;
use gix::hash::{Kind as HashKind, ObjectId};

const ONE: &str = "1111111111111111111111111111111111111111";

fn lines(lines: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        put(&mut out, line.as_bytes());
    }
    put_flush(&mut out);
    out
}

fn greeting(said: &[&str]) -> Result<Greeting, crate::Error> {
    Greeting::read(&mut lines(said).as_slice(), &["refs/heads/main"], 3)
}

#[test]
fn a_greeting_is_read_as_far_as_it_is_of_interest() {
    let zero = "0000000000000000000000000000000000000000";
    let empty = greeting(&[&format!("{zero} capabilities^{{}}\0report-status atomic\n")]).unwrap();
    assert!(empty.refs.is_empty() && empty.has("atomic") && !empty.has("push-options"));
    let main = format!("{ONE} refs/heads/main\0report-status object-format=sha1\n");
    let other = format!("{ONE} .have\n");
    let full = greeting(&["version 1\n", &main, &other]).unwrap();
    assert_eq!((full.refs.len(), full.hash()), (1, HashKind::Sha1));
    let failed = |said: &[&str]| greeting(said).unwrap_err().kind();
    assert_eq!(failed(&["ERR Repository not found."]), ErrorKind::RepositoryNotFound);
    assert_eq!(failed(&["ERR access denied or repository not exported"]), ErrorKind::Unauthenticated);
    assert_eq!(failed(&["nonsense"]), ErrorKind::Unreachable);
    assert_eq!(failed(&[&main, &other, &other, &other]), ErrorKind::TooLarge);
    assert_eq!(Greeting::read(&mut &b"zzzz"[..], &[], 1).unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(Greeting::read(&mut &b"0009ab"[..], &[], 1).unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn a_request_asks_for_what_the_remote_can_do() {
    let id = ObjectId::from_hex(ONE.as_bytes()).unwrap();
    let command = |name: &str| Command { old: ObjectId::null(HashKind::Sha1), new: id, name: name.to_owned() };
    let can = |capabilities: &str| greeting(&[&format!("{ONE} refs/heads/x\0{capabilities}")]).unwrap();
    let check = |commands: &[Command], capabilities: &str, options: &[String], expected: &str| {
        let text = request(commands, &can(capabilities), options).map(|data| String::from_utf8(data).unwrap());
        let agent = concat!("agent=belay/", env!("CARGO_PKG_VERSION"));
        let text = text.map(|text| text.replace(agent, "AGENT").replace('\0', "|"));
        let text = text.unwrap_or_else(|error| error.to_string());
        assert!(text.contains(expected), "{text}");
    };
    let two = [command("refs/heads/a"), command("refs/notes/b")];
    check(&two[..1], "atomic side-band-64k", &[], "refs/heads/a|report-status side-band-64k AGENT0000");
    check(&two, "atomic", &[], "refs/heads/a|report-status atomic AGENT");
    check(&two, "atomic", &[], "1 refs/notes/b0000");
    check(&two, "", &[], "refs/heads/a|report-status AGENT");
    let options = ["ci.skip".to_owned()];
    check(&two[..1], "push-options", &options, "|report-status push-options AGENT0000000bci.skip0000");
    check(&two[..1], "", &options, "the remote takes no push options");
}

#[test]
fn a_report_tells_a_race_from_a_refusal() {
    let check = |said: &[&str], expected: Option<(ErrorKind, &str)>| {
        let outcome = report(&mut lines(said).as_slice(), false);
        // The same within bands, cut in two, with a word of a hook.
        let all = lines(said);
        let (one, two) = all.split_at(all.len() / 2);
        let mut bands = Vec::new();
        put(&mut bands, &[&[1], one].concat());
        put(&mut bands, b"\x02a hook speaks\n");
        put(&mut bands, &[&[1], two].concat());
        put_flush(&mut bands);
        let banded = report(&mut bands.as_slice(), true);
        match expected {
            None => assert!(outcome.is_ok() && banded.is_ok()),
            Some((kind, text)) => {
                let (outcome, banded) = (outcome.unwrap_err(), banded.unwrap_err());
                assert_eq!((outcome.kind(), outcome.to_string().as_str()), (kind, text));
                assert_eq!(banded.kind(), kind);
                let is_told = matches!(kind, ErrorKind::Rejected | ErrorKind::Moved);
                assert_eq!(banded.to_string().ends_with("(a hook speaks)"), is_told, "{banded}");
            }
        }
    };
    check(&["unpack ok\n", "ok refs/heads/a\n"], None);
    let moved = "refs/heads/a was not updated: non-fast-forward";
    check(&["unpack ok", "ng refs/heads/a non-fast-forward"], Some((ErrorKind::Moved, moved)));
    let locked = "refs/heads/b was not updated: failed to update ref";
    let both = ["unpack ok", "ng refs/heads/a atomic transaction failed", "ng refs/heads/b failed to update ref"];
    check(&both, Some((ErrorKind::Moved, locked)));
    let unlocked = "refs/heads/a was not updated: atomic transaction failed";
    let both = ["unpack ok", "ng refs/heads/a atomic transaction failed", "ng refs/heads/b atomic transaction failed"];
    check(&both, Some((ErrorKind::Moved, unlocked)));
    let declined = "refs/heads/b was refused: protected branch hook declined";
    let both = ["unpack ok", "ng refs/heads/a atomic push failure", "ng refs/heads/b protected branch hook declined"];
    check(&both, Some((ErrorKind::Rejected, declined)));
    let unpack = "the remote could not unpack what was sent: index-pack abnormal exit";
    check(&["unpack index-pack abnormal exit"], Some((ErrorKind::Rejected, unpack)));
    check(&[], Some((ErrorKind::Unreachable, "the remote did not report what became of it")));
    let ended = report(&mut lines(&["\x03the disk is full"]).as_slice(), true).unwrap_err();
    assert_eq!((ended.kind(), ended.to_string().as_str()), (ErrorKind::Rejected, "the disk is full"));
}
