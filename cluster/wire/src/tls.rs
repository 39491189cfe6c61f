//! Mutual TLS: both sides show a certificate of the cluster's authority.
//!
//! A certificate says in a URI among its alternative names whose it is:
//! `spiffe://<cluster id>/node-3` is node 3 of this cluster and no other;
//! `spiffe://<cluster id>/any-node` is some node of this cluster, also one that has yet to join (one
//! secret for a whole StatefulSet). Names of hosts are not compared: addresses of nodes change, and
//! the authority signs for nothing but the cluster.
//!
//! Sessions are not resumed: a resumed session would outlive its certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use impresario_ids::{ClusterId, NodeId};
use parking_lot::RwLock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::extensions::GeneralName;

use crate::TlsOptions;

/// What the own certificates are good for.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{} cannot be read: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The own certificate does not hold.
    #[error("this node's certificate: {0}")]
    Own(String),
    /// The new certificate is another node's, or another cluster's.
    #[error("the new certificate is for {new}, the old one for {old}")]
    Renamed {
        /// The one in use.
        old: Named,
        /// The one in the file.
        new: Named,
    },
}

/// Whose a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node, or `None` for any of the cluster.
    pub node: Option<NodeId>,
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.node {
            Some(node) => write!(f, "spiffe://{}/{node}", self.cluster),
            None => write!(f, "spiffe://{}/any-node", self.cluster),
        }
    }
}

/// Whose the certificate in these files is. A founding node takes its cluster id from here.
///
/// # Errors
/// If the files do not hold a certificate of the authority they name, and its key.
pub fn named(options: &TlsOptions) -> Result<Named, TlsError> {
    Material::load(options, 0).map(|material| material.named)
}

/// The material in use, and its renewal.
pub(crate) struct Tls {
    options: TlsOptions,
    current: RwLock<Arc<Material>>,
    generation: watch::Sender<u64>,
}

pub(crate) struct Material {
    pub(crate) named: Named,
    pub(crate) generation: u64,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
    digest: blake3::Hash,
    /// Seconds since 1970.
    not_after: i64,
}

impl Tls {
    pub(crate) fn open(options: &TlsOptions) -> Result<Self, TlsError> {
        let material = Material::load(options, 0)?;
        material.tell();
        let current = RwLock::new(Arc::new(material));
        Ok(Self { options: options.clone(), current, generation: watch::Sender::new(0) })
    }

    pub(crate) fn options(&self) -> &TlsOptions {
        &self.options
    }

    pub(crate) fn current(&self) -> Arc<Material> {
        Arc::clone(&self.current.read())
    }

    /// Tells when the material changes.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Reads the files again; `Ok(true)` if they changed and are in use now. What is wrong with
    /// them leaves the old material in use.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let old = self.current();
        let new = Material::load(&self.options, old.generation + 1)?;
        if new.digest == old.digest {
            return Ok(false);
        }
        if new.named.cluster != old.named.cluster
            || (new.named.node != old.named.node && new.named.node.is_some())
                && old.named.node.is_some()
        {
            return Err(TlsError::Renamed { old: old.named, new: new.named });
        }
        new.tell();
        let generation = new.generation;
        *self.current.write() = Arc::new(new);
        self.generation.send_replace(generation);
        tracing::info!(generation, "certificates replaced");
        Ok(true)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Material {
    fn load(options: &TlsOptions, generation: u64) -> Result<Self, TlsError> {
        let mut digest = blake3::Hasher::new();
        let mut read = |path: &Path| -> Result<Vec<u8>, TlsError> {
            let bytes = std::fs::read(path)
                .map_err(|error| TlsError::File { path: path.into(), why: error.to_string() })?;
            digest.update(blake3::hash(&bytes).as_bytes());
            Ok(bytes)
        };
        let authority = certificates(&options.authority, &read(&options.authority)?)?;
        let chain = certificates(&options.certificate, &read(&options.certificate)?)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&options.key)?).map_err(|error| {
            TlsError::File { path: options.key.clone(), why: error.to_string() }
        })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in authority {
            roots.add(certificate).map_err(|error| TlsError::File {
                path: options.authority.clone(),
                why: error.to_string(),
            })?;
        }
        let verifier = ClusterVerifier { roots: Arc::new(roots), provider };
        let (leaf, between) = chain.split_first().unwrap_or_else(|| unreachable!("not empty"));
        verifier.verify_chain(leaf, between, UnixTime::now()).map_err(own)?;
        let named = named_by(leaf).map_err(TlsError::Own)?;
        let not_after = not_after(leaf).map_err(TlsError::Own)?;
        let (acceptor, connector) = configs(verifier, &chain, &key).map_err(own)?;
        let digest = digest.finalize();
        Ok(Self { named, generation, acceptor, connector, digest, not_after })
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of this century fit")]
    fn tell(&self) {
        metrics::gauge!("impresario_wire_certificate_expiry_timestamp_seconds")
            .set(self.not_after as f64);
    }
}

fn own(error: rustls::Error) -> TlsError {
    TlsError::Own(error.to_string())
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refuse = |why: String| TlsError::File { path: path.into(), why };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(error.to_string()))?;
    if found.is_empty() {
        return Err(refuse("there is no certificate in it".into()));
    }
    Ok(found)
}

fn configs(
    verifier: ClusterVerifier,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(TlsAcceptor, TlsConnector), rustls::Error> {
    let versions = [&rustls::version::TLS13];
    let (roots, provider) = (Arc::clone(&verifier.roots), Arc::clone(&verifier.provider));
    let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain.to_vec(), key.clone_key())?;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain.to_vec(), key.clone_key())?;
    client.resumption = Resumption::disabled();
    client.enable_sni = false;
    Ok((TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client))))
}

/// Whose this certificate is.
pub(crate) fn named_by(certificate: &CertificateDer<'_>) -> Result<Named, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| format!("its names cannot be read: {error}"))?
        .ok_or("it names no node of a cluster")?;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::URI(uri) => parse_name(uri),
            _ => None,
        })
        .ok_or_else(|| "it names no node of a cluster".into())
}

fn parse_name(uri: &str) -> Option<Named> {
    let (cluster, node) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    let cluster = cluster.parse().ok()?;
    let node = match node {
        "any-node" => None,
        node => Some(node.parse().ok()?),
    };
    Some(Named { cluster, node })
}

fn not_after(certificate: &CertificateDer<'_>) -> Result<i64, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|error| format!("cannot be read: {error}"))?;
    Ok(parsed.validity().not_after.timestamp())
}

/// Verifies that a server's certificate comes from the cluster's authority. Whose it is, is looked
/// at after the handshake, on both sides alike.
#[derive(Debug)]
struct ClusterVerifier {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ClusterVerifier {
    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms)
    }
}

impl ServerCertVerifier for ClusterVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify_chain(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken between nodes".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
