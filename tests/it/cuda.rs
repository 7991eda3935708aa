//! The golden values on a CUDA device, where there is one, and what the CPU makes of all models.

use candle_core::{DType, Device, Tensor, Var};
use docre::ground::random::Random;
use docre::nn::consecutive;
use docre::nn::device::{DeviceChoice, Precision};
use docre::nn::ops::{Sequences, attend};

use crate::atlop::{WAYS, Way, check_features, check_gradients, check_losses};
use crate::golden::FOLDERS;
use crate::optimizer::check_training;
use crate::precisions::{NEAR, SAME, apart, check_models};

/// The first device in a precision; `None`, said in words, where there is none.
fn way(precision: Precision) -> Option<Way> {
    match DeviceChoice::Cuda(0).open(Some(precision)) {
        Ok(compute) => Some(Way { device: compute.device, computing: precision.dtype() }),
        Err(error) => {
            println!(
                "skipped: {error}: {}",
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            );
            None
        }
    }
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn in_32_bits_a_card_equals_the_reference() {
    let Some(way) = way(Precision::F32) else { return };
    assert_eq!(way.computing, DType::F32);
    for name in FOLDERS {
        check_features(name, &way);
        check_losses(name, &way, 1e-5);
        check_gradients(name, &way, 1e-3);
        check_training(name, &way, 1e-3);
    }
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn in_16_bits_a_card_is_near_the_reference() {
    let Some(way) = way(Precision::Bf16) else { return };
    for name in FOLDERS {
        check_losses(name, &way, 1e-2);
        check_gradients(name, &way, 1e-1);
        check_training(name, &way, 3e-2);
    }
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn in_32_bits_all_models_learn_and_score_as_on_the_processor() {
    let Some(way) = way(Precision::F32) else { return };
    check_models(&[(&way, &SAME)]);
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn in_16_bits_all_models_learn_and_score_nearly_as_on_the_processor() {
    let Some(way) = way(Precision::Bf16) else { return };
    check_models(&[(&way, &NEAR)]);
}

/// What attention gives by `projected` and `bias`, and the gradients of both, on a device and in a type.
fn attended(projected: &Tensor, bias: &Tensor, lengths: [usize; 6], n_heads: usize, way: &Way) -> [Vec<f64>; 3] {
    let variable = |x: &Tensor, dtype| Var::from_tensor(&x.to_device(&way.device).unwrap().to_dtype(dtype).unwrap());
    let projected = variable(projected, way.computing).unwrap();
    let bias = variable(bias, DType::F32).unwrap();
    let like = projected.narrow(1, 0, projected.dim(1).unwrap() / 3).unwrap().contiguous().unwrap();
    let sequences = Sequences::new(consecutive(lengths), &like, n_heads).unwrap();
    let out = attend(&projected, &bias, &sequences, n_heads, None).unwrap();
    let weighed = out.to_dtype(DType::F32).unwrap().sqr().unwrap().sum_all().unwrap();
    let grads = weighed.backward().unwrap();
    [&out, grads.get(&projected).unwrap(), grads.get(&bias).unwrap()].map(|found| {
        let found = found.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        found.flatten_all().unwrap().to_vec1().unwrap()
    })
}

/// Heads of the widths that there are kernels for; those of the golden encoders are narrower.
fn check_attention(way: &Way) {
    let (lengths, n_heads) = ([1, 7, 64, 65, 130, 300], 3);
    for width in [32, 64] {
        let hidden = width * n_heads;
        let mut random = Random::new(width as u64);
        let mut drawn = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.normal() as f32).collect();
            let rounded = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(DType::BF16).unwrap();
            rounded.to_dtype(DType::F32).unwrap()
        };
        let (projected, bias) = (drawn(&[lengths.iter().sum(), 3 * hidden]), drawn(&[3 * hidden]));
        let found = attended(&projected, &bias, lengths, n_heads, way);
        let expected = attended(&projected, &bias, lengths, n_heads, &WAYS[0]);
        for ((found, expected), what) in found.iter().zip(&expected).zip(["value", "projections", "bias"]) {
            let off = apart(found, expected);
            assert!(off < 2e-2, "heads of {width}: {what}: off by {off}");
        }
    }
}

#[test]
fn in_16_bits_composed_attention_is_near_the_fused() {
    check_attention(&Way { device: Device::Cpu, computing: DType::BF16 });
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn in_16_bits_a_card_attends_as_the_processor() {
    if let Some(way) = way(Precision::Bf16) {
        check_attention(&way);
    }
}
