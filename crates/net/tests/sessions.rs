//! Sessions between real endpoints on loopback: what arrives, what is turned away, and what is seen of a dead peer.

use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use candela_net::{
    AcceptOptions, Backoff, BackoffOptions, BindOptions, CloseReason, Endpoint, NetError, NodeKey,
    Session, SessionOptions, limits,
};
use std::time::{Duration, Instant};

async fn endpoint_with(key: &NodeKey, change: impl FnOnce(&mut BindOptions)) -> Endpoint {
    let mut options = BindOptions::loopback();
    change(&mut options);
    Endpoint::bind(key, options).await.unwrap()
}

async fn endpoint() -> Endpoint {
    endpoint_with(&NodeKey::generate(), |_| {}).await
}

/// Both ends of a session from `from` to `to`.
async fn session(from: &Endpoint, to: &Endpoint) -> (Session, Session) {
    let to_addr = to.addr();
    let (dialled, accepted) = tokio::join!(from.connect(&to_addr), to.accept());
    (dialled.unwrap(), accepted.unwrap())
}

#[tokio::test]
async fn messages_arrive_in_order_and_peers_are_proven() {
    let (a, b) = (endpoint().await, endpoint().await);
    let (mut at_a, at_b) = session(&a, &b).await;
    assert_eq!((at_a.peer(), at_b.peer()), (b.node_id(), a.node_id()));
    let (sender, mut receiver) = at_b.split();
    tokio::spawn(async move {
        while let Some(message) = receiver.recv().await.unwrap() {
            sender.send(message).await.unwrap();
        }
    });
    for bytes in [0, 1, 3, 4, 70_000, limits::MESSAGE_BYTES_MAX] {
        at_a.send(vec![7; bytes]).await.unwrap();
    }
    for bytes in [0, 1, 3, 4, 70_000, limits::MESSAGE_BYTES_MAX] {
        assert_eq!(at_a.recv().await.unwrap().unwrap(), vec![7; bytes]);
    }
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn what_is_queued_arrives_before_the_reason_to_close() {
    let (a, b) = (endpoint().await, endpoint().await);
    for reason in [
        CloseReason::Normal,
        CloseReason::Replaced,
        CloseReason::Shutdown,
        CloseReason::Refused("the ticket has expired".into()),
    ] {
        let (at_a, mut at_b) = session(&a, &b).await;
        for number in 0..50_u8 {
            at_a.send(vec![number; 10_000]).await.unwrap();
        }
        let receive = async {
            for number in 0..50_u8 {
                assert_eq!(at_b.recv().await.unwrap().unwrap()[0], number);
            }
            at_b.recv().await
        };
        let (end, ()) = tokio::join!(receive, at_a.close(reason.clone()));
        match end {
            Ok(None) => assert_eq!(reason, CloseReason::Normal),
            Err(NetError::Closed { reason: read, .. }) => assert_eq!(read, reason),
            other => panic!("{other:?}"),
        }
        assert_eq!(at_b.closed().await, reason);
        assert_eq!(at_a.closed().await, reason);
        let error = at_b.send("too late").await.unwrap_err();
        assert!(matches!(error, NetError::Closed { .. }), "{error}");
    }
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn dropping_a_session_closes_it_after_sending() {
    let (a, b) = (endpoint().await, endpoint().await);
    let (at_a, mut at_b) = session(&a, &b).await;
    at_a.send("last words").await.unwrap();
    drop(at_a);
    assert_eq!(at_b.recv().await.unwrap().unwrap(), "last words");
    assert_eq!(at_b.recv().await.unwrap(), None);
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn too_long_messages_are_refused_on_both_sides() {
    let (a, b) = (endpoint().await, endpoint().await);
    let (at_a, mut at_b) = session(&a, &b).await;
    let error = at_a.send(vec![0; limits::MESSAGE_BYTES_MAX + 1]).await.unwrap_err();
    assert!(matches!(error, NetError::MessageTooLarge { .. }), "{error}");
    at_a.send("still alive").await.unwrap();
    assert_eq!(at_b.recv().await.unwrap().unwrap(), "still alive");

    // A peer that doesn't keep to the limit: the same stream, written by hand.
    let to = iroh::EndpointAddr::new(b.iroh().id()).with_ip_addr(b.addr().sockets[0]);
    let connection = a.iroh().connect(to, candela_net::SESSION_ALPN).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&[0; 4]).await.unwrap();
    let mut hostile = b.accept().await.unwrap();
    send.write_all(&(limits::MESSAGE_BYTES_MAX as u32 + 1).to_be_bytes()).await.unwrap();
    let error = hostile.recv().await.unwrap_err();
    assert!(matches!(error, NetError::PeerMessageTooLarge { .. }), "{error}");
    let closed = connection.closed().await.to_string();
    assert!(closed.contains('2'), "the code for too large: {closed}");
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn strangers_to_the_opening_are_turned_away() {
    let (a, b) = (endpoint().await, endpoint().await);
    let to = iroh::EndpointAddr::new(b.iroh().id()).with_ip_addr(b.addr().sockets[0]);
    let connection = a.iroh().connect(to, candela_net::SESSION_ALPN).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    connection.closed().await;
    let nobody = tokio::time::timeout(Duration::from_millis(50), b.accept()).await;
    assert!(nobody.is_err());
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn a_node_of_another_version_says_so() {
    let a = endpoint().await;
    let other = iroh::Endpoint::builder(iroh::endpoint::presets::Minimal)
        .clear_ip_transports()
        .bind_addr((std::net::Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .alpns(vec![b"candela/session/2".to_vec()])
        .bind()
        .await
        .unwrap();
    let node = NodeId(*other.id().as_bytes());
    let accepting = other.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            let _ = incoming.await;
        }
    });
    let addr = NodeAddr { node, sockets: other.bound_sockets(), relay: None };
    let error = a.connect(&addr).await.unwrap_err();
    assert!(matches!(error, NetError::Version { version: 1, .. }), "{error:?}");
    assert!(!error.is_temporary());
    a.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_dead_peer_is_seen_within_the_idle_time() {
    let idle = Duration::from_millis(1500);
    let short = move |options: &mut BindOptions| {
        options.session = SessionOptions {
            keep_alive: Duration::from_millis(300),
            idle_timeout: idle,
            ..SessionOptions::default()
        };
    };
    let b = endpoint_with(&NodeKey::generate(), short).await;
    let b_addr = b.addr();
    // The peer's runtime stops being driven: from outside that is a killed process or a pulled cable.
    let (opened, has_opened) = tokio::sync::oneshot::channel();
    let (kill, killed) = tokio::sync::oneshot::channel::<()>();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let peer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _frozen = runtime.block_on(async {
            let a = endpoint_with(&NodeKey::generate(), short).await;
            let session = a.connect(&b_addr).await.unwrap();
            opened.send(()).unwrap();
            killed.await.unwrap();
            (a, session)
        });
        is_done.recv().unwrap();
    });
    let mut at_b = b.accept().await.unwrap();
    has_opened.await.unwrap();
    // Silence alone does not end a session.
    assert!(tokio::time::timeout(2 * idle, at_b.recv()).await.is_err());
    kill.send(()).unwrap();
    let start = Instant::now();
    let error = at_b.recv().await.unwrap_err();
    assert!(matches!(error, NetError::Closed { reason: CloseReason::Lost(_), .. }), "{error:?}");
    assert!(start.elapsed() < 2 * idle, "seen after {:?}", start.elapsed());
    done.send(()).unwrap();
    peer.join().unwrap();
    b.close().await;
}

#[tokio::test]
async fn sessions_beyond_the_limit_are_turned_away_with_a_reason() {
    let few = |options: &mut BindOptions| {
        options.accept = AcceptOptions { sessions_per_node_max: 2, ..AcceptOptions::default() };
    };
    let b = endpoint_with(&NodeKey::generate(), few).await;
    let a = endpoint().await;
    let first = session(&a, &b).await;
    let _second = session(&a, &b).await;
    let error = a.connect(&b.addr()).await.unwrap_err();
    let busy = matches!(error, NetError::NotTaken { reason: CloseReason::Busy, .. });
    assert!(busy && error.is_temporary(), "{error:?}");
    first.0.close(CloseReason::Normal).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    session(&a, &b).await;
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn a_flood_of_handshakes_is_turned_away_early() {
    let few = |options: &mut BindOptions| {
        options.accept.handshakes_burst = 3;
        options.accept.handshakes_per_second = 0;
    };
    let b = endpoint_with(&NodeKey::generate(), few).await;
    let a = endpoint().await;
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(a.connect(&b.addr()).await);
    }
    assert!(outcomes[..3].iter().all(Result::is_ok));
    let busy = |o: &Result<_, NetError>| {
        matches!(o, Err(NetError::NotTaken { reason: CloseReason::Busy, .. }))
    };
    assert!(outcomes[3..].iter().all(busy), "{outcomes:?}");
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn one_key_on_two_endpoints_is_one_node_with_two_sessions() {
    let key = NodeKey::generate();
    let (a1, a2) = (endpoint_with(&key, |_| {}).await, endpoint_with(&key, |_| {}).await);
    let b = endpoint().await;
    let (mut old, at_b_old) = session(&a1, &b).await;
    let (mut new, at_b_new) = session(&a2, &b).await;
    assert_eq!(at_b_old.peer(), at_b_new.peer());
    // What a manager does with the older one.
    at_b_old.close(CloseReason::Replaced).await;
    let error = old.recv().await.unwrap_err();
    assert!(matches!(error, NetError::Closed { reason: CloseReason::Replaced, .. }), "{error}");
    at_b_new.send("you stay").await.unwrap();
    assert_eq!(new.recv().await.unwrap().unwrap(), "you stay");
    let error = a1.connect(&a2.addr()).await.unwrap_err();
    assert!(matches!(error, NetError::SelfDial { .. }), "{error}");
    for endpoint in [a1, a2, b] {
        endpoint.close().await;
    }
}

#[tokio::test]
async fn a_slow_reader_fills_a_bounded_queue() {
    let (a, b) = (endpoint().await, endpoint().await);
    let (at_a, mut at_b) = session(&a, &b).await;
    let (sender, _receiver) = at_a.split();
    let mut queued = 0;
    let error = loop {
        match sender.try_send(vec![1; 500_000]) {
            Ok(()) => queued += 1,
            // What fits the windows of the connection is taken out of the queue: try until nothing moves.
            Err(error) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if sender.try_send(vec![1; 500_000]).is_err() {
                    break error;
                }
                queued += 1;
            }
        }
        assert!(queued < 100, "nothing bounds the queue");
    };
    assert!(matches!(error, NetError::QueueFull { .. }), "{error}");
    let waiting = tokio::time::timeout(Duration::from_millis(100), sender.send(vec![1; 500_000]));
    assert!(waiting.await.is_err());
    for _ in 0..queued {
        at_b.recv().await.unwrap().unwrap();
    }
    sender.send("room again").await.unwrap();
    assert_eq!(at_b.recv().await.unwrap().unwrap(), "room again");
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn a_pair_in_one_process_behaves_like_a_connection() {
    let (a, b) = (NodeId([1; 32]), NodeId([2; 32]));
    let (mut at_a, mut at_b) = Session::pair(a, b, &SessionOptions::default());
    assert_eq!((at_a.peer(), at_b.peer()), (b, a));
    at_a.send("to b").await.unwrap();
    at_b.send("to a").await.unwrap();
    assert_eq!(at_b.recv().await.unwrap().unwrap(), "to b");
    assert_eq!(at_a.recv().await.unwrap().unwrap(), "to a");
    at_a.send("last").await.unwrap();
    at_a.close(CloseReason::Replaced).await;
    assert_eq!(at_b.recv().await.unwrap().unwrap(), "last");
    let error = at_b.recv().await.unwrap_err();
    assert!(matches!(error, NetError::Closed { reason: CloseReason::Replaced, .. }), "{error}");
    assert!(at_b.send("late").await.is_err());

    let (at_a, mut at_b) = Session::pair(a, b, &SessionOptions::default());
    drop(at_a);
    assert_eq!(at_b.recv().await.unwrap(), None);
}

#[tokio::test]
async fn redial_goes_on_until_somebody_answers() {
    let (a, b) = (endpoint().await, endpoint().await);
    let dead = {
        let dead = endpoint_with(&NodeKey::generate(), |_| {}).await;
        let addr = dead.addr();
        dead.close().await;
        addr
    };
    let mut backoff = Backoff::new(BackoffOptions::default(), 3);
    let mut failures = 0;
    let session = a.redial(&[dead, b.addr()], &mut backoff, |_| failures += 1).await.unwrap();
    assert_eq!((session.peer(), failures), (b.node_id(), 1));
    let error = a.redial(&[], &mut backoff, |_| {}).await.unwrap_err();
    assert!(matches!(error, NetError::NobodyToDial), "{error}");
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn an_endpoint_on_any_address_names_its_local_ones() {
    let any = Endpoint::bind(&NodeKey::generate(), BindOptions::default()).await.unwrap();
    let addr = any.addr();
    assert!(addr.sockets.iter().any(|socket| socket.ip().is_loopback()), "{addr:?}");
    assert!(addr.sockets.iter().all(|s| !s.ip().is_unspecified() && s.port() != 0), "{addr:?}");
    println!("{:?}", addr.sockets);
    let advertised = "203.0.113.7:4433".parse().unwrap();
    let forwarded = endpoint_with(&NodeKey::generate(), |o| o.advertise = vec![advertised]).await;
    assert_eq!(forwarded.addr().sockets[0], advertised);
    // The advertised address leads nowhere here; the local one is found all the same.
    session(&any, &forwarded).await;
    any.close().await;
    forwarded.close().await;
}
