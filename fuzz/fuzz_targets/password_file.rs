//! Any text as a password file of either scheme: users or the line that is wrong; what is written of it is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::pki::users::{Scheme, Users};

fuzz_target!(|text: &str| {
    for scheme in [Scheme::Sha256, Scheme::Argon2id] {
        match Users::from_text(scheme, text) {
            Err(error) => drop(error.to_string()),
            Ok(mut users) => {
                let written = users.to_text();
                let again = Users::from_text(scheme, &written).expect("what we write we read");
                assert_eq!(again.to_text(), written);
                let name = users.names().next().map(str::to_owned);
                if let Some(name) = name {
                    assert!(users.remove(&name));
                    assert!(!users.remove(&name));
                }
            }
        }
    }
});
