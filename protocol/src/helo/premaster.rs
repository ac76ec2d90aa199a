//! The pre-master secret on its way from device to server.

use crate::crypto::Secret;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::endpoint::{Check, Reject};
use crate::entropy::Entropy;
use crate::helo::keys::Transcript;
use crate::helo::lab::Identity;
use crate::helo::session::possession_digest;
use crate::helo::wire::{self, PREM, RSA};
use crate::inbox::Received;

/// The frame: the secret, encrypted for the server's long-term key, the device's share of an agreement, and a signature of whoever is to
/// prove that it has the key of its certificate.
pub(super) fn write(
    server: &PublicKey,
    premaster: &Secret<32>,
    share: Option<[u8; 32]>,
    transcript: &Transcript,
    signs: Option<&Identity>,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, Reject> {
    let sealed = server
        .encrypt_oaep(entropy, &premaster.0)
        .map_err(|_| Reject::new(Check::Certificate, "key"))?;
    let share = share.as_ref().map_or(&[][..], |share| share);
    let Some(me) = signs else { return Ok(wire::tagged(PREM, &[&sealed, share])) };
    // The length is signed as it goes over the wire, so it counts the signature too.
    let mut prem = wire::tagged(PREM, &[&sealed, share, &[0; RSA]]);
    prem.truncate(prem.len() - RSA);
    let signature = me
        .key
        .sign_pss(entropy, &possession_digest(transcript, &prem))
        .map_err(|_| Reject::new(Check::Signature, "key"))?;
    prem.extend_from_slice(&signature);
    Ok(prem)
}

/// The secret in such a frame, for whoever has the server's long-term key.
pub(super) fn read(prem: &Received, server: &PrivateKey) -> Result<Secret<32>, Reject> {
    let premaster = server.decrypt_oaep(prem.field("premaster"));
    let premaster = premaster.map_err(|_| Reject::new(Check::Decryption, "premaster"))?;
    let premaster = premaster.try_into().map_err(|_| Reject::new(Check::Content, "premaster"))?;
    Ok(Secret(premaster))
}
