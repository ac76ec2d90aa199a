//! The primitives as the systems use them: AES-128-CBC, HMAC-SHA256 and SHA-256 by size, RSA-2048.

#![allow(clippy::expect_used, reason = "the inputs are made here and fit")]

mod common;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocol::crypto::rsa::PrivateKey;
use protocol::crypto::{cbc, hmac_sha256, sha256};
use protocol::entropy::Entropy;

const SIZES: [usize; 3] = [64, 1 << 10, 16 << 10];
const KEY: [u8; 16] = [1; 16];
const IV: [u8; 16] = [2; 16];

fn symmetric(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("{size}-bytes"));
        group.throughput(Throughput::Bytes(size as u64));
        let plaintext = vec![3; size];
        group.bench_function("aes-128-cbc/encrypt", |bencher| {
            let copy = || {
                let mut buffer = Vec::with_capacity(cbc::padded(size));
                buffer.extend_from_slice(&plaintext);
                buffer
            };
            let encrypt = |mut buffer: Vec<u8>| {
                cbc::encrypt(&KEY, &IV, &mut buffer, 0);
                buffer
            };
            bencher.iter_batched(copy, encrypt, BatchSize::SmallInput);
        });
        let mut sealed = plaintext.clone();
        cbc::encrypt(&KEY, &IV, &mut sealed, 0);
        group.bench_function("aes-128-cbc/decrypt", |bencher| {
            let decrypt = |mut buffer: Vec<u8>| {
                let opened = cbc::decrypt(&KEY, &IV, &mut buffer).map(<[u8]>::len);
                (opened, buffer)
            };
            bencher.iter_batched(|| sealed.clone(), decrypt, BatchSize::SmallInput);
        });
        group.bench_function("hmac-sha256", |bencher| {
            bencher.iter(|| hmac_sha256(&KEY, &[black_box(&plaintext)]));
        });
        group.bench_function("sha-256", |bencher| {
            bencher.iter(|| sha256(&[black_box(&plaintext)]));
        });
        group.finish();
    }
}

fn rsa_2048(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rsa-2048");
    let mut entropy = Entropy::new(7, "bench");
    let key = PrivateKey::generate(&mut entropy, 2048).expect("2048 bits are enough");
    let public = key.public_key();
    let digest = [4; 32];
    let ciphertext = public.encrypt_oaep(&mut entropy, &[5; 32]).expect("32 bytes fit");
    let pss = key.sign_pss(&mut entropy, &digest).expect("a digest fits");
    let pkcs1v15 = key.sign_pkcs1v15(&digest).expect("a digest fits");
    group.bench_function("oaep/encrypt", |bencher| {
        bencher.iter(|| public.encrypt_oaep(&mut entropy, black_box(&[5; 32])));
    });
    group.bench_function("oaep/decrypt", |bencher| {
        bencher.iter(|| key.decrypt_oaep(black_box(&ciphertext)));
    });
    group.bench_function("pss/sign", |bencher| {
        bencher.iter(|| key.sign_pss(&mut entropy, black_box(&digest)));
    });
    group.bench_function("pss/verify", |bencher| {
        bencher.iter(|| public.verify_pss(&digest, black_box(&pss)));
    });
    group.bench_function("pkcs1v15/sign", |bencher| {
        bencher.iter(|| key.sign_pkcs1v15(black_box(&digest)));
    });
    group.bench_function("pkcs1v15/verify", |bencher| {
        bencher.iter(|| public.verify_pkcs1v15(&digest, black_box(&pkcs1v15)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = common::settings();
    targets = symmetric, rsa_2048
}
criterion_main!(benches);
