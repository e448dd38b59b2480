//! Becoming one of several managers: the file that a manager keeps of the others, and joining them.

use crate::manager::StartError;
use candela_core::addr::NodeAddr;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_net::Endpoint;
use candela_taskdb::{ClusterConfig, ManagerAddress, TaskDb, TaskDbConfig};
use candela_wire::cluster::{ManagerHello, ManagerRow, ManagerWelcome};
use candela_wire::session::{self, ToManager, ToManagerBody, ToNode};
use candela_wire::ticket::Ticket;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How long a manager may take to answer one that wants to join.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Rounds over all managers before joining is given up.
const ROUNDS: u32 = 5;

/// What a manager keeps of the others, to find them again: none if it is alone.
pub(crate) fn load(folder: &Path) -> Result<Option<ManagerWelcome>, StartError> {
    let path = folder.join("cluster.json");
    let failed = |source| StartError::Folder { path: path.clone(), source };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            Ok(Some(read.map_err(|error| failed(error.into()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Keeps it, readable for the owner only: the secret is in it.
pub(crate) fn save(folder: &Path, welcome: &ManagerWelcome) -> std::io::Result<()> {
    let (path, fresh) = (folder.join("cluster.json"), folder.join("cluster.json.new"));
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(welcome)?)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}

/// The database's part of it.
pub(crate) fn config_of(welcome: &ManagerWelcome) -> ClusterConfig {
    let address = |row: &ManagerRow| ManagerAddress {
        number: row.number,
        replication: row.replication.clone(),
        requests: row.requests.clone(),
    };
    let there = |row: &&ManagerRow| !row.removed || row.number == welcome.number;
    ClusterConfig {
        this_manager: welcome.number,
        managers: welcome.managers.iter().filter(there).map(address).collect(),
        secret: welcome.secret.clone(),
    }
}

/// Asks the managers of a ticket to take this one in.
///
/// # Errors
/// Their refusal, or that none answers.
pub(crate) async fn join(
    endpoint: &Endpoint,
    ticket_text: &str,
    config: &TaskDbConfig,
) -> Result<ManagerWelcome, StartError> {
    let ticket: Ticket = ticket_text.parse().map_err(Refusal::from)?;
    // The number is the leader's to give; the ports are not.
    let own = TaskDb::reserve(config, 0)?;
    let hello = ManagerHello {
        protocol: session::PROTOCOL,
        ticket: ticket_text.trim().to_owned(),
        addr: endpoint.addr(),
        replication: own.replication,
        requests: own.requests,
    };
    let mut to_ask = ticket.managers.clone();
    let mut last = Refusal::new(RefusalCode::Busy, "no manager of the ticket answers");
    for round in 0..ROUNDS {
        let mut at = 0;
        while at < to_ask.len() {
            match ask(endpoint, &to_ask[at], &hello).await {
                Ok(Answer::Welcome(welcome)) => return Ok(*welcome),
                Ok(Answer::Moved(leader)) if !to_ask.contains(&leader) => to_ask.push(leader),
                Ok(Answer::Moved(_)) => {}
                Ok(Answer::Refused(refusal)) if refusal.code == RefusalCode::Busy => last = refusal,
                Ok(Answer::Refused(refusal)) => return Err(refusal.into()),
                Err(error) => last = Refusal::new(RefusalCode::Busy, error.to_string()),
            }
            at += 1;
        }
        tokio::time::sleep(Duration::from_secs(u64::from(round) + 1)).await;
    }
    Err(last.into())
}

enum Answer {
    Welcome(Box<ManagerWelcome>),
    Moved(NodeAddr),
    Refused(Refusal),
}

async fn ask(
    endpoint: &Endpoint,
    manager: &NodeAddr,
    hello: &ManagerHello,
) -> Result<Answer, candela_net::NetError> {
    let session = endpoint.connect(manager).await?;
    let (sender, mut receiver) = session.split();
    let body = ToManagerBody::JoinManagers(Box::new(hello.clone()));
    sender.send(session::encode(&ToManager { seq: 0, body })).await?;
    let odd = |text: &str| Answer::Refused(Refusal::new(RefusalCode::Busy, text));
    let Ok(received) = tokio::time::timeout(ANSWER_TIMEOUT, receiver.recv()).await else {
        return Ok(odd("the manager doesn't answer"));
    };
    let Some(bytes) = received? else { return Ok(odd("the manager ended the session")) };
    Ok(match session::decode(&bytes) {
        Ok(ToNode::ManagerWelcome(welcome)) => Answer::Welcome(welcome),
        Ok(ToNode::Moved(moved)) => match moved.leader {
            Some(leader) => Answer::Moved(leader),
            None => odd("the managers have no leader at present"),
        },
        Ok(ToNode::Refused(refusal)) => Answer::Refused(refusal),
        Ok(_) | Err(_) => Answer::Refused(
            Refusal::new(RefusalCode::VersionMismatch, "the manager answers something else")
                .with_hint("the managers may be of different versions"),
        ),
    })
}
