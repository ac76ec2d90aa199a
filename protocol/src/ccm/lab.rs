//! Who takes part: the key pairs of the lab, made once, and keys from elsewhere.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::endpoint::Name;
use crate::entropy::Entropy;

/// The name of the server, as claims have it.
pub const SERVER: &str = "server";
/// The size of an RSA modulus in bits.
pub const MODULUS: usize = 4096;
/// How many clients have keys in the lab.
pub(super) const CLIENT_COUNT: u32 = 3;
/// The names of the lab's clients in claims, by number from 1.
const CLIENTS: [&str; 3] = ["client", "client-2", "client-3"];

/// What a client holds: its own pair, and the public key of the server.
#[derive(Clone)]
pub struct ClientKeys {
    /// The client's private key.
    pub own: PrivateKey,
    /// The server's public key: `serverPK.pem`.
    pub server: PublicKey,
}

/// What the server holds: its own pair, and the public keys of its clients.
#[derive(Clone)]
pub struct ServerKeys {
    /// The server's private key.
    pub own: PrivateKey,
    /// The clients' public keys. The first is `clientPK.pem`.
    pub clients: Clients,
}

/// Whose public keys the server knows.
#[derive(Clone)]
pub enum Clients {
    /// These, by number from 1.
    Known(Vec<PublicKey>),
    /// Whoever is found under a number when a client comes.
    Looked(Arc<dyn Fn(u32) -> Option<PublicKey> + Send + Sync>),
}

impl ClientKeys {
    /// From a private key and the server's public key, both PEM.
    ///
    /// # Errors
    /// [`RsaError::Key`] for what is no RSA-4096 key.
    pub fn from_pem(own: &str, server: &str) -> Result<Self, RsaError> {
        Ok(Self { own: private(own)?, server: public(server)? })
    }

    /// The keys of the lab's client of that number, from 1; of the first for any other number.
    pub fn lab(number: u32) -> Arc<Self> {
        let (first, second, third) = &*LAB_CLIENTS;
        match number {
            2 => second.clone(),
            3 => third.clone(),
            _ => first.clone(),
        }
    }
}

impl ServerKeys {
    /// From a private key and the public keys of clients, all PEM.
    ///
    /// # Errors
    /// [`RsaError::Key`] for what is no RSA-4096 key, or if there is no client.
    pub fn from_pem(own: &str, clients: &[&str]) -> Result<Self, RsaError> {
        let clients = clients.iter().map(|pem| public(pem)).collect::<Result<Vec<_>, _>>()?;
        if clients.is_empty() {
            return Err(RsaError::Key);
        }
        Ok(Self { own: private(own)?, clients: Clients::Known(clients) })
    }

    /// The keys of the lab's server.
    pub fn lab() -> Arc<Self> {
        static LAB: LazyLock<Arc<ServerKeys>> = LazyLock::new(|| {
            let keys = ServerKeys::from_pem(
                include_str!("../../lab/ccm/server_private_key.pem"),
                &[
                    include_str!("../../lab/ccm/clientPK.pem"),
                    include_str!("../../lab/ccm/client-2PK.pem"),
                    include_str!("../../lab/ccm/client-3PK.pem"),
                ],
            );
            Arc::new(keys.unwrap_or_else(|_| unreachable!("the lab keys are tested")))
        });
        LAB.clone()
    }

    /// The public key of the client of that number, from 1.
    pub fn client(&self, number: u32) -> Option<PublicKey> {
        match &self.clients {
            Clients::Known(known) => known.get((number as usize).checked_sub(1)?).cloned(),
            Clients::Looked(look) => look(number),
        }
    }
}

type Three = (Arc<ClientKeys>, Arc<ClientKeys>, Arc<ClientKeys>);

static LAB_CLIENTS: LazyLock<Three> = LazyLock::new(|| {
    let keys = |own| {
        let keys = ClientKeys::from_pem(own, include_str!("../../lab/ccm/serverPK.pem"));
        Arc::new(keys.unwrap_or_else(|_| unreachable!("the lab keys are tested")))
    };
    (
        keys(include_str!("../../lab/ccm/client_private_key.pem")),
        keys(include_str!("../../lab/ccm/client-2_private_key.pem")),
        keys(include_str!("../../lab/ccm/client-3_private_key.pem")),
    )
});

/// A new RSA-4096 pair, as the published programs make one at every start. The same entropy gives the same.
///
/// # Errors
/// [`RsaError::Key`], if no primes are found.
pub fn generate(entropy: &mut Entropy) -> Result<PrivateKey, RsaError> {
    PrivateKey::generate(entropy, MODULUS)
}

/// The name in claims of the client of that number.
pub(super) fn client_name(number: u32) -> Name {
    let known = (number as usize).checked_sub(1).and_then(|at| CLIENTS.get(at));
    known.map_or_else(|| Name::from(&*format!("client-{number}")), |name| Name::from(*name))
}

fn private(pem: &str) -> Result<PrivateKey, RsaError> {
    let key = PrivateKey::from_pem(pem)?;
    if key.public_key().size() * 8 == MODULUS { Ok(key) } else { Err(RsaError::Key) }
}

fn public(pem: &str) -> Result<PublicKey, RsaError> {
    let key = PublicKey::from_pem(pem)?;
    if key.size() * 8 == MODULUS { Ok(key) } else { Err(RsaError::Key) }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKeys(redacted)")
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKeys(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_keys_belong_together() {
        let server = ServerKeys::lab();
        for number in 1..=3 {
            let client = ClientKeys::lab(number);
            assert_eq!(Some(client.own.public_key()), server.client(number));
            assert_eq!(client.server, server.own.public_key());
        }
        assert_eq!(server.client(0), None);
        assert_eq!(server.client(4), None);
    }

    #[test]
    fn keys_are_read_as_they_are_exported_and_others_are_refused() {
        let exported = include_str!("../../lab/ccm/serverPK.pem").trim_end();
        let own = include_str!("../../lab/ccm/client_private_key.pem");
        assert!(ClientKeys::from_pem(own, exported).is_ok());
        let small = include_str!("../../lab/csr/server_public_key.pem");
        assert_eq!(ClientKeys::from_pem(own, small).err(), Some(RsaError::Key));
        assert_eq!(ServerKeys::from_pem(own, &[]).err(), Some(RsaError::Key));
        assert_eq!(ServerKeys::from_pem("", &[exported]).err(), Some(RsaError::Key));
    }
}
