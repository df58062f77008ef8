//! A library that can be called: how it is started, and one call of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use barewire_runtime::ipc::Wait;

use crate::arena::{Arena, Buffer};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::hello::Hello;
use crate::library::Library;
use crate::pool::Pool;
use crate::remote::{Fault, Program};
use crate::sandbox::{Level, Sandbox};
use crate::stage::Stage;

/// How often a call is made again of which the worker died before it had begun.
const TRIES: usize = 3;

/// How a library is started.
///
/// ```
/// use std::time::Duration;
/// use barewire_farscape::{Options, Sandbox};
/// let options = Options::processes(2)
///     .spares(1)
///     .timeout(Duration::from_millis(500))
///     .sandbox(Sandbox::strict().memory_bytes(1 << 30));
/// # drop(options);
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a library is started with them"]
pub struct Options {
    in_process: bool,
    workers: usize,
    spares: usize,
    timeout: Duration,
    arena_bytes: usize,
    text_bytes: usize,
    wait: Wait,
    sandbox: Sandbox,
    files: Vec<String>,
    program: Program,
}

impl Options {
    fn new(in_process: bool, workers: usize) -> Self {
        Self {
            in_process,
            workers,
            spares: 0,
            timeout: Duration::from_secs(30),
            arena_bytes: 8 << 20,
            text_bytes: 8 << 10,
            wait: Wait::default(),
            sandbox: Sandbox::default(),
            files: Vec::new(),
            program: Program::default(),
        }
    }

    /// Calls go to up to `workers` processes, which are this program again: its `main` calls
    /// [`serve`](crate::serve) first.
    pub fn processes(workers: usize) -> Self {
        Self::new(false, workers)
    }

    /// Calls are made in this process, one at a time: to port first and isolate later.
    ///
    /// # Safety
    ///
    /// The prototypes must be true, and the library must bear being called from any thread with
    /// whatever arguments it is going to be called with. Nothing contains its faults.
    pub unsafe fn in_process() -> Self {
        Self::new(true, 1)
    }

    /// How many workers are kept ready to take the place of one that dies; 0 if nothing is said.
    pub fn spares(mut self, spares: usize) -> Self {
        self.spares = spares;
        self
    }

    /// How long a call may take; 30 seconds if nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The size of the memory for buffers and large arguments; 8 MiB if nothing is said.
    pub fn arena_bytes(mut self, bytes: usize) -> Self {
        self.arena_bytes = bytes;
        self
    }

    /// The longest text that a function may return; 8 KiB if nothing is said.
    pub fn text_bytes(mut self, bytes: usize) -> Self {
        self.text_bytes = bytes;
        self
    }

    /// How both sides wait for each other.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// What the workers may do.
    pub fn sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Another file than the one that the declarations name.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files = vec![path.into().to_string_lossy().into_owned()];
        self
    }

    /// Another program than this one becomes the workers, such as `barewire-worker`.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program.path = Some(path.into());
        self
    }

    /// What the program is started with, if it looks at its arguments before it calls `serve`.
    pub fn arguments<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.program.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// What the workers print to their standard output goes nowhere.
    pub fn quiet(mut self) -> Self {
        self.program.quiet = true;
        self
    }
}

/// What the calls need to know about a function.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    pure: bool,
}

/// A library that was started; what the macro makes is a thin cover of this.
#[derive(Clone)]
pub struct Instance {
    pub(crate) pool: Arc<Pool>,
    functions: Arc<[Known]>,
    pub(crate) timeout: Duration,
    pub(crate) wait: Wait,
    pub(crate) text_bytes: usize,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Instance({} functions)", self.functions.len())
    }
}

impl Instance {
    /// Starts the library that the macro knows.
    ///
    /// # Errors
    ///
    /// `NotFound` if the library or a function is missing, `NotStarted` without a worker, `Io`.
    pub fn start(library: &'static Library, options: &Options) -> Result<Self> {
        let declared = library.files.iter().map(|file| (*file).to_owned());
        let files =
            if options.files.is_empty() { declared.collect() } else { options.files.clone() };
        let known = library.functions.iter();
        let known = known.map(|function| (function.name.to_owned(), function.pure)).collect();
        let load = |files: &[String]| Engine::load(library, files);
        Self::with(library.name, files, Vec::new(), known, options, load)
    }

    /// Starts a library with these functions, which `load` finds if they are to be called here.
    pub(crate) fn with(
        name: &str,
        files: Vec<String>,
        prototypes: Vec<String>,
        known: Vec<(String, bool)>,
        options: &Options,
        load: impl FnOnce(&[String]) -> Result<Vec<crate::engine::Loaded>, String>,
    ) -> Result<Self> {
        let arena = Arena::new(options.arena_bytes)?;
        let pool = if options.in_process {
            let functions =
                load(&files).map_err(|told| Error::new(ErrorKind::NotFound, name, told))?;
            Pool::local(functions, arena)?
        } else {
            let (wait, sandbox) = (options.wait, options.sandbox.clone());
            let hello = Hello { library: name.to_owned(), files, prototypes, wait, sandbox };
            let counts = (options.workers, options.spares);
            Pool::remote(options.program.clone(), hello, counts, arena)?
        };
        Ok(Self {
            pool,
            functions: known.into_iter().map(|(name, pure)| Known { name, pure }).collect(),
            timeout: options.timeout,
            wait: options.wait,
            text_bytes: options.text_bytes,
        })
    }

    /// The same library, whose calls may take so long.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// A buffer in the memory that the workers share.
    ///
    /// # Errors
    ///
    /// `TooLarge` if there is no room.
    pub fn buffer(&self, bytes: usize) -> Result<Buffer> {
        Ok(Buffer::new(self.pool.block(bytes)?, bytes))
    }

    /// What the sandbox of the first worker achieved.
    #[must_use]
    pub fn level(&self) -> Level {
        self.pool.level
    }

    /// Ends all workers, those that have a call once it is done: their handles are stale, and the
    /// next calls find fresh ones. For a library whose answers make no sense any more; in this
    /// process it does nothing.
    pub fn replace_workers(&self) {
        self.pool.replace_all();
    }

    /// How many spare workers are ready now.
    #[must_use]
    pub fn ready_spares(&self) -> usize {
        self.pool.ready_spares()
    }

    /// The numbers of the processes that wait for calls, for people and tests.
    #[must_use]
    pub fn idle_processes(&self) -> Vec<u32> {
        self.pool.processes()
    }

    /// Makes one call: `body` lays the arguments out, runs it, and fetches what came back.
    ///
    /// # Errors
    ///
    /// What became of the call.
    #[doc(hidden)]
    #[inline]
    pub fn call<R>(
        &self,
        function: u32,
        route: Option<u64>,
        mut body: impl FnMut(&mut Stage<'_>) -> Result<R>,
    ) -> Result<R> {
        let known = self.functions.get(function as usize);
        let name = known.map_or("?", |known| known.name.as_str());
        let mut tries = 0;
        loop {
            let seat = self.pool.take(route, self.timeout).map_err(|error| error.of(name))?;
            let mut stage = Stage::new(self, seat, function, self.timeout);
            let done = body(&mut stage);
            let fault = stage.fault;
            drop(stage);
            let error = match done {
                Ok(done) => return Ok(done),
                Err(error) => error.of(name),
            };
            tries += 1;
            let again = match fault {
                Some(Fault::Dead { began: false }) => route.is_none() && tries < TRIES,
                Some(Fault::Dead { began: true }) => {
                    let pure = known.is_some_and(|known| known.pure);
                    pure && error.is_crash() && tries < 2
                }
                _ => false,
            };
            if !again {
                return Err(error);
            }
        }
    }
}
