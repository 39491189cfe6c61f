//! Products of a few rows with a fixed matrix. A question has some twenty rows: rearranging the matrix
//! for each product, as libraries for any two matrices do, costs as much as the product itself. Here it
//! is rearranged once, when the weights are loaded.

use fearless_simd::{Level, Simd, SimdBase as _, SimdFloat as _, dispatch, f32x16};

/// Columns of a panel.
const WIDTH: usize = 16;
/// Rows at once: with a panel's width they fill the registers.
const HEIGHT: usize = 6;

/// A matrix and what is added to its products.
#[derive(Debug)]
pub(crate) struct Panels {
    inputs: usize,
    outputs: usize,
    /// Panel by panel, and in a panel input by input; the last panel is filled up with zeros.
    weights: Vec<[f32; WIDTH]>,
    bias: Vec<[f32; WIDTH]>,
}

impl Panels {
    /// Of a matrix whose rows are the outputs.
    pub(crate) fn of(rows: &[f32], inputs: usize, bias: &[f32]) -> Self {
        let outputs = bias.len();
        let count = outputs.div_ceil(WIDTH);
        let at = |output: usize, input: usize| {
            if output < outputs { rows.get(output * inputs + input).copied() } else { None }
        };
        let mut weights = Vec::with_capacity(count * inputs);
        for panel in 0..count {
            for input in 0..inputs {
                weights.push(std::array::from_fn(|column| {
                    at(panel * WIDTH + column, input).unwrap_or(0.0)
                }));
            }
        }
        let bias = (0..count).map(|panel| {
            std::array::from_fn(|column| bias.get(panel * WIDTH + column).copied().unwrap_or(0.0))
        });
        Self { inputs, outputs, weights, bias: bias.collect() }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The products of rows that stand one after the other. Each is the same, to the bit, whatever rows
    /// are beside it (E1): its terms are added up one by one, in their order.
    pub(crate) fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs.max(1);
        let mut out = vec![0.0; count * self.outputs];
        let blocks: Vec<[f32; HEIGHT]> =
            rows.chunks(HEIGHT * self.inputs.max(1)).flat_map(|rows| self.columns(rows)).collect();
        dispatch!(Level::new(), simd => self.panels(simd, &blocks, &mut out));
        out
    }

    /// The columns of some rows, with zeros for those that the last block lacks.
    fn columns<'a>(&self, rows: &'a [f32]) -> impl Iterator<Item = [f32; HEIGHT]> + use<'a> {
        let inputs = self.inputs;
        let at = move |row: usize, input: usize| rows.get(row * inputs + input).copied();
        (0..inputs).map(move |input| std::array::from_fn(|row| at(row, input).unwrap_or(0.0)))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled for each kind of processor")]
    fn panels<S: Simd>(&self, simd: S, blocks: &[[f32; HEIGHT]], out: &mut [f32]) {
        if self.inputs == 0 {
            return;
        }
        let panels = self.weights.chunks_exact(self.inputs).zip(&self.bias);
        for (number, (panel, bias)) in panels.enumerate() {
            let from = number * WIDTH;
            let width = WIDTH.min(self.outputs - from);
            let rows = out.chunks_mut(HEIGHT * self.outputs);
            for (columns, rows) in blocks.chunks_exact(self.inputs).zip(rows) {
                let sums = block_of(simd, columns, panel, bias);
                for (row, sum) in rows.chunks_exact_mut(self.outputs).zip(sums) {
                    let mut values = [0.0; WIDTH];
                    sum.store_slice(&mut values);
                    row[from..from + width].copy_from_slice(&values[..width]);
                }
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for each kind of processor")]
fn block_of<S: Simd>(
    simd: S,
    columns: &[[f32; HEIGHT]],
    panel: &[[f32; WIDTH]],
    bias: &[f32; WIDTH],
) -> [f32x16<S>; HEIGHT] {
    let mut sums = [f32x16::from_slice(simd, bias); HEIGHT];
    for (column, weights) in columns.iter().zip(panel) {
        let weights = f32x16::from_slice(simd, weights);
        for (sum, value) in sums.iter_mut().zip(column) {
            *sum = f32x16::splat(simd, *value).mul_add(weights, *sum);
        }
    }
    sums
}
