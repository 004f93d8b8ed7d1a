//! Passphrases, typed on the terminal without being shown.
//!
//! The crates that do this read through buffers which they don't wipe, and leave the terminal without its echo when
//! Ctrl-C ends the program. Here the terminal hands over each byte as it is typed, Ctrl-C among them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};

/// More than anyone types. The memory is had at once, so that none is left behind by growing.
const MAX_PASSPHRASE: usize = 1024;

const ENTER: [u8; 2] = [b'\n', b'\r'];
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;
const BACKSPACE: [u8; 2] = [8, 127];

/// Asks for a passphrase.
pub fn passphrase(name: &str) -> Result<Zeroizing<Vec<u8>>> {
    Terminal::open()?.ask(&format!("{name}: "))
}

/// Asks for a new passphrase, twice.
pub fn new_passphrase(name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut terminal = Terminal::open()?;
    let first = terminal.ask(&format!("{name}: "))?;
    let second = terminal.ask(&format!("{name} again: "))?;
    if first != second {
        return Err(Failure::usage("the two passphrases differ"));
    }
    Ok(first)
}

/// The terminal of the process, wherever its standard streams lead.
struct Terminal(File);

impl Terminal {
    fn open() -> Result<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
        terminal.map(Terminal).map_err(|error| {
            Failure::usage(format!("there is no terminal to ask for the passphrase on: {error}"))
        })
    }

    fn ask(&mut self, prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |error: io::Error| Failure::file("the terminal", error);
        // Before the prompt: what is typed in answer to it is never shown.
        let silent = Silent::new(&self.0).map_err(failed)?;
        let mut terminal = &self.0;
        terminal.write_all(prompt.as_bytes()).map_err(failed)?;
        let passphrase = read_line(&mut terminal);
        drop(silent);
        let _ = terminal.write_all(b"\n");
        let passphrase = passphrase?;
        if passphrase.is_empty() { Err(Failure::usage("the passphrase is empty")) } else { Ok(passphrase) }
    }
}

fn read_line(terminal: &mut impl Read) -> Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE));
    let mut byte = Zeroizing::new([0]);
    loop {
        match terminal.read(byte.as_mut_slice()) {
            Ok(0) => return Ok(line),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::file("the terminal", error)),
        }
        match byte[0] {
            end if ENTER.contains(&end) || end == CTRL_D => return Ok(line),
            CTRL_C => return Err(Failure::Interrupted),
            CTRL_U => line.clear(),
            back if BACKSPACE.contains(&back) => take_character(&mut line),
            _ if line.len() == MAX_PASSPHRASE => {
                return Err(Failure::usage(format!("a passphrase has at most {MAX_PASSPHRASE} bytes")));
            }
            typed => line.push(typed),
        }
    }
}

/// Takes away the last character, which in UTF-8 is a byte that doesn't continue another, and those after it.
fn take_character(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

/// The terminal without echo and line editing, until dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Silent { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
