//! The published frame: key, user name, message and hash in one send, and nothing ever comes back.
//!
//! Facts about the published server, which the server here does as well: it takes whatever name the frame holds
//! for the authenticated user, anew with every frame; it shows a message before it looks at the hash; a frame
//! that does not split, or whose key or name does not decrypt, ends the connection; so does a message that
//! does not decrypt, but only the first: after one good message the server goes on over bad ones.

use aes::Aes128;

use crate::compromise::Edit;
use crate::crypto::checksum::hex;
use crate::crypto::key::Algorithm;
use crate::crypto::rsa::{PrivateKey, PublicKey, RsaError};
use crate::crypto::{Secret, cbc, sha256};
use crate::endpoint::{Check, Message, Reject};
use crate::entropy::Entropy;
use crate::suite::content::{MAX_PLAINTEXT, read_either};
use crate::suite::record::STATIC_IV;
use crate::suite::wire::{DELIMITER, INTEGRITY, Parts};

/// Make a frame. Key and name are encrypted anew for each; the key itself stays.
///
/// # Errors
/// [`RsaError::Size`] for a name over 190 bytes.
pub(super) fn seal(
    server: &PublicKey,
    key: &Secret<16>,
    user: &str,
    plaintext: &[u8],
    entropy: &mut Entropy,
) -> Result<Vec<u8>, RsaError> {
    let sealed_key = server.encrypt_oaep(entropy, &key.0)?;
    let sealed_user = server.encrypt_oaep(entropy, user.as_bytes())?;
    Ok(assemble(&sealed_key, &sealed_user, key, plaintext))
}

fn assemble(sealed_key: &[u8], sealed_user: &[u8], key: &Secret<16>, plaintext: &[u8]) -> Vec<u8> {
    let mut ct = plaintext.to_vec();
    cbc::encrypt(&Aes128::under(&key.0), STATIC_IV, &mut ct, 0);
    let hash = hex(&sha256(&[plaintext]));
    [sealed_key, sealed_user, &ct, hash.as_bytes()].join(DELIMITER)
}

/// What whoever has the key makes of a frame: the same with another message.
pub(super) fn rewrite(key: &Secret<16>, mut frame: Parts, edit: Edit<'_>) -> Option<Vec<u8>> {
    let mut plaintext = decrypt(key, &mut frame).ok()?.to_vec();
    edit(&mut plaintext);
    let whole = assemble(frame.field("key"), frame.field("username"), key, &plaintext);
    (plaintext.len() <= MAX_PLAINTEXT).then_some(whole)
}

/// Who a frame is from, as far as the server can tell, and the key it brings.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) key: Secret<16>,
    pub(super) user: String,
}

/// Decrypt key and name.
///
/// # Errors
/// `decryption` or `content`; the published server closes.
pub(super) fn open_sender(server: &PrivateKey, frame: &Parts) -> Result<Sender, Reject> {
    let decrypt = |field: &'static str| {
        let plaintext = server.decrypt_oaep(frame.field(field));
        plaintext.map_err(|_| Reject::new(Check::Decryption, field))
    };
    let key = decrypt("key")?;
    let user = decrypt("username")?;
    let key = key.try_into().map_err(|_| Reject::new(Check::Content, "key"))?;
    let user = String::from_utf8(user).map_err(|_| Reject::new(Check::Content, "username"))?;
    Ok(Sender { key: Secret(key), user })
}

/// A message, and whether the hash that came with it is its own.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) message: Message,
    pub(super) intact: bool,
}

/// Decrypt the message.
///
/// # Errors
/// `padding` or `content`.
pub(super) fn open_message(key: &Secret<16>, frame: &mut Parts) -> Result<Opened, Reject> {
    let hash = frame.field(INTEGRITY).to_vec();
    let plaintext = decrypt(key, frame)?;
    let intact = hex(&sha256(&[plaintext])).as_bytes() == hash;
    Ok(Opened { message: read_either(plaintext)?, intact })
}

fn decrypt<'a>(key: &Secret<16>, frame: &'a mut Parts) -> Result<&'a [u8], Reject> {
    let [ct] = frame.places(["ct"]);
    cbc::decrypt(&Aes128::under(&key.0), STATIC_IV, frame.at_mut(ct))
        .map_err(|_| Reject::new(Check::Padding, "ct"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Inbox;
    use crate::suite::content::AROUND;
    use crate::suite::wire::READ;
    use crate::suite::{Keyring, SYSTEM, wire};
    use crate::weakness::Profile;

    fn counting() -> Secret<16> {
        let mut next = 0;
        Secret([0; 16].map(|_: u8| (next, next += 1).0))
    }

    /// The known answer of the published program's formulas.
    #[test]
    fn the_published_frame() {
        let text = b"Hello, from the client side";
        let lab = Keyring::lab();
        let mut entropy = Entropy::new(1, "frame");
        let public = lab.server_public.as_ref().unwrap();
        let frame = seal(public, &counting(), "fady", text, &mut entropy).unwrap();
        assert_eq!(frame.len(), 614);
        assert_eq!(AROUND, 614 - 32, "all but two blocks");
        let ct = "a139846ba966c42809e840dd1261e725da9c460a0db819521742d31450de77df";
        assert_eq!(hex(&frame[516..548]), ct);
        let hash = b"38de1b1e73484b20d56344235bb22b225312f5d1eee2a203c9f9afe721eed0b9";
        assert_eq!(frame[550..], hash[..]);
        assert_eq!([&frame[256..258], &frame[514..516], &frame[548..550]], [b"||"; 3]);

        let profile = Profile::as_built(&SYSTEM);
        let mut inbox = Inbox::default();
        inbox.push(&frame);
        let layout = wire::layout(profile);
        let mut parts = wire::next(&layout, profile, &["MSG"], &mut inbox).unwrap().unwrap();
        let sender = open_sender(lab.server.as_ref().unwrap(), &parts).unwrap();
        assert_eq!((sender.user.as_str(), &sender.key), ("fady", &counting()));
        let opened = open_message(&sender.key, &mut parts).unwrap();
        assert!(opened.intact);
        assert_eq!(opened.message.body, text[..]);
    }

    #[test]
    fn the_largest_plaintext_fills_one_read() {
        let public = Keyring::lab().server_public.clone().unwrap();
        let mut entropy = Entropy::new(1, "frame");
        let mut len = |plaintext: usize| {
            seal(&public, &counting(), "u", &vec![b'x'; plaintext], &mut entropy).unwrap().len()
        };
        assert!(len(MAX_PLAINTEXT) <= READ && len(MAX_PLAINTEXT + 1) > READ);
        assert_eq!(MAX_PLAINTEXT, 3503);
    }
}
