//! Two processes and a queue: a sensor sends readings, a display reads them where they are.
//!
//! ```text
//! cargo run --example hello
//! ```
//!
//! The program starts itself a second time, as the display.

use std::process::Command;

use barewire::{BareSchema, MessageQueue};

#[derive(BareSchema, Debug)]
struct Reading {
    sensor: u32,
    #[bare(max = 32)]
    label: String,
    celsius: f32,
}

const READINGS: u32 = 3;

fn sensor() -> Result<(), Box<dyn std::error::Error>> {
    let name = format!("hello-{}", std::process::id());
    let queue = MessageQueue::<Reading>::builder(&name).create()?;
    let mut display = Command::new(std::env::current_exe()?).arg(&name).spawn()?;
    for number in 0..READINGS {
        let celsius = 80.0 + number as f32;
        queue.enqueue(&Reading { sensor: 7, label: "boiler".into(), celsius })?;
    }
    // The queue would end with its last process: so stay until the display has read everything.
    if !display.wait()?.success() {
        return Err("the display has failed".into());
    }
    println!("sensor: everything was read");
    Ok(())
}

fn display(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let queue = MessageQueue::<Reading>::open(name)?;
    for _ in 0..READINGS {
        let reading = queue.dequeue()?; // waits, and lends the message in shared memory
        println!(
            "display: sensor {} ({}) is at {} °C",
            reading.sensor,
            reading.label()?,
            reading.celsius
        );
    } // dropped: acknowledged
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1) {
        None => sensor(),
        Some(name) => display(&name),
    }
}
