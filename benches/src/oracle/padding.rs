//! An oracle that looks at padding and at nothing else, and takes any bytes: AES-256-CBC, and no protocol around it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use mitm_proxy::strategies::padding_oracle::{Attack, Target};
use mitm_proxy::world::Reply;
use protocol::crypto::Secret;
use protocol::crypto::cbc::{self, Key256};
use protocol::entropy::Entropy;
use protocol::layout::{Field, Frame, FrameSpec, Role};

use super::{Recovery, clock};

/// Decrypt `len` random bytes.
pub fn attack(seed: u64, len: usize) -> Recovery {
    let mut entropy = Entropy::new(seed, "random bytes");
    let (key, iv) = (Key256::from(Secret(entropy.bytes())), entropy.bytes());
    let text: Vec<u8> =
        std::iter::repeat_with(|| entropy.bytes::<64>()).flatten().take(len).collect();
    let target = Target::of(&record(&key, iv, &text)).expect("it is a record of CBC");
    let (wrong, right) = (reply(b"padding"), reply(b"mac"));

    let began = clock();
    let mut attack = Attack::new(&target, 0);
    let (mut asked, mut waiting) = (0, VecDeque::new());
    loop {
        attack.questions(1, &mut waiting);
        let Some(mut question) = waiting.pop_front() else { break };
        asked += 1;
        let padded = cbc::decrypt(key.ready(), &iv, &mut question).is_ok();
        attack.answer(if padded { &right } else { &wrong });
    }
    let (time, recovered) = (began.elapsed(), attack.recovered());
    Recovery { bytes: recovered.len(), questions: asked, time, is_right: recovered == text }
}

fn record(key: &Key256, iv: [u8; 16], text: &[u8]) -> Frame {
    let fields = vec![Field::new("iv", Role::Iv, 16), Field::rest("ct", Role::Ciphertext)];
    let spec = Arc::new(FrameSpec::of("RECORD", None, fields, usize::MAX));
    let mut bytes = [&iv, text].concat();
    cbc::encrypt(key.ready(), &iv, &mut bytes, iv.len());
    Frame { spec, bytes: bytes.into() }
}

fn reply(said: &'static [u8]) -> Reply {
    Reply { segments: vec![Bytes::from_static(said)], ..Reply::default() }
}
