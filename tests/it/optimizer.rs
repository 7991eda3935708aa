//! The optimizer: the reference's six steps, and a saved state.

use candle_core::{DType, Device, Tensor, Var};
use docre::nn::optimizer::{AdamOptions, AdamW, Group};
use std::collections::BTreeMap;

use crate::atlop::{WAYS, Way, examples, loss, model_in};
use crate::golden::{FOLDERS, Golden};

#[expect(clippy::unnecessary_wraps, reason = "as the optimizer asks for it")]
fn group(name: &str) -> Option<Group> {
    Some(Group { rate: if name.starts_with("model.") { 5e-4 } else { 1e-3 }, decay: 0.01 })
}

/// The losses and gradient norms of four steps within this share of the reference's.
pub fn check_training(name: &str, way: &Way, most: f64) {
    let golden = Golden::open(name);
    let (model, weights) = model_in(&golden, way);
    let examples = &examples(&golden)[..3];
    let mut adam = AdamW::new(weights.variables(), group, AdamOptions::default()).unwrap();
    for step in 0..4 {
        let loss = loss(&model, examples);
        let norm = adam.step(&loss.backward().unwrap(), 1.0).unwrap();
        let found = [f64::from(loss.to_scalar::<f32>().unwrap()), norm];
        let expected = ["loss_before_step", "gradient_norm_before_clip"]
            .map(|list| golden.json["training"][list][step].as_f64().unwrap());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < most, "{name}: step {step}: expected {expected}, got {found}");
        }
    }
}

#[test]
fn training_follows_the_reference() {
    FOLDERS.iter().for_each(|name| WAYS.iter().for_each(|way| check_training(name, way, 1e-3)));
}

#[test]
fn a_composed_step_is_that_of_the_fused() {
    let walk = |computing: DType| {
        let values = Tensor::new(&[1f32, -2.0, 3.0], &Device::Cpu).unwrap().to_dtype(computing).unwrap();
        let variables = BTreeMap::from([("x".to_owned(), Var::from_tensor(&values).unwrap())]);
        let mut adam = AdamW::new(&variables, group, AdamOptions::default()).unwrap();
        let norms: Vec<f64> = (0..3)
            .map(|_| adam.step(&variables["x"].sqr().unwrap().sum_all().unwrap().backward().unwrap(), 1.0).unwrap())
            .collect();
        (variables["x"].to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), norms)
    };
    let ((fused, norms), (composed, others)) = (walk(DType::F32), walk(DType::F64));
    assert!(fused.iter().zip(&composed).all(|(one, other)| (one - other).abs() < 1e-6), "{fused:?} {composed:?}");
    assert!(norms.iter().zip(&others).all(|(one, other)| (one - other).abs() < 1e-6), "{norms:?} {others:?}");
}

fn one_variable(values: &[f32]) -> BTreeMap<String, Var> {
    BTreeMap::from([("x".to_owned(), Var::new(values, &Device::Cpu).unwrap())])
}

/// A step down x², and the variable after it.
fn descend(adam: &mut AdamW, variables: &BTreeMap<String, Var>) -> Vec<f32> {
    let loss = variables["x"].sqr().unwrap().sum_all().unwrap();
    adam.step(&loss.backward().unwrap(), 1.0).unwrap();
    variables["x"].to_vec1().unwrap()
}

#[test]
fn a_restored_state_goes_on_bit_for_bit() {
    let variables = one_variable(&[1.0, -2.0, 3.0]);
    let mut adam = AdamW::new(&variables, group, AdamOptions::default()).unwrap();
    descend(&mut adam, &variables);
    let (saved, moments, steps) = (variables["x"].to_vec1::<f32>().unwrap(), adam.moments().unwrap(), adam.steps());
    let expected = [descend(&mut adam, &variables), descend(&mut adam, &variables)];
    let variables = one_variable(&saved);
    let mut adam = AdamW::new(&variables, group, AdamOptions::default()).unwrap();
    adam.restore(&moments, steps).unwrap();
    assert_eq!([descend(&mut adam, &variables), descend(&mut adam, &variables)], expected);
    let error = adam.restore(&BTreeMap::new(), 1).unwrap_err().to_string();
    assert!(error.contains("`x.first`: expected it among the moments"), "{error}");
}

#[test]
fn a_first_step_is_the_rate_and_decay_is_apart() {
    // The first step is rate·sign(gradient), whatever the gradient; decay takes rate·decay·x.
    let variables = one_variable(&[2.0, -0.5]);
    let group = |_: &str| Some(Group { rate: 0.1, decay: 0.01 });
    let mut adam =
        AdamW::new(&variables, group, AdamOptions { clip: None, epsilon: 0.0, ..AdamOptions::default() }).unwrap();
    let found = descend(&mut adam, &variables);
    for (found, expected) in found.iter().zip([2.0 * 0.999 - 0.1, -0.5 * 0.999 + 0.1]) {
        assert!((found - expected).abs() < 1e-6, "expected {expected}, got {found}");
    }
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let variables = one_variable(&[1.0]);
    let mut adam = AdamW::new(&variables, group, AdamOptions::default()).unwrap();
    let infinite = Tensor::new(f32::INFINITY, &Device::Cpu).unwrap();
    let loss = variables["x"].broadcast_mul(&infinite).unwrap().sum_all().unwrap();
    let error = adam.step(&loss.backward().unwrap(), 1.0).unwrap_err().to_string();
    assert!(error.contains("gradient of `x`: expected finite numbers"), "{error}");
    assert_eq!(variables["x"].to_vec1::<f32>().unwrap(), [1.0]);
}
