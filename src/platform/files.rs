//! Files that hold secrets or sealed data: nobody but the owner may have access.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::fork::ForkMutex;

/// Creates an empty file with access for the owner only; leaves one that is there as it is.
pub fn create_private(path: &Path) -> io::Result<()> {
    /// Closing the new file drops this process's POSIX locks on it. No thread that comes to create it, too, may have
    /// taken one by then.
    static ALONE: ForkMutex = ForkMutex::new();
    ALONE.run(|| match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    })
}

/// Opens a file for reading; Ok(None) if it is no regular file, or others than its owner (this user, or root)
/// have any access to it. Checked on the open file, so that it cannot be swapped in between.
pub fn open_private(path: &Path) -> io::Result<Option<File>> {
    // Not to hang on a FIFO that stands where the key file should be.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
    let metadata = file.metadata()?;
    // SAFETY: has no preconditions and cannot fail.
    let user = unsafe { libc::geteuid() };
    let owner_is_right = metadata.uid() == user || metadata.uid() == 0;
    let private = metadata.permissions().mode() & 0o077 == 0;
    Ok((metadata.is_file() && owner_is_right && private).then_some(file))
}

/// Returns when the file's content is on the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    #[cfg(feature = "test-hooks")]
    if let Some((_, sync)) = crate::test_hooks::file_system() {
        return sync(path);
    }
    File::open(path)?.sync_all()
}

/// Which file is at a path, and what changes whenever it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    file: (u64, u64),
    content: (u64, i64, i64),
}

impl FileState {
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(FileState {
            file: (metadata.dev(), metadata.ino()),
            content: (metadata.len(), metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    pub fn is_same_file(&self, other: &Self) -> bool {
        self.file == other.file
    }
}
