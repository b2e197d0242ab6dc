//! Where the master key comes from: a file, a systemd credential, the environment, or `master.key` in the folder.
//!
//! The first source that is given decides; a bad key there is an error, never a reason to look further.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::{MasterKeyFault, StoreError};
use crate::folder::{Durability, write_whole};
use crate::seal::{Secret, fill_random};

/// Names a file that holds the master key.
pub const KEY_FILE_VARIABLE: &str = "LINGATE_MASTER_KEY_FILE";
/// Holds the master key itself.
pub const KEY_VARIABLE: &str = "LINGATE_MASTER_KEY";
/// Names the folder in which systemd puts a service's credentials.
pub const CREDENTIALS_DIRECTORY_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// The name of the systemd credential (`LoadCredential=lingate-master-key:…`).
pub const CREDENTIAL_NAME: &str = "lingate-master-key";

/// A key's text is 44 bytes; more than this is not read.
const MAX_TEXT: usize = 1024;
const OWNER_ONLY: u32 = 0o077;
/// systemd lets the service's user in by an ACL, whose mask shows as the group's read bit.
const CREDENTIAL_EXPOSED: u32 = 0o037;

/// The sources of the master key that the operator may give, in the order in which they are looked at. A key is 32
/// random bytes in standard base64, in a file with or without a newline at its end.
///
/// With none of them given, the key is `master.key` in the data folder, made at the first start.
#[derive(Clone, Default)]
pub struct MasterKeySource {
    /// A file that holds the key; on Unix it must not be open to group or others.
    pub file: Option<PathBuf>,
    /// A folder that may hold a file [`CREDENTIAL_NAME`].
    pub credentials_directory: Option<PathBuf>,
    /// The key itself.
    pub value: Option<Zeroizing<String>>,
}

impl MasterKeySource {
    /// Takes a look-up of environment variables (`std::env::var_os` in the program); empty ones count as not given.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let get = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            file: get(KEY_FILE_VARIABLE).map(PathBuf::from),
            credentials_directory: get(CREDENTIALS_DIRECTORY_VARIABLE).map(PathBuf::from),
            // What is not UTF-8 is not base64 either, and is refused as that.
            value: get(KEY_VARIABLE).map(|value| Zeroizing::new(value.to_string_lossy().into_owned())),
        }
    }
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeySource")
            .field("file", &self.file)
            .field("credentials_directory", &self.credentials_directory)
            .field("value", &self.value.as_ref().map(|_| "(hidden)"))
            .finish()
    }
}

/// A usable master key and where it came from.
pub(crate) struct MasterKey {
    pub(crate) secret: Secret,
    pub(crate) origin: String,
}

impl MasterKey {
    /// Finds the key; `None` if no source is given and `in_folder` does not exist. Blocks on file I/O.
    pub(crate) fn find(source: &MasterKeySource, in_folder: &Path) -> Result<Option<Self>, StoreError> {
        if let Some(path) = &source.file {
            let origin = format!("the file {} ({KEY_FILE_VARIABLE})", path.display());
            return Self::from_file(path, OWNER_ONLY, origin).map(Some);
        }
        if let Some(folder) = &source.credentials_directory {
            let path = folder.join(CREDENTIAL_NAME);
            let origin = format!("the systemd credential {}", path.display());
            // The folder may be there for other credentials, so a missing file is no error.
            if let Some(key) = unless_absent(Self::from_file(&path, CREDENTIAL_EXPOSED, origin))? {
                return Ok(Some(key));
            }
        }
        if let Some(text) = &source.value {
            let origin = format!("the environment variable {KEY_VARIABLE}");
            return Self::checked(parse(text.as_bytes()), origin).map(Some);
        }
        let origin = format!("the file {}", in_folder.display());
        unless_absent(Self::from_file(in_folder, OWNER_ONLY, origin))
    }

    /// Makes a key and writes it to `path`, which must not exist. Blocks on file I/O.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let key = Self::random(format!("the file {}", path.display()))?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        base64_simd::STANDARD.encode_append(key.secret.as_slice(), &mut *text);
        text.push('\n');
        // Synced: what is sealed with a key that a power cut takes away is gone for ever.
        write_whole(path, text.as_bytes(), Durability::Synced)
            .map_err(StoreError::file("write the master key", path))?;
        tracing::warn!(
            path = %path.display(),
            "made a master key; back it up apart from the data folder: without it nothing sealed there can be read"
        );
        Ok(key)
    }

    /// Makes a key that lives in memory only.
    pub(crate) fn random(origin: String) -> Result<Self, StoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        fill_random(secret.as_mut_slice()).map_err(|_| StoreError::Sealing)?;
        Ok(Self { secret, origin })
    }

    /// Reads a key file that has none of the `exposed` mode bits.
    fn from_file(path: &Path, exposed: u32, origin: String) -> Result<Self, StoreError> {
        Self::checked(read(path, exposed), origin)
    }

    fn checked(read: Result<Secret, MasterKeyFault>, origin: String) -> Result<Self, StoreError> {
        match read {
            Ok(secret) => Ok(Self { secret, origin }),
            Err(fault) => Err(StoreError::MasterKey { origin, fault }),
        }
    }
}

/// `None` for a file that does not exist; any other fault stays one.
fn unless_absent(key: Result<MasterKey, StoreError>) -> Result<Option<MasterKey>, StoreError> {
    match key {
        Err(StoreError::MasterKey { fault: MasterKeyFault::Unreadable(cause), .. })
            if cause.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn read(path: &Path, exposed: u32) -> Result<Secret, MasterKeyFault> {
    let file = File::open(path).map_err(MasterKeyFault::Unreadable)?;
    refuse_exposed(&file, exposed)?;
    // Room for all of it at once: a buffer that grows would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_TEXT));
    file.take(MAX_TEXT as u64).read_to_end(&mut text).map_err(MasterKeyFault::Unreadable)?;
    parse(&text)
}

fn refuse_exposed(file: &File, exposed: u32) -> Result<(), MasterKeyFault> {
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(MasterKeyFault::Unreadable)?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & exposed != 0 {
            return Err(MasterKeyFault::Exposed { mode });
        }
    }
    #[cfg(not(unix))]
    let _ = (file, exposed);
    Ok(())
}

fn parse(text: &[u8]) -> Result<Secret, MasterKeyFault> {
    let bytes = base64_simd::STANDARD.decode_to_vec(text.trim_ascii()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| MasterKeyFault::NotBase64)?;
    let mut secret = Zeroizing::new([0; 32]);
    if bytes.len() != secret.len() {
        return Err(MasterKeyFault::WrongLength);
    }
    secret.copy_from_slice(&bytes);
    if secret.iter().all(|byte| *byte == secret[0]) {
        return Err(MasterKeyFault::Constant);
    }
    Ok(secret)
}
