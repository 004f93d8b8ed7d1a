//! Verification of an audit log, step by step: every line's number, hash and MAC, through all its files, up to where
//! the head says that it goes.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use super::chain::{Hash, Head, Link, Mac, NOT_NEXT};
use super::file::{START, head_path, log_error, read_head, segment_path};
use crate::crypto::hex;
use crate::error::{Error, Result};

/// Bytes that one step looks at.
const STEP: u64 = 4 << 20;

/// Where a verification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which file, from 1; the last one has no number in its name.
    segment: u64,
    /// Bytes of it that were verified, and the lines in them.
    offset: u64,
    line: u64,
    link: Link,
    /// Whether the head's line was met.
    head_met: bool,
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub struct LogDamage {
    /// The file; 0 = the one without a number.
    pub segment: u64,
    /// From 1; 0 = the log as a whole.
    pub line: u64,
    pub problem: String,
}

impl Position {
    pub const START: Position = Position { segment: 1, offset: 0, line: 0, link: START, head_met: false };

    /// Which file, from 1, and how many bytes of it were verified.
    pub fn place(self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    pub fn to_text(self) -> String {
        let Position { segment, offset, line, link, head_met } = self;
        let hash = hex::encode(&link.hash);
        format!("{segment}.{offset}.{line}.{}.{hash}.{}", link.seq, u8::from(head_met))
    }

    pub fn from_text(text: &str) -> Option<Position> {
        let mut parts = text.split('.');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (segment, offset, line, seq) = (number()?, number()?, number()?, number()?);
        let hash: Hash = hex::decode(parts.next()?)?;
        let head_met = parts.next()? == "1";
        let link = Link { seq, hash };
        parts.next().is_none().then_some(Position { segment, offset, line, link, head_met })
    }
}

/// Verifies on from a position. Gives the damages found, and where to go on; None at the end.
pub fn step(path: &Path, mac: Mac<'_>, from: Position) -> Result<(Vec<LogDamage>, Option<Position>)> {
    let head_file = File::open(head_path(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::not_found(crate::error::Detail::None, path.display().to_string())
        }
        _ => log_error(error),
    })?;
    let head = match read_head(&head_file, mac) {
        Ok(head) => head,
        Err(Error::CorruptStore(problem)) => {
            return Ok((vec![LogDamage { segment: 0, line: 0, problem }], None));
        }
        Err(error) => return Err(error),
    };
    let mut walk = Walk { mac, head, at: from, unsigned: None, damages: Vec::new() };
    let ended = walk.file(path)?;
    if !ended {
        return Ok((walk.damages, Some(walk.at)));
    }
    if walk.at.segment <= head.segment {
        let at = Position { segment: walk.at.segment + 1, offset: 0, line: 0, ..walk.at };
        return Ok((walk.damages, Some(at)));
    }
    walk.finish();
    Ok((walk.damages, None))
}

struct Walk<'a> {
    mac: Mac<'a>,
    head: Head,
    at: Position,
    /// The last line, if its MAC is not of this root key: it is an older one's, or the line was changed.
    unsigned: Option<u64>,
    damages: Vec<LogDamage>,
}

impl Walk<'_> {
    fn note(&mut self, line: u64, problem: impl Into<String>) {
        let is_last = self.at.segment > self.head.segment;
        let segment = if is_last { 0 } else { self.at.segment };
        self.damages.push(LogDamage { segment, line, problem: problem.into() });
    }

    /// Walks on in the file of the position; true when it ended.
    fn file(&mut self, path: &Path) -> Result<bool> {
        let is_last = self.at.segment > self.head.segment;
        let name = if is_last { path.to_path_buf() } else { segment_path(path, self.at.segment) };
        let file = match File::open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !(is_last && self.head == Head::default()) {
                    self.note(0, "the file is missing");
                }
                return Ok(true);
            }
            Err(error) => return Err(log_error(error)),
        };
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(self.at.offset)).map_err(log_error)?;
        let stop_at = self.at.offset + STEP;
        let mut line = Vec::new();
        while self.at.offset < stop_at {
            line.clear();
            let len = reader.read_until(b'\n', &mut line).map_err(log_error)?;
            if len == 0 {
                return Ok(true);
            }
            self.at.line += 1;
            match line.strip_suffix(b"\n") {
                Some(line) => self.line(line),
                // A writer may be at work, or a crash came; what the head says tells whether something is missing.
                None => return Ok(true),
            }
            self.at.offset += len as u64;
        }
        Ok(false)
    }

    fn line(&mut self, bytes: &[u8]) {
        let number = self.at.line;
        let outcome = match std::str::from_utf8(bytes) {
            Ok(text) => self.at.link.follow(text, self.mac),
            Err(_) => Err("is no text".into()),
        };
        match outcome {
            Ok((link, is_ours)) => {
                self.at.link = link;
                self.unsigned = (!is_ours).then_some(number);
                // The head vouches for what leads to it, also for lines from before a new root key.
                if link.seq > self.head.link.seq && !is_ours {
                    self.note(number, "the line was not written by this store");
                }
            }
            Err(problem) => {
                match self.unsigned.take() {
                    Some(changed) if problem == NOT_NEXT && changed + 1 == number => {
                        self.note(changed, "the line was changed");
                    }
                    _ => self.note(number, format!("the line {problem}")),
                }
                // What comes after is measured against what is here, so that one damage is told once.
                self.at.link = self.at.link.after(bytes);
            }
        }
        if self.at.link.seq == self.head.link.seq {
            self.at.head_met = true;
            if self.at.link.hash != self.head.link.hash {
                self.note(number, "the line is not the one that the head says");
            }
        }
    }

    fn finish(&mut self) {
        if self.head.link.seq > 0 && !self.at.head_met {
            let (last, head) = (self.at.link.seq, self.head.link.seq);
            self.note(
                0,
                format!("the log ends with record {last}; {head} were written: its tail was cut off"),
            );
        }
    }
}
