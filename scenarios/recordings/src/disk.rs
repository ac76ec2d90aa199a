//! A large file that is written from its beginning to its end, as fast as the disk takes it. Where the system allows, full
//! blocks go to the disk directly: going through the page cache, each takes fresh pages, and those cost several times as much
//! as the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// What goes to the disk at once, in bytes.
const BLOCK: usize = 4 << 20;
/// How many blocks there are: one is filled while others are on their way.
const BLOCKS: usize = 4;
/// Direct writes begin at multiples of this in the file and in memory, in bytes.
const ALIGNMENT: usize = 4096;

/// A file being written, by a thread of its own.
#[derive(Debug)]
pub struct Disk {
    /// Through the page cache: the rest of a block.
    file: File,
    block: Block,
    filled: usize,
    /// How much of the block is in the file already.
    flushed: usize,
    /// Where the block stands in the file.
    at: u64,
    full: Option<SyncSender<(u64, Block)>>,
    done: Receiver<io::Result<Block>>,
    /// Blocks to be filled, and how many are on their way to the disk.
    free: Vec<Block>,
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

/// Memory that begins at a multiple of [`ALIGNMENT`].
#[derive(Debug)]
struct Block {
    memory: Vec<u8>,
    start: usize,
}

impl Block {
    fn new() -> Self {
        let memory = vec![0; BLOCK + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start }
    }

    fn get(&self, from: usize, to: usize) -> &[u8] {
        self.memory.get(self.start + from..self.start + to).unwrap_or_default()
    }

    fn get_mut(&mut self, from: usize, to: usize) -> &mut [u8] {
        self.memory.get_mut(self.start + from..self.start + to).unwrap_or_default()
    }
}

impl Disk {
    /// A new file at this path, or an old one that is emptied.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (mut ways, own) = (Ways { direct: direct(path), file: file.try_clone()? }, file);
        let (full, to_write) = sync_channel::<(u64, Block)>(BLOCKS);
        let (tell, done) = sync_channel(BLOCKS);
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            for (at, block) in to_write {
                let written = ways.write(at, block.get(0, BLOCK)).map(|()| block);
                if tell.send(written).is_err() {
                    return;
                }
            }
        })?;
        let (block, full, thread) = (Block::new(), Some(full), Some(thread));
        let free = (1..BLOCKS).map(|_| Block::new()).collect();
        let (filled, flushed, at, under_way) = (0, 0, 0, 0);
        Ok(Self { file: own, block, filled, flushed, at, full, done, free, under_way, thread })
    }

    /// The block is full: it goes on its way, and the next one is filled.
    fn hand_on(&mut self) -> io::Result<()> {
        if self.free.is_empty() {
            self.wait_for_one()?;
        }
        let next = self.free.pop().ok_or_else(gone)?;
        let block = std::mem::replace(&mut self.block, next);
        let full = self.full.as_ref().ok_or_else(gone)?;
        full.send((self.at, block)).map_err(|_| gone())?;
        self.under_way += 1;
        self.at += BLOCK as u64;
        (self.filled, self.flushed) = (0, 0);
        Ok(())
    }

    fn wait_for_one(&mut self) -> io::Result<()> {
        let done = self.done.recv().map_err(|_| gone())?;
        self.under_way -= 1;
        self.free.push(done?);
        Ok(())
    }
}

/// The thread has given up; it said why before.
fn gone() -> io::Error {
    ErrorKind::BrokenPipe.into()
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well has flushed.
        let _ = self.flush();
        self.full = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Two ways into the file.
struct Ways {
    /// Past the page cache, if that is possible.
    direct: Option<File>,
    file: File,
}

impl Ways {
    fn write(&mut self, at: u64, block: &[u8]) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            match direct.write_all_at(block, at) {
                // A file system that opens for it and then refuses.
                Err(error) if error.kind() == ErrorKind::InvalidInput => self.direct = None,
                done => return done,
            }
        }
        self.file.write_all_at(block, at)
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
        let free = self.block.get_mut(self.filled, self.filled + count);
        free.copy_from_slice(bytes.get(..count).unwrap_or_default());
        self.filled += count;
        if self.filled == BLOCK {
            self.hand_on()?;
        }
        Ok(count)
    }

    /// Everything is in the file. What is written later of the same block is written again.
    fn flush(&mut self) -> io::Result<()> {
        while self.under_way > 0 {
            self.wait_for_one()?;
        }
        let fresh = self.block.get(self.flushed, self.filled);
        self.file.write_all_at(fresh, self.at + self.flushed as u64)?;
        self.flushed = self.filled;
        Ok(())
    }
}

/// A file for a capture.
///
/// # Errors
/// It cannot be created.
pub fn capture_file(path: &std::path::Path) -> io::Result<Box<dyn Write + Send>> {
    #[cfg(unix)]
    return Ok(Box::new(Disk::create(path)?));
    #[cfg(not(unix))]
    return Ok(Box::new(io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_what_was_written_whatever_was_flushed_between() {
        let path = std::env::temp_dir().join(format!("meddle-disk-{}", std::process::id()));
        let all: Vec<u8> = (0..13_500_000u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut disk = Disk::create(&path).unwrap();
        let mut at = 0;
        for (turn, size) in [1, 70_000, 4095, 900_000, 1, 12_000_000, 525_903].iter().enumerate() {
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
