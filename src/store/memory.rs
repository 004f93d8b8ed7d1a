//! A store in memory: for tests, and for keys that live as long as their process. Each commit publishes a new
//! immutable snapshot, so readers never wait, and a child of fork finds a whole one whatever other threads did.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use imbl::OrdMap;

use super::{Among, Header, Kind, Row, RowId, Rows, Store, Transaction};
use crate::error::{Error, Result};

#[derive(Clone, Default)]
struct Snapshot {
    header: Option<Header>,
    rows: OrdMap<(Kind, RowId), Row>,
    /// Which rows belong to an owner, in the order of their revisions.
    owned: OrdMap<(RowId, Kind, u64, RowId), ()>,
    /// Whose rows were written at a revision.
    written: OrdMap<(u64, Kind, RowId), RowId>,
}

pub struct MemoryStore {
    published: Arc<ArcSwap<Snapshot>>,
    writer: Mutex<()>,
}

impl MemoryStore {
    pub fn new() -> Self {
        MemoryStore {
            published: Arc::new(ArcSwap::from_pointee(Snapshot::default())),
            writer: Mutex::new(()),
        }
    }

    fn commit<T>(&self, body: impl FnOnce(&mut Snapshot) -> Result<T>) -> Result<T> {
        let _alone = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&self.published.load());
        let value = body(&mut next)?;
        self.published.store(Arc::new(next));
        Ok(value)
    }
}

impl Rows for Snapshot {
    fn get(&self, kind: Kind, id: &RowId) -> Result<Option<Row>> {
        Ok(self.rows.get(&(kind, *id)).cloned())
    }

    fn family(&self, kind: Kind, id: &RowId) -> Result<Vec<Row>> {
        let Some(row) = self.rows.get(&(kind, *id)) else { return Ok(Vec::new()) };
        let first = (row.owner, Kind::Store, 0, [0; 32]);
        let members = self.owned.range(first..).map(|(place, ())| place);
        let members = members.take_while(|(owner, ..)| *owner == row.owner);
        Ok(members.filter_map(|(_, kind, _, id)| self.rows.get(&(*kind, *id)).cloned()).collect())
    }

    fn page(&self, kind: Kind, among: Among<'_>, after: Option<&RowId>, limit: usize) -> Result<Vec<Row>> {
        let prefix = if let Among::Prefix(prefix) = among { prefix } else { &[] };
        let mut start = [0; 32];
        start.iter_mut().zip(prefix).for_each(|(place, byte)| *place = *byte);
        let first = (kind, after.copied().unwrap_or(start));
        let rows = self.rows.range(first..).map(|(_, row)| row);
        let rows = rows.take_while(|row| row.kind == kind && row.id.starts_with(prefix));
        let is_wanted = |row: &&Row| match among {
            Among::Owner(owner) => row.owner == *owner,
            Among::All | Among::Prefix(_) => true,
        };
        Ok(rows.filter(|row| after != Some(&row.id)).filter(is_wanted).take(limit).cloned().collect())
    }

    fn written_after(&self, kind: Kind, owner: &RowId, revision: u64, limit: usize) -> Result<Vec<Row>> {
        let first = (*owner, kind, revision.saturating_add(1), [0; 32]);
        let places = self.owned.range(first..).map(|(place, ())| place);
        let places = places.take_while(|(of, k, ..)| of == owner && *k == kind).take(limit);
        Ok(places.filter_map(|(_, kind, _, id)| self.rows.get(&(*kind, *id)).cloned()).collect())
    }

    fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        let first = (revision.saturating_add(1), Kind::Store, [0; 32]);
        let mut owners: Vec<RowId> = self.written.range(first..).map(|(_, owner)| *owner).collect();
        owners.sort_unstable();
        owners.dedup();
        Ok(owners)
    }

    fn count(&self) -> Result<u64> {
        Ok(self.rows.len() as u64)
    }

    fn header(&self) -> Result<Option<Header>> {
        Ok(self.header.clone())
    }

    fn check_indexes(&self) -> Result<()> {
        Ok(())
    }
}

impl Transaction for Snapshot {
    fn put(&mut self, row: &Row) -> Result<()> {
        self.delete(row.kind, &row.id)?;
        self.owned.insert((row.owner, row.kind, row.revision, row.id), ());
        self.written.insert((row.revision, row.kind, row.id), row.owner);
        self.rows.insert((row.kind, row.id), row.clone());
        Ok(())
    }

    fn delete(&mut self, kind: Kind, id: &RowId) -> Result<()> {
        if let Some(row) = self.rows.remove(&(kind, *id)) {
            self.owned.remove(&(row.owner, kind, row.revision, *id));
            self.written.remove(&(row.revision, kind, *id));
        }
        Ok(())
    }

    fn put_header(&mut self, header: &Header) -> Result<()> {
        self.header = Some(header.clone());
        Ok(())
    }
}

impl Rows for MemoryStore {
    fn get(&self, kind: Kind, id: &RowId) -> Result<Option<Row>> {
        self.published.load().get(kind, id)
    }

    fn family(&self, kind: Kind, id: &RowId) -> Result<Vec<Row>> {
        self.published.load().family(kind, id)
    }

    fn page(&self, kind: Kind, among: Among<'_>, after: Option<&RowId>, limit: usize) -> Result<Vec<Row>> {
        self.published.load().page(kind, among, after, limit)
    }

    fn written_after(&self, kind: Kind, owner: &RowId, revision: u64, limit: usize) -> Result<Vec<Row>> {
        self.published.load().written_after(kind, owner, revision, limit)
    }

    fn owners_since(&self, revision: u64) -> Result<Vec<RowId>> {
        self.published.load().owners_since(revision)
    }

    fn count(&self) -> Result<u64> {
        self.published.load().count()
    }

    fn header(&self) -> Result<Option<Header>> {
        self.published.load().header()
    }

    fn check_indexes(&self) -> Result<()> {
        self.published.load().check_indexes()
    }
}

impl Store for MemoryStore {
    fn create(&self, header: &Header, first: &Row) -> Result<bool> {
        self.commit(|snapshot| {
            if snapshot.header.is_some() {
                return Ok(false);
            }
            snapshot.header = Some(header.clone());
            snapshot.put(first)?;
            Ok(true)
        })
    }

    fn write(&self, body: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        self.commit(|snapshot| match snapshot.header {
            Some(_) => body(snapshot),
            None => Err(Error::Internal("a change before the store was created")),
        })
    }

    fn snapshot(&self, body: &mut dyn FnMut(&dyn Rows) -> Result<()>) -> Result<()> {
        body(&**self.published.load())
    }

    fn scrub(&self) -> Result<()> {
        Ok(())
    }

    fn backup(&self, _path: &str) -> Result<()> {
        Err(Error::Unsupported("a store in memory has no file to back up".into()))
    }

    fn reopen(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(MemoryStore { published: self.published.clone(), writer: Mutex::new(()) }))
    }
}
