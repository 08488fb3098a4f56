//! Signing in and out.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use belay_argo::settings::accounts::{LoginError, MAX_NAME_BYTES};
use belay_argo::settings::tokens::{Claims, issue};
use belay_object::{Value, object};
use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::identity::{Caller, fresh_id, issuer_of, random, set_cookie};
use crate::snapshot::Snapshot;
use crate::{Code, Error, failures};

/// Signs in with name and password.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    if !text(&message, "token").is_empty() {
        // Compat(argo 3.5)
        let words = "token-based session creation no longer supported. please upgrade argocd cli to v0.7+";
        return Err(unauthenticated(words));
    }
    let (name, password) = (text(&message, "username"), text(&message, "password"));
    if name.is_empty() || password.is_empty() {
        return Err(unauthenticated("no credentials supplied"));
    }
    let outcome = check(&call, name, password).await;
    let count = &call.api.login_counts[usize::from(outcome.is_err())];
    count.fetch_add(1, Ordering::Relaxed);
    outcome?;
    let settings = &call.at.config.settings;
    let key = settings.server_key.as_ref();
    let key = key.ok_or_else(|| Error::internal("argocd-secret has no server.secretkey: start the server anew"))?;
    let id = fresh_id().ok_or_else(|| Error::internal("the system gives no randomness"))?;
    let lives_s = settings.auth.session.to_std().as_secs();
    let lives_s = i64::try_from(lives_s).ok().filter(|s| *s > 0);
    let token = issue(&Claims::new(&format!("{name}:login"), &id, Timestamp::now(), lives_s), key);
    Ok(with_cookie(&call, &object! { "token" => token.expose().as_str() }, Some(token.expose())))
}

/// Checks a password. Every failure takes as long and says the same, whoever the name is (AUTHN-4).
pub(crate) async fn check(call: &Call, name: &str, password: &str) -> Result<(), Error> {
    let refused = || unauthenticated(&LoginError::Invalid.to_string());
    // Compat(argo 3.5): too many at once are refused with the same words.
    let Ok(room) = call.api.logins.try_acquire() else { return Err(refused()) };
    if name.len() > MAX_NAME_BYTES {
        return Err(Error::invalid(LoginError::NameTooLong.to_string()));
    }
    let now = Timestamp::now();
    if call.api.attempts.lock().exceeded(name, now) || failures::exceeded(call, name, now) {
        // Who is made to wait takes nobody's room.
        drop(room);
        pause().await;
        return Err(refused());
    }
    let accounts = call.at.config.settings.accounts.clone();
    let known = accounts.get(name).is_ok();
    let asked = (name.to_owned(), password.to_owned());
    // Fifty milliseconds of work: not on a thread that others wait for.
    let checked = tokio::task::spawn_blocking(move || accounts.check_password(&asked.0, &asked.1).map(|_| ())).await;
    drop(room);
    match checked.map_err(|_| Error::internal("the password could not be checked"))? {
        Ok(()) => {
            call.api.attempts.lock().succeeded(name);
            failures::succeeded(call, name).await;
            Ok(())
        }
        Err(why @ (LoginError::Disabled(_) | LoginError::NoLogin(_))) => Err(unauthenticated(&why.to_string())),
        Err(why) => {
            call.api.attempts.lock().failed(name, known, now);
            if known {
                failures::failed(call, name, now).await;
            }
            pause().await;
            Err(unauthenticated(&why.to_string()))
        }
    }
}

/// Half a second and up to half a second more. Compat(argo 3.5)
async fn pause() {
    let noise = random::<2>().map_or(250, |bytes| u64::from(u16::from_le_bytes(bytes)) % 500);
    tokio::time::sleep(Duration::from_millis(500 + noise)).await;
}

/// Signs out: the token is taken back. Who is not signed in, or no longer, is as good as signed out.
/// Compat(argo 3.5)
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    call.api.revoke(&call.caller, Timestamp::now()).await?;
    Ok(with_cookie(&call, &Value::object(), None))
}

/// Signs out from a browser: the token is taken back and the first page is next.
pub(crate) async fn logout(call: Call) -> Result<Answer, Error> {
    call.api.revoke(&call.caller, Timestamp::now()).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let home = format!("{}/", call.api.options.root_path);
    for (name, value) in [(LOCATION, home), (SET_COOKIE, cookie(&call, None))] {
        let value = HeaderValue::from_str(&value).map_err(|_| Error::internal("the root path is no header"))?;
        response.headers_mut().insert(name, value);
    }
    Ok(Answer::Other(response))
}

/// Who the caller is.
pub(crate) async fn user_info(call: Call) -> Result<Answer, Error> {
    Ok(describe(&call.at, &call.caller).into())
}

fn describe(_: &Snapshot, caller: &Caller) -> Value {
    if !caller.signed_in {
        // Compat(argo 3.5): a message without any field but this.
        return object! { "loggedIn" => caller.unrestricted };
    }
    let mut info = object! { "loggedIn" => true, "username" => caller.name(), "iss" => issuer_of(caller) };
    if !caller.subject.groups.is_empty() {
        info.set(&["groups"], caller.subject.groups.iter().map(String::as_str).collect::<Value>());
    }
    info
}

fn cookie(call: &Call, token: Option<&str>) -> String {
    set_cookie(token, &call.api.options.root_path, call.api.options.secure)
}

fn with_cookie(call: &Call, message: &Value, token: Option<&str>) -> Answer {
    let mut response = Response::new(Body::from(message.to_json()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&cookie(call, token)) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    Answer::Other(response)
}

fn unauthenticated(words: &str) -> Error {
    Error::new(Code::Unauthenticated, words)
}
