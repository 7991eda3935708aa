//! Kernels of our own for CUDA devices, and the only place that speaks to the driver without the tensor library between.
//!
//! The kernels lie in `cuda/`, a file a module; `cuda/emulate` runs them on the CPU, which is how they are tested where
//! there is no card. `launch` starts one over tensors that lie one after another in the device's memory. What each
//! computes, when it is used and what its gradients are is said where it is used: in the crate `nn`. Without the feature
//! `cuda` this crate is empty.

#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod launch;

#[cfg(feature = "cuda")]
pub use device::open;
#[cfg(feature = "cuda")]
pub use launch::{Grid, Kernel, Made, Module, Scalar, address, launch};
