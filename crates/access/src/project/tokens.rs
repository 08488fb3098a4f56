//! The tokens that a project remembers: in `spec.roles[].jwtTokens`, and by role in its status.
//! Making and checking the tokens themselves is done elsewhere.

use std::collections::BTreeMap;

use belay_object::{Map, Object, Value};

use super::{Project, Token};
use crate::{Error, ErrorKind, Result};

impl Project {
    /// The token of a role by its id, or for old ones by when it was issued. A token that is not
    /// found was revoked. Compat(argo 3.5): the words.
    pub fn token(&self, role: &str, issued_at: i64, id: &str) -> Result<&Token> {
        let status = self.status_tokens.iter().filter(|(name, _)| name == role).flat_map(|(_, tokens)| tokens);
        // The status alone counts there; here the spec does too, since the two are made equal by
        // a union, and the first request after a restore should not fail.
        let spec = self.roles.iter().filter(|r| r.name == role).flat_map(|r| &r.tokens);
        let all: Vec<&Token> = status.chain(spec).collect();
        let by_id = all.iter().find(|token| !id.is_empty() && token.id == id);
        let found = by_id.or_else(|| all.iter().find(|token| issued_at != -1 && token.issued_at == issued_at));
        found.copied().ok_or_else(|| {
            let text = format!(
                "JWT token for role '{role}' issued at '{issued_at}' does not exist in project '{}'",
                self.name
            );
            Error::new(ErrorKind::NotFound, text)
        })
    }
}

/// Makes the tokens of the spec and of the status equal: the union by id, newest first; a token
/// without id gets the time when it was issued, and those of roles that are gone are dropped.
/// Says whether anything changed.
pub fn normalize_tokens(project: &mut Object) -> bool {
    let before = project.clone();
    let status = project.at(&["status", "jwtTokensByRole"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut by_role = Map::new();
    let roles = project.value_mut().get_mut("spec").and_then(|s| s.get_mut("roles")).and_then(Value::as_array_mut);
    for role in roles.into_iter().flatten() {
        let name = role.str_at(&["name"]).unwrap_or_default().to_owned();
        let in_status = status.get(&name).and_then(|r| r.get("items")).map_or(&[][..], Value::items);
        let in_spec = role.get("jwtTokens").map_or(&[][..], Value::items);
        let mut union = BTreeMap::new();
        for token in in_status.iter().chain(in_spec) {
            let mut token = token.clone();
            let issued_at = token.get("iat").and_then(Value::as_i64).unwrap_or_default();
            let id = token.str_at(&["id"]).filter(|id| !id.is_empty()).map(str::to_owned);
            let id = id.unwrap_or_else(|| issued_at.to_string());
            token.set(&["id"], id.as_str());
            union.insert(id, (issued_at, token));
        }
        let mut tokens: Vec<_> = union.into_values().collect();
        tokens.sort_by_key(|(issued_at, _)| std::cmp::Reverse(*issued_at));
        let tokens = Value::Array(tokens.into_iter().map(|(_, token)| token).collect());
        if tokens.items().is_empty() {
            continue;
        }
        role.set(&["jwtTokens"], tokens.clone());
        by_role.insert(name, Map::from_iter([("items", tokens)]));
    }
    if by_role.is_empty() {
        project.remove(&["status", "jwtTokensByRole"]);
    } else {
        project.set(&["status", "jwtTokensByRole"], by_role);
    }
    *project != before
}
