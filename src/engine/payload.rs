//! Encrypt, Decrypt and ReEncrypt.

use subtle::ConstantTimeEq;

use super::lane::{KeyMemos, Lane};
use super::request::{
    self, DecryptRequest, EncryptRequest, Output, ReEncryptRequest, Served, VersionChoice, flag,
};
use super::{Kms, Live, access};
use crate::crypto::blob::{self, Blob};
use crate::crypto::gcm;
use crate::crypto::secret;
use crate::error::{Detail, Error, Result};
use crate::keyring::{Key, KeyName};
use crate::platform::monotonic_ms;

/// Whose ciphertexts a decryption opens: those of every version of the key, or of its initial one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    Every,
    Initial,
}

impl Kms {
    /// Encrypts a payload into `out`: ciphertext, IV.
    pub fn encrypt(&self, request: &EncryptRequest<'_>, out: &mut impl Output<2>) -> Result<Served> {
        request::check_flags("request.flags", request.flags, flag::INITIAL_VERSION | flag::DRY_RUN)?;
        request::check_payload(request.plaintext)?;
        let choice = VersionChoice::new(request.version_id, request.flags)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let live = self.live()?;
        let outcome = live.encrypt(request, request.plaintext, name, choice, out);
        self.counted(live, outcome)
    }

    /// Decrypts a ciphertext blob into `out`: plaintext.
    #[inline]
    pub fn decrypt(&self, request: &DecryptRequest<'_>, out: &mut impl Output<1>) -> Result<Served> {
        self.decrypt_of(Opens::Every, request, out)
    }

    /// As decrypt, but opens only what the key's initial version sealed.
    pub fn decrypt_initial(&self, request: &DecryptRequest<'_>, out: &mut impl Output<1>) -> Result<Served> {
        self.decrypt_of(Opens::Initial, request, out)
    }

    #[inline]
    fn decrypt_of(
        &self,
        opens: Opens,
        request: &DecryptRequest<'_>,
        out: &mut impl Output<1>,
    ) -> Result<Served> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let name = request.key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let live = self.live()?;
        let outcome = live.decrypt(opens, request, name, out);
        self.counted(live, outcome)
    }

    /// Decrypts a ciphertext and encrypts its plaintext anew into `out`: ciphertext, IV. Gives what served the source,
    /// and what the destination.
    pub fn re_encrypt(
        &self,
        request: &ReEncryptRequest<'_>,
        out: &mut impl Output<2>,
    ) -> Result<(Served, Served)> {
        let ReEncryptRequest { source, destination } = request;
        request::check_flags("request.flags", destination.flags, flag::INITIAL_VERSION | flag::DRY_RUN)?;
        let choice = VersionChoice::new(destination.version_id, destination.flags)?;
        let source_name = source.key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let name = self.shared.account.key_name(destination.key_id)?;
        let live = self.live()?;
        let outcome = live.re_encrypt(request, (source_name, name), choice, out);
        self.counted(live, outcome)
    }
}

impl Live {
    fn encrypt(
        &self,
        request: &EncryptRequest<'_>,
        plaintext: &[u8],
        name: KeyName<'_>,
        choice: VersionChoice<'_>,
        out: &mut impl Output<2>,
    ) -> Result<Served> {
        let now_ms = monotonic_ms();
        let mut guard = self.lanes.take()?;
        let (lane, epoch) = self.ready(guard.lane()?, name, choice, now_ms)?;
        let Lane { keys, sealer, aad, done, uses } = lane;
        let key = keys.by_name(&self.keyring, name, epoch)?;
        request::check_grant_tokens(&request.grant_tokens)?;
        let (version, material) = access::to_seal(key, choice)?;
        sealer.wake(now_ms)?;
        if request.flags & flag::DRY_RUN != 0 {
            return Err(Error::DryRunOk);
        }
        let [ciphertext, iv] = out.reserve([plaintext.len() + blob::OVERHEAD, gcm::IV_SIZE])?;
        let ciphertext = ciphertext.ok_or(Error::Internal("no place for the ciphertext"))?;
        aad.clear();
        aad.extend_from_slice(&version.header);
        request.aad.encode(aad);
        let message = sealer.payload_message(key, version, material)?;
        sealer.seal(&message, &version.header, aad, plaintext, ciphertext)?;
        if let Some(iv) = iv {
            iv.copy_from_slice(&message.iv);
        }
        done.encrypted += 1;
        uses.sealed(key, version, 1, now_ms);
        let served = Served::new(key, version, sealer.request_id());
        if self.uses_are_due(uses, now_ms) {
            drop(guard);
            self.write_due_uses(now_ms);
        }
        Ok(served)
    }

    #[inline]
    fn decrypt(
        &self,
        opens: Opens,
        request: &DecryptRequest<'_>,
        name: Option<KeyName<'_>>,
        out: &mut impl Output<1>,
    ) -> Result<Served> {
        let blob = Blob::parse(request.ciphertext)?;
        let now_ms = monotonic_ms();
        let epoch = self.keyring.epoch(now_ms)?;
        let mut guard = self.lanes.take()?;
        let Lane { keys, sealer, aad, done, uses } = guard.lane()?;
        let key = self.key_to_open(keys, request, name, &blob, epoch)?;
        let (version, material) = access::to_open(key, blob.header.version)?;
        if opens == Opens::Initial
            && key.initial().is_none_or(|initial| initial.record.number != version.record.number)
        {
            return Err(Error::InvalidCiphertext);
        }
        sealer.wake(now_ms)?;

        let dry_run = request.flags & flag::DRY_RUN != 0;
        let plaintext = if dry_run { None } else { Some(out.reserve([blob.ciphertext.len()])?) };
        // The header holds the commitment: a blob of other material is refused before anything is decrypted.
        let header_is_ours = blob.header_bytes.ct_eq(&version.header);
        let iv_is_right = request.iv.is_empty() || bool::from(request.iv.ct_eq(blob.iv.as_slice()));
        if !(bool::from(header_is_ours) && iv_is_right) {
            return Err(Error::InvalidCiphertext);
        }
        aad.clear();
        aad.extend_from_slice(&version.header);
        request.aad.encode(aad);
        sealer.with_subkey(key, version, material, blob.n1, |gcm| match plaintext {
            Some([Some(plaintext)]) => gcm.open(blob.iv, aad, blob.ciphertext, blob.tag, plaintext),
            Some([None]) => Err(Error::Internal("no place for the plaintext")),
            None => gcm.verify(blob.iv, aad, blob.ciphertext, blob.tag),
        })?;
        if dry_run {
            return Err(Error::DryRunOk);
        }
        done.decrypted += 1;
        uses.opened(key, version, now_ms);
        let served = Served::new(key, version, sealer.request_id());
        if self.uses_are_due(uses, now_ms) {
            drop(guard);
            self.write_due_uses(now_ms);
        }
        Ok(served)
    }

    /// The key that a request names, or the one that the blob says. Who names another learns nothing of the blob's.
    fn key_to_open<'a>(
        &self,
        keys: &'a mut KeyMemos,
        request: &DecryptRequest<'_>,
        name: Option<KeyName<'_>>,
        blob: &Blob<'_>,
        epoch: u64,
    ) -> Result<&'a Key> {
        let key = match name {
            Some(name) => keys.by_name(&self.keyring, name, epoch)?,
            None => {
                let key = keys.by_uuid(&self.keyring, &blob.header.key_uuid, epoch)?;
                key.ok_or_else(|| Error::not_found(Detail::Key, "of the ciphertext"))?
            }
        };
        request::check_grant_tokens(&request.grant_tokens)?;
        if key.uuid == blob.header.key_uuid { Ok(key) } else { Err(Error::IncorrectKey) }
    }

    /// Opens the source into memory of the library, seals it for the destination, and wipes it.
    fn re_encrypt(
        &self,
        request: &ReEncryptRequest<'_>,
        names: (Option<KeyName<'_>>, KeyName<'_>),
        choice: VersionChoice<'_>,
        out: &mut impl Output<2>,
    ) -> Result<(Served, Served)> {
        let ReEncryptRequest { source, destination } = request;
        let len = Blob::parse(source.ciphertext)?.ciphertext.len();
        let mut plaintext = Scratch(vec![0; len]);
        let opened = self.decrypt(Opens::Every, source, names.0, &mut plaintext)?;
        Ok((opened, self.encrypt(destination, &plaintext.0, names.1, choice, out)?))
    }
}

/// A plaintext that nobody outside sees.
struct Scratch(Vec<u8>);

impl Output<1> for Scratch {
    fn reserve(&mut self, [need]: [usize; 1]) -> Result<[Option<&mut [u8]>; 1]> {
        Ok([self.0.get_mut(..need)])
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        secret::wipe(&mut self.0);
    }
}
