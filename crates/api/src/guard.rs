//! Who may ask for what: this machine's own users for everything, others for what their token says.
//!
//! A request counts as this machine's own only if its connection comes from here, nobody passed it
//! on, and it was addressed to this machine: a page elsewhere that has its name resolved to a
//! loopback address (DNS rebinding) is not. Requests that change something must not come from
//! another site's page either, unless they show the token themselves, which no other site has.

use crate::forward::{CALLER, FromManager};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::{uploads, view};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use candela_core::refusal::RefusalCode;
use candela_wire::api::{ScopeName, TokenInfo};
use candela_wire::token::{Scope, TokenError, TokenRow, TokenSecret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Cookie in which the page keeps a token; scripts can't read it.
pub(crate) const COOKIE: &str = "candela_token";

/// Headers that reverse proxies add.
const PASSED_ON: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// What is known of whoever asks; every handler finds it in the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// What they may do; nothing, if nobody knows them.
    pub(crate) scopes: BTreeSet<ScopeName>,
    /// Who they are, if their token says so.
    pub(crate) user: Option<String>,
    /// Their token, unless it is one that the manager was started with.
    pub(crate) token: Option<TokenInfo>,
    /// Whether they are on the manager's own machine.
    pub(crate) local: bool,
    /// Why a token that they showed is worth nothing.
    pub(crate) refused: Option<String>,
}

impl Caller {
    /// Who has this machine, or a token of its owner.
    fn owner(local: bool) -> Caller {
        let scopes = Scope::ALL.map(ScopeName::from).into();
        Caller { scopes, local, ..Caller::default() }
    }

    fn of_token(row: &TokenRow) -> Caller {
        let token = Some(view::token_info(row));
        let scopes = row.scopes.iter().map(|scope| ScopeName::from(*scope)).collect();
        Caller { scopes, user: row.user.clone(), token, ..Caller::default() }
    }

    /// Whether they may do what needs a scope. Who may do everything may do each thing.
    pub(crate) fn may(&self, scope: ScopeName) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&ScopeName::Operate)
    }

    /// Refuses unless they may do what needs a scope.
    pub(crate) fn need(&self, scope: ScopeName) -> Result<(), Refused> {
        if self.may(scope) {
            return Ok(());
        }
        if self.token.is_none() {
            return Err(self.unknown());
        }
        let word = Scope::from(scope).word();
        Err(Refused::new(
            RefusalCode::ScopeMissing,
            format!("your token doesn't have the scope `{word}`, which this needs"),
        )
        .with_hint(format!(
            "the manager's owner makes one that has: `candela token create --scope {word}`"
        )))
    }

    /// Refuses unless a job of that user is theirs, or they may do everything.
    pub(crate) fn need_job_of(&self, user: &str) -> Result<(), Refused> {
        if self.may(ScopeName::Operate) || self.user.as_deref() == Some(user) {
            return Ok(());
        }
        Err(Refused::new(RefusalCode::NotYours, "the job is another user's").with_hint(
            "your token lets you change your own jobs; `operate` is for those of others",
        ))
    }

    /// The name under which they submit: their own, or the one that they say if they may say any.
    pub(crate) fn submits_as(&self, said: Option<String>) -> Result<Option<String>, Refused> {
        let any = self.may(ScopeName::Operate);
        match (&self.user, said) {
            (Some(own), None) => Ok(Some(own.clone())),
            (None, None) if any => Ok(None),
            (_, Some(said)) if any => Ok(Some(said)),
            (Some(own), Some(said)) if *own == said => Ok(Some(said)),
            (Some(own), Some(_)) => Err(Refused::new(
                RefusalCode::NotYours,
                format!("your token is {own}'s, and the job is to be another user's"),
            )
            .with_hint("leave the user out")),
            (None, _) => Err(Refused::new(RefusalCode::NotYours, "your token is nobody's")
                .with_hint("the manager's owner makes one: `candela token create --user NAME`")),
        }
    }

    /// The refusal for whoever is not known.
    pub(crate) fn unknown(&self) -> Refused {
        match &self.refused {
            Some(why) => Refused::new(RefusalCode::TokenNotValid, why.clone())
                .with_hint("the manager's owner makes another with `candela token create`"),
            None => token_needed(),
        }
    }
}

/// Finds out who asks, and refuses what nobody may ask.
pub(crate) async fn identify(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip().to_canonical());
    let admitted = if request.extensions().get::<FromManager>().is_some() {
        // The manager that was asked has looked; the pipe proves that it is one.
        Ok(Caller::from_header(request.headers().get(CALLER)))
    } else {
        request.headers_mut().remove(CALLER);
        // The request itself is not for two threads at once.
        let (method, headers) = (request.method().clone(), request.headers().clone());
        admit(&state, peer, &method, &headers).await
    };
    let mut response = match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    };
    protect(response.headers_mut());
    response
}

/// Lets only callers on who may do what needs that scope.
pub(crate) async fn require(scope: ScopeName, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
    match caller.need(scope) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// The refusal for whoever is not known.
pub(crate) fn token_needed() -> Refused {
    Refused::new(RefusalCode::TokenNotValid, "this manager wants a token from elsewhere").with_hint(
        "send `Authorization: Bearer TOKEN`, or give --token; the manager's owner has it",
    )
}

async fn admit(
    state: &AppState,
    peer: Option<IpAddr>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Refused> {
    let near = peer.is_some_and(|peer| peer.is_loopback());
    if let Some(peer) = peer.filter(|_| !near)
        && !state.rates.take(peer, Instant::now())
    {
        return Err(Refused::new(RefusalCode::Busy, "too many requests from this address")
            .with_hint("wait a moment; the interface's events save asking"));
    }
    let shown = bearer(headers);
    if shown.is_none() && !method.is_safe() && is_cross_origin(headers) {
        return Err(Refused::new(
            RefusalCode::TokenNotValid,
            "the request comes from another site's page",
        )
        .with_status(StatusCode::FORBIDDEN)
        .with_hint("open the manager's own page, or send `Authorization: Bearer TOKEN`"));
    }
    let local = near && is_direct(headers) && host(headers).is_some_and(is_loopback_host);
    // A token that is shown says who asks, even on the manager's own machine; a browser may show an old one.
    let caller = match shown.or_else(|| cookie(headers).filter(|token| !token.is_empty())) {
        Some(token) => caller_of(state, token).await?,
        None => Caller::default(),
    };
    let known = !caller.scopes.is_empty();
    Ok(if local && !known && shown.is_none() { Caller::owner(true) } else { caller })
}

/// Whose a token is. One that is worth nothing makes an unknown caller, who may still see what everybody may.
pub(crate) async fn caller_of(state: &AppState, token: &str) -> Result<Caller, Refused> {
    if is_valid(&state.config.tokens, token) {
        return Ok(Caller::owner(false));
    }
    let refused = |why: String| Caller { refused: Some(why), ..Caller::default() };
    let secret: TokenSecret = match token.parse() {
        Ok(secret) => secret,
        // A manager may be started with any word as its token, so what another one looks like is not told.
        Err(TokenError::NotAToken) => {
            return Ok(refused("the token is not one of this manager's".to_owned()));
        }
        Err(error) => return Ok(refused(error.to_string())),
    };
    let Some(row) = state.desk.token(secret.id()).await? else {
        return Ok(refused("this manager doesn't know the token".to_owned()));
    };
    Ok(match row.check(uploads::now()) {
        Ok(()) => Caller::of_token(&row),
        Err(refusal) => refused(refusal.message),
    })
}

/// Whether a token is one of ours. Takes the same time whichever it is: hashes are compared, and all of them.
pub(crate) fn is_valid(tokens: &[String], given: &str) -> bool {
    let given = blake3::hash(given.as_bytes());
    let valid = |token: &String| !token.is_empty() && blake3::hash(token.as_bytes()) == given;
    tokens.iter().fold(false, |found, token| valid(token) | found)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, token)| (name == COOKIE).then_some(token))
}

fn is_direct(headers: &HeaderMap) -> bool {
    !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether a `Host` header (with or without a port) names this machine as only it can be named.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Browsers say where a request comes from; programs don't.
fn is_cross_origin(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, host(headers)) {
        (Some(("http" | "https", origin)), Some(host)) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}

/// What keeps a browser from doing more with a reply than it should.
fn protect(headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox");
    set(header::CACHE_CONTROL, "no-store");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_only_this_machine_has() {
        let check = |host: &str, want| assert_eq!(is_loopback_host(host), want, "{host:?}");
        check("localhost", true);
        check("LOCALHOST:8000", true);
        check("127.0.0.1:8000", true);
        check("127.3.2.1", true);
        check("[::1]:8000", true);
        check("[::1]", true);
        check("[::ffff:127.0.0.1]:80", true);
        check("evil.example:8000", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example:80", false);
        check("192.168.1.2:8000", false);
        check("0.0.0.0:8000", false);
        check("", false);
    }

    #[test]
    fn origins_of_other_sites() {
        let check = |pairs: &[(&'static str, &'static str)], want| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_cross_origin(&headers), want, "{pairs:?}");
        };
        check(&[("host", "127.0.0.1:80")], false);
        check(&[("host", "127.0.0.1:80"), ("origin", "http://127.0.0.1:80")], false);
        check(&[("host", "m.example"), ("origin", "https://m.example")], false);
        check(&[("host", "127.0.0.1:80"), ("origin", "http://localhost:80")], true);
        check(&[("host", "127.0.0.1:80"), ("origin", "http://127.0.0.1:81")], true);
        check(&[("host", "127.0.0.1:80"), ("origin", "https://evil.example")], true);
        check(&[("host", "127.0.0.1:80"), ("origin", "null")], true);
        check(&[("origin", "http://127.0.0.1:80")], true);
        check(&[("host", "a"), ("sec-fetch-site", "cross-site")], true);
        check(&[("host", "a"), ("sec-fetch-site", "same-site")], true);
        check(&[("host", "a"), ("sec-fetch-site", "same-origin")], false);
    }

    #[test]
    fn tokens() {
        let tokens = vec!["first".to_owned(), "second".to_owned(), String::new()];
        for (given, want) in [("first", true), ("second", true), ("third", false), ("", false)] {
            assert_eq!(is_valid(&tokens, given), want, "{given:?}");
        }
        assert!(!is_valid(&[], "anything"));
    }
}
