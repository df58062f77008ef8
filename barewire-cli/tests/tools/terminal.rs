//! A tool in a terminal of its own, and what its screen shows.

use std::io::Read;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::harness::{Scratch, until};

/// A tool whose input and output are a terminal of so many columns.
pub(crate) struct Terminal {
    master: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    pub(crate) child: Child,
}

const COLUMNS: NonZero<u16> = NonZero::new(110).expect("it is not 0");
const ROWS: NonZero<u16> = NonZero::new(30).expect("it is not 0");

impl Terminal {
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a new terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let size =
            Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("it has a size");
        let path = ptsname(&master, Vec::new()).expect("it has a name");
        let path = path.into_string().expect("it is text");
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            Stdio::from(options.read(true).write(true).open(&path).expect("it can be opened"))
        };
        let mut command = scratch.command(arguments);
        command.stdin(open()).stdout(open()).stderr(open()).env("TERM", "xterm-256color");
        let control = || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        };
        // SAFETY: between fork and exec, only two system calls are made.
        unsafe { command.pre_exec(control) };
        let child = command.spawn().expect("the tool starts");
        let parser = vt100::Parser::new(ROWS, COLUMNS, 0);
        let screen = Arc::new(Mutex::new(parser));
        let (shown, mut input) = (
            Arc::clone(&screen),
            std::fs::File::from(master.try_clone().expect("a copy of a descriptor")),
        );
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when nobody has the other side any more.
            while let Ok(read @ 1..) = input.read(&mut bytes) {
                shown.lock().expect("not poisoned").process(&bytes[..read]);
            }
        });
        Self { master, screen, child }
    }

    /// The lines of the screen as they are now.
    pub(crate) fn lines(&self) -> Vec<String> {
        let screen = self.screen.lock().expect("not poisoned");
        let lines = screen.screen().rows(0, COLUMNS.get());
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until a line holds what is looked for, and yields it.
    #[track_caller]
    pub(crate) fn line(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let mut found = None;
        until(what, || {
            found = self.lines().into_iter().find(|line| holds(line));
            found.is_some()
        });
        found.expect("it was found")
    }

    /// What somebody makes of the screen as it is now.
    pub(crate) fn with_screen<R>(&self, see: impl FnOnce(&vt100::Screen) -> R) -> R {
        see(self.screen.lock().expect("not poisoned").screen())
    }

    pub(crate) fn is_alternate(&self) -> bool {
        self.screen.lock().expect("not poisoned").screen().alternate_screen()
    }

    pub(crate) fn press(&self, keys: &str) {
        rustix::io::write(&self.master, keys.as_bytes()).expect("the terminal takes it");
    }

    /// Waits until the tool has ended; whether it says that all went well.
    pub(crate) fn ended(&mut self) -> bool {
        until("the tool ends", || self.child.try_wait().expect("it is ours").is_some());
        self.child.wait().expect("it has ended").success()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
