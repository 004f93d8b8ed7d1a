//! Looks for secrets in the memory of another process (/proc/PID), or in any bytes.

#![allow(dead_code)] // every test file uses its own part

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A piece of an address space.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub range: std::ops::Range<u64>,
    pub name: String,
    pub readable: bool,
    /// The two-letter names of `VmFlags` in /proc/PID/smaps.
    pub flags: Vec<String>,
}

impl Mapping {
    /// Locked into RAM and left out of core dumps.
    pub fn is_protected(&self) -> bool {
        ["lo", "dd"].iter().all(|wanted| self.flags.iter().any(|flag| flag == wanted))
    }
}

/// All mappings of a process.
pub fn mappings(pid: u32) -> Vec<Mapping> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("/proc/PID/smaps");
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let mapping = mappings.last_mut().expect("a mapping before its flags");
            mapping.flags = flags.split_whitespace().map(str::to_string).collect();
        } else if let Some((start, end)) = words[0].split_once('-') {
            let address = |text| u64::from_str_radix(text, 16).expect("an address");
            mappings.push(Mapping {
                range: address(start)..address(end),
                name: words.get(5..).unwrap_or_default().join(" "),
                readable: words[1].starts_with('r'),
                flags: Vec::new(),
            });
        }
    }
    mappings
}

/// The bytes of every readable mapping. Whoever may not read a child's memory (kernel.yama.ptrace_scope above 1)
/// cannot run this test.
pub fn read(pid: u32) -> Vec<(Mapping, Vec<u8>)> {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("to read the child's memory");
    let readable = mappings(pid).into_iter().filter(|mapping| mapping.readable);
    // The kernel's own pages are not memory of the process.
    let ordinary = readable.filter(|mapping| !mapping.name.starts_with("[v"));
    ordinary
        .map(|mapping| {
            let mut bytes = vec![0; (mapping.range.end - mapping.range.start) as usize];
            memory
                .read_exact_at(&mut bytes, mapping.range.start)
                .unwrap_or_else(|e| panic!("{mapping:?}: {e}"));
            (mapping, bytes)
        })
        .collect()
}

/// What is looked for: pieces of eight bytes, each with the name of the secret it is from.
#[derive(Default)]
pub struct Needles {
    pieces: HashMap<u64, String>,
    /// Which low 20 bits any piece has: nearly every place is passed with one look.
    sieve: Vec<u64>,
}

const SIEVE_BITS: u64 = 20;

impl Needles {
    /// Adds a secret: any eight of its bytes (from a multiple of eight on) count, wherever they are found. Pieces that
    /// could be there by chance (few different bytes) are left out.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        self.sieve.resize(1 << (SIEVE_BITS - 6), 0);
        for piece in secret.as_chunks::<8>().0 {
            let mut different = piece.to_vec();
            different.sort_unstable();
            different.dedup();
            if different.len() < 6 {
                continue;
            }
            let value = u64::from_le_bytes(*piece);
            let low = value & ((1 << SIEVE_BITS) - 1);
            self.sieve[(low / 64) as usize] |= 1 << (low % 64);
            self.pieces.entry(value).or_insert_with(|| name.to_string());
        }
    }

    /// Offsets and names of what is found.
    pub fn find_in(&self, bytes: &[u8]) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        if self.pieces.is_empty() {
            return found;
        }
        let mut value = 0;
        for (end, byte) in bytes.iter().enumerate() {
            value = (value >> 8) | (u64::from(*byte) << 56);
            let low = value & ((1 << SIEVE_BITS) - 1);
            if self.sieve[(low / 64) as usize] >> (low % 64) & 1 == 1
                && let Some(name) = self.pieces.get(&value)
                && end >= 7
            {
                found.push((end - 7, name.as_str()));
            }
        }
        found
    }
}

/// Where secrets were found, in words: name, how often, and in which mapping.
pub fn report<'a>(found: impl IntoIterator<Item = (&'a Mapping, u64, &'a str)>) -> String {
    let mut places: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for (mapping, offset, name) in found {
        let place = format!("{:x}-{:x} {}", mapping.range.start, mapping.range.end, mapping.name);
        places.entry((place, name.to_string())).or_default().push(offset);
    }
    let line = |((place, name), offsets): (&(String, String), &Vec<u64>)| {
        format!("{place}: {name}, {} pieces at {:x?}\n", offsets.len(), &offsets[..offsets.len().min(8)])
    };
    places.iter().map(line).collect()
}
