//! Data keys, payloads and random bytes. Plaintexts go to files that only their owner may read, or to a pipe; to a
//! terminal only when told to.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use kms::crypto::blob::{MAX_PLAINTEXT, OVERHEAD};
use kms::engine::{self, DataKeyRequest, DecryptRequest, EncryptRequest, ReEncryptRequest, Served, flag};
use kms::error::Error;
use zeroize::Zeroizing;

use crate::args::DryRun;
use crate::bound::{Authenticated, Bound};
use crate::failure::{Failure, Result};
use crate::files::{self, Content, Force, OutputFile};
use crate::grant::Tokens;
use crate::output::{Field, Output, Record, is_terminal};
use crate::session::{self, Access, Session};
use crate::values;

/// What the first bytes of a ciphertext are; no base64 has a byte like the third.
const CIPHERTEXT_STARTS: [u8; 3] = [b'K', b'M', 1];

/// Generate a data key under a key, and print its ciphertext in base64
///
/// The data key itself is given out only with --plaintext-out or --show-plaintext; `kms decrypt` gets it back from the
/// ciphertext.
#[derive(Args)]
pub struct DataKey {
    #[command(flatten)]
    under: Under,
    /// The data key's length in bytes, 1 to 1024
    #[arg(long, default_value_t = 32)]
    bytes: u32,
    #[command(flatten)]
    bound: Bound,
    /// Write the data key, as it is, to a file that only you may read
    #[arg(long, value_name = "FILE")]
    plaintext_out: Option<PathBuf>,
    /// Write the ciphertext, as it is, to a file instead of printing it
    #[arg(long, value_name = "FILE")]
    ciphertext_out: Option<PathBuf>,
    /// Print the data key, too, in base64
    #[arg(long)]
    show_plaintext: bool,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Encrypt up to 64 KiB under a key; more is better encrypted with a data key
#[derive(Args)]
pub struct Encrypt {
    #[command(flatten)]
    under: Under,
    #[command(flatten)]
    bound: Bound,
    /// What to encrypt; standard input by default
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where the ciphertext goes, as it is; without, it is printed in base64
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Decrypt a ciphertext, of a data key or of a payload
///
/// The ciphertext says under which key it was made.
#[derive(Args)]
pub struct Decrypt {
    /// Refuse a ciphertext of another key than this
    #[arg(long = "key", value_name = "KEY")]
    key_id: Option<String>,
    #[command(flatten)]
    bound: Bound,
    /// The ciphertext, as it is or in base64; standard input by default
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// A file for the plaintext, that only you may read; standard output by default, if that is no terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show the plaintext on a terminal
    #[arg(long)]
    show_plaintext: bool,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Move a ciphertext to another key, version, AAD or context; nobody sees the plaintext
#[derive(Args)]
pub struct ReEncrypt {
    #[command(flatten)]
    under: Under,
    /// Refuse a ciphertext of another key than this
    #[arg(long, value_name = "KEY")]
    source_key: Option<String>,
    /// A pair of the ciphertext's encryption context; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    source_context: Vec<(String, String)>,
    /// The ciphertext's AAD
    #[arg(long, value_name = "TEXT", conflicts_with = "source_context")]
    source_aad: Option<String>,
    /// A file that holds the ciphertext's AAD
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source_context", "source_aad"])]
    source_aad_file: Option<PathBuf>,
    /// A pair of the new ciphertext's encryption context; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::pair)]
    destination_context: Vec<(String, String)>,
    /// The new ciphertext's AAD
    #[arg(long, value_name = "TEXT", conflicts_with = "destination_context")]
    destination_aad: Option<String>,
    /// A file that holds the new ciphertext's AAD
    #[arg(long, value_name = "FILE", conflicts_with_all = ["destination_context", "destination_aad"])]
    destination_aad_file: Option<PathBuf>,
    /// The ciphertext, as it is or in base64; standard input by default
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where the new ciphertext goes, as it is; without, it is printed in base64
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    dry_run: DryRun,
}

/// Generate random bytes, and print them in base64; needs no store
///
/// `kms random 32 --out root.key` makes a root key.
#[derive(Args)]
pub struct Random {
    /// How many, 1 to 65536
    bytes: u32,
    /// Write them, as they are, to a file that only you may read
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

/// The key and version that something is encrypted under.
#[derive(Args)]
struct Under {
    /// The key's id, "alias/NAME", or an ARN of either
    #[arg(value_name = "KEY")]
    key_id: String,
    /// The version's id; the primary one by default
    #[arg(long, value_name = "VERSION")]
    version_id: Option<String>,
    /// Use the key's first version
    #[arg(long, conflicts_with = "version_id")]
    initial_version: bool,
}

impl Under {
    fn flags(&self) -> u32 {
        if self.initial_version { flag::INITIAL_VERSION } else { 0 }
    }
}

/// Memory for what the engine gives out, wiped when dropped.
struct Outputs<const N: usize>([Zeroizing<Vec<u8>>; N]);

impl<const N: usize> Outputs<N> {
    fn new() -> Self {
        Outputs(std::array::from_fn(|_| Zeroizing::new(Vec::new())))
    }
}

impl<const N: usize> engine::Output<N> for Outputs<N> {
    fn reserve(&mut self, needs: [usize; N]) -> kms::Result<[Option<&mut [u8]>; N]> {
        for (output, need) in self.0.iter_mut().zip(needs) {
            *output = Zeroizing::new(vec![0; need]);
        }
        Ok(self.0.each_mut().map(|output| Some(output.as_mut_slice())))
    }
}

impl DataKey {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let authenticated = self.bound.read()?;
        let plaintext_file = output_file(self.plaintext_out.as_deref(), &self.force, Content::Secret)?;
        let ciphertext_file = output_file(self.ciphertext_out.as_deref(), &self.force, Content::Sealed)?;
        let wanted = plaintext_file.is_some() || self.show_plaintext;
        let skip = if wanted { 0 } else { flag::SKIP_PLAINTEXT };
        let kms = session.open(Access::Change)?;
        let mut outputs = Outputs::<3>::new();
        let request = DataKeyRequest {
            key_id: &self.under.key_id,
            version_id: self.under.version_id.as_deref(),
            key_spec: 0,
            number_of_bytes: data_key_length(self.bytes)?,
            aad: authenticated.aad()?,
            grant_tokens: self.tokens.borrowed()?,
            flags: self.under.flags() | skip | self.dry_run.flags(),
        };
        let served = kms.generate_data_key(&request, &mut outputs)?;
        let Outputs([plaintext, ciphertext, iv]) = outputs;
        // The ciphertext first: whoever sees the data key's file can count on having the other.
        let printed = ciphertext_file.is_none();
        keep(ciphertext_file, &ciphertext)?;
        keep(plaintext_file, &plaintext)?;
        let shown = self.show_plaintext.then(|| secret(&plaintext));
        let mut fields = served_fields(&served, &iv);
        if printed {
            fields.push(("ciphertext", Field::Text(STANDARD.encode(&*ciphertext))));
        }
        if out.is_json() {
            fields.extend(shown.map(|text| ("plaintext", Field::Secret(text))));
            return out.record(&Record(fields));
        }
        if let Some(text) = shown {
            out.secret(&Zeroizing::new([b"plaintext   ", text.as_bytes(), b"\n"].concat()))?;
            return if printed {
                out.line(&format!("ciphertext  {}", STANDARD.encode(&*ciphertext)))
            } else {
                Ok(())
            };
        }
        if printed { out.line(&STANDARD.encode(&*ciphertext)) } else { Ok(()) }
    }
}

/// The engine takes 0 for its default.
fn data_key_length(bytes: u32) -> kms::Result<u32> {
    if bytes == 0 { Err(Error::argument("bytes: is 0, expected 1 to 1024")) } else { Ok(bytes) }
}

impl Encrypt {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let authenticated = self.bound.read()?;
        let file = output_file(self.out.as_deref(), &self.force, Content::Sealed)?;
        let kms = session.open(Access::Change)?;
        let plaintext = files::read(self.input.as_deref(), MAX_PLAINTEXT, "the plaintext")?;
        let mut outputs = Outputs::<2>::new();
        let request = EncryptRequest {
            key_id: &self.under.key_id,
            version_id: self.under.version_id.as_deref(),
            plaintext: &plaintext,
            aad: authenticated.aad()?,
            grant_tokens: self.tokens.borrowed()?,
            flags: self.under.flags() | self.dry_run.flags(),
        };
        let served = kms.encrypt(&request, &mut outputs)?;
        answer_ciphertext(served_fields(&served, &outputs.0[1]), &outputs.0[0], file, out)
    }
}

impl Decrypt {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let on_terminal = self.out.is_none() && is_terminal();
        if on_terminal && !self.show_plaintext && !self.dry_run.dry_run {
            return Err(Failure::usage(
                "a plaintext is not shown on a terminal; give --out FILE, a pipe, or --show-plaintext",
            ));
        }
        let authenticated = self.bound.read()?;
        let file = output_file(self.out.as_deref(), &self.force, Content::Secret)?;
        let kms = session.open(Access::Change)?;
        let ciphertext = read_ciphertext(self.input.as_deref())?;
        let mut outputs = Outputs::<1>::new();
        let request = DecryptRequest {
            ciphertext: &ciphertext,
            iv: &[],
            key_id: self.key_id.as_deref(),
            aad: authenticated.aad()?,
            grant_tokens: self.tokens.borrowed()?,
            flags: self.dry_run.flags(),
        };
        let served = kms.decrypt(&request, &mut outputs)?;
        let Outputs([plaintext]) = outputs;
        let mut fields = served_fields(&served, &[]);
        let has_file = file.is_some();
        keep(file, &plaintext)?;
        match (out.is_json(), has_file) {
            (true, false) => {
                fields.push(("plaintext", Field::Secret(secret(&plaintext))));
                out.record(&Record(fields))
            }
            (true, true) => out.record(&Record(fields)),
            (false, false) => out.secret(&plaintext),
            (false, true) => Ok(()),
        }
    }
}

impl ReEncrypt {
    pub fn run(&self, session: &Session, out: &mut Output) -> Result<()> {
        let source = Authenticated::read(
            &self.source_context,
            self.source_aad.as_deref(),
            self.source_aad_file.as_deref(),
        )?;
        let destination = Authenticated::read(
            &self.destination_context,
            self.destination_aad.as_deref(),
            self.destination_aad_file.as_deref(),
        )?;
        let file = output_file(self.out.as_deref(), &self.force, Content::Sealed)?;
        let kms = session.open(Access::Change)?;
        let ciphertext = read_ciphertext(self.input.as_deref())?;
        let mut outputs = Outputs::<2>::new();
        let request = ReEncryptRequest {
            source: DecryptRequest {
                ciphertext: &ciphertext,
                iv: &[],
                key_id: self.source_key.as_deref(),
                aad: source.aad()?,
                grant_tokens: self.tokens.borrowed()?,
                flags: 0,
            },
            destination: EncryptRequest {
                key_id: &self.under.key_id,
                version_id: self.under.version_id.as_deref(),
                plaintext: &[],
                aad: destination.aad()?,
                grant_tokens: self.tokens.borrowed()?,
                flags: self.under.flags() | self.dry_run.flags(),
            },
        };
        let (from, to) = kms.re_encrypt(&request, &mut outputs)?;
        let mut fields = served_fields(&to, &outputs.0[1]);
        fields.extend([
            ("source_key_id", Field::Text(id(from.key_id.as_bytes()))),
            ("source_version_id", Field::Text(id(from.version_id.as_bytes()))),
            ("source_version_number", Field::Number(from.version_number.into())),
        ]);
        answer_ciphertext(fields, &outputs.0[0], file, out)
    }
}

impl Random {
    pub fn run(&self, out: &mut Output) -> Result<()> {
        let file = output_file(self.out.as_deref(), &self.force, Content::Secret)?;
        let mut outputs = Outputs::<1>::new();
        session::nowhere()?.generate_random(self.bytes, 0, &mut outputs)?;
        let Outputs([random]) = outputs;
        let text = secret(&random);
        let length = ("bytes", Field::Number(self.bytes.into()));
        match (file, out.is_json()) {
            (Some(file), json) => {
                keep(Some(file), &random)?;
                if json { out.record(&Record(vec![length])) } else { Ok(()) }
            }
            (None, true) => out.record(&Record(vec![length, ("random", Field::Secret(text))])),
            (None, false) => out.secret(&Zeroizing::new([text.as_bytes(), b"\n"].concat())),
        }
    }
}

fn output_file(path: Option<&Path>, force: &Force, content: Content) -> Result<Option<OutputFile>> {
    path.map(|path| OutputFile::new(path, force, content)).transpose()
}

fn keep(file: Option<OutputFile>, content: &[u8]) -> Result<()> {
    let Some(mut file) = file else { return Ok(()) };
    file.write(content)?;
    file.keep()
}

fn answer_ciphertext(
    mut fields: Vec<(&'static str, Field)>,
    ciphertext: &[u8],
    file: Option<OutputFile>,
    out: &mut Output,
) -> Result<()> {
    let text = file.is_none().then(|| STANDARD.encode(ciphertext));
    keep(file, ciphertext)?;
    if out.is_json() {
        fields.extend(text.map(|text| ("ciphertext", Field::Text(text))));
        return out.record(&Record(fields));
    }
    text.map_or(Ok(()), |text| out.line(&text))
}

/// A ciphertext as it is, or in base64 with white space around it. What is neither is the engine's to refuse.
fn read_ciphertext(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    // Four characters of base64 for three bytes, and room for white space.
    let limit = (MAX_PLAINTEXT + OVERHEAD) * 4 / 3 + 1024;
    let content = files::read(path, limit, "the ciphertext")?;
    if content.starts_with(&CIPHERTEXT_STARTS) {
        return Ok(content);
    }
    match STANDARD.decode(content.trim_ascii()) {
        Ok(ciphertext) => Ok(Zeroizing::new(ciphertext)),
        Err(_) => Ok(content),
    }
}

fn served_fields(served: &Served, iv: &[u8]) -> Vec<(&'static str, Field)> {
    let mut fields = vec![
        ("key_id", Field::Text(id(served.key_id.as_bytes()))),
        ("version_id", Field::Text(id(served.version_id.as_bytes()))),
        ("version_number", Field::Number(served.version_number.into())),
        ("algorithm", Field::text("XAES_256_GCM")),
    ];
    if !iv.is_empty() {
        fields.push(("iv", Field::Text(STANDARD.encode(iv))));
    }
    fields
}

fn id(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Base64 in memory that is had at once, and wiped.
fn secret(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 3 * 4 + 4));
    STANDARD.encode_string(bytes, &mut text);
    text
}
