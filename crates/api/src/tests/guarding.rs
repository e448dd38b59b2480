//! Who gets in, from where.

use super::{ELSEWHERE, Site, TOKEN};
use axum::body::Body;
use axum::http::StatusCode;

#[tokio::test]
async fn who_may_list_jobs() {
    let site = Site::start().await;
    let check = async |headers: &[(&str, &str)], want: StatusCode| {
        let answer = site.send("GET", "/api/v1/jobs", headers, Body::empty()).await;
        assert_eq!(answer.status, want, "{headers:?}");
        if want != StatusCode::OK {
            assert_eq!(answer.code(), "token_not_valid");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    };
    let bearer = format!("Bearer {TOKEN}");
    let cookie = format!("other=1; candela_token={TOKEN}");
    let denied = StatusCode::UNAUTHORIZED;
    check(&[], StatusCode::OK).await;
    check(&[("peer", "[::1]:9")], StatusCode::OK).await;
    check(&[("peer", "[::ffff:127.0.0.1]:9")], StatusCode::OK).await;
    check(&[("peer", ELSEWHERE)], denied).await;
    check(&[("peer", ELSEWHERE), ("authorization", &bearer)], StatusCode::OK).await;
    check(&[("peer", ELSEWHERE), ("authorization", "Bearer wrong")], denied).await;
    check(&[("peer", ELSEWHERE), ("authorization", "Bearer ")], denied).await;
    check(&[("peer", ELSEWHERE), ("authorization", "Basic YTpi")], denied).await;
    check(&[("peer", ELSEWHERE), ("cookie", &cookie)], StatusCode::OK).await;
    check(&[("peer", ELSEWHERE), ("cookie", "candela_token=wrong")], denied).await;
    // Another name for a loopback address, and a proxy on this machine, are not this machine's users.
    check(&[("host", "evil.example:7411")], denied).await;
    check(&[("host", "evil.example"), ("authorization", &bearer)], StatusCode::OK).await;
    check(&[("x-forwarded-for", "192.0.2.9")], denied).await;
    check(&[("forwarded", "for=192.0.2.9"), ("cookie", &cookie)], StatusCode::OK).await;
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let site = Site::start().await;
    site.submit("shot", "1").await;
    let bearer = format!("Bearer {TOKEN}");
    let check = async |headers: &[(&str, &str)], want: StatusCode| {
        let answer = site.send("POST", "/api/v1/jobs/1/cancel", headers, Body::empty()).await;
        assert_eq!(answer.status, want, "{headers:?}");
    };
    check(&[("origin", "https://evil.example")], StatusCode::FORBIDDEN).await;
    check(&[("origin", "null")], StatusCode::FORBIDDEN).await;
    check(&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN).await;
    let cookie = format!("candela_token={TOKEN}");
    let by_cookie = [("peer", ELSEWHERE), ("cookie", &*cookie), ("origin", "http://evil.example")];
    check(&by_cookie, StatusCode::FORBIDDEN).await;
    let by_token = [("origin", "https://evil.example"), ("authorization", &*bearer)];
    check(&by_token, StatusCode::OK).await;
    check(&[("origin", "http://127.0.0.1:7411")], StatusCode::OK).await;
}

#[tokio::test]
async fn a_token_becomes_a_cookie() {
    let site = Site::start().await;
    let headers = [("peer", ELSEWHERE), ("content-type", "application/json")];
    let open = async |token: &str| {
        let body = serde_json::json!({ "token": token }).to_string();
        site.send("POST", "/api/v1/session", &headers, body).await
    };
    assert_eq!(open("wrong").await.status, StatusCode::UNAUTHORIZED);
    let answer = open(TOKEN).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let headers = [("peer", ELSEWHERE), ("cookie", cookie)];
    let answer = site.send("GET", "/api/v1/nodes", &headers, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = site.send("DELETE", "/api/v1/session", &headers, Body::empty()).await;
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn what_is_open_to_everybody() {
    let site = Site::start().await;
    let check = async |path: &str, want: StatusCode| {
        let answer = site.send("GET", path, &[("peer", ELSEWHERE)], Body::empty()).await;
        assert_eq!(answer.status, want, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
    };
    check("/", StatusCode::OK).await;
    check("/assets/app.js", StatusCode::OK).await;
    check("/healthz", StatusCode::OK).await;
    check("/api/v1/openapi.json", StatusCode::OK).await;
    check("/api/v1/events", StatusCode::UNAUTHORIZED).await;
    check("/api/v1/jobs/1/events", StatusCode::UNAUTHORIZED).await;
    check("/api/v1/jobs/1", StatusCode::UNAUTHORIZED).await;
    check("/api/v1/jobs/1/frames/1/output", StatusCode::UNAUTHORIZED).await;
    check(&format!("/api/v1/blobs/{}", "0".repeat(64)), StatusCode::UNAUTHORIZED).await;
}
