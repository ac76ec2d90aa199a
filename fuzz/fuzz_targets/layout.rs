//! Any text as a layout file, and any bytes cut with it: an error or frames that lose nothing, and a dissector; never a panic.
//! A zero byte stands between file and bytes.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use files::diagnostic::Color;
use files::layout_file::LayoutFile;
use libfuzzer_sys::fuzz_target;
use meddle_fuzz::text_and_bytes;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::Deframer;
use recordings::dissector;

fuzz_target!(|input: &[u8]| {
    let Some((source, stream)) = text_and_bytes(input) else { return };
    match LayoutFile::parse("fuzz.toml", source) {
        Err(mistakes) => drop(mistakes.render(Color::Plain)),
        Ok(file) => {
            drop(dissector::render(&[dissector::declared(&file)]));
            let mut deframer = Deframer::new(Arc::new(file.layout), PortIndex(0), Side::Client);
            let mut frames = Vec::new();
            for segment in stream.chunks(7) {
                deframer.push(&Bytes::copy_from_slice(segment), &mut frames);
            }
            frames.extend(deframer.finish());
            let out: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
            assert_eq!(out, stream);
        }
    }
});
