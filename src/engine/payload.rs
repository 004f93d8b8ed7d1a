//! Encrypt and Decrypt.

use subtle::ConstantTimeEq;

use super::lane::Lane;
use super::request::{self, DecryptRequest, EncryptRequest, Output, Served, VersionChoice, flag};
use super::{Kms, Live, access};
use crate::crypto::blob::{self, Blob};
use crate::crypto::gcm;
use crate::error::{Detail, Error, Result};
use crate::keyring::KeyName;
use crate::platform::monotonic_ms;

impl Kms {
    /// Encrypts a payload into `out`: ciphertext, IV.
    pub fn encrypt(&self, request: &EncryptRequest<'_>, out: &mut impl Output<2>) -> Result<Served> {
        request::check_flags("request.flags", request.flags, flag::INITIAL_VERSION | flag::DRY_RUN)?;
        request::check_payload(request.plaintext)?;
        let choice = VersionChoice::new(request.version_id, request.flags)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let live = self.live()?;
        let outcome = live.encrypt(request, name, choice, out);
        self.counted(live, outcome)
    }

    /// Decrypts a ciphertext blob into `out`: plaintext.
    #[inline]
    pub fn decrypt(&self, request: &DecryptRequest<'_>, out: &mut impl Output<1>) -> Result<Served> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let name = request.key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let live = self.live()?;
        let outcome = live.decrypt(request, name, out);
        self.counted(live, outcome)
    }
}

impl Live {
    fn encrypt(
        &self,
        request: &EncryptRequest<'_>,
        name: KeyName<'_>,
        choice: VersionChoice<'_>,
        out: &mut impl Output<2>,
    ) -> Result<Served> {
        let now_ms = monotonic_ms();
        let epoch = self.keyring.epoch(now_ms)?;
        let mut guard = self.lanes.take()?;
        let Lane { keys, sealer, aad, done } = guard.lane()?;
        let key = keys.by_name(&self.keyring, name, epoch)?;
        request::check_grant_tokens(&request.grant_tokens)?;
        let (version, material) = access::to_seal(key, choice)?;
        sealer.wake(now_ms)?;
        if request.flags & flag::DRY_RUN != 0 {
            return Err(Error::DryRunOk);
        }
        let [ciphertext, iv] = out.reserve([request.plaintext.len() + blob::OVERHEAD, gcm::IV_SIZE])?;
        let ciphertext = ciphertext.ok_or(Error::Internal("no place for the ciphertext"))?;
        aad.clear();
        aad.extend_from_slice(&version.header);
        request.aad.encode(aad);
        let message = sealer.payload_message(key, version, material)?;
        sealer.seal(&message, &version.header, aad, request.plaintext, ciphertext)?;
        if let Some(iv) = iv {
            iv.copy_from_slice(&message.iv);
        }
        done.encrypted += 1;
        Ok(Served::new(key, version, sealer.request_id()))
    }

    #[inline]
    fn decrypt(
        &self,
        request: &DecryptRequest<'_>,
        name: Option<KeyName<'_>>,
        out: &mut impl Output<1>,
    ) -> Result<Served> {
        let blob = Blob::parse(request.ciphertext)?;
        let now_ms = monotonic_ms();
        let epoch = self.keyring.epoch(now_ms)?;
        let mut guard = self.lanes.take()?;
        let Lane { keys, sealer, aad, done } = guard.lane()?;
        let key = match name {
            Some(name) => {
                let key = keys.by_name(&self.keyring, name, epoch)?;
                request::check_grant_tokens(&request.grant_tokens)?;
                if key.uuid != blob.header.key_uuid {
                    return Err(Error::IncorrectKey);
                }
                key
            }
            None => {
                let key = keys.by_uuid(&self.keyring, &blob.header.key_uuid, epoch)?;
                let key = key.ok_or_else(|| Error::not_found(Detail::Key, "of the ciphertext"))?;
                request::check_grant_tokens(&request.grant_tokens)?;
                key
            }
        };
        let (version, material) = access::to_open(key, blob.header.version)?;
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
        Ok(Served::new(key, version, sealer.request_id()))
    }
}
