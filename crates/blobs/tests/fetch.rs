//! Fetching between nodes on loopback: nothing twice, nothing unverified, and on from the next provider.

mod support;

use candela_blobs::{ALPN, BlobError, Collection, CollectionError, ExportMode, FetchOptions};
use candela_core::id::{BlobHash, NodeId};
use iroh_blobs::format::collection::Collection as Stored;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Node, addr, endpoint, noise};

fn options() -> FetchOptions {
    FetchOptions { stall: Duration::from_secs(2), ..FetchOptions::pinned("fetched") }
}

#[tokio::test]
async fn a_blob_comes_once() {
    let (a, b) = (Node::new().await, Node::new().await);
    for bytes in [0, 1, 1024, 16_384, 16_385, 100_000, 40_000_000] {
        let data = noise(bytes, bytes as u64);
        let hash = a.blobs.add_bytes(data.clone(), "x").await.unwrap().hash;
        let stats = b.fetcher.fetch(hash, &[a.addr()], &options()).await.unwrap();
        assert_eq!(stats.bytes_local, 0);
        assert_eq!(stats.bytes_transferred, bytes as u64, "no more than the blob");
        assert_eq!(b.blobs.read(hash, 1 << 30).await.unwrap(), data);
        let again = b.fetcher.fetch(hash, &[a.addr()], &options()).await.unwrap();
        assert_eq!((again.bytes_transferred, again.bytes_local), (0, bytes as u64));
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn ranges_come_alone_and_count_towards_the_whole() {
    let (a, b) = (Node::new().await, Node::new().await);
    let data = noise(10_000_000, 11);
    let hash = a.blobs.add_bytes(data.clone(), "x").await.unwrap().hash;
    let ranges = [5_000_000..5_040_000, 100..200, 9_999_000..10_000_000, 7..7];
    let from = [a.addr()];
    let (parts, stats) = b.fetcher.fetch_ranges(hash, &ranges, &from, &options()).await.unwrap();
    for (range, part) in ranges.iter().zip(&parts) {
        assert_eq!(*part, data[range.start as usize..range.end as usize]);
    }
    let asked: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    println!("{asked} bytes in ranges cost {} bytes", stats.bytes_transferred);
    assert!(stats.bytes_transferred < asked + 6 * 16_384);
    let (_, again) = b.fetcher.fetch_ranges(hash, &ranges, &from, &options()).await.unwrap();
    assert_eq!(again.bytes_transferred, 0);
    let rest = b.fetcher.fetch(hash, &from, &options()).await.unwrap();
    assert_eq!(rest.bytes_transferred + rest.bytes_local, 10_000_000, "{rest:?} after {stats:?}");
    assert!(rest.bytes_local >= asked);
    for wrong in [0..10_000_001, 10_000_000..10_000_001, 20_000_000..20_000_001] {
        let error =
            b.fetcher.fetch_range(hash, wrong.clone(), &from, &options()).await.unwrap_err();
        assert!(matches!(error, BlobError::Range { .. }), "{wrong:?}: {error:?}");
    }
    let fresh = Node::new().await;
    let beyond = fresh.fetcher.fetch_range(hash, 9_999_999..10_000_001, &from, &options()).await;
    assert!(matches!(beyond, Err(BlobError::Range { .. })), "{beyond:?}");
    for node in [a, b, fresh] {
        node.stop().await;
    }
}

async fn scene(node: &Node, seeds: std::ops::Range<u64>, pin: &str) -> BlobHash {
    let mut entries = Vec::new();
    for seed in seeds {
        let bytes = 20_000 + 1_000 * seed as usize;
        let hash =
            node.blobs.add_bytes(noise(bytes, seed), &format!("f/{seed}")).await.unwrap().hash;
        entries.push((format!("tex/{seed}.png"), hash));
    }
    node.blobs.store_collection(&Collection::new(entries).unwrap(), pin).await.unwrap()
}

#[tokio::test]
async fn scenes_share_what_they_have_in_common() {
    let (a, b) = (Node::new().await, Node::new().await);
    let first = scene(&a, 0..100, "first").await;
    let second = scene(&a, 50..101, "second").await;
    let from = [a.addr()];
    let stats =
        b.fetcher.fetch_collection(first, &from, &FetchOptions::pinned("first")).await.unwrap();
    assert_eq!(stats.bytes_local, 0);
    assert_eq!(
        b.blobs.load_collection(first).await.unwrap(),
        a.blobs.load_collection(first).await.unwrap()
    );
    let stats =
        b.fetcher.fetch_collection(second, &from, &FetchOptions::pinned("second")).await.unwrap();
    let new = 20_000 + 1_000 * 100;
    assert!((new..new + 5_000).contains(&stats.bytes_transferred), "{stats:?}");
    let stats =
        b.fetcher.fetch_collection(second, &[], &FetchOptions::pinned("second")).await.unwrap();
    assert_eq!(stats.bytes_transferred, 0);
    let pins = b.blobs.pins("").await.unwrap();
    assert!(pins.len() == 2 && pins.iter().all(|pin| pin.collection), "{pins:?}");
    let small = FetchOptions { bytes_max: 1_000_000, ..options() };
    let c = Node::new().await;
    let error = c.fetcher.fetch_collection(first, &from, &small).await.unwrap_err();
    assert!(matches!(error, BlobError::TooLarge { max: 1_000_000, .. }), "{error:?}");
    for node in [a, b, c] {
        node.stop().await;
    }
}

#[tokio::test]
async fn hostile_collections_are_refused_before_their_blobs_come() {
    let (a, b) = (Node::new().await, Node::new().await);
    let payload = a.blobs.add_bytes(noise(1_000_000, 1), "p").await.unwrap().hash;
    for name in ["../../root/.ssh/authorized_keys", "/etc/passwd", "a\\..\\b", "ok/../../up"] {
        // Made with iroh-blobs itself, which checks no names: the blob of names, then the root.
        let payload = iroh_blobs::Hash::from_bytes(payload.0);
        let stored: Stored = [(name, payload)].into_iter().collect();
        let mut root = None;
        for (number, bytes) in stored.to_blobs().enumerate() {
            let pin = format!("{name} {number}");
            root = Some(a.blobs.add_bytes(bytes, &pin).await.unwrap().hash);
        }
        let root = root.unwrap();
        let error = b.fetcher.fetch_collection(root, &[a.addr()], &options()).await.unwrap_err();
        let BlobError::Collection { source, .. } = error else { panic!("{name}: {error:?}") };
        assert!(matches!(source, CollectionError::Name { .. }), "{name}: {source:?}");
        let target = b.folder.path().join("out");
        assert!(b.blobs.export_collection(root, &target, ExportMode::Copy).await.is_err());
        assert!(!target.exists());
    }
    assert!(!b.blobs.has(payload).await.unwrap());
    // Any other blob is no collection either.
    let other = a.blobs.add_bytes(noise(1_000_001, 2), "other").await.unwrap().hash;
    let error = b.fetcher.fetch_collection(other, &[a.addr()], &options()).await.unwrap_err();
    assert!(
        matches!(error, BlobError::Collection { .. } | BlobError::TooLarge { .. }),
        "{error:?}"
    );
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn nobody_has_it_or_nobody_is_there() {
    let (a, b) = (Node::new().await, Node::new().await);
    let hash = BlobHash([5; 32]);
    let gone = endpoint().await;
    let gone_addr = addr(&gone);
    gone.close().await;
    let short = FetchOptions { connect: Duration::from_millis(500), ..options() };
    let error = b.fetcher.fetch(hash, &[a.addr(), gone_addr, b.addr()], &short).await.unwrap_err();
    println!("{error}");
    let BlobError::NoProvider { failures, .. } = error else { panic!("{error:?}") };
    assert_eq!(failures.len(), 2, "this node itself is not asked");
    assert_eq!(failures[1].reason, "no answer");
    assert_eq!((failures[0].answered, failures[1].answered), (true, false));
    let error = b.fetcher.fetch(hash, &[], &short).await.unwrap_err();
    assert!(error.to_string().ends_with("there is nobody to ask"), "{error}");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn too_large_a_blob_is_refused_before_it_comes() {
    let (a, b) = (Node::new().await, Node::new().await);
    let hash = a.blobs.add_bytes(noise(20_000_000, 4), "x").await.unwrap().hash;
    let came = Arc::new(AtomicU64::new(0));
    let seen = came.clone();
    let limited = FetchOptions {
        bytes_max: 19_999_999,
        progress: Some(Arc::new(move |progress| seen.store(progress.bytes_transferred, Relaxed))),
        ..options()
    };
    let error = b.fetcher.fetch(hash, &[a.addr()], &limited).await.unwrap_err();
    assert!(matches!(error, BlobError::TooLarge { bytes: 20_000_000, .. }), "{error:?}");
    assert!(came.load(Relaxed) <= 16_384, "{} bytes came", came.load(Relaxed));
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_provider_vanishes_and_the_next_continues() {
    let (a, b, c) = (Node::new().await, Node::new().await, Node::new().await);
    let data = noise(80_000_000, 6);
    let hash = a.blobs.add_bytes(data.clone(), "x").await.unwrap().hash;
    assert_eq!(b.blobs.add_bytes(data, "x").await.unwrap().hash, hash);
    let (vanish, vanished) = tokio::sync::oneshot::channel();
    let vanish = Mutex::new(Some(vanish));
    let progress = move |progress: candela_blobs::FetchProgress| {
        if progress.bytes_transferred > 30_000_000
            && let Some(vanish) = vanish.lock().unwrap().take()
        {
            vanish.send(progress.bytes_transferred).unwrap();
        }
    };
    let watched = FetchOptions { progress: Some(Arc::new(progress)), ..options() };
    let from = [a.addr(), b.addr()];
    let leave = async {
        let at = vanished.await.unwrap();
        a.router.shutdown().await.unwrap();
        at
    };
    let (stats, at) = tokio::join!(c.fetcher.fetch(hash, &from, &watched), leave);
    let stats = stats.unwrap();
    println!("a left at {at}; {stats:?}");
    assert!(c.blobs.has(hash).await.unwrap());
    assert!(stats.bytes_transferred < 80_000_000 + 8_000_000, "what had come is not asked again");
    for node in [a, b, c] {
        node.blobs.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_off_fetch_goes_on_where_it_was() {
    let (a, b) = (Node::new().await, Node::new().await);
    let hash = a.blobs.add_bytes(noise(80_000_000, 7), "x").await.unwrap().hash;
    let came = Arc::new(AtomicU64::new(0));
    let seen = came.clone();
    let slow = FetchOptions {
        time_max: Some(Duration::from_millis(200)),
        progress: Some(Arc::new(move |p| seen.store(p.bytes_transferred, Relaxed))),
        ..options()
    };
    let error = b.fetcher.fetch(hash, &[a.addr()], &slow).await.unwrap_err();
    assert!(matches!(error, BlobError::TimedOut { allowed_ms: 200, .. }), "{error:?}");
    let first = came.load(Relaxed);
    let stats = b.fetcher.fetch(hash, &[a.addr()], &options()).await.unwrap();
    println!("{first} bytes came first, then {stats:?}");
    assert_eq!(stats.bytes_local + stats.bytes_transferred, 80_000_000);
    assert!(stats.bytes_local > 0);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_silent_provider_is_left_for_the_next() {
    let silent = endpoint().await;
    silent.set_alpns(vec![ALPN.to_vec()]);
    let listening = silent.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(incoming) = listening.accept().await {
            held.push(incoming.await);
        }
    });
    let (a, b) = (Node::new().await, Node::new().await);
    let hash = a.blobs.add_bytes(noise(1_000_000, 8), "x").await.unwrap().hash;
    let short = FetchOptions { stall: Duration::from_millis(300), ..options() };
    let start = Instant::now();
    b.fetcher.fetch(hash, &[addr(&silent), a.addr()], &short).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let error = b.fetcher.fetch(BlobHash([8; 32]), &[addr(&silent)], &short).await.unwrap_err();
    assert!(error.to_string().contains("sent nothing for 0.3 s"), "{error}");
    silent.close().await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn fetching_the_same_twice_at_once_transfers_it_once() {
    let (a, b) = (Node::new().await, Node::new().await);
    let hash = a.blobs.add_bytes(noise(30_000_000, 9), "x").await.unwrap().hash;
    let (from, options) = ([a.addr()], options());
    let (first, second) = tokio::join!(
        b.fetcher.fetch(hash, &from, &options),
        b.fetcher.fetch(hash, &from, &options)
    );
    let sum = first.unwrap().bytes_transferred + second.unwrap().bytes_transferred;
    assert_eq!(sum, 30_000_000);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn only_whom_the_policy_lets_may_read() {
    let open = Arc::new(AtomicBool::new(false));
    let asked: Arc<Mutex<Vec<(NodeId, BlobHash)>>> = Arc::default();
    let (is_open, seen) = (open.clone(), asked.clone());
    let a = Node::with_policy(Arc::new(move |node, hash| {
        seen.lock().unwrap().push((*node, *hash));
        is_open.load(Relaxed)
    }))
    .await;
    let b = Node::new().await;
    let hash = a.blobs.add_bytes(noise(100_000, 10), "x").await.unwrap().hash;
    let from = [a.addr()];
    let error = b.fetcher.fetch(hash, &from, &options()).await.unwrap_err();
    assert!(error.to_string().contains("doesn't let this node read it"), "{error}");
    assert_eq!(asked.lock().unwrap()[0], (b.addr().node, hash));
    open.store(true, Relaxed);
    b.fetcher.fetch(hash, &from, &options()).await.unwrap();

    // A list of hashes as a whole is not served: it would go past the policy for its members.
    let scene = Collection::new(vec![("x".into(), hash)]).unwrap();
    let scene = a.blobs.store_collection(&scene, "s").await.unwrap();
    let root = iroh_blobs::Hash::from_bytes(scene.0);
    let to = iroh::EndpointAddr::new(a.router.endpoint().id()).with_ip_addr(from[0].sockets[0]);
    let connection = b.router.endpoint().connect(to, ALPN).await.unwrap();
    let raw = iroh_blobs::store::mem::MemStore::new();
    let all = iroh_blobs::HashAndFormat::hash_seq(root);
    assert!(raw.remote().fetch(connection.clone(), all).complete().await.is_err());
    let one = iroh_blobs::HashAndFormat::raw(root);
    raw.remote().fetch(connection, one).complete().await.unwrap();
    a.stop().await;
    b.stop().await;
}
