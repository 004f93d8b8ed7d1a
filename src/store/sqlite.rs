//! The embedded store: one SQLite file in WAL mode, every commit synced, shared by any number of threads and processes.
//!
//! There are no foreign keys between rows: every reference is checked by the sealed sums (see `sealed`), which also
//! hold against someone who edits the file.

mod connections;

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, ffi, params};

use connections::{Connections, wait_at_most};

use super::{Among, Header, Kind, Row, RowId, Rows, Store, StoreOptions, Transaction};
use crate::error::{Detail, Error, Result};
use crate::platform;

/// "kms1", in the file's header, so that `file` and we can tell what it is.
const APPLICATION_ID: i64 = 0x6b6d_7331;

/// Step n brings a file from schema version n to n + 1; the file's `user_version` says where it stands.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE header (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE row (
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        owner BLOB NOT NULL,
        revision INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX row_owner ON row (owner);
    CREATE INDEX row_revision ON row (revision);
",
    "
    DROP INDEX row_owner;
    CREATE INDEX row_owner ON row (owner, kind, revision);
",
];

pub struct SqliteStore {
    connections: Connections,
    options: StoreOptions,
}

impl SqliteStore {
    pub fn open(path: &str, options: &StoreOptions) -> Result<Self> {
        platform::sqlite::make_fork_safe()?;
        let path = Path::new(path);
        if options.create && !options.read_only {
            platform::create_private(path).map_err(|error| io_error(&error))?;
        }
        // Absolute, since a child of fork may have changed its directory when it opens the store anew.
        let path = path.canonicalize().map_err(|error| not_there(path, &error))?;
        // Not to hang on a FIFO.
        if !path.metadata().map_err(|error| io_error(&error))?.is_file() {
            return Err(Error::Store {
                native_code: 0,
                message: "its place is taken by what is no file".into(),
            });
        }
        let store = SqliteStore::at(path, options);
        store.with(|connection| {
            if !options.read_only && connection.is_readonly("main").map_err(sql_error)? {
                return Err(Error::Store {
                    native_code: i64::from(ffi::SQLITE_READONLY),
                    message: "the file cannot be written; KMS_OPEN_READ_ONLY opens it for reading".into(),
                });
            }
            let version = schema_version(connection)?;
            if !options.read_only && (1..MIGRATIONS.len() as i64).contains(&version) {
                let transaction = connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(sql_error)?;
                // Another process may have migrated it meanwhile.
                let version = schema_version(&transaction)?;
                store.migrate(&transaction, version)?;
                transaction.commit().map_err(sql_error)?;
            }
            if version > 0 && !options.read_only {
                // A backup comes without.
                store.switch_to_wal(connection)?;
            }
            Ok(())
        })?;
        Ok(store)
    }

    fn at(path: PathBuf, options: &StoreOptions) -> Self {
        let connections = Connections::new(path, options.read_only, options.timeout);
        SqliteStore { connections, options: options.clone() }
    }

    fn with<T>(&self, body: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        self.connections.with(body)
    }

    /// WAL is a property of the file. Switching needs the file for a moment, and SQLite does not call the busy
    /// handler for it.
    fn switch_to_wal(&self, connection: &Connection) -> Result<()> {
        let mut wait = wait_at_most(self.options.timeout);
        for attempt in 0.. {
            match connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => {}
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                Err(error) => return Err(sql_error(error)),
            }
            if !wait(attempt) {
                break;
            }
        }
        Err(Error::DependencyTimeout("the store"))
    }

    fn migrate(&self, transaction: &rusqlite::Transaction<'_>, from: i64) -> Result<()> {
        for step in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(0)) {
            transaction.execute_batch(step).map_err(sql_error)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql_error)?;
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(sql_error)
    }
}

/// The schema version of the file; 0 if it is an empty database.
fn schema_version(connection: &Connection) -> Result<i64> {
    let (application, version, tables) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                    (SELECT user_version FROM pragma_user_version),
                    (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .map_err(sql_error)?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(Error::Store {
            native_code: 0,
            message: "the file is a SQLite database, but not a libkms store".into(),
        });
    }
    if version > MIGRATIONS.len() as i64 {
        return Err(Error::Unsupported(
            format!("the store has schema version {version}, this library knows {}", MIGRATIONS.len()).into(),
        ));
    }
    if version < 1 {
        return Err(Error::corrupt("its schema version is impossible"));
    }
    Ok(version)
}

/// Rows of whatever connection or transaction.
struct Sql<'a>(&'a Connection);

const COLUMNS: &str = "kind, id, owner, revision, sealed";

impl Sql<'_> {
    fn rows(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(sql).map_err(sql_error)?;
        let mut rows = statement.query(parameters).map_err(sql_error)?;
        let mut list = Vec::new();
        while let Some(row) = rows.next().map_err(sql_error)? {
            list.push(to_row(row)?);
        }
        Ok(list)
    }
}

fn to_row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let damaged = || Error::corrupt("a row's columns are damaged");
    let blob = |column| match row.get_ref(column) {
        Ok(ValueRef::Blob(bytes)) => Ok(bytes),
        _ => Err(damaged()),
    };
    let number = |column| row.get::<_, i64>(column).map_err(|_| damaged());
    Ok(Row {
        kind: Kind::from_number(number(0)?).ok_or_else(damaged)?,
        id: blob(1)?.try_into().map_err(|_| damaged())?,
        owner: blob(2)?.try_into().map_err(|_| damaged())?,
        revision: number(3)? as u64,
        sealed: blob(4)?.to_vec(),
    })
}

impl Rows for Sql<'_> {
    fn get(&self, kind: Kind, id: &RowId) -> Result<Option<Row>> {
        let sql = format!("SELECT {COLUMNS} FROM row WHERE kind = ?1 AND id = ?2");
        Ok(self.rows(&sql, params![kind as i64, id])?.pop())
    }

    fn family(&self, kind: Kind, id: &RowId) -> Result<Vec<Row>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM row WHERE owner = (SELECT owner FROM row WHERE kind = ?1 AND id = ?2)
             UNION ALL SELECT {COLUMNS} FROM row WHERE kind = ?1 AND id = ?2"
        );
        let mut rows = self.rows(&sql, params![kind as i64, id])?;
        // The last is the row itself, as the table has it. The others were found by the index of owners.
        match rows.pop() {
            None => Ok(rows),
            Some(row) if rows.contains(&row) => Ok(rows),
            Some(_) => Err(Error::corrupt("a row and the index of owners do not agree")),
        }
    }

    fn page(&self, kind: Kind, among: Among<'_>, after: Option<&RowId>, limit: usize) -> Result<Vec<Row>> {
        let after = after.map_or(&[][..], |id| id.as_slice());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match among {
            Among::Owner(owner) => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM row WHERE owner = ?4 AND kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
                );
                self.rows(&sql, params![kind as i64, after, limit, owner])
            }
            Among::All | Among::Prefix(_) => {
                let prefix = if let Among::Prefix(prefix) = among { prefix } else { &[] };
                let mut last = [0xff; 32];
                last.iter_mut().zip(prefix).for_each(|(place, byte)| *place = *byte);
                // A prefix comes before all that begin with it.
                let sql = format!(
                    "SELECT {COLUMNS} FROM row WHERE kind = ?1 AND id > ?2 AND id <= ?4 ORDER BY id LIMIT ?3"
                );
                self.rows(&sql, params![kind as i64, after.max(prefix), limit, last])
            }
        }
    }

    fn written_after(&self, kind: Kind, owner: &RowId, revision: u64, limit: usize) -> Result<Vec<Row>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM row WHERE owner = ?1 AND kind = ?2 AND revision > ?3
             ORDER BY revision, id LIMIT ?4"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(&sql, params![owner, kind as i64, revision as i64, limit])
    }

    fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        // SQLite by itself would read the whole index of owners, to have them in order.
        let sql = "SELECT DISTINCT owner FROM row INDEXED BY row_revision WHERE revision > ?1";
        let mut statement = self.0.prepare_cached(sql).map_err(sql_error)?;
        let owners = statement
            .query_map([revision as i64], |row| row.get::<_, RowId>(0))
            .and_then(Iterator::collect)
            .map_err(sql_error)?;
        Ok(owners)
    }

    fn count(&self) -> Result<u64> {
        let count: i64 =
            self.0.query_row("SELECT count(*) FROM row", [], |row| row.get(0)).map_err(sql_error)?;
        Ok(count as u64)
    }

    fn header(&self) -> Result<Option<Header>> {
        if schema_version(self.0)? == 0 {
            return Ok(None);
        }
        let bytes: Option<Vec<u8>> = self
            .0
            .query_row("SELECT bytes FROM header", [], |row| row.get(0))
            .optional()
            .map_err(sql_error)?;
        let bytes = bytes.ok_or_else(|| Error::corrupt("its header is missing"))?;
        Header::from_bytes(&bytes).map(Some)
    }

    fn check_indexes(&self) -> Result<()> {
        let found: String =
            self.0.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(sql_error)?;
        if found == "ok" { Ok(()) } else { Err(Error::corrupt("its tables and indexes do not agree")) }
    }
}

impl Transaction for Sql<'_> {
    fn put(&mut self, row: &Row) -> Result<()> {
        let sql = "INSERT INTO row (kind, id, owner, revision, sealed) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (kind, id) DO UPDATE SET owner = ?3, revision = ?4, sealed = ?5";
        let values = params![row.kind as i64, row.id, row.owner, row.revision as i64, row.sealed];
        self.0.prepare_cached(sql).and_then(|mut insert| insert.execute(values)).map_err(sql_error)?;
        Ok(())
    }

    fn delete(&mut self, kind: Kind, id: &RowId) -> Result<()> {
        let sql = "DELETE FROM row WHERE kind = ?1 AND id = ?2";
        let values = params![kind as i64, id];
        self.0.prepare_cached(sql).and_then(|mut delete| delete.execute(values)).map_err(sql_error)?;
        Ok(())
    }

    fn put_header(&mut self, header: &Header) -> Result<()> {
        let sql = "INSERT INTO header (id, bytes) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET bytes = ?1";
        self.0.execute(sql, [header.to_bytes()]).map_err(sql_error)?;
        Ok(())
    }
}

impl Rows for SqliteStore {
    fn get(&self, kind: Kind, id: &RowId) -> Result<Option<Row>> {
        self.with(|connection| Sql(connection).get(kind, id))
    }

    fn family(&self, kind: Kind, id: &RowId) -> Result<Vec<Row>> {
        self.with(|connection| Sql(connection).family(kind, id))
    }

    fn page(&self, kind: Kind, among: Among<'_>, after: Option<&RowId>, limit: usize) -> Result<Vec<Row>> {
        self.with(|connection| Sql(connection).page(kind, among, after, limit))
    }

    fn written_after(&self, kind: Kind, owner: &RowId, revision: u64, limit: usize) -> Result<Vec<Row>> {
        self.with(|connection| Sql(connection).written_after(kind, owner, revision, limit))
    }

    fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        self.with(|connection| Sql(connection).owners_since(revision))
    }

    fn count(&self) -> Result<u64> {
        self.with(|connection| Sql(connection).count())
    }

    fn header(&self) -> Result<Option<Header>> {
        self.with(|connection| Sql(connection).header())
    }

    fn check_indexes(&self) -> Result<()> {
        self.with(|connection| Sql(connection).check_indexes())
    }
}

impl Store for SqliteStore {
    fn create(&self, header: &Header, first: &Row) -> Result<bool> {
        self.with(|connection| {
            self.switch_to_wal(connection)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
            if schema_version(&transaction)? != 0 {
                return Ok(false);
            }
            self.migrate(&transaction, 0)?;
            Sql(&transaction).put_header(header)?;
            Sql(&transaction).put(first)?;
            transaction.commit().map_err(sql_error)?;
            Ok(true)
        })
    }

    fn write(&self, body: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
            body(&mut Sql(&transaction))?;
            transaction.commit().map_err(sql_error)
        })
    }

    fn snapshot(&self, body: &mut dyn FnMut(&dyn Rows) -> Result<()>) -> Result<()> {
        self.with(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(sql_error)?;
            body(&Sql(&transaction))
        })
    }

    /// secure_delete has zeroed the rows in the file; what the write-ahead log still holds goes with a checkpoint.
    fn scrub(&self) -> Result<()> {
        self.with(|connection| {
            let busy: i64 = connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(sql_error)?;
            if busy == 0 { Ok(()) } else { Err(Error::DependencyTimeout("the store")) }
        })
    }

    fn backup(&self, path: &str) -> Result<()> {
        let place = Path::new(path);
        if place.exists() {
            return Err(Error::AlreadyExists { what: Detail::None, name: path.to_string() });
        }
        platform::create_private(place).map_err(|error| io_error(&error))?;
        let copied = self.with(|connection| {
            // One read transaction; an empty file is as good as none to it. Durable when this returns.
            connection.execute("VACUUM INTO ?1", [path]).map_err(sql_error)?;
            Ok(())
        });
        if copied.is_err() {
            // What is left of it would be taken for a backup; the first error is the one to report.
            let _ = std::fs::remove_file(place);
        }
        copied
    }

    fn reopen(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(SqliteStore::at(self.connections.path().to_path_buf(), &self.options)))
    }
}

fn not_there(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::StoreNotFound(path.display().to_string());
    }
    io_error(error)
}

fn io_error(error: &std::io::Error) -> Error {
    Error::Store {
        native_code: i64::from(error.raw_os_error().unwrap_or(0)),
        message: format!("the file cannot be opened: {error}"),
    }
}

/// SQLite's extended result code goes to the caller; its texts name files and SQL, never row contents.
fn sql_error(error: rusqlite::Error) -> Error {
    let Some(failure) = error.sqlite_error() else {
        // A column that has another type than the schema says.
        return Error::corrupt("a row's columns are damaged");
    };
    let native_code = i64::from(failure.extended_code);
    let message = match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => return Error::DependencyTimeout("the store"),
        ErrorCode::DatabaseCorrupt => return Error::corrupt("SQLite cannot read its pages"),
        // Nothing in it says that it ever was a store.
        ErrorCode::NotADatabase => {
            "the file is not a libkms store: it does not begin as a SQLite database does".into()
        }
        // Our SQL is always the same, so the tables it finds are not ours.
        ErrorCode::Unknown => return Error::corrupt("its tables are not those of its schema version"),
        ErrorCode::OutOfMemory => return Error::OutOfMemory { what: "the store", native_code },
        ErrorCode::DiskFull => "the disk is full".into(),
        ErrorCode::ReadOnly => "the file or its folder cannot be written".into(),
        ErrorCode::CannotOpen => "the file, or its -wal or -shm beside it, cannot be opened".into(),
        _ => ffi::code_to_str(failure.extended_code).to_string(),
    };
    Error::Store { native_code, message }
}
