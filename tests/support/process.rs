//! Real processes: workers (this test program again, told by its environment what to do) and children of fork. No
//! wait is without a bound.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // fork, pipes and waiting

use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest that any process of a test may be silent. Far more than any needs, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const ROLE: &str = "KMS_TEST_WORKER";
/// Before each line that a worker says, which tells them from what the test harness prints.
const SAYS: &str = "worker> ";

/// What a worker was started for; None in the test itself.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// In a worker: tells the test something.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{line}").and_then(|()| out.flush()).expect("the test listens");
}

/// In a worker: the lines that the test writes, to the end.
pub fn orders() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map(|line| line.expect("an order"))
}

/// This test program in a process of its own, running one test as a worker.
pub struct Worker {
    child: std::process::Child,
    orders: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Worker {
    /// `test` is the name of the test that calls this, and asks for its role() first.
    pub fn start(test: &str, role: &str) -> Worker {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a worker");
        let (sender, said) = channel();
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The harness has no newline after the name of the test.
                let said = line.find(SAYS).and_then(|at| line.get(at + SAYS.len()..));
                if said.is_some_and(|said| sender.send(said.to_string()).is_err()) {
                    break;
                }
            }
        });
        Worker { orders: child.stdin.take(), child, said }
    }

    pub fn order(&mut self, line: &str) {
        let orders = self.orders.as_mut().expect("not finished");
        writeln!(orders, "{line}").and_then(|()| orders.flush()).expect("the worker listens");
    }

    /// The next line that it says; None when it has ended.
    pub fn next(&mut self) -> Option<String> {
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let stacks = stacks(self.child.id());
                let _ = self.child.kill();
                panic!("a worker hangs:\n{stacks}");
            }
        }
    }

    /// The next line, which must come.
    pub fn hear(&mut self) -> String {
        self.next().expect("the worker ended before it answered")
    }

    /// Gives no more orders, and expects it to end well; what it still says.
    pub fn finish(mut self) -> Vec<String> {
        self.orders = None;
        let rest: Vec<String> = std::iter::from_fn(|| self.next()).collect();
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "a worker failed: {status}\n{}", rest.join("\n"));
        rest
    }

    /// SIGKILL, at once; what it has said.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("to kill it");
        let rest: Vec<String> = std::iter::from_fn(|| self.next()).collect();
        self.child.wait().expect("its end");
        rest
    }
}

/// To be held by each test that forks: children of one test would inherit the pipes of another.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a child comes into being.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Birth {
    /// fork() of the C library.
    Fork,
    /// The system call, past the C library and its handlers. Only where this process has one thread.
    RawClone,
}

/// A child of fork that works and answers with bytes.
pub struct Child {
    pid: libc::pid_t,
    answer: std::fs::File,
}

impl Child {
    pub fn start(birth: Birth, work: impl FnOnce() -> Vec<u8>) -> Child {
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0, "a pipe");
        // SAFETY: new descriptors, owned by these files alone.
        let [answer, mut question] =
            ends.map(|end| unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(end) });
        let pid = match birth {
            // SAFETY: the child runs `work`, which is what is tested, and _exit.
            Birth::Fork => unsafe { libc::fork() },
            // SAFETY: flags and no stack: a fork.
            Birth::RawClone => unsafe {
                libc::syscall(libc::SYS_clone, libc::c_long::from(libc::SIGCHLD), 0, 0, 0, 0) as libc::pid_t
            },
        };
        assert!(pid >= 0, "{birth:?}: {}", std::io::Error::last_os_error());
        if pid == 0 {
            let (bytes, code) = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(bytes) => (bytes, 0),
                Err(panic) => (panic_text(panic.as_ref()).into_bytes(), 101),
            };
            let code = if question.write_all(&bytes).is_ok() { code } else { 102 };
            // SAFETY: ends the child without the test's destructors.
            unsafe { libc::_exit(code) };
        }
        Child { pid, answer }
    }

    pub fn fork(work: impl FnOnce() -> Vec<u8>) -> Child {
        Child::start(Birth::Fork, work)
    }

    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// What it answers. Panics if it fails, or does not end in time.
    pub fn answer(self) -> Vec<u8> {
        self.answer_within(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
    }

    pub fn answer_within(mut self, patience: Duration) -> Result<Vec<u8>, String> {
        let bytes = self.read_all(patience);
        let mut status = 0;
        // SAFETY: a child of this process that has closed its pipe or was killed.
        assert_eq!(unsafe { libc::waitpid(self.pid, &mut status, 0) }, self.pid, "its end");
        let bytes = bytes?;
        if status == 0 {
            Ok(bytes)
        } else {
            Err(format!("a child failed: {}", String::from_utf8_lossy(&bytes)))
        }
    }

    fn read_all(&mut self, patience: Duration) -> Result<Vec<u8>, String> {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        let deadline = Instant::now() + patience;
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd { fd: self.answer.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one pollfd.
            let ready = unsafe { libc::poll(&mut poll, 1, left.as_millis() as libc::c_int) };
            if ready == 0 {
                let stacks = stacks(self.pid());
                // SAFETY: a child of this process.
                unsafe { libc::kill(self.pid, libc::SIGKILL) };
                return Err(format!("a child hangs:\n{stacks}"));
            }
            match self.answer.read(&mut chunk) {
                Ok(0) => return Ok(bytes),
                Ok(len) => bytes.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("a child's pipe: {error}"),
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

/// Where the threads of a process stand, if there is a debugger to tell.
fn stacks(pid: u32) -> String {
    let gdb = ["-p", &pid.to_string(), "-batch", "-ex", "thread apply all backtrace"].map(str::to_string);
    match Command::new("gdb").args(gdb).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("(gdb: {error})"),
    }
}

/// Waits until something is so, looking again and again.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
