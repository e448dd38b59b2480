//! The managers as members of one cluster: taking one in, taking a lost one out.

use crate::manager::cluster;
use crate::manager::desk::{Desk, Pending};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::time::Time;
use candela_taskdb::{RowWrite, Table};
use candela_wire::cluster::{ManagerHello, ManagerRow, ManagerWelcome};

/// Managers that vote, at most: with more, every commit waits for more of them.
const MANAGERS_VOTING_MAX: usize = 5;

impl Desk {
    /// Managers that were taken in, now that it is durable.
    pub(super) fn note_new_managers(&self, pending: &[Pending]) {
        for reply in pending {
            if let Pending::Manager(_, welcome) = reply {
                self.set_managers(welcome.managers.clone());
            }
        }
    }

    /// Notes the managers, and keeps them for the next start once they are several.
    pub(super) fn set_managers(&self, managers: Vec<ManagerRow>) {
        if self.council.all_managers() == managers {
            return;
        }
        self.council.set_managers(managers.clone());
        if managers.len() < 2 {
            return;
        }
        let welcome = self.welcome(self.db.address().number, managers);
        if let Err(error) = cluster::save(&self.folder, &welcome) {
            tracing::error!(%error, "the other managers can't be kept for the next start");
        }
    }

    fn welcome(&self, number: u64, managers: Vec<ManagerRow>) -> ManagerWelcome {
        let secret = self.db.secret().to_owned();
        ManagerWelcome { number, secret, election_ms: self.db.election_ms(), managers }
    }

    /// A number for a manager that may join; the same if it asks again.
    pub(super) fn take_in(
        &self,
        hello: &ManagerHello,
        now: Time,
    ) -> Result<(ManagerWelcome, RowWrite), Refusal> {
        self.tickets.check_manager(&hello.ticket, now)?;
        let mut managers = self.council.all_managers();
        let same = |row: &&ManagerRow| row.addr.node == hello.addr.node && !row.removed;
        let next = managers.iter().map(|row| row.number).max().unwrap_or(0) + 1;
        let number = managers.iter().find(same).map_or(next, |row| row.number);
        let there = managers.iter().filter(|row| !row.removed && row.number != number).count();
        if there >= MANAGERS_VOTING_MAX {
            let text = format!("there are {there} managers, which is as many as can agree quickly");
            return Err(Refusal::new(RefusalCode::Busy, text)
                .with_hint("take one out first: `candela manager remove NUMBER`"));
        }
        let row = ManagerRow {
            number,
            addr: hello.addr.clone(),
            replication: hello.replication.clone(),
            requests: hello.requests.clone(),
            joined_at: now,
            removed: false,
        };
        managers.retain(|row| row.number != number);
        managers.push(row.clone());
        managers.sort_by_key(|row| row.number);
        Ok((self.welcome(number, managers), manager_write(&row)))
    }

    /// Takes a manager out of the database's cluster, and notes that.
    pub(super) async fn remove(
        &self,
        number: u64,
        writes: &mut Vec<RowWrite>,
    ) -> Result<(), Refusal> {
        let mut managers = self.council.all_managers();
        let refuse = |text: String| Refusal::new(RefusalCode::NotFound, text);
        let row = managers.iter_mut().find(|row| row.number == number && !row.removed);
        let row = row.ok_or_else(|| refuse(format!("there is no manager {number}")))?;
        if number == self.db.address().number {
            return Err(refuse(format!("manager {number} leads, and can't take itself out"))
                .with_hint("stop it; another will lead, and can take it out"));
        }
        let removed = self.db.remove(number).await;
        removed.map_err(|error| Refusal::new(RefusalCode::Busy, error.to_string()))?;
        row.removed = true;
        writes.push(manager_write(row));
        self.set_managers(managers);
        Ok(())
    }
}

/// The write that makes a manager known to all.
pub(super) fn manager_write(row: &ManagerRow) -> RowWrite {
    let key = candela_wire::rows::key_manager(row.number);
    RowWrite::put(Table::Managers, key, candela_wire::rows::encode_manager(row))
}
