//! Any content of one key file among the lab's own: both ends start with it or say what is wrong. The first byte chooses system
//! and profile, the second the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::victims;
use protocol::keyfiles::{KeyError, KeyFiles, KeySource};
use protocol::system::{Setup, System};
use protocol::weakness::Profile;

thread_local! {
    static LABS: Vec<(&'static System, Profile, KeyFiles)> = victims()
        .into_iter()
        .map(|(system, profile)| (system, profile, (system.lab)(profile)))
        .collect();
}

/// The lab's files, but for the content of one.
struct Changed<'a> {
    lab: &'a KeyFiles,
    name: &'a str,
    content: &'a [u8],
}

impl KeySource for Changed<'_> {
    fn read_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, KeyError> {
        if path == self.name {
            return Ok(Some(self.content.to_vec()));
        }
        self.lab.read_bytes(path)
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(([choice, file], content)) = input.split_first_chunk() else { return };
    LABS.with(|labs| {
        let (system, profile, lab) = &labs[usize::from(*choice) % labs.len()];
        let name = lab.keys().nth(usize::from(*file) % lab.len()).expect("a file");
        let files = Changed { lab, name, content };
        let setup = Setup::lab(*profile, 7, 1);
        for made in [(system.keys.client)(setup, &files), (system.keys.server)(setup, &files)] {
            if let Err(error) = made {
                drop(error.to_string());
            }
        }
    });
});
