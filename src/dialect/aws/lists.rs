//! Pages of lists: Limit and Marker in, NextMarker and Truncated out, cut so that a page always fits.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::fault::Fault;
use super::{Answer, Call, Outcome};
use crate::capi::constants::KMS_EXCHANGE_MIN_CAPACITY;
use crate::dialect::shared::context::Text;
use crate::engine::ListPage;
use crate::error::{Error, Result};

/// Bytes of a page besides its items.
const FRAME: usize = 1024;

struct Page<S> {
    /// The member that holds the items.
    member: &'static str,
    items: Vec<S>,
    next_marker: Option<String>,
}

impl<S: Serialize> Serialize for Page<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> std::result::Result<T::Ok, T::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.member, &self.items)?;
        if let Some(marker) = &self.next_marker {
            map.serialize_entry("NextMarker", marker)?;
        }
        map.serialize_entry("Truncated", &self.next_marker.is_some())?;
        map.end()
    }
}

impl Call<'_> {
    /// Answers with a page of the engine's.
    pub fn page<T, S: Serialize>(
        &self,
        member: &'static str,
        page: Result<ListPage<T>>,
        marker: &Option<Text<'_>>,
        item: impl Fn(T) -> S,
    ) -> Outcome {
        let page = page.map_err(|error| match error {
            Error::InvalidArgument(_) if marker.is_some() => Fault::wrong_marker(),
            error => self.fault(error),
        })?;
        let (mut items, mut size) = (Vec::new(), FRAME);
        let (mut last, mut is_cut) = (page.end, false);
        for listed in page.items {
            let item = item(listed.item);
            size += serde_json::to_vec(&item).map_or(0, |text| text.len() + 1);
            if size > KMS_EXCHANGE_MIN_CAPACITY && !items.is_empty() {
                is_cut = true;
                break;
            }
            items.push(item);
            last = listed.marker;
        }
        Answer::json(&Page { member, items, next_marker: (page.more || is_cut).then_some(last) })
    }
}

/// The number of items that a request asks for; it has passed the checks.
pub fn limit(asked: Option<i32>, default: usize) -> usize {
    asked.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default)
}
