//! The deframer loses nothing and does not depend on segmentation.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test says what it expects by panicking"
)]

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use protocol::endpoint::{PortIndex, Side};
use protocol::layout::{Deframer, Frame, Layout};
use protocol::system::System;
use protocol::systems::SYSTEMS;
use protocol::weakness::Profile;

fn layout(system: &System, hardened: bool) -> Arc<Layout> {
    let profile = if hardened { Profile::HARDENED } else { Profile::as_built(system) };
    Arc::new((system.layout)(profile))
}

fn cut<'a>(
    layout: &Arc<Layout>,
    side: Side,
    segments: impl Iterator<Item = &'a [u8]>,
) -> Vec<Frame> {
    let mut deframer = Deframer::new(layout.clone(), PortIndex(0), side);
    let mut frames = Vec::new();
    for segment in segments {
        deframer.push(&Bytes::copy_from_slice(segment), &mut frames);
    }
    frames.extend(deframer.finish());
    frames
}

/// A stream of well-formed ratchet frames, from the lengths of their ciphertexts.
fn stream(layout: &Layout, side: Side, contents: &[usize]) -> Vec<u8> {
    let names: &[&str] = match side {
        Side::Client => &["CLIENT_HELLO", "CLIENT_DATA", "TERMINATE"],
        Side::Server => &["SERVER_CHALLENGE", "SERVER_AGGR_RESPONSE", "KEY_DESYNC_ERROR"],
    };
    let mut stream = Vec::new();
    for (at, len) in contents.iter().enumerate() {
        let name = names[at % names.len()];
        let Some(spec) = layout.frame(name) else { panic!("{name}") };
        let ct = vec![0xc7; *len];
        let mut values: Vec<(&str, &[u8])> = vec![
            ("client_id", &[1]),
            ("round", &[0, 0, 0, 1]),
            ("direction", &[1]),
            ("iv", &[7; 16]),
            ("ct", &ct),
            ("mac", &[9; 32]),
        ];
        if spec.field("share").is_some() {
            values.push(("share", &[5; 32]));
        }
        match spec.assemble(&values) {
            Ok(frame) => stream.extend(frame),
            Err(error) => panic!("{error}"),
        }
    }
    stream
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_segmentation(
        contents in prop::collection::vec(0..200usize, 1..12),
        sizes in prop::collection::vec(1..90usize, 1..40),
        hardened in any::<bool>(),
        client in any::<bool>(),
    ) {
        let side = if client { Side::Client } else { Side::Server };
        let system = protocol::systems::system("ratchet").expect("ratchet is in the table");
        let layout = layout(system, hardened);
        let stream = stream(&layout, side, &contents);
        let whole = cut(&layout, side, [&stream[..]].into_iter());
        prop_assert_eq!(whole.len(), contents.len());
        let mut rest = &stream[..];
        let mut segments = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (segment, left) = rest.split_at((*size).min(rest.len()));
            segments.push(segment);
            rest = left;
        }
        prop_assert_eq!(cut(&layout, side, segments.into_iter()), whole);
    }

    #[test]
    fn whatever_goes_in_comes_out(
        segments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..12),
        hardened in any::<bool>(),
    ) {
        for system in SYSTEMS {
            for side in [Side::Client, Side::Server] {
                let layout = layout(system, hardened);
                let frames = cut(&layout, side, segments.iter().map(|segment| &segment[..]));
                let out: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
                prop_assert_eq!(out, segments.concat());
            }
        }
    }
}
