//! Steps that are taken before candle's graph hears of them: what came out, and the way back.
//!
//! Recorded, a step is one node of the graph, whatever it consists of. For each argument of a node, candle's way back
//! clears as many numbers as the argument has, and adds to them, which on a card takes about as long as computing them.

use std::sync::Mutex;

use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Storage, Tensor, Var, bail,
};

/// From what came out and its gradient to the gradients of what went in; no gradient of any is recorded.
pub type Backward = Box<dyn Fn(&Tensor, &Tensor) -> Result<Vec<Tensor>> + Send + Sync>;

/// A step that was taken.
pub struct Step {
    /// What came out.
    pub out: Out,
    /// The way back.
    pub backward: Backward,
}

/// What came out of a step.
pub struct Out(Memory);

enum Memory {
    /// Memory that no tensor holds.
    Own(Storage, Shape),
    /// A tensor's, which the way back may hold too.
    Shared(Tensor),
}

impl Out {
    /// In memory that no tensor holds.
    pub fn new(storage: Storage, shape: Shape) -> Self {
        Self(Memory::Own(storage, shape))
    }

    /// As a tensor without a gradient.
    pub fn tensor(self) -> Tensor {
        match self.0 {
            Memory::Own(storage, shape) => Tensor::from_storage(storage, shape, BackpropOp::none(), false),
            Memory::Shared(tensor) => tensor,
        }
    }

    /// Memory that no tensor holds.
    fn own(self) -> Result<(Storage, Shape)> {
        match self.0 {
            Memory::Own(storage, shape) => Ok((storage, shape)),
            Memory::Shared(tensor) => {
                let tensor = tensor.force_contiguous()?;
                let (storage, layout) = tensor.storage_and_layout();
                Ok((storage.try_clone(layout)?, tensor.shape().clone()))
            }
        }
    }
}

impl Step {
    /// What came out, as the result of one, two or three arguments, to which it passes gradients on.
    ///
    /// # Errors
    /// Where there are more arguments.
    pub fn recorded(self, arguments: &[&Tensor]) -> Result<Tensor> {
        if !arguments.iter().any(|argument| argument.track_op()) {
            return Ok(self.out.tensor());
        }
        let operation = Recorded { out: Mutex::new(Some(self.out)), backward: self.backward };
        match arguments {
            [one] => one.apply_op1(operation),
            [one, two] => one.apply_op2(two, operation),
            [one, two, three] => one.apply_op3(two, three, operation),
            _ => bail!("recorded step: expected one to three arguments, got {}", arguments.len()),
        }
    }
}

/// A step of candle's own operations, whose graph is the way back.
pub(super) fn composed<const N: usize>(
    arguments: [&Tensor; N],
    operation: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<Step> {
    let variables = arguments.iter().map(|argument| Var::from_tensor(&argument.detach()));
    let variables: [Var; N] = all(variables.collect::<Result<Vec<Var>>>()?)?;
    let out = operation(variables.each_ref().map(Var::as_tensor))?;
    let shared = Out(Memory::Shared(out.detach()));
    let backward = move |_: &Tensor, grad: &Tensor| {
        // The gradient of this sum in respect of `out` is `grad`.
        let grads = (&out * grad)?.sum_all()?.backward()?;
        let of_variable = |variable: &Var| match grads.get(variable) {
            Some(grad) => grad.detach().contiguous(),
            None => variable.zeros_like(),
        };
        variables.iter().map(of_variable).collect()
    };
    Ok(Step { out: shared, backward: Box::new(backward) })
}

/// As many as are expected.
fn all<T, const N: usize>(found: Vec<T>) -> Result<[T; N]> {
    found.try_into().map_err(|found: Vec<T>| Error::Msg(format!("step: expected {N} tensors, got {}", found.len())))
}

/// The operation: all it does is to give what was computed already.
struct Recorded {
    out: Mutex<Option<Out>>,
    backward: Backward,
}

const NAME: &str = "recorded";

impl Recorded {
    fn give(&self) -> Result<(Storage, Shape)> {
        match self.out.lock().ok().and_then(|mut out| out.take()) {
            Some(out) => out.own(),
            None => bail!("recorded step: expected to be asked for its result once"),
        }
    }

    fn give_on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        match self.give()? {
            (Storage::Cpu(storage), shape) => Ok((storage, shape)),
            _ => bail!("recorded step: expected its result in main memory, as its arguments"),
        }
    }

    fn give_on_card(&self) -> Result<(CudaStorage, Shape)> {
        match self.give()? {
            (Storage::Cuda(storage), shape) => Ok((storage, shape)),
            _ => bail!("recorded step: expected its result on a CUDA device, as its arguments"),
        }
    }

    fn back<const N: usize>(&self, out: &Tensor, grad: &Tensor) -> Result<[Option<Tensor>; N]> {
        let found: [Tensor; N] = all((self.backward)(&out.detach(), &grad.detach().contiguous()?)?)?;
        Ok(found.map(Some))
    }
}

impl CustomOp1 for Recorded {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.give_on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.give_on_card()
    }

    fn bwd(&self, _: &Tensor, out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.back(out, grad).map(|[one]| one)
    }
}

impl CustomOp2 for Recorded {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.give_on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.give_on_card()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, out: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.back(out, grad).map(|[one, two]| (one, two))
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
        self.give_on_cpu()
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
        self.give_on_card()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.back(out, grad).map(|[one, two, three]| (one, two, three))
    }
}
