//! The network: round trips and what one connection carries, over loopback or to another machine
//! that runs [`serve`].

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{ProbeError, Steps};
use crate::latency::{Digits, Latency};
use crate::plan::distribution::{Distribution, Measured};
use crate::plan::profile::Network;

/// Round trips and bandwidth.
pub(super) const STEPS: u32 = 2;

/// The first byte of a connection says what it is for.
const ECHO: u8 = b'e';
const SINK: u8 = b's';
const ECHO_BYTES: usize = 128;
const PIECE_BYTES: usize = 256 << 10;
/// The error of the bandwidth comes from so many connections, one after the other.
const PARTS: u32 = 3;
/// A peer that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers probes of other machines until the process ends or accepting fails. Each connection has
/// a thread of its own.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // A connection that breaks is the other side's to report.
        thread::spawn(move || drop(answer(stream)));
    }
}

/// Measures against a peer, or against a thread of our own.
pub(super) fn measure(
    peer: Option<&str>,
    steps: &mut Steps<'_, '_>,
) -> Result<Network, ProbeError> {
    let length = steps.begin("network, round trips")?;
    let doing = format!("cannot measure the network to {}", peer.unwrap_or("ourselves"));
    let address = peer.map_or_else(own_server, |peer| Ok(peer.to_owned()));
    let address = address.map_err(ProbeError::while_doing(doing.clone()))?;
    let round_trip =
        round_trips(&address, length).map_err(ProbeError::while_doing(doing.clone()))?;
    let length = steps.begin("network, bandwidth")?;
    let rates: io::Result<Vec<f64>> = (0..PARTS).map(|_| bulk(&address, length / PARTS)).collect();
    let rates = rates.map_err(ProbeError::while_doing(doing))?;
    Ok(Network {
        peer: peer.map(str::to_owned),
        round_trip: Distribution::of(&round_trip),
        bytes_per_second: Measured::of(&rates),
        link_bytes_per_second: fastest_link(),
    })
}

/// A server on loopback for as long as this process lives.
fn own_server() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || drop(serve(&listener)));
    Ok(address)
}

fn connect(address: &str, purpose: u8) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[purpose])?;
    Ok(stream)
}

fn round_trips(address: &str, length: Duration) -> io::Result<Latency> {
    let mut stream = connect(address, ECHO)?;
    let mut message = [7; ECHO_BYTES];
    let mut found = Latency::new(Digits::Three);
    let begun = Instant::now();
    while found.count() == 0 || begun.elapsed() < length {
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        found.record(sent.elapsed());
    }
    Ok(found)
}

/// Bytes a second that arrived: the other side tells when it has all of them.
fn bulk(address: &str, length: Duration) -> io::Result<f64> {
    let mut stream = connect(address, SINK)?;
    let piece = vec![7; PIECE_BYTES];
    let begun = Instant::now();
    let mut sent = 0;
    while sent == 0 || begun.elapsed() < length {
        stream.write_all(&piece)?;
        sent += piece.len() as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut arrived = [0; 8];
    stream.read_exact(&mut arrived)?;
    let arrived = u64::from_be_bytes(arrived);
    if arrived != sent {
        return Err(io::Error::other(format!("{arrived} of {sent} bytes arrived")));
    }
    Ok(arrived as f64 / begun.elapsed().as_secs_f64())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut purpose = [0];
    stream.read_exact(&mut purpose)?;
    match purpose[0] {
        ECHO => {
            let mut message = [0; ECHO_BYTES];
            loop {
                stream.read_exact(&mut message)?;
                stream.write_all(&message)?;
            }
        }
        SINK => {
            let (mut piece, mut arrived) = (vec![0; PIECE_BYTES], 0_u64);
            loop {
                match stream.read(&mut piece)? {
                    0 => return stream.write_all(&arrived.to_be_bytes()),
                    count => arrived += count as u64,
                }
            }
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The speed of the fastest card that tells one, in bytes a second.
fn fastest_link() -> Option<f64> {
    let cards = fs::read_dir("/sys/class/net").ok()?.flatten();
    let cards = cards.filter(|card| card.file_name() != "lo");
    let speed = |card: fs::DirEntry| {
        let text = fs::read_to_string(card.path().join("speed")).ok()?;
        text.trim().parse::<f64>().ok().filter(|megabits| *megabits > 0.0)
    };
    cards.filter_map(speed).max_by(f64::total_cmp).map(|megabits| megabits * 125e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_arrives_and_comes_back() {
        let address = own_server().unwrap();
        assert!(bulk(&address, Duration::from_millis(5)).unwrap() > 0.0);
        assert!(round_trips(&address, Duration::from_millis(5)).unwrap().count() > 0);
    }

    #[test]
    fn a_purpose_that_nobody_knows_is_refused() {
        let mut stream = connect(&own_server().unwrap(), b'x').unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
}
