//! Tokens: what each lets its bearer do.

use super::{ELSEWHERE, Site, TOKEN};
use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn make(site: &Site, request: Value) -> (String, String) {
    let answer = site.post("/api/v1/tokens", &request).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    let json = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&json["token"]), text(&json["info"]["id"]))
}

async fn ask(site: &Site, token: &str, method: &str, path: &str, body: Value) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let json = [("content-type", "application/json")];
    let headers = [("peer", ELSEWHERE), ("authorization", &*bearer), json[0]];
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let answer = site.send(method, path, &headers, body).await;
    let code = if answer.status.is_success() { String::new() } else { answer.code() };
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn each_scope_opens_its_own_doors() {
    let site = Site::start().await;
    site.submit("of-somebody", "1").await;
    let (read, _) = make(&site, json!({ "name": "eyes", "scopes": ["read"] })).await;
    let (submit, _) =
        make(&site, json!({ "name": "add-on", "user": "bob", "scopes": ["submit"] })).await;
    let (operate, _) = make(&site, json!({ "name": "chief", "scopes": ["operate"] })).await;
    let missing = json!({ "hashes": [] });
    let table: [(&str, &str, Value, [u16; 3]); 9] = [
        ("GET", "/api/v1/jobs", Value::Null, [200, 200, 200]),
        ("GET", "/api/v1/network", Value::Null, [200, 200, 200]),
        ("GET", "/api/v1/account", Value::Null, [200, 200, 200]),
        ("POST", "/api/v1/blobs/missing", missing, [403, 200, 200]),
        ("POST", "/api/v1/jobs/1/priority", json!({ "priority": 3 }), [403, 403, 200]),
        ("POST", "/api/v1/jobs/1/cancel", Value::Null, [403, 403, 200]),
        ("GET", "/api/v1/tokens", Value::Null, [403, 403, 200]),
        ("GET", "/api/v1/tickets", Value::Null, [403, 403, 200]),
        ("GET", "/api/v1/jobs/99", Value::Null, [404, 404, 404]),
    ];
    for (method, path, body, want) in table {
        for (token, want) in [&read, &submit, &operate].into_iter().zip(want) {
            let got = ask(&site, token, method, path, body.clone()).await;
            assert_eq!(got.0, want, "{method} {path}: {got:?}");
        }
    }
    let refused = ask(&site, &read, "GET", "/api/v1/tokens", Value::Null).await;
    assert_eq!(refused.1, "scope_missing");
    let refused = ask(&site, &submit, "POST", "/api/v1/jobs/1/cancel", Value::Null).await;
    assert_eq!(refused.1, "not_yours");
    let actions = json!({ "action": "retry", "jobs": [1, 99] });
    let answer = ask(&site, &submit, "POST", "/api/v1/jobs/actions", actions).await;
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn tokens_end_and_are_taken_back() {
    let site = Site::start().await;
    let (gone, id) = make(&site, json!({ "name": "gone", "scopes": ["read"] })).await;
    let (short, _) =
        make(&site, json!({ "name": "short", "scopes": ["read"], "expires_s": 0 })).await;
    assert_eq!(ask(&site, &gone, "GET", "/api/v1/jobs", Value::Null).await.0, 200);
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(ask(&site, TOKEN, "DELETE", &path, Value::Null).await.0, 204);
    for token in [&gone, &short, &short[..short.len() - 1], "candela-token9x", "x"] {
        let got = ask(&site, token, "GET", "/api/v1/jobs", Value::Null).await;
        assert_eq!(got, (401, "token_not_valid".to_owned()), "{token}");
    }
    let list = site.get("/api/v1/tokens").await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains(&gone), "the secret is told once");
    let none = format!("/api/v1/tokens/{}", "0".repeat(64));
    assert_eq!(ask(&site, TOKEN, "DELETE", &none, Value::Null).await.0, 404);
    // On the manager's own machine a token that is shown says who asks; an old cookie says nothing.
    let bearer = format!("Bearer {gone}");
    let shown = [("authorization", &*bearer)];
    let answer = site.send("GET", "/api/v1/jobs", &shown, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let cookie = format!("candela_token={gone}");
    let answer = site.send("GET", "/api/v1/jobs", &[("cookie", &cookie)], Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_request_for_a_token() {
    let site = Site::start().await;
    for request in [
        json!({ "name": "", "scopes": ["read"] }),
        json!({ "name": "a", "scopes": [] }),
        json!({ "name": "a", "scopes": ["everything"] }),
        json!({ "name": "a", "scopes": ["submit"] }),
        json!({ "name": "a", "user": "\u{7}", "scopes": ["read"] }),
        json!({ "name": "a", "scopes": ["read"], "expires": 1 }),
    ] {
        let answer = site.post("/api/v1/tokens", &request).await;
        assert!(answer.status.is_client_error(), "{request}: {}", answer.status);
    }
}

#[tokio::test]
async fn jobs_are_their_users() {
    let site = Site::start().await;
    let (ada, _) =
        make(&site, json!({ "name": "add-on", "user": "ada", "scopes": ["submit"] })).await;
    let bearer = format!("Bearer {ada}");
    let headers =
        [("peer", ELSEWHERE), ("authorization", &*bearer), ("content-type", "application/json")];
    let request = async |user: Option<&str>| {
        let mut request = site.request("shot", "1").await;
        request.as_object_mut().unwrap().remove("user");
        if let Some(user) = user {
            request["user"] = user.into();
        }
        request.to_string()
    };
    let answer = site.send("POST", "/api/v1/jobs", &headers, request(None).await).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    assert_eq!(answer.json()["user"], "ada");
    let job = answer.json()["id"].clone();
    let answer = site.send("POST", "/api/v1/jobs", &headers, request(Some("bob")).await).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "not_yours".to_owned()));
    let cancel = format!("/api/v1/jobs/{job}/cancel");
    assert_eq!(ask(&site, &ada, "POST", &cancel, Value::Null).await.0, 200);
    let answer = site.send("GET", "/api/v1/account", &headers, Body::empty()).await.json();
    assert_eq!((&answer["user"], &answer["jobs_all"]), (&json!("ada"), &json!(1)));
    let mine = site.get("/api/v1/jobs?user=ada").await.json();
    assert_eq!((mine["total"].clone(), mine["items"][0]["id"].clone()), (json!(1), job));
    assert_eq!(site.get("/api/v1/jobs?user=eve").await.json()["total"], 0);
}
