//! Where sealed rows live. A `Store` keeps rows that it cannot read: each has a kind, an id (a keyed hash), the key
//! it belongs to, a revision, and sealed bytes. What the rows mean, and whether they are whole, is `sealed`'s business.
//!
//! To add a store: implement `Rows`, `Transaction` and `Store`, and name its scheme in `open`.

pub mod change;
pub mod grants;
mod header;
mod keys;
mod memory;
pub mod record;
mod rekey;
pub mod sealed;
mod sqlite;
pub mod verify;

use std::time::Duration;

pub use header::Header;
pub use keys::Sum;

use crate::access::GrantId;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};

/// A row's place in its table: an HMAC of what it names, so that names are not in the clear.
pub type RowId = [u8; 32];

/// What a row holds. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// The one row about the store itself.
    Store = 1,
    /// A KMS key's head row.
    Key = 2,
    /// A key's id.
    KeyName = 3,
    Alias = 4,
    Version = 5,
    /// A version's material; nothing else of the version, so that destroying it removes one row.
    Material = 6,
    /// How often a key's versions were used.
    Usage = 7,
    /// A key's policy, if it has one of its own.
    Policy = 8,
    Grant = 9,
    /// A key's grants as a whole, if it has any.
    GrantIndex = 10,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Store,
        Kind::Key,
        Kind::KeyName,
        Kind::Alias,
        Kind::Version,
        Kind::Material,
        Kind::Usage,
        Kind::Policy,
        Kind::Grant,
        Kind::GrantIndex,
    ];

    fn from_number(number: i64) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

/// What a row is called before it is hashed; the one place that says what names which row.
#[derive(Clone, Copy, Debug)]
pub enum RowName<'a> {
    Key(&'a Uuid),
    KeyName(&'a str),
    Alias(&'a str),
    Version(&'a Uuid, u32),
    Material(&'a Uuid, u32),
    Usage(&'a Uuid),
    Policy(&'a Uuid),
    /// By the grant's key and id.
    Grant(&'a Uuid, &'a GrantId),
    GrantIndex(&'a Uuid),
}

impl RowName<'_> {
    pub fn kind(&self) -> Kind {
        match self {
            RowName::Key(_) => Kind::Key,
            RowName::KeyName(_) => Kind::KeyName,
            RowName::Alias(_) => Kind::Alias,
            RowName::Version(..) => Kind::Version,
            RowName::Material(..) => Kind::Material,
            RowName::Usage(_) => Kind::Usage,
            RowName::Policy(_) => Kind::Policy,
            RowName::Grant(..) => Kind::Grant,
            RowName::GrantIndex(_) => Kind::GrantIndex,
        }
    }
}

/// A row as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub kind: Kind,
    pub id: RowId,
    /// The id of the head row of the key it belongs to, of a grant that of the index; such rows' own ids; zeros for the
    /// store row.
    pub owner: RowId,
    /// The store's revision when it was written.
    pub revision: u64,
    pub sealed: Vec<u8>,
}

/// Which rows of a kind.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    All,
    Owner(&'a RowId),
    /// Those whose ids begin so.
    Prefix(&'a [u8]),
}

/// Reading. Each call sees one committed state.
pub trait Rows {
    fn get(&self, kind: Kind, id: &RowId) -> Result<Option<Row>>;

    /// All rows of the key that a row belongs to, its head row among them; empty if there is no such row.
    fn family(&self, kind: Kind, id: &RowId) -> Result<Vec<Row>>;

    /// Up to `limit` rows of a kind in the order of their ids, after `after`.
    fn page(&self, kind: Kind, among: Among<'_>, after: Option<&RowId>, limit: usize) -> Result<Vec<Row>>;

    /// Up to `limit` of an owner's rows of a kind that were written after a revision, in the order of theirs.
    fn written_after(&self, kind: Kind, owner: &RowId, revision: u64, limit: usize) -> Result<Vec<Row>>;

    /// The owners of rows written after a revision.
    fn owners_since(&self, revision: u64) -> Result<Vec<RowId>>;

    /// How many rows there are.
    fn count(&self) -> Result<u64>;

    /// The header, or None where no store has been created yet.
    fn header(&self) -> Result<Option<Header>>;

    /// Checks what the seals do not cover: that each row is found by all that it may be looked up by.
    fn check_indexes(&self) -> Result<()>;
}

/// Changing. Nothing is seen by others before the commit.
pub trait Transaction: Rows {
    fn put(&mut self, row: &Row) -> Result<()>;
    fn delete(&mut self, kind: Kind, id: &RowId) -> Result<()>;
    fn put_header(&mut self, header: &Header) -> Result<()>;
}

/// One store, shared by all threads of a process.
pub trait Store: Rows + Send + Sync {
    /// Creates the store with its first row; false if it is there already, whoever made it.
    fn create(&self, header: &Header, first: &Row) -> Result<bool>;

    /// Runs `body` in one transaction, alone among all writers; durable when this returns Ok.
    fn write(&self, body: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()>;

    /// Runs `body` on one committed state, whatever others write meanwhile.
    fn snapshot(&self, body: &mut dyn FnMut(&dyn Rows) -> Result<()>) -> Result<()>;

    /// Sees to it that deleted rows have left no trace in the store's files.
    fn scrub(&self) -> Result<()>;

    /// Writes a consistent copy to a file that is not there yet.
    fn backup(&self, path: &str) -> Result<()>;

    /// The same store for a child of fork: new connections, new locks.
    fn reopen(&self) -> Result<Box<dyn Store>>;
}

/// Which store, and how to use it.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub create: bool,
    pub read_only: bool,
    /// The longest that a call may wait for another process.
    pub timeout: Duration,
}

/// Opens a store by its URI: "memory:" or "sqlite:PATH".
pub fn open(uri: &str, options: &StoreOptions) -> Result<Box<dyn Store>> {
    if uri == "memory:" {
        return Ok(Box::new(memory::MemoryStore::new()));
    }
    if uri.starts_with("sqlite://") {
        // Others write relative paths so. Taken as it is, it would be a file in the root folder.
        return Err(Error::argument(
            "options.store: \"sqlite://...\" is not a form of it; write \"sqlite:PATH\", \"sqlite:keys.db\" or \
             \"sqlite:/folder/keys.db\"",
        ));
    }
    if let Some(path) = uri.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Ok(Box::new(sqlite::SqliteStore::open(path, options)?));
    }
    if uri.starts_with("postgresql:") || uri.starts_with("postgres:") {
        return Err(Error::Unsupported("options.store: PostgreSQL is not built into this library".into()));
    }
    Err(Error::argument("options.store: expected \"memory:\" or \"sqlite:PATH\""))
}
