use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::bounded::Bounded;
use crate::edge::{Edge, Shared};
use crate::limits::{Kept, REMEMBER_EVERY};
use crate::options::{Options, OptionsError, Tls};

/// Why the edge does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An option cannot be meant.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(String),
    /// The server ended with an error.
    #[error("the server failed")]
    Serve(#[source] io::Error),
}

/// A listening edge that does not serve yet; so its address is known before the first request.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    edge: Edge,
}

/// Begins to listen.
///
/// # Errors
/// If an option cannot be meant or the address is taken.
pub fn bind(edge: Edge) -> Result<Bound, ServeError> {
    let options = &edge.shared().options;
    options.validate()?;
    let address = options.listen;
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address, edge })
}

impl Bound {
    /// Where it listens; with port 0 in the options, the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends: then no connection is accepted any more, live connections are
    /// closed, open requests have [`Options::drain_ms`] to end, and the request counts are written.
    ///
    /// Dropping the future closes everything at once.
    ///
    /// # Errors
    /// If the certificate cannot be used or the listener fails.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self { listener, edge, .. } = self;
        let shared = Arc::clone(edge.shared());
        let options = shared.options.clone();
        let app = edge.router().into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let bounded = Bounded::new(NoDelayAcceptor::new(), options.connections_max);
        let server =
            axum_server::from_tcp(listener).map_err(ServeError::Serve)?.handle(handle.clone());
        let serving = async {
            match &options.tls {
                None => {
                    let mut server = server.acceptor(bounded);
                    limit(&mut server, &options);
                    server.serve(app).await
                }
                Some(tls) => {
                    let config = RustlsConfig::from_config(Arc::new(tls_config(tls)?));
                    let acceptor = RustlsAcceptor::new(config)
                        .handshake_timeout(Duration::from_millis(options.head_timeout_ms))
                        .acceptor(bounded);
                    let mut server = server.acceptor(acceptor);
                    limit(&mut server, &options);
                    server.serve(app).await
                }
            }
            .map_err(ServeError::Serve)
        };
        let stopping = async {
            shutdown.await;
            shared.stopping.send_replace(true);
            handle.graceful_shutdown(Some(Duration::from_millis(options.drain_ms)));
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = serving => outcome,
            () = stopping => Ok(()),
            () = remember(&shared) => Ok(()),
        };
        write_counts(&shared).await;
        outcome
    }
}

/// Binds and serves.
///
/// # Errors
/// As [`bind`] and [`Bound::serve`].
pub async fn serve(
    edge: Edge,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    bind(edge)?.serve(shutdown).await
}

/// The bounds on heads and connections, against clients that send slowly or never end.
fn limit<A: axum_server::Address, B>(server: &mut Server<A, B>, options: &Options) {
    let head = Duration::from_millis(options.head_timeout_ms);
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(64 * 1_024)
        .pipeline_flush(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(head)
        .max_concurrent_streams(250)
        .max_header_list_size(32 * 1_024);
}

fn tls_config(tls: &Tls) -> Result<rustls::ServerConfig, ServeError> {
    let failed = |what: String| ServeError::Tls(what);
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(format!("{}: {error}", tls.certificate.display())))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| failed(format!("{}: {error}", tls.key.display())))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Writes the request counts and tidies the metrics, once a second, for ever.
async fn remember(shared: &Arc<Shared>) {
    let mut ticks = tokio::time::interval(REMEMBER_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Kept::default();
    loop {
        ticks.tick().await;
        let metrics = shared.metrics.clone();
        let upkeep = tokio::task::spawn_blocking(move || metrics.run_upkeep());
        // Only a panic or the end of the runtime stops it; the next tick tries again.
        let _ = upkeep.await;
        let day = shared.now().day();
        shared.meters.tidy(day);
        let kept = shared.meters.kept(day);
        if kept != last {
            write_counts(shared).await;
            last = kept;
        }
    }
}

async fn write_counts(shared: &Arc<Shared>) {
    let Some(memory) = shared.memory.clone() else { return };
    let kept = shared.meters.kept(shared.now().day());
    let written = tokio::task::spawn_blocking(move || memory.store(&kept)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "request counts could not be written"),
        Err(error) => tracing::warn!(%error, "request counts could not be written"),
    }
}
