//! What makes the log tamper-evident. Each line carries its number, the hash of the line before, and a MAC of its own
//! hash under a key of the store; the head, beside the log, says with a MAC how far the log goes. So an edit, a gap, a
//! reordering and a cut tail are found. A new root key gives a new MAC key; the hashes go on through it, and the head
//! vouches for all that they lead back to.

use serde::Deserialize;

use crate::crypto::{hex, kdf, secret};

pub type Hash = [u8; 32];

/// Authenticates with the store's key for the audit log.
pub type Mac<'a> = &'a dyn Fn(&[&[u8]]) -> Hash;

/// What is wrong with a line whose `previous` is not the line before.
pub const NOT_NEXT: &str = "does not follow the line before it: one of them was changed";

const MAC_MEMBER: &str = ",\"mac\":\"";

/// Where the chain stands: after line `seq`, which has this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Link {
    /// From 1; 0 = before the first line.
    pub seq: u64,
    pub hash: Hash,
}

/// How far the log goes, for whoever appends to it and whoever verifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    pub link: Link,
    /// Log files that were full and have a number in their names.
    pub segment: u64,
    /// Bytes of the current log file.
    pub size: u64,
}

/// A head is read and written as one block of this size, which no crash tears.
pub const HEAD_SIZE: usize = 512;

#[derive(serde::Serialize, Deserialize)]
struct HeadText {
    seq: u64,
    hash: String,
    segment: u64,
    size: u64,
    /// More than one while the root key changes.
    macs: Vec<String>,
}

impl Link {
    /// The line that comes next, with its line feed, and the link that it makes.
    pub fn next(&self, members: &str, mac: Mac<'_>) -> (String, Link) {
        let seq = self.seq + 1;
        let content = format!("{{\"seq\":{seq},\"previous\":\"{}\",{members}", hex::encode(&self.hash));
        let mut line = format!("{content}{MAC_MEMBER}{}\"}}", hex::encode(&line_mac(&content, mac)));
        let link = Link { seq, hash: kdf::sha256(&[line.as_bytes()]) };
        line.push('\n');
        (line, link)
    }

    /// The link that a line (without its line feed) makes, and whether its MAC is of this key; or what is wrong.
    pub fn follow(&self, line: &str, mac: Mac<'_>) -> Result<(Link, bool), String> {
        let (content, rest) = line.rsplit_once(MAC_MEMBER).ok_or("is no record")?;
        let found: Hash = rest.strip_suffix("\"}").and_then(hex::decode).ok_or("is no record")?;
        #[derive(Deserialize)]
        struct Start {
            seq: u64,
            previous: String,
        }
        let start: Start = serde_json::from_str(line).map_err(|_| "is no record")?;
        if start.seq != self.seq.saturating_add(1) {
            return Err(format!("has number {}, expected {}", start.seq, self.seq + 1));
        }
        if start.previous != hex::encode(&self.hash) {
            return Err(NOT_NEXT.into());
        }
        let link = Link { seq: start.seq, hash: kdf::sha256(&[line.as_bytes()]) };
        Ok((link, secret::is_equal(&found, &line_mac(content, mac))))
    }

    /// The link that a damaged line claims to make, whatever came before it.
    pub fn after(&self, bytes: &[u8]) -> Link {
        let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
        let seq = value.and_then(|value| value.get("seq")?.as_u64()).unwrap_or(self.seq.saturating_add(1));
        Link { seq, hash: kdf::sha256(&[bytes]) }
    }
}

fn line_mac(content: &str, mac: Mac<'_>) -> Hash {
    mac(&[b"line", &kdf::sha256(&[content.as_bytes()])])
}

impl Head {
    fn mac(&self, mac: Mac<'_>) -> String {
        let numbers = [self.link.seq.to_be_bytes(), self.segment.to_be_bytes(), self.size.to_be_bytes()];
        let [seq, segment, size] = &numbers;
        hex::encode(&mac(&[b"head", seq, &self.link.hash, segment, size]))
    }

    /// The head's block, authenticated under each of the keys.
    pub fn to_block(self, macs: &[Mac<'_>]) -> Vec<u8> {
        let text = HeadText {
            seq: self.link.seq,
            hash: hex::encode(&self.link.hash),
            segment: self.segment,
            size: self.size,
            macs: macs.iter().map(|mac| self.mac(mac)).collect(),
        };
        let mut block = serde_json::to_vec(&text).unwrap_or_default();
        block.resize(HEAD_SIZE - 1, b' ');
        block.push(b'\n');
        block
    }

    /// None if it was not written with this key.
    pub fn from_block(block: &[u8], mac: Mac<'_>) -> Option<Head> {
        let text: HeadText = serde_json::from_slice(block).ok()?;
        let link = Link { seq: text.seq, hash: hex::decode(&text.hash)? };
        let head = Head { link, segment: text.segment, size: text.size };
        let own = head.mac(mac);
        text.macs.contains(&own).then_some(head)
    }
}
