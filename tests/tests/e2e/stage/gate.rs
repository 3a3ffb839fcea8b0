//! A gate between two processes, which a test opens and shuts.

use std::{
    io::{self, Read, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is passed on.
    Open,
    /// It is taken, and then nothing happens: no answer ever comes.
    Silent,
    /// It is closed at once.
    Shut,
}

/// A gate on a port of its own. Its threads end with the tests.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
}

impl Gate {
    /// A gate in front of `target`, for example `127.0.0.1:8787`.
    pub(crate) fn before(target: &str, mode: Mode) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            mode: Arc::new(AtomicU8::new(mode as u8)),
        };
        let (target, mode) = (target.to_owned(), Arc::clone(&gate.mode));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, mode) = (target.clone(), Arc::clone(&mode));
                thread::spawn(move || pass(&client, &target, &mode));
            }
        });
        gate
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn is(mode: &AtomicU8, wanted: Mode) -> bool {
    mode.load(Ordering::SeqCst) == wanted as u8
}

fn pass(client: &TcpStream, target: &str, mode: &Arc<AtomicU8>) {
    if is(mode, Mode::Silent) {
        // Held until the client gives up.
        let _ = io::copy(&mut &*client, &mut io::sink());
    }
    if !is(mode, Mode::Open) {
        return;
    }
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let inward = Arc::clone(mode);
    thread::spawn(move || carry(&from_client, &to_server, &inward));
    carry(&server, client, mode);
}

/// Carries bytes as long as the gate is open. A connection that was open when the gate shut ends with its next byte.
fn carry(from: &TcpStream, to: &TcpStream, mode: &AtomicU8) {
    let mut buffer = [0; 16 * 1024];
    let (mut reader, mut writer) = (from, to);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        while is(mode, Mode::Silent) {
            thread::sleep(Duration::from_millis(20));
        }
        if !is(mode, Mode::Open) || writer.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
