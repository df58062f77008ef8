//! `barewire run`: supervises a program, until it has ended for good or is to stop.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::SystemTime;

use barewire::SharedRegion;
use barewire::actor::{ActorSystem, Cause, Identity, News, Program, Supervisor, SystemError};
use rustix::process::Signal;
use serde_json::{Value as Json, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::sync::oneshot;

use crate::args::Run;
use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::runs::{Instance, Supervised, region_of};
use crate::stop::span;

/// The variable by which an instance knows its number.
const INSTANCE: &str = "BAREWIRE_INSTANCE";

pub(crate) fn run(place: &Place, arguments: &Run) -> Outcome {
    let Some((path, rest)) = arguments.program.split_first() else {
        return Err(Failure::new(Code::Usage, "run: which program?"));
    };
    let shown = Path::new(path).display();
    let program = rest.iter().fold(Program::new(path), Program::argument);
    let program = program.stop_timeout(span(arguments.stop_timeout));
    program.find().map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let code = if missing { Code::NotFound } else { Code::System };
        Failure::new(code, format!("run: {shown}: {error}"))
    })?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => Path::new(path).file_name().unwrap_or(path).to_string_lossy().into_owned(),
    };
    let asked = asked_to_end()?;
    let region = region(place, &name, arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let as_json = arguments.format.json;
    let keeper = Keeper { place: place.clone(), name, region, as_json, stopping: false };
    runtime.block_on(keeper.keep(arguments, &program, asked))
}

fn region(place: &Place, name: &str, arguments: &Run) -> Outcome<SharedRegion<Supervised>> {
    let words: Vec<_> = arguments.program.iter().map(|word| word.to_string_lossy()).collect();
    let timeout = u32::try_from(span(arguments.stop_timeout).as_millis()).unwrap_or(u32::MAX);
    let state = Supervised::new(&words.join(" "), timeout, arguments.instances);
    let builder = SharedRegion::builder(region_of(name)).directory(place.path());
    builder.create(&state).map_err(|error| {
        if error.kind() == barewire::ErrorKind::AlreadyExists {
            let told = format!("run: {name} runs already, as `barewire ps` shows");
            return Failure::new(Code::Refused, told).help("`--name` gives this one another name");
        }
        error.into()
    })
}

/// Told when a signal asks this process to end.
fn asked_to_end() -> Outcome<oneshot::Receiver<()>> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let (tell, asked) = oneshot::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        // The handlers keep the other end: this returns when there was a signal.
        if reader.read_exact(&mut [0]).is_ok() {
            let _ = tell.send(());
        }
    })?;
    Ok(asked)
}

/// Writes down and says what becomes of the instances.
struct Keeper {
    place: Place,
    name: String,
    region: SharedRegion<Supervised>,
    as_json: bool,
    stopping: bool,
}

impl Keeper {
    async fn keep(
        mut self,
        arguments: &Run,
        program: &Program,
        mut asked: oneshot::Receiver<()>,
    ) -> Outcome {
        let system = ActorSystem::builder(&*self.name).local().start().map_err(fault)?;
        let supervision = supervisor(arguments, program).start(&system).await.map_err(fault)?;
        let mut news = supervision.news();
        for (child, life) in supervision.children() {
            self.note(&News::Started { child, life })?;
        }
        let mut ended = Box::pin(supervision.ended());
        let cause = loop {
            tokio::select! {
                biased;
                Ok(one) = news.recv() => self.note(&one)?,
                cause = &mut ended => break cause,
                _ = &mut asked, if !self.stopping => {
                    self.stopping = true;
                    supervision.stop().await;
                }
            }
        };
        while let Ok(one) = news.try_recv() {
            self.note(&one)?;
        }
        system.shutdown().await;
        // Programs that a signal ends leave their segments to the next one in.
        if let Ok(Some(directory)) = self.place.directory() {
            let _ = directory.remove_abandoned();
        }
        self.outcome(cause.as_ref())
    }

    fn outcome(&self, cause: Option<&Cause>) -> Outcome {
        let name = &self.name;
        if !cause.is_some_and(Cause::is_normal) {
            let told = format!("run: {name}: has failed too often, and was given up");
            return Err(Failure::new(Code::Failed, told));
        }
        match self.region.read()?.killed {
            0 => Ok(()),
            killed => {
                let told = format!("run: {name}: {killed} did not stop in time and were killed");
                Err(Failure::new(Code::Late, told))
            }
        }
    }

    /// Takes note of what has happened to an instance, and says it.
    fn note(&self, news: &News) -> Outcome {
        let (child, event, told, more) = match news {
            News::Started { child, life } => {
                let Identity::Program { process, .. } = *life else { return Ok(()) };
                self.change(child, |instance| {
                    instance.process = Some(process);
                    instance.starts += 1;
                    instance.since = SystemTime::now();
                })?;
                (child, "started", format!("process {process}"), json!({ "process": process }))
            }
            News::Ended { child, cause, .. } => {
                let (code, signal) = match *cause {
                    Cause::Exited { code } => (Some(code), None),
                    Cause::Signalled { signal } => (None, Some(signal)),
                    _ => (None, None),
                };
                self.change(child, |instance| {
                    instance.process = None;
                    (instance.exit_code, instance.signal) = (code, signal);
                })?;
                if self.stopping && signal == Some(Signal::KILL.as_raw()) {
                    self.region.update(|state| state.killed += 1)?;
                }
                let how = json!({ "exit_code": code, "signal": signal });
                (child, "ended", cause.to_string(), how)
            }
            News::NotStarted { child, error } => {
                let told = error.to_string();
                (child, "not started", told.clone(), json!({ "error": told }))
            }
            // The exit code and its message say so.
            _ => return Ok(()),
        };
        self.say(child, event, &told, more);
        Ok(())
    }

    /// Changes what stands of an instance.
    fn change(&self, child: &str, change: impl FnOnce(&mut Instance)) -> Outcome {
        let place = child.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        self.region.update(|state| {
            place.and_then(|place| state.instances.get_mut(place)).map(change);
        })?;
        Ok(())
    }

    /// To the standard error, since the output is the program's.
    fn say(&self, child: &str, event: &str, told: &str, mut more: Json) {
        let name = &self.name;
        if !self.as_json {
            eprintln!("barewire: {name}.{child}: {event}: {told}");
            return;
        }
        more["run"] = json!(name);
        more["instance"] = json!(child.parse::<u32>().ok());
        more["event"] = json!(event);
        eprintln!("{more}");
    }
}

fn supervisor(arguments: &Run, program: &Program) -> Supervisor {
    let mut supervisor = Supervisor::new(arguments.restart.into())
        .intensity(arguments.intensity, span(arguments.within))
        .backoff(span(arguments.backoff), span(arguments.longest_backoff))
        .ends_with_children();
    for number in 1..=arguments.instances {
        let number = number.to_string();
        let program = program.clone().variable(INSTANCE, &number);
        supervisor = supervisor.program_as(number, arguments.when.into(), program);
    }
    supervisor
}

fn fault(error: SystemError) -> Failure {
    Failure::new(Code::System, format!("run: {error}"))
}
