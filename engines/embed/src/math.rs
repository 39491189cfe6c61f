//! What the network computes beside matrix products. Plain loops over slices, so that the compiler
//! makes vector instructions of them.

/// The exact GELU, `x * Phi(x)`, in place.
pub(crate) fn gelu(values: &mut [f32]) {
    for value in values {
        *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

pub(crate) fn relu(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

/// The error function by a rational approximation, off by less than 5e-7 everywhere.
pub(crate) fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let y = x * x;
    let mut p = -2.726_142_3e-10;
    for c in [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        p = p * y + c;
    }
    let mut q = -1.456_607_2e-5;
    for c in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2] {
        q = q * y + c;
    }
    x * p / q
}

/// The exponential function for `x <= 0`, off by less than 3e-7 of its value. Below -87 it is 0.
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first exact in few bits.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 * 2^23 rounds to the next integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.max(-87.0);
    let n = clamped * LOG2_E + ROUND;
    let power = n.to_bits() << 23;
    let n = n - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let value = p * r * r + r + 1.0;
    // Adds n to the exponent.
    let scaled = f32::from_bits(value.to_bits().wrapping_add(power));
    if x < -87.0 { 0.0 } else { scaled }
}

/// Softmax of one row, in place.
pub(crate) fn softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in row.iter_mut() {
        *value = exp(*value - max);
    }
    let scale = 1.0 / sum(row);
    for value in row {
        *value *= scale;
    }
}

/// Adds up in eight lanes: faster than one, and nearer to the truth.
pub(crate) fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

fn sum_of_squares(values: &[f32], mean: f32) -> f32 {
    let mut lanes = [0f32; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += (value - mean) * (value - mean);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| (value - mean).powi(2)).sum::<f32>()
}

/// Layer normalisation of one row, in place.
#[expect(clippy::cast_precision_loss, reason = "a row has at most a few thousand numbers")]
pub(crate) fn layer_norm(row: &mut [f32], gain: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = sum(row) / count;
    let scale = 1.0 / (sum_of_squares(row, mean) / count + epsilon).sqrt();
    for ((value, gain), bias) in row.iter_mut().zip(gain).zip(bias) {
        *value = (*value - mean) * scale * gain + bias;
    }
}

/// Makes a vector one of unit length; one without direction becomes the first axis (E2).
pub(crate) fn normalise(vector: &mut [f32]) {
    let norm = sum_of_squares(vector, 0.0).sqrt();
    if norm > 1e-12 {
        for value in vector {
            *value /= norm;
        }
        return;
    }
    vector.fill(0.0);
    if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
}
