//! What belongs to one of the people: a key pair in PKCS#1, as the published program keeps it, and a certificate
//! of the folder's authority. A name becomes part of file names here, so only harmless ones come this far.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use protocol::crypto::rsa::{PrivateKey, PublicKey};
use protocol::pki::users::is_allowed;
use protocol::pki::x509::{Certificate, Kind, Period, Request};
use protocol::suite::{CA_CERT, CA_KEY, SERVER_COMMON_NAME};

use super::{Making, UserError, UserFolder};
use crate::pem_files::{certificate, private_key, public_key};
use crate::user_files::{Existing, WriteError, write};

/// The size of a new key, in bits.
const BITS: usize = 2048;
/// How long a certificate is valid.
const DAYS: u64 = 365;

/// What became of somebody's keys and certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKeys {
    /// The key pair.
    pub keys: Part,
    /// The certificate.
    pub certificate: Part,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It was made, here.
    Made(PathBuf),
    /// It was there, and stays.
    Kept(PathBuf),
    /// It is not there, because the name cannot be that of a file, or is the server's.
    Unsuited,
    /// It is not there, because this file of the authority is not.
    NoAuthority(PathBuf),
}

/// Where somebody's files are.
struct Places {
    private: PathBuf,
    public: PathBuf,
    certificate: PathBuf,
}

/// Whether a certificate for this name could be taken for the server's.
pub(super) fn is_server(name: &str) -> bool {
    name.eq_ignore_ascii_case(SERVER_COMMON_NAME)
}

impl UserFolder {
    /// Somebody's private key.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn private_key(&self, name: &str) -> Result<PrivateKey, UserError> {
        Ok(private_key(&self.places(name)?.private)?)
    }

    /// Somebody's public key.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn public_key(&self, name: &str) -> Result<PublicKey, UserError> {
        Ok(public_key(&self.places(name)?.public)?)
    }

    /// Somebody's certificate.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn certificate(&self, name: &str) -> Result<Certificate, UserError> {
        Ok(certificate(&self.places(name)?.certificate)?)
    }

    /// Where somebody's certificate is.
    ///
    /// # Errors
    /// The name cannot be that of a file.
    pub fn certificate_path(&self, name: &str) -> Result<PathBuf, UserError> {
        Ok(self.places(name)?.certificate)
    }

    /// The certificate of the folder's authority.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn authority(&self) -> Result<Certificate, UserError> {
        Ok(certificate(&self.folder.join(CA_CERT))?)
    }

    fn places(&self, name: &str) -> Result<Places, UserError> {
        if !is_allowed(name) || is_server(name) {
            return Err(UserError::Unsuited(name.to_owned()));
        }
        let keys = self.folder.join("data/keys");
        Ok(Places {
            private: keys.join(format!("{name}_private.pem")),
            public: keys.join(format!("{name}_public.pem")),
            certificate: self.folder.join(format!("crypto/certificates/{name}.crt")),
        })
    }

    /// Make what is not there of somebody's keys and certificate.
    pub(super) fn equip(
        &self,
        name: &str,
        making: &mut Making<'_>,
    ) -> Result<AccountKeys, UserError> {
        let Ok(places) = self.places(name) else {
            return Ok(AccountKeys { keys: Part::Unsuited, certificate: Part::Unsuited });
        };
        let (key, keys) = if places.private.exists() {
            (private_key(&places.private)?, Part::Kept(places.private.clone()))
        } else {
            let key = PrivateKey::generate(making.entropy, BITS);
            let key = key.map_err(|_| UserError::Unmakeable("an RSA key"))?;
            // Written by somebody else, for a key that is elsewhere.
            if places.public.exists() {
                return Err(UserError::Orphan(places.public));
            }
            write(&places.public, public_pem(&key)?.as_bytes(), Existing::Keep)?;
            write(&places.private, private_pem(&key)?.as_bytes(), Existing::Keep)?;
            (key, Part::Made(places.private.clone()))
        };
        let certificate = if places.certificate.exists() {
            Part::Kept(places.certificate)
        } else {
            self.certify(name, &key, making, &places.certificate)?
        };
        Ok(AccountKeys { keys, certificate })
    }

    /// Replace somebody's keys and certificate.
    pub(super) fn replace_key(
        &self,
        name: &str,
        key: &PrivateKey,
        making: &mut Making<'_>,
        existing: Existing,
    ) -> Result<AccountKeys, UserError> {
        let places = self.places(name)?;
        let bits = key.public_key().bits();
        if usize::try_from(bits).is_ok_and(|bits| bits < BITS) {
            return Err(UserError::Small(bits));
        }
        for path in [&places.private, &places.public, &places.certificate] {
            if existing == Existing::Keep && path.exists() {
                return Err(WriteError::Exists(path.clone()).into());
            }
        }
        write(&places.private, private_pem(key)?.as_bytes(), existing)?;
        write(&places.public, public_pem(key)?.as_bytes(), existing)?;
        // What certifies the old key would be in the way of a new certificate, or be taken for it.
        remove(&places.certificate)?;
        let certificate = self.certify(name, key, making, &places.certificate)?;
        Ok(AccountKeys { keys: Part::Made(places.private), certificate })
    }

    /// Issue a certificate, if the folder's authority is at hand.
    fn certify(
        &self,
        name: &str,
        key: &PrivateKey,
        making: &mut Making<'_>,
        path: &Path,
    ) -> Result<Part, UserError> {
        for file in [CA_CERT, CA_KEY] {
            let file = self.folder.join(file);
            if !file.exists() {
                return Ok(Part::NoAuthority(file));
            }
        }
        let (authority, authority_key) =
            (self.authority()?, private_key(&self.folder.join(CA_KEY))?);
        let terms = (Period::days(making.from, DAYS), Kind::Party);
        let certificate = Request::new(&format!("CN={name}"), key)
            .and_then(|request| authority.sign(&authority_key, &request, terms, making.entropy))
            .and_then(|certificate| certificate.to_pem())
            .map_err(UserError::Unissued)?;
        write(path, certificate.as_bytes(), Existing::Keep)?;
        Ok(Part::Made(path.to_owned()))
    }

    /// Remove somebody's keys and certificate; return the files that were there.
    pub(super) fn discard(&self, name: &str) -> Result<Vec<PathBuf>, UserError> {
        let Ok(places) = self.places(name) else { return Ok(Vec::new()) };
        let mut removed = Vec::new();
        for path in [places.certificate, places.public, places.private] {
            if remove(&path)? {
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

/// Remove a file; whether it was there.
fn remove(path: &Path) -> Result<bool, UserError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(UserError::Remove(path.to_owned(), error)),
    }
}

fn private_pem(key: &PrivateKey) -> Result<String, UserError> {
    key.to_pkcs1_pem().map_err(|_| UserError::Unmakeable("an RSA key"))
}

fn public_pem(key: &PrivateKey) -> Result<String, UserError> {
    key.public_key().to_pkcs1_pem().map_err(|_| UserError::Unmakeable("an RSA key"))
}
