//! Why weights cannot be used.

/// Why a model cannot be made of the bytes handed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The config is not JSON of the known form, or describes an impossible network.
    #[error("config.json: {0}")]
    Config(String),
    /// Neither a `vocab.txt` nor a `tokenizer.json` with a WordPiece vocabulary.
    #[error("vocabulary: {0}")]
    Vocabulary(String),
    /// The bytes are no safetensors file.
    #[error("weights: {0}")]
    Weights(String),
    /// A tensor that the config asks for is not in the file.
    #[error("weights: no tensor {0}")]
    Missing(String),
    /// A tensor has another shape than the config asks for.
    #[error("weights: {name} has the shape {found:?}, not {wanted:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that the config asks for.
        wanted: Vec<usize>,
    },
    /// The network is of a kind that is not computed here.
    #[error("not supported: {0}")]
    Unsupported(String),
}
