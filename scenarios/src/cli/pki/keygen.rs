//! `scenarios pki keygen`: an RSA key.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use protocol::crypto::rsa::PrivateKey;

use super::How;
use crate::cli::done::Done;
use crate::cli::output::Output;

/// Options of `keygen`.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// The private key
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Its size
    #[arg(long, value_enum, default_value_t = Bits::Usual)]
    bits: Bits,
    /// How the private key is written: `PRIVATE KEY`, or `RSA PRIVATE KEY`
    #[arg(long = "encoding", value_enum, default_value_t = Encoding::Pkcs8)]
    encoding: Encoding,
    /// Write the public key as well, as `PUBLIC KEY`
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Bits {
    #[value(name = "2048")]
    Usual,
    #[value(name = "3072")]
    Large,
    #[value(name = "4096")]
    Largest,
}

/// How a private key is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Encoding {
    Pkcs8,
    Pkcs1,
}

impl Encoding {
    /// The key in PEM.
    pub(in crate::cli) fn pem(self, key: &PrivateKey) -> Result<String> {
        Ok(match self {
            Self::Pkcs8 => key.to_pem()?,
            Self::Pkcs1 => key.to_pkcs1_pem()?,
        })
    }
}

/// Make it.
pub(super) fn run(args: &Args, output: Output) -> Result<Done> {
    // Better to say so before seconds of looking for primes.
    for path in [Some(&args.out), args.public.as_ref()].into_iter().flatten() {
        args.how.make_way(path)?;
    }
    let bits = match args.bits {
        Bits::Usual => 2048,
        Bits::Large => 3072,
        Bits::Largest => 4096,
    };
    let key = PrivateKey::generate(&mut args.how.entropy("pki keygen")?, bits)?;
    args.how.write(&args.out, &args.encoding.pem(&key)?, output)?;
    if let Some(path) = &args.public {
        args.how.write(path, &key.public_key().to_pem()?, output)?;
    }
    Ok(Done::Expected)
}
