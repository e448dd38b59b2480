//! One store: adding, reading, exporting, pins, garbage, and what survives a kill.

mod support;

use candela_blobs::{BlobError, Collection, ExportMode, ImportMode};
use candela_core::id::BlobHash;
use n0_future::StreamExt;
use std::io;
use std::path::Path;
use std::time::Duration;
use support::{noise, open, open_tidy};

#[tokio::test]
async fn what_is_added_is_read_whole_in_parts_and_as_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path()).await;
    for bytes in [0, 1, 1024, 16_384, 16_385, 3_000_000] {
        let data = noise(bytes, 1);
        let added = blobs.add_bytes(data.clone(), "a").await.unwrap();
        assert_eq!(added.bytes, bytes as u64);
        assert_eq!(blobs.read(added.hash, bytes as u64).await.unwrap(), data);
        if bytes > 0 {
            let error = blobs.read(added.hash, bytes as u64 - 1).await.unwrap_err();
            assert!(matches!(error, BlobError::TooLarge { .. }), "{error}");
        }
        for (start, end) in [(0, 0), (0, bytes), (bytes / 3, bytes / 2), (bytes, bytes)] {
            let range = start as u64..end as u64;
            let part = blobs.read_range(added.hash, range.clone()).await.unwrap();
            assert_eq!(part, data[start..end], "{range:?} of {bytes}");
            let parts = blobs.stream(added.hash, range.clone()).await.unwrap();
            let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
            assert_eq!(parts.concat(), data[start..end], "{range:?} of {bytes}");
        }
        let error = blobs.read_range(added.hash, 0..bytes as u64 + 1).await.unwrap_err();
        assert!(matches!(error, BlobError::Range { .. }), "{error}");
        assert!(blobs.stream(added.hash, 0..bytes as u64 + 1).await.is_err());
    }
    let nowhere = BlobHash([9; 32]);
    assert!(!blobs.has(nowhere).await.unwrap());
    assert_eq!(blobs.missing(&[nowhere]).await.unwrap(), vec![nowhere]);
    for error in [
        blobs.read(nowhere, 10).await.unwrap_err(),
        blobs.read_range(nowhere, 0..10).await.unwrap_err(),
        blobs.export(nowhere, &folder.path().join("x"), ExportMode::Copy).await.unwrap_err(),
        blobs.stream(nowhere, 0..0).await.err().unwrap(),
    ] {
        assert!(matches!(error, BlobError::Missing { .. }), "{error:?}");
    }
    blobs.shutdown().await.unwrap();
}

#[tokio::test]
async fn uploads_are_limited_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open_tidy(folder.path()).await;
    let data = noise(1_000_000, 2);
    let upload = || {
        let parts: Vec<_> = data.chunks(70_000).map(|part| Ok(part.to_vec().into())).collect();
        n0_future::stream::iter(parts)
    };
    let hash = blobs.add_bytes(data.clone(), "known").await.unwrap().hash;
    blobs.unpin("known").await.unwrap();

    let added = blobs.add_stream(upload(), 1_000_000, Some(hash), "up").await.unwrap();
    assert_eq!((added.hash, added.bytes), (hash, 1_000_000));
    blobs.unpin("up").await.unwrap();

    let error = blobs.add_stream(upload(), 999_999, None, "up").await.unwrap_err();
    assert!(matches!(error, BlobError::StreamTooLarge { max: 999_999 }), "{error:?}");
    let other = BlobHash([1; 32]);
    let error = blobs.add_stream(upload(), 1_000_000, Some(other), "up").await.unwrap_err();
    assert!(matches!(error, BlobError::WrongHash { .. }), "{error:?}");
    let broken = upload().chain(n0_future::stream::iter([Err(io::Error::other("gone"))]));
    let error = blobs.add_stream(broken, 2_000_000, None, "up").await.unwrap_err();
    assert!(matches!(error, BlobError::StreamBroken { .. }), "{error:?}");
    assert_eq!(blobs.pins("").await.unwrap(), vec![]);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let leftovers = std::fs::read_dir(folder.path().join("temp")).unwrap().count();
    assert_eq!(leftovers, 0, "files of uploads that failed");
    assert!(!blobs.has(hash).await.unwrap(), "nothing is kept of what has no pin");
    blobs.shutdown().await.unwrap();
}

#[tokio::test]
async fn files_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(&folder.path().join("store")).await;
    let path = folder.path().join("frame.exr");
    let data = noise(500_000, 3);
    std::fs::write(&path, &data).unwrap();
    let copied = blobs.add_path(&path, ImportMode::Copy, "copied").await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(blobs.read(copied.hash, 1 << 20).await.unwrap(), data);

    let out = folder.path().join("out/frame.exr");
    std::fs::create_dir(out.parent().unwrap()).unwrap();
    for mode in [ExportMode::ReadOnly, ExportMode::ReadOnly, ExportMode::Copy] {
        blobs.export(copied.hash, &out, mode).await.unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), data);
        assert_eq!(
            std::fs::metadata(&out).unwrap().permissions().readonly(),
            mode == ExportMode::ReadOnly
        );
        assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "no leftovers");
    }
    // A copy is the user's own: changing it leaves the store alone.
    std::fs::write(&out, b"painted over").unwrap();
    assert_eq!(blobs.read(copied.hash, 1 << 20).await.unwrap(), data);

    let referenced = folder.path().join("large.blend");
    let data = noise(600_000, 4);
    std::fs::write(&referenced, &data).unwrap();
    let added = blobs.add_path(&referenced, ImportMode::Reference, "ref").await.unwrap();
    blobs.export(added.hash, &out, ExportMode::ReadOnly).await.unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), data);
    assert!(!std::fs::metadata(&referenced).unwrap().permissions().readonly());
    let error = blobs.add_path(Path::new("/nowhere/at/all"), ImportMode::Copy, "x").await;
    assert!(matches!(error, Err(BlobError::File { .. })), "{error:?}");
    blobs.shutdown().await.unwrap();
}

#[tokio::test]
async fn garbage_goes_and_what_is_pinned_stays() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open_tidy(folder.path()).await;
    let add =
        async |seed, bytes, pin: &str| blobs.add_bytes(noise(bytes, seed), pin).await.unwrap().hash;
    let (kept, child_a, child_b) = (
        add(1, 100_000, "job/1/frame").await,
        add(2, 100_000, "job/2/a").await,
        add(3, 100, "job/2/b").await,
    );
    let entries = vec![("scene.blend".into(), child_a), ("tex/a.png".into(), child_b)];
    let collection = Collection::new(entries).unwrap();
    let scene = blobs.store_collection(&collection, "scene").await.unwrap();
    assert_eq!(blobs.pins("job/").await.unwrap().len(), 3);
    assert_eq!(blobs.unpin_prefix("job/2/").await.unwrap(), 2);
    let pins = blobs.pins("").await.unwrap();
    let pins: Vec<_> = pins.iter().map(|pin| (&*pin.name, pin.hash, pin.collection)).collect();
    assert_eq!(pins, [("job/1/frame", kept, false), ("scene", scene, true)]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(blobs.missing(&[kept, scene, child_a, child_b]).await.unwrap(), vec![]);
    assert_eq!(blobs.load_collection(scene).await.unwrap(), collection);
    assert!(blobs.unpin("scene").await.unwrap());
    assert!(!blobs.unpin("scene").await.unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gone = blobs.missing(&[kept, scene, child_a, child_b]).await.unwrap();
    assert_eq!(gone, vec![scene, child_a, child_b]);
    for pin in ["", &"x".repeat(600)] {
        assert!(matches!(blobs.pin(pin, kept).await, Err(BlobError::PinName { .. })));
    }
    assert!(matches!(blobs.unpin_prefix("").await, Err(BlobError::PinName { .. })));
    blobs.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_was_synced_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let blobs = open(&live).await;
    let large = blobs.add_bytes(noise(1_000_000, 5), "large").await.unwrap().hash;
    let small = blobs.add_bytes(noise(100, 6), "small").await.unwrap().hash;
    blobs.sync().await.unwrap();
    // The files as they are while the store is open: what a killed process leaves behind.
    let killed = folder.path().join("killed");
    copy_folder(&live, &killed);
    let found = open_tidy(&killed).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(found.pins("").await.unwrap().len(), 2);
    assert_eq!(found.read(large, 1 << 20).await.unwrap(), noise(1_000_000, 5));
    assert_eq!(found.read(small, 1 << 20).await.unwrap(), noise(100, 6));
    found.shutdown().await.unwrap();
    // And an orderly restart of the first.
    let second = candela_blobs::Blobs::open(&live, candela_blobs::OpenOptions::default()).await;
    assert!(second.is_err(), "one process at a time");
    blobs.shutdown().await.unwrap();
    let again = open(&live).await;
    assert!(again.has(large).await.unwrap() && again.has(small).await.unwrap());
    again.shutdown().await.unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_scene_becomes_a_folder_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(&folder.path().join("store")).await;
    let (blend, wood) = (noise(200_000, 7), noise(300, 8));
    let blend_hash = blobs.add_bytes(blend.clone(), "1").await.unwrap().hash;
    let wood_hash = blobs.add_bytes(wood.clone(), "2").await.unwrap().hash;
    let entries =
        [("scene.blend", blend_hash), ("tex/a/wood.png", wood_hash), ("tex/b.png", wood_hash)];
    let entries: Vec<_> = entries.map(|(name, hash)| (name.to_owned(), hash)).into();
    let scene = Collection::new(entries.clone()).unwrap();
    let scene = blobs.store_collection(&scene, "scene").await.unwrap();
    // The name of a scene is its identity everywhere: a change of the stored form would be a break.
    assert_eq!(
        scene.to_string(),
        "3b67a2d8979a5c977e1fe902fdcd6c460dd8739e3c77d476bc1488a8d82808ef"
    );
    let out = folder.path().join("scenes/one");
    for mode in [ExportMode::ReadOnly, ExportMode::Copy] {
        blobs.export_collection(scene, &out, mode).await.unwrap();
        assert_eq!(std::fs::read(out.join("scene.blend")).unwrap(), blend);
        assert_eq!(std::fs::read(out.join("tex/a/wood.png")).unwrap(), wood);
        assert_eq!(std::fs::read(out.join("tex/b.png")).unwrap(), wood);
        let error = blobs.export_collection(scene, &out, mode).await.unwrap_err();
        assert!(matches!(error, BlobError::File { .. }), "{error:?}");
        std::fs::remove_dir_all(&out).unwrap();
    }
    assert!(blobs.has(blend_hash).await.unwrap(), "removing the folder leaves the store alone");
    assert_eq!(blobs.read(blend_hash, 1 << 20).await.unwrap(), blend);

    let lacking = [entries, vec![("gone.png".into(), BlobHash([3; 32]))]].concat();
    let lacking = Collection::new(lacking).unwrap();
    let lacking = blobs.store_collection(&lacking, "lacking").await.unwrap();
    let error = blobs.export_collection(lacking, &out, ExportMode::Copy).await.unwrap_err();
    assert!(matches!(error, BlobError::Missing { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), 0, "nothing half done");
    let error = blobs.load_collection(wood_hash).await.unwrap_err();
    assert!(matches!(error, BlobError::Collection { .. }), "{error:?}");
    blobs.shutdown().await.unwrap();
}

/// Mount one of 16 MiB and name it: `mount -t tmpfs -o size=16m none /mnt/small`.
#[tokio::test]
#[ignore = "needs a small file system, named by CANDELA_TEST_SMALL_DISK"]
async fn a_full_disk_is_reported_and_what_was_there_stays() {
    let small = std::env::var_os("CANDELA_TEST_SMALL_DISK").expect("CANDELA_TEST_SMALL_DISK");
    let folder = tempfile::tempdir_in(&small).unwrap();
    let options = candela_blobs::OpenOptions {
        gc_interval: Duration::from_millis(200),
        reserve_bytes: 4 << 20,
    };
    let blobs = candela_blobs::Blobs::open(folder.path(), options).await.unwrap();
    let full = |outcome: Result<candela_blobs::Added, BlobError>| match outcome {
        Err(BlobError::StorageFull { source, .. }) => println!("{source}"),
        other => panic!("{other:?}"),
    };
    let kept = blobs.add_bytes(noise(1_000_000, 1), "kept").await.unwrap().hash;
    blobs.sync().await.unwrap();
    full(blobs.add_bytes(noise(30_000_000, 2), "bytes").await);
    let parts = noise(30_000_000, 3);
    let parts: Vec<_> = parts.chunks(65_536).map(|part| Ok(part.to_vec().into())).collect();
    full(blobs.add_stream(n0_future::stream::iter(parts), 1 << 30, None, "stream").await);
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), noise(30_000_000, 4)).unwrap();
    full(blobs.add_path(outside.path(), ImportMode::Copy, "path").await);

    assert_eq!(blobs.read(kept, 1 << 20).await.unwrap(), noise(1_000_000, 1));
    tokio::time::sleep(Duration::from_secs(6)).await;
    blobs.add_bytes(noise(3_000_000, 6), "again").await.unwrap();

    // What did not fit is fetched once there is room.
    let provider = support::Node::new().await;
    let fetcher = blobs.fetcher(&support::endpoint().await);
    let options = candela_blobs::FetchOptions::pinned("fetched");
    let filler = tempfile::NamedTempFile::new_in(&small).unwrap();
    std::fs::write(filler.path(), noise(3_000_000, 7)).unwrap();
    let fits = provider.blobs.add_bytes(noise(8_000_000, 8), "y").await.unwrap().hash;
    let error = fetcher.fetch(fits, &[provider.addr()], &options).await.unwrap_err();
    assert!(matches!(error, BlobError::StorageFull { .. }), "{error:?}");
    let error = fetcher.fetch(fits, &[provider.addr()], &options).await.unwrap_err();
    assert!(matches!(error, BlobError::StorageFull { .. }), "{error:?}");
    drop(filler);
    blobs.unpin("again").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    fetcher.fetch(fits, &[provider.addr()], &options).await.unwrap();
    assert_eq!(blobs.read(fits, 1 << 30).await.unwrap(), noise(8_000_000, 8));
    provider.stop().await;
    blobs.shutdown().await.unwrap();
}
