//! Counts words in a cluster of processes, one of which is killed in the middle of it.
//!
//! `cargo run --release --features cluster --example cluster -- --transport shm` starts a manager,
//! three workers and a client (`--transport pipe` and `udp` do the same over named pipes and
//! multicast, and `zenoh` does with the feature of that name), hands out a task for each file, and
//! kills a worker. Files and folders may be named; the project's own sources are counted otherwise.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barewire::BareSchema;
use barewire::cluster::{Context, Failure, Method, Node, Pending, Role, Task};
use indicatif::{ProgressBar, ProgressStyle};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A piece of a text.
#[derive(BareSchema, Debug)]
struct Text {
    text: String,
}

/// How often each word stands in it.
#[derive(BareSchema, Debug)]
struct Words {
    counts: BTreeMap<String, u64>,
}

const COUNT: Task<Text, Words> = Task::new("count-words");
const TRANSPORTS: &str =
    if cfg!(feature = "zenoh") { "shm|pipe|udp|zenoh" } else { "shm|pipe|udp" };
const WORKERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(10);

fn count(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        if !word.is_empty() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    counts
}

fn method(transport: &str) -> Outcome<Method> {
    match transport {
        "shm" => Ok(Method::memory()),
        "pipe" => Ok(Method::pipe()),
        "udp" => Ok(Method::udp()),
        #[cfg(feature = "zenoh")]
        "zenoh" => Ok(Method::zenoh()),
        other => Err(format!("no transport is called {other}: {TRANSPORTS}").into()),
    }
}

/// A manager or worker, until its parent ends.
fn run_node(role: &str, transport: &str, cluster: &str) -> Outcome<()> {
    let method = method(transport)?;
    let node = if role == "manager" {
        let log = folder(cluster).join("manager.log");
        Node::builder(cluster, Role::Manager, role).method(method).log(log).start()?
    } else {
        Node::builder(cluster, Role::Worker, role)
            .method(method)
            .parallel(1)
            .task(COUNT, |Text { text }, _: &Context| {
                // Real texts are counted too fast to be watched.
                std::thread::sleep(Duration::from_millis(8));
                Ok::<_, Failure>(Words { counts: count(&text) })
            })
            .start()?
    };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    Ok(node.wait()?)
}

fn folder(cluster: &str) -> PathBuf {
    std::env::temp_dir().join(cluster)
}

/// Processes that end with this one.
struct Nodes(Vec<Child>, PathBuf);

impl Nodes {
    fn start(&mut self, role: &str, transport: &str, cluster: &str) -> Outcome<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--node", role, transport, cluster]).stdin(Stdio::piped());
        self.0.push(command.spawn()?);
        Ok(())
    }
}

impl Nodes {
    /// Waits until all have ended of themselves.
    fn wait(&mut self) -> Outcome<()> {
        let begun = Instant::now();
        for child in &mut self.0 {
            while child.try_wait()?.is_none() && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

/// The texts of a file, or of all files of a folder.
fn collect(path: &Path, texts: &mut Vec<String>) -> Outcome<()> {
    if !path.is_dir() {
        // What is no text is nothing to count.
        texts.extend(std::fs::read_to_string(path).ok());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        let wanted = path.is_dir() || name.ends_with(".rs") || name.ends_with(".md");
        if wanted && name != "target" && !name.starts_with('.') {
            collect(&path, texts)?;
        }
    }
    Ok(())
}

fn run(transport: &str, paths: &[PathBuf]) -> Outcome<()> {
    let mut texts = Vec::new();
    for path in paths {
        collect(path, &mut texts)?;
    }
    let expected = texts.iter().map(|text| count(text)).fold(BTreeMap::new(), merge);

    let cluster = format!("words-{}", std::process::id());
    let mut nodes = Nodes(Vec::new(), folder(&cluster));
    nodes.start("manager", transport, &cluster)?;
    for number in 1..=WORKERS {
        nodes.start(&format!("worker-{number}"), transport, &cluster)?;
    }
    let client =
        Node::builder(&cluster, Role::Client, "client").method(method(transport)?).start()?;
    let counts = client.tasks(COUNT, PATIENCE)?;
    while client.known().len() <= WORKERS {
        std::thread::sleep(Duration::from_millis(10));
    }

    let pending: Vec<Pending<Words>> =
        texts.drain(..).map(|text| counts.submit(&Text { text })).collect();
    let bar = ProgressBar::new(pending.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}")?);
    let (mut found, mut retried, mut lost, mut killed) = (BTreeMap::new(), 0, 0, false);
    for (number, task) in pending.iter().enumerate() {
        if !killed && number * 3 > pending.len() {
            // The last one that was started is a worker.
            if let Some(worker) = nodes.0.last_mut() {
                worker.kill()?;
            }
            bar.set_message("a worker was killed");
            killed = true;
        }
        match task.wait() {
            Ok(words) => found = merge(found, words.counts),
            Err(error) => {
                bar.println(format!("task {number}: {error}"));
                lost += 1;
            }
        }
        retried += task.attempts().saturating_sub(1);
        bar.inc(1);
    }
    bar.finish();
    let mut most: Vec<_> = found.iter().collect();
    most.sort_by_key(|(word, times)| (std::cmp::Reverse(**times), (*word).clone()));
    for (word, times) in most.into_iter().take(5) {
        println!("{times:8} {word}");
    }
    client.shut_cluster_down()?;
    nodes.wait()?;
    println!("tasks={} retried={retried} lost={lost}", pending.len());
    if found == expected { Ok(()) } else { Err("the counts are wrong".into()) }
}

fn merge(mut all: BTreeMap<String, u64>, more: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    for (word, times) in more {
        *all.entry(word).or_default() += times;
    }
    all
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--node", role, transport, cluster] => run_node(role, transport, cluster),
        ["--transport", transport, paths @ ..] => {
            let mut paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            if paths.is_empty() {
                paths.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
            }
            run(transport, &paths)
        }
        _ => Err(format!("usage: cluster --transport {TRANSPORTS} [FILE OR FOLDER]...").into()),
    }
}
