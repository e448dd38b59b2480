//! Rows with floats keep every bit, also of what is not a number.

use candela_core::verification::{VerificationStatus, VerificationTask};
use candela_wire::rows;
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/v1/{name}.bin", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn figures(task: &mut VerificationTask) -> [&mut f64; 3] {
    match &mut task.status {
        VerificationStatus::Judged(verdict) => {
            [&mut verdict.floor.disagree_share, &mut verdict.reject_p, &mut verdict.accept_p]
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_a_job(
        doubles: [u64; 3],
        noise in prop::collection::vec(any::<u32>(), 0..300),
    ) {
        let mut inspected = rows::decode_inspection(&fixture("row_inspection")).unwrap();
        inspected.facts.fps = f64::from_bits(doubles[0]);
        inspected.facts.time_limit_s = f64::from_bits(doubles[1]);
        inspected.preview.unrepeatable_share = f64::from_bits(doubles[2]);
        inspected.preview.noise = noise.iter().map(|bits| f32::from_bits(*bits)).collect();
        let back = rows::decode_inspection(&rows::encode_inspection(&inspected)).unwrap();
        let (facts, preview) = (&back.facts, &back.preview);
        let got = [facts.fps, facts.time_limit_s, preview.unrepeatable_share].map(f64::to_bits);
        prop_assert_eq!(got, doubles);
        let got: Vec<u32> = preview.noise.iter().map(|value| value.to_bits()).collect();
        prop_assert_eq!(got, noise);
    }

    #[test]
    fn of_a_verdict(bits: [u64; 3]) {
        let row = fixture("row_verification_judged");
        let mut task = rows::decode_verification(&row).unwrap();
        for (figure, bits) in figures(&mut task).into_iter().zip(bits) {
            *figure = f64::from_bits(bits);
        }
        let mut back = rows::decode_verification(&rows::encode_verification(&task)).unwrap();
        prop_assert_eq!(figures(&mut back).map(|figure| figure.to_bits()), bits);
    }
}
