//! Films of jobs: asked for until they are made, and downloaded.

use crate::client::Client;
use crate::error::ClientError;
use crate::transfer;
use candela_wire::api::FilmInfo;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use std::path::Path;
use std::time::Duration;

/// A film that was downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadedFilm {
    /// Its length in bytes.
    pub bytes: u64,
    /// Frames that it has, if the manager says.
    pub frames: Option<usize>,
}

/// A film that isn't asked for again sooner, or is sooner than that.
const PAUSES_S: (u64, u64) = (1, 60);

impl Client {
    /// Downloads an MP4 of the frames of a job that are verified, to the file `to`.
    ///
    /// If it has to be made first, `waits` is called each time that it isn't there yet, and it is
    /// asked for again. The file is written under another name beside it, and gets its name when it
    /// is whole.
    ///
    /// # Errors
    /// See [`ClientError`]; `frame_not_ready` if no frame is verified, `film_not_possible`.
    pub async fn download_film(
        &self,
        job: u64,
        to: &Path,
        mut waits: impl FnMut(&FilmInfo) + Send,
    ) -> Result<DownloadedFilm, ClientError> {
        loop {
            let request = self.request(Method::GET, &format!("/jobs/{job}/film"), &[]);
            let response = self.send(request).await?;
            let number = |headers: &HeaderMap, name: &str| -> Option<u64> {
                headers.get(name)?.to_str().ok()?.parse().ok()
            };
            if response.status() != StatusCode::ACCEPTED {
                let frames = number(response.headers(), "candela-frames");
                let bytes = transfer::save_as_is(self, response, to).await?;
                return Ok(DownloadedFilm {
                    bytes,
                    frames: frames.and_then(|frames| usize::try_from(frames).ok()),
                });
            }
            let pause_s = number(response.headers(), RETRY_AFTER.as_str());
            waits(&self.json(response).await?);
            let pause_s = pause_s.unwrap_or(5).clamp(PAUSES_S.0, PAUSES_S.1);
            tokio::time::sleep(Duration::from_secs(pause_s)).await;
        }
    }
}
