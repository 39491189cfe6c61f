//! Certificates for development and for small installations without an authority of their own.

use std::time::Duration;

use impresario_ids::{ClusterId, NodeId};
use impresario_kernel::Timestamp;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use crate::Named;

/// A certificate and its key, each as the text of a PEM file.
#[derive(Clone)]
pub struct Pem {
    /// The certificate.
    pub certificate: String,
    /// The key. A secret.
    pub key: String,
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem").finish_non_exhaustive()
    }
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate cannot be made: {0}")]
pub struct IssueError(String);

/// From when and until when a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub until: Timestamp,
}

impl Validity {
    /// From an hour ago, for clocks that are late, for so many days from now.
    #[must_use]
    pub fn days(now: Timestamp, days: u32) -> Self {
        Self {
            from: now.plus_ms(-3_600_000),
            until: now.plus_ms(i64::from(days).saturating_mul(86_400_000)),
        }
    }
}

/// Makes the authority of a cluster.
///
/// # Errors
/// If the library refuses.
pub fn authority(cluster: ClusterId, validity: Validity) -> Result<Pem, IssueError> {
    let key = KeyPair::generate().map_err(refused)?;
    let mut params = authority_params(cluster);
    limit(&mut params, validity);
    let certificate = params.self_signed(&key).map_err(refused)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Makes a node's certificate, signed by an authority that [`authority`] made for this cluster.
/// Without a node it is good for any node of the cluster. `hosts` are names or addresses under
/// which tools that compare them may reach the node.
///
/// # Errors
/// If the authority's key or a host cannot be read.
pub fn certificate(
    authority: &Pem,
    named: Named,
    hosts: &[String],
    validity: Validity,
) -> Result<Pem, IssueError> {
    let authority_key = KeyPair::from_pem(&authority.key).map_err(refused)?;
    let issuer = Issuer::new(authority_params(named.cluster), authority_key);
    let mut params = CertificateParams::new(hosts.to_vec()).map_err(refused)?;
    let uri = Ia5String::try_from(named.to_string()).map_err(refused)?;
    params.subject_alt_names.push(SanType::URI(uri));
    params.distinguished_name = common_name(&named.node.unwrap_or(NodeId(0)).to_string());
    if named.node.is_none() {
        params.distinguished_name = common_name("any-node");
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    limit(&mut params, validity);
    let key = KeyPair::generate().map_err(refused)?;
    let certificate = params.signed_by(&key, &issuer).map_err(refused)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// The cluster of an authority that [`authority`] made.
///
/// # Errors
/// If it is something else.
pub fn cluster_of(authority: &Pem) -> Result<ClusterId, IssueError> {
    let other = || IssueError("it is not the authority of a cluster".to_owned());
    let (_, pem) =
        x509_parser::pem::parse_x509_pem(authority.certificate.as_bytes()).map_err(|_| other())?;
    let certificate = pem.parse_x509().map_err(|_| other())?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let cluster = name.and_then(|name| name.strip_prefix(AUTHORITY)?.parse().ok());
    cluster.ok_or_else(other)
}

/// Stands before the cluster in the name of its authority.
const AUTHORITY: &str = "Impresario ";

fn authority_params(cluster: ClusterId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("{AUTHORITY}{cluster}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn limit(params: &mut CertificateParams, validity: Validity) {
    let at = |time: Timestamp| {
        let since = Duration::from_millis(u64::try_from(time.as_ms()).unwrap_or_default());
        rcgen::date_time_ymd(1970, 1, 1) + since
    };
    params.not_before = at(validity.from);
    params.not_after = at(validity.until);
}

fn refused(error: rcgen::Error) -> IssueError {
    IssueError(error.to_string())
}
