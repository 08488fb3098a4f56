use super::*;

fn map(lines: &str) -> Object {
    let mut map = Object::of("v1", "ConfigMap", "argocd", "argocd-ssh-known-hosts-cm");
    map.set(&["data", LINES], lines);
    map
}

/// Does something to the entries of these lines; gives the lines.
fn check(before: &str, change: impl FnOnce(&mut Vec<HostEntry>), expected: &str) {
    let mut map = map(before);
    let mut all = entries(Some(&map), None);
    change(&mut all);
    write(&mut map, SSH, &all);
    assert_eq!(map.str_at(&["data", LINES]), Some(expected));
}

#[test]
fn lines_that_are_no_entry_stay_when_entries_change() {
    let before =
        "# ours\n@revoked bad.example ssh-rsa QUJD\n\na.example ssh-rsa QUFB a comment\nb.example ssh-rsa QkJC\n";
    let take_b = |all: &mut Vec<HostEntry>| {
        let b = HostSelector { host: "b.*".into(), ..HostSelector::default() };
        assert_eq!(take(all, &b).len(), 1);
    };
    check(before, take_b, "# ours\n@revoked bad.example ssh-rsa QUJD\n\na.example ssh-rsa QUFB a comment\n");
    let new = HostEntry::ssh("c.example", "ssh-ed25519", "Q0ND").unwrap();
    check(
        "a.example ssh-rsa QUFB",
        |all| drop(add(all, &[new], false)),
        "a.example ssh-rsa QUFB\nc.example ssh-ed25519 Q0ND\n",
    );
}

#[test]
fn another_key_of_a_host_needs_upsert() {
    let other = [HostEntry::ssh("a.example", "ssh-rsa", "Q0ND").unwrap()];
    let mut all = entries(Some(&map("a.example ssh-rsa QUFB\n")), None);
    let why = add(&mut all, &other, false).unwrap_err();
    assert_eq!(why, "Key for 'a.example' (subtype: 'ssh-rsa') already exist and upsert was not specified.");
    assert_eq!(add(&mut all, &other, true).unwrap(), other);
    assert_eq!(add(&mut all, &other, false).unwrap(), []);
}

#[test]
fn what_an_api_is_sent_is_what_it_reads() {
    let pem = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n";
    for entry in [HostEntry::ssh("a.example", "ssh-rsa", "QUFB").unwrap(), HostEntry::https("b.example", pem).unwrap()]
    {
        assert_eq!(HostEntry::of_message(&entry.to_message()).as_ref(), Ok(&entry));
    }
    assert!(HostEntry::https("b.example", "no certificate").is_err());
    assert!(HostEntry::ssh("@revoked", "ssh-rsa", "QUFB").is_err());
    assert!(HostEntry::ssh("a.example", "ssh-rsa", "no base64").is_err());
}
