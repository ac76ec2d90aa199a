//! Standard output, whose reader may leave at any time (`| head`): what nobody reads any more is no error. A full disk is one.

use std::io::{self, BufWriter, ErrorKind, Write};

/// Standard output, with a buffer. Once nobody reads it, everything written to it is dropped.
#[derive(Debug)]
pub struct Stdout<W: Write = io::Stdout> {
    /// Until the reader has left.
    out: Option<BufWriter<W>>,
}

impl Stdout {
    /// That of this program.
    pub fn new() -> Self {
        Self::to(io::stdout())
    }
}

impl Default for Stdout {
    fn default() -> Self {
        Self::new()
    }
}

impl<W: Write> Stdout<W> {
    fn to(out: W) -> Self {
        Self { out: Some(BufWriter::new(out)) }
    }

    fn unless_left<T>(
        &mut self,
        dropped: T,
        write: impl FnOnce(&mut BufWriter<W>) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some(out) = &mut self.out else { return Ok(dropped) };
        match write(out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(dropped)
            }
            Err(error) => {
                let why = format!("cannot write to standard output: {error}");
                Err(io::Error::new(error.kind(), why))
            }
            written => written,
        }
    }
}

impl<W: Write> Write for Stdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_left(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_left((), Write::flush)
    }
}

/// Write all of `text` to standard output, now.
///
/// # Errors
/// It cannot be written, and not because its reader has left.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = Stdout::new();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails in this way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_left_is_no_error_and_a_full_disk_is_one() {
        let mut left = Stdout::to(Failing(ErrorKind::BrokenPipe));
        for _ in 0..3 {
            left.write_all(&[b'x'; 10_000]).unwrap();
            left.flush().unwrap();
        }
        let mut full = Stdout::to(Failing(ErrorKind::StorageFull));
        full.write_all(b"x").unwrap();
        let error = full.flush().unwrap_err();
        assert!(error.to_string().starts_with("cannot write to standard output: "), "{error}");
    }
}
