//! The golden values on a CUDA device, where there is one, and all models there as on the CPU.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use docre::encoder::{EncoderConfig, read_config, read_weights};
use docre::ground::random::Random;
use docre::model::atlop::AtlopConfig;
use docre::model::docre_ii::DocreIiConfig;
use docre::model::docre_sd::DocreSdConfig;
use docre::model::{Lesson, ModelConfig, Task};
use docre::nn::Weights;
use docre::nn::device::{DeviceChoice, Precision};

use crate::atlop::{WAYS, Way, check_features, check_gradients, check_losses, examples};
use crate::golden::{FOLDERS, Golden, distance};
use crate::optimizer::check_training;

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

/// The three, small enough for the golden encoders.
fn models() -> [ModelConfig; 3] {
    let (embedding, block) = (32, 8);
    [
        ModelConfig::Atlop(AtlopConfig { embedding, block }),
        ModelConfig::DocreIi(DocreIiConfig { embedding, block, iterations: 2, ..DocreIiConfig::default() }),
        ModelConfig::DocreSd(DocreSdConfig { embedding, block, ..DocreSdConfig::default() }),
    ]
}

/// What a model makes of the golden documents: logits, the loss of training on them, the norm of each gradient.
struct Made {
    logits: Tensor,
    loss: f64,
    norms: BTreeMap<String, f64>,
}

fn made(name: &str, model: &ModelConfig, way: &Way) -> Made {
    let golden = Golden::open(name);
    let mut given = read_weights(&golden.folder, &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut weights = Weights::given(given, "model.", 7, &way.device).computing_in(way.computing);
    // What is dropped, each device draws by itself.
    let encoder = read_config(&golden.folder).unwrap();
    let encoder = EncoderConfig { hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0, ..encoder };
    let task = Task { encoder: &encoder, n_classes: 97, most_labels: 4 };
    let model = model.build(&task, &mut weights).unwrap();
    let examples = examples(&golden);
    let logits = model.score(&examples).unwrap().unwrap().logits;
    let lesson = Lesson { examples: &examples[..3], progress: 0.5, teacher: None };
    let loss = model.loss(&lesson, &mut Random::new(5)).unwrap().unwrap().total().unwrap();
    let grads = loss.backward().unwrap();
    let norm = |variable: &Tensor| {
        let grad = grads.get(variable).unwrap().to_dtype(DType::F32).unwrap();
        f64::from(grad.sqr().unwrap().sum_all().unwrap().sqrt().unwrap().to_scalar::<f32>().unwrap())
    };
    let norms = weights.variables().iter().map(|(name, variable)| (name.clone(), norm(variable))).collect();
    let loss = f64::from(loss.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap());
    Made { logits: logits.to_device(&Device::Cpu).unwrap(), loss, norms }
}

/// Every model in a way as in the fused one: the loss within a share, gradients within a share of all of them together,
/// and logits, where a rounding does not turn a prediction that is looked at again.
fn check_models(way: &Way, loss: f64, gradients: f64, logits: Option<f32>) {
    for name in FOLDERS {
        for model in models() {
            let (found, expected) = (made(name, &model, way), made(name, &model, &WAYS[0]));
            let what = format!("{name}: {model:?}");
            assert!((found.loss / expected.loss - 1.0).abs() < loss, "{what}: {} for {}", found.loss, expected.loss);
            let whole = expected.norms.values().map(|norm| norm * norm).sum::<f64>().sqrt();
            assert_eq!(found.norms.len(), expected.norms.len());
            let mut most = 0.0f64;
            for (name, norm) in &expected.norms {
                let off = (found.norms[name] - norm).abs() / whole;
                assert!(off < gradients, "{what}: gradient of {name}: {} for {norm}", found.norms[name]);
                most = most.max(off);
            }
            let off = distance(&found.logits, &expected.logits);
            let loss = found.loss / expected.loss - 1.0;
            println!("{what}: {:?}: loss off by {loss:.1e}, gradients {most:.1e}, logits {off:.1e}", way.computing);
            assert!(logits.is_none_or(|most| off < most), "{what}: logits differ by {off}");
        }
    }
}

#[test]
fn composed_models_are_the_fused() {
    check_models(&WAYS[1], 1e-6, 1e-6, Some(1e-5));
    check_models(&Way { device: Device::Cpu, computing: DType::BF16 }, 3e-3, 2e-2, None);
}

#[test]
#[cfg_attr(not(feature = "cuda"), ignore = "needs the feature `cuda`")]
fn on_a_card_models_are_those_of_the_processor() {
    if let Some(way) = way(Precision::F32) {
        check_models(&way, 1e-3, 1e-3, Some(1e-2));
    }
    if let Some(way) = way(Precision::Bf16) {
        check_models(&way, 1e-2, 5e-2, None);
    }
}
