//! A manager that is killed: every acknowledged commit is there, each whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use candela_taskdb::{RowWrite, Table, TaskDb, TaskDbConfig};
use rand::{Rng, SeedableRng};

const CHILD_FOLDER: &str = "CANDELA_TASKDB_TEST_CHILD_FOLDER";

/// Each so many commits one is too large for an entry of the log.
const LARGE_EACH: u64 = 5;

/// Rows of a large commit, and bytes of each.
const LARGE: (u8, usize) = (70, 64 << 10);

/// Commits in a process of its own, until it is killed; prints each acknowledged number.
/// Two rows and a hundred others carry the same number, and now and then many large ones.
#[test]
fn child() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut config = TaskDbConfig::lone(folder);
        // Often enough that some kills hit a snapshot.
        config.commits_per_snapshot = 200;
        let db = TaskDb::open(config).await.unwrap();
        let epoch = db.take_over().await.unwrap();
        let mut number = db.last_commit().await.unwrap().number;
        let mut out = std::io::stdout();
        loop {
            number += 1;
            let body = number.to_be_bytes();
            let mut rows = vec![
                RowWrite::put(Table::Meta, *b"one", body),
                RowWrite::put(Table::Verdicts, *b"two", body),
                RowWrite::put(Table::Jobs, body, body),
            ];
            rows.extend((0..100u8).map(|key| RowWrite::put(Table::Tasks, [key], body)));
            if number.is_multiple_of(LARGE_EACH) {
                let mut large = body.to_vec();
                large.resize(LARGE.1, 7);
                let put = |key: u8| RowWrite::put(Table::Frames, [key], &*large);
                rows.extend((0..LARGE.0).map(put));
            }
            assert_eq!(db.commit(epoch, rows).await.unwrap(), number);
            out.write_all(format!("acknowledged {number}\n").as_bytes()).unwrap();
            out.flush().unwrap();
        }
    });
}

struct Committer {
    process: Child,
    reader: std::thread::JoinHandle<u64>,
    first: std::sync::mpsc::Receiver<()>,
}

impl Committer {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD_FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (send, first) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut last = 0;
            for line in lines.map_while(Result::ok) {
                if let Some(number) = line.strip_prefix("acknowledged ") {
                    last = number.parse().unwrap();
                    let _ = send.send(());
                }
            }
            last
        });
        Self { process, reader, first }
    }

    /// Kills the process this long after its start, perhaps before it has a database.
    fn kill_early(mut self, time: Duration) -> u64 {
        std::thread::sleep(time);
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.reader.join().unwrap()
    }

    /// Kills the process this long after its first acknowledgement; returns the last number.
    fn kill_after(mut self, time: Duration) -> u64 {
        self.first.recv_timeout(Duration::from_secs(30)).expect("a first acknowledgement");
        std::thread::sleep(time);
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.reader.join().unwrap()
    }
}

/// Checks the folder, and returns the last commit's number.
async fn check(folder: &Path, acknowledged: u64) -> u64 {
    let started = Instant::now();
    let db = TaskDb::open(TaskDbConfig::lone(folder)).await.unwrap();
    let opened = started.elapsed();
    let number = db.last_commit().await.unwrap().number;
    assert!(number >= acknowledged, "acknowledged {acknowledged}, found {number}");
    let body = number.to_be_bytes().to_vec();
    for (table, key) in [(Table::Meta, "one"), (Table::Verdicts, "two")] {
        assert_eq!(db.get(table, key.as_bytes()).await.unwrap().as_ref(), Some(&body));
    }
    let tasks = db.load(Table::Tasks).await.unwrap();
    assert!(tasks.len() == 100 && tasks.iter().all(|(_, found)| *found == body));
    let large = number - number % LARGE_EACH;
    let frames = db.load(Table::Frames).await.unwrap();
    assert_eq!(frames.len(), if large == 0 { 0 } else { usize::from(LARGE.0) });
    assert!(frames.iter().all(|(_, found)| found.starts_with(&large.to_be_bytes())), "{large}");
    let jobs = db.load(Table::Jobs).await.unwrap();
    assert!(
        jobs.into_iter().map(|(key, _)| key).eq((1..=number).map(|n| n.to_be_bytes().to_vec()))
    );
    db.shutdown().await.unwrap();
    println!("reopened in {opened:?}: {number} commits, {acknowledged} known to the dead");
    number
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let seed: u64 = std::env::var("SEED").map_or_else(|_| rand::random(), |s| s.parse().unwrap());
    println!("SEED={seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let time = Duration::from_millis(random.random_range(0..900));
        let path = folder.path().to_owned();
        let killed = move || Committer::start(&path).kill_after(time);
        let acknowledged = tokio::task::spawn_blocking(killed).await.unwrap();
        // Now and then a dead process is followed by another, not by a look.
        if round % 3 != 1 {
            check(folder.path(), acknowledged).await;
        }
    }
}

#[tokio::test]
async fn a_process_killed_while_it_first_starts_leaves_a_usable_folder() {
    let seed: u64 = std::env::var("SEED").map_or_else(|_| rand::random(), |s| s.parse().unwrap());
    println!("SEED={seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let rounds = std::env::var("ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let time = Duration::from_millis(random.random_range(0..250));
        println!("round {round}: killed after {time:?}");
        let killed = move || Committer::start(&path).kill_early(time);
        let acknowledged = tokio::task::spawn_blocking(killed).await.unwrap();
        let db = TaskDb::open(TaskDbConfig::lone(folder.path())).await.unwrap();
        let epoch = db.take_over().await.unwrap();
        let number = db.commit(epoch, Vec::new()).await.unwrap();
        assert!(number > acknowledged);
        db.shutdown().await.unwrap();
    }
}

/// The log's last segment that holds an entry, and where its last entry ends.
fn last_segment(folder: &Path) -> (PathBuf, u64) {
    const HEADER_BYTES: u64 = 200;
    let logs = fs::read_dir(folder.join("raft").join("logs")).unwrap();
    let logs = logs.map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|ext| ext == "wal"));
    let end = |path: PathBuf| {
        let last = fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
        (path, last as u64 + 1)
    };
    logs.map(end).filter(|(_, end)| *end > HEADER_BYTES).max().unwrap()
}

#[tokio::test]
async fn a_half_written_last_entry_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let killed = move || Committer::start(&path).kill_after(Duration::from_millis(50));
    tokio::task::spawn_blocking(killed).await.unwrap();

    // What a power cut leaves of an entry that was never acknowledged: its head, and zeros.
    let (segment, end) = last_segment(folder.path());
    let mut file = OpenOptions::new().write(true).open(&segment).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(end - 40)).unwrap();
    file.write_all(&[0; 40]).unwrap();
    drop(file);

    let db = TaskDb::open(TaskDbConfig::lone(folder.path())).await.unwrap();
    let number = db.last_commit().await.unwrap().number;
    db.shutdown().await.unwrap();
    assert_eq!(check(folder.path(), number).await, number);
}
