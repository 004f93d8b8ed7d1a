//! Pages of lists, and the markers that lead from one to the next.

use crate::crypto::hex;
use crate::error::{Error, Result};
use crate::store::RowId;

/// Items of one page, however many the caller has room for.
const MAX_PAGE: usize = 1000;

/// An item of a list, and the marker that leads to the next one.
pub struct Listed<T> {
    pub item: T,
    pub marker: String,
}

pub struct ListPage<T> {
    pub items: Vec<Listed<T>>,
    pub more: bool,
    /// Where a page without items ends, if there are more.
    pub end: String,
}

impl<T> ListPage<T> {
    pub fn try_map<U>(self, convert: impl Fn(T) -> Result<U>) -> Result<ListPage<U>> {
        let items = self.items.into_iter().map(|Listed { item, marker }| {
            let item = convert(item)?;
            Ok(Listed { item, marker })
        });
        Ok(ListPage { items: items.collect::<Result<_>>()?, more: self.more, end: self.end })
    }

    pub fn map<U>(self, convert: impl Fn(T) -> U) -> ListPage<U> {
        let items = self.items.into_iter();
        let items = items.map(|Listed { item, marker }| Listed { item: convert(item), marker }).collect();
        ListPage { items, more: self.more, end: self.end }
    }
}

/// Which list a marker is of: a letter, then in hex the row id, revision or position of the last item.
#[derive(Clone, Copy)]
pub enum Marker {
    Keys,
    Aliases,
    Versions,
    Tags,
    Verification,
    Grants,
    RetirableGrants,
}

impl Marker {
    fn letter(self) -> char {
        match self {
            Marker::Keys => 'k',
            Marker::Aliases => 'a',
            Marker::Versions => 'v',
            Marker::Tags => 't',
            Marker::Verification => 'c',
            Marker::Grants => 'g',
            Marker::RetirableGrants => 'r',
        }
    }

    pub fn limit(capacity: usize) -> usize {
        capacity.clamp(1, MAX_PAGE)
    }

    fn hex(self, marker: &str) -> Result<&str> {
        marker
            .strip_prefix(self.letter())
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or_else(wrong)
    }

    /// The row id in a marker; None for the first page.
    pub fn row(self, marker: &str) -> Result<Option<RowId>> {
        if marker.is_empty() {
            return Ok(None);
        }
        hex::decode(self.hex(marker)?).map(Some).ok_or_else(wrong)
    }

    /// The revision of the last item; 0 before the first page.
    pub fn revision(self, marker: &str) -> Result<u64> {
        if marker.is_empty() {
            return Ok(0);
        }
        u64::from_str_radix(self.hex(marker)?, 16).map_err(|_| wrong())
    }

    /// How many items were on the pages before.
    pub fn index(self, marker: &str) -> Result<usize> {
        if marker.is_empty() {
            return Ok(0);
        }
        usize::from_str_radix(self.hex(marker)?, 16).map_err(|_| wrong())
    }

    pub fn of_row(self, id: &RowId) -> String {
        format!("{}{}", self.letter(), hex::encode(id))
    }

    /// A page of up to `limit` of the rows, which are one more if there are more.
    pub fn page_of_rows<R, T>(
        self,
        mut records: Vec<(RowId, R)>,
        limit: usize,
        item: impl Fn(R) -> T,
    ) -> ListPage<T> {
        let more = records.len() > limit;
        records.truncate(limit);
        let end = records.last().map(|(id, _)| self.of_row(id)).unwrap_or_default();
        let listed = |(id, record)| Listed { item: item(record), marker: self.of_row(&id) };
        ListPage { items: records.into_iter().map(listed).collect(), more, end }
    }

    /// A page of records by the revisions that they were written at: no two were at the same.
    pub fn page_of_written<T>(self, mut records: Vec<(u64, T)>, limit: usize) -> ListPage<T> {
        let more = records.len() > limit;
        records.truncate(limit);
        let marker = |revision| format!("{}{revision:x}", self.letter());
        let listed = records.into_iter().map(|(revision, item)| Listed { item, marker: marker(revision) });
        ListPage { items: listed.collect(), more, end: String::new() }
    }

    /// A page of a short list.
    pub fn page_of<T>(self, all: impl Iterator<Item = T>, after: usize, capacity: usize) -> ListPage<T> {
        let marker = |index: usize| format!("{}{:x}", self.letter(), index + 1);
        let mut rest = all.enumerate().skip(after);
        let items: Vec<Listed<T>> = rest
            .by_ref()
            .take(Self::limit(capacity))
            .map(|(index, item)| Listed { item, marker: marker(index) })
            .collect();
        ListPage { items, more: rest.next().is_some(), end: String::new() }
    }
}

fn wrong() -> Error {
    Error::argument("page.marker: is not one that this list returned")
}
