//! What a worker may do, and how much of that the kernel could enforce.

use std::path::PathBuf;

/// What a worker may do; nothing is forbidden unless it is said here.
///
/// The limits of memory and files need nothing but the kernel. The file system and system calls
/// are closed by Landlock and seccomp, with the feature `sandbox`; what could not be enforced is
/// in the [`Level`] that a library reports, and never an error: whoever insists looks at it.
///
/// ```
/// use barewire_farscape::Sandbox;
/// let sandbox = Sandbox::strict().memory_bytes(256 << 20).read_only("/usr/share/dict");
/// # drop(sandbox);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    pub(crate) memory: Option<u64>,
    pub(crate) files: Option<u64>,
    pub(crate) closed: bool,
    pub(crate) readable: Vec<PathBuf>,
}

/// What a sandbox achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Level {
    /// Whether the limits of memory and open files hold.
    pub limits: bool,
    /// Whether the file system is closed but for what was named.
    pub files: bool,
    /// Whether programs cannot be started, sockets not be opened, and other processes not touched.
    pub system_calls: bool,
}

impl Sandbox {
    /// No files, no programs, no network, no other processes.
    #[must_use]
    pub fn strict() -> Self {
        Self { closed: true, ..Self::default() }
    }

    /// The most memory that a worker can map, its libraries and the arena included.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The most files that a worker can have open.
    #[must_use]
    pub fn open_files(mut self, files: u64) -> Self {
        self.files = Some(files);
        self
    }

    /// A file or a folder that a closed worker may read nonetheless.
    #[must_use]
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.readable.push(path.into());
        self
    }

    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        lines.extend(self.memory.map(|bytes| ("memory", bytes.to_string())));
        lines.extend(self.files.map(|files| ("files", files.to_string())));
        lines.extend(self.closed.then(|| ("closed", String::new())));
        let paths = self.readable.iter();
        lines.extend(paths.map(|path| ("readable", path.to_string_lossy().into_owned())));
        lines
    }

    pub(crate) fn read(&mut self, key: &str, value: &str) {
        match key {
            "memory" => self.memory = value.parse().ok(),
            "files" => self.files = value.parse().ok(),
            "closed" => self.closed = true,
            "readable" => self.readable.push(value.into()),
            _ => {}
        }
    }

    /// Closes this process.
    pub(crate) fn enter(&self) -> Level {
        let mut level = Level { limits: true, ..Level::default() };
        // A crash is answered at once, not after a dump of the memory.
        level.limits &= limit(libc::RLIMIT_CORE, Some(0));
        level.limits &= limit(libc::RLIMIT_AS, self.memory);
        level.limits &= limit(libc::RLIMIT_NOFILE, self.files);
        if self.closed {
            level.files = close_files(&self.readable);
            level.system_calls = close_system_calls();
        }
        level
    }
}

impl Level {
    pub(crate) fn bits(self) -> u8 {
        u8::from(self.limits) | u8::from(self.files) << 1 | u8::from(self.system_calls) << 2
    }

    pub(crate) fn of_bits(bits: u8) -> Self {
        Self { limits: bits & 1 != 0, files: bits & 2 != 0, system_calls: bits & 4 != 0 }
    }
}

fn limit(resource: libc::__rlimit_resource_t, value: Option<u64>) -> bool {
    let Some(value) = value else { return true };
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: a plain system call with a struct of our own.
    unsafe { libc::setrlimit(resource, &raw const limit) == 0 }
}

#[cfg(feature = "sandbox")]
fn close_files(readable: &[PathBuf]) -> bool {
    use landlock::{
        ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        path_beneath_rules,
    };
    let abi = ABI::V3;
    let closed = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(readable, AccessFs::from_read(abi))))
        .and_then(landlock::RulesetCreated::restrict_self);
    closed.is_ok_and(|closed| closed.ruleset == RulesetStatus::FullyEnforced)
}

#[cfg(feature = "sandbox")]
fn close_system_calls() -> bool {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let closed = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
    ];
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return false };
    let rules = closed.into_iter().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch);
    let program: Result<BpfProgram, _> = match filter {
        Ok(filter) => filter.try_into(),
        Err(error) => Err(error),
    };
    program.is_ok_and(|program| seccompiler::apply_filter_all_threads(&program).is_ok())
}

#[cfg(not(feature = "sandbox"))]
fn close_files(_: &[PathBuf]) -> bool {
    false
}

#[cfg(not(feature = "sandbox"))]
fn close_system_calls() -> bool {
    false
}
