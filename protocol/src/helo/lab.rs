//! Who takes part: keys and certificates of the lab, loaded once.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::Name;
use crate::pki::Certificate;

/// The name of the server in its certificate.
pub const SERVER: &str = "server";

/// One party: its name, key pair and certificate.
#[derive(Debug)]
pub struct Identity {
    /// The common name of the certificate.
    pub name: Name,
    /// The private key.
    pub key: PrivateKey,
    /// The public key, as a peer has it in a file.
    pub public: Arc<PublicKey>,
    /// The certificate as it goes over the wire.
    pub certificate: Vec<u8>,
}

/// Everybody's keys. An endpoint uses its own private key and the public ones of others.
pub struct Keyring {
    /// The certificate authority's private key: an attacker who holds it can be anybody.
    pub authority: PrivateKey,
    /// The authority's public key.
    pub authority_public: PublicKey,
    /// The server.
    pub server: Identity,
    /// The devices, by number from 1.
    pub devices: [Identity; 3],
}

impl Keyring {
    /// The published lab keys.
    pub fn lab() -> Arc<Self> {
        static LAB: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
            let lab = Keyring::from_pem(
                include_str!("../../lab/helo/ca_private_key.pem"),
                include_str!("../../lab/helo/server_private_key.pem"),
                [
                    include_str!("../../lab/helo/device_private_key.pem"),
                    include_str!("../../lab/helo/device-2_private_key.pem"),
                    include_str!("../../lab/helo/device-3_private_key.pem"),
                ],
            );
            Arc::new(lab.unwrap_or_else(|_| unreachable!("the lab keys are tested")))
        });
        LAB.clone()
    }

    /// A keyring of these private keys (PEM, PKCS#8), with certificates issued by the authority.
    ///
    /// # Errors
    /// [`RsaError::Key`] for PEM text that is no RSA key.
    pub fn from_pem(authority: &str, server: &str, devices: [&str; 3]) -> Result<Self, RsaError> {
        let authority = PrivateKey::from_pem(authority)?;
        let [first, second, third] = devices;
        Ok(Self {
            authority_public: authority.public_key(),
            server: Identity::issue(&authority, SERVER, server)?,
            devices: [
                Identity::issue(&authority, "device", first)?,
                Identity::issue(&authority, "device-2", second)?,
                Identity::issue(&authority, "device-3", third)?,
            ],
            authority,
        })
    }

    /// The device of that number, from 1; the first for any other number.
    pub fn device(&self, number: u32) -> &Identity {
        let [first, second, third] = &self.devices;
        match number {
            2 => second,
            3 => third,
            _ => first,
        }
    }

    /// The device of that name.
    pub fn device_named(&self, name: &str) -> Option<&Identity> {
        self.devices.iter().find(|device| device.name.as_str() == name)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(redacted)")
    }
}

impl Identity {
    /// An identity with a certificate of its own from `authority`.
    ///
    /// # Errors
    /// [`RsaError::Key`] for PEM text that is no RSA key.
    pub fn issue(authority: &PrivateKey, name: &str, private_pem: &str) -> Result<Self, RsaError> {
        let key = PrivateKey::from_pem(private_pem)?;
        let public = key.public_key();
        let certificate = Certificate::issue(authority, name, &public.to_pem()?)?.encode();
        Ok(Self { name: Name::from(name), key, public: Arc::new(public), certificate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_keys_load_and_their_certificates_verify() {
        let lab = Keyring::lab();
        for identity in lab.devices.iter().chain([&lab.server]) {
            let certificate = Certificate::decode(&identity.certificate).unwrap();
            assert_eq!(certificate.common_name, identity.name.as_str());
            assert_eq!(certificate.verify(&lab.authority_public).as_ref(), Ok(&*identity.public));
            assert_eq!(identity.public.size(), 256);
        }
        let shipped = [
            (include_str!("../../lab/helo/ca_public_key.pem"), &lab.authority_public),
            (include_str!("../../lab/helo/server_public_key.pem"), &lab.server.public),
            (include_str!("../../lab/helo/device_public_key.pem"), &lab.devices[0].public),
            (include_str!("../../lab/helo/device-2_public_key.pem"), &lab.devices[1].public),
            (include_str!("../../lab/helo/device-3_public_key.pem"), &lab.devices[2].public),
        ];
        for (pem, key) in shipped {
            assert_eq!(key.to_pem().unwrap(), pem);
        }
    }
}
