//! The client itself: one method per call of the interface.

use crate::error::ClientError;
use crate::events::EventStream;
use crate::limits::{CALL_MAX, CONNECT_MAX, REPLY_BYTES_MAX, SILENCE_MAX, UPLOAD_SILENCE_MAX};
use crate::pieces::{CUT_BYTES_MIN, Sent, Told};
use crate::transfer::{self, Downloaded, FileBody};
use bytes::Bytes;
use candela_wire::api::limits::{MISSING_HASHES_MAX, PAGE_MAX};
use candela_wire::api::{
    AccountInfo, BlobInfo, FrameDetail, FrameSummary, FramesPage, FramesQuery, HealthInfo,
    JobDetail, JobRequest, JobSummary, JobsPage, JobsQuery, ManagersInfo, MissingReply,
    MissingRequest, NodeInfo, PREFIX, PriorityRequest, RefusalInfo, TicketInfo, TicketReply,
    TicketRequest, TokenInfo, TokenReply, TokenRequest, UploadInfo,
};
use futures_lite::StreamExt;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// A user's connection to a manager. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Without the limit on silence, which would count while a long body is still being sent.
    uploads: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Client {
    /// A client of the manager at `base_url`, e.g. `http://127.0.0.1:7411`.
    ///
    /// `token` is needed unless the manager is on this machine. Nothing is sent yet.
    ///
    /// # Errors
    /// The address is not one.
    pub fn new(base_url: &str, token: Option<String>) -> Result<Client, ClientError> {
        let wrong = |what: &str| ClientError::Address {
            text: base_url.chars().take(200).collect(),
            what: what.to_owned(),
        };
        let mut base =
            Url::parse(base_url).map_err(|_| wrong("expected a URL like http://127.0.0.1:7411"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("expected a URL that begins with http:// or https://"));
        }
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(CONNECT_MAX)
                .redirect(reqwest::redirect::Policy::none());
            if is_loopback(&base) { builder.no_proxy() } else { builder }
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|source| wrong(&source.to_string()))
        };
        let http = built(builder().read_timeout(SILENCE_MAX))?;
        let uploads = built(builder())?;
        Ok(Client { http, uploads, base, token })
    }

    /// The manager's address.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.base.as_str()
    }

    /// An absolute URL for a path that the manager named, e.g. that of an output.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        self.base.join(path).map_or_else(|_| path.to_owned(), String::from)
    }

    /// Whether the manager is there.
    ///
    /// # Errors
    /// It isn't.
    pub async fn health(&self) -> Result<HealthInfo, ClientError> {
        self.get("/healthz", &[]).await
    }

    /// Those of the blobs that are not stored with the manager, in the given order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn blobs_missing(&self, hashes: &[String]) -> Result<Vec<String>, ClientError> {
        let mut missing = Vec::new();
        for part in hashes.chunks(MISSING_HASHES_MAX) {
            let question = MissingRequest { hashes: part.to_vec() };
            let reply: MissingReply = self.post("/blobs/missing", Some(&question)).await?;
            missing.extend(reply.missing);
        }
        Ok(missing)
    }

    /// Uploads a file whose BLAKE3 hash is `hash`, straight from the disk.
    ///
    /// Of a large file only those parts are sent that no earlier file of the same user had, and it goes
    /// on where it broke off. `progress` is called with the number of bytes of each piece that was
    /// handed to the network, or needn't be.
    ///
    /// # Errors
    /// See [`ClientError`]; `hash_mismatch` if the file changed meanwhile.
    pub async fn upload_file(
        &self,
        path: &Path,
        hash: &str,
        progress: impl FnMut(u64) + Send + 'static,
    ) -> Result<Sent, ClientError> {
        let reading = |source| ClientError::File { step: "reading", path: path.to_owned(), source };
        let bytes = tokio::fs::metadata(path).await.map_err(reading)?.len();
        let told: Told = Arc::new(Mutex::new(progress));
        if bytes >= CUT_BYTES_MIN {
            return self.upload_pieces(path, hash, told).await;
        }
        let body = transfer::file_range(path, 0, bytes, told).await?;
        let info = self.put_blob(hash, body.body, bytes, &body.sent).await?;
        Ok(Sent { hash: info.hash, bytes, sent_bytes: bytes })
    }

    /// Sends bytes of an upload from an offset on.
    pub(crate) async fn put_range(
        &self,
        path: &str,
        offset: u64,
        bytes: u64,
        body: FileBody,
    ) -> Result<UploadInfo, ClientError> {
        let pairs = [("offset", offset.to_string())];
        let request = self
            .request_of(&self.uploads, Method::PUT, path, &pairs)
            .header(reqwest::header::CONTENT_LENGTH, bytes)
            .body(body.body);
        self.unless_stalled(request, &body.sent).await
    }

    /// The answer to an upload, unless nothing of it goes on.
    async fn unless_stalled<R: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        sent: &AtomicU64,
    ) -> Result<R, ClientError> {
        let stored = async { self.json(self.send(request).await?).await };
        let stalled = transfer::standstill(sent, UPLOAD_SILENCE_MAX);
        futures_lite::future::or(stored, async {
            stalled.await;
            let silent_s = UPLOAD_SILENCE_MAX.as_secs();
            Err(ClientError::Stalled { url: self.base.to_string(), silent_s })
        })
        .await
    }

    /// Uploads bytes that are in memory; their hash is computed here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn upload_bytes(&self, bytes: Bytes) -> Result<BlobInfo, ClientError> {
        let hash = blake3::hash(&bytes).to_hex();
        let length = bytes.len() as u64;
        self.put_blob(&hash, bytes.into(), length, &AtomicU64::new(0)).await
    }

    async fn put_blob(
        &self,
        hash: &str,
        body: reqwest::Body,
        bytes: u64,
        sent: &AtomicU64,
    ) -> Result<BlobInfo, ClientError> {
        let request = self
            .request_of(&self.uploads, Method::PUT, &format!("/blobs/{hash}"), &[])
            .header(reqwest::header::CONTENT_LENGTH, bytes)
            .body(body);
        self.unless_stalled(request, sent).await
    }

    /// Submits a job whose blobs are uploaded. Safe to send again with the same submission id.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn submit(&self, request: &JobRequest) -> Result<JobSummary, ClientError> {
        self.post("/jobs", Some(request)).await
    }

    /// A page of jobs, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn jobs(&self, query: &JobsQuery) -> Result<JobsPage, ClientError> {
        let mut pairs = Vec::new();
        push(&mut pairs, "before", query.before);
        push(&mut pairs, "limit", query.limit);
        push(&mut pairs, "status", query.status.map(|status| status.word()));
        push(&mut pairs, "search", query.search.as_deref());
        self.get("/jobs", &pairs).await
    }

    /// A job.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn job(&self, job: u64) -> Result<JobDetail, ClientError> {
        self.get(&format!("/jobs/{job}"), &[]).await
    }

    /// A page of a job's frames, in ascending order.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn frames(&self, job: u64, query: &FramesQuery) -> Result<FramesPage, ClientError> {
        let mut pairs = Vec::new();
        push(&mut pairs, "after", query.after);
        push(&mut pairs, "limit", query.limit);
        push(&mut pairs, "status", query.status.map(|status| status.word()));
        self.get(&format!("/jobs/{job}/frames"), &pairs).await
    }

    /// All frames of a job, page by page.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn all_frames(&self, job: u64) -> Result<Vec<FrameSummary>, ClientError> {
        let mut frames = Vec::new();
        let mut query = FramesQuery { limit: Some(PAGE_MAX), ..FramesQuery::default() };
        loop {
            let page = self.frames(job, &query).await?;
            frames.extend(page.items);
            match page.next {
                Some(next) if Some(next) > query.after => query.after = Some(next),
                _ => return Ok(frames),
            }
        }
    }

    /// A frame with all its receipts.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn frame(&self, job: u64, number: i32) -> Result<FrameDetail, ClientError> {
        self.get(&format!("/jobs/{job}/frames/{number}"), &[]).await
    }

    /// Ends a job; its accepted frames are kept.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel(&self, job: u64) -> Result<JobSummary, ClientError> {
        self.post(&format!("/jobs/{job}/cancel"), None::<&()>).await
    }

    /// Has failed or cancelled frames of a job tried again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn retry(&self, job: u64) -> Result<JobSummary, ClientError> {
        self.post(&format!("/jobs/{job}/retry"), None::<&()>).await
    }

    /// All nodes that ever joined.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, ClientError> {
        self.get("/nodes", &[]).await
    }

    /// The managers, as the one that is asked knows them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn managers(&self) -> Result<ManagersInfo, ClientError> {
        self.get("/managers", &[]).await
    }

    /// Takes a lost manager out.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_manager(&self, number: u64) -> Result<(), ClientError> {
        let path = format!("/managers/{number}");
        let request = self.request(Method::DELETE, &path, &[]).timeout(CALL_MAX);
        self.send(request).await.map(drop)
    }

    /// A ticket with which nodes may join.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ticket(&self, request: &TicketRequest) -> Result<TicketReply, ClientError> {
        self.post("/tickets", Some(request)).await
    }

    /// Every ticket that was made, the oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tickets(&self) -> Result<Vec<TicketInfo>, ClientError> {
        self.get("/tickets", &[]).await
    }

    /// Takes a ticket back, by its number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_ticket(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("/tickets/{id}");
        let request = self.request(Method::DELETE, &path, &[]).timeout(CALL_MAX);
        self.send(request).await.map(drop)
    }

    /// Makes a token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn make_token(&self, request: &TokenRequest) -> Result<TokenReply, ClientError> {
        self.post("/tokens", Some(request)).await
    }

    /// Every token that was made, the oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, ClientError> {
        self.get("/tokens", &[]).await
    }

    /// Takes a token back, by its number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("/tokens/{id}");
        let request = self.request(Method::DELETE, &path, &[]).timeout(CALL_MAX);
        self.send(request).await.map(drop)
    }

    /// Who asks, and what is theirs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn account(&self) -> Result<AccountInfo, ClientError> {
        self.get("/account", &[]).await
    }

    /// Moves a job before others or behind them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set_priority(&self, job: u64, priority: i32) -> Result<JobSummary, ClientError> {
        self.post(&format!("/jobs/{job}/priority"), Some(&PriorityRequest { priority })).await
    }

    /// What changes from now on, of one job or of everything; the connection is made again when it drops.
    ///
    /// The first event, and the first after each gap, is [`Reset`](candela_wire::api::Event::Reset):
    /// read again what you rely on. The stream ends only if the manager refuses it.
    #[must_use]
    pub fn events(&self, job: Option<u64>) -> EventStream {
        EventStream::new(self.clone(), job)
    }

    /// Downloads the output of an accepted frame to the file `to`.
    ///
    /// It is written under another name beside it, compared with the hash that the manager says,
    /// and only then gets its name.
    ///
    /// # Errors
    /// See [`ClientError`]; `frame_not_ready` if the frame is not accepted.
    pub async fn download_output(
        &self,
        job: u64,
        number: i32,
        to: &Path,
    ) -> Result<Downloaded, ClientError> {
        let path = format!("/jobs/{job}/frames/{number}/output");
        let response = self.send(self.request(Method::GET, &path, &[])).await?;
        transfer::save(self, response, &format!("frame {number} of job {job}"), to).await
    }

    /// Downloads the proof of what is decided of a job to the file `to`; returns its length.
    ///
    /// It is written under another name beside it, and gets its name when it is whole. What it is
    /// worth says who checks it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn download_proof(
        &self,
        job: u64,
        pictures: bool,
        to: &Path,
    ) -> Result<u64, ClientError> {
        let mut pairs = Vec::new();
        push(&mut pairs, "without_pictures", (!pictures).then_some(true));
        let request = self.request(Method::GET, &format!("/jobs/{job}/proof"), &pairs);
        let response = self.send(request).await?;
        transfer::save_as_is(self, response, to).await
    }

    pub(crate) async fn open_events(&self, job: Option<u64>) -> Result<Response, ClientError> {
        let path = job.map_or_else(|| "/events".to_owned(), |job| format!("/jobs/{job}/events"));
        self.send(self.request(Method::GET, &path, &[])).await
    }

    pub(crate) async fn get<R: DeserializeOwned>(
        &self,
        path: &str,
        pairs: &[(&str, String)],
    ) -> Result<R, ClientError> {
        let request = self.request(Method::GET, path, pairs).timeout(CALL_MAX);
        self.json(self.send(request).await?).await
    }

    pub(crate) async fn post<R: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<R, ClientError> {
        let mut request = self.request(Method::POST, path, &[]).timeout(CALL_MAX);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.json(self.send(request).await?).await
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        pairs: &[(&str, String)],
    ) -> RequestBuilder {
        self.request_of(&self.http, method, path, pairs)
    }

    fn request_of(
        &self,
        http: &reqwest::Client,
        method: Method,
        path: &str,
        pairs: &[(&str, String)],
    ) -> RequestBuilder {
        let mut url = self.base.clone();
        if path == "/healthz" {
            url.set_path(path);
        } else {
            url.set_path(&format!("{PREFIX}{path}"));
        }
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let request = http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(self.refused(status, response).await)
    }

    /// The refusal in a reply; something else in between, like a proxy, has its own words.
    async fn refused(&self, status: StatusCode, response: Response) -> ClientError {
        match self.body(response).await {
            Ok(body) => match serde_json::from_slice::<RefusalInfo>(&body) {
                Ok(refusal) => ClientError::Refused { status: status.as_u16(), refusal },
                Err(_) => self.protocol(format!("status {status} without a reason")),
            },
            Err(error) => error,
        }
    }

    pub(crate) async fn json<R: DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<R, ClientError> {
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|error| self.protocol(error.to_string()))
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|source| self.unreachable(source))?;
            if body.len() + piece.len() > REPLY_BYTES_MAX {
                return Err(self.protocol(format!("a reply above {REPLY_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.base.to_string(), source: source.without_url() }
    }

    pub(crate) fn protocol(&self, what: impl Into<String>) -> ClientError {
        ClientError::Protocol { url: self.base.to_string(), what: what.into() }
    }
}

pub(crate) fn push<T: ToString>(
    pairs: &mut Vec<(&'static str, String)>,
    name: &'static str,
    value: Option<T>,
) {
    if let Some(value) = value {
        pairs.push((name, value.to_string()));
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}
