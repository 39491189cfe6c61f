//! The network. Texts of a batch are packed one after the other without padding: a token costs the
//! same whatever it stands beside.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

use crate::LoadError;
use crate::config::{Activation, Config};
use crate::math;
use crate::product::Panels;
use crate::tensors::Tensors;

/// Tokens of one text and, for pairs, where the second part begins.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) tokens: Vec<u32>,
    pub(crate) second_from: usize,
}

#[derive(Debug)]
pub(crate) struct Linear(Panels);

#[derive(Debug)]
struct Norm {
    gain: Array1<f32>,
    bias: Array1<f32>,
}

#[derive(Debug)]
struct Layer {
    query_key_value: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    out_norm: Norm,
}

#[derive(Debug)]
pub(crate) struct Bert {
    pub(crate) config: Config,
    words: Array2<f32>,
    positions: Array2<f32>,
    kinds: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Linear {
    pub(crate) fn load(
        tensors: &Tensors<'_>,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, LoadError> {
        Self::of_parts(tensors, &[name], outputs, inputs)
    }

    /// Several that read the same, as one whose outputs stand side by side.
    fn of_parts(
        tensors: &Tensors<'_>,
        names: &[&str],
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, LoadError> {
        let (mut rows, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            rows.extend(tensors.matrix(&format!("{name}.weight"), outputs, inputs)?);
            bias.extend(tensors.vector(&format!("{name}.bias"), outputs)?);
        }
        Ok(Self(Panels::of(&rows, inputs, &bias)))
    }

    pub(crate) fn apply(&self, input: ArrayView2<'_, f32>) -> Array2<f32> {
        let input = input.as_standard_layout();
        let output = self.0.apply(input.as_slice().unwrap_or_default());
        let shape = (input.nrows(), self.0.outputs());
        // There are as many products as rows and outputs.
        Array2::from_shape_vec(shape, output).unwrap_or_else(|_| Array2::zeros(shape))
    }
}

impl Norm {
    fn load(tensors: &Tensors<'_>, name: &str, size: usize) -> Result<Self, LoadError> {
        // Older files say gamma and beta.
        let gain = tensors
            .vector(&format!("{name}.weight"), size)
            .or_else(|_| tensors.vector(&format!("{name}.gamma"), size))?;
        let bias = tensors
            .vector(&format!("{name}.bias"), size)
            .or_else(|_| tensors.vector(&format!("{name}.beta"), size))?;
        Ok(Self { gain, bias })
    }

    fn apply(&self, values: &mut Array2<f32>, epsilon: f32) {
        let (gain, bias) = (slice(&self.gain), slice(&self.bias));
        for mut row in values.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                math::layer_norm(row, gain, bias, epsilon);
            }
        }
    }
}

/// The numbers of a vector; one that owns its numbers has them in a row.
fn slice(vector: &Array1<f32>) -> &[f32] {
    vector.as_slice().unwrap_or_default()
}

impl Bert {
    pub(crate) fn load(tensors: &Tensors<'_>, config: Config) -> Result<Self, LoadError> {
        let hidden = config.hidden;
        let embeddings = "embeddings";
        let positions = config.positions;
        let layers = (0..config.layers)
            .map(|number| Layer::load(tensors, &format!("encoder.layer.{number}"), &config))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            words: tensors.table(&format!("{embeddings}.word_embeddings.weight"), hidden)?,
            positions: tensors.matrix(
                &format!("{embeddings}.position_embeddings.weight"),
                positions,
                hidden,
            )?,
            kinds: tensors.table(&format!("{embeddings}.token_type_embeddings.weight"), hidden)?,
            norm: Norm::load(tensors, &format!("{embeddings}.LayerNorm"), hidden)?,
            layers,
            config,
        })
    }

    /// How many words and how many kinds of segment the weights know.
    pub(crate) fn vocabulary(&self) -> (usize, usize) {
        (self.words.nrows(), self.kinds.nrows())
    }

    /// The last layer's vectors of all tokens, and which rows belong to which text.
    pub(crate) fn forward(&self, inputs: &[Input]) -> (Array2<f32>, Vec<Range<usize>>) {
        let mut ranges = Vec::with_capacity(inputs.len());
        let mut end = 0;
        for input in inputs {
            ranges.push(end..end + input.tokens.len());
            end += input.tokens.len();
        }
        let mut state = self.embed(inputs, end);
        for layer in &self.layers {
            state = layer.apply(state, &ranges, &self.config);
        }
        (state, ranges)
    }

    fn embed(&self, inputs: &[Input], rows: usize) -> Array2<f32> {
        let mut state = Array2::zeros((rows, self.config.hidden));
        let mut at = 0;
        for input in inputs {
            for (position, token) in input.tokens.iter().enumerate() {
                let kind = usize::from(position >= input.second_from);
                let mut row = state.row_mut(at);
                row += &self.words.row(*token as usize);
                row += &self.positions.row(position);
                row += &self.kinds.row(kind);
                at += 1;
            }
        }
        self.norm.apply(&mut state, self.config.epsilon);
        state
    }
}

impl Layer {
    fn load(tensors: &Tensors<'_>, name: &str, config: &Config) -> Result<Self, LoadError> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let parts = ["query", "key", "value"].map(|kind| format!("{name}.attention.self.{kind}"));
        let parts = [parts[0].as_str(), parts[1].as_str(), parts[2].as_str()];
        Ok(Self {
            query_key_value: Linear::of_parts(tensors, &parts, hidden, hidden)?,
            attention_out: Linear::load(
                tensors,
                &format!("{name}.attention.output.dense"),
                hidden,
                hidden,
            )?,
            attention_norm: Norm::load(
                tensors,
                &format!("{name}.attention.output.LayerNorm"),
                hidden,
            )?,
            up: Linear::load(tensors, &format!("{name}.intermediate.dense"), wide, hidden)?,
            down: Linear::load(tensors, &format!("{name}.output.dense"), hidden, wide)?,
            out_norm: Norm::load(tensors, &format!("{name}.output.LayerNorm"), hidden)?,
        })
    }

    fn apply(&self, input: Array2<f32>, ranges: &[Range<usize>], config: &Config) -> Array2<f32> {
        let projected = self.query_key_value.apply(input.view());
        let mut context = Array2::zeros(input.raw_dim());
        for range in ranges {
            attend(&projected, range, config, &mut context);
        }
        let mut state = self.attention_out.apply(context.view());
        state += &input;
        self.attention_norm.apply(&mut state, config.epsilon);
        let mut wide = self.up.apply(state.view());
        if let Some(values) = wide.as_slice_mut() {
            match config.activation {
                Activation::Gelu => math::gelu(values),
                Activation::Relu => math::relu(values),
            }
        }
        let mut output = self.down.apply(wide.view());
        output += &state;
        self.out_norm.apply(&mut output, config.epsilon);
        output
    }
}

/// Attention among the tokens of one text, head by head.
#[expect(clippy::cast_precision_loss, reason = "a head has at most a few thousand numbers")]
fn attend(
    projected: &Array2<f32>,
    range: &Range<usize>,
    config: &Config,
    context: &mut Array2<f32>,
) {
    let width = config.hidden / config.heads;
    let scale = 1.0 / (width as f32).sqrt();
    let count = range.len();
    let mut scores = Array2::zeros((count, count));
    for head in 0..config.heads {
        let columns = |part: usize| {
            let from = part * config.hidden + head * width;
            from..from + width
        };
        let query = window(projected, range, columns(0));
        let key = window(projected, range, columns(1));
        let value = window(projected, range, columns(2));
        general_mat_mul(scale, &query, &key.t(), 0.0, &mut scores);
        for mut row in scores.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                math::softmax(row);
            }
        }
        let mut part = window_mut(context, range, columns(0));
        general_mat_mul(1.0, &scores, &value, 0.0, &mut part);
    }
}

fn window<'a>(
    matrix: &'a Array2<f32>,
    rows: &Range<usize>,
    columns: Range<usize>,
) -> ArrayView2<'a, f32> {
    let mut view = matrix.view();
    view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}

fn window_mut<'a>(
    matrix: &'a mut Array2<f32>,
    rows: &Range<usize>,
    columns: Range<usize>,
) -> ArrayViewMut2<'a, f32> {
    let mut view = matrix.view_mut();
    view.slice_axis_inplace(Axis(0), Slice::from(rows.clone()));
    view.slice_axis_inplace(Axis(1), Slice::from(columns));
    view
}
