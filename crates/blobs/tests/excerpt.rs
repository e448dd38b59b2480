//! Excerpts are read as they were made, and not at all with a bit of them changed.

mod support;

use candela_blobs::{ExcerptError, read_excerpt};
use candela_core::id::BlobHash;
use proptest::prelude::*;
use std::ops::Range;
use support::{noise, open};

/// A blob of noise and its excerpt of these ranges.
async fn made(bytes: usize, ranges: &[Range<u64>]) -> (BlobHash, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path()).await;
    let blob = noise(bytes, 7);
    let hash = blobs.add_bytes(blob.clone(), "test/blob").await.unwrap().hash;
    let excerpt = blobs.excerpt(hash, ranges).await.unwrap().to_vec();
    blobs.shutdown().await.unwrap();
    (hash, blob, excerpt)
}

/// Every byte is turned over in one bit: `read_excerpt` says no, and names a place that holds the byte.
fn check_every_byte(hash: BlobHash, bytes: u64, ranges: &[Range<u64>], excerpt: &[u8]) {
    let mut damaged = excerpt.to_vec();
    for at in 0..damaged.len() {
        damaged[at] ^= 1 << (at % 8);
        match read_excerpt(hash, bytes, ranges, &damaged) {
            Err(ExcerptError::Wrong { at: place }) => {
                // A wrong hash is found at the latest where it is needed.
                assert!(place.start <= at || place.contains(&at), "byte {at}: {place:?}");
                assert!(place.end > at, "byte {at} is after {place:?}");
            }
            Err(ExcerptError::Length { .. }) => assert!(at < 8, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
        damaged[at] ^= 1 << (at % 8);
    }
}

#[tokio::test]
async fn excerpts_are_read_as_they_were_made() {
    for (bytes, ranges) in [
        (1, vec![0..1]),
        (1_024, vec![0..1_024]),
        (5_000, vec![0..4_096, 4_096..4_100]),
        (16_384, vec![0..1, 16_383..16_384]),
        (16_385, vec![16_384..16_385]),
        (300_000, vec![0..4_096, 70_000..86_384, 200_001..200_002]),
        (300_000, vec![299_000..300_000]),
        (300_000, vec![0..300_000]),
    ] {
        let (hash, blob, excerpt) = made(bytes, &ranges).await;
        let parts = read_excerpt(hash, bytes as u64, &ranges, &excerpt).unwrap();
        for (part, range) in parts.iter().zip(&ranges) {
            assert_eq!(&part[..], &blob[range.start as usize..range.end as usize], "{range:?}");
        }
        check_every_byte(hash, bytes as u64, &ranges, &excerpt);
        for end in (0..excerpt.len()).step_by(101).chain([excerpt.len() - 1]) {
            let short = read_excerpt(hash, bytes as u64, &ranges, &excerpt[..end]);
            assert_eq!(short, Err(ExcerptError::Short { at: end }), "cut at {end}");
        }
        let mut longer = excerpt.clone();
        longer.push(0);
        let long = read_excerpt(hash, bytes as u64, &ranges, &longer);
        assert_eq!(long, Err(ExcerptError::Long { at: excerpt.len() }));
    }
}

#[tokio::test]
async fn an_excerpt_of_something_else() {
    let ranges = [0..4_096, 20_000..24_000];
    let (hash, _, excerpt) = made(100_000, &ranges).await;
    let read = |hash, bytes, ranges: &[Range<u64>]| read_excerpt(hash, bytes, ranges, &excerpt);
    assert!(matches!(read(BlobHash([9; 32]), 100_000, &ranges), Err(ExcerptError::Wrong { .. })));
    let other_length = read(hash, 100_001, &ranges);
    assert_eq!(other_length, Err(ExcerptError::Length { found: 100_000, expected: 100_001 }));
    assert!(read(hash, 100_000, &[0..4_096]).is_err(), "more than was asked for");
    assert!(read(hash, 100_000, &[0..4_096, 60_000..64_000]).is_err(), "other ranges");
    // What can't be a part is refused before anything is computed.
    for range in [5..5, 100_000..100_001, 10..u64::MAX] {
        assert!(matches!(read(hash, 100_000, &[range]), Err(ExcerptError::Range { .. })));
    }
    let huge = read(hash, u64::MAX, &[0..u64::MAX]);
    assert!(matches!(huge, Err(ExcerptError::Range { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_ranges_of_any_blob(
        bytes in 1usize..200_000,
        places in prop::collection::vec((0.0f64..1.0, 1usize..20_000), 1..4),
        bit in 0usize..8,
    ) {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (share, length) in places {
            let start = (share * bytes as f64) as usize;
            ranges.push(start as u64..(start + length).min(bytes) as u64);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (hash, blob, excerpt) = runtime.block_on(made(bytes, &ranges));
        let parts = read_excerpt(hash, bytes as u64, &ranges, &excerpt).unwrap();
        for (part, range) in parts.iter().zip(&ranges) {
            prop_assert_eq!(&part[..], &blob[range.start as usize..range.end as usize]);
        }
        for at in (0..excerpt.len()).step_by(37) {
            let mut damaged = excerpt.clone();
            damaged[at] ^= 1 << bit;
            prop_assert!(read_excerpt(hash, bytes as u64, &ranges, &damaged).is_err(), "{}", at);
            prop_assert!(read_excerpt(hash, bytes as u64, &ranges, &excerpt[..at]).is_err());
        }
    }
}
