//! Thieves of memory.

use super::*;

fn run(profile: Profile, meddle: Seeing<'_>) -> Lab {
    let mut lab = Lab::new(profile);
    lab.commands(Side::Server, &answers());
    lab.commands(Side::Client, &script());
    lab.connect(EXCHANGE);
    lab.pump_seeing(meddle);
    lab
}

/// Where a frame goes.
fn receiver(lab: &Lab, from: Side) -> &dyn Endpoint {
    match from {
        Side::Client => &*lab.server,
        Side::Server => &*lab.client,
    }
}

#[test]
fn an_edit_that_changes_nothing_gives_the_frame_itself() {
    for profile in profiles() {
        let honest = run(profile, &mut |_, _, _, _| None);
        let mut seen = 0;
        let lab = run(profile, &mut |lab, conn, from, frame| {
            let end = receiver(lab, from);
            let before = digest(end);
            let rewritten = end.stolen(3).rewrite(conn, &frame.bytes, &mut |_| {});
            assert_eq!(digest(end), before);
            let elsewhere = if conn == FIRST[1] { FIRST[2] } else { FIRST[1] };
            assert_eq!(end.rewrite(elsewhere, &frame.bytes, &mut |_| {}), None);
            let is_record = frame.spec.name == "MSG";
            seen += usize::from(is_record);
            let expected = is_record.then_some(&frame.bytes[..]);
            assert_eq!(rewritten.as_deref(), expected, "{} {}", profile.name(), frame.spec.name);
            rewritten.map(|bytes| vec![bytes])
        });
        assert_eq!(seen, 6, "{}", profile.name());
        assert_eq!(lab.claims, honest.claims, "{}", profile.name());
    }
}

/// Whatever delimiters the same nonce would give.
#[test]
fn what_an_edit_makes_of_a_message_is_delivered() {
    for profile in profiles() {
        for len in [0, 1, 40, 600] {
            let text = "x".repeat(len);
            let body = if wire::delimited(profile) { text.clone() } else { ["T", &text].concat() };
            let mut read = Vec::new();
            let lab = run(profile, &mut |lab, conn, from, frame| {
                if from == Side::Server || frame.spec.name != "MSG" || !read.is_empty() {
                    return None;
                }
                let edit = &mut |plaintext: &mut Vec<u8>| {
                    read = std::mem::replace(plaintext, body.clone().into_bytes());
                };
                let rewritten = receiver(lab, from).rewrite(conn, &frame.bytes, edit);
                rewritten.map(|bytes| vec![bytes])
            });
            assert!(read.ends_with(b"pay bob 100"), "{read:?}");
            let delivered = lab.facts(SERVER).find_map(delivered);
            assert_eq!(delivered, Some(&Message::text(text)), "{} {len}", profile.name());
        }
    }
}

#[test]
fn what_does_not_fit_into_a_read_and_what_was_cut_is_nothing() {
    run(as_built(), &mut |lab, conn, from, frame| {
        let end = receiver(lab, from);
        let longer = &mut |plaintext: &mut Vec<u8>| plaintext.resize(2000, b'x');
        assert_eq!(end.rewrite(conn, &frame.bytes, longer), None);
        let half = &frame.bytes[..frame.bytes.len() / 2];
        assert_eq!(end.rewrite(conn, half, &mut |_| {}), None);
        None
    });
}
