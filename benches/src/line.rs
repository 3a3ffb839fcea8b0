//! One connection to a server on this machine, and the little of HTTP/1.1 that both ends of a benchmark speak.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest line and the largest body that are read, in bytes. Nothing here comes near.
const MAX_LINE: u64 = 16 * 1024;
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// The head of a request or an answer, and its body.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The first line, without its end.
    pub start: String,
    /// The header `Link`.
    pub link: Option<String>,
    /// The body, in full.
    pub body: Vec<u8>,
}

impl Received {
    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }

    /// The path of a request.
    #[must_use]
    pub fn path(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// A connection that stays open.
#[derive(Debug)]
pub struct Line(BufReader<TcpStream>);

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Self::over(stream)
    }

    /// Speaks over a connection that there is.
    ///
    /// # Errors
    /// When it has been closed.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the connection ends first, or the answer is none.
    pub fn ask(&mut self, request: &str) -> io::Result<Received> {
        self.send(request.as_bytes())?;
        self.receive()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Receives what the other end sends next; none when it has closed the connection.
    ///
    /// # Errors
    /// When it is no HTTP, or ends half-way.
    pub fn receive(&mut self) -> io::Result<Option<Received>> {
        let Some(start) = self.text_line()? else {
            return Ok(None);
        };
        let (mut length, mut is_chunked, mut link) = (0, false, None);
        loop {
            let line = self.text_line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(io::Error::other)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("link") {
                link = Some(value.to_owned());
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            while self.chunk(&mut body)? > 0 {}
        } else {
            self.exactly(length, &mut body)?;
        }
        Ok(Some(Received { start, link, body }))
    }

    /// Reads one chunk and returns its length; the last one has none.
    fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<u64> {
        let line = self.text_line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        self.exactly(length, body)?;
        self.text_line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(length)
    }

    fn exactly(&mut self, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
        if length > MAX_BODY {
            return Err(io::Error::other("a body that is too long for a benchmark"));
        }
        if (&mut self.0).take(length).read_to_end(body)? as u64 == length {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// A line without its end; none at the end of the connection.
    fn text_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        if (&mut self.0).take(MAX_LINE).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        line.truncate(line.trim_end().len());
        Ok(Some(line))
    }
}
