//! Scalar functions without branches or calls, so that loops over them vectorise, and how such loops are run.

use pulp::{Arch, WithSimd};

/// Runs loops in the widest vectors that this machine has; what is built for every machine uses the narrowest. Short
/// loops alone: what is too long to be inlined stays narrow, unless it is a [`Kernel`].
#[inline]
pub fn in_vectors<R>(loops: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(loops)
}

/// Work that is always built for the widest vectors: it, and all of its own that it calls, is `#[inline(always)]`.
pub trait Wide {
    /// What it gives.
    type Output;

    /// Does it.
    fn run(self) -> Self::Output;
}

/// Does such work.
pub fn in_widest<W: Wide>(work: W) -> W::Output {
    Arch::new().dispatch(Dispatched(work))
}

struct Dispatched<W>(W);

impl<W: Wide> WithSimd for Dispatched<W> {
    type Output = W::Output;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined here is built for the machine's vectors")]
    fn with_simd<S: pulp::Simd>(self, _: S) -> W::Output {
        self.0.run()
    }
}

/// Loops over rows of values that are always built for the widest vectors.
pub trait Kernel: Copy {
    /// Changes a row in place, with another row beside it. Implementations are `#[inline(always)]`.
    fn apply(self, row: &mut [f32], beside: &[f32]);

    /// Runs it over rows of a width, with the rows of `beside` that stand at the same places, or one for all.
    fn run(self, rows: &mut [f32], beside: &[f32], width: usize) {
        in_widest(Rows { kernel: self, values: rows, beside, width: width.max(1) });
    }
}

struct Rows<'r, K> {
    kernel: K,
    values: &'r mut [f32],
    beside: &'r [f32],
    width: usize,
}

impl<K: Kernel> Wide for Rows<'_, K> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined here is built for the machine's vectors")]
    fn run(self) {
        for (row, beside) in self.values.chunks_exact_mut(self.width).zip(self.beside.chunks(self.width).cycle()) {
            self.kernel.apply(row, beside);
        }
    }
}

/// eˣ to 2 units in the last place, for x within −87 … 88; beyond, the value there. NaN stays NaN.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ by a polynomial of degree 7 (the coefficients of Cephes), 2ⁿ by the exponent's
/// bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        polynomial = polynomial * r + coefficient;
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3F80_0000));
    (polynomial * r * r + r + 1.0) * power
}

/// The normal distribution's Φ(x) and density φ(x), to 1.5·10⁻⁷ (Abramowitz and Stegun 7.1.26).
#[inline(always)]
#[expect(clippy::inline_always, reason = "part of kernels")]
pub fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut polynomial = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        polynomial = polynomial * t + coefficient;
    }
    let bell = exp(-z * z);
    let tail = 0.5 * polynomial * t * bell;
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    (below, bell * 0.398_942_3)
}

/// Σ of f(x, y), in eight interleaved sums so that the loop vectorises.
#[inline(always)]
#[expect(clippy::inline_always, reason = "part of kernels")]
pub fn sum_of(xs: &[f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (x_blocks, y_blocks) = (xs.chunks_exact(8), ys.chunks_exact(8));
    let rest = x_blocks.remainder().iter().zip(y_blocks.remainder());
    let mut sums = [0.0f32; 8];
    for (xs, ys) in x_blocks.zip(y_blocks) {
        for ((sum, &x), &y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum += f(x, y);
        }
    }
    rest.fold(sums.iter().sum(), |sum, (&x, &y)| sum + f(x, y))
}

/// The greatest value; −∞ of none.
#[inline(always)]
#[expect(clippy::inline_always, reason = "part of kernels")]
pub fn greatest(xs: &[f32]) -> f32 {
    let blocks = xs.chunks_exact(8);
    let rest = blocks.remainder().iter();
    let mut greatest = [f32::NEG_INFINITY; 8];
    for xs in blocks {
        greatest.iter_mut().zip(xs).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
    }
    greatest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}
