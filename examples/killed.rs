//! A worker is killed in the middle of a job, and another one gets that job again.
//!
//! ```text
//! cargo run --example killed
//! ```

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use barewire::MessageQueue;

const JOBS: u32 = 3;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn start(name: &str, worker: &str) -> Result<Child> {
    let this_program = std::env::current_exe()?;
    Ok(Command::new(this_program).args([name, worker]).stdout(Stdio::piped()).spawn()?)
}

/// Prints what a worker says next; false if it has ended.
fn echo(lines: &mut impl BufRead) -> Result<bool> {
    let mut line = String::new();
    let there = lines.read_line(&mut line)? > 0;
    print!("{line}");
    Ok(there)
}

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, worker] = &arguments[..] {
        return work(name, worker);
    }
    let name = format!("killed-{}", std::process::id());
    let queue = MessageQueue::<u32>::builder(&name).create()?;
    queue.enqueue_batch(&(1..=JOBS).collect::<Vec<_>>())?;

    let mut first = start(&name, "1")?;
    let mut lines = BufReader::new(first.stdout.take().ok_or("a pipe")?);
    echo(&mut lines)?; // it has taken a job
    first.kill()?; // SIGKILL
    println!("worker 1 was killed: {}", first.wait()?);

    let mut second = start(&name, "2")?;
    let mut lines = BufReader::new(second.stdout.take().ok_or("a pipe")?);
    while echo(&mut lines)? {}
    if !second.wait()?.success() || !queue.is_empty() {
        return Err("some job was lost".into());
    }
    println!("all jobs are done");
    Ok(())
}

/// Takes jobs; the first worker never comes to an end with its own.
fn work(name: &str, worker: &str) -> Result {
    let queue = MessageQueue::<u32>::open(name)?;
    for _ in 0..JOBS {
        let job = queue.dequeue()?;
        let again = if job.header().redelivered() { ", which somebody had begun" } else { "" };
        println!("worker {worker} took job {}{again}", *job);
        if worker == "1" {
            loop {
                std::thread::park();
            }
        }
    }
    Ok(())
}
