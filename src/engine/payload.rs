//! Encrypt, Decrypt and ReEncrypt.

use super::call::Call;
use super::lane::{KeyMemos, Lane};
use super::request::{
    self, DecryptRequest, EncryptRequest, Output, ReEncryptRequest, Served, ServedBy, Tell, VersionChoice,
    flag,
};
use super::tokens::TokenKey;
use super::{Kms, Live, states};
use crate::access::Action;
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
        Served::of(|tell| self.encrypt_and_tell(request, out, tell))
    }

    /// The same, for a caller that may not want to know what served it.
    pub fn encrypt_and_tell(
        &self,
        request: &EncryptRequest<'_>,
        out: &mut impl Output<2>,
        tell: Tell<'_>,
    ) -> Result<()> {
        request::check_flags("request.flags", request.flags, flag::INITIAL_VERSION | flag::DRY_RUN)?;
        request.check_plaintext()?;
        let choice = VersionChoice::new(request.version_id, request.flags)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::Encrypt, Some(name)).of_payload(request);
        let outcome = live.admit(&call).and_then(|()| {
            live.see_tokens(&call, &[TokenKey::Named(name)])?;
            live.encrypt(request, request.plaintext, choice, &call, out, tell)
        });
        live.finish(&call, outcome)
    }

    /// Decrypts a ciphertext blob into `out`: plaintext.
    pub fn decrypt(&self, request: &DecryptRequest<'_>, out: &mut impl Output<1>) -> Result<Served> {
        Served::of(|tell| self.decrypt_and_tell(request, out, tell))
    }

    /// The same, for a caller that may not want to know what served it.
    #[inline]
    pub fn decrypt_and_tell(
        &self,
        request: &DecryptRequest<'_>,
        out: &mut impl Output<1>,
        tell: Tell<'_>,
    ) -> Result<()> {
        self.decrypt_of(Opens::Every, request, out, tell)
    }

    /// As decrypt, but opens only what the key's initial version sealed.
    pub fn decrypt_initial(&self, request: &DecryptRequest<'_>, out: &mut impl Output<1>) -> Result<Served> {
        Served::of(|tell| self.decrypt_of(Opens::Initial, request, out, tell))
    }

    #[inline]
    fn decrypt_of(
        &self,
        opens: Opens,
        request: &DecryptRequest<'_>,
        out: &mut impl Output<1>,
        tell: Tell<'_>,
    ) -> Result<()> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let name = request.key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::Decrypt, name)
            .with_tokens(&request.grant_tokens)
            .with_context(&request.aad);
        let outcome = live.admit(&call).and_then(|()| {
            let blob = Blob::parse(request.ciphertext)?;
            if !call.grant_tokens.is_empty() {
                live.see_tokens(&call, &[source_key(name, &blob)])?;
            }
            live.decrypt(opens, request, &blob, &call, out, tell)
        });
        live.finish(&call, outcome)
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
        request::check_flags("request.source_flags", source.flags, 0)?;
        let choice = VersionChoice::new(destination.version_id, destination.flags)
            .map_err(ReEncryptRequest::of_destination)?;
        let name_of = |key_id| self.shared.account.key_name(key_id);
        let source_name = source.key_id.map(name_of).transpose().map_err(ReEncryptRequest::of_source)?;
        let name = name_of(destination.key_id).map_err(ReEncryptRequest::of_destination)?;
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::ReEncryptTo, Some(name)).of_payload(destination);
        let outcome = live
            .admit(&call)
            .and_then(|()| live.re_encrypt(request, (source_name, name), choice, &call, out));
        live.finish(&call, outcome)
    }
}

impl Live {
    fn encrypt(
        &self,
        request: &EncryptRequest<'_>,
        plaintext: &[u8],
        choice: VersionChoice<'_>,
        call: &Call<'_>,
        out: &mut impl Output<2>,
        tell: Tell<'_>,
    ) -> Result<()> {
        let name = call.key.ok_or_else(|| Error::Internal("an encryption under no key"))?;
        let now_ms = monotonic_ms();
        let uses_are_due = self.lanes.with(|lane| {
            let (lane, epoch) = self.ready(lane, name, choice, now_ms)?;
            let Lane { keys, decisions, sealer, aad, done, uses, .. } = lane;
            let key = keys.by_name(&self.keyring, name, epoch)?;
            let grant = decisions.permit(call, &self.keyring, key, epoch)?;
            self.note_key(call, key, grant);
            let (version, material) = states::to_seal(key, choice)?;
            sealer.wake(now_ms)?;
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            let [ciphertext, iv] = out.reserve([plaintext.len() + blob::OVERHEAD, gcm::IV_SIZE])?;
            let ciphertext = ciphertext.ok_or_else(|| Error::Internal("no place for the ciphertext"))?;
            let aad = aad.build(&version.header, &request.aad);
            let message = sealer.payload_message(key, version, material)?;
            sealer.seal(&message, &version.header, aad, plaintext, ciphertext)?;
            if let Some(iv) = iv {
                iv.copy_from_slice(&message.iv);
            }
            done.encrypted += 1;
            uses.sealed(key, version, 1, now_ms);
            self.tell_served(call, tell, || ServedBy { key, version, request_id: sealer.request_id() });
            Ok(self.uses_are_due(uses, now_ms))
        })?;
        if uses_are_due {
            self.write_due_uses(now_ms);
        }
        Ok(())
    }

    #[inline]
    fn decrypt(
        &self,
        opens: Opens,
        request: &DecryptRequest<'_>,
        blob: &Blob<'_>,
        call: &Call<'_>,
        out: &mut impl Output<1>,
        tell: Tell<'_>,
    ) -> Result<()> {
        let now_ms = monotonic_ms();
        let epoch = self.keyring.epoch(now_ms)?;
        let uses_are_due = self.lanes.with(|lane| {
            let Lane { keys, decisions, sealer, aad, done, uses, .. } = lane;
            let key = self.key_to_open(keys, call.key, blob, epoch)?;
            let grant = decisions.permit(call, &self.keyring, key, epoch)?;
            self.note_key(call, key, grant);
            if key.uuid != blob.header.key_uuid {
                return Err(Error::IncorrectKey("request.key_id".into()));
            }
            let (version, material) = states::to_open(key, blob.header.version)?;
            if opens == Opens::Initial
                && key.initial().is_none_or(|initial| initial.record.number != version.record.number)
            {
                return Err(Error::InvalidCiphertext);
            }
            sealer.wake(now_ms)?;

            let dry_run = request.flags & flag::DRY_RUN != 0;
            let plaintext = if dry_run { None } else { Some(out.reserve([blob.ciphertext.len()])?) };
            // The header holds the commitment: a blob of other material is refused before anything is decrypted.
            let header_is_ours = secret::is_equal(blob.header_bytes, &version.header);
            let iv_is_right = request.iv.is_empty() || secret::is_equal(request.iv, blob.iv);
            if !(header_is_ours && iv_is_right) {
                return Err(Error::InvalidCiphertext);
            }
            let aad = aad.build(&version.header, &request.aad);
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
            self.tell_served(call, tell, || ServedBy { key, version, request_id: sealer.request_id() });
            Ok(self.uses_are_due(uses, now_ms))
        })?;
        if uses_are_due {
            self.write_due_uses(now_ms);
        }
        Ok(())
    }

    /// The key that a request names, or the one that the blob says. If they differ, the blob's is not looked up.
    #[inline]
    fn key_to_open<'a>(
        &self,
        keys: &'a mut KeyMemos,
        name: Option<KeyName<'_>>,
        blob: &Blob<'_>,
        epoch: u64,
    ) -> Result<&'a Key> {
        match name {
            Some(name) => keys.by_name(&self.keyring, name, epoch),
            None => {
                let key = keys.by_uuid(&self.keyring, &blob.header.key_uuid, epoch)?;
                key.ok_or_else(|| Error::not_found(Detail::Key, "of the ciphertext"))
            }
        }
    }

    /// Opens the source into memory of the library, seals it for the destination, and wipes it.
    fn re_encrypt(
        &self,
        request: &ReEncryptRequest<'_>,
        names: (Option<KeyName<'_>>, KeyName<'_>),
        choice: VersionChoice<'_>,
        call: &Call<'_>,
        out: &mut impl Output<2>,
    ) -> Result<(Served, Served)> {
        let ReEncryptRequest { source, destination } = request;
        let blob = Blob::parse(source.ciphertext)?;
        // One list of tokens serves both sides.
        self.see_tokens(call, &[source_key(names.0, &blob), TokenKey::Named(names.1)])?;
        let from = Call::new(call.caller, Action::ReEncryptFrom, names.0).with_context(&source.aad);
        let mut plaintext = Scratch(vec![0; blob.ciphertext.len()]);
        let opened =
            Served::of(|tell| self.decrypt(Opens::Every, source, &blob, &from, &mut plaintext, tell));
        if self.audit.is_some() {
            let source_key = from.with_facts(|facts| facts.key_id.clone());
            call.note(|facts| facts.source_key = source_key);
        }
        let opened = opened.map_err(ReEncryptRequest::of_source)?;
        let sealed = Served::of(|tell| self.encrypt(destination, &plaintext.0, choice, call, out, tell));
        Ok((opened, sealed?))
    }
}

/// The key that the source of a re-encryption or a decryption is of.
fn source_key<'a>(name: Option<KeyName<'a>>, blob: &'a Blob<'_>) -> TokenKey<'a> {
    name.map_or(TokenKey::Of(&blob.header.key_uuid), TokenKey::Named)
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
