//! Passwords, keys and certificates: their forms; that Go reads them was tried with Go.

use super::*;

#[test]
fn derived_passwords_are_those_of_master_password() {
    check(r#"{{ derivePassword 1 "pin" "p" "u" "s" }}"#, "2461");
    check(r#"{{ derivePassword 1 "zzz" "p" "u" "s" }}"#, "cannot find password template zzz");
}

#[test]
fn hashes_of_passwords_have_bcrypt_s_form() {
    let hash = run(r#"{{ bcrypt "password" }}"#);
    assert!(hash.starts_with("$2a$10$") && hash.len() == 60, "{hash}");
    check(r#"{{ htpasswd "user" "pw" | trunc 12 }} {{ htpasswd "a:b" "c" }}"#, "user:$2a$10$ invalid username: a:b");
    check(
        r#"{{ bcrypt (repeat 73 "x") }}"#,
        "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes",
    );
}

#[test]
fn what_is_encrypted_is_decrypted_by_its_key_only() {
    check(
        r#"{{ decryptAES "k" (encryptAES "k" "plain text of more than a block") }}"#,
        "plain text of more than a block",
    );
    assert_ne!(run(r#"{{ decryptAES "other" (encryptAES "k" "plain") }}"#), "plain");
    check(r#"{{ encryptAES "k" "" }}|{{ decryptAES "k" "" }}|"#, "||");
    check(r#"{{ decryptAES "k" "AAAA" }}"#, "error: runtime error: slice bounds out of range [:16] with capacity 3");
}

#[test]
fn keys_have_go_s_forms() {
    check(r#"{{ genPrivateKey "ecdsa" | trunc 30 }}"#, "-----BEGIN EC PRIVATE KEY-----");
    check(r#"{{ genPrivateKey "ed25519" | trunc 27 }}"#, "-----BEGIN PRIVATE KEY-----");
    check(r#"{{ genPrivateKey "nope" }}"#, "Unknown type nope");
    check(r#"{{ genPrivateKey "dsa" }}"#, "error: keys of DSA are not made: use rsa, ecdsa or ed25519");
}

#[test]
fn certificates_are_signed_by_their_authority() {
    let made = r#"{{ $k := genPrivateKey "ecdsa" }}{{ $ca := genCAWithKey "ca" 1 $k }}"#;
    let with = |rest: &str, expected: &str| check(&format!("{made}{rest}"), expected);
    with(
        "{{ $ca.Cert | trunc 27 }} {{ eq $ca.Key $k }} {{ kindOf $ca }} {{ typeOf $ca }}",
        "-----BEGIN CERTIFICATE----- true struct sprig.certificate",
    );
    with(
        r#"{{ $c := genSignedCertWithKey "cn" (list "10.0.0.1" "::1") (list "a.b") 10 $ca (genPrivateKey "ed25519") }}{{ $c.Key | trunc 27 }}"#,
        "-----BEGIN PRIVATE KEY-----",
    );
    with("{{ $b := buildCustomCert (b64enc $ca.Cert) (b64enc $ca.Key) }}{{ eq $b.Cert $ca.Cert }}", "true");
    with(r#"{{ genSignedCert "x" (list "bad") nil 1 $ca }}"#, "error: error parsing ip: bad");
    with(
        r#"{{ genSignedCert "x" nil (list 3) 1 $ca }}"#,
        "error: error processing alternate dns name: 3 is not a string",
    );
    with(
        r#"{{ genSelfSignedCertWithKey "x" nil (list "é") 1 $k }}"#,
        r#"error: error creating certificate: x509: "é" cannot be encoded as an IA5String"#,
    );
    let mixed = r#"{{ $o := genCAWithKey "o" 1 (genPrivateKey "ecdsa") }}{{ $m := buildCustomCert (b64enc $ca.Cert) (b64enc $o.Key) }}{{ genSignedCertWithKey "x" nil nil 1 $m $k }}"#;
    with(mixed, "error: error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey");
    with(
        r#"{{ genSelfSignedCertWithKey "x" nil nil 1 "no pem" }}"#,
        "error: parsing private key: no PEM data in input",
    );
    with(r#"{{ buildCustomCert (b64enc "x") (b64enc "y") }}"#, "error: unable to decode certificate");
}

#[test]
fn rsa_is_what_certificates_have_unless_a_key_is_given() {
    check(r#"{{ (genSelfSignedCert "x" nil nil 1).Key | trunc 31 }}"#, "-----BEGIN RSA PRIVATE KEY-----");
}

#[test]
fn random_texts_have_their_length_and_alphabet() {
    check(
        r#"{{ regexMatch "^[0-9A-Za-z]{40}$" (randAlphaNum 40) }} {{ regexMatch "^[A-Za-z]{40}$" (randAlpha 40) }}"#,
        "true true",
    );
    check(
        r#"{{ regexMatch "^[0-9]{40}$" (randNumeric 40) }} {{ regexMatch "^[ -~]{40}$" (randAscii 40) }}"#,
        "true true",
    );
    check(r#"{{ randBytes 4 | b64dec | len }} {{ randInt 5 6 }} {{ shuffle "aaa" }} {{ randAlpha -1 }}|"#, "4 5 aaa |");
    check(r#"{{ regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4 }}"#, "true");
    check("{{ randInt 2 1 }}", "error: invalid argument to Intn");
}

#[test]
fn without_randomness_there_are_no_secrets() {
    for call in
        [r#"bcrypt "x""#, "uuidv4", "randAlpha 1", r#"genPrivateKey "rsa""#, r#"genCA "x" 1"#, r#"encryptAES "k" "x""#]
    {
        let functions = functions();
        let mut set = Set::named("t");
        set.add(&parse("t", format!("{{{{ {call} }}}}"), &functions).expect("it parses"));
        let mut context = Context::new(set, functions, Environment::default(), Limits::default());
        let error = context.execute("t", &Value::Nil).expect_err(call);
        assert_eq!(error.root().to_string(), "there is no randomness here", "{call}");
    }
}
