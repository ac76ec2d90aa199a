//! Any text as a key log, and any bytes as the capture it is for: what is read of the log is written and read back the same, and
//! what it opens of the capture was in it. A zero byte stands between log and capture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meddle_fuzz::text_and_bytes;
use protocol::registry::Registry;
use recordings::key_log::open::Listener;
use recordings::key_log::{read, written};

fuzz_target!(|input: &[u8]| {
    let Some((log, file)) = text_and_bytes(input) else { return };
    let Ok(lines) = read(log, Registry::BUILTIN) else { return };
    let again = read(&written(&lines), Registry::BUILTIN).expect("what we write we read");
    assert_eq!(written(&again), written(&lines));
    let mut listener = Listener::new(&lines);
    let _ = capture::read(file, &mut listener);
    let opened = listener.finish();
    assert!(opened.iter().map(|opened| opened.message.body.len()).sum::<usize>() <= file.len());
});
