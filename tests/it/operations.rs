//! Fused operations against plain f64 arithmetic and its finite differences, and against candle's own.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use docre::ground::random::Random;
use docre::model::pair::joint_attention;
use docre::nn::ops::{
    Sequences, add_bias, attend, attention_of_rows, dropout, gelu, mix, normalize, numeric, relu, softmax,
};
use docre::nn::{Mode, consecutive};

/// Numbers around 0 with deviation 1.
fn random(count: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.normal()).collect()
}

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap().reshape(shape).unwrap()
}

/// Values in f64.
fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / expected.abs().max(1.0);
        assert!(off < 2e-5, "{what}: value {place}: expected {expected}, got {found}");
    }
}

/// Checks an operation's values against plain arithmetic, and its gradients against that arithmetic's finite
/// differences, in both forms: f32 takes the fused one, f64 that composed of candle's own, which serves other devices.
/// Arguments are vectors with their shapes; the loss weighs each result differently.
fn check(shapes: &[&[usize]], operation: impl Fn(&[Tensor]) -> Tensor, plain: impl Fn(&[Vec<f64>]) -> Vec<f64>) {
    let arguments: Vec<Vec<f64>> =
        shapes.iter().enumerate().map(|(seed, shape)| random(shape.iter().product(), seed as u64)).collect();
    let expected = plain(&arguments);
    let weigh = random(expected.len(), 99);
    let loss = |values: Vec<f64>| values.iter().zip(&weigh).map(|(value, weight)| value * weight).sum::<f64>();
    let slope = |place: usize, index: usize| {
        let shifted = |by: f64| {
            let mut arguments = arguments.clone();
            arguments[place][index] += by;
            loss(plain(&arguments))
        };
        (shifted(1e-5) - shifted(-1e-5)) / 2e-5
    };
    let slopes: Vec<Vec<f64>> = arguments
        .iter()
        .enumerate()
        .map(|(place, values)| (0..values.len()).map(|index| slope(place, index)).collect())
        .collect();
    for kind in [DType::F32, DType::F64] {
        let typed = |values: &[f64], shape: &[usize]| tensor(values, shape).to_dtype(kind).unwrap();
        let variables: Vec<Var> = arguments
            .iter()
            .zip(shapes)
            .map(|(values, shape)| Var::from_tensor(&typed(values, shape)).unwrap())
            .collect();
        let tensors: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let result = operation(&tensors);
        close(&numbers(&result), &expected, &format!("{kind:?}: result"));
        let weights = tensor(&weigh, result.dims()).to_dtype(result.dtype()).unwrap();
        let grads = (result * weights).unwrap().sum_all().unwrap().backward().unwrap();
        for (place, (variable, slopes)) in variables.iter().zip(&slopes).enumerate() {
            let found = numbers(grads.get(variable).unwrap());
            close(&found, slopes, &format!("{kind:?}: gradient of argument {place}"));
        }
    }
}

fn plain_softmax(row: &[f64]) -> Vec<f64> {
    let total: f64 = row.iter().map(|value| value.exp()).sum();
    row.iter().map(|value| value.exp() / total).collect()
}

/// Φ by Simpson's rule on the density.
fn plain_phi(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let step = x / 200.0;
    let inner: f64 = (1..200).map(|k| density(step * f64::from(k)) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    0.5 + step / 3.0 * (density(0.0) + inner + density(x))
}

#[test]
fn exponential_and_normal_are_accurate() {
    for step in -8600..8700 {
        let x = f64::from(step) / 100.0;
        let found = f64::from(numeric::exp(x as f32));
        let expected = f64::from(x as f32).exp();
        assert!((found / expected - 1.0).abs() < 3e-7, "exp({x}): expected {expected}, got {found}");
    }
    for step in -60..60 {
        let x = f64::from(step) / 10.0;
        let (below, density) = numeric::normal(x as f32);
        assert!((f64::from(below) - plain_phi(x)).abs() < 3e-7, "{x}");
        assert!((f64::from(density) - (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()).abs() < 1e-7, "{x}");
    }
    assert!(numeric::exp(f32::NAN).is_nan());
}

#[test]
fn softmax_is_right() {
    check(&[&[3, 21]], |x| softmax(&x[0]).unwrap(), |x| x[0].chunks(21).flat_map(plain_softmax).collect());
}

#[test]
fn bias_and_gelu_are_right() {
    check(
        &[&[5, 11], &[11]],
        |x| gelu(&x[0], &x[1]).unwrap(),
        |x| x[0].iter().enumerate().map(|(i, value)| value + x[1][i % 11]).map(|u| u * plain_phi(u)).collect(),
    );
}

#[test]
fn bias_and_relu_are_right() {
    let sums =
        |x: &[Vec<f64>]| -> Vec<f64> { x[0].iter().enumerate().map(|(i, value)| value + x[1][i % 11]).collect() };
    check(&[&[5, 11], &[11]], |x| add_bias(&x[0], &x[1]).unwrap(), sums);
    check(&[&[5, 11], &[11]], |x| relu(&x[0], &x[1]).unwrap(), |x| sums(x).iter().map(|u| u.max(0.0)).collect());
}

#[test]
fn a_gate_mixes() {
    check(
        &[&[5, 7], &[5, 7], &[5, 7]],
        |x| mix(&x[0], &x[1], &x[2]).unwrap(),
        |x| {
            let share = |gate: f64| 1.0 / (1.0 + (-gate).exp());
            (0..35).map(|i| share(x[0][i]) * x[1][i] + (1.0 - share(x[0][i])) * x[2][i]).collect()
        },
    );
}

#[test]
fn bias_residual_and_layer_norm_are_right() {
    check(
        &[&[5, 19], &[5, 19], &[19], &[19], &[19]],
        |x| normalize(&x[0], &x[1], [&x[2], &x[3], &x[4]], 1e-5, None).unwrap(),
        |x| {
            let row = |(values, residual): (&[f64], &[f64])| {
                let sum: Vec<f64> = (0..19).map(|i| values[i] + x[2][i] + residual[i]).collect();
                let mean = sum.iter().sum::<f64>() / 19.0;
                let variance = sum.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 19.0;
                (0..19).map(|i| (sum[i] - mean) / (variance + 1e-5).sqrt() * x[3][i] + x[4][i]).collect::<Vec<f64>>()
            };
            x[0].chunks(19).zip(x[1].chunks(19)).flat_map(row).collect()
        },
    );
}

/// Self-attention of two heads of width 3 over sequences of 4 and 2 pieces.
fn plain_attention(x: &[Vec<f64>]) -> Vec<f64> {
    let value =
        |piece: usize, part: usize, column: usize| x[0][piece * 18 + part * 6 + column] + x[1][part * 6 + column];
    let mut out = vec![0.0; 6 * 6];
    for (start, len) in [(0, 4), (4, 2)] {
        for (head, query) in (0..2).flat_map(|head| (start..start + len).map(move |query| (head, query))) {
            let score =
                |key: usize| (0..3).map(|i| value(query, 0, head * 3 + i) * value(key, 1, head * 3 + i)).sum::<f64>();
            let shares = plain_softmax(&(start..start + len).map(|key| score(key) / 3f64.sqrt()).collect::<Vec<f64>>());
            for i in 0..3 {
                out[query * 6 + head * 3 + i] =
                    shares.iter().zip(start..).map(|(share, key)| share * value(key, 2, head * 3 + i)).sum();
            }
        }
    }
    out
}

#[test]
fn attention_is_right() {
    let spans: Arc<[_]> = consecutive([4, 2]).into();
    let of = |x: &Tensor| Sequences::new(spans.clone(), x, 2).unwrap();
    check(&[&[6, 18], &[18]], |x| attend(&x[0], &x[1], &of(&x[0]), 2, None).unwrap(), plain_attention);
}

#[test]
fn attention_of_rows_is_that_of_the_whole() {
    let (queries, keys) = (tensor(&random(30, 0), &[5, 6]), tensor(&random(30, 1), &[5, 6]));
    let whole = attention_of_rows(&queries, &keys, &[0, 1, 2, 3, 4], 2).unwrap();
    let some = attention_of_rows(&queries, &keys, &[3, 1, 3], 2).unwrap();
    assert_eq!(some.dims(), [3, 2, 5]);
    let rows = Tensor::new(&[3u32, 1, 3], &Device::Cpu).unwrap();
    close(&numbers(&some), &numbers(&whole.index_select(&rows, 0).unwrap()), "rows");
}

#[test]
fn joint_attention_is_right() {
    // Where operations are not fused, a few of all pairs are multiplied one by one.
    let pairs = [(0, 1), (0, 2), (1, 2), (2, 3), (0, 3), (1, 3)];
    for pairs in [&pairs[..4], &pairs] {
        let plain = |x: &[Vec<f64>]| {
            let product = |(s, o): (u32, u32), piece: usize| {
                let at = |entity: u32, head: usize| x[0][(entity as usize * 3 + head) * 7 + piece];
                (0..3).map(|head| at(s, head) * at(o, head)).sum::<f64>() / 3.0
            };
            pairs.iter().flat_map(|&pair| (0..7).map(move |piece| product(pair, piece))).collect()
        };
        check(&[&[4, 3, 7]], |x| joint_attention(&x[0], pairs).unwrap(), plain);
    }
}

#[test]
fn dropout_is_seeded_and_keeps_the_mean() {
    let x = Var::from_tensor(&Tensor::ones((100, 1000), DType::F32, &Device::Cpu).unwrap()).unwrap();
    let drop = |seed: u64| {
        let mut random = Random::new(seed);
        Mode::Train(&mut random).drop(0.1)
    };
    let dropped = dropout(&x, drop(1)).unwrap();
    let found = numbers(&dropped);
    let zeros = found.iter().filter(|value| **value == 0.0).count();
    assert!((9_500..10_500).contains(&zeros), "{zeros} of 100,000 dropped");
    assert!(found.iter().all(|value| *value == 0.0 || (value - 1.0 / 0.9).abs() < 1e-6));
    assert_eq!(found, numbers(&dropout(&x, drop(1)).unwrap()));
    assert_ne!(found, numbers(&dropout(&x, drop(2)).unwrap()));
    close(&numbers(&dropout(&x.to_dtype(DType::F64).unwrap(), drop(1)).unwrap()), &found, "composed");
    // The gradient passes where the value passed.
    let grads = dropped.sum_all().unwrap().backward().unwrap();
    assert_eq!(numbers(grads.get(&x).unwrap()), found);
    assert!(Mode::Evaluate.drop(0.1).is_none());
}

/// With a fixed seed dropout is a function like any other: its finite differences in f32 must fit its gradient.
#[test]
fn gradients_under_dropout_are_those_of_the_same_mask() {
    let spans: Arc<[_]> = consecutive([4, 2]).into();
    let (x, bias, residual) =
        (tensor(&random(108, 0), &[6, 18]), tensor(&random(18, 1), &[18]), tensor(&random(36, 2), &[6, 6]));
    let affine = [0, 6, 12].map(|first| bias.narrow(0, first, 6).unwrap().contiguous().unwrap());
    let run = |x: &Tensor| {
        let mut random = Random::new(7);
        let mut mode = Mode::Train(&mut random);
        let attended = attend(x, &bias, &Sequences::new(spans.clone(), x, 2).unwrap(), 2, mode.drop(0.3)).unwrap();
        let affine = affine.each_ref();
        normalize(&attended, &residual, affine, 1e-5, mode.drop(0.3)).unwrap().sqr().unwrap().sum_all().unwrap()
    };
    let variable = Var::from_tensor(&x).unwrap();
    let found = numbers(run(&variable).backward().unwrap().get(&variable).unwrap());
    for index in [0, 5, 17, 50, 107] {
        let shifted = |by: f64| {
            let mut values = numbers(&x);
            values[index] += by;
            f64::from(run(&tensor(&values, &[6, 18])).to_scalar::<f32>().unwrap())
        };
        let expected = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
        assert!(
            (found[index] - expected).abs() < 5e-3 * expected.abs().max(1.0),
            "{index}: expected {expected}, got {}",
            found[index]
        );
    }
}
