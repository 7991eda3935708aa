//! A layer as one node of candle's graph, where operations are not fused: its way back, written out here, clears no
//! gradient and adds two pairs alone, where with a node an operation candle clears and adds for each argument of each.

use candle_core::{DType, Result, Tensor, bail};

use nn::Mode;
use nn::ops::{Backward, Out, Sequences, Step, attend_step, gelu_step, is_fused, matmul, normalize_step};

use super::{EncoderConfig, Layer, Projections};

/// A quarter of a layer: a product, and the step that is taken from it.
struct Quarter {
    /// `(pieces, in)`.
    input: Tensor,
    /// `(out, in)`.
    matrix: Tensor,
    backward: Backward,
}

/// Gradients of a quarter's input, its matrix, and whatever else its step takes.
struct Gradients<const N: usize> {
    input: Tensor,
    matrix: Tensor,
    others: [Tensor; N],
}

impl Quarter {
    fn take(input: &Tensor, matrix: Tensor, step: impl FnOnce(&Tensor) -> Result<Step>) -> Result<(Out, Self)> {
        let Step { out, backward } = step(&matmul(input, &matrix.t()?)?)?;
        Ok((out, Self { input: input.clone(), matrix, backward }))
    }

    /// From what came out and its gradient.
    fn back<const N: usize>(&self, out: &Tensor, grad: &Tensor) -> Result<Gradients<N>> {
        let mut found = (self.backward)(out, grad)?.into_iter();
        match (found.next(), <[Tensor; N]>::try_from(found.collect::<Vec<_>>())) {
            (Some(of_product), Ok(others)) => Ok(Gradients {
                input: matmul(&of_product, &self.matrix)?,
                matrix: matmul(&of_product.t()?, &self.input)?,
                others,
            }),
            _ => bail!("layer: expected {} gradients of a step", N + 1),
        }
    }
}

/// The quarters of a layer, in their order.
struct Quarters {
    attention: Quarter,
    attention_norm: Quarter,
    intermediate: Quarter,
    output_norm: Quarter,
}

impl Quarters {
    /// Gradients of states, matrices and vectors, from what came out and its gradient.
    fn back(&self, out: &Tensor, grad: &Tensor) -> Result<Vec<Tensor>> {
        let output = self.output_norm.back(out, grad)?;
        let [of_normed, output_affine] = output.others;
        let intermediate = self.intermediate.back(&self.output_norm.input, &output.input)?;
        let [wide_bias] = intermediate.others;
        let normed = self.attention_norm.back(&self.intermediate.input, &(of_normed + intermediate.input)?)?;
        let [of_states, affine] = normed.others;
        let attention = self.attention.back(&self.attention_norm.input, &normed.input)?;
        let [bias] = attention.others;
        let output_matrix = output.matrix.reshape(intermediate.matrix.shape())?;
        let matrices = Tensor::cat(&[attention.matrix, normed.matrix, intermediate.matrix, output_matrix], 0)?;
        let vectors = Tensor::cat(&[bias, affine.flatten_all()?, output_affine.flatten_all()?, wide_bias], 0)?;
        Ok(vec![(of_states + attention.input)?, matrices, vectors])
    }
}

/// What a layer computes with, without gradients.
struct Parts {
    /// Those of projections, attention's output, the intermediate layer and the output: `(4·hidden + 2·wide, hidden)`,
    /// the last of them row after row as it lies in memory, which is not as wide as the others.
    matrices: Tensor,
    /// In f32: the bias of projections; bias, weight and shift of either norm; the intermediate layer's bias.
    vectors: Tensor,
}

/// The parts of these lengths that a tensor consists of.
fn cut<const N: usize>(x: &Tensor, lengths: [usize; N]) -> [Result<Tensor>; N] {
    let mut end = 0;
    lengths.map(|length| {
        end += length;
        x.narrow(0, end - length, length)
    })
}

impl Parts {
    fn forward(&self, states: &Tensor, sequences: &Sequences, config: &EncoderConfig, mode: &mut Mode) -> Result<Step> {
        let (hidden, wide, n_heads) = (config.hidden_size, config.intermediate_size, config.num_attention_heads);
        let [projections, attention_output, intermediate, output] =
            cut(&self.matrices, [3 * hidden, hidden, wide, wide]);
        let [bias, affine, output_affine, wide_bias] = cut(&self.vectors, [3 * hidden, 3 * hidden, 3 * hidden, wide]);
        let attention_drop = mode.drop(config.attention_probs_dropout_prob);
        let [drop, output_drop] = [(); 2].map(|()| mode.drop(config.hidden_dropout_prob));
        let normalize = |x: &Tensor, residual: &Tensor, affine: Result<Tensor>, drop| {
            normalize_step(x, residual, &affine?.reshape((3, hidden))?, config.layer_norm_eps, drop)
        };
        let (attended, attention) = Quarter::take(states, projections?, |projected| {
            attend_step(projected, &bias?, sequences, n_heads, attention_drop)
        })?;
        let (normed, attention_norm) =
            Quarter::take(&attended.tensor(), attention_output?, |x| normalize(x, states, affine, drop))?;
        let normed = normed.tensor();
        let (inner, intermediate) = Quarter::take(&normed, intermediate?, |x| gelu_step(x, &wide_bias?))?;
        let (out, output_norm) = Quarter::take(&inner.tensor(), output?.reshape((hidden, wide))?, |x| {
            normalize(x, &normed, output_affine, output_drop)
        })?;
        let quarters = Quarters { attention, attention_norm, intermediate, output_norm };
        Ok(Step { out, backward: Box::new(move |out, grad| quarters.back(out, grad)) })
    }
}

impl Layer {
    /// Matrices and vectors, as they lie in [`Parts`].
    fn parts(&self) -> (Vec<&Tensor>, Vec<&Tensor>) {
        let projections = match &self.projections {
            Projections::Apart(parts) => parts.iter().collect(),
            Projections::Joined(joined) => vec![joined],
        };
        let products = projections.iter().copied().chain([&self.attention_output, &self.intermediate, &self.output]);
        let vectors = [
            &self.attention_output.bias,
            &self.attention_norm.weight,
            &self.attention_norm.shift,
            &self.output.bias,
            &self.output_norm.weight,
            &self.output_norm.shift,
            &self.intermediate.bias,
        ];
        let biases = projections.iter().map(|linear| &linear.bias);
        (products.map(|linear| &linear.weight).collect(), biases.chain(vectors).collect())
    }

    /// Whether the layer is to be one node: where something learns that no fused operation computes.
    pub(super) fn is_node(&self, states: &Tensor) -> bool {
        let (matrices, vectors) = self.parts();
        !is_fused(states) && std::iter::once(states).chain(matrices).chain(vectors).any(Tensor::track_op)
    }

    /// The whole layer as one node: `(pieces, hidden)` → `(pieces, hidden)`.
    pub(super) fn node(
        &self,
        states: &Tensor,
        sequences: &Sequences,
        config: &EncoderConfig,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let (matrices, vectors) = self.parts();
        let below = |matrix: &&Tensor| {
            let matrix = matrix.to_dtype(states.dtype())?;
            if matrix.dim(1)? == config.hidden_size { Ok(matrix) } else { matrix.reshape(((), config.hidden_size)) }
        };
        // A recorded step has three arguments at most.
        let matrices = Tensor::cat(&matrices.iter().map(below).collect::<Result<Vec<_>>>()?, 0)?;
        let vectors = Tensor::cat(&vectors, 0)?.to_dtype(DType::F32)?;
        let parts = Parts { matrices: matrices.detach(), vectors: vectors.detach() };
        parts.forward(&states.detach(), sequences, config, mode)?.recorded(&[states, &matrices, &vectors])
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};

    use ground::random::Random;
    use nn::ops::{Sequences, attend};
    use nn::{Linear, Mode, Norm, consecutive};

    use super::super::{EncoderConfig, Layer, Projections};

    const HIDDEN: usize = 16;
    const WIDE: usize = 24;
    const LENGTHS: [usize; 3] = [7, 3, 5];

    fn config() -> EncoderConfig {
        let config = EncoderConfig::small(70, HIDDEN, 2, 4);
        EncoderConfig { intermediate_size: WIDE, hidden_dropout_prob: 0.3, attention_probs_dropout_prob: 0.2, ..config }
    }

    /// A variable with values around 0.
    fn variable(random: &mut Random, shape: &[usize], dtype: DType) -> Tensor {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| random.normal()).collect();
        let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        Var::from_tensor(&values).unwrap().as_tensor().clone()
    }

    fn layer(random: &mut Random, dtype: DType) -> Layer {
        let mut draw = |shape: &[usize]| variable(random, shape, dtype);
        let mut linear = |out, of| Linear { weight: draw(&[out, of]), bias: draw(&[out]) };
        let projections = Projections::Apart([(); 3].map(|()| linear(HIDDEN, HIDDEN)));
        let attention_output = linear(HIDDEN, HIDDEN);
        let (intermediate, output) = (linear(WIDE, HIDDEN), linear(HIDDEN, WIDE));
        let mut norm = || Norm { weight: draw(&[HIDDEN]), shift: draw(&[HIDDEN]) };
        let (attention_norm, output_norm) = (norm(), norm());
        Layer { projections, attention_output, attention_norm, intermediate, output, output_norm }
    }

    fn composed(layer: &Layer, states: &Tensor, sequences: &Sequences, mode: &mut Mode) -> Tensor {
        let (config, (projected, bias)) = (config(), layer.project(states).unwrap());
        let drop = mode.drop(config.attention_probs_dropout_prob);
        let attended = attend(&projected, &bias, sequences, config.num_attention_heads, drop).unwrap();
        layer.finish(&attended, states, &config, mode).unwrap()
    }

    fn numbers(x: &Tensor) -> Vec<f64> {
        x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// How far two tensors are apart at most, beside the second's largest number.
    fn distance(found: &Tensor, expected: &Tensor) -> f64 {
        assert_eq!((found.dims(), found.dtype()), (expected.dims(), expected.dtype()));
        let (found, expected) = (numbers(found), numbers(expected));
        let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let off = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
        off.fold(0.0, f64::max) / largest
    }

    #[test]
    fn a_node_is_what_its_operations_are() {
        // Whatever the type of products, what stands between them is in f32.
        for (learning, computing, bound) in
            [(DType::F64, DType::F64, 1e-9), (DType::F32, DType::F32, 1e-5), (DType::F32, DType::BF16, 3e-2)]
        {
            let mut random = Random::new(5);
            let (layer, n_pieces) = (layer(&mut random, learning), LENGTHS.iter().sum());
            let [states, target] = [(); 2].map(|()| variable(&mut random, &[n_pieces, HIDDEN], computing));
            let sequences = Sequences::new(consecutive(LENGTHS), &states, config().num_attention_heads).unwrap();
            let results = [true, false].map(|is_node| {
                let mut masks = Random::new(9);
                let mode = &mut Mode::Train(&mut masks);
                if is_node {
                    layer.node(&states, &sequences, &config(), mode).unwrap()
                } else {
                    composed(&layer, &states, &sequences, mode)
                }
            });
            let what = format!("{computing:?}");
            assert!(distance(&results[0], &results[1]) < bound, "{what}: {}", distance(&results[0], &results[1]));
            let [found, expected] =
                results.map(|result| (result * target.detach()).unwrap().sum_all().unwrap().backward().unwrap());
            let (matrices, vectors) = layer.parts();
            for (place, variable) in std::iter::once(&states).chain(matrices).chain(vectors).enumerate() {
                let off = distance(found.get(variable).unwrap(), expected.get(variable).unwrap());
                assert!(off < bound, "{what}: gradient of variable {place} is off by {off}");
            }
        }
    }

    #[test]
    fn a_layer_is_a_node_where_something_learns_unfused() {
        let mut random = Random::new(5);
        let layer = layer(&mut random, DType::F32);
        let states = |random: &mut Random, dtype| variable(random, &[4, HIDDEN], dtype).detach();
        assert!(layer.is_node(&states(&mut random, DType::F64)));
        assert!(layer.is_node(&states(&mut random, DType::BF16)));
        assert!(!layer.is_node(&states(&mut random, DType::F32)));
    }
}
