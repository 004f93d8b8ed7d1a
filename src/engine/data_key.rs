//! GenerateDataKey, one and many, and random bytes.

use super::call::Call;
use super::lane::Lane;
use super::request::{
    self, ColumnOutput, DataKeyLength, DataKeyRequest, Output, Served, ServedBy, Tell, VersionChoice, flag,
};
use super::sealer::{Message, Sealer};
use super::tokens::TokenKey;
use super::{Kms, Live, rotation, states};
use crate::access::Action;
use crate::crypto::secret::{self, Material};
use crate::crypto::{blob, gcm};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyName, KeyVersion};
use crate::platform::monotonic_ms;

/// Items of a batch after which it is looked whether the generators need a new seed.
const SEED_CHECK: usize = 64;
const FLAGS: u32 = flag::SKIP_PLAINTEXT | flag::INITIAL_VERSION | flag::DRY_RUN;

/// A request whose arguments are in order.
struct Checked<'a> {
    choice: VersionChoice<'a>,
    length: DataKeyLength,
}

impl Kms {
    /// Generates a data key into `out`: plaintext, ciphertext, IV.
    pub fn generate_data_key(
        &self,
        request: &DataKeyRequest<'_>,
        out: &mut impl Output<3>,
    ) -> Result<Served> {
        Served::of(|tell| self.generate_data_key_and_tell(request, out, tell))
    }

    /// The same, for a caller that may not want to know what served it.
    #[inline]
    pub fn generate_data_key_and_tell(
        &self,
        request: &DataKeyRequest<'_>,
        out: &mut impl Output<3>,
        tell: Tell<'_>,
    ) -> Result<()> {
        let (name, checked) = self.check_data_key(request)?;
        let live = self.live()?;
        let call = self.data_key_call(request, name, &checked);
        let outcome = live.admit(&call).and_then(|()| live.generate_one(request, &checked, &call, out, tell));
        live.finish(&call, outcome)
    }

    /// Generates `count` data keys under one version.
    pub fn generate_data_keys(
        &self,
        request: &DataKeyRequest<'_>,
        count: usize,
        out: &mut impl ColumnOutput,
    ) -> Result<Served> {
        Served::of(|tell| self.generate_data_keys_and_tell(request, count, out, tell))
    }

    /// The same, for a caller that may not want to know what served it.
    pub fn generate_data_keys_and_tell(
        &self,
        request: &DataKeyRequest<'_>,
        count: usize,
        out: &mut impl ColumnOutput,
        tell: Tell<'_>,
    ) -> Result<()> {
        let (name, checked) = self.check_data_key(request)?;
        let live = self.live()?;
        let call = self.data_key_call(request, name, &checked);
        let outcome =
            live.admit(&call).and_then(|()| live.generate_many(request, &checked, &call, count, out, tell));
        live.finish(&call, outcome)
    }

    #[inline(always)]
    fn data_key_call<'a, 't: 'a>(
        &'a self,
        request: &'a DataKeyRequest<'t>,
        name: KeyName<'a>,
        checked: &Checked<'a>,
    ) -> Call<'a> {
        Call::new(&self.caller, Action::GenerateDataKey, Some(name))
            .with_version(request.version_id)
            .with_tokens(&request.grant_tokens)
            .with_context(&request.aad)
            .with_data_key_spec(checked.length.spec)
    }

    #[inline(always)]
    fn check_data_key<'a>(&self, request: &DataKeyRequest<'a>) -> Result<(KeyName<'a>, Checked<'a>)> {
        request::check_flags("request.flags", request.flags, FLAGS)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let checked = Checked {
            choice: VersionChoice::new(request.version_id, request.flags)?,
            length: DataKeyLength::new(request.key_spec, request.number_of_bytes)?,
        };
        Ok((name, checked))
    }

    /// Fills `out` with random bytes.
    pub fn generate_random(&self, number_of_bytes: u32, flags: u32, out: &mut impl Output<1>) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        if !(1..=request::MAX_RANDOM).contains(&number_of_bytes) {
            return Err(Error::argument(format!(
                "request.number_of_bytes: is {number_of_bytes}, expected 1 to {}",
                request::MAX_RANDOM
            )));
        }
        self.on_store(Action::GenerateRandom, flags, |live| {
            live.lanes.with(|lane| {
                lane.sealer.wake(monotonic_ms())?;
                let [random] = out.reserve([number_of_bytes as usize])?;
                random.map_or(Ok(()), |random| lane.sealer.fill_secret(random))
            })
        })
    }
}

impl Live {
    #[inline(always)]
    fn generate_one(
        &self,
        request: &DataKeyRequest<'_>,
        checked: &Checked<'_>,
        call: &Call<'_>,
        out: &mut impl Output<3>,
        tell: Tell<'_>,
    ) -> Result<()> {
        self.with_batch(request, checked, call, tell, |batch| {
            let [plaintext, ciphertext, iv] = out.reserve(batch.needs)?;
            batch.seal([plaintext, ciphertext, iv])
        })
    }

    fn generate_many(
        &self,
        request: &DataKeyRequest<'_>,
        checked: &Checked<'_>,
        call: &Call<'_>,
        count: usize,
        out: &mut impl ColumnOutput,
        tell: Tell<'_>,
    ) -> Result<()> {
        self.with_batch(request, checked, call, tell, |batch| {
            out.reserve(batch.needs)?;
            for index in 0..count {
                // A long batch outlives its seed: fresh ones as for calls one by one.
                let seeded = if index % SEED_CHECK == SEED_CHECK - 1 {
                    batch.sealer.wake(monotonic_ms())
                } else {
                    Ok(())
                };
                if let Err(error) = seeded.and_then(|()| batch.seal(out.item(index))) {
                    out.wipe();
                    return Err(error);
                }
            }
            Ok(())
        })
    }

    /// Everything up to the buffers, once for however many data keys `body` seals.
    #[inline(always)]
    fn with_batch(
        &self,
        request: &DataKeyRequest<'_>,
        checked: &Checked<'_>,
        call: &Call<'_>,
        tell: Tell<'_>,
        body: impl FnOnce(&mut DataKeyBatch<'_>) -> Result<()>,
    ) -> Result<()> {
        let now_ms = monotonic_ms();
        let name = call.key.ok_or_else(|| Error::Internal("a data key of no key"))?;
        if !call.grant_tokens.is_empty() {
            self.see_tokens(call, &[TokenKey::Named(name)])?;
        }
        let uses_are_due = self.lanes.with(|lane| {
            let (lane, epoch) = self.ready(lane, name, checked.choice, now_ms)?;
            let Lane { keys, decisions, sealer, aad, done, uses, .. } = lane;
            let key = keys.by_name(&self.keyring, name, epoch)?;
            let grant = decisions.permit(call, &self.keyring, key, epoch)?;
            self.note_key(call, key, grant);
            if checked.length.by_hsm {
                return Err(Error::InvalidKeyUsage(
                    "request.key_spec: AES_256_HSM needs a key that an HSM holds",
                ));
            }
            let (version, material) = states::to_seal(key, checked.choice)?;
            sealer.wake(now_ms)?;
            let aad = aad.build(&version.header, &request.aad);
            let wanted = if request.flags & flag::SKIP_PLAINTEXT != 0 { 0 } else { checked.length.bytes };
            let mut batch = DataKeyBatch {
                needs: [wanted, checked.length.bytes + blob::OVERHEAD, gcm::IV_SIZE],
                length: checked.length.bytes,
                key,
                version,
                material,
                epoch,
                aad,
                sealer,
                sealed: 0,
            };
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            body(&mut batch)?;
            let sealed = batch.sealed;
            done.data_keys += sealed;
            uses.sealed(key, version, sealed, now_ms);
            self.tell_served(call, tell, || ServedBy { key, version, request_id: sealer.request_id() });
            Ok(self.uses_are_due(uses, now_ms))
        })?;
        if uses_are_due {
            self.write_due_uses(now_ms);
        }
        Ok(())
    }

    /// Sees to it that the key may be used: what is cached is fresh enough, and a rotation that is due has happened.
    #[inline(always)]
    pub(super) fn ready<'a>(
        &self,
        lane: &'a mut Lane,
        name: KeyName<'_>,
        choice: VersionChoice<'_>,
        now_ms: u64,
    ) -> Result<(&'a mut Lane, u64)> {
        let epoch = self.keyring.epoch(now_ms)?;
        let key = lane.keys.by_name(&self.keyring, name, epoch)?;
        if rotation::is_due(key, choice, now_ms) {
            self.rotate_if_due(key);
            return Ok((lane, self.keyring.epoch(now_ms)?));
        }
        Ok((lane, epoch))
    }
}

/// Data keys under one version, with one AAD.
struct DataKeyBatch<'a> {
    /// Bytes of plaintext, ciphertext and IV that the caller gets.
    needs: [usize; 3],
    length: usize,
    key: &'a Key,
    version: &'a KeyVersion,
    material: &'a Material,
    epoch: u64,
    aad: &'a [u8],
    sealer: &'a mut Sealer,
    sealed: u64,
}

impl DataKeyBatch<'_> {
    /// Generates one data key into the caller's plaintext, ciphertext and IV.
    #[inline(always)]
    fn seal(&mut self, [plaintext, ciphertext, iv]: [Option<&mut [u8]>; 3]) -> Result<()> {
        let ciphertext = ciphertext.ok_or_else(|| Error::Internal("no place for the ciphertext"))?;
        // What can fail comes before the first byte that the caller sees.
        let message = self.sealer.next_message(self.key, self.version, self.material, self.epoch)?;
        match plaintext.filter(|plaintext| !plaintext.is_empty()) {
            Some(plaintext) => {
                self.sealer.fill_secret(plaintext)?;
                self.sealer.seal(&message, &self.version.header, self.aad, plaintext, ciphertext)?;
            }
            None => self.seal_unseen(&message, ciphertext)?,
        }
        if let Some(iv) = iv {
            iv.copy_from_slice(&message.iv);
        }
        self.sealed += 1;
        Ok(())
    }

    /// For a caller who does not want to see the data key.
    #[cold]
    fn seal_unseen(&mut self, message: &Message, ciphertext: &mut [u8]) -> Result<()> {
        let mut place = [0; request::MAX_DATA_KEY as usize];
        let data_key = place.get_mut(..self.length).unwrap_or_default();
        self.sealer.fill_secret(data_key)?;
        let outcome = self.sealer.seal(message, &self.version.header, self.aad, data_key, ciphertext);
        secret::wipe(&mut place);
        outcome
    }
}
