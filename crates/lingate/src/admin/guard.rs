//! Who may do what on the admin listener, and the headers of all its answers.

use super::{Desk, error, hosts};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lingate_config::{Admin, AdminAuth};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Lets a request with the admin token on, or any if the operator switched sign-in off.
pub(super) async fn credential(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match refusal(&desk.gateway.snapshot().config.admin, request.headers()) {
        None => next.run(request).await,
        Some(message) => {
            let mut response = error(StatusCode::UNAUTHORIZED, message);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    }
}

fn refusal(admin: &Admin, headers: &HeaderMap) -> Option<&'static str> {
    if admin.auth == AdminAuth::Off {
        return None;
    }
    let Some(token) = &admin.token else {
        return Some(
            "no admin token is set: set `admin.token` in the configuration, or LINGATE_ADMIN_TOKEN, and restart",
        );
    };
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
    match given {
        // Hashes have one length, so nothing of the token's length can be measured.
        Some(given) if bool::from(sha256(given).ct_eq(&sha256(token.expose().as_bytes()))) => None,
        Some(_) => Some("the admin token is wrong"),
        None => Some("send the admin token as `Authorization: Bearer TOKEN`"),
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Refuses pages of other sites: by a name that resolves to this machine, or by a request across origins.
pub(super) async fn origin(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    if !hosts::is_served(host, &desk.gateway.snapshot().config.allowed_hosts) {
        return error(StatusCode::MISDIRECTED_REQUEST, "this host name is not served; add it to `allowed_hosts`");
    }
    let foreign = request.headers().get(header::ORIGIN).is_some_and(|origin| {
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        own.is_none() || own != host
    });
    if foreign {
        return error(StatusCode::FORBIDDEN, "this page may not call the admin listener");
    }
    next.run(request).await
}

/// Nothing of the admin listener is kept, guessed at or framed by a browser.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_config::Secret;

    #[test]
    fn tokens() {
        let admin = |token: Option<&str>, auth| Admin { token: token.map(Secret::new), auth, ..Admin::default() };
        let headers = |value: &str| HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        let password = AdminAuth::Password;
        assert_eq!(refusal(&admin(Some("s3cret"), password), &headers("Bearer s3cret")), None);
        assert_eq!(refusal(&admin(Some("s3cret"), password), &headers("bearer  s3cret ")), None);
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Basic s3cret", "s3cret", "Bearer"] {
            assert!(refusal(&admin(Some("s3cret"), password), &headers(wrong)).is_some(), "{wrong}");
        }
        assert!(refusal(&admin(None, password), &headers("Bearer ")).unwrap().contains("admin.token"));
        assert_eq!(refusal(&admin(None, AdminAuth::Off), &HeaderMap::new()), None);
    }
}
