//! Who takes part: keys and certificates of the lab, loaded once.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::{Name, Side};
use crate::pki::Certificate;

/// The name of the server in its certificate.
pub const SERVER: &str = "server";

/// One party: its name, key pair and certificate.
#[derive(Clone, Debug)]
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

/// What one endpoint holds: its own secrets, and public keys of others.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who it is.
    pub me: Identity,
    /// The authority's public key.
    pub authority: PublicKey,
    /// The server's public key, as a device has it in a file.
    pub server: Option<Arc<PublicKey>>,
    /// The devices' public keys, as a server has them in files.
    pub devices: Vec<(Name, Arc<PublicKey>)>,
}

impl Credentials {
    /// The key file that goes with a peer of this name; where there is none of the name, the first.
    pub(super) fn key_file(&self, peer: Side, name: &str) -> Option<&Arc<PublicKey>> {
        if peer == Side::Server {
            return self.server.as_ref();
        }
        let own = self.devices.iter().find(|(device, _)| device.as_str() == name);
        own.or(self.devices.first()).map(|(_, key)| key)
    }
}

/// The name of device `number`, from 1.
pub(super) fn device_name(number: u32) -> String {
    if number == 1 { "device".to_owned() } else { format!("device-{number}") }
}

/// Whether a device could have this name.
pub(super) fn is_device(name: &str) -> bool {
    let number = name.strip_prefix("device-").and_then(|number| number.parse().ok());
    name == "device" || number.is_some_and(|number| number > 1 && device_name(number) == name)
}

/// Everybody's keys.
#[derive(Clone)]
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

    /// What that device holds.
    pub fn device_credentials(&self, number: u32) -> Credentials {
        self.credentials(self.device(number).clone())
    }

    /// What the server holds.
    pub fn server_credentials(&self) -> Credentials {
        self.credentials(self.server.clone())
    }

    fn credentials(&self, me: Identity) -> Credentials {
        let known = |device: &Identity| (device.name.clone(), device.public.clone());
        Credentials {
            me,
            authority: self.authority_public.clone(),
            server: Some(self.server.public.clone()),
            devices: self.devices.iter().map(known).collect(),
        }
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
