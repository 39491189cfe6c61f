//! BERT in double precision, written from its description with nothing but loops: slow and plain.

use std::collections::HashMap;

use crate::tiny::{HEADS, HIDDEN, LAYERS};

pub(crate) type Weights = HashMap<String, (Vec<usize>, Vec<f32>)>;

fn linear(weights: &Weights, name: &str, input: &[f64]) -> Vec<f64> {
    let (shape, matrix) = &weights[&format!("{name}.weight")];
    let (_, bias) = &weights[&format!("{name}.bias")];
    (0..shape[0])
        .map(|out| {
            let row = &matrix[out * shape[1]..(out + 1) * shape[1]];
            f64::from(bias[out])
                + row.iter().zip(input).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
        })
        .collect()
}

fn norm(weights: &Weights, name: &str, input: &[f64]) -> Vec<f64> {
    let count = input.len() as f64;
    let mean = input.iter().sum::<f64>() / count;
    let variance = input.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let gain = &weights[&format!("{name}.weight")].1;
    let bias = &weights[&format!("{name}.bias")].1;
    input
        .iter()
        .zip(gain.iter().zip(bias))
        .map(|(x, (g, b))| (x - mean) / (variance + 1e-12).sqrt() * f64::from(*g) + f64::from(*b))
        .collect()
}

/// The error function by its series; exact to 1e-12 for what a network of small weights makes.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The last layer's vectors of one text.
pub(crate) fn forward(weights: &Weights, tokens: &[u32], second_from: usize) -> Vec<Vec<f64>> {
    let row = |name: &str, at: usize| -> Vec<f64> {
        let matrix = &weights[&format!("embeddings.{name}.weight")].1;
        matrix[at * HIDDEN..(at + 1) * HIDDEN].iter().map(|x| f64::from(*x)).collect()
    };
    let mut state: Vec<Vec<f64>> = tokens
        .iter()
        .enumerate()
        .map(|(at, token)| {
            let word = row("word_embeddings", *token as usize);
            let place = row("position_embeddings", at);
            let kind = row("token_type_embeddings", usize::from(at >= second_from));
            norm(weights, "embeddings.LayerNorm", &plus(&plus(&word, &place), &kind))
        })
        .collect();
    for layer in 0..LAYERS {
        let name = format!("encoder.layer.{layer}");
        let part = |kind: &str| -> Vec<Vec<f64>> {
            let name = format!("{name}.attention.self.{kind}");
            state.iter().map(|x| linear(weights, &name, x)).collect()
        };
        let (query, key, value) = (part("query"), part("key"), part("value"));
        let width = HIDDEN / HEADS;
        state = (0..tokens.len())
            .map(|at| {
                let mut context = Vec::new();
                for head in 0..HEADS {
                    let part = head * width..(head + 1) * width;
                    let scores: Vec<f64> = key
                        .iter()
                        .map(|key| {
                            let products = query[at][part.clone()].iter().zip(&key[part.clone()]);
                            (products.map(|(q, k)| q * k).sum::<f64>() / (width as f64).sqrt())
                                .exp()
                        })
                        .collect();
                    let all: f64 = scores.iter().sum();
                    context.extend(part.map(|column| {
                        scores.iter().zip(&value).map(|(s, v)| s / all * v[column]).sum::<f64>()
                    }));
                }
                let attended = linear(weights, &format!("{name}.attention.output.dense"), &context);
                let middle = norm(
                    weights,
                    &format!("{name}.attention.output.LayerNorm"),
                    &plus(&attended, &state[at]),
                );
                let wide: Vec<f64> =
                    linear(weights, &format!("{name}.intermediate.dense"), &middle)
                        .into_iter()
                        .map(|x| 0.5 * x * (1.0 + erf(x / 2f64.sqrt())))
                        .collect();
                let out = linear(weights, &format!("{name}.output.dense"), &wide);
                norm(weights, &format!("{name}.output.LayerNorm"), &plus(&out, &middle))
            })
            .collect();
    }
    state
}

/// The mean of the tokens, of unit length.
pub(crate) fn sentence(weights: &Weights, tokens: &[u32]) -> Vec<f64> {
    let state = forward(weights, tokens, usize::MAX);
    let sum = state.iter().skip(1).fold(state[0].clone(), |sum, row| plus(&sum, row));
    let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    sum.into_iter().map(|x| x / norm).collect()
}

pub(crate) fn pair(weights: &Weights, tokens: &[u32], second_from: usize) -> f64 {
    let state = forward(weights, tokens, second_from);
    let pooled: Vec<f64> =
        linear(weights, "pooler.dense", &state[0]).into_iter().map(f64::tanh).collect();
    1.0 / (1.0 + (-linear(weights, "classifier", &pooled)[0]).exp())
}
