//! Comments of a capture stand on the packets they speak of: what is said of a frame, on a packet that carries its bytes; what an
//! endpoint said, on the packet that made it say so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping"
)]

use capture::Format;
use files::catalogue::catalogue;
use files::scenario::ScenarioRun;
use judge::{Over, actor_name};
use mitm_proxy::trace::{ClaimRecord, FrameRecord, Trace};
use protocol::endpoint::Fact;
use protocol::weakness::Profile;
use recordings::run_capture::{Plaintext, Subject, write};

/// A packet with comments.
struct Packet {
    bytes: Vec<u8>,
    comments: Vec<String>,
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The enhanced packet blocks of a pcapng file (draft-ietf-opsawg-pcapng section 4.3), with their comments.
fn packets(file: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(number(rest, 4));
        rest = behind;
        if number(block, 0) != 6 {
            continue;
        }
        let len = number(block, 20);
        let bytes = block[28..28 + len].to_vec();
        let mut options = &block[28 + len.next_multiple_of(4)..block.len() - 4];
        let mut comments = Vec::new();
        while options.len() >= 4 {
            let code = u16::from_le_bytes([options[0], options[1]]);
            let len = usize::from(u16::from_le_bytes([options[2], options[3]]));
            if code == 1 {
                comments.push(String::from_utf8(options[4..4 + len].to_vec()).unwrap());
            }
            options = &options[4 + len.next_multiple_of(4)..];
        }
        packets.push(Packet { bytes, comments });
    }
    packets
}

fn contains(packet: &Packet, bytes: &[u8]) -> bool {
    // Large frames go in several segments, and what is said of them stands on the first.
    let head = bytes.get(..1000).unwrap_or(bytes);
    packet.bytes.windows(head.len()).any(|window| window == head)
}

fn carries(packet: &Packet, frame: &FrameRecord) -> bool {
    contains(packet, &frame.frame.bytes) || contains(packet, &frame.as_sent().bytes)
}

/// The number a comment begins with: `frame 3 MSG: …`, `frame 3: …`.
fn spoken_of(comment: &str) -> Option<u32> {
    let number = comment.strip_prefix("frame ")?.split([' ', ':']).next()?;
    number.parse().ok()
}

/// Whether this claim is what the comment tells.
fn is_told(record: &ClaimRecord, comment: &str) -> bool {
    let what = match &record.claim.fact {
        Fact::Delivered(message) => message.to_string(),
        Fact::Rejected(reject) => reject.to_string(),
        _ => return false,
    };
    comment.starts_with(&format!("{} ", actor_name(record.actor))) && comment.contains(&what)
}

fn check(trace: &Trace, packet: &Packet, comment: &str) {
    if let Some(number) = spoken_of(comment) {
        let frame = trace.frame(number).unwrap();
        assert!(carries(packet, frame), "not on frame {number}: {comment}");
        return;
    }
    let told: Vec<&ClaimRecord> =
        trace.claims.iter().filter(|record| is_told(record, comment)).collect();
    if told.is_empty() {
        // What is said of the connection, not of a frame.
        return;
    }
    let causes = told.iter().filter_map(|record| trace.frame(record.cause?));
    // What arrived is what the packet carries to whom it was told.
    let mut arrived = causes.map(|frame| &frame.frame.bytes);
    assert!(arrived.any(|bytes| contains(packet, bytes)), "not where it was caused: {comment}");
}

#[test]
fn every_comment_stands_on_a_packet_of_what_it_speaks_of() {
    let wanted = [
        "ccm-replay-session",
        "flip-helo-text",
        "replay-text-in-session",
        "ratchet-insider-sends-nan",
        "csr-replay-text-in-session",
        "suite-splice-integrity",
        "drop-text-and-forge-its-ack",
    ];
    let (mut of_frames, mut of_claims) = (0, 0);
    for scenario in catalogue().iter().filter(|known| wanted.contains(&known.name.as_str())) {
        let system = scenario.systems[0];
        for profile in [Profile::as_built(system), Profile::HARDENED] {
            let case =
                ScenarioRun { scenario, system, profile, seed: scenario.seed, over: Over::World };
            let judgement = case.judge();
            let subject = Subject::from(case);
            let shown = Plaintext::Shown;
            let file = write(Vec::new(), Format::Pcapng, &subject, &judgement, shown).unwrap();
            for packet in packets(&file) {
                for comment in &packet.comments {
                    check(&judgement.trace, &packet, comment);
                    if spoken_of(comment).is_some() { of_frames += 1 } else { of_claims += 1 }
                }
            }
            // And nothing that was delivered goes without saying.
            let delivered = judgement.trace.claims.iter().filter(|record| {
                matches!(record.claim.fact, Fact::Delivered(_))
                    && record.cause.is_some()
                    && !judgement.trace.impostors.contains(&record.actor)
            });
            let all = packets(&file);
            for record in delivered {
                let on_it = all.iter().any(|packet| {
                    let caused = record.cause.and_then(|cause| judgement.trace.frame(cause));
                    caused.is_some_and(|frame| contains(packet, &frame.frame.bytes))
                        && packet.comments.iter().any(|comment| is_told(record, comment))
                });
                assert!(on_it, "{}: {:?}", scenario.name, record.claim.fact);
            }
        }
    }
    assert!(of_frames >= 10 && of_claims >= 20, "{of_frames} and {of_claims} comments are few");
}
