//! Evidence: bits kept, strangers' blobs refused.

use super::*;
use candela_core::refusal::RefusalCode;
use proptest::prelude::*;

fn pixels(region: Region, channels: usize, bits: &mut impl Iterator<Item = u32>) -> Pixels {
    let size = region.size();
    let values = size.pixels() as usize * channels;
    Pixels {
        size,
        channels: (0..channels).map(|at| format!("ViewLayer/Noisy Image.{at}")).collect(),
        data: bits.take(values).map(f32::from_bits).collect(),
    }
}

fn sample(region: Region, channels: usize, second: bool, bits: Vec<u32>) -> Evidence {
    let mut bits = bits.into_iter().cycle();
    let mut picture = || pixels(region, channels, &mut bits);
    let (replica, control) = (picture(), picture());
    let second = second.then(picture);
    Evidence {
        verification: VerificationId(12),
        frame: -3,
        engine: EngineBuild("blender-4.5.15".into()),
        device: "cpu x86-64 avx2".into(),
        probes: vec![ProbeEvidence { region, replica, control, second }; 2],
    }
}

/// All bits of all pictures: what is not a number equals nothing, not even itself.
fn bits(evidence: &Evidence) -> Vec<u32> {
    let pictures = evidence.probes.iter().flat_map(pictures);
    pictures.flat_map(|pixels| pixels.data.iter().map(|value| value.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_bit_survives(
        x0 in 0u32..1000, y0 in 0u32..1000, width in 1u32..=64, height in 1u32..=64,
        channels in 1usize..5, second: bool, values in prop::collection::vec(any::<u32>(), 1..50),
    ) {
        let region = Region { x0, y0, x1: x0 + width, y1: y0 + height };
        let evidence = sample(region, channels, second, values);
        let blob = encode(&evidence).unwrap();
        let back = decode(&blob).unwrap();
        prop_assert_eq!(bits(&back), bits(&evidence));
        prop_assert_eq!(header_only(back), header_only(evidence));
    }

    #[test]
    fn garbage_is_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        prop_assert!(decode(&bytes).is_err());
    }
}

fn header_only(mut evidence: Evidence) -> Evidence {
    for probe in &mut evidence.probes {
        probe.replica.data.clear();
        probe.control.data.clear();
        if let Some(second) = &mut probe.second {
            second.data.clear();
        }
    }
    evidence
}

const TILE: Region = Region { x0: 64, y0: 64, x1: 66, y1: 65 };

#[test]
fn not_a_number_keeps_its_bits() {
    let odd = vec![0x7fc0_0001, 0x7f80_0001, 0xffff_ffff, 0x8000_0000, 1, 0x7f80_0000];
    let evidence = sample(TILE, 3, true, odd);
    let back = decode(&encode(&evidence).unwrap()).unwrap();
    assert_eq!(bits(&back), bits(&evidence));
}

#[test]
fn out_of_limits() {
    let check = |what: &str, change: fn(&mut Evidence)| {
        let mut evidence = sample(TILE, 2, false, vec![0]);
        change(&mut evidence);
        assert!(encode(&evidence).is_err(), "{what}");
        // What another verifier would send: the same without the checks.
        let header = header(&evidence);
        let body = postcard::to_stdvec(&header).unwrap();
        let mut blob = vec![VERSION];
        blob.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        blob.extend(body);
        assert!(matches!(decode(&blob), Err(DecodeError::NotAllowed { .. })), "{what}");
    };
    check("wide region", |e| e.probes[0].region.x1 = 64 + 65);
    check("empty region", |e| e.probes[0].region.x1 = 64);
    check("region inside out", |e| e.probes[0].region.x0 = u32::MAX);
    check("far region", |e| {
        e.probes[0].region = Region { x0: u32::MAX - 64, y0: 0, x1: u32::MAX, y1: 64 };
    });
    check("channels", |e| e.probes[0].replica.channels = vec!["a".into(); 65]);
    check("no channels", |e| e.probes[0].replica.channels.clear());
    check("channel's name", |e| e.probes[0].replica.channels[0] = "a".repeat(256));
    check("probes", |e| e.probes = vec![e.probes[0].clone(); PROBES_MAX + 1]);
    check("frame", |e| e.frame = i32::MIN);
    check("engine", |e| e.engine.0.clear());
    check("device", |e| e.device = "a\nb".into());
}

#[test]
fn pictures_that_fit_no_region() {
    let check = |change: fn(&mut ProbeEvidence)| {
        let mut evidence = sample(TILE, 2, true, vec![0]);
        change(&mut evidence.probes[1]);
        assert_eq!(encode(&evidence).unwrap_err().code, RefusalCode::MessageNotAllowed);
    };
    check(|probe| probe.control.data.push(0.0));
    check(|probe| probe.control.channels.swap(0, 1));
    check(|probe| probe.replica.size.width = 1);
    check(|probe| {
        probe.second = Some(Pixels { size: Size { width: 0, height: 0 }, ..probe.replica.clone() })
    });
}

#[test]
fn lengths_are_exact() {
    let blob = encode(&sample(TILE, 2, true, vec![5])).unwrap();
    for end in 0..blob.len() {
        assert!(decode(&blob[..end]).is_err(), "cut at {end}");
    }
    let mut longer = blob.clone();
    longer.push(0);
    assert!(matches!(decode(&longer), Err(DecodeError::WrongLength { .. })));
    let mut newer = blob.clone();
    newer[0] = 2;
    assert_eq!(decode(&newer), Err(DecodeError::VersionUnknown { kind: KIND, version: 2 }));
    let mut header_too_long = blob;
    header_too_long[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(decode(&header_too_long), Err(DecodeError::TooLarge { .. })));
}
