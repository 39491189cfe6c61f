use std::path::PathBuf;

use config::{Environment, File, FileFormat};

use crate::Config;

/// Where values come from, beside the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file; it must exist if it is named.
    pub file: Option<PathBuf>,
    /// Whether environment variables count.
    pub environment: bool,
    /// `key=value`, the key with dots.
    pub overrides: Vec<String>,
}

/// Why the configuration is not usable. Each text names the key and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read, a key is unknown, or a value has the wrong type.
    #[error("the configuration cannot be read: {0}")]
    Read(#[from] Box<config::ConfigError>),
    /// An override is not `key=value`.
    #[error("\"{0}\" is not key=value, as in http.listen=127.0.0.1:8080")]
    Override(String),
    /// Values that cannot be meant.
    #[error("the configuration cannot be meant: {}", .0.join("; "))]
    Absurd(Vec<String>),
}

/// Puts the configuration together and checks it.
///
/// # Errors
/// [`ConfigError`], naming the key.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let boxed = |error| ConfigError::Read(Box::new(error));
    let mut builder = config::Config::builder();
    if let Some(file) = &sources.file {
        builder =
            builder.add_source(File::from(file.as_path()).format(FileFormat::Toml).required(true));
    }
    if sources.environment {
        builder = builder.add_source(
            Environment::with_prefix("IMPRESARIO")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true),
        );
    }
    for text in &sources.overrides {
        let (key, value) =
            text.split_once('=').ok_or_else(|| ConfigError::Override(text.clone()))?;
        builder = builder.set_override(key.trim(), value.trim()).map_err(boxed)?;
    }
    let config: Config = builder.build().map_err(boxed)?.try_deserialize().map_err(boxed)?;
    let problems = config.problems();
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Absurd(problems)) }
}
