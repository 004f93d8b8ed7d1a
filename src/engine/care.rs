//! Care for a store: a new root key, backups, verification.

use super::audit::page_of_step;
use super::call::Call;
use super::list::{ListPage, Marker};
use super::request::{self, flag};
use super::{Kms, Live};
use crate::access::Action;
use crate::error::{Detail, Error, Result};
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
        let call = Call::new(&self.caller, Action::RekeyStore, None);
        let outcome = live.admit(&call).and_then(|()| {
            call.require_root()?;
            self.rekey_logged(live, &call, root, flags, progress)
        });
        live.finish(&call, outcome)
    }

    /// The log's head is valid under both root keys while the change is committed, so that a crash leaves it valid
    /// under whichever the store has.
    fn rekey_logged(
        &self,
        live: &Live,
        call: &Call<'_>,
        root: &RootKeySource<'_>,
        flags: u32,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let mac = |parts: &[&[u8]]| live.keyring.store().audit_mac(parts);
        let mut log = None;
        let outcome =
            live.keyring.rekey(root, self.shared.settings.keyring.require_lock, progress, &mut |new| {
                if flags & flag::DRY_RUN != 0 {
                    return Err(Error::DryRunOk);
                }
                live.note_change(call, |record| {
                    log =
                        live.audit.as_ref().map(|audit| audit.begin_rekey(record, &mac, new)).transpose()?;
                    Ok(())
                })
            });
        match log {
            Some(log) => log.finish(&mac).and(outcome),
            None => outcome,
        }
    }

    pub fn backup(&self, path: &str, flags: u32) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        if path.is_empty() {
            return Err(Error::argument("request.path: is empty"));
        }
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::BackupStore, None);
        let outcome = live.admit(&call).and_then(|()| {
            call.require_root()?;
            if std::path::Path::new(path).exists() {
                return Err(Error::AlreadyExists { what: Detail::None, name: path.into() });
            }
            if flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            live.log_change(&call)?;
            live.keyring.store().backup(path)
        });
        live.finish(&call, outcome)
    }

    /// How many keys the store has.
    pub fn keys_len(&self) -> Result<u64> {
        self.on_store(Action::GetStatistics, 0, |live| live.keyring.store().keys_len())
    }

    /// One step of a verification, of up to VERIFY_STEP keys; its items are damages. All of a step's damages are on one page, so that a
    /// caller who has room for fewer asks again with more.
    pub fn verify(&self, marker: &str, capacity: usize, flags: u32) -> Result<ListPage<Damage>> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        let (from, skip) = marker.rsplit_once('+').unwrap_or((marker, "0"));
        let after = Marker::Verification.row(from)?;
        let skip: usize =
            skip.parse().map_err(|_| Error::argument("page.marker: is not one that this list returned"))?;
        self.on_store(Action::VerifyStore, flags, |live| {
            let (damages, next) = live.keyring.store().verify_step(after.as_ref())?;
            let next = next.as_ref().map(|id| Marker::Verification.of_row(id));
            Ok(page_of_step(damages, skip, capacity, from, next))
        })
    }
}
