//! Argon2id v0x13 (RFC 9106) for passphrases.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

use crate::crypto::secret;
use crate::crypto::uuid::fill_from_kernel;
use crate::error::{Error, Result};

/// The parameters in a store's header. They are authenticated by its check value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    pub salt: [u8; 16],
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Argon2Params {
    /// RFC 9106 clause 4, the second recommended choice, with a new salt.
    pub fn fresh() -> Result<Self> {
        let mut salt = [0; 16];
        fill_from_kernel(&mut salt)?;
        Ok(Argon2Params { salt, memory_kib: 64 * 1024, passes: 3, lanes: 4 })
    }

    /// Refused before anything is derived: a planted store must not eat the machine, nor weaken the passphrase.
    pub fn is_acceptable(&self) -> bool {
        (64 * 1024..=4 * 1024 * 1024).contains(&self.memory_kib)
            && (3..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
    }

    pub(super) fn stretch(&self, passphrase: &[u8], out: &mut [u8; 32]) -> Result<()> {
        if !self.is_acceptable() {
            return Err(Error::corrupt("its Argon2id parameters are out of bounds"));
        }
        let refused = |_| Error::argument("options.passphrase: Argon2id does not take it");
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(out.len())).map_err(refused)?;
        let blocks = params.block_count();
        let mut memory: Vec<Block> = Vec::new();
        memory
            .try_reserve_exact(blocks)
            .map_err(|_| Error::OutOfMemory { what: "Argon2id", native_code: 0 })?;
        memory.resize(blocks, Block::default());
        let outcome = secret::on_wiped_stack::<{ secret::KEY_WORK_DEPTH }, _>(|| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into_with_memory(passphrase, &self.salt, out, &mut memory)
                .map_err(refused)
        });
        memory.iter_mut().for_each(Zeroize::zeroize);
        outcome
    }
}
