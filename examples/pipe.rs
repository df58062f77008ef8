//! A named pipe: a server that answers, clients that ask, and what a wrong client is told.
//!
//! ```text
//! cargo run --example pipe
//! ```
//!
//! The server and its clients are processes of their own; the kernel carries what they say.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use barewire::{BareSchema, NamedPipe};

#[derive(BareSchema, Debug)]
struct Question {
    id: u32,
    words: Vec<String>,
}

#[derive(BareSchema, Debug)]
enum Answer {
    Longest { id: u32, word: String },
    NoWords { id: u32 },
}

const PATIENCE: Duration = Duration::from_secs(10);

/// One process: answers whoever comes.
fn serve(name: &str) -> Result<(), Box<dyn Error>> {
    let mut server = NamedPipe::<Answer, Question>::server(name)?;
    let client = |role: &str| Command::new(std::env::current_exe()?).args([role, name]).spawn();
    let mut children = [client("ask")?, client("mistake")?, client("ask")?];
    for _ in &children {
        match server.accept() {
            Ok(mut pipe) => {
                println!("server: process {} has come", pipe.peer().process);
                // Until the client closes its end, or ends.
                while let Ok(Question { id, words }) = pipe.receive() {
                    let longest = words.into_iter().max_by_key(String::len);
                    let answer = match longest {
                        Some(word) => Answer::Longest { id, word },
                        None => Answer::NoWords { id },
                    };
                    pipe.send(&answer)?;
                }
            }
            // One that is wrong; the next one may be right.
            Err(error) => println!("server: {error}"),
        }
    }
    children.iter_mut().try_for_each(|child| child.wait().map(drop))?;
    Ok(())
}

/// Another: asks.
fn ask(name: &str) -> Result<(), Box<dyn Error>> {
    let mut pipe = NamedPipe::<Question, Answer>::connect(name, PATIENCE)?;
    for (id, text) in (1..).zip(["a stream of typed messages", "", "checked at the handshake"]) {
        let words = text.split_whitespace().map(str::to_owned).collect();
        pipe.send(&Question { id, words })?;
        println!("client: {:?}", pipe.receive()?);
    }
    Ok(pipe.close()?)
}

/// A third: has other types, and is told which.
fn mistake(name: &str) -> Result<(), Box<dyn Error>> {
    match NamedPipe::<u64, Answer>::connect(name, PATIENCE) {
        Ok(_) => Err("a client with another type was accepted".into()),
        Err(error) => {
            println!("mistaken client: {error}");
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(&format!("example-pipe-{}", std::process::id())),
        ["ask", name] => ask(name),
        ["mistake", name] => mistake(name),
        _ => Err("this example takes no arguments".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pipe: {error}");
            ExitCode::FAILURE
        }
    }
}
