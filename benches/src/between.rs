//! What stands between a client and a server, each on a thread or in a process of its own: nothing, a plain copy, haproxy, the
//! attacker.

#![expect(clippy::disallowed_methods, reason = "a benchmark has sockets")]

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use capture::Format;
use mitm_proxy::attacker::Attacker;
use mitm_proxy::condition::When;
use mitm_proxy::params::{Arg, Args};
use mitm_proxy::rule::Rule;
use net::proxy::{Batch, ForwardedPort, Keep, Options, Recorder, Tap, proxy};
use protocol::endpoint::Side;
use protocol::layout::{Field, FrameSpec, Layout, Role};
use recordings::disk::capture_file;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::live::runtime;
use crate::rule;

/// The largest frame of the benchmark's protocol, in bytes.
const MOST: usize = 1024 * 1024;

/// What is between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Between {
    /// Nothing.
    Direct,
    /// `tokio::io::copy_bidirectional`, with buffers of so many bytes.
    Copy(usize),
    /// haproxy in TCP mode.
    Haproxy,
    /// The attacker, with rules.
    Attacker(Rules),
    /// The attacker, which writes every byte to disk.
    Capturing,
}

/// What the attacker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Looks at a field of every frame, and finds nothing.
    Watch,
    /// Inverts a bit of every frame.
    Edit,
}

impl Between {
    /// The word in tables.
    pub fn name(self) -> String {
        match self {
            Self::Direct => "direct".to_owned(),
            Self::Copy(size) => format!("copy {} KiB", size / 1024),
            Self::Haproxy => "haproxy".to_owned(),
            Self::Attacker(Rules::Watch) => "Meddle, watching".to_owned(),
            Self::Attacker(Rules::Edit) => "Meddle, editing".to_owned(),
            Self::Capturing => "Meddle, capturing".to_owned(),
        }
    }
}

/// Something that is between, until dropped.
#[derive(Debug)]
pub struct Standing {
    /// Where clients connect.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: Option<(Child, PathBuf)>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some((mut process, config)) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
            let _ = fs::remove_file(config);
        }
    }
}

/// Frames of a length, a kind and a body.
pub fn layout() -> Layout {
    let fields = vec![
        Field::new("length", Role::LENGTH, 4),
        Field::new("kind", Role::NUMBER, 1),
        Field::rest("body", Role::Bytes),
    ];
    let spec = FrameSpec::of("DATA", None, fields, MOST);
    Layout { system: "bench", frames: vec![Arc::new(spec)], turns: &[] }
}

/// A frame of that many bytes.
pub fn frame(size: usize) -> Vec<u8> {
    let mut frame = u32::try_from(size.saturating_sub(4)).unwrap_or(0).to_be_bytes().to_vec();
    frame.resize(size, 7);
    frame
}

fn rules(which: Rules) -> Vec<Rule> {
    let data = |fields| When {
        from: Some(Side::Client),
        frame_type: Some("DATA".into()),
        fields,
        ..When::default()
    };
    let flip = Args::from([("field", Arg::Text("body".into())), ("bit", Arg::Number(3))]);
    match which {
        Rules::Watch => vec![rule(data(vec![("kind".into(), 99)]), "flip", &flip)],
        Rules::Edit => vec![rule(data(Vec::new()), "flip", &flip)],
    }
}

/// Put it in front of the server at `upstream`. `disk` is a file to write to.
///
/// # Errors
/// It cannot be started; haproxy is not there.
pub fn stand(between: Between, upstream: SocketAddr, disk: &Path) -> io::Result<Standing> {
    match between {
        Between::Direct => {
            Ok(Standing { address: upstream, stop: None, thread: None, process: None })
        }
        Between::Haproxy => haproxy(upstream),
        Between::Copy(size) => {
            Ok(on_a_thread(move |listener, stop| copy(listener, upstream, size, stop)))
        }
        Between::Attacker(which) => {
            let recorder: Box<dyn Recorder> = Box::new(Counting::default());
            Ok(on_a_thread(move |listener, stop| attack(listener, upstream, which, recorder, stop)))
        }
        Between::Capturing => {
            let tap = Tap::new(capture_file(disk)?, Format::Pcapng, 0, &[])?;
            let recorder: Box<dyn Recorder> = Box::new(Capture(Some(tap)));
            Ok(on_a_thread(move |listener, stop| {
                attack(listener, upstream, Rules::Watch, recorder, stop)
            }))
        }
    }
}

fn on_a_thread<F: Future<Output = ()>>(
    run: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
) -> Standing {
    let (stop, stopped) = oneshot::channel();
    let (tell, told) = channel();
    let thread = spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.expect("loopback has free ports");
            let _ = tell.send(listener.local_addr().expect("it is bound"));
            run(listener, stopped).await;
        });
    });
    let address = told.recv().expect("it listens");
    Standing { address, stop: Some(stop), thread: Some(thread), process: None }
}

async fn copy(
    listener: TcpListener,
    upstream: SocketAddr,
    size: usize,
    stop: oneshot::Receiver<()>,
) {
    let accept = async {
        loop {
            let Ok((mut client, _)) = listener.accept().await else { continue };
            let _ = client.set_nodelay(true);
            tokio::task::spawn_local(async move {
                let Ok(mut server) = tokio::net::TcpStream::connect(upstream).await else { return };
                let _ = server.set_nodelay(true);
                let _ =
                    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, size, size)
                        .await;
            });
        }
    };
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            tokio::select! {
                () = accept => {}
                _ = stop => {}
            }
        })
        .await;
}

async fn attack(
    listener: TcpListener,
    upstream: SocketAddr,
    which: Rules,
    recorder: Box<dyn Recorder>,
    stop: oneshot::Receiver<()>,
) {
    let attacker = Attacker::new(Arc::new(layout()), rules(which).into());
    let doors = vec![ForwardedPort { listener, upstream: upstream.into() }];
    let (_silent, reloads) = mpsc::channel(1);
    let stop = async {
        let _ = stop.await;
    };
    let options = Options {
        recorder: Some(recorder),
        ..Options::new(Keep::Last(4096), reloads, Instant::now())
    };
    let done = proxy(attacker, doors, options, stop).await;
    assert!(done.expect("a recorder can be started").trace.misfires.is_empty(), "rules act");
}

/// Counts, and looks at every entry.
#[derive(Debug, Default)]
struct Counting {
    entries: u64,
    bytes: u64,
}

impl Recorder for Counting {
    fn wants_bytes(&self) -> bool {
        false
    }

    fn record(&mut self, batch: &Batch) {
        self.entries += batch.entries.len() as u64;
        self.bytes += batch.entries.iter().map(|entry| u64::from(entry.len)).sum::<u64>();
    }

    fn finish(&mut self) {}
}

/// Writes every byte, as `scenarios proxy --capture` does.
struct Capture(Option<Tap<Box<dyn io::Write + Send>>>);

impl Recorder for Capture {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn record(&mut self, batch: &Batch) {
        let tap = self.0.as_mut().expect("it is not finished");
        tap.record(batch).expect("the disk has room");
    }

    fn finish(&mut self) {
        let finished = self.0.take().map(Tap::finish);
        finished.expect("it is finished once").expect("the disk has room");
    }
}

fn haproxy(upstream: SocketAddr) -> io::Result<Standing> {
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = free.local_addr()?;
    drop(free);
    let config = std::env::temp_dir().join(format!("haproxy-{}.cfg", address.port()));
    let text = format!(
        "global\n  maxconn 4000\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  \
         timeout server 60s\nlisten bench\n  bind {address}\n  server one {upstream}\n"
    );
    fs::write(&config, text)?;
    let mut haproxy = Command::new("haproxy");
    let process =
        haproxy.arg("-f").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let process = process.inspect_err(|_| {
        let _ = fs::remove_file(&config);
    })?;
    let standing = Standing { address, stop: None, thread: None, process: Some((process, config)) };
    for _ in 0..500 {
        if TcpStream::connect(address).is_ok() {
            return Ok(standing);
        }
        sleep(Duration::from_millis(10));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "haproxy does not listen"))
}
