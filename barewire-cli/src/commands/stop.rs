//! `barewire stop`: ends what `barewire run` supervises.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use barewire::inspect::{Inspected, What, entries};
use barewire::schema::words::nearest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::json;

use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::json;
use crate::runs::{Supervised, region_of, run_of, supervisor_of};
use crate::stop::span;

/// How long a supervisor has beyond the time that its instances have to stop.
const SPARE: Duration = Duration::from_secs(5);
/// How long the kernel may take to bury a process.
const BURIAL: Duration = Duration::from_secs(10);

pub(crate) fn run(place: &Place, name: &str, timeout: Option<f64>, as_json: bool) -> Outcome {
    let Some((segment, supervisor)) = find(place, name)? else {
        return Err(absent(place, name));
    };
    let Some(state) = Supervised::read(&segment) else {
        let told = format!("stop: {} is no run", region_of(name));
        return Err(Failure::new(Code::Unfit, told));
    };
    let timeout = timeout.map_or_else(|| usual(&state), span);
    pidfd_send_signal(&supervisor, Signal::TERM).map_err(std::io::Error::from)?;
    let ended = ends_within(&supervisor, timeout)?;
    if !ended {
        // The kernel kills its instances with it.
        let _ = pidfd_send_signal(&supervisor, Signal::KILL);
        if !ends_within(&supervisor, BURIAL)? {
            return Err(Failure::new(Code::Late, format!("stop: {name}: was killed, and goes on")));
        }
    }
    // The memory is still mapped here: the supervisor has written its last words there.
    let killed = Supervised::read(&segment).map_or(0, |state| state.killed);
    if as_json {
        json::pretty(&json!({ "run": name, "supervisor_killed": !ended, "killed": killed }))?;
    }
    let late = |told: String| Err(Failure::new(Code::Late, format!("stop: {name}: {told}")));
    match killed {
        _ if !ended => late(format!("did not stop in {timeout:.1?}, and was killed")),
        0 => Ok(()),
        killed => late(format!("{killed} did not stop in time and were killed")),
    }
}

/// As long as all instances may take, one after the other, and some more.
fn usual(state: &Supervised) -> Duration {
    let each = Duration::from_millis(u64::from(state.stop_timeout_ms));
    each.saturating_mul(state.instances.len() as u32).saturating_add(SPARE)
}

/// The region of a run, and its supervisor if that lives.
fn find(place: &Place, name: &str) -> Outcome<Option<(Inspected, OwnedFd)>> {
    let Some(directory) = place.directory()? else { return Ok(None) };
    let segment = match Inspected::open(&directory, &region_of(name)) {
        Ok(segment) => segment,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(process) = supervisor_of(&segment) else { return Ok(None) };
    let Some(pid) = Pid::from_raw(process.cast_signed()) else { return Ok(None) };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(None) };
    // It was alive after its process was opened, so it is its process that was opened.
    let alive = supervisor_of(&segment) == Some(process);
    Ok(alive.then_some((segment, handle)))
}

fn absent(place: &Place, name: &str) -> Failure {
    let failure = Failure::new(Code::NotFound, format!("stop: nothing runs as {name}"));
    let found = place.directory().ok().flatten().and_then(|directory| entries(&directory).ok());
    let found = found.unwrap_or_default();
    let lives = found.iter().filter(|entry| match &entry.what {
        What::Segment(segment) => supervisor_of(segment).is_some(),
        _ => false,
    });
    let runs: Vec<&str> = lives.filter_map(|entry| run_of(&entry.name)).collect();
    match nearest(name, &runs) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`barewire ps` lists what runs"),
    }
}

/// Whether the process has ended by then.
fn ends_within(process: &OwnedFd, timeout: Duration) -> Outcome<bool> {
    let deadline = Instant::now().checked_add(timeout);
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let limit = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(&mut [PollFd::new(process, PollFlags::IN)], limit.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
}
