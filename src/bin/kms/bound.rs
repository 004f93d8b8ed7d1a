//! What a ciphertext is bound to: AAD or an encryption context, as options and as the engine takes it.

use std::path::{Path, PathBuf};

use clap::Args;
use kms::crypto::aad::{Aad, Context, MAX_RAW};
use zeroize::Zeroizing;

use crate::failure::Result;
use crate::{files, values};

/// What a ciphertext is bound to: it opens only with the same.
#[derive(Args)]
pub struct Bound {
    /// A pair of the encryption context that the ciphertext is bound to; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    context: Vec<(String, String)>,
    /// Additional authenticated data that the ciphertext is bound to
    #[arg(long, value_name = "TEXT", conflicts_with = "context")]
    aad: Option<String>,
    /// A file that holds such data
    #[arg(long, value_name = "FILE", conflicts_with_all = ["context", "aad"])]
    aad_file: Option<PathBuf>,
}

impl Bound {
    pub fn read(&self) -> Result<Authenticated> {
        Authenticated::read(&self.context, self.aad.as_deref(), self.aad_file.as_deref())
    }
}

/// AAD or a context, read.
pub enum Authenticated {
    Raw(Zeroizing<Vec<u8>>),
    Context(Vec<(String, String)>),
}

impl Authenticated {
    pub fn read(context: &[(String, String)], aad: Option<&str>, file: Option<&Path>) -> Result<Self> {
        Ok(match (aad, file) {
            (Some(text), _) => Authenticated::Raw(Zeroizing::new(text.as_bytes().to_vec())),
            (None, Some(file)) => Authenticated::Raw(files::read(Some(file), MAX_RAW, "the AAD")?),
            (None, None) => Authenticated::Context(context.to_vec()),
        })
    }

    pub fn aad(&self) -> kms::Result<Aad<'_>> {
        match self {
            Authenticated::Raw(bytes) => Aad::raw(bytes),
            Authenticated::Context(pairs) if pairs.is_empty() => Ok(Aad::None),
            Authenticated::Context(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                Context::new(pairs.collect()).map(Aad::Context)
            }
        }
    }
}
