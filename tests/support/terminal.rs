//! Programs in a real terminal: a pseudo-terminal whose other side is the test, which sees what the screen would show
//! and types what a person would.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // openpty, and a session of its own for the child

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Far more than any answer needs, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
    child: Child,
    screen: File,
    /// Open as long as the test is, so that the terminal's modes can be asked for after the program's end.
    line: OwnedFd,
    shown: Receiver<Vec<u8>>,
    all: Vec<u8>,
    /// Up to where the test has looked.
    seen: usize,
}

impl Terminal {
    /// Runs a program with all its streams on a terminal that is its controlling one.
    pub fn start(mut command: Command) -> Terminal {
        let (screen, line) = open();
        let stream = || Stdio::from(line.try_clone().expect("a stream"));
        command.stdin(stream()).stdout(stream()).stderr(stream());
        // SAFETY: system calls only, which a child of fork may make.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("a program");
        let (sender, shown) = channel();
        let mut reader = screen.try_clone().expect("the screen");
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(len) = reader.read(&mut chunk) {
                if len == 0 || sender.send(chunk[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, screen, line, shown, all: Vec::new(), seen: 0 }
    }

    /// Waits until something is shown that was not there when it was last waited for.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.all[self.seen..].windows(text.len()).position(|part| part == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return;
            }
            match self.shown.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(chunk) => self.all.extend(chunk),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} does not come after {:?}", String::from_utf8_lossy(&self.all))
                }
            }
        }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("to type");
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        // SAFETY: a place for the modes of an open terminal.
        unsafe {
            let mut modes: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(self.line.as_raw_fd(), &mut modes), 0);
            modes.c_lflag & libc::ECHO != 0 && modes.c_lflag & libc::ICANON != 0
        }
    }

    /// The exit code, and all that was ever shown.
    pub fn finish(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            while let Ok(chunk) = self.shown.recv_timeout(Duration::from_millis(10)) {
                self.all.extend(chunk);
            }
            if let Some(status) = self.child.try_wait().expect("its end") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("it does not end: {:?}", String::from_utf8_lossy(&self.all));
            }
        };
        // What it wrote last is in the terminal still; this mark comes after it.
        let mark = "<the end of the test's terminal>";
        File::from(self.line.try_clone().expect("the line")).write_all(mark.as_bytes()).expect("a mark");
        self.wait_for(mark);
        let all = String::from_utf8_lossy(&self.all).into_owned();
        (status.code().unwrap_or(-1), all.split(mark).next().unwrap_or_default().to_string())
    }
}

/// A terminal of 100 columns: the test's side, and the program's.
fn open() -> (File, OwnedFd) {
    let (mut screen, mut line) = (0, 0);
    let size = libc::winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: places for two file descriptors, which are ours then; no name, the default modes.
    unsafe {
        let opened = libc::openpty(&mut screen, &mut line, std::ptr::null_mut(), std::ptr::null(), &size);
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        for descriptor in [screen, line] {
            libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        (File::from_raw_fd(screen), OwnedFd::from_raw_fd(line))
    }
}
