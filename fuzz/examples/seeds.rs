//! Writes the seeds that are made from honest conversations: `cargo run --example seeds`, in `fuzz/`. Run it again when what the
//! systems say has changed.

use std::{fs, io};

use meddle_fuzz::{Moment, moments, victims};

/// The largest seed, in bytes.
const LARGEST: usize = 8000;

fn write(target: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = format!("seeds/{target}");
    fs::create_dir_all(&folder)?;
    fs::write(format!("{folder}/{name}"), &content[..content.len().min(LARGEST)])
}

fn main() -> io::Result<()> {
    let moments = moments();
    for (target, established) in [("handshake", false), ("session", true)] {
        let begins = moments.iter().filter(|moment| moment.established == established);
        for (number, moment) in (0u16..).zip(begins).step_by(5) {
            let (name, number) = (moment.system.name, number.to_le_bytes());
            let named = |what: &str| format!("{name}-{}-{what}", u16::from_le_bytes(number));
            // The whole of what the peer sends, segment by segment; then changed, repeated and cut off.
            let honest = [&number[..], &[1, 255].repeat(moment.ahead.len()), &[4]].concat();
            write(target, &named("honest"), &honest)?;
            let changed = [2, 9, 1, 0xf9, 2, b'h', b'i', 0xf1, 1, 3, 0xff, 1, b'x', 4, 3, 4];
            write(target, &named("changed"), &[&number[..], &changed].concat())?;
        }
    }
    // What the first end hears, which is the server, and the second, which is the client.
    for (choice, (system, profile)) in (0u8..).zip(victims()) {
        let is_its =
            |moment: &&Moment| moment.system.name == system.name && moment.profile == profile;
        for (side, moment) in (0u8..2).zip(moments.iter().filter(is_its)) {
            let mut seed = vec![choice << 1 | side, 63];
            seed.extend(moment.ahead.iter().flat_map(|(_, segment)| segment));
            write("deframe", &format!("{}-{}-{side}", system.name, profile.name()), &seed)?;
        }
    }
    Ok(())
}
