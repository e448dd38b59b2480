//! The managers of a database: who leads, who is there, and taking a lost one out.

use std::fmt::Write;
use std::time::Duration;

use hiqlite::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::ManagerAddress;

/// How long the others may take to confirm that one is taken out.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of an answer that are read at most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Who leads, as one manager knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leadership {
    /// Number of this manager.
    pub own: u64,
    /// Number of the leader; none while nobody was elected, or none is heard of.
    pub leader: Option<u64>,
    /// Grows with each election.
    pub term: u64,
    /// The managers that vote, this one included.
    pub managers: Vec<ManagerAddress>,
    /// Entries of the log that this manager has.
    pub log_entries: u64,
    /// Of these, entries that its copy of the database holds.
    pub applied: u64,
    /// Of the leader, in milliseconds: how long ago a majority last answered.
    pub quorum_ms_ago: Option<u64>,
    /// Of the leader: how many entries each manager has, by its number.
    pub replicated: Vec<(u64, u64)>,
}

impl Leadership {
    /// Whether this manager is the leader, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader == Some(self.own)
    }
}

/// A manager could not be taken out.
#[derive(Debug, thiserror::Error)]
#[error("take manager {number} out of the cluster: {reason}")]
pub struct RemoveError {
    /// Its number.
    pub number: u64,
    /// Why not.
    pub reason: String,
}

pub(crate) async fn leadership(client: &Client, own: u64) -> Leadership {
    let Ok(metrics) = client.metrics_db().await else {
        return Leadership { own, ..Leadership::default() };
    };
    let membership = metrics.membership_config.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    let nodes = membership.nodes().filter(|(id, _)| voters.contains(id));
    let managers = nodes.map(|(id, node)| ManagerAddress {
        number: *id,
        replication: node.addr_raft.clone(),
        requests: node.addr_api.clone(),
    });
    let replicated = metrics.replication.iter().flatten();
    Leadership {
        own,
        leader: metrics.current_leader,
        term: metrics.current_term,
        managers: managers.collect(),
        log_entries: metrics.last_log_index.unwrap_or(0),
        applied: metrics.last_applied.map_or(0, |log| log.index),
        quorum_ms_ago: metrics.millis_since_quorum_ack,
        replicated: replicated
            .map(|(id, log)| (*id, log.as_ref().map_or(0, |l| l.index)))
            .collect(),
    }
}

/// Asks the store's own interface: its library has no call for it.
pub(crate) async fn remove(
    own: &ManagerAddress,
    secret: &str,
    number: u64,
) -> Result<(), RemoveError> {
    let failed = |reason: String| RemoveError { number, reason };
    let asked = tokio::time::timeout(REMOVE_TIMEOUT, ask_to_remove(own, secret, number)).await;
    match asked {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 2") => Ok(()),
        Ok(Ok(answer)) => {
            let reason = answer.split("\r\n\r\n").nth(1).unwrap_or(&answer);
            Err(failed(reason.chars().take(300).collect()))
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the others don't confirm it".to_owned())),
    }
}

async fn ask_to_remove(own: &ManagerAddress, secret: &str, number: u64) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(&own.requests).await?;
    let body = format!("{{\"node_id\":{number},\"stay_as_learner\":false}}");
    let mut request = String::new();
    let length = body.len();
    // Writing to a string can't fail.
    let _ = write!(
        request,
        "DELETE /cluster/membership/sqlite HTTP/1.1\r\nHost: {}\r\nX-API-SECRET: {secret}\r\n\
         Content-Type: application/json\r\nAccept: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}",
        own.requests
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
