//! A value of every kind that is written, with every field set to something that shows.

mod messages;
mod proof;
mod rows;

use candela_core::addr::NodeAddr;
use candela_core::id::{BlobHash, EngineBuild, LeaseId, NodeId, TaskId, VerificationId};
use candela_core::layers::{Pixels, Region, Size};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::task::Statement;
use candela_wire::DecodeError;
use candela_wire::evidence::{self, Evidence, ProbeEvidence};

type Reader = Box<dyn Fn(&[u8]) -> bool>;

/// A kind, its bytes, and how they are read.
pub(crate) struct Case {
    /// Name of the fixture.
    pub(crate) name: String,
    /// The sample's bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether these bytes can be read.
    pub(crate) reads: Reader,
    /// Whether these bytes are read as the sample.
    pub(crate) round_trips: Reader,
}

impl Case {
    fn new<T: PartialEq + 'static>(
        name: &str,
        value: T,
        encode: impl Fn(&T) -> Vec<u8>,
        decode: fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Case {
        Case {
            name: name.to_owned(),
            bytes: encode(&value),
            reads: Box::new(move |bytes| decode(bytes).is_ok()),
            round_trips: Box::new(move |bytes| decode(bytes).is_ok_and(|got| got == value)),
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = messages::cases();
    cases.extend(rows::cases());
    let encode = |value: &Evidence| evidence::encode(value).unwrap();
    cases.push(Case::new("proof", proof::proof(), proof::encode, proof::decode));
    cases.push(Case::new("evidence", evidence(), encode, evidence::decode));
    cases
}

fn addr(byte: u8) -> NodeAddr {
    NodeAddr {
        node: NodeId([byte; 32]),
        sockets: vec!["192.0.2.1:4433".parse().unwrap(), "[2001:db8::1]:4433".parse().unwrap()],
        relay: Some("https://relay.example./".into()),
    }
}

fn engine() -> EngineBuild {
    EngineBuild("blender-4.5.15".into())
}

fn settings() -> RenderSettings {
    RenderSettings {
        size: Size { width: 1920, height: 1080 },
        samples: Some(128),
        scene: Some("Shot 3".into()),
        camera: Some("Camera.001".into()),
        force_cycles: true,
        format: OutputFormat::Exr,
    }
}

fn refusal() -> Refusal {
    Refusal::new(RefusalCode::FilesMissing, "files are missing: //wood.png (image)")
        .with_hint("put them back")
}

fn statement() -> Statement {
    Statement {
        task: TaskId(3),
        lease: LeaseId(4),
        frame: -17,
        scene: BlobHash([1; 32]),
        layers: BlobHash([2; 32]),
        layers_bytes: 99_532_896,
        output: BlobHash([3; 32]),
        output_bytes: 2_345_678,
        engine: engine(),
        device: "cpu x86-64 avx2".into(),
        render_ms: 61_234,
        peak_memory_bytes: 3 << 30,
    }
}

fn signature() -> [u8; 64] {
    std::array::from_fn(|at| at as u8)
}

fn evidence() -> Evidence {
    let region = Region { x0: 64, y0: 128, x1: 66, y1: 129 };
    let picture = |first: f32| Pixels {
        size: region.size(),
        channels: vec!["ViewLayer/Noisy Image.R".into(), "ViewLayer/Noisy Image.G".into()],
        data: vec![first, -0.0, f32::MIN_POSITIVE / 2.0, f32::INFINITY],
    };
    let probe = ProbeEvidence {
        region,
        replica: picture(0.5),
        control: picture(0.25),
        second: Some(picture(0.5)),
    };
    Evidence {
        verification: VerificationId(12),
        frame: -17,
        engine: engine(),
        device: "cpu x86-64 avx2".into(),
        probes: vec![ProbeEvidence { second: None, ..probe.clone() }, probe],
    }
}
