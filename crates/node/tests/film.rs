//! Films with real Blender: made once, given again, grown, and an error that says what is wrong.

mod common;

use candela_core::id::{BlobHash, JobId};
use candela_core::layers::Size;
use candela_node::manager::{Film, FilmAnswer, FilmError, FilmWanted, Manager};
use common::Network;
use std::time::Duration;

const SIZE: Size = Size { width: 64, height: 48 };

/// A picture of one colour, in the manager's storage.
async fn picture(manager: &Manager, value: u8) -> BlobHash {
    let mut png = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(SIZE.width, SIZE.height, image::Rgb([value; 3]));
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    manager.blobs().add_bytes(png.into_inner(), &format!("test/{value}")).await.unwrap().hash
}

fn wanted(frames: &[BlobHash], complete: bool) -> FilmWanted {
    FilmWanted {
        job: JobId(7),
        frames: (1..).zip(frames.iter().copied()).collect(),
        extension: "png",
        size: SIZE,
        fps: 12.5,
        complete,
    }
}

async fn film(manager: &Manager, frames: &[BlobHash], complete: bool) -> Film {
    let film = manager.film(wanted(frames, complete), Duration::from_secs(120)).await;
    match film.unwrap() {
        FilmAnswer::Ready(film) => film,
        FilmAnswer::Making(making) => panic!("not after two minutes: {making:?}"),
    }
}

/// Frames that the film says it has: the entries of its table of sample sizes.
fn frames_in(film: &Film) -> u32 {
    let bytes = std::fs::read(&film.path).unwrap();
    assert_eq!((&bytes[4..8], bytes.len() as u64), (&b"ftyp"[..], film.bytes));
    assert!(bytes.windows(4).any(|kind| kind == b"avc1"), "no H.264");
    let at = bytes.windows(4).position(|kind| kind == b"stsz").expect("a table of sizes");
    u32::from_be_bytes(bytes[at + 12..at + 16].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn films_are_made_once_and_grow() {
    let network = Network::start().await;
    let manager = network.manager();
    let mut frames = Vec::new();
    for value in [10, 120, 230] {
        frames.push(picture(manager, value).await);
    }
    // Somebody in a hurry is told how far it is.
    let hurried = manager.film(wanted(&frames[..2], false), Duration::ZERO).await.unwrap();
    assert!(matches!(hurried, FilmAnswer::Making(making) if making.frames == 2), "{hurried:?}");
    let first = film(manager, &frames[..2], false).await;
    assert_eq!((first.frames, frames_in(&first)), (2, 2));
    assert_eq!(film(manager, &frames[..2], false).await, first, "it is kept");
    // While the job goes on, it is young enough; once it is over, nothing less than all is given.
    assert_eq!(film(manager, &frames, false).await, first);
    let whole = film(manager, &frames, true).await;
    assert_eq!((whole.frames, frames_in(&whole)), (3, 3));
    assert!(!first.path.exists(), "the job's older film is gone");
    // An output that isn't there.
    frames.push(BlobHash([9; 32]));
    let failed = manager.film(wanted(&frames, true), Duration::from_secs(120)).await;
    assert!(matches!(&failed, Err(FilmError::Failed(text)) if text.contains("not every output")));
    network.end().await;
}
