//! A node that breaks the rules on the wire: each time it is told why, and the manager goes on.

mod common;

use candela_core::farm::Command;
use candela_core::id::{BlobHash, LeaseId, TaskId, VerificationId};
use candela_core::node::Role;
use candela_core::refusal::RefusalCode;
use candela_core::task::Statement;
use candela_net::{BindOptions, Endpoint, NodeKey, SessionReceiver, SessionSender};
use candela_wire::session::{
    self, Heartbeat, Hello, Report, ToManager, ToManagerBody, ToNode, statement_bytes,
};
use common::Network;
use std::collections::BTreeSet;

/// A node that says what a test wants it to say.
struct Rogue {
    key: NodeKey,
    endpoint: Endpoint,
    sender: SessionSender,
    receiver: SessionReceiver,
}

impl Rogue {
    async fn connect(network: &Network, ticket: &str) -> (Rogue, ToNode) {
        let key = NodeKey::generate();
        let endpoint = Endpoint::bind(&key, BindOptions::loopback()).await.unwrap();
        let session = endpoint.connect(network.manager().addr()).await.unwrap();
        let (sender, receiver) = session.split();
        let hello = Hello {
            protocol: session::PROTOCOL,
            ticket: ticket.to_owned(),
            addr: endpoint.addr(),
            name: "rogue".into(),
            roles: BTreeSet::from([Role::Worker]),
            engines: BTreeSet::from([common::build()]),
            device: "cpu".into(),
            memory_bytes: 1 << 30,
            slots: 1,
            scenes_held: BTreeSet::new(),
            leases: BTreeSet::new(),
            verifications: BTreeSet::new(),
        };
        let mut rogue = Rogue { key, endpoint, sender, receiver };
        rogue.say(0, ToManagerBody::Hello(Box::new(hello))).await;
        let answer = rogue.hear().await.unwrap();
        (rogue, answer)
    }

    async fn say(&self, seq: u64, body: ToManagerBody) {
        self.sender.send(session::encode(&ToManager { seq, body })).await.unwrap();
    }

    async fn hear(&mut self) -> Option<ToNode> {
        let bytes = self.receiver.recv().await.ok()??;
        Some(session::decode(&bytes).unwrap())
    }

    /// What the manager answers to that message.
    async fn told(&mut self, seq: u64) -> Option<RefusalCode> {
        loop {
            if let Some(ToNode::Ack { seq: of, refusal }) = self.hear().await
                && of == seq
            {
                return refusal.map(|refusal| refusal.code);
            }
        }
    }

    async fn receipt(
        &mut self,
        seq: u64,
        statement: Statement,
        signed: bool,
    ) -> Option<RefusalCode> {
        let mut signature = self.key.sign(&statement_bytes(&statement));
        if !signed {
            signature[0] ^= 1;
        }
        let statement = Box::new(statement);
        self.say(seq, ToManagerBody::Receipt { statement, signature }).await;
        self.told(seq).await
    }
}

fn statement(task: u64, lease: u64, frame: i32) -> Statement {
    Statement {
        task: TaskId(task),
        lease: LeaseId(lease),
        frame,
        scene: BlobHash([1; 32]),
        layers: BlobHash([2; 32]),
        layers_bytes: 10_000,
        output: BlobHash([3; 32]),
        output_bytes: 10_000,
        engine: common::build(),
        device: "cpu".into(),
        render_ms: 1,
        peak_memory_bytes: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rogue_says_is_refused_and_the_manager_goes_on() {
    let network = Network::start().await;
    let (_, answer) = Rogue::connect(&network, "candela1nonsense").await;
    let ToNode::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.code, RefusalCode::TicketNotValid);

    let verifier_ticket = network.ticket(Role::Verifier).await;
    let (_, answer) = Rogue::connect(&network, &verifier_ticket).await;
    let ToNode::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.code, RefusalCode::RoleMissing);

    let ticket = network.ticket(Role::Worker).await;
    let (mut rogue, answer) = Rogue::connect(&network, &ticket).await;
    assert!(matches!(answer, ToNode::Welcome(_)), "{answer:?}");
    let stale = rogue.receipt(1, statement(5, 6, 1), true).await;
    assert_eq!(stale, Some(RefusalCode::LeaseStale), "a lease that it doesn't hold");
    let forged = rogue.receipt(2, statement(5, 6, 1), false).await;
    assert_eq!(forged, Some(RefusalCode::SignatureWrong));
    let report = Report {
        verification: VerificationId(9),
        evidence: BlobHash([9; 32]),
        evidence_bytes: 10,
        rendered_px: u64::MAX,
        took_ms: 1,
    };
    let signature = rogue.key.sign(&session::report_bytes(&report));
    rogue.say(3, ToManagerBody::Report { report, signature }).await;
    assert_eq!(rogue.told(3).await, Some(RefusalCode::VerificationStale));

    // A message above the limit ends the session, with the reason.
    let sent = rogue.sender.send(vec![0_u8; candela_net::limits::MESSAGE_BYTES_MAX + 1]).await;
    assert!(sent.is_err(), "our own side already refuses it");
    rogue.sender.send(vec![0xff_u8; 1_000]).await.unwrap();
    assert!(rogue.hear().await.is_none(), "bytes that are no message end the session");
    rogue.endpoint.close().await;

    // The manager is still there, for others.
    let (rogue, answer) = Rogue::connect(&network, &ticket).await;
    assert!(matches!(answer, ToNode::Welcome(_)));
    let beat = Heartbeat { scenes_held: BTreeSet::new(), paused: false, progress: Vec::new() };
    rogue.say(0, ToManagerBody::Heartbeat(beat)).await;
    rogue.endpoint.close().await;
    network.end().await;
}

/// A worker signs hashes of blobs that nobody has: its receipt is rejected, the frame goes to somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_signs_what_it_does_not_have_is_rejected() {
    let network = Network::start().await;
    let job = network.submit(&common::demo_scene(), "1", common::small()).await;
    // A node that says nothing for some seconds gets no work, and inspection may take longer.
    network.inspected(job).await;
    let ticket = network.ticket(Role::Worker).await;
    let (mut rogue, _) = Rogue::connect(&network, &ticket).await;
    let offer = loop {
        if let Some(ToNode::OfferTask(offer)) = rogue.hear().await {
            break *offer;
        }
        let beat = Heartbeat { scenes_held: BTreeSet::new(), paused: false, progress: Vec::new() };
        rogue.say(0, ToManagerBody::Heartbeat(beat)).await;
    };
    let mut lie = statement(offer.task.0, offer.lease.0, 1);
    lie.scene = offer.scene;
    assert_eq!(rogue.receipt(1, lie.clone(), true).await, None, "a receipt is taken");
    lie.layers = BlobHash([7; 32]);
    assert_eq!(rogue.receipt(2, lie, true).await, Some(RefusalCode::ReceiptConflicts));
    let rejected = loop {
        let beat = Heartbeat { scenes_held: BTreeSet::new(), paused: false, progress: Vec::new() };
        rogue.say(0, ToManagerBody::Heartbeat(beat)).await;
        let receipt = network
            .manager()
            .read(move |farm| farm.receipts(job).next().cloned())
            .await
            .unwrap()
            .unwrap();
        if receipt.status == candela_core::task::ReceiptStatus::Rejected {
            break receipt;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert!(rejected.reason.unwrap().contains("did not deliver what it signed"));
    let waits = network.manager().read(move |farm| farm.waits_for(job)).await.unwrap();
    assert!(waits.unwrap().contains("a worker that has"), "nobody else is there yet");
    network.manager().apply(Command::Cancel(job)).await.unwrap();
    rogue.endpoint.close().await;
    network.end().await;
}

/// Whoever joined may read scenes, and neither evidence nor what another worker delivered.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_reads_scenes_and_no_evidence() {
    let network = Network::start().await;
    let ticket = network.ticket(Role::Worker).await;
    let (rogue, _) = Rogue::connect(&network, &ticket).await;
    let job = network.submit(&common::demo_scene(), "1", common::small()).await;
    network.inspected(job).await;
    let scene = network.manager().read(move |farm| farm.job(job).unwrap().submission.scene);
    let scene = scene.await.unwrap();
    let stored = network.manager().blobs();
    let evidence = stored.add_bytes(vec![7; 50_000], "job/1/evidence/2").await.unwrap().hash;
    let tiles = stored.add_bytes(vec![8; 50_000], "job/1/tiles/2").await.unwrap().hash;

    let folder = tempfile::tempdir().unwrap();
    let options = candela_blobs::OpenOptions::default();
    let own = candela_blobs::Blobs::open(folder.path(), options).await.unwrap();
    let fetcher = own.fetcher(rogue.endpoint.iroh());
    let from = [network.manager().addr().clone()];
    let pinned = candela_blobs::FetchOptions::pinned;
    fetcher.fetch_collection(scene, &from, &pinned("scene")).await.unwrap();
    for secret in [evidence, tiles] {
        let got = fetcher.fetch(secret, &from, &pinned("secret")).await;
        assert!(got.is_err(), "{secret} was given out");
        assert!(!own.has(secret).await.unwrap());
    }
    own.shutdown().await.unwrap();
    rogue.endpoint.close().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_taken_back_ends_what_it_began() {
    let network = Network::start().await;
    let ticket = network.ticket(Role::Worker).await;
    let other = network.ticket(Role::Worker).await;
    let (mut rogue, answer) = Rogue::connect(&network, &ticket).await;
    assert!(matches!(answer, ToNode::Welcome(_)), "{answer:?}");
    let (stays, answer) = Rogue::connect(&network, &other).await;
    assert!(matches!(answer, ToNode::Welcome(_)), "{answer:?}");
    let tickets = network.manager().tickets().await.unwrap();
    let id = ticket.parse::<candela_wire::ticket::Ticket>().unwrap().id();
    assert!(tickets.iter().any(|row| row.id == id && !row.revoked));

    network.manager().revoke_ticket(id).await.unwrap();
    while rogue.hear().await.is_some() {}
    let why = rogue.sender.closed().await;
    assert!(why.to_string().contains("taken back"), "{why}");
    let (_, answer) = Rogue::connect(&network, &ticket).await;
    let ToNode::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.code, RefusalCode::TicketNotValid);
    let linked =
        |node| move |farm: &candela_core::farm::Farm| farm.presence(node).is_some_and(|p| p.linked);
    assert!(network.manager().read(linked(stays.key.node_id())).await.unwrap());
    let unknown = network.manager().revoke_ticket([0; 32]).await.unwrap_err();
    assert!(unknown.to_string().contains("no such ticket"), "{unknown}");
    network.end().await;
}
