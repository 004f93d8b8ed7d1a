//! Care for a store: a new root key, backups, verification.

use super::Kms;
use super::list::{ListPage, Listed, Marker};
use super::request::{self, flag};
use crate::error::{Error, Result};
use crate::root::RootKeySource;
use crate::store::verify::Damage;
pub use crate::store::verify::STEP as VERIFY_STEP;

impl Kms {
    pub fn rekey(&self, root: &RootKeySource<'_>, flags: u32) -> Result<()> {
        self.rekey_watched(root, flags, &mut |_, _| ())
    }

    /// As rekey; `progress` is told, key by key, how many are resealed, and of how many.
    pub fn rekey_watched(
        &self,
        root: &RootKeySource<'_>,
        flags: u32,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        self.require_writable()?;
        let live = self.live()?;
        let dry_run = flags & flag::DRY_RUN != 0;
        let outcome = live.keyring.rekey(root, self.shared.settings.keyring.require_lock, dry_run, progress);
        self.counted(live, outcome)
    }

    pub fn backup(&self, path: &str) -> Result<()> {
        if path.is_empty() {
            return Err(Error::argument("request.path: is empty"));
        }
        let live = self.live()?;
        self.counted(live, live.keyring.store().backup(path))
    }

    /// How many keys the store has.
    pub fn keys_len(&self) -> Result<u64> {
        let live = self.live()?;
        self.counted(live, live.keyring.store().keys_len())
    }

    /// One step of a verification, of up to VERIFY_STEP keys; its items are damages. All of a step's damages are on one page, so that a
    /// caller who has room for fewer asks again with more.
    pub fn verify(&self, marker: &str, capacity: usize) -> Result<ListPage<Damage>> {
        let (letter, skip) = marker.rsplit_once('+').unwrap_or((marker, "0"));
        let after = Marker::Verification.row(letter)?;
        let skip: usize =
            skip.parse().map_err(|_| Error::argument("page.marker: is not one that this list returned"))?;
        let live = self.live()?;
        let outcome = live.keyring.store().verify_step(after.as_ref());
        let (damages, next) = self.counted(live, outcome)?;
        // A step with more damages than fit is looked at again from the first that did not.
        let total = damages.len();
        let end = next.as_ref().map(|id| Marker::Verification.of_row(id)).unwrap_or_default();
        let items = damages.into_iter().enumerate().skip(skip).take(Marker::limit(capacity));
        let items: Vec<Listed<Damage>> = items
            .map(|(index, item)| {
                let marker = if index + 1 == total { end.clone() } else { format!("{letter}+{}", index + 1) };
                Listed { item, marker }
            })
            .collect();
        let is_complete = skip + items.len() >= total;
        // The end of an incomplete step is where its last item is, not where the step ends.
        let end = if is_complete { end } else { String::new() };
        Ok(ListPage { items, more: next.is_some() || !is_complete, end })
    }
}
