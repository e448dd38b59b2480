//! Verified frames, downloaded as they land: a few at a time, each to `NAME-0012.png`.

use candela_client::{Client, ClientError, hash_file};
use candela_wire::api::OutputInfo;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;

/// Downloads at a time: enough to fill a line with small frames, few enough for large ones.
const AT_ONCE: usize = 4;

/// Longest name of a job in a file's name: file systems allow 255 bytes with number and ending.
const NAME_BYTES_MAX: usize = 200;

/// A download came to its end.
#[derive(Debug)]
pub(crate) struct Landed {
    /// Number of the frame.
    pub number: i32,
    /// Whether it is there.
    pub result: Result<(), ClientError>,
}

/// Frames on their way to a folder, or none if nobody wants them.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    folder: Option<PathBuf>,
    name: String,
    wanted: BTreeMap<i32, (PathBuf, String)>,
    queue: VecDeque<i32>,
    running: JoinSet<Landed>,
    done: BTreeMap<i32, PathBuf>,
}

impl Downloads {
    /// Frames go to `folder` as `NAME-0012.png`.
    pub(crate) fn to(folder: PathBuf, name: &str) -> Downloads {
        Downloads { folder: Some(folder), name: file_stem(name), ..Downloads::default() }
    }

    /// Nothing is downloaded.
    pub(crate) fn none() -> Downloads {
        Downloads::default()
    }

    /// Has a frame downloaded, unless it is on its way or here.
    pub(crate) fn want(&mut self, client: &Client, job: u64, number: i32, output: &OutputInfo) {
        let Some(folder) = &self.folder else { return };
        if self.wanted.contains_key(&number) {
            return;
        }
        let ending = Path::new(&output.file_name).extension().and_then(|ending| ending.to_str());
        let ending = ending.filter(|ending| ending.chars().all(|c| c.is_ascii_alphanumeric()));
        let path = folder.join(format!("{}-{number:04}.{}", self.name, ending.unwrap_or("bin")));
        self.wanted.insert(number, (path, output.hash.clone()));
        self.again(client, job, number);
    }

    /// Tries a frame once more.
    pub(crate) fn again(&mut self, client: &Client, job: u64, number: i32) {
        self.queue.push_back(number);
        self.start(client, job);
    }

    fn start(&mut self, client: &Client, job: u64) {
        while self.running.len() < AT_ONCE
            && let Some(number) = self.queue.pop_front()
            && let Some((path, hash)) = self.wanted.get(&number)
        {
            let download = download(client.clone(), job, number, path.clone(), hash.clone());
            self.running.spawn(download);
        }
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }

    /// The next download that comes to its end; waits for ever if there is none.
    pub(crate) async fn next(&mut self, client: &Client, job: u64) -> Landed {
        loop {
            match self.running.join_next().await {
                Some(Ok(landed)) => {
                    if landed.result.is_ok()
                        && let Some((path, _)) = self.wanted.get(&landed.number)
                    {
                        self.done.insert(landed.number, path.clone());
                    }
                    self.start(client, job);
                    return landed;
                }
                // A download that was torn off is counted as never begun.
                Some(Err(_)) => self.start(client, job),
                None => std::future::pending().await,
            }
        }
    }

    /// The frames that are here.
    pub(crate) fn files(&self) -> BTreeMap<i32, PathBuf> {
        self.done.clone()
    }
}

async fn download(client: Client, job: u64, number: i32, path: PathBuf, hash: String) -> Landed {
    // Followed again, or tried again: what is here and right is not fetched twice.
    let there = path.is_file() && hash_file(&path).await.is_ok_and(|file| file.hash == hash);
    if there {
        return Landed { number, result: Ok(()) };
    }
    let result = client.download_output(job, number, &path).await.map(drop);
    Landed { number, result }
}

/// A job's name as a part of a file's name.
pub(crate) fn file_stem(name: &str) -> String {
    let allowed = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
    let mut stem = String::new();
    for c in name.trim().chars().map(allowed) {
        if stem.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        stem.push(c);
    }
    // Not hidden, and not a step up.
    let stem = stem.trim_start_matches('.');
    if stem.is_empty() { "frame".to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candela_wire::api::OutputInfo;

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(file_stem("cornell"), "cornell");
        assert_eq!(file_stem("01 - basic linking"), "01 - basic linking");
        assert_eq!(file_stem("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_stem(".."), "frame");
        assert_eq!(file_stem("ü".repeat(300).as_str()).len(), NAME_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_frame_gets_its_number_and_the_outputs_ending() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let mut downloads = Downloads::to(PathBuf::from("out"), "cornell");
        let output = |file_name: &str| OutputInfo {
            hash: "00".repeat(32),
            bytes: 1,
            url: "/x".into(),
            file_name: file_name.into(),
            media_type: "image/png".into(),
        };
        downloads.want(&client, 1, 12, &output("0012.png"));
        downloads.want(&client, 1, -3, &output("x.p/../ng"));
        downloads.want(&client, 1, 12_345, &output("12345.exr"));
        let paths: Vec<_> =
            downloads.wanted.values().map(|(path, _)| path.display().to_string()).collect();
        assert_eq!(
            paths,
            ["out/cornell--003.bin", "out/cornell-0012.png", "out/cornell-12345.exr"]
        );
    }
}
