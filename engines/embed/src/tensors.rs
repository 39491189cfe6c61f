//! Named tensors of a safetensors file, as `f32`.

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};

use crate::LoadError;

/// The tensors of one file; names are looked up with and without the prefix `bert.`.
pub(crate) struct Tensors<'a> {
    file: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| LoadError::Weights(error.to_string()))?;
        Ok(Self { file })
    }

    /// A matrix of `rows` by `columns`.
    pub(crate) fn matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Array2<f32>, LoadError> {
        let values = self.values(name, &[rows, columns])?;
        Array2::from_shape_vec((rows, columns), values)
            .map_err(|error| LoadError::Weights(error.to_string()))
    }

    /// A matrix of `columns` columns and as many rows as it has.
    pub(crate) fn table(&self, name: &str, columns: usize) -> Result<Array2<f32>, LoadError> {
        let rows = self.shape(name)?.first().copied().unwrap_or(0);
        self.matrix(name, rows, columns)
    }

    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Array1<f32>, LoadError> {
        Ok(Array1::from_vec(self.values(name, &[length])?))
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, LoadError> {
        Ok(self.find(name)?.shape().to_vec())
    }

    fn find(&self, name: &str) -> Result<safetensors::tensor::TensorView<'_>, LoadError> {
        self.file
            .tensor(name)
            .or_else(|_| self.file.tensor(&format!("bert.{name}")))
            .map_err(|_| LoadError::Missing(name.to_owned()))
    }

    fn values(&self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, LoadError> {
        let view = self.find(name)?;
        if view.shape() != wanted {
            return Err(LoadError::Shape {
                name: name.to_owned(),
                found: view.shape().to_vec(),
                wanted: wanted.to_vec(),
            });
        }
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => {
                let (words, _) = view.data().as_chunks::<4>();
                words.iter().map(|word| f32::from_le_bytes(*word)).collect()
            }
            Dtype::F16 => {
                let (words, _) = view.data().as_chunks::<2>();
                words.iter().map(|word| half(u16::from_le_bytes(*word))).collect()
            }
            Dtype::BF16 => {
                let (words, _) = view.data().as_chunks::<2>();
                let wide = |word: &[u8; 2]| u32::from(u16::from_le_bytes(*word)) << 16;
                words.iter().map(|word| f32::from_bits(wide(word))).collect()
            }
            other => return Err(LoadError::Unsupported(format!("{name} of type {other:?}"))),
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err(LoadError::Weights(format!("{name} holds numbers that are not finite")));
        }
        Ok(values)
    }
}

/// A number of IEEE 754 binary16.
pub(crate) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match exponent {
        // Subnormal: fraction times two to the minus 24th, exact in f32.
        0 => (f32::from(bits & 0x3ff) * 2f32.powi(-24)).to_bits(),
        0x1f => 0x7f80_0000 | (fraction << 13),
        _ => ((exponent + 112) << 23) | (fraction << 13),
    };
    f32::from_bits(sign | magnitude)
}
