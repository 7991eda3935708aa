//! Results of kernels that have gradients.

use std::sync::Mutex;

use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::launch::Made;

/// From a result and its gradient, neither of which has gradients, to the gradients of its arguments.
pub type Gradients = Box<dyn Fn(&Tensor, &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync>;

/// A result that was computed from one, two or three arguments, with its gradients.
///
/// # Errors
/// Where there are more arguments.
pub fn recorded(arguments: &[&Tensor], result: Made, gradients: Gradients) -> Result<Tensor> {
    if !arguments.iter().any(|argument| argument.track_op()) {
        return Ok(result.tensor());
    }
    let operation = Recorded { result: Mutex::new(Some(result)), gradients };
    match arguments {
        [one] => one.apply_op1(operation),
        [one, two] => one.apply_op2(two, operation),
        [one, two, three] => one.apply_op3(two, three, operation),
        _ => bail!("recorded result: expected one to three arguments, got {}", arguments.len()),
    }
}

/// The operation: all it does is to give what was computed already.
struct Recorded {
    result: Mutex<Option<Made>>,
    gradients: Gradients,
}

const NAME: &str = "recorded";

impl Recorded {
    fn give(&self) -> Result<(CudaStorage, Shape)> {
        match self.result.lock().ok().and_then(|mut result| result.take()) {
            Some(result) => Ok(result.parts()),
            None => bail!("recorded result: expected to be asked for it once"),
        }
    }

    fn all<const N: usize>(&self, result: &Tensor, grad: &Tensor) -> Result<[Option<Tensor>; N]> {
        let found = (self.gradients)(&result.detach(), &grad.detach().contiguous()?)?;
        found.try_into().map_err(|found: Vec<_>| {
            candle_core::Error::Msg(format!("recorded result: expected {N} gradients, got {}", found.len()))
        })
    }
}

fn on_the_cpu() -> Result<(CpuStorage, Shape)> {
    bail!("recorded result: expected a CUDA device")
}

impl CustomOp1 for Recorded {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        on_the_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.give()
    }

    fn bwd(&self, _: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.all::<1>(result, grad).map(|[one]| one)
    }
}

impl CustomOp2 for Recorded {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        on_the_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.give()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, result: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.all::<2>(result, grad).map(|[one, two]| (one, two))
    }
}

impl CustomOp3 for Recorded {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        on_the_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.give()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.all::<3>(result, grad).map(|[one, two, three]| (one, two, three))
    }
}
