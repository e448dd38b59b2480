//! Bad result claims: made, listed, shown, their pictures downloaded.

use crate::client::{Client, push};
use crate::error::ClientError;
use crate::transfer::{self, Downloaded};
use candela_wire::api::{
    ClaimDetail, ClaimInfo, ClaimRequest, ClaimsPage, ClaimsQuery, PictureName,
};
use reqwest::Method;
use std::path::Path;

impl Client {
    /// Says that an accepted frame is not what the scene defines.
    ///
    /// # Errors
    /// See [`ClientError`]; `claim_there` if its result was claimed before, `claims_too_many`.
    pub async fn claim(
        &self,
        job: u64,
        frame: i32,
        request: &ClaimRequest,
    ) -> Result<ClaimInfo, ClientError> {
        self.post(&format!("/jobs/{job}/frames/{frame}/claims"), Some(request)).await
    }

    /// A page of claims, the newest first: of one job, or of all.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn claims(
        &self,
        job: Option<u64>,
        query: &ClaimsQuery,
    ) -> Result<ClaimsPage, ClientError> {
        let mut pairs = Vec::new();
        push(&mut pairs, "before", query.before);
        push(&mut pairs, "limit", query.limit);
        let path = job.map_or_else(|| "/claims".to_owned(), |job| format!("/jobs/{job}/claims"));
        self.get(&path, &pairs).await
    }

    /// A claim with the verdicts on its parts.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn claim_detail(&self, claim: u64) -> Result<ClaimDetail, ClientError> {
        self.get(&format!("/claims/{claim}"), &[]).await
    }

    /// Downloads a picture of a decided claim's whole frame to the file `to`.
    ///
    /// # Errors
    /// See [`ClientError`]; `wrong_state` while the claim is open.
    pub async fn download_claim_picture(
        &self,
        claim: u64,
        picture: PictureName,
        to: &Path,
    ) -> Result<Downloaded, ClientError> {
        let path = format!("/claims/{claim}/pictures/{}", picture.word());
        let response = self.send(self.request(Method::GET, &path, &[])).await?;
        let what = format!("the picture {} of claim {claim}", picture.word());
        transfer::save(self, response, &what, to).await
    }
}
