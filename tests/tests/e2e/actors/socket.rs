//! A client's end of a WebSocket.

use std::{net::TcpStream, time::Duration};

use tungstenite::{
    Error, HandshakeError, Message, WebSocket,
    client::IntoClientRequest as _,
    handshake::client::Response,
    http::{HeaderName, HeaderValue},
    protocol::CloseFrame,
};

use super::Answer;
use crate::evidence;

const TIMEOUT: Duration = Duration::from_secs(30);

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: WebSocket<TcpStream>,
    /// The head of the answer that opened it.
    pub(crate) head: Answer,
}

/// How a WebSocket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a farewell: its code, 1005 if it had none, and its reason.
    Farewell(u16, String),
    /// Without one.
    Lost,
}

impl Ending {
    pub(crate) fn of(frame: Option<CloseFrame>) -> Self {
        frame.map_or(Self::Farewell(1005, String::new()), |frame| {
            Self::Farewell(frame.code.into(), frame.reason.as_str().to_owned())
        })
    }
}

/// Opens one, or takes the answer that refuses it.
pub(super) fn open(address: &str, path: &str, headers: &[(String, String)]) -> Result<Socket, Answer> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, head)) => Ok(Socket {
            socket,
            head: answer(head),
        }),
        Err(HandshakeError::Failure(Error::Http(refusal))) => {
            let answer = answer(*refusal);
            evidence::take_down(&answer);
            Err(answer)
        }
        Err(error) => panic!("no answer that opens or refuses a WebSocket: {error}"),
    }
}

fn answer(response: Response) -> Answer {
    let (head, body) = response.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Answer {
        status: head.status.as_u16(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: body.unwrap_or_default(),
    }
}

impl Socket {
    #[track_caller]
    pub(crate) fn send(&mut self, message: Message) {
        self.socket.send(message).expect("the WebSocket is open");
    }

    /// The next message, or how it ended.
    ///
    /// # Panics
    /// When neither comes in time.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Result<Message, Ending> {
        match self.socket.read() {
            Ok(Message::Close(frame)) => {
                // Writes the reply, and waits until the other side closes.
                while self.socket.read().is_ok() {}
                Err(Ending::of(frame))
            }
            Ok(message) => Ok(message),
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came within {TIMEOUT:?}")
            }
            Err(_) => Err(Ending::Lost),
        }
    }

    /// Sends a message, which has to come back.
    #[track_caller]
    pub(crate) fn is_echoed(&mut self, message: Message) {
        self.send(message.clone());
        assert_eq!(self.next(), Ok(message));
    }

    /// Waits for its end. Messages that come before it do not matter.
    #[track_caller]
    pub(crate) fn ending(mut self) -> Ending {
        loop {
            if let Err(ending) = self.next() {
                return ending;
            }
        }
    }

    /// Says farewell, and takes what is answered.
    #[track_caller]
    pub(crate) fn close(mut self, code: u16, reason: &str) -> Ending {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.socket.close(Some(frame)).expect("the WebSocket is open");
        self.ending()
    }
}
