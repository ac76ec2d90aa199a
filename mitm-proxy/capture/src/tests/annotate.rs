//! What is said of packets afterwards is added, and nothing else changes.

use proptest::prelude::*;

use super::super::{Comments, Why, annotate};
use super::*;

fn comments(of: &[(u64, &str)]) -> Comments {
    of.iter().map(|(number, text)| (*number, vec![(*text).to_owned()])).collect()
}

fn annotated(file: &[u8], of: &[(u64, &str)]) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let said = annotate(file, &mut out, &comments(of)).unwrap();
    (out, said)
}

fn count(file: &[u8], text: &str) -> usize {
    file.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[test]
fn without_comments_a_pcapng_file_stays_byte_for_byte() {
    let file = talk(Format::Pcapng);
    assert_eq!(annotated(&file, &[]), (file, 0));
}

#[test]
fn comments_come_after_those_that_are_there() {
    let file = talk(Format::Pcapng);
    let (out, said) = annotated(&file, &[(4, "third"), (5, "alone"), (9_999, "of nothing")]);
    assert_eq!(said, 2);
    assert_eq!(whole(&out), whole(&file));
    for text in ["whole", "first", "second", "third", "alone", "bye"] {
        assert_eq!(count(&out, text), 1, "{text}");
    }
    assert_eq!(count(&out, "of nothing"), 0);
    let at =
        |text: &str| out.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    assert!(at("second") < at("third") && at("third") < at("alone"));
    // And once more.
    let (again, said) = annotated(&out, &[(4, "fourth")]);
    assert_eq!((said, whole(&again)), (1, whole(&file)));
    assert_eq!(count(&again, "third") + count(&again, "fourth"), 2);
}

#[test]
fn a_classic_file_becomes_pcapng_with_its_link_type_times_and_lengths() {
    let raw = packets(&talk(Format::Pcap));
    let ethernet: Vec<_> =
        raw.iter().map(|packet| [&[0; 12][..], &[8, 0], packet].concat()).collect();
    let mut file = pcap(1, &ethernet);
    let (expected, summary) = whole(&file);
    let (out, said) = annotated(&file, &[(1, "a comment")]);
    assert_eq!((said, count(&out, "a comment")), (1, 1));
    assert_eq!(out[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert_eq!(whole(&out), (expected, summary));
    // Of a packet that was snapped it is said how long it was.
    let last = ethernet.last().unwrap().len();
    let at = file.len() - last - 4;
    file[at..at + 4].copy_from_slice(&9_000_u32.to_le_bytes());
    let (out, _) = annotated(&file, &[]);
    assert!(out.windows(4).any(|window| window == 9_000_u32.to_le_bytes()));
}

#[test]
fn what_stands_before_a_break_is_kept() {
    for file in [talk(Format::Pcapng), talk(Format::Pcap)] {
        let mut out = Vec::new();
        let broken = &file[..file.len() - 3];
        let error = annotate(broken, &mut out, &comments(&[(1, "said")])).unwrap_err();
        let told = read(broken, &mut Log::default()).unwrap_err();
        assert_eq!(error.packet, told.packet);
        assert_eq!(whole(&out).1.packets, told.so_far.packets);
        assert_eq!(count(&out, "said"), 1);
    }
}

#[test]
fn an_output_that_takes_nothing_is_said() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = annotate(&talk(Format::Pcapng)[..], Full, &Comments::new()).unwrap_err();
    assert!(matches!(error.why, Why::Unwritable(_)), "{error}");
}

proptest! {
    /// Whatever a file says of itself, copying neither panics nor invents packets.
    #[test]
    fn spoilt_files_are_copied_as_far_as_they_are_read(
        at in 0_usize..2_000,
        byte in any::<u8>(),
        number in 1_u64..12,
        classic in any::<bool>(),
    ) {
        let mut file = talk(if classic { Format::Pcap } else { Format::Pcapng });
        let at = at % file.len();
        file[at] = byte;
        let mut out = Vec::new();
        let copied = annotate(&file[..], &mut out, &comments(&[(number, "said")]));
        let (mut before, mut after) = (Log::default(), Log::default());
        let read_before = read(&file[..], &mut before);
        if copied.is_ok() {
            let read_after = read(&out[..], &mut after);
            prop_assert_eq!(read_before.is_ok(), read_after.is_ok());
            prop_assert_eq!(before.sessions, after.sessions);
        }
    }
}
