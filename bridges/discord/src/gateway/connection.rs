use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use impresario_calls::client_config;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Options;

/// The most bytes of one message of the gateway.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// One connection to the gateway.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Wire>>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message of the gateway.
    Said(Value),
    /// The connection was closed, with a code if the gateway gave one.
    Closed(Option<u16>),
}

impl Connection {
    /// Connects to `ws://` or `wss://`.
    pub(super) async fn open(url: &str, options: &Options) -> Result<Self, String> {
        let (tls, rest) = match (url.strip_prefix("wss://"), url.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("the gateway's URL is not a web socket's".to_owned()),
        };
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().map_err(|error| error.to_string())?),
            None => (authority, if tls { 443 } else { 80 }),
        };
        let socket = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
        let wire: Box<dyn Wire> = if tls {
            let (config, _no_roots) =
                client_config(&options.roots).map_err(|error| error.to_string())?;
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            let connector = TlsConnector::from(Arc::new(config));
            Box::new(connector.connect(name, socket).await.map_err(|error| error.to_string())?)
        } else {
            Box::new(socket)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (socket, _answer) = client_async_with_config(url, wire, Some(config))
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self { socket })
    }

    /// The next thing that the gateway says. Dropping the future loses nothing.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    if let Ok(value) = serde_json::from_str(&text) {
                        return Heard::Said(value);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Closed(frame.map(|frame| frame.code.into()));
                }
                // Pings are answered by the socket itself.
                Some(Ok(
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_),
                )) => {}
                Some(Err(_)) | None => return Heard::Closed(None),
            }
        }
    }

    /// Says something; whether it is on its way.
    pub(super) async fn say(&mut self, value: &Value) -> bool {
        self.socket.send(Message::text(value.to_string())).await.is_ok()
    }

    /// Ends the connection so that the session can be resumed: not with 1000 or 1001.
    pub(super) async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::from(4_000), reason: "".into() };
        // It is given up in any case.
        let _given_up = self.socket.close(Some(frame)).await;
    }
}
