//! Where requests go: the manager of this process, or in tests a farm without a network around it.

use candela_blobs::Blobs;
use candela_core::farm::{Command, Farm, Reply};
use candela_core::id::{BlobHash, EngineBuild, JobId};
use candela_node::manager::{
    ApplyError, FarmEvent, FrameProgress, Manager, ProofFile, TicketRequest, TokenRequest,
};
use candela_wire::ticket::TicketRow;
use candela_wire::token::{TokenRow, TokenSecret};
use std::collections::BTreeSet;
use tokio::sync::broadcast;

/// Whoever carries out commands and reads the state.
#[derive(Clone)]
pub(crate) enum Desk {
    /// The manager of this process.
    Manager(Box<Manager>),
    /// A farm in memory.
    #[cfg(test)]
    Fake(crate::tests::fake::Fake),
}

/// Calls the same method of whoever is there.
macro_rules! either {
    ($desk:expr, $with:ident => $call:expr) => {
        match $desk {
            Desk::Manager($with) => $call,
            #[cfg(test)]
            Desk::Fake($with) => $call,
        }
    };
}

impl Desk {
    pub(crate) async fn apply(&self, command: Command) -> Result<Reply, ApplyError> {
        either!(self, with => with.apply(command).await)
    }

    pub(crate) async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Farm) -> R + Send + 'static,
    ) -> Result<R, ApplyError> {
        either!(self, with => with.read(read).await)
    }

    pub(crate) async fn ticket(&self, request: TicketRequest) -> Result<String, ApplyError> {
        either!(self, with => with.ticket(request).await)
    }

    pub(crate) async fn tickets(&self) -> Result<Vec<TicketRow>, ApplyError> {
        either!(self, with => with.tickets().await)
    }

    pub(crate) async fn revoke_ticket(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        either!(self, with => with.revoke_ticket(id).await)
    }

    pub(crate) async fn make_token(
        &self,
        request: TokenRequest,
    ) -> Result<(TokenSecret, TokenRow), ApplyError> {
        either!(self, with => with.make_token(request).await)
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>, ApplyError> {
        either!(self, with => with.tokens().await)
    }

    pub(crate) async fn token(&self, id: [u8; 32]) -> Result<Option<TokenRow>, ApplyError> {
        either!(self, with => with.token(id).await)
    }

    pub(crate) async fn revoke_token(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        either!(self, with => with.revoke_token(id).await)
    }

    pub(crate) async fn proof(&self, job: JobId, pictures: bool) -> Result<ProofFile, ApplyError> {
        either!(self, with => with.proof(job, pictures).await)
    }

    /// What webhooks are signed with.
    pub(crate) async fn webhook_secret(&self) -> Result<String, ApplyError> {
        either!(self, with => with.webhook_secret().await)
    }

    /// Whether this manager decides, and so has to tell.
    pub(crate) fn leads(&self) -> bool {
        self.manager().is_none_or(Manager::leads)
    }

    /// The manager of this process.
    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps))]
    pub(crate) fn manager(&self) -> Option<&Manager> {
        #[cfg(test)]
        if let Desk::Fake(_) = self {
            return None;
        }
        #[cfg_attr(not(test), allow(irrefutable_let_patterns))]
        if let Desk::Manager(manager) = self { Some(manager) } else { None }
    }

    /// Has enough managers keep a scene.
    pub(crate) async fn hold_scene(&self, scene: BlobHash) -> Result<(), ApplyError> {
        match self.manager() {
            Some(manager) => manager.hold_scene(scene).await,
            None => Ok(()),
        }
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<FarmEvent> {
        either!(self, with => with.watch())
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        either!(self, with => with.blobs())
    }

    pub(crate) fn progress(&self) -> Vec<FrameProgress> {
        either!(self, with => with.progress())
    }

    pub(crate) fn engines(&self) -> &BTreeSet<EngineBuild> {
        either!(self, with => with.engines())
    }
}
