//! Traffic over loopback, and how fast it is.

#![expect(clippy::disallowed_methods, reason = "a benchmark has a clock and sockets")]
#![expect(clippy::cast_precision_loss, reason = "rates need no more digits")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// A server that answers as its clients want: the first byte of a connection says how.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    served: Arc<AtomicU64>,
}

/// Read to the end, then say one byte.
const SWALLOW: u8 = b's';
/// Send every 64 bytes back.
const ECHO: u8 = b'e';

/// The size of small frames, in bytes.
pub const SMALL: usize = 64;

impl Server {
    /// Start one. It ends with the program.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let served = Arc::new(AtomicU64::new(0));
        let count = served.clone();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = count.clone();
                spawn(move || {
                    if answer(stream).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { address, served })
    }

    /// How many connections it has answered to their end.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // The way is said in a frame of its own, so that whoever is between finds frames only.
    let mut first = [0; SMALL];
    stream.read_exact(&mut first)?;
    if first.ends_with(&[SWALLOW]) {
        let mut buffer = vec![0; 256 * 1024];
        while stream.read(&mut buffer)? > 0 {}
        return stream.write_all(&[1]);
    }
    let mut frame = first;
    loop {
        stream.write_all(&frame)?;
        match stream.read_exact(&mut frame) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
    }
}

fn hello(way: u8) -> Vec<u8> {
    let mut frame = crate::between::frame(SMALL);
    frame.pop();
    frame.push(way);
    frame
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Bytes a second when frames of `size` bytes are sent, `total` bytes of them, each with a write of its own.
///
/// # Errors
/// The connection broke.
pub fn throughput(address: SocketAddr, size: usize, total: usize) -> io::Result<f64> {
    let mut stream = connect(address)?;
    stream.write_all(&hello(SWALLOW))?;
    let frame = crate::between::frame(size);
    let began = Instant::now();
    let frames = total / size;
    for _ in 0..frames {
        stream.write_all(&frame)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    // The answer says that all has arrived.
    stream.read_exact(&mut [0])?;
    Ok((frames * size) as f64 / began.elapsed().as_secs_f64())
}

/// A connection on which one exchange was had.
///
/// # Errors
/// The connection broke.
pub fn opened(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(address)?;
    stream.write_all(&hello(ECHO))?;
    stream.read_exact(&mut [0; SMALL])?;
    Ok(stream)
}

/// The median time of an exchange of 64 bytes, in seconds.
///
/// # Errors
/// The connection broke.
pub fn exchange(address: SocketAddr, times: usize) -> io::Result<f64> {
    let mut stream = connect(address)?;
    let frame = hello(ECHO);
    let mut answer = [0; SMALL];
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        stream.write_all(&frame)?;
        stream.read_exact(&mut answer)?;
        took.push(began.elapsed().as_secs_f64());
    }
    Ok(crate::spread(took)[1])
}

/// Connections a second, each for one exchange of 64 bytes, `at_once` of them at a time; and how many were lost.
///
/// # Errors
/// A thread could not do its part.
pub fn connections(address: SocketAddr, count: usize, at_once: usize) -> io::Result<(f64, usize)> {
    let began = Instant::now();
    let share = count / at_once;
    let threads: Vec<_> = (0..at_once)
        .map(|_| {
            spawn(move || {
                let mut lost = 0;
                for _ in 0..share {
                    lost += usize::from(opened(address).is_err());
                }
                lost
            })
        })
        .collect();
    let mut lost = 0;
    for thread in threads {
        lost += thread.join().map_err(|_| io::Error::other("a thread panicked"))?;
    }
    Ok(((share * at_once) as f64 / began.elapsed().as_secs_f64(), lost))
}
