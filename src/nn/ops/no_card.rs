//! Where docre is built for the CPU alone, no kernel of a CUDA device serves any tensor.
#![expect(clippy::unnecessary_wraps, reason = "as where there are kernels")]

use candle_core::{Result, Tensor};

use super::{Drop, Places, Step};
use crate::Span;

/// There are none.
#[derive(Debug, Clone)]
pub enum Tiles {}

pub fn tiles(_: &[Span], _: &Tensor, _: usize) -> Result<Option<Tiles>> {
    Ok(None)
}

pub fn attend(_: &Tensor, _: &Tensor, tiles: &Tiles, _: usize, _: Option<Drop>) -> Result<Step> {
    match *tiles {}
}

pub fn biased(_: &Tensor, _: &Tensor, _: &'static str) -> Result<Option<Step>> {
    Ok(None)
}

pub fn dropped(_: &Tensor, _: Drop) -> Result<Option<Step>> {
    Ok(None)
}

pub fn gathered(_: &Tensor, _: &Places) -> Result<Option<Step>> {
    Ok(None)
}

pub fn normalized(_: &Tensor, _: &Tensor, _: [&Tensor; 3], _: f64, _: Option<Drop>) -> Result<Option<Step>> {
    Ok(None)
}

pub fn outer(_: &Tensor, _: &Tensor, _: usize) -> Result<Option<Step>> {
    Ok(None)
}

pub fn soft(_: &Tensor) -> Result<Option<Step>> {
    Ok(None)
}
