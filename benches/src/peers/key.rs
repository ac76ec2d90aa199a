//! The RSA key of the measurements, as DER.

/// The key of all work with RSA, DER in PKCS#8.
pub(crate) fn rsa_der() -> Vec<u8> {
    use base64::Engine;
    let pem = crate::ours::rsa_key().to_pem().expect("a key can be written");
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("PEM is base64")
}
