//! Posting to a URL that a stranger named: to an address that was looked at, within a time, with
//! nothing of the answer read but its status.

use crate::SendError;
use crate::address::is_public;
use crate::limits::{ADDRESSES_TRIED_MAX, POST_MAX, URL_CHARS_MAX};
use crate::sign::{SIGNATURE_HEADER, signature};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// What is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// What happened, for the header `candela-event`.
    pub event: String,
    /// The message's number, the same at every attempt, for the header `candela-delivery`.
    pub delivery: String,
    /// The message in JSON.
    pub body: String,
    /// What it is signed with.
    pub secret: String,
}

/// A URL can't be a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongUrl {
    /// It is too long.
    #[error("a webhook's URL has at most {URL_CHARS_MAX} characters")]
    TooLong,
    /// It isn't one.
    #[error("a webhook is a URL that begins with https:// or http://")]
    NotAUrl,
    /// It names a user.
    #[error("a webhook's URL holds no user name and no password")]
    Credentials,
    /// It leads into this network.
    #[error("the address {0} is not a public one, and webhooks go to public ones only")]
    Private(IpAddr),
}

/// A URL that was checked.
#[derive(Debug)]
pub(crate) struct Target {
    url: Url,
    host: Host<String>,
    port: u16,
    private: bool,
}

impl Target {
    /// `private`: whether addresses that aren't public are allowed.
    pub(crate) fn parse(text: &str, private: bool) -> Result<Target, WrongUrl> {
        if text.chars().count() > URL_CHARS_MAX {
            return Err(WrongUrl::TooLong);
        }
        // The parser would drop line breaks; whoever writes them meant something else.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(WrongUrl::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| WrongUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WrongUrl::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WrongUrl::Credentials);
        }
        let host = url.host().ok_or(WrongUrl::NotAUrl)?.to_owned();
        let port = url.port_or_known_default().ok_or(WrongUrl::NotAUrl)?;
        let literal = literal(&host);
        if let Some(address) = literal.filter(|address| !private && !is_public(*address)) {
            return Err(WrongUrl::Private(address));
        }
        Ok(Target { url, host, port, private })
    }

    /// Where its host is, as far as webhooks go there.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, SendError> {
        let host = || self.host.to_string();
        let found: Vec<SocketAddr> = match (&self.host, literal(&self.host)) {
            (_, Some(address)) => vec![(address, self.port).into()],
            (Host::Domain(name), None) => {
                let found = lookup_host((name.as_str(), self.port)).await;
                found.map_err(unreachable("finding the host"))?.collect()
            }
            (_, None) => Vec::new(),
        };
        let first = found.first().map(SocketAddr::ip);
        let first = first.ok_or_else(|| SendError::Unknown { host: host() })?;
        let allowed = |to: &SocketAddr| self.private || is_public(to.ip());
        let allowed: Vec<_> = found.into_iter().filter(allowed).take(ADDRESSES_TRIED_MAX).collect();
        if allowed.is_empty() {
            return Err(SendError::Private { host: host(), address: first });
        }
        Ok(allowed)
    }

    fn request(&self, post: &Post) -> Result<Request<Full<Bytes>>, SendError> {
        let path = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Request::post(path)
            .header(HOST, format!("{}{port}", self.host))
            .header(USER_AGENT, concat!("candela/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("candela-event", &post.event)
            .header("candela-delivery", &post.delivery)
            .header(
                SIGNATURE_HEADER,
                signature(&post.secret, since.as_secs(), post.body.as_bytes()),
            )
            .body(Full::new(Bytes::from(post.body.clone())))
            .map_err(unreachable("making the request"))
    }
}

fn literal(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
        Host::Domain(_) => None,
    }
}

fn unreachable<E: std::error::Error + Send + Sync + 'static>(
    step: &'static str,
) -> impl FnOnce(E) -> SendError {
    move |source| SendError::Unreachable { step, source: Box::new(source) }
}

/// Trusts the authorities that the machine trusts; where it names none, those that browsers do.
pub(crate) fn tls() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions();
    let Ok(config) = config else { unreachable!("the provider has the default versions") };
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Posts, and waits for the status of the answer.
pub(crate) async fn send(
    target: &Target,
    tls: &TlsConnector,
    post: &Post,
) -> Result<(), SendError> {
    let status = tokio::time::timeout(POST_MAX, deliver(target, tls, post)).await;
    let status = status.map_err(|_| SendError::TimedOut(POST_MAX))??;
    if status.is_success() { Ok(()) } else { Err(SendError::Answered { status: status.as_u16() }) }
}

async fn deliver(
    target: &Target,
    tls: &TlsConnector,
    post: &Post,
) -> Result<StatusCode, SendError> {
    // Connected to what was looked at: a name that leads elsewhere a moment later changes nothing.
    let stream = connect(&target.addresses().await?).await?;
    if target.url.scheme() == "http" {
        return exchange(stream, target, post).await;
    }
    let name = match literal(&target.host) {
        Some(address) => ServerName::from(address),
        None => {
            ServerName::try_from(target.host.to_string()).map_err(unreachable("naming the host"))?
        }
    };
    let stream = tls.connect(name, stream).await.map_err(unreachable("agreeing on TLS"))?;
    exchange(stream, target, post).await
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
    let mut failed = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(error),
        }
    }
    let error = failed.unwrap_or_else(|| std::io::Error::other("no address"));
    Err(unreachable("connecting")(error))
}

/// One request; the connection ends with it, whatever more the receiver says.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &Target,
    post: &Post,
) -> Result<StatusCode, SendError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(unreachable("beginning to talk"))?;
    // Ends with this, also if that is given up.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let answer = sender.send_request(target.request(post)?).await;
    Ok(answer.map_err(unreachable("asking"))?.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_what_is_wrong_with_them() {
        let check = |url: &str, private, want: Option<WrongUrl>| {
            assert_eq!(Target::parse(url, private).err(), want, "{url}");
        };
        check("https://hooks.example/ada?key=7#x", false, None);
        check("http://hooks.example:8080/", false, None);
        check("http://127.0.0.1:8080/", true, None);
        let long = format!("https://hooks.example/{}", "x".repeat(2_000));
        check(&long, false, Some(WrongUrl::TooLong));
        for wrong in [
            "",
            "hooks.example",
            "ftp://hooks.example/",
            "file:///etc/passwd",
            "https://",
            "javascript:alert(1)",
            "https://a b/",
            "https://a.example/\r\nx: y",
        ] {
            check(wrong, true, Some(WrongUrl::NotAUrl));
        }
        check("https://ada:secret@hooks.example/", false, Some(WrongUrl::Credentials));
        check("https://ada@hooks.example/", false, Some(WrongUrl::Credentials));
        // However the address is written.
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            ("http://[::1]:4470/", "::1"),
            ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
            ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ] {
            check(url, false, Some(WrongUrl::Private(address.parse().unwrap())));
        }
    }

    /// A name that leads to this machine is looked at after it was resolved.
    #[tokio::test]
    async fn a_name_of_a_private_address_is_found_out() {
        let target = Target::parse("http://localhost:9/", false).unwrap();
        let refused = target.addresses().await;
        assert!(matches!(refused, Err(SendError::Private { .. })), "{refused:?}");
        let target = Target::parse("http://localhost:9/", true).unwrap();
        assert!(!target.addresses().await.unwrap().is_empty());
    }
}
