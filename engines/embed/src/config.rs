//! `config.json`: the measures of the network.

use serde::Deserialize;

use crate::LoadError;

/// Bounds on what a config may ask for: a hostile file must not reserve all memory.
const HIDDEN_MAX: usize = 4_096;
const LAYERS_MAX: usize = 48;
const POSITIONS_MAX: usize = 8_192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    Relu,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) positions: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

fn epsilon() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".to_owned()
}

impl Config {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|error| LoadError::Config(error.to_string()))?;
        if raw.model_type.as_deref().is_some_and(|kind| kind != "bert") {
            return Err(LoadError::Unsupported(format!("model_type {:?}", raw.model_type)));
        }
        if raw.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
            return Err(LoadError::Unsupported("positions that are not absolute".to_owned()));
        }
        let activation = match raw.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "relu" => Activation::Relu,
            other => return Err(LoadError::Unsupported(format!("hidden_act {other:?}"))),
        };
        let config = Self {
            hidden: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            intermediate: raw.intermediate_size,
            positions: raw.max_position_embeddings,
            epsilon: small(raw.layer_norm_eps),
            activation,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), LoadError> {
        let within = |name: &str, value: usize, max: usize| {
            if value == 0 || value > max {
                return Err(LoadError::Config(format!("{name} is {value}, not 1 to {max}")));
            }
            Ok(())
        };
        within("hidden_size", self.hidden, HIDDEN_MAX)?;
        within("num_hidden_layers", self.layers, LAYERS_MAX)?;
        within("num_attention_heads", self.heads, self.hidden)?;
        within("intermediate_size", self.intermediate, 8 * HIDDEN_MAX)?;
        within("max_position_embeddings", self.positions, POSITIONS_MAX)?;
        if self.positions < 4 {
            return Err(LoadError::Config("max_position_embeddings is below 4".to_owned()));
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(LoadError::Config("hidden_size is no multiple of the heads".to_owned()));
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an epsilon needs no more digits")]
fn small(value: f64) -> f32 {
    value as f32
}
