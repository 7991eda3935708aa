//! What one layer of a reasoning model costs: no test, but what `tests/bench/layers.py` runs.

use std::time::Instant;

use crate::attention::{Matrices, matrices};
use crate::docre_ii::DocreIiConfig;
use crate::docre_ii::inference;
use crate::docre_sd::DocreSdConfig;
use crate::docre_sd::reasoning;
use candle_core::Tensor;
use nn::device::{Compute, DeviceChoice, Precision};
use nn::{Mode, Weights};

use super::docre_ii::{all_pairs, random_rows};

/// Prints the seconds of the forward and backward pass of a layer: of `DOCRE_LAYER` (docre-ii or docre-sd), with
/// `DOCRE_ENTITIES` entities, as the best of `DOCRE_ROUNDS`; on `DOCRE_DEVICE` (the CPU) in `DOCRE_PRECISION` (that
/// device's usual).
#[test]
#[ignore = "measures, and says nothing of right or wrong"]
fn of_one_layer() {
    let setting = |name: &str| std::env::var(name).unwrap();
    let (n_entities, rounds): (u32, u32) =
        (setting("DOCRE_ENTITIES").parse().unwrap(), setting("DOCRE_ROUNDS").parse().unwrap());
    let Compute { device, precision, .. } = compute();
    let matrices = matrices(&[all_pairs(n_entities)]);
    let mut weights = Weights::fresh(1, &device).computing_in(precision.dtype());
    let layer = layer(&setting("DOCRE_LAYER"), &mut weights);
    let n_pairs = matrices[0].n_pairs();
    let [features, relations] = [1, 2]
        .map(|seed| random_rows(n_pairs, 768, seed).to_device(&device).unwrap().to_dtype(precision.dtype()).unwrap());
    let seconds = (0..rounds).map(|_| {
        let start = Instant::now();
        let output = layer([&features, &relations], &matrices);
        output.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        device.synchronize().unwrap();
        start.elapsed().as_secs_f64()
    });
    println!("seconds {}", seconds.fold(f64::INFINITY, f64::min));
}

fn compute() -> Compute {
    let device: DeviceChoice = std::env::var("DOCRE_DEVICE").map_or(DeviceChoice::Cpu, |name| name.parse().unwrap());
    let precision = std::env::var("DOCRE_PRECISION").ok().map(|name| match name.as_str() {
        "bf16" => Precision::Bf16,
        _ => Precision::F32,
    });
    device.open(precision).unwrap()
}

type Forward = Box<dyn Fn([&Tensor; 2], &Matrices) -> Tensor>;

fn layer(name: &str, weights: &mut Weights) -> Forward {
    if name == "docre-ii" {
        let layer = inference::InferenceLayer::new(&DocreIiConfig::default(), 0.0, weights, "layer").unwrap();
        return Box::new(move |inputs, matrices| {
            let [features, relations] = layer.forward(inputs, matrices, &mut Mode::Evaluate).unwrap();
            (features + relations).unwrap()
        });
    }
    let layer = reasoning::ReasoningLayer::new(&DocreSdConfig::default(), 0.0, weights, "layer").unwrap();
    Box::new(move |[features, _], matrices| layer.forward(features, matrices, &mut Mode::Evaluate).unwrap())
}
