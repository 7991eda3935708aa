//! The golden values on a CUDA device, where there is one, and what the CPU makes of all models.

use candle_core::DType;
use docre::nn::device::{DeviceChoice, Precision};

use crate::atlop::{Way, check_features, check_gradients, check_losses};
use crate::golden::FOLDERS;
use crate::optimizer::check_training;
use crate::precisions::{NEAR, SAME, check_models};

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
