//! Files that commands read and write. Output appears whole or not at all: it is written beside its place, made
//! durable, and then moved there.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};

/// Of commands that may write a file.
#[derive(Args)]
pub struct Force {
    /// Overwrite files that exist
    #[arg(long)]
    pub force: bool,
}

/// Who may read an output file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Only its owner.
    Secret,
    /// Whoever the umask lets.
    Sealed,
}

/// Reads a file, or standard input for none and "-". More than `limit` bytes are refused.
pub fn read(path: Option<&Path>, limit: usize, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let path = path.filter(|path| *path != Path::new("-"));
    let name = path.map_or("standard input".into(), |path| path.display().to_string());
    let failed = |error| Failure::file(&name, error);
    // Room for all of it, so that no copy is left behind by growing.
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 1));
    let limited = limit as u64 + 1;
    match path {
        Some(path) => {
            File::open(path).map_err(failed)?.take(limited).read_to_end(&mut content).map_err(failed)?
        }
        None => read_stdin(&mut content, limit + 1).map_err(failed)?,
    };
    if content.len() > limit {
        return Err(kms::Error::argument(format!("{what}: has more than {limit} bytes")).into());
    }
    Ok(content)
}

/// Past the standard library's buffer, which nobody wipes.
fn read_stdin(content: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
    let stdin = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
    File::from(stdin).take(limit as u64).read_to_end(content)
}

/// A file to come. What can be wrong with its place is found before anything is generated for it.
pub struct OutputFile {
    path: PathBuf,
    force: bool,
    temporary: NamedTempFile,
}

impl OutputFile {
    pub fn new(path: &Path, force: &Force, content: Content) -> Result<Self> {
        check_place(path, force.force)?;
        let mode = if content == Content::Secret { 0o600 } else { 0o666 };
        let temporary = tempfile::Builder::new()
            .prefix(".kms-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory(path))
            .map_err(|error| Failure::file(path.display(), error))?;
        Ok(OutputFile { path: path.into(), force: force.force, temporary })
    }

    /// Where it is until it is kept.
    pub fn write(&mut self, content: &[u8]) -> Result<()> {
        let written = self.temporary.write_all(content).and_then(|()| self.temporary.as_file().sync_all());
        written.map_err(|error| Failure::file(self.path.display(), error))
    }

    pub fn keep(self) -> Result<()> {
        let OutputFile { path, force, temporary } = self;
        put(temporary.into_temp_path(), &path, force)
    }
}

/// Moves a finished file to its place.
pub fn put(temporary: tempfile::TempPath, path: &Path, force: bool) -> Result<()> {
    let put = if force { temporary.persist(path) } else { temporary.persist_noclobber(path) };
    put.map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Exists(path.display().to_string()),
        _ => Failure::file(path.display(), refused.error),
    })?;
    // The name is durable, too.
    let synced = File::open(directory(path)).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Failure::file(path.display(), error))
}

/// What is there is only ever replaced if it is a plain file: no device, pipe or link.
pub fn check_place(path: &Path, force: bool) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => {
            Err(Failure::file(path.display(), io::Error::other("is there, and is not a regular file")))
        }
        Ok(_) if !force => Err(Failure::Exists(path.display().to_string())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(path.display(), error)),
        _ => Ok(()),
    }
}

pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
