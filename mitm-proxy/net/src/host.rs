//! A place to connect to or to listen at. A name may stand for several addresses; they are tried in order, as
//! `std::net::TcpStream::connect` does with a name.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// A host, by name or by address, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPort {
    /// The host, where it was given by name.
    name: Option<String>,
    first: SocketAddr,
    others: Vec<SocketAddr>,
}

impl From<SocketAddr> for HostPort {
    fn from(first: SocketAddr) -> Self {
        Self { name: None, first, others: Vec::new() }
    }
}

impl HostPort {
    /// A host called `name` with these addresses; none if there are none.
    pub fn named(name: &str, addresses: impl IntoIterator<Item = SocketAddr>) -> Option<Self> {
        let mut addresses = addresses.into_iter();
        let first = addresses.next()?;
        let mut others: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if address != first && !others.contains(&address) {
                others.push(address);
            }
        }
        Some(Self { name: Some(name.to_owned()), first, others })
    }

    /// All its addresses, in the order in which they are tried.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.first.port()
    }

    /// The same host with another port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.first.set_port(port);
        for other in &mut self.others {
            other.set_port(port);
        }
        self
    }

    /// Connect; the connection, and the address it goes to.
    ///
    /// # Errors
    /// No address can be connected to. If there are several, the error names each with its reason; its kind is that of the last.
    pub async fn connect(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.each(|address| async move { Ok((TcpStream::connect(address).await?, address)) }).await
    }

    /// Listen.
    ///
    /// # Errors
    /// As with [`connect`](Self::connect).
    pub async fn listen(&self) -> io::Result<TcpListener> {
        self.each(TcpListener::bind).await
    }

    /// Connect without a runtime, and wait so long for each address; the connection, and the address it goes to.
    ///
    /// # Errors
    /// As with [`connect`](Self::connect).
    pub fn connect_within(
        &self,
        patience: Duration,
    ) -> io::Result<(std::net::TcpStream, SocketAddr)> {
        let mut failed = Vec::new();
        for address in self.addresses() {
            match std::net::TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => return Ok((stream, address)),
                Err(error) => failed.push((address, error)),
            }
        }
        Err(all_of(failed))
    }

    async fn each<T, F: Future<Output = io::Result<T>>>(
        &self,
        attempt: impl Fn(SocketAddr) -> F,
    ) -> io::Result<T> {
        let mut failed = Vec::new();
        for address in self.addresses() {
            match attempt(address).await {
                Ok(done) => return Ok(done),
                Err(error) => failed.push((address, error)),
            }
        }
        Err(all_of(failed))
    }
}

/// What failed at every address, as one error.
fn all_of(mut failed: Vec<(SocketAddr, io::Error)>) -> io::Error {
    let Some((_, last)) = failed.last() else { return io::ErrorKind::InvalidInput.into() };
    let kind = last.kind();
    if failed.len() > 1 {
        let each = failed.iter().map(|(address, error)| format!("{address}: {error}"));
        return io::Error::new(kind, each.collect::<Vec<_>>().join("; "));
    }
    failed.pop().map_or(kind.into(), |(_, error)| error)
}

/// The name where it has one, such as `localhost:9999`, or the address.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}:{}", self.port()),
            None => write!(f, "{}", self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that this machine has, and two addresses: nobody listens on the first.
    #[expect(clippy::disallowed_methods, reason = "a real port")]
    fn dual() -> (std::net::TcpListener, HostPort) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        // Nothing else listens there: the whole network 127 is this machine's.
        let nobody = SocketAddr::new([127, 0, 0, 77].into(), there.port());
        (listener, HostPort::named("dual", [nobody, there, nobody]).unwrap())
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried_in_order() {
        let (listener, dual) = dual();
        let there = listener.local_addr().unwrap();
        assert_eq!(dual.to_string(), format!("dual:{}", there.port()));
        assert_eq!(dual.connect().await.unwrap().1, there);
        assert_eq!(dual.connect_within(Duration::from_mins(10)).unwrap().1, there);
        // It is taken: the other address is not.
        let second =
            HostPort::named("dual", dual.addresses().collect::<Vec<_>>().into_iter().rev());
        let bound = second.unwrap().listen().await.unwrap();
        assert_eq!(bound.local_addr().unwrap().ip().to_string(), "127.0.0.77");
    }

    #[tokio::test]
    async fn where_no_address_answers_each_is_named_with_its_reason() {
        let (listener, dual) = dual();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = dual.connect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let said = error.to_string();
        assert!(said.contains(&format!("127.0.0.77:{port}: ")), "{said}");
        assert!(said.contains(&format!("127.0.0.1:{port}: ")), "{said}");
        let only = HostPort::from(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(!only.connect().await.unwrap_err().to_string().contains("127.0.0.1"));
    }
}
