//! A large file that is written from its beginning to its end, as fast as the disk takes it. Where the system allows, full
//! blocks go to the disk directly: going through the page cache, each takes fresh pages, and those cost several times as much
//! as the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// What goes to the disk at once, in bytes.
const BLOCK: usize = 1 << 20;
/// Direct writes begin at multiples of this in the file and in memory, in bytes.
const ALIGNMENT: usize = 4096;

/// A file being written.
#[derive(Debug)]
pub struct Disk {
    /// Through the page cache: the rest of a block.
    file: File,
    /// Past it: whole blocks.
    direct: Option<File>,
    /// The block at hand begins at `start`, which is aligned.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// How much of the block is in the file already.
    flushed: usize,
    /// Where the block stands in the file.
    at: u64,
}

impl Disk {
    /// A new file at this path, or an old one that is emptied.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let direct = if cfg!(target_os = "linux") { direct(path) } else { None };
        let buffer = vec![0; BLOCK + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT);
        Ok(Self { file, direct, buffer, start, filled: 0, flushed: 0, at: 0 })
    }

    /// The block is full: it goes to the disk.
    fn hand_on(&mut self) -> io::Result<()> {
        let block = self.buffer.get(self.start..self.start + BLOCK).unwrap_or_default();
        let written = self.direct.as_ref().map(|direct| direct.write_all_at(block, self.at));
        match written {
            Some(Ok(())) => {}
            // A file system that opens for it and then refuses.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = None;
                self.flush()?;
            }
            Some(Err(error)) => return Err(error),
            None => self.flush()?,
        }
        self.at += BLOCK as u64;
        (self.filled, self.flushed) = (0, 0);
        Ok(())
    }
}

/// The same file, past the page cache, if that is possible.
fn direct(path: &Path) -> Option<File> {
    let flag = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().write(true).custom_flags(flag).open(path).ok()
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK - self.filled);
        let from = self.start + self.filled;
        if let (Some(free), Some(bytes)) =
            (self.buffer.get_mut(from..from + count), bytes.get(..count))
        {
            free.copy_from_slice(bytes);
        }
        self.filled += count;
        if self.filled == BLOCK {
            self.hand_on()?;
        }
        Ok(count)
    }

    /// Everything is in the file. What is written later of the same block is written again.
    fn flush(&mut self) -> io::Result<()> {
        let (from, to) = (self.start + self.flushed, self.start + self.filled);
        let fresh = self.buffer.get(from..to).unwrap_or_default();
        self.file.write_all_at(fresh, self.at + self.flushed as u64)?;
        self.flushed = self.filled;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_what_was_written_whatever_was_flushed_between() {
        let path = std::env::temp_dir().join(format!("meddle-disk-{}", std::process::id()));
        let all: Vec<u8> = (0..3_500_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut disk = Disk::create(&path).unwrap();
        let mut at = 0;
        for (turn, size) in [1, 70_000, 4095, 900_000, 1, 2_000_000, 525_903].iter().enumerate() {
            disk.write_all(&all[at..at + size]).unwrap();
            at += size;
            if turn % 2 == 0 {
                disk.flush().unwrap();
                assert_eq!(std::fs::read(&path).unwrap(), &all[..at]);
            }
        }
        assert_eq!(at, all.len());
        disk.flush().unwrap();
        drop(disk);
        assert_eq!(std::fs::read(&path).unwrap(), all);
        std::fs::remove_file(path).unwrap();
    }
}
