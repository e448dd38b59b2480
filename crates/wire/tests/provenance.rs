//! Strangers' proofs: no length is believed, nothing panics.

use candela_core::id::BlobHash;
use candela_wire::DecodeError;
use candela_wire::provenance::{
    HEADER_BYTES, IndexEntry, Section, decode_facts, decode_header, decode_index, encode_index,
    records,
};
use proptest::prelude::*;

fn fixture() -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/v1/proof.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn headers_of_something_else() {
    let file = fixture();
    for end in 0..HEADER_BYTES {
        assert!(matches!(decode_header(&file[..end]), Err(DecodeError::WrongLength { .. })));
    }
    let mut other = file.clone();
    other[0] = b'X';
    assert!(matches!(decode_header(&other), Err(DecodeError::NotAllowed { .. })));
    let mut newer = file.clone();
    newer[8] = 2;
    let error = decode_header(&newer);
    assert_eq!(error, Err(DecodeError::VersionUnknown { kind: "proof", version: 2 }));
    // The lengths of facts, records, index and pictures.
    for at in [9, 49, 89, 129] {
        let mut huge = file.clone();
        huge[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decode_header(&huge), Err(DecodeError::TooLarge { .. })), "byte {at}");
    }
}

#[test]
fn a_damaged_record_is_told_from_the_others() {
    let file = fixture();
    let range = decode_header(&file).unwrap().range(Section::Records);
    let section = &file[range.start as usize..range.end as usize];
    assert_eq!(records(section).filter(Result::is_ok).count(), 3);
    let mut damaged = section.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let all: Vec<_> = records(&damaged).collect();
    assert!(all[0].is_ok() && all[1].is_ok());
    assert_eq!(all[2].as_ref().unwrap_err().at.end, section.len());
    // A length that can't be ends the list.
    damaged[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    let all: Vec<_> = records(&damaged).collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].as_ref().unwrap_err().at, 0..section.len());
}

#[test]
fn an_index_adds_up() {
    let entry = |bytes| IndexEntry { hash: BlobHash([3; 32]), bytes };
    let section = encode_index(&[entry(5), entry(0), entry(7)]);
    let places = decode_index(&section, 100..112).unwrap();
    let places: Vec<_> = places.into_iter().map(|(_, place)| place).collect();
    assert_eq!(places, [100..105, 105..105, 105..112]);
    for end in [111, 113] {
        assert!(decode_index(&section, 100..end).is_err());
    }
    assert!(decode_index(&section[1..], 100..112).is_err());
    let huge = encode_index(&[entry(u64::MAX), entry(13)]);
    assert!(decode_index(&huge, 100..112).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode_header(&bytes);
        prop_assert!(records(&bytes).all(|record| record.is_err()));
        let _ = decode_index(&bytes, 0..1 << 40);
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        prop_assert!(decode_facts(&bytes).is_err());
    }
}
